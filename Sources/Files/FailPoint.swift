/// The steps of the commit protocol, by name. At each of them a test may kill the process, throw, hang, or make the system call
/// fail. `Sources/Ledger/README.md` tells the order of the steps and the purpose of each. A case without a comment is the one system call,
/// or the one transaction of the ledger, that its name says.
public enum FailPoint: String, Sendable, CaseIterable {
  case folderCreate = "folder.create"
  case folderSync = "folder.sync"

  case partOpen = "part.open"
  case partCut = "part.cut"
  case partWrite = "part.write"
  /// Before the ledger hears of a checkpoint.
  case partSync = "part.sync"
  /// Before the ledger hears that an item is done.
  case partFinalSync = "part.final_sync"
  /// The folder of the part is synced, before the ledger first mentions the part.
  case partNameSync = "part.name_sync"
  case partRename = "part.rename"
  case partRemove = "part.remove"
  /// The folder of the target is synced, before the ledger forgets the committable.
  case targetNameSync = "target.name_sync"

  /// A new ledger is made under a temporary name and renamed into place with its tables.
  case ledgerCreate = "ledger.create"
  case ledgerBeginRun = "ledger.begin_run"
  case ledgerCheckpoint = "ledger.checkpoint"
  /// A transaction has stored its dead letters and not yet the rest.
  case ledgerDeadLetters = "ledger.dead_letters"
  case ledgerFinishItem = "ledger.finish_item"
  case ledgerFailItem = "ledger.fail_item"
  case ledgerStartOver = "ledger.start_over"
  case ledgerCommitted = "ledger.committed"
  case ledgerEndRun = "ledger.end_run"
  /// The ledger stores an event of a supervisor. The run goes on where that fails.
  case ledgerNote = "ledger.note"
  case ledgerReplay = "ledger.replay"
  /// SQLite's own syncs of the ledger. `skip` is the only action that has an effect here.
  case ledgerSync = "ledger.sync"

  /// The sink inserts rows into a staging table, in an open transaction.
  case tableInsert = "table.insert"
  /// The sink commits the staged rows to disk, before the ledger hears of a checkpoint or of the item's end.
  case tableStage = "table.stage"
  /// The target table takes the staged rows, in one transaction.
  case tableCommit = "table.commit"
  /// The target database's own syncs. `skip` is the only action that has an effect here.
  case tableSync = "table.sync"

  case spoolOpen = "spool.open"
  case spoolWrite = "spool.write"
  case spoolSync = "spool.sync"
  case spoolNameSync = "spool.name_sync"
  case spoolDescriptionWrite = "spool.description_write"
  case spoolDescriptionSync = "spool.description_sync"
  case spoolDescriptionRename = "spool.description_rename"
  /// A download continues with a Range request.
  case spoolRange = "spool.range"

  /// The side of a step at which a test acts.
  public enum Moment: String, Sendable { case before, after }

  /// Marks a step that ``SystemCall`` does not carry out itself. In builds without failpoints it does nothing.
  ///
  /// - Throws: ``SystemFailure`` or ``InjectedFailure``, where a test asks for it.
  @inline(__always)
  public func pass(_ moment: Moment) throws {
    #if FAILPOINTS
      if case .fail(let code) = try Injection.shared.passage(self, moment) { throw SystemFailure(code: code) }
    #endif
  }

  /// Whether a test asks to leave the step out. False in builds without failpoints.
  public var isSkipped: Bool {
    #if FAILPOINTS
      if case .skip? = try? Injection.shared.passage(self, .before) { return true }
    #endif
    return false
  }
}

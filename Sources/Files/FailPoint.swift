/// The steps of the commit protocol, by name: each is a place where a test may kill the process, throw, stand still, or
/// have the system call fail. What they do in which order is told in `Sources/Ledger/README.md`.
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
  /// The part's name, before the ledger speaks of the part for the first time.
  case partNameSync = "part.name_sync"
  case partRename = "part.rename"
  case partRemove = "part.remove"
  /// The target's name, before the ledger forgets that it had to be put there.
  case targetNameSync = "target.name_sync"

  /// A new ledger, with its tables, gets its name.
  case ledgerCreate = "ledger.create"
  case ledgerBeginRun = "ledger.begin_run"
  case ledgerCheckpoint = "ledger.checkpoint"
  /// Inside a transaction, between its dead letters and the rest.
  case ledgerDeadLetters = "ledger.dead_letters"
  case ledgerFinishItem = "ledger.finish_item"
  case ledgerFailItem = "ledger.fail_item"
  case ledgerStartOver = "ledger.start_over"
  case ledgerCommitted = "ledger.committed"
  case ledgerEndRun = "ledger.end_run"
  /// What happened under supervisors; a run goes on without.
  case ledgerNote = "ledger.note"
  case ledgerReplay = "ledger.replay"
  /// SQLite's own syncs; only `skip` means something here.
  case ledgerSync = "ledger.sync"

  /// Rows go into a staging table, in a transaction that is open.
  case tableInsert = "table.insert"
  /// Staged rows are put on the disk: before the ledger hears of a checkpoint, or that an item is done.
  case tableStage = "table.stage"
  /// The target takes the staged rows: one transaction.
  case tableCommit = "table.commit"
  /// A target database's own syncs; only `skip` means something here.
  case tableSync = "table.sync"

  case spoolOpen = "spool.open"
  case spoolWrite = "spool.write"
  case spoolSync = "spool.sync"
  case spoolNameSync = "spool.name_sync"
  case spoolDescriptionWrite = "spool.description_write"
  case spoolDescriptionSync = "spool.description_sync"
  case spoolDescriptionRename = "spool.description_rename"
  /// A download goes on by Range.
  case spoolRange = "spool.range"

  /// Before a step is done, or after.
  public enum Moment: String, Sendable { case before, after }

  /// A step that is no system call of ours passes here.
  ///
  /// - Throws: ``SystemFailure`` or ``InjectedFailure``, where a test asks for it.
  @inline(__always)
  public func pass(_ moment: Moment) throws {
    #if FAILPOINTS
      if case .fail(let code) = try Injection.shared.passage(self, moment) { throw SystemFailure(code: code) }
    #endif
  }

  /// Whether a test wants the step left out.
  public var isSkipped: Bool {
    #if FAILPOINTS
      if case .skip? = try? Injection.shared.passage(self, .before) { return true }
    #endif
    return false
  }
}

import Configuration
import Files
import Records

/// Writes records as rows into a table of an SQLite database.
///
/// Rows wait in a part on this machine, which a checkpoint syncs. The commit is one transaction of the database: it notes the committable in
/// `sluice_commits`, and takes the rows. So a commit that is done again finds that it was done.
struct SQLiteSink: Sink {
  static let page = ComponentPage(
    .sink, "sqlite", "Writes rows into a table of an SQLite database, exactly once.", abilities: ["resumes", "exactly once"],
    endings: ["db", "sqlite", "sqlite3"],
    keys: TableSettings.keys + [TableSettings.lockTimeout], place: "write",
    example: """
      pipeline: orders
      fetch: {from: orders-*.csv.gz}
      write: {table: orders, database: orders.db, mode: merge, key: [id]}
      """,
    errors: [.cannotWrite, .refusedRecord],
    guarantees: [
      "A reader sees whole items (append, merge) or the whole run (replace), and never a part of one.",
      "Killed at any instant, a run goes on inside its items, and no row is missing or doubled.",
      "Of several rows with one key in an item the last one counts.",
      "A database in WAL mode stays in it: then readers go on reading while rows are written.",
    ],
    limits: [
      "Rows wait on this machine until their item is done, in the folder rows of the state folder. replace keeps the rows of all items there.",
      "SQLite takes one writer at a time: other writers wait while the rows of items that are done are taken.",
      "With append, a source that has changed is a new item: its rows are added to those of before, and with --full all are added again. merge, replace or provenance does away with them.",
      "The table must have the output's fields, unless on_new_column says otherwise. For merge it must have a unique index on the key.",
      "A row that breaks a constraint is a dead letter; of replace it fails the run. More than 10,000 of them, or rows that a trigger ignores, fail their item.",
      "replace takes the place of all rows of the table, those of other writers too: give it a table of the pipeline's own.",
    ])

  static func takes(_ write: Value) -> Bool { write["table"] != nil }

  private let settings: TableSettings
  private let database: String
  private let patience: Duration
  let namedFields: [(name: String, place: Position)]

  init(_ write: Value, _ reader: inout DefinitionReader) {
    settings = TableSettings(write, &reader)
    namedFields = settings.key
    patience = write["lock_timeout"]?.text.flatMap(Scalars.duration) ?? .seconds(30)
    let path = write["database"]?.text ?? ""
    database = path.hasPrefix("sqlite:") ? String(path.dropFirst("sqlite:".count)) : path
    func refuse(_ key: String, _ words: String, _ code: ErrorCode = .invalidSetting) {
      reader.report((write[key] ?? write).position.diagnostic(words, code))
    }
    if write["database"] == nil { refuse("table", "a table needs database, the SQLite file that it is in", .missingKey) }
    if let scheme = database.range(of: "://") {
      refuse(
        "database", "“\(database[..<scheme.lowerBound])” is no database that can be written; there are postgres, and sqlite, a file's path")
    } else if write["database"] != nil, database.isEmpty || database.hasSuffix("/") {
      refuse("database", "write.database is a file, and this is none")
    }
    if settings.table.lowercased().hasPrefix("sqlite_") { refuse("table", "a table's name does not begin with sqlite_") }
  }

  var grouping: OutputGrouping { settings.mode == .replace ? .run : .item }
  var refusesRows: Bool { true }
  /// Always: the database takes one item's rows after another's, and in the items' order.
  var isSerial: Bool { true }
  var encoder: any RecordEncoder { SQLiteRows(key: settings.key.map(\.name)) }
  var sampleEncoder: any RecordEncoder { JSONLinesEncoder() }

  func slot(_ words: OutputWords, _ context: SinkContext) -> OutputSlot {
    settings.slot(words, context, in: database, shown: "\(database): \(settings.table)")
  }

  func replaySlot(_ number: Int, of slot: OutputSlot) -> OutputSlot { settings.replaySlot(number, of: slot) }

  static func committer(in folder: String, known: [any Sink]) -> any Committer { session(folder, nil, .seconds(30)) }

  func examine(_ context: SinkContext, schema: Schema?) -> [Finding] {
    SQLiteExamination(settings.target(database), in: context.folder).findings(schema)
  }

  func start(_ context: SinkContext) -> any SinkSession {
    let target = settings.target(database)
    let path = DefinitionPath.absolute(database, in: context.folder)
    let own = TableSession.Own(
      target: target, owner: "\(context.folder): \(context.pipeline)", staging: context.staging
    ) { [patience] schema in
      let database = SQLiteDatabase.at(path, named: target.database, patience: patience)
      let known = try database.useExisting { try SQLiteTable.read(target.table, $0) } ?? nil
      if let problem = SQLiteTable.problem(known, target, schema) {
        throw WriteError(action: "write to", path: "\(target.database): \(target.table)", reason: problem)
      }
      return SQLiteTable.columns(schema, key: target.key)
    }
    return Self.session(context.folder, own, patience)
  }

  private static func session(_ folder: String, _ own: TableSession.Own?, _ patience: Duration) -> TableSession {
    TableSession(sink: name, folder: folder, own) { database in
      SQLiteDatabase.at(DefinitionPath.absolute(database, in: folder), named: database, patience: patience)
    }
  }
}

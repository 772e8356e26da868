import Configuration
import Files
import Records

/// Writes records as rows into a table of an SQLite database.
///
/// Rows are staged in a table of their own, which a checkpoint puts on the disk. The commit is one transaction: it notes the committable in
/// `sluice_commits`, moves or merges the rows, and drops the staging table. So a commit that is done again finds that it was done.
struct SQLiteSink: Sink {
  /// The fate of the rows that the table has (`write.mode`).
  enum Mode: String, Sendable, CaseIterable, Codable { case append, replace, merge }

  static let page = ComponentPage(
    .sink, "sqlite", "Writes rows into a table of an SQLite database, exactly once.", abilities: ["resumes", "exactly once"],
    endings: ["db", "sqlite", "sqlite3"],
    keys: [
      Key("table", .text, "The table that records go into; it is made of the output's fields where there is none."),
      Key("database", .text, "The database's file, relative to the definition; it is made where there is none. sqlite:PATH says the same."),
      Key(
        "mode", .choice(Mode.allCases.map(\.rawValue)),
        "append (default): each item's rows are added as the item is done. replace: the rows of all items take the place of what the table holds, as the run is done. merge: each item's rows take the place of those with the same key."
      ),
      Key("key", .list(.text), "The fields that tell rows apart, for merge. Their values can't be NULL."),
    ], place: "write",
    example: """
      pipeline: orders
      fetch: {from: orders-*.csv.gz}
      write: {table: orders, database: orders.db, mode: merge, key: [id]}
      """,
    errors: [.cannotWrite],
    guarantees: [
      "A reader sees whole items (append, merge) or the whole run (replace), and never a part of one.",
      "Killed at any instant, a run goes on inside its items, and no row is missing or doubled.",
      "Of several rows with one key in an item the last one counts.",
    ],
    limits: [
      "SQLite takes one writer at a time: items are written one after another, and other writers wait for a checkpoint (5 s or 32 MB).",
      "With append, a source that has changed is a new item: its rows are added to those of before, and with --full all are added again. merge or replace does away with them.",
      "The table must have the output's fields. For merge it must have a unique index on the key.",
      "A row that breaks a constraint of the table, or that a trigger ignores, fails its item.",
      "replace takes the place of all rows of the table, those of other writers too: give it a table of the pipeline's own.",
    ])

  static func takes(_ write: Value) -> Bool { write["table"] != nil }

  private let table: String
  private let database: String
  private let mode: Mode
  let namedFields: [(name: String, place: Position)]
  private var key: [String] { namedFields.map(\.name) }

  init(_ write: Value, _ reader: inout DefinitionReader) {
    table = write["table"]?.text ?? ""
    let path = write["database"]?.text ?? ""
    database = path.hasPrefix("sqlite:") ? String(path.dropFirst("sqlite:".count)) : path
    mode = write["mode"]?.text.flatMap(Mode.init) ?? .append
    namedFields = write["key"]?.elements.compactMap { value in value.text.map { ($0, value.position) } } ?? []
    func refuse(_ key: String, _ words: String, _ code: ErrorCode = .invalidSetting) {
      reader.report((write[key] ?? write).position.diagnostic(words, code))
    }
    if write["database"] == nil { refuse("table", "a table needs database, the SQLite file that it is in", .missingKey) }
    if let scheme = database.range(of: "://") {
      refuse("database", "“\(database[..<scheme.lowerBound])” is no database that can be written; there is sqlite, a file's path")
    } else if write["database"] != nil, database.isEmpty || database.hasSuffix("/") {
      refuse("database", "write.database is a file, and this is none")
    }
    let lower = table.lowercased()
    if table.isEmpty || lower.hasPrefix("sqlite_") || lower.hasPrefix("sluice_") {
      refuse("table", "a table's name is not empty, and begins with neither sqlite_ nor sluice_")
    }
    if mode == .merge, key.isEmpty { refuse("mode", "merge needs key, the fields that tell rows apart", .missingKey) }
    if mode != .merge, !key.isEmpty { refuse("key", "key is for mode merge, and the mode is \(mode.rawValue)") }
  }

  var grouping: OutputGrouping { mode == .replace ? .run : .item }
  var isSerial: Bool { true }
  var encoder: any RecordEncoder { SQLiteRows(key: key) }
  var sampleEncoder: any RecordEncoder { JSONLinesEncoder() }

  func slot(_ words: OutputWords, _ context: SinkContext) -> OutputSlot {
    slot(Self.stagingName([context.folder, context.pipeline, table, words.item?.key ?? "run \(words.run)"]))
  }

  func replaySlot(_ number: Int, of slot: OutputSlot) -> OutputSlot {
    self.slot(Self.stagingName([slot.name, "replay \(number)"]))
  }

  private func slot(_ name: String) -> OutputSlot { OutputSlot(name: name, shown: "\(database): \(table)") }

  /// A table's name that no other output has: a hash of all that tells outputs apart.
  private static func stagingName(_ parts: [String]) -> String {
    "sluice_staging_" + String(StableHash.of(parts.joined(separator: "\0")), radix: 16)
  }

  static func committer(in folder: String, known: [any Sink]) -> any Committer { SQLiteSession(folder: folder, nil, owner: "") }

  private var target: SQLiteTarget { SQLiteTarget(database: database, table: table, mode: mode, key: key) }

  func examine(_ context: SinkContext, schema: Schema?) -> [Finding] {
    SQLiteExamination(target, in: context.folder).findings(schema)
  }

  func start(_ context: SinkContext) -> any SinkSession {
    SQLiteSession(folder: context.folder, target, owner: "\(context.folder): \(context.pipeline)")
  }
}

/// A table, and the way rows get into it: a committable holds it.
struct SQLiteTarget: Codable, Hashable {
  var database: String
  var table: String
  var mode: SQLiteSink.Mode
  var key: [String]
}

/// A committable's token.
struct SQLiteToken: Codable {
  var target: SQLiteTarget
  var staging: String
  /// Tells this commit from all others.
  var commit: String
  var owner: String
  var rows: Int
}

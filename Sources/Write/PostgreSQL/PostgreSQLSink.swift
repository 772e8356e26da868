import Configuration
import Files
import Records

/// Writes records as rows into a table of a PostgreSQL database.
///
/// Rows are spelled as COPY takes them, and wait in a part on this machine, which a checkpoint syncs. The commit is one transaction of the server: it
/// notes the committable in `sluice_commits`, and takes the rows. So a commit that is done again finds that it was done.
struct PostgreSQLSink: Sink {
  static let page = ComponentPage(
    .sink, "postgres", "Writes rows into a table of a PostgreSQL database, exactly once.", abilities: ["resumes", "exactly once"],
    keys: TableSettings.keys + [
      TableSettings.lockTimeout,
      Key("statement_timeout", .duration, "How long one statement may take (default: as the server has it)."),
    ], place: "write",
    example: """
      pipeline: orders
      fetch: {from: orders-*.csv.gz}
      write: {table: sales.orders, database: "postgres://loader@db.example.com/shop", mode: merge, key: [id]}
      """,
    errors: [.cannotWrite, .refusedRecord],
    guarantees: [
      "A reader sees whole items (append, merge) or the whole run (replace), and never a part of one.",
      "Killed at any instant, a run goes on inside its items, and no row is missing or doubled. The same holds where the server is killed.",
      "Of several rows with one key in an item the last one counts.",
      "Passwords are neither shown nor kept: the ledger's entries have the address without them.",
    ],
    limits: [
      "Rows wait on this machine until their item is done, in the folder rows of the state folder: packed by zstd where it is built in, about a third of the size of their CSV, else two and a half times of it. replace keeps the rows of all items there.",
      "An item is one transaction of the server.",
      "replace deletes the table's rows and adds the new ones; grants, views, triggers and foreign keys stay. Each run leaves dead rows for vacuum.",
      "With append, a source that has changed is a new item: its rows are added to those of before. merge, replace or provenance does away with them.",
      "The table must have the output's fields, unless on_new_column says otherwise, and for merge a unique index on the key. The types of its columns are never changed.",
      "A row that breaks a constraint is a dead letter; of replace it fails the run. More than 10,000 of them fail their item.",
      "The user needs CREATE on the schema for the table sluice_commits, or has to be given it: CREATE TABLE sluice_commits (id text PRIMARY KEY, owner text NOT NULL, at timestamptz NOT NULL DEFAULT now()).",
    ], missing: missing)

  static func takes(_ write: Value) -> Bool { PostgreSQLAddress.isAddress(write["database"]?.text ?? "") }

  private let settings: TableSettings
  private let address: PostgreSQLAddress
  let namedFields: [(name: String, place: Position)]

  var grouping: OutputGrouping { settings.mode == .replace ? .run : .item }
  var refusesRows: Bool { true }
  /// Items are merged in their order: of rows with one key the later item's are to count.
  var isSerial: Bool { settings.mode != .append }
  var sampleEncoder: any RecordEncoder { JSONLinesEncoder() }

  func slot(_ words: OutputWords, _ context: SinkContext) -> OutputSlot {
    settings.slot(words, context, in: address.shown, shown: shown)
  }

  func replaySlot(_ number: Int, of slot: OutputSlot) -> OutputSlot { settings.replaySlot(number, of: slot) }

  private var shown: String { "\(address.shown): \(settings.table)" }

  private static func read(_ write: Value, _ reader: inout DefinitionReader) -> (TableSettings, PostgreSQLAddress) {
    let settings = TableSettings(write, &reader)
    let address = PostgreSQLAddress(write["database"]?.text ?? "")
    let place = (write["database"] ?? write).position
    if address.hasSecretParameter {
      reader.report(
        place.diagnostic(
          "a password stands before the host (postgres://USER:${PASSWORD}@HOST/NAME), or in PGPASSWORD or .pgpass", .invalidSetting))
    }
    if write["table"] == nil { reader.report(place.diagnostic("a database needs table, the one that records go into", .missingKey)) }
    if let missing { reader.report(place.diagnostic("nothing is written to PostgreSQL: \(missing)", .invalidSetting)) }
    return (settings, address)
  }

  #if canImport(CPostgreSQL)
    private static let missing: String? = nil
    private let layout: PostgreSQLLayout
    private let timeouts: PostgreSQLDatabase.Timeouts

    init(_ write: Value, _ reader: inout DefinitionReader) {
      (settings, address) = Self.read(write, &reader)
      namedFields = settings.key
      layout = PostgreSQLLayout(settings.onNewColumn, key: settings.key.map(\.name))
      timeouts = PostgreSQLDatabase.Timeouts(
        lock: write["lock_timeout"]?.text.flatMap(Scalars.duration), statement: write["statement_timeout"]?.text.flatMap(Scalars.duration))
    }

    var encoder: any RecordEncoder { PostgreSQLRows(layout: layout) }

    static func committer(in folder: String, known: [any Sink]) -> any Committer {
      let known = known.compactMap { $0 as? PostgreSQLSink }
      return TableSession(sink: name, folder: folder, nil) { database($0, known: known) }
    }

    func examine(_ context: SinkContext, schema: Schema?) -> [Finding] {
      [
        Finding.folder(
          context.staging, shown: DefinitionPath.relative(context.staging, to: context.folder), of: "rows that wait for their commit")
      ]
        + PostgreSQLExamination(address: address, target: settings.target(address.bare)).findings(schema)
    }

    func start(_ context: SinkContext) throws -> any SinkSession {
      let target = settings.target(address.bare)
      let database = PostgreSQLDatabase(address, timeouts)
      layout.set(try database.describe(settings.table))
      let own = TableSession.Own(
        target: target, owner: "\(context.folder): \(context.pipeline)", staging: context.staging
      ) { [layout, shown] schema in
        func no(_ reason: String) -> WriteError { WriteError(action: "write to", path: shown, reason: reason) }
        if let name = target.key.first(where: { schema.position(of: $0) == nil }) {
          throw no("write.key names “\(name)”, and the output has \(Excerpt.list(schema.fields.map(\.name)))")
        }
        guard !schema.fields.isEmpty else { throw no("the output has no fields, and a table needs one") }
        if let problem = layout.known?.problem(target, schema) { throw no(problem) }
        return layout.plans(schema.fields).compactMap { $0?.column }
      }
      return TableSession(sink: Self.name, folder: context.folder, own) { [address] bare in
        // Committables of before may name another server.
        bare == address.bare ? database : Self.database(bare, known: [self])
      }
    }

    /// A database by the address that committables have. Credentials are the definition's, where it has the same server, database and user.
    private static func database(_ bare: String, known: [PostgreSQLSink]) -> PostgreSQLDatabase {
      let wanted = PostgreSQLAddress(bare)
      let sink = known.first { $0.address.shown == wanted.shown }
      return PostgreSQLDatabase(sink?.address ?? wanted, sink?.timeouts ?? PostgreSQLDatabase.Timeouts())
    }
  #else
    private static let missing: String? = "this build is without libpq (Debian's libpq-dev)"

    init(_ write: Value, _ reader: inout DefinitionReader) {
      (settings, address) = Self.read(write, &reader)
      namedFields = settings.key
    }

    var encoder: any RecordEncoder { JSONLinesEncoder() }

    static func committer(in folder: String, known: [any Sink]) -> any Committer { PostgreSQLMissing() }

    func start(_ context: SinkContext) throws -> any SinkSession { throw PostgreSQLMissing.error }
  #endif
}

#if !canImport(CPostgreSQL)
  /// The committer of a build without libpq: commits wait for one with it.
  private struct PostgreSQLMissing: Committer {
    static let error = WriteError(action: "write to", path: "PostgreSQL", reason: "this build is without libpq (Debian's libpq-dev)")
    func inspect(_ committable: Committable) throws -> OutputFinding { throw Self.error }
    func commit(_ committables: [Committable], forgetting forgotten: [Committable]) throws -> [CommitRefusal] {
      if committables.isEmpty { return [] }
      throw Self.error
    }
  }
#endif

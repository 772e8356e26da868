import Configuration
import Files
import Records

/// The fate of the rows that a table has (`write.mode`).
enum TableMode: String, Sendable, CaseIterable, Codable { case append, replace, merge }

/// The fate of a field that the table has no column for (`write.on_new_column`).
enum NewColumnRule: String, Sendable, CaseIterable, Codable { case add, ignore, fail }

/// A table of a database, and the way rows get into it.
struct TableTarget: Codable, Hashable {
  /// The database as the definition names it, without a password.
  var database: String
  /// The table's name, with its schema before it where it has one: `sales.orders`.
  var table: String
  var mode: TableMode
  var key: [String]
  var onNewColumn: NewColumnRule
  /// Whether rows carry their item and run (``itemColumn``, ``runColumn``).
  var hasProvenance: Bool

  /// The column with the key of a row's item, and the one with the number of the run.
  static let itemColumn = "_item"
  static let runColumn = "_run"
}

/// A column of encoded rows, as the commit needs it from any process.
struct TableColumn: Codable, Hashable {
  var name: String
  /// The type that the encoded values have, in the database's words.
  var type: String
  /// Whether the values have to be converted to the column's own type, for which their type has a text.
  var isCast = false
  /// The type of the column that is made where the table has none.
  var made: String
  /// Whether a table that is made gets NOT NULL here.
  var isNotNull = false
}

/// A committable's token: an output's rows, and where they belong.
struct TableToken: Codable {
  var target: TableTarget
  /// Tells this commit from all others.
  var commit: String
  /// The pipeline, by which its commits are told from others'.
  var owner: String
  var columns: [TableColumn]
  /// The path, as the definition's folder sees it, of the file that the rows are in.
  var file: String
  /// Where the rows begin in the file: other than 0 in one that small outputs share.
  var offset: Int
  /// The length and checksum of the rows.
  var position: String
  /// For the columns of provenance.
  var item: String?
  var run: String
  /// Whether the rows take the place of those that the item has in the table.
  var replacesItem: Bool
  /// As ``OutputSlot/holdsRecords``.
  var holdsRecords: Bool
}

/// A table's own settings in `write`, which are the same for every database.
struct TableSettings: Sendable {
  static let keys = [
    Key("table", .text, "The table that records go into: orders, or sales.orders. It is made of the output's fields where there is none."),
    Key(
      "database", .text,
      "The database: postgres://USER@HOST/NAME, or the file of an SQLite database (sqlite:PATH says the same), which is made where there is none."
    ),
    Key(
      "mode", .choice(TableMode.allCases.map(\.rawValue)),
      "append (default): each item's rows are added as the item is done. replace: the rows of all items take the place of what the table holds, as the run is done. merge: each item's rows take the place of those with the same key."
    ),
    Key("key", .list(.text), "The fields that tell rows apart, for merge. Their values can't be NULL."),
    Key(
      "on_new_column", .choice(NewColumnRule.allCases.map(\.rawValue)),
      "A field that the table has no column for: fail (default) says so and writes nothing, add adds the column, ignore leaves the field out."
    ),
    Key(
      "provenance", .boolean,
      "true: each row carries the key of its item (_item) and the number of the run (_run), and the rows of an item that is written again take the place of its earlier ones."
    ),
  ]

  let table: String
  let mode: TableMode
  let key: [(name: String, place: Position)]
  let onNewColumn: NewColumnRule
  let hasProvenance: Bool

  /// Reads the keys, and reports those that contradict each other.
  init(_ write: Value, _ reader: inout DefinitionReader) {
    table = write["table"]?.text ?? ""
    mode = write["mode"]?.text.flatMap(TableMode.init) ?? .append
    key = write["key"]?.elements.compactMap { value in value.text.map { ($0, value.position) } } ?? []
    onNewColumn = write["on_new_column"]?.text.flatMap(NewColumnRule.init) ?? .fail
    hasProvenance = write["provenance"]?.text == "true"
    func refuse(_ key: String, _ words: String, _ code: ErrorCode = .invalidSetting) {
      reader.report((write[key] ?? write).position.diagnostic(words, code))
    }
    let last = table.split(separator: ".", omittingEmptySubsequences: false).last.map { $0.lowercased() } ?? ""
    if last.isEmpty || last.hasPrefix("sluice_") { refuse("table", "a table's name is not empty, and does not begin with sluice_") }
    if mode == .merge, key.isEmpty { refuse("mode", "merge needs key, the fields that tell rows apart", .missingKey) }
    if mode != .merge, !key.isEmpty { refuse("key", "key is for mode merge, and the mode is \(mode.rawValue)") }
    if mode == .replace, hasProvenance {
      refuse("provenance", "replace makes all rows anew in each run; for the item of each row there is derive: {_item: item_key()}")
    }
  }

  static let lockTimeout = Key(
    "lock_timeout", .duration, "How long another's lock is waited for (default: 30s for SQLite, and as the server has it for PostgreSQL).")

  /// The output of an item, or of the run.
  func slot(_ words: OutputWords, _ context: SinkContext, in database: String, shown: String) -> OutputSlot {
    let name = Self.name([context.folder, context.pipeline, database, table, words.item?.key ?? "run \(words.run)"])
    return OutputSlot(name: name, shown: shown, item: words.item?.key, run: words.run)
  }

  /// The output of a replay, which adds to what the item has in the table.
  func replaySlot(_ number: Int, of slot: OutputSlot) -> OutputSlot {
    OutputSlot(name: Self.name([slot.name, "replay \(number)"]), shown: slot.shown, item: slot.item, run: slot.run, isReplay: true)
  }

  /// A name that no other output has: a hash of all that tells outputs apart.
  private static func name(_ parts: [String]) -> String { String(StableHash.of(parts.joined(separator: "\0")), radix: 16) }

  /// The table in a database.
  func target(_ database: String) -> TableTarget {
    TableTarget(
      database: database, table: table, mode: mode, key: key.map(\.name), onNewColumn: onNewColumn, hasProvenance: hasProvenance)
  }
}

// MARK: Tokens of earlier builds

extension TableTarget {
  init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: CodingKeys.self)
    database = try values.decode(String.self, forKey: .database)
    table = try values.decode(String.self, forKey: .table)
    mode = try values.decode(TableMode.self, forKey: .mode)
    key = try values.decode([String].self, forKey: .key)
    onNewColumn = try values.decodeIfPresent(NewColumnRule.self, forKey: .onNewColumn) ?? .fail
    hasProvenance = try values.decodeIfPresent(Bool.self, forKey: .hasProvenance) ?? false
  }
}

extension TableToken {
  /// A position that no file has. Earlier builds kept rows in a table of the database: where they were not committed the item starts over.
  private static let elsewhere = "in a table"

  init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: CodingKeys.self)
    target = try values.decode(TableTarget.self, forKey: .target)
    commit = try values.decode(String.self, forKey: .commit)
    owner = try values.decode(String.self, forKey: .owner)
    columns = try values.decodeIfPresent([TableColumn].self, forKey: .columns) ?? []
    file = try values.decodeIfPresent(String.self, forKey: .file) ?? ""
    offset = try values.decodeIfPresent(Int.self, forKey: .offset) ?? 0
    position = try values.decodeIfPresent(String.self, forKey: .position) ?? Self.elsewhere
    item = try values.decodeIfPresent(String.self, forKey: .item)
    run = try values.decodeIfPresent(String.self, forKey: .run) ?? ""
    replacesItem = try values.decodeIfPresent(Bool.self, forKey: .replacesItem) ?? false
    holdsRecords = try values.decodeIfPresent(Bool.self, forKey: .holdsRecords) ?? true
  }
}

extension CommitRefusal {
  /// Makes the refusal of an output whose table refuses rows. Of the run's one output the rows are not told, since their items are not known; nor
  /// those that are no records of an item.
  init(_ committable: Committable, _ token: TableToken, _ refused: [RowRefusal]) {
    let count = refused.count == 1 ? "a row" : "\(refused.count) rows"
    let isUseless = token.item == nil || !token.holdsRecords || refused.count >= RowHunt.most
    self.init(
      committable, reason: "the table \(token.target.table) does not take \(count): \(refused.first?.reason ?? "")",
      rows: isUseless ? [] : refused)
  }
}

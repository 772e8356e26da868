import Configuration
import Parse
import Records
import Synchronization

/// The step `lookup`: adds fields from a table, by the values of other fields.
struct LookupStep: Step {
  static let page = ComponentPage(
    .step, "lookup", "Adds fields from a file, a record of which has the same keys.", abilities: ["loads"], keys: keys,
    place: "transform[].lookup",
    example: """
      pipeline: with_airlines
      fetch: {from: sample-data/flights-2013-01.csv.gz}
      transform:
        - lookup:
            file: sample-data/airlines.csv
            on: {carrier: carrier}
            take: {airline: name}
            on_missing: dead_letter
      write: {path: out/with_airlines.jsonl}
      """,
    errors: [.unusableFile, .wrongExpression, .noMatch],
    guarantees: [
      "The file is loaded once, before the first record, and all records see the same content.",
      "The file's SHA-256 is part of the definition's fingerprint: a run goes on only with the content that it began with.",
      "Keys are compared by value, as a LEFT JOIN in SQL compares them: NULL is like nothing.",
      "A record comes out once: a key that the file has twice is an error that names both lines, if on_duplicate says nothing else.",
    ],
    limits: [
      "With its index the table may take `memory` (default 256MB); the file itself may have 2 GB.",
      "The file is not compressed, and lies on a disk of the machine.",
      "Types are inferred from the first 10,000 records where `fields` does not give them; keys have the types of the record's fields.",
    ])

  static let shape = Shape.object(keys)
  private static let keys = [Key].union([ownKeys, parseKeys])

  private static let ownKeys: [Key] = [
    Key(
      "file", .text,
      "The file, relative to the definition. The keys of parse that are here too say how it is read; without them its name says the format.",
      required: true),
    Key(
      "on", .either([.list(.text), .map(.text)], "a map of field: column, or a list of names that are both"),
      "The fields whose values are looked up, and the file's columns that have them.", required: true),
    Key(
      "take", .either([.list(.text), .map(.text)], "a list of columns, or a map of new field: column"),
      "The file's columns that become fields (default none: what matters then is whether there is a row)."),
    Key(
      "on_missing", .choice(OnMissing.allCases.map(\.rawValue)),
      "What becomes of a record whose keys the file has not: keep it with NULL (default), dead_letter, or skip it, as a filter does."),
    Key(
      "on_duplicate", .choice(OnDuplicate.allCases.map(\.rawValue)),
      "What becomes of keys that the file has more than once: fail (default), or the first or last of them counts."),
    Key("memory", .byteCount, "What the table may take with its index (default 256MB)."),
  ]
  /// Keys of `parse` that say how the file is read.
  private static let parseKeys = ParseSection.keys.filter {
    !["on_bad_record", "on_schema_change", "on_empty", "exec", "limits"].contains($0.name)
  }

  enum OnMissing: String, CaseIterable {
    case keep
    case deadLetter = "dead_letter"
    case skip
  }
  enum OnDuplicate: String, CaseIterable { case fail, first, last }

  private let file: PlacedText
  /// Fields of the record, and columns of the file.
  private let keyPairs: [PlacedPair]
  /// New fields, and columns of the file.
  private let taken: [PlacedPair]
  private let settings: ParseSection
  private let types: Schema
  private let typePlaces: [PlacedText]
  private let onMissing: OnMissing
  private let onDuplicate: OnDuplicate
  private let memory: Int
  let place: Position?
  /// Nil before it is loaded, and where it can't be.
  private var table: Table?

  /// The loaded file, and the columns that become fields.
  private final class Table: Sendable {
    let file: LoadedTable
    let fields: [Field]
    let values: [Vector]
    let count: Int
    /// Without an index.
    let bytes: Int
    /// By the types of its keys.
    private let indexes = Mutex<[[Field]: Result<KeyIndex, LoadedTable.Trouble>]>([:])

    init(_ file: LoadedTable, _ fields: [Field]) throws(LoadedTable.Trouble) {
      self.file = file
      self.fields = fields
      (values, count) = try file.values(fields)
      bytes = file.bytes + values.reduce(0) { $0 + $1.bytes }
    }

    func index(_ keys: [Field], _ onDuplicate: OnDuplicate) throws(LoadedTable.Trouble) -> KeyIndex {
      try indexes.withLock { indexes in
        if let known = indexes[keys] { return known }
        let made = Result { () throws(LoadedTable.Trouble) in try Self.index(file, keys, onDuplicate) }
        indexes[keys] = made
        return made
      }.get()
    }

    private static func index(_ file: LoadedTable, _ keys: [Field], _ onDuplicate: OnDuplicate) throws(LoadedTable.Trouble) -> KeyIndex {
      let index = KeyIndex(try file.values(keys).columns, keepsLast: onDuplicate == .last)
      if onDuplicate == .fail, let (first, second) = index.duplicate {
        let lines = file.lines(of: [first, second])
        let key = keys.enumerated().map { "\($1.name) = \(index.shown(first, key: $0, $1.type))" }.joined(separator: ", ")
        throw LoadedTable.Trouble(
          message: "\(file.name):\(lines[1]): \(key) stands in line \(lines[0]) already; if that is right, say on_duplicate: first or last")
      }
      return index
    }
  }

  init(_ entry: Entry, _ reader: inout DefinitionReader) {
    let value = entry.value
    place = entry.at
    file = value["file"].flatMap { file in file.text.map { PlacedText($0, at: file.position) } } ?? PlacedText("", at: entry.at)
    keyPairs = Self.pairs(value["on"])
    taken = Self.pairs(value["take"])
    settings = ParseSection(value, &reader)
    types = value["fields"].map { Schema($0) } ?? Schema([])
    typePlaces = value["fields"]?.entries.map { PlacedText($0.key, at: $0.at) } ?? []
    onMissing = value["on_missing"]?.text.flatMap(OnMissing.init) ?? .keep
    onDuplicate = value["on_duplicate"]?.text.flatMap(OnDuplicate.init) ?? .fail
    memory = value["memory"]?.text.flatMap(Configuration.Scalars.byteCount) ?? 256_000_000
    if value.isWhole, keyPairs.isEmpty { reader.report((value["on"] ?? value).position.diagnostic("on names no field to look up by")) }
    if settings.program != nil {
      reader.report((value["format"] ?? value).position.diagnostic("a program's lines are no table; make a file of what it answers"))
    }
  }

  private static func pairs(_ value: Value?) -> [PlacedPair] {
    guard let value else { return [] }
    if case .map = value { return value.placedPairs }
    return value.placedTexts.map { PlacedPair(name: $0, value: $0) }
  }

  // MARK: Loading

  mutating func prepare(_ preparation: inout StepPreparation) {
    guard let content = preparation.content(of: file, most: memory) else { return }
    do throws(LoadedTable.Trouble) {
      let loaded = try LoadedTable(content, name: file.text, settings)
      let unknown = (keyPairs.map(\.value) + taken.map(\.value) + typePlaces).filter { !has($0.text, loaded) }
      for column in unknown {
        let near = Spelling.nearest(to: column.text, among: loaded.columns)
        let hint = near.map { "did you mean “\($0)”?" } ?? "it has \(Excerpt.list(loaded.columns))"
        preparation.report(column.place.diagnostic("\(file.text) has no column “\(column.text)”; \(hint)", .unusableFile))
      }
      guard unknown.isEmpty else { return }
      let table = try Table(loaded, taken.map { type(of: $0.value.text, in: loaded, or: loaded.type(of: $0.value.text)) })
      try bound(table.bytes)
      self.table = table
      preparation.tell(
        LoadedSize(
          name: file.text, records: table.count, bytes: table.bytes + KeyIndex.bytes(rows: table.count, keys: keyPairs.count),
          mostBytes: memory))
    } catch {
      preparation.report(file.place.diagnostic(error.message, .unusableFile))
    }
  }

  private func has(_ column: String, _ file: LoadedTable) -> Bool {
    // Without a header only the first records have shown what they have.
    file.columns.contains(column) || (!file.hasHeader && types.position(of: column) != nil)
  }

  private func type(of column: String, in file: LoadedTable, or usual: ValueType) -> Field {
    types.position(of: column).map { types.fields[$0] } ?? Field(name: column, type: usual)
  }

  private func bound(_ bytes: Int) throws(LoadedTable.Trouble) {
    guard bytes > memory else { return }
    throw LoadedTable.Trouble(
      message: "\(file.text) takes \(bytes) bytes as a table, and may take \(memory); raise the step's memory if that is right")
  }

  // MARK: Checking

  func check(_ fields: inout StepFields) -> [any StepWork] {
    var keys: [(expression: Expression, field: String, column: Field)] = []
    for pair in keyPairs {
      guard let at = fields.position(of: pair.name, whole: true), let expression = fields.values(of: pair.name) else { continue }
      // Without a type it can be checked, and not be worked with.
      guard !expression.isUnknown else { continue }
      let type = fields.schema.fields[at].type
      let column = types.position(of: pair.value.text).map { types.fields[$0] } ?? Field(name: pair.value.text, type: type)
      if type != column.type || type == .json {
        let remedy = type == .json ? "CAST it to text" : "CAST one of them to the other's type"
        fields.report(
          "\(pair.name.text) is a \(type.rawValue), and \(pair.value.text) of \(file.text) a \(column.type.rawValue); \(remedy)",
          at: pair.name, whole: true)
        continue
      }
      keys.append((expression, fields.schema.fields[at].name, column))
    }
    var added: [(field: Field, position: Int)] = []
    for (i, pair) in taken.enumerated() {
      guard fields.schema.position(of: pair.name.text) == nil else {
        fields.report(
          "there is a field “\(pair.name.text)” already; take it under another name: {new_name: \(pair.value.text)}", at: pair.name)
        continue
      }
      let known = table?.fields[i] ?? types.position(of: pair.value.text).map { types.fields[$0] }
      let isSure = onMissing != .keep && known?.nullable == false
      let field = Field(name: pair.name.text, type: known?.type ?? .text, nullable: !isSure)
      added.append((field, fields.put(field, isUnknown: known == nil)))
    }
    guard let table, keys.count == keyPairs.count, added.count == taken.count else { return [] }
    do throws(LoadedTable.Trouble) {
      let index = try table.index(keys.map(\.column), onDuplicate)
      try bound(table.bytes + index.bytes)
      return [
        Looking(
          keys: keys.map(\.expression), names: keys.map(\.field), columns: keys.map(\.column), index: index, added: added,
          values: table.values, onMissing: onMissing, file: file.text)
      ]
    } catch {
      fields.report(file.place.diagnostic(error.message, .unusableFile))
      return []
    }
  }

  // MARK: Working

  private struct Looking: StepWork {
    let keys: [Expression]
    let names: [String]
    let columns: [Field]
    let index: KeyIndex
    let added: [(field: Field, position: Int)]
    let values: [Vector]
    let onMissing: OnMissing
    let file: String

    func run(_ batch: inout RecordBatch, _ conditions: StepConditions) throws(EvaluationStopped) {
      var found: [(values: Vector, rows: [UInt32])] = []
      for (key, name) in zip(keys, names) { found.append(try batch.evaluate(key, field: name, conditions)) }
      // A key that has no value has taken its row out after the keys before it were read.
      var rows = found[found.count - 1].rows
      let sought = found.map { $0.rows.count == rows.count ? $0.values : $0.values.gather(Self.positions(of: rows, in: $0.rows)) }
      var matches = index.find(sought, count: rows.count)
      if onMissing != .keep, matches.contains(KeyIndex.none) {
        if onMissing == .deadLetter { refuse(&batch, rows, sought, matches) }
        batch.keep(rows, matches.map { $0 == KeyIndex.none ? 0 : 1 }, filtered: onMissing == .skip) { $0 == 1 }
        rows = batch.selected
        matches.removeAll { $0 == KeyIndex.none }
      }
      for (i, (field, position)) in added.enumerated() { batch.put(field, at: position, values[i].take(matches), rows) }
    }

    /// Finds the position of each of `rows` in `all`; both are ascending.
    private static func positions(of rows: [UInt32], in all: [UInt32]) -> [UInt32] {
      var at = 0
      return rows.map { row in
        while all[at] != row { at += 1 }
        return UInt32(at)
      }
    }

    private func refuse(_ batch: inout RecordBatch, _ rows: [UInt32], _ sought: [Vector], _ matches: [UInt32]) {
      let lost = rows.indices.filter { matches[$0] == KeyIndex.none }.map { (row: rows[$0], code: RecordFault.Code.noMatch) }
      // Reasons are spelled when the faults are read.
      let all = sought.map { $0.scatter(rows, count: batch.rowCount) }
      let spelling = RecordFaults.Spelling { [columns] row in
        columns.indices.map { "\(columns[$0].name) = \(KeyIndex.shown(all[$0], row, columns[$0].type))" }.joined(separator: ", ")
      } reason: { [file] _, value in
        "\(file) has no row with \(value)"
      }
      let record = batch.recordOfRow
      batch.faults.append(lost, field: names[0], record: { row in record.map { Int($0[row]) } ?? row }, spelling: spelling)
    }
  }
}

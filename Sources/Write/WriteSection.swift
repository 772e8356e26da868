import Configuration

/// The formats that `write.format` names.
public enum WriteFormat: String, Sendable, CaseIterable, Codable { case jsonl, csv }

/// What a definition says of writing.
public struct WriteSection: Sendable {
  /// How often an item's progress is made durable (`write.checkpoint`): whichever comes first.
  public struct CheckpointRule: Sendable {
    public var every = Duration.seconds(5)
    public var records = Int.max
    public var bytes = 32_000_000
  }

  public private(set) var format = WriteFormat.jsonl
  public private(set) var path = ""
  /// Where the path stands in the definition.
  package private(set) var pathPosition = Position(line: 1, column: 1, length: 1)
  public private(set) var checkpoint = CheckpointRule()

  /// A section that says nothing.
  package init() {}

  /// Whether records go to standard output, and to no file.
  public var writesToStandardOutput: Bool { path == "-" }

  /// Whether the records of all items go into one file.
  public var writesOneFile: Bool { !writesPerItem && !writesToStandardOutput }

  /// Whether each item has a file of its own.
  public var writesPerItem: Bool { path.contains("{item.") }

  public var encoder: any RecordEncoder {
    switch format {
    case .jsonl: JSONLinesEncoder()
    case .csv: CSVEncoder()
    }
  }

  public var compressesOutput: Bool { path.hasSuffix(".gz") }

  package static let keys: [Key] =
    [
      Key("format", .choice(WriteFormat.allCases.map(\.rawValue)), "jsonl or csv (default: by the path's name)."),
      Key(
        "path", .text,
        "The file, relative to the definition: {item.stem}, {item.name}, {run.id}, {run.date}. A name in .gz is compressed. - is standard output.",
        required: true),
      Key(
        "checkpoint",
        .object([
          Key("every", .duration, "Time between checkpoints (default 5s)."),
          Key("records", .integer(atLeast: 1), "Records between checkpoints."),
          Key("bytes", .byteCount, "Bytes of output between checkpoints (default 32MB)."),
        ]), "How much work a crash can cost."),
    ]

  /// Why a file of this name would not hold what the name says; nil for others.
  private static func misnamed(_ path: String, hasFormat: Bool) -> String? {
    let name = path.lowercased()
    if let ending = [".zst", ".bz2", ".xz", ".lz4", ".br", ".zip", ".z", ".7z"].first(where: name.hasSuffix) {
      return "nothing is written as \(ending); a name in .gz is compressed"
    }
    let bare = name.hasSuffix(".gz") ? String(name.dropLast(3)) : name
    if !hasFormat,
      let ending = [".tsv", ".xlsx", ".xls", ".parquet", ".avro", ".orc", ".db", ".sqlite", ".xml"].first(where: bare.hasSuffix)
    {
      return "nothing is written as \(ending): .jsonl and .csv are; or say with write.format what the file is to hold"
    }
    return nil
  }

  package init(_ value: Value, _ reader: inout DefinitionReader) {
    self.path = value["path"]?.text ?? ""
    if let rule = value["checkpoint"] {
      if let every = rule["every"]?.text.flatMap(Scalars.duration) { checkpoint.every = every }
      if let records = rule["records"]?.text.flatMap({ Int($0) }) { checkpoint.records = records }
      if let bytes = rule["bytes"]?.text.flatMap(Scalars.byteCount) { checkpoint.bytes = bytes }
    }
    let bare = self.path.hasSuffix(".gz") ? String(self.path.dropLast(3)) : self.path
    if let format = value["format"]?.text.flatMap(WriteFormat.init) {
      self.format = format
    } else {
      self.format = bare.hasSuffix(".csv") ? .csv : .jsonl
    }
    guard let path = value["path"], path.isRead else { return }
    pathPosition = path.position
    if self.path.isEmpty || self.path.hasSuffix("/") { reader.report(path.position.diagnostic("write.path is a file, and this is none")) }
    if let reason = Self.misnamed(self.path, hasFormat: value["format"] != nil) { reader.report(path.position.diagnostic(reason)) }
    var rest = self.path[...]
    while let open = rest.firstIndex(of: "{") {
      guard let close = rest[open...].firstIndex(of: "}") else { break }
      let word = String(rest[rest.index(after: open)..<close])
      let known = ["item.stem", "item.name", "run.id", "run.date"]
      if !known.contains(word) {
        let near =
          Spelling.nearest(to: word, among: known).map { "; did you mean {\($0)}?" } ?? "; there are {\(known.joined(separator: "}, {"))}"
        reader.report(path.position.diagnostic("“{\(word)}” stands for nothing\(near)"))
      }
      rest = rest[rest.index(after: close)...]
    }
  }
}

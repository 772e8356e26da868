import Configuration

/// What a definition says of writing.
package struct WriteSection: Sendable {
  /// How often an item's progress is made durable (`write.checkpoint`): whichever comes first.
  package struct CheckpointRule: Sendable {
    package var every = Duration.seconds(5)
    package var records = Int.max
    package var bytes = 32_000_000
  }

  /// Where records go. A section that says nothing has a file without a name; no definition that is accepted has such a one.
  package private(set) var sink: any Sink = FileSink()
  /// Where the definition says where they go.
  package private(set) var position = Position(line: 1, column: 1, length: 1)
  package private(set) var checkpoint = CheckpointRule()

  /// A section that says nothing.
  package init() {}

  package static let keys: [Key] =
    [Key].union(Sinks.all.map { $0.page.keys }) + [
      Key(
        "checkpoint",
        .object([
          Key("every", .duration, "Time between checkpoints (default 5s)."),
          Key("records", .integer(atLeast: 1), "Records between checkpoints."),
          Key("bytes", .byteCount, "Bytes of output between checkpoints (default 32MB)."),
        ]), "How much work a crash can cost.")
    ]

  package init(_ value: Value, _ reader: inout DefinitionReader) {
    if let rule = value["checkpoint"] {
      if let every = rule["every"]?.text.flatMap(Scalars.duration) { checkpoint.every = every }
      if let records = rule["records"]?.text.flatMap({ Int($0) }) { checkpoint.records = records }
      if let bytes = rule["bytes"]?.text.flatMap(Scalars.byteCount) { checkpoint.bytes = bytes }
    }
    guard let type = Sinks.all.first(where: { $0.takes(value) }) else {
      if value.isWhole { reader.report(value.position.diagnostic(Self.missing, .missingKey)) }
      return
    }
    position = (type.page.keys.first.flatMap { value[$0.name] } ?? value).position
    guard value.entries.allSatisfy({ !type.page.keys.map { $0.name }.contains($0.key) || $0.value.isRead }) else { return }
    reader.refuseKeys(of: value, notOf: type.name, Sinks.all.map { $0.page }, setting: "sink")
    sink = type.init(value, &reader)
  }

  private static let missing = "write does not say where records go: give it path, a file, or table and database"
}

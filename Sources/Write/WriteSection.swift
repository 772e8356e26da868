import Configuration

/// The section `write` of a definition: the sink and its checkpoints.
package struct WriteSection: Sendable {
  /// How often an item's progress is made durable (`write.checkpoint`): whichever bound comes first.
  package struct CheckpointRule: Sendable {
    /// The longest time between checkpoints.
    package var every = Duration.seconds(5)
    /// The most records between checkpoints; `Int.max` for no bound.
    package var records = Int.max
    /// The most bytes of output between checkpoints.
    package var bytes = 32_000_000
  }

  /// The sink that records go to. The file sink without a path stands here until a definition is read.
  package private(set) var sink: any Sink = FileSink()
  /// The place in the definition that names the output, for errors that are found later.
  package private(set) var position = Position(line: 1, column: 1, length: 1)
  /// How often progress is made durable.
  package private(set) var checkpoint = CheckpointRule()

  /// Makes the section of a definition that is not read yet.
  package init() {}

  /// The keys of `write`: those of all sinks and formats, and `checkpoint`; without those that all stages share.
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

  /// Makes the section from its read value. Reports where no sink takes it, and keys that are for another sink.
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

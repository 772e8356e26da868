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

  /// The sinks, in the order of the definition. The file sink without a path stands here until a definition is read.
  package private(set) var sinks = [SinkEntry()]
  /// How often progress is made durable.
  package private(set) var checkpoint = CheckpointRule()

  /// Makes the section of a definition that is not read yet.
  package init() {}

  /// The keys of all sinks and formats.
  package static let sinkKeys: [Key] = [Key].union(Sinks.all.map { $0.page.keys })

  private static let entryKeys =
    sinkKeys + [Key("when", .expression, "The records that the sink takes: those for which it is true (default all).")]

  /// The shape of `write`: one sink, a list of sinks, or a map with the list and the keys that all stages share.
  ///
  /// - Parameter stage: the keys that every stage has.
  package static func shape(stage: [Key]) -> Shape {
    let entries = Shape.list(.object(entryKeys))
    let checkpoint = Key(
      "checkpoint",
      .object([
        Key("every", .duration, "Time between checkpoints (default 5s)."),
        Key("records", .integer(atLeast: 1), "Records between checkpoints."),
        Key("bytes", .byteCount, "Bytes of output between checkpoints (default 32MB)."),
      ]), "How much work a crash can cost.")
    let several = Key("sinks", entries, "The sinks, where there are several: each has its own path or table, format and when.")
    return .either([.object(entryKeys + [several, checkpoint] + stage), entries], "a sink, or a list of sinks")
  }

  /// Makes the section from its read value. Reports an entry that no sink takes, and keys that are for another sink.
  package init(_ value: Value, _ reader: inout DefinitionReader) {
    if let rule = value["checkpoint"] {
      if let every = rule["every"]?.text.flatMap(Scalars.duration) { checkpoint.every = every }
      if let records = rule["records"]?.text.flatMap({ Int($0) }) { checkpoint.records = records }
      if let bytes = rule["bytes"]?.text.flatMap(Scalars.byteCount) { checkpoint.bytes = bytes }
    }
    let list = value["sinks"]
    if list != nil {
      for entry in value.entries where Self.entryKeys.contains(where: { $0.name == entry.key }) {
        reader.report(entry.at.diagnostic("\(entry.key) is a key of a sink: with sinks it stands in an entry of the list"))
      }
    }
    let entries = (list ?? value).elements
    if entries.isEmpty { reader.report((list ?? value).position.diagnostic("the list is empty; name at least one sink", .missingKey)) }
    let read = entries.filter(\.isRead).enumerated().compactMap { SinkEntry($1, number: $0, section: "write", &reader) }
    if !read.isEmpty { sinks = read }
  }

  /// Adds the sink of dead letters, from the read value of `dead_letters`.
  package mutating func addDeadLetters(_ value: Value, _ reader: inout DefinitionReader) {
    if let entry = SinkEntry(value, number: sinks.count, deadLetters: true, section: "dead_letters", &reader) { sinks.append(entry) }
  }
}

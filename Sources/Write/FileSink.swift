import Configuration
import Decompress
import Files
import Foundation
import Records

/// Writes records into files: one for each item, or one for the run.
///
/// The part is `.NAME.sluice-part` in the target's folder; a rename commits it. Slots and targets are absolute paths.
package struct FileSink: Sink {
  /// The page of the sink `file`, with the formats' keys.
  package static let page = ComponentPage(
    .sink, "file", "Writes files, each whole at once: one for each item, or one for the run.", abilities: ["resumes", "exactly once"],
    endings: ["jsonl", "csv"],
    keys: [
      Key(
        "path", .text,
        "The file, relative to the definition: {item.stem}, {item.name}, {run.id}, {run.date}. A name in \(Codecs.writtenEndings) is compressed. - is standard output."
      )
    ] + FileFormat.keys, place: "write",
    example: """
      pipeline: orders
      fetch: {from: orders-*.csv.gz}
      write: {path: "out/{item.stem}.jsonl"}
      """,
    errors: [.cannotWrite, .sameOutput],
    guarantees: [
      "A reader sees a file that is whole, or the one before it.",
      "Killed at any instant, a run goes on inside its files, and they come out byte for byte as of a run that nobody disturbed.",
      "A source, the definition and another pipeline's output are never replaced.",
    ],
    limits: [
      "A file's folder must be on a file system with rename(2) and fsync(2).",
      "One output of a run is made again from all items when any is new or changed.",
    ])

  /// Whether `write` has a `path` that is not `-`.
  package static func takes(_ write: Value) -> Bool { write["path"].map { $0.text != "-" } ?? false }

  /// The path as the definition has it, with its words in braces.
  private let path: String
  private let format: FileFormat
  /// An output for each item where the path has `{item.…}`, else one for the run.
  package let grouping: OutputGrouping

  /// A sink without a file.
  init() {
    path = ""
    grouping = .run
    format = FileFormat()
  }

  /// Reads path and format, and reports a path that is no file or has an unknown word in braces.
  package init(_ write: Value, _ reader: inout DefinitionReader) {
    path = write["path"]?.text ?? ""
    grouping = path.contains("{item.") ? .item : .run
    format = FileFormat(write, path: path, &reader)
    if let place = write["path"]?.position { Self.check(path, place, &reader) }
  }

  private static let words = ["item.stem", "item.name", "run.id", "run.date"]

  private static func check(_ path: String, _ place: Position, _ reader: inout DefinitionReader) {
    if path.isEmpty || path.hasSuffix("/") { reader.report(place.diagnostic("write.path is a file, and this is none")) }
    if let end = path.range(of: "://") {
      reader.report(
        place.diagnostic("write.path is a file of this machine, and nothing writes to \(path[..<end.upperBound]) yet", .invalidSetting))
    }
    if path.hasPrefix("~/") {
      reader.report(place.diagnostic("nothing stands for ~ here; write ${HOME}\(path.dropFirst())", .invalidSetting))
    }
    var rest = path[...]
    while let open = rest.firstIndex(of: "{") {
      guard let close = rest[open...].firstIndex(of: "}") else { return }
      let word = String(rest[rest.index(after: open)..<close])
      if !words.contains(word) {
        let near =
          Spelling.nearest(to: word, among: words).map { "; did you mean {\($0)}?" } ?? "; there are {\(words.joined(separator: "}, {"))}"
        reader.report(place.diagnostic("“{\(word)}” stands for nothing\(near)"))
      }
      rest = rest[rest.index(after: close)...]
    }
  }

  /// The encoder of the chosen format.
  package var encoder: any RecordEncoder { format.encoder }
  /// The encoder of the compression that the path's ending names; nil for none.
  package var compression: (any UnitEncoder)? { format.compression }

  /// The output's absolute path. Where a symbolic link stands there, it is the path that the link leads to, so that the link stays.
  package func slot(_ words: OutputWords, _ context: SinkContext) -> OutputSlot {
    let path = filled(words)
    let absolute = DefinitionPath.absolute(path, in: context.folder)
    let target = (try? OutputPlace.of(absolute)) ?? absolute
    return OutputSlot(name: target, shown: target, file: target)
  }

  private func filled(_ words: OutputWords) -> String {
    let day = words.date.ISO8601Format(.iso8601.year().month().day())
    let values = [
      ("{item.stem}", words.item?.stem), ("{item.name}", words.item?.name), ("{run.id}", words.run), ("{run.date}", day),
    ]
    var filled = ""
    var rest = Substring(path)
    // Once from left to right: an item's own name may hold such a word, which stands for itself.
    while let character = rest.first {
      if character == "{", let (word, value) = values.first(where: { $0.1 != nil && rest.hasPrefix($0.0) }), let value {
        filled += value
        rest = rest.dropFirst(word.count)
      } else {
        filled.append(character)
        rest = rest.dropFirst()
      }
    }
    return filled
  }

  /// A file beside the output that the records belong to: `NAME.replay-N.ENDING`.
  package func replaySlot(_ number: Int, of slot: OutputSlot) -> OutputSlot {
    let (bare, compression, _) = Codecs.split(slot.name)
    let suffix = (bare as NSString).pathExtension
    let target = "\((bare as NSString).deletingPathExtension).replay-\(number)" + (suffix.isEmpty ? "" : "." + suffix) + compression
    return OutputSlot(name: target, shown: target, file: target)
  }

  /// Makes a committer that renames parts; committables hold their paths.
  package static func committer(in folder: String, known: [any Sink]) -> any Committer { FileOutputs(folder: folder) }

  /// Looks at the folder of the output, and whether a rename could put a file in the output's place.
  package func examine(_ context: SinkContext, schema: Schema?) -> [Finding] {
    let item = grouping == .item ? ("item", "item", "item") : nil
    let target = slot(OutputWords(item: item, run: "1", date: Date()), context).name
    let folder = SystemCall.folder(of: target)
    let place = Finding.folder(folder, shown: DefinitionPath.relative(folder, to: context.folder), of: path)
    guard item == nil, Mount.isPoint(target) else { return [place] }
    let problem = "it is mounted by itself, and no other file can take its place"
    return [place, Finding(path, problem: problem, remedy: "mount its folder instead")]
  }

  /// Begins to write; no file is opened yet.
  package func start(_ context: SinkContext) -> any SinkSession { FileOutputs(folder: context.folder) }

  /// The path of a part before it is committed: in the target's own folder, so that a rename suffices.
  package static func part(of target: String) -> String {
    let url = target as NSString
    return url.deletingLastPathComponent + "/." + url.lastPathComponent + ".sluice-part"
  }

  /// Whether a path is named as parts are, so that a source does not take it for an item.
  package static func isPart(_ path: String) -> Bool {
    path.hasSuffix(".sluice-part") && (path as NSString).lastPathComponent.hasPrefix(".")
  }
}

/// Parts in a file system, and their renames.
private struct FileOutputs: SinkSession {
  /// The definition's.
  let folder: String

  private func absolute(_ path: String) -> String { DefinitionPath.absolute(path, in: folder) }

  func open(_ slot: OutputSlot, _ schema: Schema, at position: SinkPosition) throws -> any SinkWriter {
    guard let prefix = FilePrefix(position) else { throw WriteError(action: "go on with", path: slot.name, code: EINVAL) }
    return try PartFile(target: slot.name, path: FileSink.part(of: slot.name), folder: folder, keeping: prefix)
  }

  func prepare(_ writers: [any SinkWriter]) throws { try PartFile.sync(writers.compactMap { $0 as? PartFile }) }

  func inspect(_ slot: OutputSlot, at position: SinkPosition) -> OutputFinding {
    guard let prefix = FilePrefix(position) else { return .altered }
    let part = prefix.find(at: FileSink.part(of: slot.name))
    if part == .whole || prefix.length == 0 { return .whole }
    return part == .missing && prefix.find(at: slot.name) == .whole ? .committed : part
  }

  func abandon(_ slot: OutputSlot) { unlink(FileSink.part(of: slot.name)) }

  func inspect(_ committable: Committable) throws -> OutputFinding {
    guard let prefix = FilePrefix(SinkPosition(committable.token)) else { return .altered }
    let finding = prefix.find(at: absolute(committable.name))
    guard finding == .missing else { return finding }
    // Only a rename takes a part away. Whether its name is on the disk is not known.
    try PartFile.syncPlace(of: absolute(committable.target))
    return .committed
  }

  func commit(_ committables: [Committable], forgetting forgotten: [Committable]) throws -> [CommitRefusal] {
    let parts = committables.map { (path: absolute($0.name), target: absolute($0.target)) }
    try PartFile.place(parts)
    return []
  }
}

extension PartFile: SinkWriter {
  var position: SinkPosition { written.position }
  var isEmpty: Bool { length == 0 }
  var canTruncate: Bool { true }
  func append(_ chunk: SinkChunk) throws { try append(chunk.bytes.bytes, chunk.bytes.count, checksum: chunk.checksum) }
  func flush() throws { try sync() }

  func truncate(to position: SinkPosition) throws {
    guard let prefix = FilePrefix(position) else { throw WriteError(action: "go on with", path: target, code: EINVAL) }
    try cut(to: prefix)
  }

  /// Paths are kept as the definition has them, so that folders may move.
  var committable: Committable? {
    Committable(
      sink: FileSink.name, name: DefinitionPath.relative(path, to: folder), target: DefinitionPath.relative(target, to: folder),
      token: written.position.token)
  }

  func discard() throws { try remove() }
}

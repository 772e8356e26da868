import Configuration
import Decompress
import Records

/// The format of a file, and the compression around it: by the definition's keys, or by the path's endings.
struct FileFormat: Sendable {
  let encoder: any RecordEncoder
  let compression: (any UnitEncoder)?

  static let keys =
    [
      Key(
        "format", .choice(RecordEncoders.pages.map(\.name)),
        "\(RecordEncoders.pages.map(\.name).joined(separator: " or ")) (default: by the path's name).")
    ] + [Key].union(RecordEncoders.pages.map(\.keys))

  /// Endings of formats that users often expect. The loader refuses a path with one that no encoder has.
  private static let expectedEndings = ["tsv", "xlsx", "xls", "parquet", "avro", "orc", "db", "sqlite", "xml"]

  /// JSON Lines, not compressed.
  init() {
    encoder = JSONLinesEncoder()
    compression = nil
  }

  init(_ write: Value, path: String, _ reader: inout DefinitionReader) {
    let (bare, _, codec) = Codecs.split(path)
    let format = write["format"]?.text.flatMap(RecordEncoders.named) ?? RecordEncoders.of(path: bare)
    reader.refuseKeys(of: write, notOf: format.name, RecordEncoders.pages, setting: "format")
    encoder = format.init(write, &reader)
    compression = codec?.encoder
    if let place = write["path"], let reason = Self.misnamed(path, hasFormat: write["format"] != nil) {
      reader.report(place.position.diagnostic(reason))
    }
  }

  /// The reason why a file of this name would not hold what the name says; nil for others.
  private static func misnamed(_ path: String, hasFormat: Bool) -> String? {
    let name = path.lowercased()
    let (bare, promised, codec) = Codecs.split(name)
    if let codec, codec.encoder == nil {
      let reason = codec.page.missing.map { ": \($0)" } ?? "; a name in \(Codecs.writtenEndings) is compressed"
      return "nothing is written as \(promised)\(reason)"
    }
    if codec == nil, let ending = NameEndings.packed.first(where: { name.hasSuffix("." + $0) }) {
      return "nothing is written as .\(ending); a name in \(Codecs.writtenEndings) is compressed"
    }
    let written = RecordEncoders.pages.flatMap(\.endings)
    if !hasFormat, let ending = expectedEndings.first(where: { bare.hasSuffix("." + $0) && !written.contains($0) }) {
      let names = RecordEncoders.pages.compactMap(\.endings.first).map { "." + $0 }.joined(separator: " and ")
      return "nothing is written as .\(ending): \(names) are; or say with write.format what the file is to hold"
    }
    return nil
  }
}

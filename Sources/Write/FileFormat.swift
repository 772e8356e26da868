import Configuration
import Decompress
import Records

/// How a sink of bytes spells records: the format, and the compression around it, by the definition's words or the path's name.
package struct FileFormat: Sendable {
  package let encoder: any RecordEncoder
  package let compression: (any UnitEncoder)?

  package static let keys = [
    Key("format", .choice(WriteFormat.allCases.map(\.rawValue)), "jsonl or csv (default: by the path's name).")
  ]

  /// JSON Lines, not compressed.
  init() {
    encoder = JSONLinesEncoder()
    compression = nil
  }

  package init(_ write: Value, path: String, _ reader: inout DefinitionReader) {
    let (bare, _, codec) = Codecs.split(path)
    let format = write["format"]?.text.flatMap(WriteFormat.init) ?? (bare.hasSuffix(".csv") ? .csv : .jsonl)
    encoder =
      switch format {
      case .jsonl: JSONLinesEncoder()
      case .csv: CSVEncoder()
      }
    compression = codec?.encoder
    if let place = write["path"], let reason = Self.misnamed(path, hasFormat: write["format"] != nil) {
      reader.report(place.position.diagnostic(reason))
    }
  }

  /// Why a file of this name would not hold what the name says; nil for others.
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
    if !hasFormat,
      let ending = [".tsv", ".xlsx", ".xls", ".parquet", ".avro", ".orc", ".db", ".sqlite", ".xml"].first(where: bare.hasSuffix)
    {
      return "nothing is written as \(ending): .jsonl and .csv are; or say with write.format what the file is to hold"
    }
    return nil
  }
}

/// The formats that `write.format` names.
public enum WriteFormat: String, Sendable, CaseIterable, Codable { case jsonl, csv }

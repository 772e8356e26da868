import Configuration

/// The registry of codecs. To add one: a file beside this with a type that conforms to ``Codec``, and a line here.
package enum Codecs {
  /// The codecs, in the order in which an item's first bytes are compared with them.
  package static let all: [any Codec.Type] = [
    GzipCodec.self,
    ZlibCodec.self,
    ZstdCodec.self,
  ]

  /// How many bytes of an item suffice to recognize its compression.
  static let beginningBytes = 64

  /// The content codings that this build can read, for HTTP's Accept-Encoding; in lower case.
  package static let contentCodings = all.filter { $0.page.missing == nil }.reduce(into: Set<String>()) { $0.formUnion($1.contentCodings) }

  /// Returns the codec of this name, as `decompress.format` spells it; nil where there is none.
  package static func named(_ name: String) -> (any Codec.Type)? { all.first { $0.name == name } }

  /// Returns the codec that a file's name promises by its last ending, in upper or lower case; nil where it promises none.
  package static func promised(by fileName: String) -> (any Codec.Type)? { split(fileName).codec }

  /// Returns a file's name without the ending of a codec; a name without one stays as it is.
  package static func bare(_ fileName: String) -> String { split(fileName).bare }

  /// Splits a file's name into the part before a codec's ending, the ending with its dot, and the codec. Letters of either case count.
  /// Without a codec the ending is empty.
  package static func split(_ fileName: String) -> (bare: String, ending: String, codec: (any Codec.Type)?) {
    guard let dot = fileName.utf8.lastIndex(of: UInt8(ascii: ".")),
      let codec = byEnding[fileName[fileName.utf8.index(after: dot)...].lowercased()]
    else { return (fileName, "", nil) }
    return (String(fileName[..<dot]), String(fileName[dot...]), codec)
  }

  private static let byEnding: [String: any Codec.Type] = Dictionary(
    all.flatMap { codec in codec.page.endings.map { ($0, codec) } }, uniquingKeysWith: { first, _ in first })

  /// The first endings of the codecs that outputs can be written in, for a sentence: `.gz or .zst`.
  package static var writtenEndings: String {
    let endings = all.filter { $0.page.abilities.contains("write") }.compactMap { $0.page.endings.first.map { "." + $0 } }
    return endings.count < 2 ? endings.joined() : endings.dropLast().joined(separator: ", ") + " or " + (endings.last ?? "")
  }
}

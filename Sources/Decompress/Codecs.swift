import Configuration

/// The codecs there are. To add one: a file beside this with a type that conforms to ``Codec``, and a line here.
package enum Codecs {
  /// In the order in which an item's first bytes are held against them.
  package static let all: [any Codec.Type] = [
    GzipCodec.self,
    ZlibCodec.self,
    ZstdCodec.self,
  ]

  /// Bytes of an item that suffice to recognize its compression.
  package static let beginningBytes = 64

  /// The content codings that this build can read.
  package static let contentCodings = all.filter { $0.page.missing == nil }.reduce(into: Set<String>()) { $0.formUnion($1.contentCodings) }

  package static func named(_ name: String) -> (any Codec.Type)? { all.first { $0.name == name } }

  /// The codec that a file's name promises, by its last ending.
  package static func promised(by fileName: String) -> (any Codec.Type)? { split(fileName).codec }

  /// A file's name without the ending of a codec; as it is where it has none.
  package static func bare(_ fileName: String) -> String { split(fileName).bare }

  /// A file's name as what stands before a codec's ending, the ending with its dot, and the codec. Letters of either case count.
  package static func split(_ fileName: String) -> (bare: String, ending: String, codec: (any Codec.Type)?) {
    guard let dot = fileName.lastIndex(of: "."),
      let codec = codec(ending: fileName[fileName.index(after: dot)...].lowercased())
    else { return (fileName, "", nil) }
    return (String(fileName[..<dot]), String(fileName[dot...]), codec)
  }

  private static func codec(ending: String) -> (any Codec.Type)? { all.first { $0.page.endings.contains(ending) } }

  /// The codecs that outputs are written in, by their first endings, as a sentence names them: `.gz or .zst`.
  package static var writtenEndings: String {
    let endings = all.filter { $0.page.abilities.contains("write") }.compactMap { $0.page.endings.first.map { "." + $0 } }
    return endings.count < 2 ? endings.joined() : endings.dropLast().joined(separator: ", ") + " or " + (endings.last ?? "")
  }
}

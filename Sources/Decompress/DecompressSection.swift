import Configuration

/// What becomes of an item whose compression is damaged (`decompress.on_error`): it fails, or what was whole of it is kept.
public enum OnDamage: String, Sendable, CaseIterable, Codable {
  case failItem = "fail_item"
  case keepRecords = "keep_records"
}

/// How items are compressed (`decompress.format`).
package enum Compression: Sendable {
  /// By an item's first bytes, then by its name.
  case auto
  case none
  case codec(any Codec.Type)
}

/// What a definition says of decompressing.
public struct DecompressSection: Sendable {
  package var format = Compression.auto
  public private(set) var onDamage = OnDamage.failItem
  public private(set) var limits = DecompressLimits()

  /// A section that says nothing.
  package init() {}

  package static let keys: [Key] =
    [
      Key(
        "format", .choice(["auto", "none"] + Codecs.all.map { $0.name }),
        "auto (by an item's first bytes, then by its name; default), none, or the items' compression."),
      Key(
        "on_error", .choice(OnDamage.allCases.map(\.rawValue)),
        "fail_item: a damaged item fails whole (default). keep_records: its whole records up to the damage are written, and the damage is a dead letter: its rest counts as one record."
      ),
      Key(
        "limits",
        .object([
          Key("ratio", .integer(atLeast: 1), "How many times its size a stream may inflate to (default 1000)."),
          Key("bytes", .byteCount, "How many bytes an item may inflate to (default 1TB)."),
          Key(
            "window", .byteCount,
            "How many bytes back a stream may refer, all of which are kept in memory, in each worker (default 128MiB, which zstd --long makes; zstd --long=31 wants 2GiB)."
          ),
        ]), "Limits of inflation."),
    ]

  package init(_ value: Value, _ reader: inout DefinitionReader) {
    if let entry = value["format"], let name = entry.text {
      if name == "none" { format = .none }
      if let codec = Codecs.named(name) {
        format = .codec(codec)
        if let missing = codec.page.missing { reader.report(entry.position.diagnostic("\(name) can't be read here: \(missing)")) }
      }
    }
    if let damage = value["on_error"]?.text.flatMap(OnDamage.init) { onDamage = damage }
    if let ratio = value["limits"]?["ratio"]?.text.flatMap({ Int($0) }) { limits.ratio = ratio }
    if let bytes = value["limits"]?["bytes"]?.text.flatMap(Scalars.byteCount) { limits.bytes = bytes }
    if let bytes = value["limits"]?["window"]?.text.flatMap(Scalars.byteCount) { limits.window = bytes }
  }
}

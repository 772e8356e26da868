import Configuration

/// What becomes of an item whose compression is damaged (`decompress.on_error`): it fails, or what was whole of it is kept.
public enum OnDamage: String, Sendable, CaseIterable, Codable {
  case failItem = "fail_item"
  case keepRecords = "keep_records"
}

/// What a definition says of decompressing.
public struct DecompressSection: Sendable {
  public package(set) var format = CompressionFormat.auto
  public private(set) var onDamage = OnDamage.failItem
  public private(set) var limits = DecompressLimits()

  /// A section that says nothing.
  package init() {}

  package static let keys: [Key] =
    [
      Key("format", .choice(CompressionFormat.allCases.map(\.rawValue)), "auto (by magic bytes, then by name), gzip, zlib or none."),
      Key(
        "on_error", .choice(OnDamage.allCases.map(\.rawValue)),
        "fail_item: a damaged item fails whole (default). keep_records: its whole records up to the damage are written, and the damage is a dead letter: its rest counts as one record."
      ),
      Key(
        "limits",
        .object([
          Key("ratio", .integer(atLeast: 1), "How many times its size a stream may inflate to (default 1000)."),
          Key("bytes", .byteCount, "How many bytes an item may inflate to (default 1TB)."),
        ]), "Limits of inflation."),
    ]

  package init(_ value: Value) {
    if let format = value["format"]?.text.flatMap(CompressionFormat.init) { self.format = format }
    if let damage = value["on_error"]?.text.flatMap(OnDamage.init) { onDamage = damage }
    if let ratio = value["limits"]?["ratio"]?.text.flatMap({ Int($0) }) { limits.ratio = ratio }
    if let bytes = value["limits"]?["bytes"]?.text.flatMap(Scalars.byteCount) { limits.bytes = bytes }
  }
}

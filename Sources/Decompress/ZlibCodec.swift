import Configuration

/// zlib (RFC 1950): one stream with a checksum, as HTTP's `deflate` and many programs' own files have it.
enum ZlibCodec: Codec {
  static let page = ComponentPage(
    .codec, "zlib", "Reads zlib streams, which programs make for themselves.", abilities: ["read"], endings: ["zz", "zlib"],
    place: "decompress",
    example: """
      pipeline: orders
      fetch: {from: orders/*.csv.zz}
      decompress: {format: zlib}
      write: {path: "out/{item.stem}.jsonl"}
      """,
    errors: [.truncatedStream, .damagedStream, .inflatesTooFar, .wrongFormat],
    guarantees: ["The stream's checksum is checked, and nothing may follow its end."],
    limits: [
      "A text may begin as a stream does: where that is taken for damage, decompress.format: none reads it.",
      "Nothing is written in it: streams can't stand one behind another, and no checkpoint could stand in an output.",
    ])

  /// The marks of the windows and levels that programs choose.
  static let marks = [[0x78, 0x5E], [0x78, 0x9C], [0x78, 0xDA]].map { Mark($0, isText: true) }

  static func recognizes(_ beginning: RawSpan, isNamed: Bool) -> Bool {
    guard beginning.byteCount >= 2 else { return false }
    let (first, second) = (beginning.byte(0), beginning.byte(1))
    guard first & 0x0F == 8, first >> 4 <= 7, (Int(first) << 8 | Int(second)) % 31 == 0 else { return false }
    // “X” and a tab pass for a header, and “H” and a carriage return: they begin a table.
    let isText = (0x20..<0x7F).contains(second) || (0x09...0x0D).contains(second)
    return isNamed || !isText || marks.contains { $0.matches(beginning) }
  }

  static let contentCodings: Set = ["deflate"]
  static let command = "zlib-flate -uncompress"
  static let succession = Succession.nothing

  static func makeDecoder(_ limits: DecompressLimits) -> (any StreamDecoder)? { Inflater(.zlib) }

  static let encoder: (any UnitEncoder)? = nil
}

import Records

/// A format that is recognized by its first bytes and that Sluice does not read as records: its bytes are never taken for text.
public struct ForeignFormat: Sendable, Hashable, CustomStringConvertible {
  /// The kind of format, by which the message advises the user.
  public enum Kind: Sendable, Hashable {
    /// A compression without a codec here, with the command that takes it off.
    case compression(command: String)
    /// A compression that has a codec here, in a place where none is expected any more; with the command that takes it off.
    case nested(command: String)
    /// A compression whose codec this build is without, the reason, and the command that takes it off.
    case missing(reason: String, command: String)
    /// A container of files that Sluice does not read.
    case archive
    /// An archive that Sluice reads where its name or the definition says so.
    case readable(archive: String)
    /// Records or numbers in a binary form.
    case data
    /// Anything else: a picture, a program, a document.
    case other
  }

  /// The name within a sentence: `zstd`, `a tar archive`, `Parquet`.
  public let name: String
  /// The kind, which the ``description`` depends on.
  public let kind: Kind

  /// The sentence for the message: the format, and what the user can do.
  public var description: String {
    switch kind {
    case .compression(let command): "its content is compressed by \(name), which is not supported yet; take that off first: \(command)"
    case .nested(let command):
      "its content is still compressed, by \(name): decompress.format auto takes one compression off and none takes off nothing; take the rest off first: \(command)"
    case .missing(let reason, let command): "its content is compressed by \(name), and \(reason); take that off first: \(command)"
    case .readable(let archive):
      "its content is \(name): its members are items where its own name ends in .\(archive) or decompress.archive is \(archive); one within another is not read, unpack it first"
    case .archive: "its content is \(name), and archives are not supported yet; unpack it first"
    case .data: "its content is \(name), which is not supported yet; export it as text first"
    case .other: "its content is \(name), and no table of text"
    }
  }

  /// How many bytes of an item suffice to recognize each of these formats.
  public static let headBytes = 1024

  /// Recognizes the format of an item that begins so; nil where it is none of these. It looks at ``headBytes`` bytes at most.
  package static func of(_ beginning: RawSpan) -> ForeignFormat? {
    guard !beginning.isEmpty else { return nil }
    if let mark = ForeignMark.byFirst[Int(beginning.byte(0))].first(where: { $0.mark.matches(beginning) }) { return mark.format }
    if let mark = ForeignMark.inside.first(where: { $0.mark.matches(beginning) }) { return mark.format }
    if let format = zip(beginning) { return format }
    if isTar(beginning) { return ForeignFormat(name: "a tar archive", kind: .archive) }
    return isBlank(beginning) ? ForeignFormat(name: "NUL bytes, as a crash or a cut copy leaves them", kind: .other) : nil
  }

  /// Recognizes the format of a buffer's first bytes; nil where it is none of these.
  public static func of(_ buffer: ByteBuffer) -> ForeignFormat? {
    of(UnsafeRawBufferPointer(start: buffer.bytes, count: buffer.count).bytes)
  }

  /// Makes the format of a codec's streams, in a place where there should be none.
  init(_ codec: any Codec.Type) {
    name = codec.name
    kind = codec.page.missing.map { .missing(reason: $0, command: codec.command) } ?? .nested(command: codec.command)
  }

  fileprivate init(name: String, kind: Kind) {
    self.name = name
    self.kind = kind
  }

  /// Tells the content of a zip file by the names in its first bytes: a document's parts, else an archive. Nil where it is no zip file.
  private static func zip(_ beginning: RawSpan) -> ForeignFormat? {
    guard beginning.byteCount >= 4, beginning.byte(0) == 0x50, beginning.byte(1) == 0x4B,
      [[3, 4], [5, 6], [7, 8]].contains([beginning.byte(2), beginning.byte(3)])
    else { return nil }
    let head = String(decoding: (0..<min(beginning.byteCount, headBytes)).map { beginning.byte($0) }, as: UTF8.self)
    let members = [
      ("application/vnd.oasis.opendocument.spreadsheet", "an OpenDocument sheet (ods)"), ("xl/", "an Excel workbook (xlsx)"),
      ("word/", "a Word document (docx)"), ("[Content_Types].xml", "Excel or another Office document (xlsx, docx)"),
      (".npy", "NumPy arrays (npz)"),
      ("doc.kml", "a KMZ file"),
    ]
    if let (_, name) = members.first(where: { head.contains($0.0) }) { return ForeignFormat(name: name, kind: .data) }
    let archive = Archives.all.first { $0.page.missing == nil && $0.marks.contains { $0.matches(beginning) } }
    return ForeignFormat(name: "a zip archive", kind: archive.map { .readable(archive: $0.name) } ?? .archive)
  }

  /// UTF-32 has three NUL bytes on end.
  private static func isBlank(_ beginning: RawSpan) -> Bool {
    let count = beginning.byteCount
    return count >= 4 && (0..<min(count, headBytes)).allSatisfy { beginning.byte($0) == 0 }
  }

  /// Whether a tar header begins here, of any age: its own sum of its bytes tells it. So does a block of a name and nothing else.
  private static func isTar(_ beginning: RawSpan) -> Bool {
    guard beginning.byteCount >= 512, beginning.byte(0) > 0x20 else { return false }
    if (100..<512).allSatisfy({ beginning.byte($0) == 0 }), beginning.byte(99) == 0 { return true }
    var told = 0
    // The sum counts its own eight bytes as spaces.
    var own = 0
    for i in 148..<156 {
      let byte = beginning.byte(i)
      own += Int(byte) - 0x20
      if (0x30...0x37).contains(byte) { told = told << 3 | Int(byte - 0x30) }
    }
    var all = 0
    beginning.withUnsafeBytes { bytes in for i in 0..<512 { all += Int(bytes[i]) } }
    return told == all - own
  }
}

/// A mark, with the format that it belongs to.
private struct ForeignMark: Sendable {
  let mark: Mark
  let format: ForeignFormat

  static let byFirst: [[ForeignMark]] = {
    var marks = [[ForeignMark]](repeating: [], count: 256)
    for mark in all where mark.mark.offset == 0 { marks[Int(mark.mark.bytes[0])].append(mark) }
    return marks
  }()
  static let inside = all.filter { $0.mark.offset > 0 }

  // MARK: The table

  private static let all = codecs + compressions.filter { Codecs.named($0.format.name) == nil } + archives + data + others

  private static let codecs = Codecs.all.flatMap { codec in codec.marks.map { Self(mark: $0, format: ForeignFormat(codec)) } }

  private static func of(_ name: String, _ kind: ForeignFormat.Kind, at offset: Int = 0, isText: Bool = false, _ marks: [[UInt8]]) -> [Self]
  {
    marks.map { Self(mark: Mark($0, at: offset, isText: isText), format: ForeignFormat(name: name, kind: kind)) }
  }

  /// Words that a text could begin with.
  private static func words(_ name: String, _ kind: ForeignFormat.Kind, at offset: Int = 0, _ words: String...) -> [Self] {
    of(name, kind, at: offset, isText: true, words.map { Array($0.utf8) })
  }

  /// Words that no table of text begins with.
  private static func signature(_ name: String, _ kind: ForeignFormat.Kind, at offset: Int = 0, _ words: String...) -> [Self] {
    of(name, kind, at: offset, words.map { Array($0.utf8) })
  }

  /// A compression that gets a codec is told of by that, and not by these any more.
  private static let compressions: [Self] =
    of("zstd", .compression(command: "zstd -d"), [[0x28, 0xB5, 0x2F, 0xFD]] + (0x50...0x5F).map { [$0, 0x2A, 0x4D, 0x18] })
    + of("xz", .compression(command: "xz -d"), [[0xFD, 0x37, 0x7A, 0x58, 0x5A, 0x00]])
    + of("lzma", .compression(command: "xz -d"), [[0x5D, 0x00, 0x00]])
    + signature("lzip", .compression(command: "lzip -d"), "LZIP\u{1}")
    // A block's mark, or that of the end of a stream without one.
    + of(
      "bzip2", .compression(command: "bzip2 -d"),
      (0x31...0x39).flatMap { level in
        [[0x31, 0x41, 0x59, 0x26, 0x53, 0x59], [0x17, 0x72, 0x45, 0x38, 0x50, 0x90]].map { [0x42, 0x5A, 0x68, level] + $0 }
      })
    + of("lz4", .compression(command: "lz4 -d"), [[0x04, 0x22, 0x4D, 0x18], [0x02, 0x21, 0x4C, 0x18]])
    + of("compress", .compression(command: "gzip -d"), [[0x1F, 0x9D], [0x1F, 0xA0], [0x1F, 0x1E]])
    + of("lzop", .compression(command: "lzop -d"), [[0x89, 0x4C, 0x5A, 0x4F, 0x00]])
    + of("snappy", .compression(command: "snzip -d"), [[0xFF, 0x06, 0x00, 0x00, 0x73, 0x4E, 0x61, 0x50, 0x70, 0x59]])

  private static let archives: [Self] =
    of("a 7z archive", .archive, [[0x37, 0x7A, 0xBC, 0xAF, 0x27, 0x1C]])
    + signature("a rar archive", .archive, "Rar!\u{1A}\u{7}")
    + signature("a cab archive", .archive, "MSCF\0\0\0\0")
    + signature("an ar archive", .archive, "!<arch>\n")
    + words("a cpio archive", .archive, "070701", "070702", "070707")
    + of("a cpio archive", .archive, [[0xC7, 0x71], [0x71, 0xC7]])
    + of("an rpm package", .archive, [[0xED, 0xAB, 0xEE, 0xDB]])
    + signature("a xar archive", .archive, "xar!\0")
    + words("an lzh archive", .archive, at: 2, "-lh0-", "-lh5-", "-lh7-")

  private static let data: [Self] =
    words("Parquet", .data, "PAR1", "PARE")
    + words("ORC", .data, "ORC")
    + signature("Avro", .data, "Obj\u{1}")
    + signature("an Arrow file (Feather)", .data, "ARROW1\0")
    + words("an Arrow file (Feather)", .data, "FEA1")
    + of("an Arrow stream", .data, isText: true, [[0xFF, 0xFF, 0xFF, 0xFF]])
    + signature("an SQLite database", .data, "SQLite format 3\0")
    + words("a DuckDB database", .data, at: 8, "DUCK")
    + signature("an Access database", .data, at: 4, "Standard Jet DB\0", "Standard ACE DB\0")
    + of("an old Office document (xls, doc)", .data, [[0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1, 0x1A, 0xE1]])
    + of(
      "an old Excel sheet (xls)", .data,
      [0x00, 0x02, 0x04, 0x08].flatMap { [[0x09, $0, 0x04, 0x00], [0x09, $0, 0x06, 0x00], [0x09, $0, 0x08, 0x00]] })
    + of("HDF5", .data, [[0x89, 0x48, 0x44, 0x46, 0x0D, 0x0A, 0x1A, 0x0A]])
    + of("HDF4", .data, [[0x0E, 0x03, 0x13, 0x01]])
    + signature("NetCDF", .data, "CDF\u{1}", "CDF\u{2}", "CDF\u{5}")
    + words("a MATLAB file", .data, "MATLAB 5.0 MAT-file")
    + of("a NumPy array", .data, [[0x93, 0x4E, 0x55, 0x4D, 0x50, 0x59]])
    + signature("an R data file", .data, "RDX2\nX\n", "RDX3\nX\n", "RDA2\nA\n", "RDA3\nA\n", "X\n\0\0\0")
    + of("a Python pickle", .data, [[0x80, 0x02], [0x80, 0x03], [0x80, 0x04, 0x95], [0x80, 0x05, 0x95]])
    + of("a SAS data set", .data, at: 12, [[0xC2, 0xEA, 0x81, 0x60, 0xB3, 0x14, 0x11, 0xCF, 0xBD, 0x92, 0x08, 0x00]])
    + signature("a SAS transport file", .data, "HEADER RECORD*******")
    + signature("an SPSS file", .data, "$FL2@(#)", "$FL3@(#)")
    + signature("a Stata file", .data, "<stata_dta>")
    + of("a Stata file", .data, (0x69...0x73).flatMap { version in [[version, 0x01, 0x01, 0x00], [version, 0x02, 0x01, 0x00]] })
    + of("a shapefile", .data, [[0x00, 0x00, 0x27, 0x0A]])
    + of("FlatGeobuf", .data, [[0x66, 0x67, 0x62, 0x03, 0x66, 0x67, 0x62]])

  private static let others: [Self] =
    signature("an event log of Windows", .other, "ElfFile\0")
    + of("a packet capture", .other, isText: true, [[0xD4, 0xC3, 0xB2, 0xA1], [0x4D, 0x3C, 0xB2, 0xA1], [0x0A, 0x0D, 0x0D, 0x0A]])
    + words("a font", .other, "wOFF", "wOF2")
    + of("a zstd dictionary", .other, [[0x37, 0xA4, 0x30, 0xEC]])
    + signature("a pointer to a file that Git LFS keeps (git lfs pull fetches it)", .other, "version https://git-lfs.github.com/spec/")
    + signature("a PDF document", .other, "%PDF-")
    + signature("a PostScript document", .other, "%!PS")
    + signature("an RTF document", .other, "{\\rtf1")
    + of("a PNG picture", .other, [[0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]])
    + of("a JPEG picture", .other, [[0xFF, 0xD8, 0xFF]])
    + words("a GIF picture", .other, "GIF87a", "GIF89a")
    + of("a TIFF picture", .other, [[0x49, 0x49, 0x2A, 0x00], [0x4D, 0x4D, 0x00, 0x2A]])
    + words("a BMP picture", .other, "BM")
    + signature("a Photoshop picture", .other, "8BPS\0")
    + of("an icon", .other, [[0x00, 0x00, 0x01, 0x00]])
    + words("a picture, sound or film", .other, "RIFF", "OggS", "fLaC", "ID3")
    + words("a picture, sound or film", .other, at: 4, "ftyp")
    + of("a picture, sound or film", .other, [[0x1A, 0x45, 0xDF, 0xA3]])
    + of("a program", .other, [[0x7F, 0x45, 0x4C, 0x46], [0xCF, 0xFA, 0xED, 0xFE], [0xFE, 0xED, 0xFA, 0xCF], [0xCA, 0xFE, 0xBA, 0xBE]])
    + words("a program", .other, "MZ")
    + signature("a program", .other, "\0asm")
    + signature("encrypted", .other, "Salted__", "age-encryption.org/v1\n", "-----BEGIN PGP MESSAGE-----")
}

import Foundation
import Parse
import Records
import Testing

@Suite("Transcoding in pieces")
struct TranscoderTests {
  private func decode(_ bytes: [UInt8], _ encoding: TextEncoding, pieces: Int) -> String {
    let out = ByteBuffer(capacity: 4)
    var transcoder = Transcoder(encoding)
    var at = 0
    while at < bytes.count {
      let end = min(bytes.count, at + pieces)
      bytes[at..<end].withUnsafeBytes { transcoder.convert($0.bytes, isFinal: false, to: out) }
      at = end
    }
    transcoder.convert(RawSpan(), isFinal: true, to: out)
    return String(decoding: out.copy(0..<out.count), as: UTF8.self)
  }

  @Test("characters and shifts that pieces cut come out as they are, wherever they are cut")
  func cutCharactersAreRead() throws {
    // Foundation's tables, which are not iconv's.
    let cases: [(String, String.Encoding, String)] = [
      ("shift_jis", .shiftJIS, "東京,ソフト表\n"), ("iso-2022-jp", .iso2022JP, "a奈良b大阪\nc"),
      ("utf-32be", .utf32BigEndian, "Ω😀a"), ("utf-16le", .utf16LittleEndian, "Ω😀a"), ("utf-16be", .utf16BigEndian, "😀😀"),
      ("utf-8", .utf8, "Ω😀a"),
      ("windows-1251", .windowsCP1251, "Москва"),
    ]
    for (name, encoding, text) in cases {
      let known = try #require(TextEncoding(named: name))
      let bytes = [UInt8](try #require(text.data(using: encoding), "\(name)"))
      for pieces in [1, 2, 3, 5, bytes.count] { #expect(decode(bytes, known, pieces: pieces) == text, "\(name) by \(pieces)") }
    }
  }

  @Test("a character that is cut by the text's end is one that is not there")
  func cutEndIsInvalid() throws {
    for (name, bytes) in [
      ("shift_jis", [0x61, 0x62, 0x63, 0x64, 0x93]), ("utf-16le", [0x61, 0, 0x62, 0, 0x63]), ("utf-32le", [0x61, 0, 0, 0, 0x62]),
    ] as [(String, [UInt8])] {
      let known = try #require(TextEncoding(named: name))
      #expect(decode(bytes, known, pieces: 1).hasSuffix("\u{FFFD}"), "\(name)")
      let buffer = ByteBuffer(capacity: 8)
      buffer.append(bytes)
      #expect(Transcoder.decode(buffer, known, isWhole: true).invalid == 1, "\(name)")
      #expect(Transcoder.decode(buffer, known, isWhole: false).invalid == 0, "\(name)")
    }
  }

  @Test("every name that is told is known")
  func usualNamesAreKnown() {
    for name in TextEncoding.usualNames { #expect(TextEncoding(named: name) != nil, "\(name)") }
  }
}

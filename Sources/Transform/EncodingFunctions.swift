import Records

/// Hashes of texts, and texts as digits.
extension Functions {
  static let encodings: [Function] = [
    hash("md5", .md5),
    hash("sha256", .sha256),
    Function("uuid5", [.text, .printable], isVariadic: true, gives: .text, validate: validNamespace) { arguments, call in
      let digest = MessageDigest(.sha1)
      var namespaces = Memo<UUIDBytes?>()
      return call.texts { i, out in
        guard call.findings.lookBetweenRows(), let space = arguments[0].slice(i) else { return false }
        guard digest.isUsable else {
          call.fail(i, "this machine's libcrypto has no SHA-1")
          return false
        }
        guard var uuid = namespaces.value(space, UUIDBytes.init) else {
          call.fail(i, UUIDBytes.wrongNamespace(space.string))
          return false
        }
        // Each value is a name in the namespace that the values before it make, so no two lists of values are one name.
        for argument in arguments.dropFirst() {
          guard let name = argument.slice(i) else { return false }
          uuid.descend(to: name.bytes, digest)
        }
        uuid.write(to: &out)
        return true
      }
    },
    Function("hex", [.octets], gives: .text) { arguments, call in
      call.texts { i, out in
        guard let text = arguments[0].slice(i), let room = out.room(2 * text.count) else { return false }
        for (k, byte) in text.bytes.enumerated() {
          room[2 * k] = Digits.upper[Int(byte >> 4)]
          room[2 * k + 1] = Digits.upper[Int(byte & 15)]
        }
        return true
      }
    },
    decoding("unhex", .hex, "hexadecimal digits, two for each byte"),
    decoding("from_base64", .base64, "base64"),
    Function("base64", [.octets], gives: .text) { arguments, call in
      let spelled = ByteBuffer(capacity: 256)
      return call.texts { i, out in
        guard let text = arguments[0].slice(i), let start = text.start else { return false }
        spelled.count = 0
        BytesText.write(start, text.count, to: spelled)
        out.append(UnsafeBufferPointer(start: spelled.bytes, count: spelled.count))
        return true
      }
    },
    Function("url_encode", [.text], gives: .text) { arguments, call in
      call.texts { i, out in
        guard let text = arguments[0].slice(i) else { return false }
        for byte in text.bytes {
          if isUnreserved(byte) {
            out.append(byte)
          } else {
            out.append(0x25)
            out.append(Digits.upper[Int(byte >> 4)])
            out.append(Digits.upper[Int(byte & 15)])
          }
        }
        return true
      }
    },
    Function("url_decode", [.text], gives: .text) { arguments, call in
      call.texts { i, out in
        guard let text = arguments[0].slice(i), let room = out.room(text.count) else { return false }
        var count = 0
        var at = 0
        while at < text.count {
          if text.bytes[at] == 0x25, at + 2 < text.count, let high = Digits.value(text.bytes[at + 1]),
            let low = Digits.value(text.bytes[at + 2])
          {
            room[count] = high << 4 | low
            at += 3
          } else {
            room[count] = text.bytes[at]
            at += 1
          }
          count += 1
        }
        out.giveBack(text.count - count)
        guard UTF8Text.firstInvalid(room, count) == nil else {
          call.fail(i, "“\(Excerpt.of(text.bytes))” is not UTF-8 once it is decoded")
          return false
        }
        return true
      }
    },
  ]

  private static func hash(_ name: String, _ algorithm: MessageDigest.Algorithm) -> Function {
    Function(name, [.octets], gives: .text) { arguments, call in
      let digest = MessageDigest(algorithm)
      return withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 32) { bytes in
        call.texts { i, out in
          guard let start = bytes.baseAddress, call.findings.lookBetweenRows(), let text = arguments[0].slice(i) else { return false }
          guard digest.isUsable else {
            call.fail(i, "this machine's libcrypto has no \(name)")
            return false
          }
          guard let room = out.room(2 * algorithm.bytes) else { return false }
          digest.hash(text.bytes, into: start)
          for k in 0..<algorithm.bytes {
            room[2 * k] = Digits.lower[Int(bytes[k] >> 4)]
            room[2 * k + 1] = Digits.lower[Int(bytes[k] & 15)]
          }
          return true
        }
      }
    }
  }

  private static func decoding(_ name: String, _ form: BytesForm, _ word: String) -> Function {
    Function(name, [.text], gives: .bytes) { arguments, call in
      call.texts { i, out in
        guard let text = arguments[0].slice(i), let start = text.start, let room = out.room(text.count) else { return false }
        guard let count = BytesText.read(start, text.count, form, to: room) else {
          call.fail(i, "“\(Excerpt.of(text.bytes))” is not \(word)")
          return false
        }
        out.giveBack(text.count - count)
        return true
      }
    }
  }

  private static let validNamespace: @Sendable ([Node]) -> String? = { nodes in
    guard case .literal(.text(let buffer), _) = nodes[0] else { return nil }
    let text = TextSlice(start: UnsafePointer(buffer.bytes), count: buffer.count)
    return UUIDBytes(text) == nil ? UUIDBytes.wrongNamespace(text.string) : nil
  }

  /// Whether a byte stands for itself in every part of an address (RFC 3986 §2.3).
  private static func isUnreserved(_ byte: UInt8) -> Bool {
    byte &- 0x30 < 10 || (byte | 0x20) &- 0x61 < 26 || byte == 0x2D || byte == 0x2E || byte == 0x5F || byte == 0x7E
  }
}

/// Hexadecimal digits.
enum Digits {
  static let lower = Array("0123456789abcdef".utf8)
  static let upper = Array("0123456789ABCDEF".utf8)

  /// The value of a digit in either case; nil for another byte.
  static func value(_ byte: UInt8) -> UInt8? {
    if byte &- 0x30 < 10 { return byte - 0x30 }
    let letter = (byte | 0x20) &- 0x61
    return letter < 6 ? letter + 10 : nil
  }
}

/// The 16 bytes of a UUID (RFC 9562).
struct UUIDBytes {
  private var high: UInt64
  private var low: UInt64

  /// The namespaces of RFC 9562 §6.6 by name. They differ in one byte.
  private static let known: [String: UInt64] = ["dns": 0x10, "url": 0x11, "oid": 0x12, "x500": 0x14]

  static func wrongNamespace(_ text: String) -> String {
    "“\(Excerpt.of(text))” is no namespace; it is a UUID, or \(known.keys.sorted().joined(separator: ", "))"
  }

  /// Reads a UUID with its four hyphens, or a namespace's name; nil for any other text.
  init?(_ text: TextSlice) {
    if let last = Self.known[text.string.lowercased()] {
      (high, low) = (0x6ba7_b800_9dad_11d1 | last << 32, 0x80b4_00c0_4fd4_30c8)
      return
    }
    guard text.count == 36 else { return nil }
    (high, low) = (0, 0)
    for (i, byte) in text.bytes.enumerated() {
      if [8, 13, 18, 23].contains(i) {
        guard byte == 0x2D else { return nil }
        continue
      }
      guard let digit = Digits.value(byte) else { return nil }
      (high, low) = (high << 4 | low >> 60, low << 4 | UInt64(digit))
    }
  }

  /// Becomes the UUID of a name in the namespace that it is now: version 5, by SHA-1.
  mutating func descend(to name: UnsafeBufferPointer<UInt8>, _ sha1: MessageDigest) {
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 32) { digest in
      var space = (high.bigEndian, low.bigEndian)
      withUnsafeBytes(of: &space) { space in
        space.withMemoryRebound(to: UInt8.self) { space in
          if let start = digest.baseAddress { sha1.hash(space, name, into: start) }
        }
      }
      func word(_ from: Int) -> UInt64 { (from..<from + 8).reduce(0) { $0 << 8 | UInt64(digest[$1]) } }
      high = word(0) & ~0xF000 | 0x5000
      low = word(8) & ~(0xC000 << 48) | 0x8000 << 48
    }
  }

  /// Writes the 36 characters, in lower case.
  func write(to out: inout TextWriter) {
    for digit in 0..<32 {
      if [8, 12, 16, 20].contains(digit) { out.append(0x2D) }
      let word = digit < 16 ? high : low
      out.append(Digits.lower[Int(word >> UInt64(60 - 4 * (digit & 15)) & 15)])
    }
  }
}

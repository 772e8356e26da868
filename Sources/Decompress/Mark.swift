/// Bytes at a place by which a format is known.
package struct Mark: Sendable {
  package let offset: Int
  package let bytes: [UInt8]
  /// Whether a text could begin so too: then the mark counts only where a byte that no text has stands near it.
  package let isText: Bool

  package init(_ bytes: [UInt8], at offset: Int = 0, isText: Bool = false) {
    self.offset = offset
    self.bytes = bytes
    self.isText = isText
  }

  /// Whether an item that begins so has the mark.
  package func matches(_ beginning: RawSpan) -> Bool {
    guard offset + bytes.count <= beginning.byteCount, bytes.indices.allSatisfy({ beginning.byte(offset + $0) == bytes[$0] }) else {
      return false
    }
    return !isText
      || (0..<min(beginning.byteCount, 256)).contains {
        let byte = beginning.byte($0)
        return byte < 0x20 && !(0x09...0x0D).contains(byte) && byte != 0x1B
      }
  }
}

extension RawSpan {
  /// The byte at an offset, which is checked against the bounds.
  func byte(_ offset: Int) -> UInt8 { unsafeLoad(fromByteOffset: offset, as: UInt8.self) }
}

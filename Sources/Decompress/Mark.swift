import Records

/// Bytes at a fixed place of an item by which a format is recognized.
package struct Mark: Sendable {
  /// The place of the first byte, from the item's beginning.
  package let offset: Int
  /// The bytes themselves; at least one.
  package let bytes: [UInt8]
  /// Whether a text could begin so too. Then the mark counts only where the first 256 bytes hold a control character that no text has.
  package let isText: Bool

  /// Makes a mark at an offset; the beginning of an item is the default.
  package init(_ bytes: [UInt8], at offset: Int = 0, isText: Bool = false) {
    self.offset = offset
    self.bytes = bytes
    self.isText = isText
  }

  /// Whether an item with this beginning has the mark. A beginning that is too short has not.
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

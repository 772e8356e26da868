/// One member of a zip archive as an archive of its own: a header made here, the member's data where it stands, and a directory made here.
///
/// So libarchive need not walk past all members before it, trust the archive's other headers, or search for the end of the data.
struct ZipMemberBytes: RandomAccess {
  private let archive: any RandomAccess
  /// The place of the data in the archive, and its length.
  private let start: Int
  private let dataBytes: Int
  private let head: [UInt8]
  private let tail: [UInt8]

  var count: Int { head.count + dataBytes + tail.count }

  /// - Throws: ``ArchiveError`` where the member's own header is not where the directory says; what `archive` throws.
  init(_ entry: ZipEntry, in archive: any RandomAccess) throws {
    let own = try archive.bytes(entry.offset..<(entry.offset + 30))
    start = entry.offset + 30 + own.integer(26, 2) + own.integer(28, 2)
    guard own.integer(0, 4) == 0x0403_4B50, start <= archive.count - entry.packed else {
      throw ArchiveError.damaged(format: "zip", reason: "a member is not where its directory says")
    }
    self.archive = archive
    dataBytes = entry.packed
    // All numbers as zip64 has them, whatever they are.
    var common: [UInt8] = []
    common.append(45, 2)
    common.append(entry.options, 2)
    common.append(entry.method, 2)
    common.append(0, 4)
    common.append(entry.checksum, 4)
    common.append(0xFFFF_FFFF, 4)
    common.append(0xFFFF_FFFF, 4)
    var sizes: [UInt8] = []
    sizes.append(entry.size, 8)
    sizes.append(entry.packed, 8)
    let name = Array("m".utf8)

    var head: [UInt8] = []
    head.append(0x0403_4B50, 4)
    head += common
    head.append(name.count, 2)
    head.append(4 + sizes.count, 2)
    head += name
    head.append(1, 2)
    head.append(sizes.count, 2)
    head += sizes
    self.head = head

    var tail: [UInt8] = []
    tail.append(0x0201_4B50, 4)
    tail.append(45, 2)
    tail += common
    tail.append(name.count, 2)
    tail.append(4 + sizes.count + 8, 2)
    // No comment, the first part, no attributes.
    tail.append(0, 2 + 2 + 2 + 4)
    tail.append(0xFFFF_FFFF, 4)
    tail += name
    tail.append(1, 2)
    tail.append(sizes.count + 8, 2)
    tail += sizes
    tail.append(0, 8)
    let directoryStart = head.count + entry.packed
    let directoryBytes = tail.count
    tail.append(0x0606_4B50, 4)
    tail.append(44, 8)
    tail.append(45, 2)
    tail.append(45, 2)
    tail.append(0, 4)
    tail.append(0, 4)
    tail.append(1, 8)
    tail.append(1, 8)
    tail.append(directoryBytes, 8)
    tail.append(directoryStart, 8)
    tail.append(0x0706_4B50, 4)
    tail.append(0, 4)
    tail.append(directoryStart + directoryBytes, 8)
    tail.append(1, 4)
    tail.append(0x0605_4B50, 4)
    tail.append(0, 4)
    tail.append(0xFFFF, 2)
    tail.append(0xFFFF, 2)
    tail.append(0xFFFF_FFFF, 4)
    tail.append(0xFFFF_FFFF, 4)
    tail.append(0, 2)
    self.tail = tail
  }

  func read(_ buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws {
    var done = 0
    while done < buffer.count {
      let at = offset + done
      let rest = UnsafeMutableRawBufferPointer(rebasing: buffer[done...])
      if at < head.count {
        done += Self.copy(head[at...], to: rest)
      } else if at < head.count + dataBytes {
        let count = min(rest.count, head.count + dataBytes - at)
        try archive.read(UnsafeMutableRawBufferPointer(rebasing: rest[..<count]), at: start + at - head.count)
        done += count
      } else {
        done += Self.copy(tail[(at - head.count - dataBytes)...], to: rest)
      }
    }
  }

  private static func copy(_ bytes: ArraySlice<UInt8>, to buffer: UnsafeMutableRawBufferPointer) -> Int {
    let count = min(bytes.count, buffer.count)
    buffer.copyBytes(from: bytes.prefix(count))
    return count
  }
}

import CZlib
import Configuration
import Foundation

/// Reads the directory at the end of a zip archive (APPNOTE.TXT 6.3.10, 4.3.12 to 4.3.16).
///
/// It is read here and not by libarchive, which keeps checksums and places to itself, and spells names by the process's locale.
enum ZipDirectory {
  /// A directory that is longer is not read.
  private static let mostBytes = 256 << 20
  private static let endBytes = 22
  private static let longestComment = 0xFFFF

  /// - Throws: ``ArchiveError``, and what `archive` throws.
  static func read(_ archive: any RandomAccess) throws -> [ArchiveMember] {
    let end = try End(archive)
    guard end.count <= Archives.mostMembers else { throw ArchiveError.tooMany(format: "zip", limit: "\(Archives.mostMembers) members") }
    guard end.size <= mostBytes else { throw ArchiveError.tooMany(format: "zip", limit: "\(mostBytes) bytes of names") }
    let bytes = try archive.bytes(end.start..<(end.start + end.size))
    var members: [ArchiveMember] = []
    var names: Set<String> = []
    var at = 0
    for _ in 0..<end.count {
      guard let header = ZipHeader(bytes, at, archiveStart: end.archiveStart) else {
        throw ArchiveError.damaged(format: "zip", reason: "its directory breaks off at byte \(end.start + at)")
      }
      at = header.next
      guard header.holdsData else { continue }
      var member = header.member(of: archive.count)
      if !names.insert(member.name).inserted, member.refusal == nil { member.refusal = .sameName(member: member.name) }
      members.append(member)
    }
    return members
  }

  /// The place of the directory, as the archive's last record says.
  private struct End {
    /// The archive's first byte: other bytes may stand before it, as in one that unpacks itself.
    let archiveStart: Int
    let start: Int
    let size: Int
    let count: Int

    init(_ archive: any RandomAccess) throws {
      let tailStart = max(0, archive.count - ZipDirectory.endBytes - ZipDirectory.longestComment)
      let tail = try archive.bytes(tailStart..<archive.count)
      guard let at = Self.find(tail) else {
        throw ArchiveError.truncated(format: "zip", reason: "it ends without its directory")
      }
      var size = tail.integer(at + 12, 4)
      var offset = tail.integer(at + 16, 4)
      var count = tail.integer(at + 10, 2)
      var isSplit = ![0, 0xFFFF].contains(tail.integer(at + 4, 2)) || ![0, 0xFFFF].contains(tail.integer(at + 6, 2))
      var end = tailStart + at
      // Numbers that are too large for the record stand in another before it, which a third one leads to.
      if size == 0xFFFF_FFFF || offset == 0xFFFF_FFFF || count == 0xFFFF, at >= 20, tail.integer(at - 20, 4) == 0x0706_4B50 {
        let told = tail.integer(at - 20 + 8, 8)
        // Where other bytes stand before the archive, it is not where the locator says.
        guard let (found, record) = try [told, end - 20 - 56].lazy.compactMap({ try Self.long(archive, $0) }).first else {
          throw ArchiveError.damaged(format: "zip", reason: "its zip64 directory is not where it should be")
        }
        end = found
        size = record.integer(40, 8)
        offset = record.integer(48, 8)
        count = record.integer(32, 8)
        isSplit = record.integer(16, 4) != 0 || record.integer(20, 4) != 0
      }
      if isSplit { throw ArchiveError.damaged(format: "zip", reason: "it is one of several parts of an archive") }
      guard size >= 0, offset >= 0, count >= 0, size <= end, offset <= end - size else {
        throw ArchiveError.truncated(format: "zip", reason: "its directory lies outside of it")
      }
      start = end - size
      archiveStart = start - offset
      self.size = size
      self.count = count
      guard count <= size / 46 else { throw ArchiveError.damaged(format: "zip", reason: "its directory is too short for its members") }
    }

    /// The place of the last record: the one whose comment ends with the archive, else the last that could be one.
    private static func find(_ tail: [UInt8]) -> Int? {
      var other: Int?
      var at = tail.count - ZipDirectory.endBytes
      while at >= 0 {
        if tail[at] == 0x50, tail.integer(at, 4) == 0x0605_4B50 {
          let end = at + ZipDirectory.endBytes + tail.integer(at + 20, 2)
          if end == tail.count { return at }
          if end < tail.count, other == nil { other = at }
        }
        at -= 1
      }
      return other
    }

    private static func long(_ archive: any RandomAccess, _ at: Int) throws -> (Int, [UInt8])? {
      guard at >= 0, at <= archive.count - 56 else { return nil }
      let record = try archive.bytes(at..<(at + 56))
      return record.integer(0, 4) == 0x0606_4B50 ? (at, record) : nil
    }
  }
}

/// A member's record in the directory.
private struct ZipHeader {
  private let flags: Int
  private let name: [UInt8]
  private let attributes: Int
  private let isFromUnix: Bool
  private let entry: ZipEntry
  /// The place of the next record.
  let next: Int

  /// Nil where there is none.
  init?(_ bytes: [UInt8], _ at: Int, archiveStart: Int) {
    guard at <= bytes.count - 46, bytes.integer(at, 4) == 0x0201_4B50 else { return nil }
    let nameStart = at + 46
    let extraStart = nameStart + bytes.integer(at + 28, 2)
    let extraEnd = extraStart + bytes.integer(at + 30, 2)
    next = extraEnd + bytes.integer(at + 32, 2)
    guard next <= bytes.count else { return nil }
    flags = bytes.integer(at + 8, 2)
    attributes = bytes.integer(at + 38, 4)
    isFromUnix = bytes[at + 5] == 3
    var size = bytes.integer(at + 24, 4)
    var packed = bytes.integer(at + 20, 4)
    var offset = bytes.integer(at + 42, 4)
    var name = Array(bytes[nameStart..<extraStart])
    var field = extraStart
    while field <= extraEnd - 4 {
      let (kind, end) = (bytes.integer(field, 2), field + 4 + bytes.integer(field + 2, 2))
      guard end <= extraEnd else { break }
      var value = field + 4
      if kind == 1 {
        // Zip64: those of the numbers that did not fit, in this order.
        func take(_ number: inout Int) {
          guard number == 0xFFFF_FFFF, value <= end - 8 else { return }
          number = bytes.integer(value, 8)
          value += 8
        }
        take(&size)
        take(&packed)
        take(&offset)
      } else if kind == 0x7075, end - value > 5, bytes[value] == 1, bytes.integer(value + 1, 4) == Self.checksum(name) {
        // The name in UTF-8, beside one in another encoding.
        name = Array(bytes[(value + 5)..<end])
      }
      field = end
    }
    self.name = name
    // The archive may say any number: one that can't be a place lies outside of it.
    let place = archiveStart.addingReportingOverflow(offset)
    entry = ZipEntry(
      offset: offset < 0 || place.overflow ? -1 : place.partialValue, packed: packed, size: size, checksum: bytes.integer(at + 16, 4),
      method: bytes.integer(at + 10, 2), options: flags & 6)
  }

  private static func checksum(_ name: [UInt8]) -> Int { Int(crc32(0, name, uInt(name.count))) }

  /// Whether it is a regular file, and none of the files in which macOS keeps attributes.
  var holdsData: Bool {
    if name.last == 0x2F || name.starts(with: "__MACOSX/".utf8) { return false }
    if isFromUnix, attributes >> 16 != 0 { return mode_t(attributes >> 16) & S_IFMT == S_IFREG || mode_t(attributes >> 16) & S_IFMT == 0 }
    return attributes & 0x10 == 0
  }

  func member(of archiveBytes: Int) -> ArchiveMember {
    let text = FileName.text(name)
    var member = ArchiveMember(
      name: text, size: max(0, entry.size), version: String(format: "crc32-%08x-%d", entry.checksum, entry.size), place: entry.text)
    if let reason = Self.danger(name) {
      member.refusal = .unsafeName(member: text, reason: reason)
    } else if flags & 0x2041 != 0 {
      member.refusal = .encrypted(member: text)
    } else if !ZipEntry.methods.contains(entry.method) {
      member.refusal = .unsupported(member: text, method: ZipEntry.methodName(entry.method))
    } else if !entry.isWithin(archiveBytes) {
      member.refusal = .damaged(format: "zip", reason: "“\(FileName.shown(text))” lies outside of it")
    }
    return member
  }

  /// The reason why a name could lead to a place outside of the archive's folder; nil for a safe name.
  private static func danger(_ name: [UInt8]) -> String? {
    let isSeparator: (UInt8) -> Bool = { $0 == 0x2F || $0 == 0x5C }
    if name.isEmpty { return "is empty" }
    if name.contains(0) { return "has a NUL byte in it" }
    if isSeparator(name[0]) { return "begins at the root" }
    if name.count > 1, name[1] == 0x3A, Character(Unicode.Scalar(name[0])).isLetter, name[0] < 0x80 { return "begins with a drive" }
    if name.split(whereSeparator: isSeparator).contains(where: { $0.elementsEqual("..".utf8) }) {
      return "leads out of the archive by “..”"
    }
    return nil
  }
}

/// The place of a member's data, and how it is packed.
struct ZipEntry: Equatable {
  /// The place of the member's own header in the file.
  var offset: Int
  /// The data's bytes in the archive, and the content's.
  var packed: Int
  var size: Int
  /// CRC-32 of the content.
  var checksum: Int
  var method: Int
  /// The flags that the method needs.
  var options: Int

  /// The methods that libarchive unpacks.
  static let methods: Set<Int> = [0, 8, 12, 14, 93, 95, 98]

  static func methodName(_ method: Int) -> String {
    let names = [
      1: "shrinking", 2: "reducing", 3: "reducing", 4: "reducing", 5: "reducing", 6: "imploding", 9: "deflate64", 10: "PKWARE's DCL",
      97: "WavPack",
      96: "JPEG",
    ]
    return names[method].map { "\($0) (method \(method))" } ?? "method \(method)"
  }

  func isWithin(_ archiveBytes: Int) -> Bool {
    offset >= 0 && packed >= 0 && size >= 0 && offset <= archiveBytes - 30 && packed <= archiveBytes - 30 - offset
  }

  /// As a member's place.
  var text: String { [offset, packed, size, checksum, method, options].map { String($0) }.joined(separator: " ") }

  init(offset: Int, packed: Int, size: Int, checksum: Int, method: Int, options: Int) {
    (self.offset, self.packed, self.size, self.checksum, self.method, self.options) = (offset, packed, size, checksum, method, options)
  }

  /// Nil where the text is no place.
  init?(_ text: String) {
    let numbers = text.split(separator: " ").compactMap { Int($0) }
    guard numbers.count == 6 else { return nil }
    self.init(
      offset: numbers[0], packed: numbers[1], size: numbers[2], checksum: numbers[3], method: numbers[4], options: numbers[5])
  }
}

extension [UInt8] {
  /// A number of so many bytes, the lowest first; -1 where it is larger than an Int.
  func integer(_ at: Int, _ bytes: Int) -> Int {
    var value: UInt64 = 0
    for i in (0..<bytes).reversed() { value = value << 8 | UInt64(self[at + i]) }
    return Int(exactly: value) ?? -1
  }

  /// Appends a number of so many bytes, the lowest first.
  mutating func append(_ value: Int, _ bytes: Int) {
    for i in 0..<bytes { append(UInt8(truncatingIfNeeded: value >> (8 * i))) }
  }
}

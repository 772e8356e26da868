import Configuration
import Records

@testable import Decompress

/// An archive that is zip but for what a test breaks on purpose.
protocol BrokenArchive: Archive {}

extension BrokenArchive {
  static var page: ComponentPage { ZipArchive.page }
  static var marks: [Mark] { ZipArchive.marks }
  static func members(of bytes: any RandomAccess) throws -> [ArchiveMember] { try ZipArchive.members(of: bytes) }
  static func read(_ place: String, of bytes: any RandomAccess, limits: DecompressLimits) throws -> any MemberReader {
    try ZipArchive.read(place, of: bytes, limits: limits)
  }
}

enum ForgetsAnArchivesMember: BrokenArchive {
  static func members(of bytes: any RandomAccess) throws -> [ArchiveMember] { Array(try ZipArchive.members(of: bytes).dropLast()) }
}

enum ReadsTheFirstMember: BrokenArchive {
  static func read(_ place: String, of bytes: any RandomAccess, limits: DecompressLimits) throws -> any MemberReader {
    try ZipArchive.read(ZipArchive.members(of: bytes)[0].place, of: bytes, limits: limits)
  }
}

/// A reader around zip's.
private class BrokenReader: MemberReader {
  let inner: any MemberReader
  init(_ inner: any MemberReader) { self.inner = inner }
  func read(into out: ByteBuffer) throws -> Bool { try inner.read(into: out) }
}

/// Drops a member's last byte.
enum ReadsTooLittle: BrokenArchive {
  private final class Reader: BrokenReader {
    override func read(into out: ByteBuffer) throws -> Bool {
      let before = out.count
      let goesOn = try super.read(into: out)
      if !goesOn, out.count > before { out.count -= 1 }
      return goesOn
    }
  }
  static func read(_ place: String, of bytes: any RandomAccess, limits: DecompressLimits) throws -> any MemberReader {
    Reader(try ZipArchive.read(place, of: bytes, limits: limits))
  }
}

enum ReadsPastTheRoom: BrokenArchive {
  private final class Reader: BrokenReader {
    override func read(into out: ByteBuffer) throws -> Bool {
      out.reserve(1 << 20)
      return try super.read(into: out)
    }
  }
  static func read(_ place: String, of bytes: any RandomAccess, limits: DecompressLimits) throws -> any MemberReader {
    Reader(try ZipArchive.read(place, of: bytes, limits: limits))
  }
}

/// Takes an archive without a directory for one without members.
enum TakesCutArchives: BrokenArchive {
  static func members(of bytes: any RandomAccess) throws -> [ArchiveMember] { (try? ZipArchive.members(of: bytes)) ?? [] }
}

/// Takes a failure at a member's end for the end.
enum TakesWrongChecksums: BrokenArchive {
  private final class Reader: BrokenReader {
    override func read(into out: ByteBuffer) throws -> Bool { (try? super.read(into: out)) ?? false }
  }
  static func read(_ place: String, of bytes: any RandomAccess, limits: DecompressLimits) throws -> any MemberReader {
    Reader(try ZipArchive.read(place, of: bytes, limits: limits))
  }
}

enum TakesAnyName: BrokenArchive {
  static func members(of bytes: any RandomAccess) throws -> [ArchiveMember] {
    try ZipArchive.members(of: bytes).map { member in
      var member = member
      member.refusal = nil
      return member
    }
  }
}

enum IgnoresArchiveLimits: BrokenArchive {
  static func read(_ place: String, of bytes: any RandomAccess, limits: DecompressLimits) throws -> any MemberReader {
    try ZipArchive.read(place, of: bytes, limits: DecompressLimits())
  }
}

enum HasOneVersion: BrokenArchive {
  static func members(of bytes: any RandomAccess) throws -> [ArchiveMember] {
    try ZipArchive.members(of: bytes).map { member in
      var member = member
      member.version = "1"
      return member
    }
  }
}

enum HasNoMarks: BrokenArchive {
  static var marks: [Mark] { [] }
}

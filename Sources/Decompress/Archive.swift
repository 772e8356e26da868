import Configuration
import Records

/// A container of items: how it is known, what is in it, and how a member is read.
///
/// An archive is one type in one file beside this, and one line in ``Archives/all``. `Tests/CodecTests` has the checks that every
/// archive passes. One whose library was missing when the program was built stays in the registry, so that it is named: its page says
/// what is missing.
///
/// Calls block: they are made on threads for that.
package protocol Archive: Component, SendableMetatype {
  /// Bytes that it begins with.
  static var marks: [Mark] { get }

  /// The members that hold data, in the archive's order: no folders, no links. A member that can't be read is one of them, and says why.
  ///
  /// - Throws: ``ArchiveError`` where there is no such archive; what `bytes` throws.
  static func members(of bytes: any RandomAccess) throws -> [ArchiveMember]

  /// Begins to read a member.
  ///
  /// - Parameter place: the member's ``ArchiveMember/place``.
  /// - Throws: ``ArchiveError`` where there is no such member any more; what `bytes` throws.
  static func read(_ place: String, of bytes: any RandomAccess, limits: DecompressLimits) throws -> any MemberReader
}

/// Bytes that can be read from any place: a file, a download that was kept, a source with ranges.
package protocol RandomAccess: Sendable {
  /// How many there are.
  var count: Int { get }

  /// Fills `buffer` with the bytes from `offset` on, all of which are within ``count``.
  func read(_ buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws
}

extension RandomAccess {
  /// A copy of the bytes in a range.
  func bytes(_ range: Range<Int>) throws -> [UInt8] {
    try Array(unsafeUninitializedCapacity: range.count) { buffer, count in
      try read(UnsafeMutableRawBufferPointer(buffer), at: range.lowerBound)
      count = range.count
    }
  }
}

/// What an archive tells of a member.
package struct ArchiveMember: Sendable, Equatable {
  /// Its name with folders, as ``FileName`` keeps names: `2026/orders.csv`.
  package var name: String
  /// Bytes of its content.
  package var size: Int
  /// Differs where the content does.
  package var version: String
  /// What it takes to read it. Opaque to all but its archive.
  package var place: String
  /// Why it can't be read; nil where it can.
  package var refusal: ArchiveError?
}

/// Reads one member from its beginning.
package protocol MemberReader: AnyObject {
  /// Appends content to `out`, as far as that has room.
  ///
  /// - Returns: false at the end: then the content is whole, and its checks hold.
  /// - Throws: ``ArchiveError``, ``DecompressError`` for limits, and what the archive's bytes throw.
  func read(into out: ByteBuffer) throws -> Bool
}

/// What is wrong with an archive, or a member.
package enum ArchiveError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The archive ends too early.
  case truncated(format: String, reason: String)
  /// The archive breaks its format's rules.
  case damaged(format: String, reason: String)
  /// It has more members than are taken, or its directory is too long.
  case tooMany(format: String, limit: String)
  /// The member's name leads out of the archive.
  case unsafeName(member: String, reason: String)
  /// Another member has the same name.
  case sameName(member: String)
  /// The member can't be read without a password.
  case encrypted(member: String)
  /// The member is compressed in a way that is not read here.
  case unsupported(member: String, method: String)
  /// This build is without the library.
  case missing(format: String, reason: String)

  package var description: String {
    switch self {
    case .truncated(let format, let reason): "the \(format) archive is not whole: \(reason); it was cut, or is still being written"
    case .damaged(let format, let reason): "the \(format) archive is damaged: \(reason)"
    case .tooMany(let format, let limit): "the \(format) archive has more than \(limit); unpack it first"
    case .unsafeName(let member, let reason):
      "the member's name \(Self.shown(member)) \(reason), and is not taken from an archive; unpack it first, under another name"
    case .sameName(let member):
      "another member of the archive has the name \(Self.shown(member)) too, and nothing tells which is meant; unpack it first"
    case .encrypted(let member): "the member \(Self.shown(member)) is encrypted; unpack it first, with its password"
    case .unsupported(let member, let method):
      "the member \(Self.shown(member)) is compressed by \(method), which is not supported; unpack it first"
    case .missing(let format, let reason): "it is a \(format) archive, and \(reason); unpack it first"
    }
  }

  private static func shown(_ name: String) -> String { "“\(FileName.shown(name))”" }
}

extension ArchiveError: StageError {
  package var stage: Stage { .decompress }

  /// What `sluice explain` tells more of.
  package var errorCode: ErrorCode {
    switch self {
    case .truncated: .truncatedStream
    case .damaged: .damagedStream
    case .tooMany: .inflatesTooFar
    case .unsafeName, .sameName, .encrypted, .unsupported: .unreadableMember
    case .missing: .wrongFormat
    }
  }
}

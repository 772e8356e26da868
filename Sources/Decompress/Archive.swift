import Configuration
import Records

/// A container of items: its mark, its members, and how a member is read.
///
/// An archive is one type in one file beside this, and one line in ``Archives/all``. `Tests/CodecTests` has the checks that every archive
/// passes. An archive whose library was missing when the program was built stays in the registry, so that messages can name it: its page
/// gives the reason.
///
/// Its calls block: make them on threads for that (`BlockingThreads`).
package protocol Archive: Component, SendableMetatype {
  /// Bytes that an archive of this kind begins with; one of them suffices.
  static var marks: [Mark] { get }

  /// Lists the members that hold data, in the archive's order: no folders, no links. A member that can't be read is in the list, with its
  /// ``ArchiveMember/refusal``.
  ///
  /// - Throws: ``ArchiveError`` where the bytes are no archive of this kind, or break its rules; the errors of `bytes`.
  static func members(of bytes: any RandomAccess) throws -> [ArchiveMember]

  /// Begins to read a member's content.
  ///
  /// - Parameter place: the member's ``ArchiveMember/place``.
  /// - Throws: ``ArchiveError`` where no member is at this place any more, ``DecompressError`` where it is larger than the limits; the
  ///   errors of `bytes`.
  static func read(_ place: String, of bytes: any RandomAccess, limits: DecompressLimits) throws -> any MemberReader
}

/// Bytes that can be read from any place: a file, a kept download, a source with ranges. Calls block, and any thread may make them.
package protocol RandomAccess: Sendable {
  /// How many bytes there are.
  var count: Int { get }

  /// Fills `buffer` with the bytes from `offset` on. The caller asks only for bytes within ``count``.
  func read(_ buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws
}

extension RandomAccess {
  /// Copies the bytes of a range, which is within ``count``.
  func bytes(_ range: Range<Int>) throws -> [UInt8] {
    try Array(unsafeUninitializedCapacity: range.count) { buffer, count in
      try read(UnsafeMutableRawBufferPointer(buffer), at: range.lowerBound)
      count = range.count
    }
  }
}

/// A member, as its archive's directory describes it.
package struct ArchiveMember: Sendable, Equatable {
  /// Its name with folders, as ``FileName`` keeps names: `2026/orders.csv`.
  package var name: String
  /// The size of its content in bytes, as the directory has it.
  package var size: Int
  /// A text that differs where the content does: the item's version.
  package var version: String
  /// The place that ``Archive/read(_:of:limits:)`` takes. Only the archive reads it; the ledger keeps it.
  package var place: String
  /// The reason why it can't be read; nil where it can.
  package var refusal: ArchiveError?
}

/// Reads one member from its beginning to its end. One task uses it at a time.
package protocol MemberReader: AnyObject {
  /// Appends content to `out` until that is full or the member ends.
  ///
  /// - Returns: false at the end: then the content is complete, and its checks hold.
  /// - Throws: ``ArchiveError`` where the member is damaged, ``DecompressError`` for limits, and the errors of the archive's bytes.
  func read(into out: ByteBuffer) throws -> Bool
}

/// An error of an archive, or of one of its members.
package enum ArchiveError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The archive ends too early.
  case truncated(format: String, reason: String)
  /// The archive breaks its format's rules.
  case damaged(format: String, reason: String)
  /// It has more members than Sluice takes, or its directory is too long.
  case tooMany(format: String, limit: String)
  /// The member's name leads out of the archive.
  case unsafeName(member: String, reason: String)
  /// Another member has the same name.
  case sameName(member: String)
  /// The member can't be read without a password.
  case encrypted(member: String)
  /// The member is compressed in a way that Sluice does not read.
  case unsupported(member: String, method: String)
  /// This build is without the library.
  case missing(format: String, reason: String)

  /// The sentence for logs and dead letters. It quotes the member's name and says what the user can do.
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
  /// Decompress, which reads archives.
  package var stage: Stage { .decompress }

  /// The code that `sluice explain` takes.
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

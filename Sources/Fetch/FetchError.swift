import Configuration
import Files
import Foundation

/// The reason why an item's bytes can't be had. The texts that it holds may hold secrets: redact them.
public enum FetchError: Error, Sendable, CustomStringConvertible {
  /// The server answered with another status than success.
  case status(Int, retryAfter: HTTPHead.RetryAfter?)
  /// The server refuses, in the source's own words; the status is the HTTP status that means the same.
  case refused(String, Int, retryAfter: HTTPHead.RetryAfter?)
  /// The server answers with this status and asks to wait longer than a run does.
  case comeAgain(Int, after: Duration)
  /// The server's answer contradicts itself or the request, or can't be the item's content.
  case answer(String, isTransient: Bool)
  /// The connection failed or broke, in libcurl's words.
  case connection(String)
  /// The address can't be used at all, in libcurl's words.
  case address(String)
  /// The content's SHA-256 is not the one that the definition gives; both in hexadecimal digits.
  case checksum(expected: String, found: String)
  /// The source changed while it was read: the bytes so far are of another version.
  case changed
  /// A file of this machine can't be read: its shown path, and the system's error number.
  case file(String, code: Int32)
  /// A member of an archive, or its archive, can't be read: the reason, and its code.
  case member(String, ErrorCode)
  /// A member's content is damaged, or inflates too far, behind bytes that are right: the reason, and its code.
  case memberContent(String, ErrorCode)
  /// A download can't be kept on this machine's disk: its path, and the system's error number.
  case spool(String, code: Int32)
  /// The path is not that of a regular file: the shown path, and the kind of thing that it is.
  case notAFile(String, FileStatus.Kind)

  /// Whether another try may help.
  public var isTransient: Bool {
    switch self {
    case .status(let code, _), .refused(_, let code, _):
      code == 408 || code == 425 || code == 429 || code >= 500 && code != 501 && code != 505
    case .answer(_, let isTransient): isTransient
    case .connection, .checksum, .changed: true
    case .address, .comeAgain, .notAFile, .member, .memberContent: false
    case .spool: lacksDescriptors
    case .file(_, let code): code == EIO || code == EINTR || code == ESTALE || code == EMFILE || code == ENFILE
    }
  }

  /// Whether the item's bytes are what they should be up to the place where it ended: those of a member may be damaged within.
  package var isDamage: Bool {
    if case .memberContent = self { true } else { false }
  }

  /// Whether the source has nothing at the item's place.
  package var isMissing: Bool {
    switch self {
    case .file(_, let code): code == ENOENT || code == ENOTDIR
    case .status(let code, _), .refused(_, let code, _): code == 404 || code == 410
    case .member(_, let code): code == .noSource
    default: false
    }
  }

  /// The status, and the wait that the server asks for with it; nil where it asks for none.
  var askedWait: (status: Int, wait: HTTPHead.RetryAfter)? {
    switch self {
    case .status(let code, let wait?), .refused(_, let code, let wait?): (code, wait)
    default: nil
    }
  }

  /// Whether it failed because the process may open no more descriptors.
  public var lacksDescriptors: Bool {
    switch self {
    case .file(_, let code), .spool(_, let code): code == EMFILE || code == ENFILE
    // libcurl doesn't tell.
    case .connection: ProcessLimits.areDescriptorsUsedUp
    default: false
    }
  }

  /// Whether a later run may succeed without a change by the user: a transient error, or a wait that the server asks for.
  public var mayPass: Bool {
    if case .comeAgain = self { return true }
    return isTransient
  }

  /// The sentence for logs and reports, with a remedy where there is a usual one.
  public var description: String {
    switch self {
    case .status(let code, _): "the server answers \(code)\(Self.meaning(of: code))"
    case .comeAgain(let code, let after): "the server answers \(code) and asks to come again in \(Self.words(after))"
    case .answer(let words, _), .connection(let words), .member(let words, _), .memberContent(let words, _), .refused(let words, _, _):
      words
    case .address(let words): "the address can't be used: \(words)"
    case .checksum(let expected, let found): "the content's SHA-256 is \(found), and the definition says \(expected)"
    case .changed: "the source changed while it was read"
    case .file(let path, let code): "can't read \(path): \(String(cString: strerror(code)))"
    case .spool(let path, let code): "can't write the download \(path): \(String(cString: strerror(code)))"
    case .notAFile(let path, let kind): "\(path) is \(kind.words)\(kind == .folder ? "; name the files in it: \(path)/*" : ", and no file")"
    }
  }

  private static func meaning(of status: Int) -> String {
    switch status {
    case 203: ": a proxy on the way has changed the content"
    case 204, 205: ": it has no content"
    case 206: ": it sends a part that was not asked for"
    case 304: " (not modified), although it was not asked whether anything changed"
    case 401, 403: ": it does not let us in; check fetch.from's headers"
    case 404, 410: ": there is nothing at this address"
    case 407: ": the proxy does not let us through; check fetch.proxy"
    default: ""
    }
  }

  /// `90 s`, `45 min`, `24 h`, `30 days`.
  private static func words(_ duration: Duration) -> String {
    let seconds = duration.components.seconds
    switch seconds {
    case ..<120: return "\(seconds) s"
    case ..<7200: return "\(seconds / 60) min"
    case ..<172_800: return "\(seconds / 3600) h"
    case ..<31_536_000: return "\(seconds / 86_400) days"
    default: return "more than a year"
    }
  }
}

/// The failure of a download, after all tries that its source was given.
public struct DownloadFailure: Error, Sendable {
  /// The last reading's error.
  public let error: FetchError
  /// The readings that failed, those of earlier attempts at the item included.
  public let failures: Int
  /// Whether bytes were delivered on which no reading can follow: the item has to begin anew.
  public let beginsAnew: Bool
  /// Whether the log has the failure already, and its wait is over.
  public let isTold: Bool
}

extension FetchError: StageError {
  /// Decompress for a member of an archive, else fetch.
  package var stage: Stage {
    switch self {
    case .member, .memberContent: .decompress
    default: .fetch
    }
  }

  /// The code that `sluice explain` takes.
  public var errorCode: ErrorCode {
    switch self {
    case .status, .refused, .comeAgain: .refusedByServer
    case .answer: .unusableAnswer
    case .connection: .brokenConnection
    case .address: .wrongAddress
    case .checksum: .wrongChecksum
    case .changed: .changedSource
    case .file, .notAFile: .unreadableFile
    case .spool: .ledger
    case .member(_, let code), .memberContent(_, let code): code
    }
  }
}

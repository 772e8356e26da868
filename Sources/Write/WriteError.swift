import Configuration
import Files
import Foundation

/// An error of the system or of a database while output was written.
public struct WriteError: Error, Sendable, CustomStringConvertible {
  /// The verb for the sentence: can't ACTION PATH.
  public let action: String
  /// The file or table, as the sentence names it.
  public let path: String
  /// The system's error number (errno); 0 where ``reason`` says it.
  public let code: Int32
  /// The kind of a thing that is not a regular file and stands in the output's place; nil where that is not the trouble.
  public let found: FileStatus.Kind?
  /// The trouble and its remedy, where the system has no number for it; nil else.
  public let reason: String?
  private let isOfOneOutput: Bool
  /// Whether another try may succeed: the server of the sink went away, or a lock was held.
  package let isTransient: Bool
  /// Whether the output can't be gone on with, and can be begun anew.
  package let isOutdated: Bool

  /// Makes an error of a system call.
  public init(action: String, path: String, code: Int32 = errno, found: FileStatus.Kind? = nil) {
    self.action = action
    self.path = path
    self.code = code
    self.found = found
    reason = nil
    isOfOneOutput = false
    isTransient = false
    isOutdated = false
  }

  /// Makes an error from a reason.
  ///
  /// - Parameters:
  ///   - concernsOneOutput: whether other outputs can be written all the same.
  ///   - isTransient: whether another try may succeed.
  ///   - isOutdated: whether the output can only be begun anew.
  public init(
    action: String, path: String, reason: String, concernsOneOutput: Bool = false, isTransient: Bool = false, isOutdated: Bool = false
  ) {
    self.isTransient = isTransient
    self.isOutdated = isOutdated
    self.action = action
    self.path = path
    self.reason = reason
    isOfOneOutput = concernsOneOutput
    code = 0
    found = nil
  }

  /// An output that a checkpoint speaks of can't be gone on with: it has to be begun anew.
  static func outdated(_ path: String, _ reason: String) -> WriteError {
    WriteError(action: "go on with", path: path, reason: reason, isOutdated: true)
  }

  /// Whether the program that read standard output went away.
  public var isReaderGone: Bool { code == EPIPE }

  /// Whether the trouble is one output's name or place: then its item fails, and the run goes on.
  public var concernsOneOutput: Bool {
    isOfOneOutput || found != nil || [ENAMETOOLONG, EISDIR, ENOTDIR, ENOTEMPTY, ELOOP, EEXIST].contains(code)
  }

  /// The sentence for the log, with a remedy where there is a usual one.
  public var description: String {
    if let reason { return "can't \(action) \(path): \(reason)" }
    if let found { return "can't \(action) \(path): it is \(found.words), and only a file is replaced" }
    let remedy =
      switch code {
      case ENOTDIR: "; a part of the path is a file"
      default: SystemFailure(code: code).remedy
      }
    return "can't \(action) \(path): \(String(cString: strerror(code)))\(remedy)"
  }

  /// Calls `body`, and turns the failure of a system call into a ``WriteError`` that says what the call was for.
  static func wrap<T>(_ action: String, _ path: String, _ body: () throws -> T) throws -> T {
    do {
      return try body()
    } catch let failure as SystemFailure {
      throw WriteError(action: action, path: path, code: failure.code)
    }
  }
}

extension WriteError: StageError {
  /// Write.
  package var stage: Stage { .write }
  /// Always ``ErrorCode/cannotWrite``.
  package var errorCode: ErrorCode { .cannotWrite }
}

import Configuration
import Files
import Foundation

/// What the system, or a database, refused while output was written.
public struct WriteError: Error, Sendable, CustomStringConvertible {
  public let action: String
  public let path: String
  public let code: Int32
  /// What stands where a file was to be put, where that is the trouble.
  public let found: FileStatus.Kind?
  /// What is wrong and what to do about it, where no code of the system says it.
  public let reason: String?
  private let isOfOneOutput: Bool

  public init(action: String, path: String, code: Int32 = errno, found: FileStatus.Kind? = nil) {
    self.action = action
    self.path = path
    self.code = code
    self.found = found
    reason = nil
    isOfOneOutput = false
  }

  /// - Parameter concernsOneOutput: whether others can be written all the same.
  public init(action: String, path: String, reason: String, concernsOneOutput: Bool = false) {
    self.action = action
    self.path = path
    self.reason = reason
    isOfOneOutput = concernsOneOutput
    code = 0
    found = nil
  }

  /// Whether what reads standard output went away.
  public var isReaderGone: Bool { code == EPIPE }

  /// Whether the trouble is one output's name or place, so that others can be written.
  public var concernsOneOutput: Bool {
    isOfOneOutput || found != nil || [ENAMETOOLONG, EISDIR, ENOTDIR, ENOTEMPTY, ELOOP, EEXIST].contains(code)
  }

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

  /// Does `body`, and says of a system call that fails what it was for.
  static func wrap<T>(_ action: String, _ path: String, _ body: () throws -> T) throws -> T {
    do {
      return try body()
    } catch let failure as SystemFailure {
      throw WriteError(action: action, path: path, code: failure.code)
    }
  }
}

extension WriteError: StageError {
  package var stage: Stage { .write }
  package var errorCode: ErrorCode { .cannotWrite }
}

import ArgumentParser
import Engine
import Foundation
import Synchronization

/// stdout for results, stderr for everything else.
struct Console: Sendable {
  private static let lock = Mutex(())
  private let isJSONLog: Bool
  private let level: LogLevel
  private let isQuiet: Bool
  private let file: LogFile?
  private let wantsColor: Bool
  let progressStyle: ProgressStyle

  init(_ options: CommonOptions) {
    isJSONLog = options.logFormat == .json
    isQuiet = options.quiet
    level = options.logLevel
    file = options.logFile.map { LogFile(path: $0, limit: options.logFileSize.bytes) }
    let isTerminal = isatty(STDERR_FILENO) == 1
    wantsColor = !options.noColor && ProcessInfo.processInfo.environment["NO_COLOR"] == nil
    progressStyle =
      switch options.progress {
      case _ where options.quiet: .none
      case .auto: isTerminal ? .bar : .plain
      case let chosen: chosen
      }
  }

  func hasColor(_ descriptor: Int32) -> Bool { wantsColor && isatty(descriptor) == 1 }

  /// A result.
  func print(_ text: String) { Self.write(text + "\n", to: STDOUT_FILENO) }

  /// A result as it is.
  func print(bytes: [UInt8]) { Self.write(bytes, to: STDOUT_FILENO) }

  func print(json object: Any) {
    let data = try? JSONSerialization.data(withJSONObject: object, options: [.sortedKeys, .withoutEscapingSlashes])
    print(String(decoding: data ?? Data(), as: UTF8.self))
  }

  /// What is to be known of the command itself. Where nothing is to be printed unless something is wrong, errors alone are.
  func log(_ level: LogLevel, _ message: String) { log(level, message, isShown: !isQuiet || level == .error) }

  /// What has to be known even by whoever wants to hear of nothing but what is wrong, though nothing went wrong just now.
  func told(_ message: String) { log(.warning, message, isShown: true) }

  /// What happens on the way. Who asked for quiet is told of it at the end, once.
  func event(_ level: LogLevel, _ message: String) { log(level, message, isShown: !isQuiet) }

  private func log(_ level: LogLevel, _ message: String, isShown: Bool) {
    guard rank(level) >= rank(self.level) else { return }
    let line = isJSONLog ? Self.jsonLine(level, message) : nil
    file?.add(line ?? "\(Date().ISO8601Format()) \(level.rawValue): \(message)\n")
    guard isShown else { return }
    if let line { return Self.write(line, to: STDERR_FILENO) }
    let word = level == .info ? "" : "\(level.rawValue): "
    let color = level == .error ? "\u{1B}[31m" : level == .warning ? "\u{1B}[33m" : ""
    let text = !color.isEmpty && hasColor(STDERR_FILENO) ? "\(color)\(word)\u{1B}[0m\(message)" : word + message
    Self.write((progressStyle == .bar ? "\r\u{1B}[K" : "") + text + "\n", to: STDERR_FILENO)
  }

  private static func jsonLine(_ level: LogLevel, _ message: String) -> String {
    let object = ["at": Date().ISO8601Format(), "level": level.rawValue, "message": message]
    let data = (try? JSONSerialization.data(withJSONObject: object, options: [.sortedKeys, .withoutEscapingSlashes])) ?? Data()
    return String(decoding: data, as: UTF8.self) + "\n"
  }

  /// Says what is wrong and ends with the code for it.
  func fail(_ failure: RunFailure) -> ExitCode {
    if case .definition(let errors) = failure {
      // Each error stands alone, as a compiler's does, so that editors find the places.
      Self.write(errors.description + "\n", to: STDERR_FILENO)
      file?.add("\(Date().ISO8601Format()) error: \(errors.description)\n")
    } else {
      log(.error, "\(failure.description) [\(failure.code.rawValue)]")
    }
    return ExitCode(failure.exitCode)
  }

  /// Draws over the line that stands there.
  func draw(_ line: String) { Self.write("\r\u{1B}[K" + line, to: STDERR_FILENO) }
  func clearLine() { if progressStyle == .bar { Self.write("\r\u{1B}[K", to: STDERR_FILENO) } }

  private func rank(_ level: LogLevel) -> Int { LogLevel.allCases.firstIndex(of: level) ?? 0 }

  private static func write(_ text: String, to descriptor: Int32) { write(Array(text.utf8), to: descriptor) }

  private static func write(_ bytes: [UInt8], to descriptor: Int32) {
    lock.withLock { _ in
      var done = 0
      while done < bytes.count {
        let n = bytes[done...].withUnsafeBytes { Foundation.write(descriptor, $0.baseAddress, $0.count) }
        if n < 0, errno != EINTR { return }
        done += max(0, n)
      }
    }
  }
}

/// Numbers as people read them.
enum Human {
  static func count(_ n: Int) -> String {
    var text = String(abs(n))
    var out = ""
    while text.count > 3 {
      out = "," + text.suffix(3) + out
      text = String(text.dropLast(3))
    }
    return (n < 0 ? "-" : "") + text + out
  }

  static func bytes(_ n: Int) -> String {
    let units = ["B", "KB", "MB", "GB", "TB"]
    var value = Double(n)
    var unit = 0
    while value >= 1000, unit < units.count - 1 {
      value /= 1000
      unit += 1
    }
    return unit == 0 ? "\(n) B" : String(format: "%.1f %@", value, units[unit] as NSString)
  }

  /// How long until something happens, to the millisecond.
  static func wait(_ duration: Duration) -> String { duration.formatted(.units(allowed: [.seconds, .milliseconds], width: .narrow)) }

  static func seconds(_ n: Double) -> String {
    if n < 60 { return String(format: "%.1f s", n) }
    let whole = Int(n)
    return whole < 3600 ? "\(whole / 60) min \(whole % 60) s" : "\(whole / 3600) h \(whole / 60 % 60) min"
  }
}

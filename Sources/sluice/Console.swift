import ArgumentParser
import Configuration
import Definition
import Dataflow
import Isolation
import Operations
import Planning
import Runs
import Foundation
import Ledger
import Synchronization
import Transform

/// stdout for results, stderr for everything else.
///
/// Each text is a line. Here secrets are taken out of it and its control characters spelled out, so that no command has to think of it:
/// what a value or a name holds never makes a line of its own. Texts of several lines that Sluice makes itself are given line by line.
final class Console: Sendable {
  private let isJSONLog: Bool
  private let level: LogLevel
  private let isQuiet: Bool
  private let file: LogFile?
  private let wantsColor: Bool
  let progressStyle: ProgressStyle
  private let redactors = Mutex([Redactor(secrets: [:], environment: ProcessInfo.processInfo.environment)])
  private let hasLogFailed = Mutex(false)

  /// - Throws: what to exit with where the log file can't be opened, which is told.
  init(_ options: CommonOptions) throws(ExitCode) {
    isJSONLog = options.logFormat == .json
    isQuiet = options.quiet
    level = options.logLevel
    let isTerminal = isatty(STDERR_FILENO) == 1
    wantsColor = !options.noColor && ProcessInfo.processInfo.environment["NO_COLOR"] == nil
    progressStyle =
      switch options.progress {
      case _ where options.quiet: .none
      case .auto: isTerminal ? .bar : .plain
      case let chosen: chosen
      }
    guard let path = options.logFile else {
      file = nil
      return
    }
    do {
      file = try LogFile(path: path, limit: options.logFileSize.bytes)
    } catch {
      file = nil
      throw fail("can't open the log file \(path): \(String(cString: strerror(error.code)))", .cannotWrite)
    }
  }

  func hasColor(_ descriptor: Int32) -> Bool { wantsColor && isatty(descriptor) == 1 }

  /// From here on a definition's secrets are taken out of what is shown too.
  func hide(_ redactor: Redactor) { redactors.withLock { $0.append(redactor) } }

  /// Text without secrets. Redact a text before you cut it.
  func redact(_ text: String) -> String {
    // The newest first: a definition's names for its secrets say more than those of the environment.
    redactors.withLock { $0 }.reversed().reduce(text) { $1.redact($0) }
  }

  // MARK: Results

  /// A line.
  func print(_ line: String) { StandardStreams.print(ShownText.line(redact(line)) + "\n") }

  func print(lines: [String]) { for line in lines { print(line) } }

  /// A text of Sluice's own, as it is.
  func print(text: String) { StandardStreams.print(text.hasSuffix("\n") ? text : text + "\n") }

  /// Bytes as they are: of data, or for the terminal itself.
  func print(bytes: [UInt8]) { StandardStreams.print(bytes) }

  /// - Parameter isFaithful: false where secrets are to be taken out of its texts.
  func print(json object: Any, isFaithful: Bool = false) {
    let shown = isFaithful ? object : Self.mapped(object, redact)
    let data = try? JSONSerialization.data(withJSONObject: shown, options: [.sortedKeys, .withoutEscapingSlashes])
    StandardStreams.print(ShownText.json(String(decoding: data ?? Data(), as: UTF8.self)) + "\n")
  }

  /// A JSON value with its texts changed.
  private static func mapped(_ value: Any, _ change: (String) -> String) -> Any {
    switch value {
    case let text as String: change(text)
    case let list as [Any]: list.map { mapped($0, change) }
    case let object as [String: Any]: object.mapValues { mapped($0, change) }
    default: value
    }
  }

  // MARK: Messages

  /// Logs a message about the command itself. `--quiet` leaves warnings and errors.
  func log(_ level: LogLevel, _ message: String) { log(level, lines: [message]) }

  /// - Parameter lines: a message of several lines.
  func log(_ level: LogLevel, lines: [String]) { log(level, lines, isShown: !isQuiet || rank(level) >= rank(.warning)) }

  /// Logs an event of the run. With `--quiet` one notice tells of all at the end.
  func event(_ level: LogLevel, _ message: String) { log(level, [message], isShown: !isQuiet) }

  private func log(_ level: LogLevel, _ lines: [String], isShown: Bool) {
    guard rank(level) >= rank(self.level) else { return }
    if isJSONLog {
      let line = jsonLine(level, redact(lines.joined(separator: "\n")))
      keep(line)
      if isShown { StandardStreams.tell(line) }
      return
    }
    let message = lines.map { ShownText.message(redact($0)) }.joined(separator: "\n")
    keep("\(Date().ISO8601Format()) \(level.rawValue): \(message)\n")
    guard isShown else { return }
    let word = level == .info ? "" : "\(level.rawValue): "
    let color = level == .error ? "\u{1B}[31m" : level == .warning ? "\u{1B}[33m" : ""
    let text = !color.isEmpty && hasColor(STDERR_FILENO) ? "\(color)\(word)\u{1B}[0m\(message)" : word + message
    StandardStreams.tell((progressStyle == .bar ? "\r\u{1B}[K" : "") + text + "\n")
  }

  /// Puts a text into the log file. That it can't be written is no reason to stop, and told once.
  private func keep(_ text: String) {
    guard let file else { return }
    do {
      try file.add(text)
    } catch {
      let isFirst = hasLogFailed.withLock { hasFailed in
        defer { hasFailed = true }
        return !hasFailed
      }
      if isFirst {
        log(.warning, "can't write the log file \(file.path): \(String(cString: strerror(error.code))); messages are missing there")
      }
    }
  }

  private func jsonLine(_ level: LogLevel, _ message: String) -> String {
    let object = ["at": Date().ISO8601Format(), "level": level.rawValue, "message": message]
    let data = (try? JSONSerialization.data(withJSONObject: object, options: [.sortedKeys, .withoutEscapingSlashes])) ?? Data()
    return ShownText.json(String(decoding: data, as: UTF8.self)) + "\n"
  }

  /// Says what is wrong and ends with the code for it.
  func fail(_ failure: RunFailure) -> ExitCode {
    if let errors = failure.definitionErrors {
      // Each error stands alone, as a compiler's does, so that editors find the places.
      if isJSONLog {
        for error in errors.sorted { log(.error, errors.head(error)) }
        return ExitCode(failure.exitCode)
      }
      let text = errors.lines.map(redact).joined(separator: "\n") + "\n"
      StandardStreams.tell(text)
      keep("\(Date().ISO8601Format()) error: \(text)")
    } else {
      log(.error, "\(failure.description) [\(failure.code.rawValue)]")
    }
    return ExitCode(failure.exitCode)
  }

  /// The same of what has no code of its own.
  func fail(_ message: String, _ status: ExitStatus) -> ExitCode {
    log(.error, message)
    return ExitCode(status)
  }

  /// Draws over the line that stands there.
  func draw(_ line: String) { StandardStreams.tell("\r\u{1B}[K" + line) }
  func clearLine() { if progressStyle == .bar { StandardStreams.tell("\r\u{1B}[K") } }

  private func rank(_ level: LogLevel) -> Int { LogLevel.allCases.firstIndex(of: level) ?? 0 }
}

/// Numbers as people read them.
enum Human {
  /// Where records went, and how many lines were none.
  static func counts(_ c: RecordCounts, note: String = "") -> String {
    let blank =
      c.blankLines == 0
      ? "" : "; \(count(c.blankLines)) blank line\(c.blankLines == 1 ? "" : "s"), no record\(c.blankLines == 1 ? "" : "s")"
    return
      "\(count(c.read)) read = \(count(c.written)) written + \(count(c.filtered)) filtered + \(count(c.deadLettered)) dead-lettered\(note)\(blank)"
  }

  static func count(_ n: Int) -> String {
    var text = String(abs(n))
    var out = ""
    while text.count > 3 {
      out = "," + text.suffix(3) + out
      text = String(text.dropLast(3))
    }
    return (n < 0 ? "-" : "") + text + out
  }

  static func bytes(_ n: Int) -> String { SizeText.of(n) }

  /// The size of a loaded table.
  static func loaded(_ size: LoadedSize) -> String {
    "\(size.name) is loaded: \(count(size.records)) records, \(bytes(size.bytes)) of the \(bytes(size.mostBytes)) of memory that they may take"
  }

  /// How long until something happens, to the millisecond.
  static func wait(_ duration: Duration) -> String { duration.formatted(.units(allowed: [.seconds, .milliseconds], width: .narrow)) }

  static func seconds(_ n: Double) -> String {
    if n < 60 { return String(format: "%.1f s", n) }
    // A server may tell any size, and so a rate any time.
    let whole = Int(Swift.min(n, 1e15))
    return whole < 3600 ? "\(whole / 60) min \(whole % 60) s" : "\(whole / 3600) h \(whole / 60 % 60) min"
  }
}

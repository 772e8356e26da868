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

enum OutputFormat: String, ExpressibleByArgument, CaseIterable { case text, json }
enum ProgressStyle: String, ExpressibleByArgument, CaseIterable { case auto, bar, plain, none }
enum LogLevel: String, ExpressibleByArgument, CaseIterable { case debug, info, warning, error }

/// A size as definitions write it.
struct ByteSize: ExpressibleByArgument {
  let bytes: Int

  init(bytes: Int) { self.bytes = bytes }

  init?(argument: String) {
    guard let bytes = Scalars.byteCount(argument), bytes > 0 else { return nil }
    self.bytes = bytes
  }

  var defaultValueDescription: String { "\(bytes / 1_000_000)MB" }
}

/// How many of something a command is to take, from 0.
struct Amount: ExpressibleByArgument {
  let value: Int

  init(_ value: Int) { self.value = value }

  init?(argument: String) {
    guard let value = Int(argument), value >= 0 else { return nil }
    self.value = value
  }

  var defaultValueDescription: String { "\(value)" }
}

/// Options that every command takes.
struct CommonOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp("The folder of ledger and spool (default: .sluice beside the definition).", valueName: "dir"), completion: .directory
  )
  var state: String?

  @Option(help: "What goes to stdout: text or json.")
  var output = OutputFormat.text

  @Option(help: "Messages on stderr: text or json, one object a line.")
  var logFormat = OutputFormat.text

  @Option(help: "The least important messages to show: debug, info, warning, error.")
  var logLevel = LogLevel.info

  @Option(help: ArgumentHelp("Messages go into this file too, whatever is shown.", valueName: "file"), completion: .file())
  var logFile: String?

  @Option(help: ArgumentHelp("A longer log file begins anew; the last 5 are kept as NAME.1 to NAME.5.", valueName: "size"))
  var logFileSize = ByteSize(bytes: 10_000_000)

  @Option(help: "auto, bar, plain (a line every 10 s) or none.")
  var progress = ProgressStyle.auto

  @Flag(name: .shortAndLong, help: "Print nothing unless something is wrong.")
  var quiet = false

  @Flag(help: "No colours (also: the environment variable NO_COLOR).")
  var noColor = false

  func validate() throws {
    guard let state else { return }
    if state.isEmpty { throw ValidationError("--state is empty; give a folder") }
    // The rest of an address may hold a password.
    if Ledgers.kind(of: state) == nil { throw ValidationError("--state \(state.prefix { $0 != "/" })//…: \(Ledgers.unknown)") }
  }

  /// - Throws: what to exit with where the log file can't be opened.
  func console() throws(ExitCode) -> Console { try Console(self) }

  func stateFolder(beside definition: String) -> StateFolder { state.map(StateFolder.init) ?? .beside(definition) }
}

/// `--var NAME=VALUE`.
struct VariableOptions: ParsableArguments {
  @Option(
    name: .customLong("var"), help: ArgumentHelp("A variable for the definition; it wins over the environment.", valueName: "name=value"))
  var variables: [String] = []

  func values() throws -> [String: String] {
    var values: [String: String] = [:]
    for variable in variables {
      guard let equals = variable.firstIndex(of: "="), equals > variable.startIndex else {
        throw ValidationError("--var takes NAME=VALUE, and “\(variable)” is not that")
      }
      values[String(variable[..<equals])] = String(variable[variable.index(after: equals)...])
    }
    return values
  }
}

/// The subject of a command: a definition's path, a pipeline's name, or a run's number.
struct Subject {
  var state: StateFolder
  var pipeline: String?
  var run: Int64?
  /// Where it was named by its path.
  var definition: String?

  init(_ text: String?, _ common: CommonOptions) throws {
    guard let text else {
      state = StateFolder(path: common.state ?? ".sluice")
      return
    }
    if FileManager.default.fileExists(atPath: text) {
      state = common.stateFolder(beside: text)
      pipeline = Self.name(inDefinition: text)
      definition = text
    } else if text.contains("/") || text.hasSuffix(".yaml") || text.hasSuffix(".yml") {
      throw ValidationError("there is no definition \(text)")
    } else {
      state = StateFolder(path: common.state ?? ".sluice")
      run = Int64(text)
      if run == nil { pipeline = text }
    }
  }

  /// The pipeline's name, without asking that the whole definition be right now.
  private static func name(inDefinition path: String) -> String? {
    let text = FileManager.default.contents(atPath: path).map { String(decoding: $0, as: UTF8.self) } ?? ""
    for line in text.split(separator: "\n") where line.hasPrefix("pipeline:") {
      return line.dropFirst(9).split(separator: "#").first?.trimmingCharacters(in: CharacterSet(charactersIn: " \t\r\"'"))
    }
    return nil
  }

  /// The ledger, to be read. A run or a pipeline that is named must be known to it: who misspells one is not to be told of nothing.
  func ledger() async throws -> any Ledger {
    guard let ledger = try Ledgers.openReadOnly(state.path) else {
      throw ValidationError("there is no ledger in \(state.path); give the definition's path, or --state")
    }
    if let run { _ = try await requireRun(run, ledger) }
    if let pipeline, definition == nil, try await ledger.runs(pipeline: pipeline, limit: 1).isEmpty {
      let known = try await Set(ledger.runs(pipeline: nil).map(\.pipeline)).sorted()
      throw ValidationError(
        "there is no run of a pipeline “\(pipeline)” in \(state.path)\(known.isEmpty ? "" : "; there are runs of \(known.joined(separator: ", "))")"
      )
    }
    return ledger
  }

  /// The run of this number, which there must be.
  func requireRun(_ number: Int64, _ ledger: any Ledger) async throws -> RunRecord {
    guard let record = try await ledger.run(RunID(number)) else { throw ValidationError("there is no run \(number) in \(state.path)") }
    return record
  }

  /// Takes the secrets that the pipelines' definitions name out of what `console` shows, as far as the environment holds them now.
  func hideSecrets(_ console: Console, _ ledger: any Ledger) async throws {
    var pipeline = pipeline
    if let run { pipeline = try await ledger.run(RunID(run))?.pipeline }
    var seen: Set<String> = []
    for record in try await ledger.runs(pipeline: pipeline) where seen.insert(record.pipeline).inserted {
      console.hide(PipelineDefinition.redactor(text: record.definition, path: record.definitionPath, variables: record.variables))
    }
  }

  /// The run that is meant: the one named, or the newest.
  func record(_ ledger: any Ledger) async throws -> RunRecord? {
    if let run { return try await ledger.run(RunID(run)) }
    return try await ledger.runs(pipeline: pipeline, limit: 1).first
  }
}

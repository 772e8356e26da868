import ArgumentParser
import Configuration
import Definition
import Dataflow
import Isolation
import Operations
import Planning
import Runs
import Files
import Foundation
import Transform

@main
struct Sluice: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sluice",
    abstract: "Batch data ingestion: fetch, decompress, parse, transform, write. Nothing lost, nothing doubled.",
    discussion: "Begin with: sluice init FILE-OR-ADDRESS. Definitions, expressions, exit codes and more: sluice help topics.",
    version: "0.1.0",
    subcommands: [ManualCommand.self],
    groupedSubcommands: [
      CommandGroup(name: "Definitions", subcommands: [Init.self, Check.self, Doctor.self, Test.self, List.self, SchemaCommand.self]),
      CommandGroup(name: "Runs", subcommands: [Run.self, Resume.self, Schedule.self]),
      CommandGroup(
        name: "What happened", subcommands: [Status.self, Runs.self, Report.self, DeadLetters.self, Explain.self, PruneCommand.self]),
    ])

  static func main() async {
    // A reader of stdout that went away is an error of the write, not the end of the process.
    signal(SIGPIPE, SIG_IGN)
    StandardStreams.prepare()
    if let lack = ProcessLimits.lack() { leave(end(RunFailure.limits(lack), EngineRole.arguments)) }
    ParentProcess.prepare()
    leave(await run(EngineRole.arguments))
  }

  /// Ends the process. Every command ends here, so that what could not be printed counts.
  static func leave(_ code: ExitCode) -> Never { Foundation.exit(StandardStreams.status(code.rawValue)) }

  private static func run(_ words: [String]) async -> ExitCode {
    do {
      if let text = help(words) {
        StandardStreams.print(text + "\n")
        return .success
      }
      if let complaint = complaint(words) { throw ValidationError(complaint) }
      var command = try await asyncParseAsRoot(words)
      if var command = command as? any AsyncParsableCommand { try await command.run() } else { try command.run() }
      return .success
    } catch {
      return end(error, words)
    }
  }

  /// Prints what an error has to say, which may be the help that was asked for, and returns what to exit with.
  private static func end(_ error: any Error, _ words: [String]) -> ExitCode {
    if let failure = RunFailure(told: error) {
      StandardStreams.tell("error: \(ShownText.message(failure.description)) [\(failure.code.rawValue)]\n")
      return ExitCode(failure.exitCode)
    }
    let code = exitCode(for: error)
    var text = fullMessage(for: error)
    if text.isEmpty { return code }
    if code.isSuccess {
      StandardStreams.print(text + "\n")
    } else {
      // The words of the command line are quoted in it; the line ends are its own.
      for word in words where ShownText.line(word) != word { text = text.replacingOccurrences(of: word, with: ShownText.line(word)) }
      StandardStreams.tell(
        text.split(separator: "\n", omittingEmptySubsequences: false).map { ShownText.line(String($0)) }.joined(separator: "\n") + "\n")
    }
    return code
  }

  private static let commands = configuration.subcommands.filter { $0.configuration.shouldDisplay }.map { $0._commandName }

  /// The page of `help TOPIC`.
  private static func help(_ words: [String]) -> String? {
    guard words.count == 2, words[0] == "help" else { return nil }
    return words[1] == "topics" ? HelpTopic.list : HelpTopic.all.first { $0.name == words[1] }?.markdown
  }

  /// The error for words that name no command.
  private static func complaint(_ words: [String]) -> String? {
    guard let word = words.first, !word.hasPrefix("-") else { return nil }
    if word == "help", words.count > 1 {
      let topics = HelpTopic.all.map(\.name) + ["topics"]
      guard !commands.contains(words[1]), !words[1].hasPrefix("-") else { return nil }
      return "there is no command or subject “\(words[1])”; \(suggestion(words[1], commands + topics))"
    }
    guard word != "help", !configuration.subcommands.contains(where: { $0._commandName == word }) else { return nil }
    if FileManager.default.fileExists(atPath: word) { return "“\(word)” is no command; to run a definition: sluice run \(word)" }
    return "there is no command “\(word)”; \(suggestion(word, commands + ["help"]))"
  }

  private static func suggestion(_ word: String, _ names: [String]) -> String {
    Spelling.nearest(to: word, among: names).map { "did you mean “\($0)”?" } ?? "there are \(names.sorted().joined(separator: ", "))"
  }
}

extension ExitCode {
  init(_ status: ExitStatus) { self.init(status.rawValue) }
}

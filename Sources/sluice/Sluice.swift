import ArgumentParser
import Engine
import Foundation
import Ledger
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
      CommandGroup(name: "Definitions", subcommands: [Init.self, Check.self, Test.self, SchemaCommand.self]),
      CommandGroup(name: "Runs", subcommands: [Run.self, Resume.self, Schedule.self]),
      CommandGroup(
        name: "What happened", subcommands: [Status.self, Runs.self, Report.self, DeadLetters.self, Explain.self, PruneCommand.self]),
    ])

  static func main() async {
    // A reader of stdout that went away is an error of the write, not the end of the process.
    signal(SIGPIPE, SIG_IGN)
    EngineProcess.prepare()
    let words = Array(CommandLine.arguments.dropFirst())
    if let text = help(words) { return print(text) }
    if let complaint = complaint(words) { exit(withError: ValidationError(complaint)) }
    do {
      var command = try parseAsRoot()
      if var command = command as? any AsyncParsableCommand { try await command.run() } else { try command.run() }
    } catch let error as LedgerError {
      fail(.ledger(error))
    } catch let failure as RunFailure {
      fail(failure)
    } catch {
      exit(withError: error)
    }
  }

  /// What a command does not deal with itself.
  private static func fail(_ failure: RunFailure) -> Never {
    let code = (try? CommonOptions.parse([]))?.console.fail(failure)
    exit(withError: code ?? ExitCode(failure.exitCode))
  }

  private static let commands = configuration.subcommands.filter { $0.configuration.shouldDisplay }.map { $0._commandName }

  /// The page of `help TOPIC`.
  private static func help(_ words: [String]) -> String? {
    guard words.count == 2, words[0] == "help" else { return nil }
    return words[1] == "topics" ? HelpTopic.list : HelpTopic.all.first { $0.name == words[1] }?.markdown
  }

  /// What is wrong with words that name no command.
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

import ArgumentParser
import Engine
import Foundation
import Transform

@main
struct Sluice: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sluice",
    abstract: "Batch data ingestion: fetch, decompress, parse, transform, write. Nothing lost, nothing doubled.",
    version: "0.1.0",
    subcommands: [
      Init.self, Run.self, Resume.self, Check.self, Runs.self, Status.self, DeadLetters.self, PruneCommand.self, SchemaCommand.self,
      Test.self, Report.self, Schedule.self, Explain.self,
    ])

  static func main() async {
    // A reader of stdout that went away is an error of the write, not the end of the process.
    signal(SIGPIPE, SIG_IGN)
    EngineProcess.prepare()
    if let word = CommandLine.arguments.dropFirst().first, let complaint = complaint(command: word) {
      exit(withError: ValidationError(complaint))
    }
    await main(nil)
  }

  /// What is wrong with a first word that is no command.
  private static func complaint(command: String) -> String? {
    let names = configuration.subcommands.map { $0._commandName } + ["help"]
    guard !command.hasPrefix("-"), !names.contains(command) else { return nil }
    if FileManager.default.fileExists(atPath: command) { return "“\(command)” is no command; to run a definition: sluice run \(command)" }
    let near = Spelling.nearest(to: command, among: names).map { "did you mean “\($0)”?" } ?? "there are \(names.joined(separator: ", "))"
    return "there is no command “\(command)”; \(near)"
  }
}

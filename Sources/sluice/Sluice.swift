import ArgumentParser
import Engine
import Foundation

@main
struct Sluice: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sluice",
    abstract: "Batch data ingestion: fetch, decompress, parse, transform, write. Nothing lost, nothing doubled.",
    version: "0.1.0",
    subcommands: [
      Run.self, Resume.self, Check.self, Runs.self, Status.self, DeadLetters.self, PruneCommand.self, SchemaCommand.self,
    ])

  static func main() async {
    // A reader of stdout that went away is an error of the write, not the end of the process.
    signal(SIGPIPE, SIG_IGN)
    EngineProcess.prepare()
    await main(nil)
  }
}

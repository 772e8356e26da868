import ArgumentParser
import Foundation

@main
struct Sluice: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sluice",
    abstract: "Batch data ingestion: fetch, decompress, parse, transform, write. Nothing lost, nothing doubled.",
    version: "0.1.0",
    subcommands: [
      Run.self, Resume.self, Check.self, Runs.self, Status.self, DeadLetters.self, SchemaCommand.self,
    ])

  static func main() async {
    // A reader of stdout that went away is an error of the write, not the end of the process.
    signal(SIGPIPE, SIG_IGN)
    #if canImport(Glibc)
      // Buffers of a chunk's size come from the heap and go back to it, not to the kernel and its page faults.
      mallopt(M_MMAP_THRESHOLD, 64 << 20)
      mallopt(M_TRIM_THRESHOLD, 64 << 20)
    #endif
    await main(nil)
  }
}

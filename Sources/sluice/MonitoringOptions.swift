import ArgumentParser
import Dataflow
import Isolation
import Operations
import Planning
import Runs
import Foundation

/// Where others look for how a run went.
struct MonitoringOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Write metrics of the run into this file as it ends, for node_exporter's textfile collector (NAME.prom).", valueName: "file"))
  var metricsFile: String?

  func write(_ notice: RunNotice, _ console: Console) {
    guard let metricsFile else { return }
    do {
      try MetricsFile.write(notice, to: metricsFile)
    } catch {
      console.log(.warning, "\(error)")
    }
  }
}

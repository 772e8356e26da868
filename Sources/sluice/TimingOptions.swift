import ArgumentParser
import Configuration
import Definition
import Dataflow
import Isolation
import Operations
import Planning
import Runs

/// A length of time as definitions write it.
struct TimeSpan: ExpressibleByArgument {
  let duration: Duration
  let text: String

  init?(argument: String) {
    guard let duration = Scalars.duration(argument) else { return nil }
    self.duration = duration
    text = argument
  }

  var defaultValueDescription: String { text }
}

/// How long a run may wait and take.
struct TimingOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp("Wait so long for another run of the pipeline to end, before exiting 75 (30s, 5m, 2h).", valueName: "duration"))
  var wait: TimeSpan?

  @Option(help: ArgumentHelp("Stop after so long, resumable, and exit 75 (30s, 5m, 2h).", valueName: "duration"))
  var maxDuration: TimeSpan?

  /// Calls `stop` when the longest duration is over, unless what is returned is cancelled before; nil where there is none, and in
  /// an engine, which its parent stops.
  func stopping(_ console: Console, _ stop: @escaping @Sendable () -> Void) -> Task<Void, Never>? {
    guard let maxDuration, !EngineRole.isEngine else { return nil }
    let (duration, text) = (maxDuration.duration, maxDuration.text)
    return Task {
      do { try await Task.sleep(for: duration) } catch { return }
      console.event(.warning, "--max-duration \(text) is over")
      stop()
    }
  }
}

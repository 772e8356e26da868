import Configuration
import Decompress
import Fetch
import Parse
import Supervision
import Transform
import Write

/// The keys that a definition may have: the stages' own and those that all stages share. The loader, the JSON Schema and the reference read
/// them.
enum Declarations {
  static let pipeline: Shape = Shape.object([
    Key("pipeline", .name, "The pipeline's name: what the ledger knows it by.", required: true),
    Key("description", .text, "What it is for."),
    Key("fetch", .object(FetchSection.keys + stage), "Where the items come from.", required: true),
    Key("decompress", .object(DecompressSection.keys + stage), "How items are compressed."),
    Key("parse", .object(ParseSection.keys + stage), "How items' records are read."),
    Key("transform", TransformSection.shape(stage: stage), "What is done to each record, step by step."),
    Key("write", WriteSection.shape(stage: stage), "Where records go.", required: true),
    Key("dead_letters", .object(WriteSection.sinkKeys), "Where dead letters go as records, besides the ledger."),
    Key("limits", .object(limits), "How much may go wrong, and how much memory may be used."),
    Key("supervise", supervise, "How workers that fail are restarted."),
    Key("notify", .either([.list(NotifyRule.shape), NotifyRule.shape], "a map, or a list of maps"), "Who is told how a run ended."),
    Key("tests", .list(DefinitionTest.shape), "What should come of some records; sluice test runs them."),
  ])

  /// The most workers that a stage may have: each takes memory.
  private static let mostWorkers = 10_000

  static let stage: [Key] = [
    Key(
      "workers",
      .either(
        [
          .integer(atLeast: 1, atMost: mostWorkers),
          .object([
            Key("min", .integer(atLeast: 1, atMost: mostWorkers), "The least (default 1)."),
            Key(
              "max", .integer(atLeast: 1, atMost: mostWorkers), "The most: it grows while its input is full and its output is not.",
              required: true),
          ]),
        ], "a whole number from 1 up, or a map with max"), "How many workers serve the stage."),
    Key("buffer", .integer(atLeast: 1), "How many messages may wait before the stage."),
    Key("retry", retry, "How often a unit of work is tried, and the waits between."),
    Key("supervise", supervise, "How this stage's workers that fail are restarted."),
  ]

  static let retry: Shape = Shape.object([
    Key("attempts", .integer(atLeast: 1), "Tries in all (default 5)."),
    Key("backoff", .durationRange, "The first and the longest wait (default 500ms..60s): they double, with full jitter."),
  ])

  static let supervise: Shape = Shape.object([
    Key("restart", .choice(RestartPolicy.Restart.allCases.map(\.rawValue)), "When a worker is restarted (default on_failure)."),
    Key(
      "strategy", .choice(RestartPolicy.Strategy.allCases.map(\.rawValue)),
      "Who is restarted with one that failed: it alone, those after it too, or all (default one_for_one)."),
    Key("max_restarts", .integer(atLeast: 0), "Restarts within the period, past which the stage gives up (default 10)."),
    Key("within", .duration, "The period (default 60s)."),
    Key("backoff", .durationRange, "The first and the longest wait before a restart (default 100ms..30s)."),
    Key("watchdog", .duration, "Without progress for so long, a unit is taken from its worker (default 60s)."),
    Key(
      "poison_after", .integer(atLeast: 1),
      "What was in work when the engine's process died so often is tried once more, alone, and then a dead letter (default 2)."),
  ])

  static let limits: [Key] = [
    Key("dead_letters", .share, "More dead letters than this and the run exits 65 (default 0)."),
    Key(
      "on_exceed", .choice(OnExceed.allCases.map(\.rawValue)),
      "finish: write all that is good first (default). stop: at once, resumable. A share is then one of what was read so far, of 1000 records at least."
    ),
    Key("memory", .byteCount, "What the channels may hold together (default 256MB)."),
    Key(
      "process_memory", .byteCount,
      "What the engine's process may allocate; one that wants more is started anew (default half of the machine's, at least 2GB)."),
    Key("failed_items", .integer(atLeast: 0), "More failed items than this and the run stops, resumable (default: no limit)."),
  ]
}

/// The reaction of a run to more dead letters than `limits.dead_letters` (`limits.on_exceed`): it goes on to its end, or stops at once. A
/// limit that is a share is then one of the records read so far, of 1000 at least.
public enum OnExceed: String, Sendable, CaseIterable, Codable { case finish, stop }

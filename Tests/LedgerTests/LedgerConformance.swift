@testable import Ledger

/// The checks that every ledger passes. Each returns the faults that it finds.
///
/// Each check gets an empty place of its own. Opening it again stands for another process.
enum LedgerConformance {
  typealias Check = @Sendable (any LedgerBench) async throws -> [String]

  static let checks: [(name: String, check: Check)] = [
    ("a run begins with its items", { try await $0.beginning() }),
    ("a run is continued", { try await $0.continuing() }),
    ("a new run makes earlier ones that have not ended failed ones", { try await $0.superseding() }),
    ("a run's end is kept", { try await $0.ending() }),
    ("runs are listed by pipeline, the newest first", { try await $0.listingRuns() }),
    ("what is left to do of a run is known", { try await $0.unfinished() }),
    ("a run's sums are those of its items", { try await $0.sums() }),
    ("items and runs are closed", { try await $0.closing() }),

    ("items are told apart by the bytes of their keys", { try await $0.identity() }),
    ("an item is known by former keys, and renamed", { try await $0.renaming() }),
    ("an item that starts over is as new", { try await $0.startingOver() }),
    ("an item that is read again keeps what it left until there is new content", { try await $0.keepingEarlier() }),
    ("a checkpoint is kept with its dead letters", { try await $0.checkpoints() }),
    ("a continuation is kept byte for byte, or not at all", { try await $0.continuations() }),
    ("items are done with their committables and outputs", { try await $0.finishing() }),
    ("a failed item has its dead letter alone", { try await $0.failing() }),
    ("sinks that have an item are marked", { try await $0.markingSinks() }),
    ("records that a sink refused stay until the item is done", { try await $0.refusingRecords() }),
    ("an item that is unchanged is done as it was", { try await $0.leavingUnchanged() }),
    ("pages hold each item once", { try await $0.paging() }),
    ("open items are listed", { try await $0.openItems() }),

    ("committables stay until they are forgotten", { try await $0.committables() }),
    ("a commit is taken back", { try await $0.revoking() }),
    ("outputs are found by place and by path", { try await $0.outputs() }),
    ("outputs of replays become stale", { try await $0.staleness() }),
    ("outputs of earlier builds are entered", { try await $0.earlierOutputs() }),

    ("dead letters are found by each field", { try await $0.filtering() }),
    ("dead letters are counted, with reasons and examples", { try await $0.reasons() }),
    ("dead letters are paged by item, in the order of their records", { try await $0.pagingLetters() }),
    ("a replay resolves dead letters, or gives them an attempt more", { try await $0.replays() }),
    ("a dead letter's number is never used again", { try await $0.numbers() }),

    ("events are kept up to a limit", { try await $0.events() }),
    ("a timeline is kept", { try await $0.timelines() }),
    ("columns have a number, and the last are known", { try await $0.sourceSchemas() }),
    ("a run's items are listed by what they took", { try await $0.figures() }),

    ("prune takes what has ended, and nothing else", { try await $0.pruning() }),
    ("a ledger that is only read is not written", { try await $0.readingOnly() }),
    ("all who have a ledger open see what is written", { try await $0.sharing() }),
    ("who reads while others write sees it all or nothing of it", { try await $0.isolation() }),
    ("what is written survives", { try await $0.durability() }),
  ]

  /// The faults that one check finds in a ledger; an error counts as a fault. The ledger is gone afterwards.
  static func failures(_ check: Check, _ bench: any LedgerBench) async -> [String] {
    defer { bench.remove() }
    do { return try await check(bench) } catch { return ["it threw: \(error)"] }
  }
}

import Configuration
import Definition
import Dataflow
import Isolation
import Operations
import Planning
import Runs
import Supervision

/// Shows the events of a run in words.
struct RunMessages: Sendable {
  let console: Console

  func show(_ event: RunEvent) {
    switch event {
    case .retry(let item, let attempt, let reason, let wait):
      console.event(
        .warning,
        "\(item): attempt \(attempt) failed: \(reason); trying again in \(Human.wait(wait))"
      )
    case .itemDone(let item, let counts, _):
      console.event(.debug, "\(item): done, \(Human.count(counts.written)) of \(Human.count(counts.read)) records written")
    case .itemFailed(let item, let stage, let reason, let code):
      console.event(.error, "\(item): failed in \(stage): \(reason) [\(code.rawValue)]")
    case .supervision(let event): show(event)
    case .programSaid(let command, let line): console.event(.info, "\(command): \(line)")
    case .programRestarted(let command, let reason): console.event(.warning, "\(command) is started anew: \(reason)")
    case .startsOver(let item, let reason): console.event(.warning, "\(item): starts over: \(reason)")
    case .notAsked(let item, let reason):
      console.event(.warning, "\(item): could not be asked about, and stays as it is known: \(reason) [\(ErrorCode.notAsked.rawValue)]")
    case .outdated(let count, let definition):
      console.event(
        .info,
        "\(Human.count(count)) item\(count == 1 ? " was" : "s were") done by another form of this definition, and \(count == 1 ? "stays as it is" : "stay as they are"); to do \(count == 1 ? "it" : "them") again: sluice run \(definition) --full"
      )
    case .outputsGone(let count, let first):
      console.event(
        .warning,
        "\(count) output\(count == 1 ? "" : "s") of items that are done \(count == 1 ? "is" : "are") no longer there (\(first)\(count == 1 ? "" : ", …")); sluice run --full makes them again"
      )
    case .closed(let items):
      let names = items.prefix(5).joined(separator: ", ") + (items.count > 5 ? " and \(items.count - 5) more" : "")
      let isOne = items.count == 1
      console.log(
        .warning,
        "\(names): \(isOne ? "was" : "were") not done before, and \(isOne ? "is" : "are") no longer found; a later run does \(isOne ? "it" : "them") only if fetch.from finds \(isOne ? "it" : "them") again"
      )
    case .passedOver(let count, let first):
      console.event(
        .warning,
        "\(first)\(count == 1 ? " is" : " and \(Human.count(count - 1)) more files are") this pipeline's own, and no item, though fetch.from matches \(count == 1 ? "it" : "them")"
      )
    case .toStandardOutput:
      console.event(
        .info,
        "records go to standard output: at least once each, since nothing can be taken back; what is tried again, or resumed, comes again")
    case .takesOver(let output, let owner): console.event(.warning, "\(output) was the output of \(owner), and is replaced")
    case .schemaChanged(let item, let change):
      console.event(.warning, "\(item): its columns are other than before: \(change) [\(ErrorCode.schemaChanged.rawValue)]")
    case .absentFields(let names, let records):
      let shown = names.map { "“\($0)”" }.joined(separator: ", ")
      let records =
        records == 1 ? "the one record that was read does not have" : "none of the \(Human.count(records)) records that were read has"
      console.log(.warning, "\(records) \(shown), which parse.fields names: NULL is written for \(names.count == 1 ? "it" : "them")")
    case .schema(let fields): console.event(.info, "inferred fields: \(fields)")
    case .retyped(let fields):
      console.event(
        .warning,
        "fields are inferred with other types than before: \(fields); name them in parse.fields to settle that [\(ErrorCode.schemaChanged.rawValue)]"
      )
    }
  }

  private func show(_ event: SupervisionEvent) {
    let who = event.pool == "run" ? "a stage" : "worker \(event.worker + 1) of \(event.pool)"
    switch event.kind {
    case .started: console.event(.debug, "\(who) was started")
    case .left: console.event(.debug, "\(who) had nothing to do and was let go")
    case .failed(let cause, let attempt): console.event(.warning, "\(who) failed at attempt \(attempt): \(cause)")
    case .restarted(let wait, let attempt):
      console.event(.warning, "\(who) is restarted after \(Human.wait(wait)), for attempt \(attempt)")
    case .stalled(let limit): console.event(.warning, "\(who) made no progress for \(Human.wait(limit)); its unit is taken from it")
    case .stuck: console.event(.error, "\(who) does not end although it was told to")
    case .gaveUp(let cause): console.event(.error, "\(event.pool == "run" ? "the run" : "stage \(event.pool)") gave up: \(cause)")
    }
  }
}

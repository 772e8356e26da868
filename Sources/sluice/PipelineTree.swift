import Configuration
import Definition
import Dataflow
import Isolation
import Operations
import Planning
import Runs
import Foundation
import Ledger

/// A running pipeline as a tree: its stages, their workers, what they have in work and where it is stuck.
struct PipelineTree {
  struct Worker {
    var number: Int
    var state: String
    var item: String?
    var bytes: Range<Int>?
    /// Seconds in this state.
    var age: Double
    var attempt: Int
    var restarts: Int
  }
  struct Stage {
    var name: String
    var workers: [Worker]
    var least: Int
    var most: Int
    var fill: Int
    var capacity: Int
    var units: Int
    var restarts: Int
  }

  let pid: Int
  let run: Int
  let seconds: Int
  let items: (done: Int, failed: Int, total: Int)
  let read: Int
  let written: Int
  let stages: [Stage]

  /// Nil where the board's process is no more.
  ///
  /// - Parameter redact: takes secrets out of an item's name.
  init?(_ board: Board, _ ledger: any Ledger, _ redact: (String) -> String) async {
    guard kill(pid_t(board[.pid]), 0) == 0 || errno == EPERM else { return nil }
    pid = Int(board[.pid])
    run = Int(board[.run])
    seconds = max(0, Int(time(nil)) - Int(board[.startedAt]))
    items = (Int(board[.itemsDone]), Int(board[.itemsFailed]), Int(board[.itemsTotal]))
    read = Int(board[.read])
    written = Int(board[.written])
    let busy = Board.rows.filter { board[$0, .state] != 0 }
    let ids = Set(busy.filter { board[$0, .state] == Board.WorkerState.working.rawValue }.map { board[$0, .item] })
    let keys = (try? await ledger.keys(Array(ids))) ?? [:]
    let now = Board.milliseconds()
    stages = Configuration.Stage.allCases.map { stage in
      Stage(
        name: stage.rawValue,
        workers: busy.filter { Board.stage(of: $0) == stage }.map { row in
          let state = Board.WorkerState(rawValue: board[row, .state]) ?? .idle
          let isWorking = state == .working
          let end = board[row, .end]
          let isWaiting = isWorking && board[row, .isInside] == 0 && [.parse, .transform, .decompress].contains(stage)
          return Worker(
            number: Board.number(of: row) + 1, state: isWaiting ? "waiting" : "\(state)",
            item: isWorking ? keys[board[row, .item]].map(redact) : nil,
            bytes: isWorking && end >= 0 ? Int(board[row, .start])..<Int(end) : nil,
            age: Double(max(0, now - board[row, .since])) / 1000, attempt: Int(board[row, .attempt]),
            restarts: Int(board[row, Board.WorkerWord.restarts]))
        }, least: Int(board[stage, .least]), most: Int(board[stage, .most]), fill: Int(board[stage, .fill]),
        capacity: Int(board[stage, .capacity]),
        units: Int(board[stage, .units]), restarts: Int(board[stage, Board.StageWord.restarts]))
    }
  }

  /// The stage that holds the others up: the last whose input is full. Fetch, where all wait for more.
  var bottleneck: Int? {
    if let full = stages.indices.dropFirst().last(where: { stages[$0].capacity > 1 && stages[$0].fill >= stages[$0].capacity }) {
      return full
    }
    return items.done + items.failed < items.total ? 0 : nil
  }

  /// The whole tree, a line each.
  var lines: [String] {
    let summary =
      "run \(run), engine \(pid), for \(Human.seconds(Double(seconds))): items \(items.done + items.failed)/\(items.total), \(Human.count(read)) records read, \(Human.count(written)) written"
    let lines = stages.indices.flatMap { i in [stageLine(i)] + stages[i].workers.map { workerLine($0) } }
    return [summary] + lines
  }

  func stageLine(_ i: Int) -> String {
    let stage = stages[i]
    let size = stage.least == stage.most ? "\(stage.workers.count)" : "\(stage.workers.count) (\(stage.least) to \(stage.most))"
    var line =
      "\(stage.name.padding(toLength: 11, withPad: " ", startingAt: 0))\(size) worker\(stage.workers.count == 1 ? "" : "s"), input \(stage.fill)/\(stage.capacity), \(Human.count(stage.units)) units"
    if stage.restarts > 0 { line += ", \(stage.restarts) restarts" }
    if i == bottleneck { line += "  ◀ bottleneck" }
    return line
  }

  /// - Parameter columns: where it is narrower, the item's name is cut at its begin.
  func workerLine(_ worker: Worker, columns: Int = .max) -> String {
    let begin =
      "  \("\(worker.number)".padding(toLength: 4, withPad: " ", startingAt: 0))\(worker.state.padding(toLength: 9, withPad: " ", startingAt: 0))\(String(format: "%7.1f s", worker.age))"
    var end = ""
    if let bytes = worker.bytes { end += " bytes \(bytes.lowerBound) to \(bytes.upperBound)" }
    if worker.attempt > 1 { end += ", attempt \(worker.attempt)" }
    if worker.restarts > 0 { end += ", \(worker.restarts) restarts" }
    guard let item = worker.item.map(ShownText.line) else { return begin + end }
    let room = columns - begin.count - 2 - end.count
    // A name of which little is left tells less than the bytes do.
    return begin + "  "
      + (room < 12 ? TerminalText.cutBegin(item, to: max(0, columns - begin.count - 2)) : TerminalText.cutBegin(item, to: room) + end)
  }

  var json: [String: Any] {
    [
      "run": run, "pid": pid, "seconds": seconds, "items": ["done": items.done, "failed": items.failed, "total": items.total],
      "records": ["read": read, "written": written], "bottleneck": bottleneck.map { stages[$0].name } ?? NSNull() as Any,
      "stages": stages.map { stage in
        [
          "stage": stage.name, "input": ["waiting": stage.fill, "capacity": stage.capacity], "units": stage.units,
          "restarts": stage.restarts,
          "workers": stage.workers.map { worker in
            [
              "worker": worker.number, "state": worker.state, "item": worker.item ?? NSNull() as Any, "seconds": worker.age,
              "attempt": worker.attempt, "restarts": worker.restarts,
            ] as [String: Any]
          },
        ] as [String: Any]
      },
    ]
  }
}

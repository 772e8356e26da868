import CProcess
import Definition
import Files
import Foundation
import Ledger
import Supervision

/// Where an engine marks on its board what it has in work, and what it learns there of engines before it.
final class Marks: Sendable {
  private let board: Board?
  private let path: String
  /// What the engines before this one died of; nil where there were none.
  let crashes: CrashRecord?

  /// Without room for a board a run goes on all the same: then nobody can tell what it died of.
  init(_ state: StateFolder, _ definition: PipelineDefinition) {
    path = state.boardPath(pipeline: definition.name)
    let crashesPath = state.crashesPath(pipeline: definition.name)
    let restart = EngineProcess.restart
    // Another parent's are of another time.
    if restart == nil || restart == 0 { unlink(crashesPath) }
    crashes = CrashRecord.read(crashesPath)
    board = try? Board.create(path)
    guard let board else { return }
    for (i, stage) in PipelineDefinition.StageName.allCases.enumerated() {
      board[i, .least] = Int64(definition.stage(stage).workers.min)
      board[i, .most] = Int64(definition.stage(stage).workers.max)
    }
    if restart != nil {
      board.noteCrashes()
      sluice_limit_memory(Int64(definition.processMemory))
      EngineLink(board: path, crashes: crashesPath, policy: definition.policy).send()
    }
  }

  /// The run is over: nobody is to take this for a running one.
  func remove() { if board != nil { unlink(path) } }

  /// A unit of work, and the row of the worker that has it.
  struct Unit {
    fileprivate let board: Board?
    fileprivate let place: Board.Place?

    /// Runs what may kill the process or never return, so that it is known where it was.
    func inside<T>(_ body: () throws -> T) rethrows -> T {
      guard let board, let place else { return try body() }
      board[place, .isInside] = 1
      sluice_set_place(Int64(place) + 1)
      defer {
        sluice_set_place(0)
        board[place, .isInside] = 0
      }
      return try body()
    }

    /// From here on these bytes are in work, and nothing else is beside them.
    func alone(_ bytes: Range<Int>) {
      guard let board, let place else { return }
      board[place, .start] = Int64(bytes.lowerBound)
      board[place, .end] = Int64(bytes.upperBound)
      board[place, .isAlone] = 1
    }
  }

  /// Marks a unit as begun; ``end(_:)`` must follow.
  ///
  /// - Parameter bytes: of the decompressed item; nil for all of it.
  func begin(
    _ stage: PipelineDefinition.StageName, _ assignment: Assignment, _ task: ItemTask, bytes: Range<Int>? = nil, isAlone: Bool = false
  ) -> Unit {
    guard let board, let index = PipelineDefinition.StageName.allCases.firstIndex(of: stage),
      let place = Board.place(index, assignment.worker)
    else { return Unit(board: nil, place: nil) }
    board[place, .item] = task.planned.id.value
    board[place, .version] = task.versionMark
    board[place, .start] = Int64(bytes?.lowerBound ?? 0)
    board[place, .end] = bytes.map { Int64($0.upperBound) } ?? -1
    board[place, .isAlone] = isAlone ? 1 : 0
    board[place, .attempt] = Int64(assignment.attempt)
    board[place, .since] = Board.milliseconds()
    board[place, .state] = Board.WorkerState.working.rawValue
    return Unit(board: board, place: place)
  }

  func end(_ unit: Unit) {
    guard let board, let place = unit.place else { return }
    board.add(1, to: .units, of: place / Board.workersPerStage)
    board[place, .state] = Board.WorkerState.idle.rawValue
    board[place, .since] = Board.milliseconds()
  }

  func note(_ event: SupervisionEvent) {
    guard let board, let stage = PipelineDefinition.StageName(rawValue: event.pool),
      let index = PipelineDefinition.StageName.allCases.firstIndex(of: stage), let place = Board.place(index, event.worker)
    else { return }
    switch event.kind {
    case .started:
      board[place, .since] = Board.milliseconds()
      board[place, .state] = Board.WorkerState.idle.rawValue
    case .left: board[place, .state] = Board.WorkerState.none.rawValue
    case .restarted:
      board.add(1, to: Board.WorkerWord.restarts, of: place)
      board.add(1, to: Board.StageWord.restarts, of: index)
      board[place, .since] = Board.milliseconds()
      board[place, .state] = Board.WorkerState.resting.rawValue
    case .stuck where board[place, .isInside] != 0 && EngineProcess.isEngine:
      // A thread that does not come back can't be ended but with its process; the parent starts another.
      board[.hungPlace] = Int64(place) + 1
      kill(getpid(), SIGKILL)
    case .stuck: board[place, .state] = Board.WorkerState.stuck.rawValue
    case .failed, .stalled, .gaveUp: return
    }
  }

  func report(_ run: RunID, _ progress: ProgressSnapshot, fills: [(messages: Int, of: Int)]) {
    guard let board else { return }
    for (i, fill) in fills.enumerated() {
      board[i, .fill] = Int64(fill.messages)
      board[i, .capacity] = Int64(fill.of)
    }
    board[.run] = run.value
    board[.itemsTotal] = Int64(progress.itemsTotal)
    board[.itemsDone] = Int64(progress.itemsDone + progress.itemsSkipped)
    board[.itemsFailed] = Int64(progress.itemsFailed)
    board[.read] = Int64(progress.counts.read)
    board[.written] = Int64(progress.counts.written)
    board[.beat] = Board.milliseconds()
  }
}

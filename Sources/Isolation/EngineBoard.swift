import CProcess
import Configuration
import Files
import Foundation
import Supervision

/// The board of this engine, where workers mark their units of work: for the parent process, which reads there what an engine died of, and for
/// `sluice status --watch`.
package final class EngineBoard: Sendable {
  /// The figures of a run that the board shows.
  package struct Figures: Sendable {
    var run: Int64
    var itemsTotal: Int
    var itemsDone: Int
    var itemsFailed: Int
    var read: Int
    var written: Int

    /// The figures of a run.
    ///
    /// - Parameters:
    ///   - run: its number in the ledger.
    ///   - itemsDone: those of its items that are done, in this run or before.
    ///   - read: records.
    ///   - written: records.
    package init(run: Int64, itemsTotal: Int, itemsDone: Int, itemsFailed: Int, read: Int, written: Int) {
      self.run = run
      self.itemsTotal = itemsTotal
      self.itemsDone = itemsDone
      self.itemsFailed = itemsFailed
      self.read = read
      self.written = written
    }
  }

  /// Nil where there is no room for one: the run goes on, and the parent can't tell what an engine died of.
  private let board: Board?
  private let path: String
  /// The deaths of the engines before this one; nil where there were none.
  package let crashes: CrashRecord?

  /// Makes the board of this process.
  ///
  /// - Parameters:
  ///   - path: of the board's file.
  ///   - crashesPath: of the crash record, which is taken away where another command's engine left it.
  ///   - workers: the least and the greatest number of workers that each stage may have.
  ///   - memory: the bytes that an engine under a parent may allocate.
  ///   - policy: how the parent restarts it.
  package init(path: String, crashesPath: String, workers: (Stage) -> PoolSize, memory: Int, policy: RestartPolicy) {
    self.path = path
    let restart = EngineRole.restart
    if restart == nil || restart == 0 { unlink(crashesPath) }
    crashes = CrashRecord.read(crashesPath)
    board = try? Board.create(path)
    guard let board else { return }
    for stage in Stage.allCases {
      board[stage, .least] = Int64(workers(stage).min)
      board[stage, .most] = Int64(workers(stage).max)
    }
    if restart != nil {
      board.noteCrashes()
      sluice_limit_memory(Int64(memory))
      EngineLink(board: path, crashes: crashesPath, policy: policy).send()
    }
  }

  /// Takes the board away: the run is over.
  package func remove() { if board != nil { unlink(path) } }

  /// A unit of work in the row of the worker that has it.
  package struct Mark {
    fileprivate let board: Board?
    fileprivate let row: Board.Row?

    /// Runs code that may kill the process or never return, and marks the thread as inside it meanwhile.
    package func inside<T>(_ body: () throws -> T) rethrows -> T {
      guard let board, let row else { return try body() }
      board[row, .isInside] = 1
      sluice_set_row(Int64(row) + 1)
      defer {
        sluice_set_row(0)
        board[row, .isInside] = 0
      }
      return try body()
    }

    /// Marks these bytes as the work from here on, with no other work beside.
    package func alone(_ bytes: Range<Int>) {
      guard let board, let row else { return }
      board[row, .start] = Int64(bytes.lowerBound)
      board[row, .end] = Int64(bytes.upperBound)
      board[row, .isAlone] = 1
    }
  }

  /// Marks a unit as begun; ``end(_:)`` must follow.
  ///
  /// - Parameters:
  ///   - bytes: of the decompressed item; nil for all of it.
  ///   - isAlone: whether no other work is beside it.
  package func begin(
    _ stage: Stage, _ assignment: Assignment, _ content: ItemContent, bytes: Range<Int>? = nil, isAlone: Bool = false
  ) -> Mark {
    guard let board, let row = Board.row(stage, assignment.worker) else { return Mark(board: nil, row: nil) }
    board[row, .item] = content.item
    board[row, .version] = content.version
    board[row, .start] = Int64(bytes?.lowerBound ?? 0)
    board[row, .end] = bytes.map { Int64($0.upperBound) } ?? -1
    board[row, .isAlone] = isAlone ? 1 : 0
    board[row, .attempt] = Int64(assignment.attempt)
    board[row, .since] = Board.milliseconds()
    board[row, .state] = Board.WorkerState.working.rawValue
    return Mark(board: board, row: row)
  }

  /// Marks a unit as done.
  package func end(_ mark: Mark) {
    guard let board, let row = mark.row else { return }
    board.add(1, to: .units, of: Board.stage(of: row))
    board[row, .state] = Board.WorkerState.idle.rawValue
    board[row, .since] = Board.milliseconds()
  }

  /// Shows what happened to a worker.
  ///
  /// A worker that is stuck inside code that may never return can be ended only with its process: then this call kills the engine, and the
  /// parent starts another.
  package func note(_ event: SupervisionEvent) {
    guard let board, let stage = Stage(rawValue: event.pool), let row = Board.row(stage, event.worker) else { return }
    switch event.kind {
    case .started:
      board[row, .since] = Board.milliseconds()
      board[row, .state] = Board.WorkerState.idle.rawValue
    case .left: board[row, .state] = Board.WorkerState.none.rawValue
    case .restarted:
      board.add(1, to: Board.WorkerWord.restarts, of: row)
      board.add(1, to: Board.StageWord.restarts, of: stage)
      board[row, .since] = Board.milliseconds()
      board[row, .state] = Board.WorkerState.resting.rawValue
    case .stuck where board[row, .isInside] != 0 && EngineRole.isEngine:
      board[.hungRow] = Int64(row) + 1
      kill(getpid(), SIGKILL)
    case .stuck: board[row, .state] = Board.WorkerState.stuck.rawValue
    case .failed, .stalled, .gaveUp: return
    }
  }

  /// Shows a run's figures, and how full each stage's input is.
  package func show(_ figures: Figures, fills: [(stage: Stage, fill: (messages: Int, of: Int))]) {
    guard let board else { return }
    for (stage, fill) in fills {
      board[stage, .fill] = Int64(fill.messages)
      board[stage, .capacity] = Int64(fill.of)
    }
    board[.run] = figures.run
    board[.itemsTotal] = Int64(figures.itemsTotal)
    board[.itemsDone] = Int64(figures.itemsDone)
    board[.itemsFailed] = Int64(figures.itemsFailed)
    board[.read] = Int64(figures.read)
    board[.written] = Int64(figures.written)
    board[.beat] = Board.milliseconds()
  }
}

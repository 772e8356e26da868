import Configuration
import Foundation
import Ledger
import Supervision
import Synchronization

/// How a run got on over time: figures and what its workers did, at most so many points whatever it takes.
package final class Timeline: Sendable {
  /// When there are so many, each two become one.
  private static let mostPoints = 240

  private struct State {
    var points: [TimelinePoint]
    /// Looks that make up a point.
    var looksPerPoint = 1
    /// Looks in the last point so far.
    var looks = 0
  }
  private let state: Mutex<State>
  private let began = Date()

  /// - Parameter before: what an earlier process noted of the run.
  package init(_ before: [TimelinePoint]) { state = Mutex(State(points: before)) }

  package func add(_ snapshot: ProgressSnapshot, _ activities: [Activity]) {
    let stages = zip(Stage.allCases, activities).map { name, activity in
      TimelinePoint.Stage(
        stage: name.rawValue, busy: Double(activity.busy), waiting: Double(activity.waiting), blocked: Double(activity.blocked))
    }
    let point = TimelinePoint(
      at: Date().timeIntervalSince1970, since: began.timeIntervalSince1970, read: snapshot.counts.read, written: snapshot.counts.written,
      fetchedBytes: snapshot.bytes.fetched, writtenBytes: snapshot.bytes.written, stages: stages)
    state.withLock { state in
      if state.looks > 0, state.looks < state.looksPerPoint, let last = state.points.last {
        state.points[state.points.count - 1] = last.joined(point, weight: state.looks)
        state.looks += 1
        return
      }
      if state.points.count >= Self.mostPoints {
        state.points = stride(from: 0, to: state.points.count, by: 2).map { i in
          i + 1 < state.points.count ? state.points[i].joined(state.points[i + 1], weight: 1) : state.points[i]
        }
        state.looksPerPoint *= 2
      }
      state.points.append(point)
      state.looks = 1
    }
  }

  /// What can't be written is lost: it is no reason to stop a run.
  package func write(to ledger: any HistoryLedger, _ run: RunID) async { try? await ledger.note(run, state.withLock { $0.points }) }
}

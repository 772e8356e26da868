import Configuration
import Foundation
import Ledger
import Supervision
import Synchronization

/// A run over time: its figures and its workers' activity, in a bounded number of points however long it takes.
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

  /// Makes the timeline of a run.
  ///
  /// - Parameter before: the points that an earlier process noted of the run.
  package init(_ before: [TimelinePoint]) { state = Mutex(State(points: before)) }

  /// Adds a look at the run.
  ///
  /// - Parameter activities: of the stages, in their order.
  func add(_ snapshot: ProgressSnapshot, _ activities: [Activity]) {
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

  /// Tells the ledger all points. A failure is ignored: it is no reason to stop a run.
  func write(to ledger: any HistoryLedger, _ run: RunID) async { try? await ledger.note(run, state.withLock { $0.points }) }
}

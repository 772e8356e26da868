/// The figures of a run at one time, as its report draws them.
package struct TimelinePoint: Sendable, Codable {
  /// The workers of one stage by what they did: numbers of workers, in the mean since the point before.
  package struct Stage: Sendable, Codable {
    /// The stage's name.
    package var stage: String
    /// The workers that worked.
    package var busy: Double
    /// The workers that waited for work.
    package var waiting: Double
    /// The workers that waited for room in the next channel.
    package var blocked: Double

    /// Makes a stage's figures.
    package init(stage: String, busy: Double, waiting: Double, blocked: Double) {
      (self.stage, self.busy, self.waiting, self.blocked) = (stage, busy, waiting, blocked)
    }
  }

  /// The time, in seconds since 1970.
  package var at: Double
  /// The time when the process began from which on the figures count, in seconds since 1970.
  package var since: Double
  /// The records that parse found since then.
  package var read: Int
  /// The records that were written since then.
  package var written: Int
  /// The bytes that were fetched since then.
  package var fetchedBytes: Int
  /// The bytes that were written since then.
  package var writtenBytes: Int
  /// The stages, in the order of the pipeline.
  package var stages: [Stage]

  /// Makes a point.
  package init(at: Double, since: Double, read: Int, written: Int, fetchedBytes: Int, writtenBytes: Int, stages: [Stage]) {
    self.at = at
    self.since = since
    self.read = read
    self.written = written
    self.fetchedBytes = fetchedBytes
    self.writtenBytes = writtenBytes
    self.stages = stages
  }

  /// Joins this and a later point: the later's figures, and the mean of both's workers, where this one counts `weight` times.
  package func joined(_ later: TimelinePoint, weight: Int) -> TimelinePoint {
    var joined = later
    let (a, b) = (Double(weight) / Double(weight + 1), 1 / Double(weight + 1))
    joined.stages = zip(stages, later.stages).map { old, new in
      Stage(
        stage: new.stage, busy: old.busy * a + new.busy * b, waiting: old.waiting * a + new.waiting * b,
        blocked: old.blocked * a + new.blocked * b)
    }
    return joined
  }
}

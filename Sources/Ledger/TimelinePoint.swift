/// A run's figures at a time, as its report draws them.
package struct TimelinePoint: Sendable, Codable {
  /// How many of a stage's workers did what, in the mean since the point before.
  package struct Stage: Sendable, Codable {
    package var stage: String
    package var busy: Double
    package var waiting: Double
    package var blocked: Double

    package init(stage: String, busy: Double, waiting: Double, blocked: Double) {
      (self.stage, self.busy, self.waiting, self.blocked) = (stage, busy, waiting, blocked)
    }
  }

  /// Seconds since 1970.
  package var at: Double
  /// When the process began whose figures these are: they count from there.
  package var since: Double
  package var read: Int
  package var written: Int
  package var fetchedBytes: Int
  package var writtenBytes: Int
  package var stages: [Stage]

  package init(at: Double, since: Double, read: Int, written: Int, fetchedBytes: Int, writtenBytes: Int, stages: [Stage]) {
    self.at = at
    self.since = since
    self.read = read
    self.written = written
    self.fetchedBytes = fetchedBytes
    self.writtenBytes = writtenBytes
    self.stages = stages
  }

  /// This and a later one as one: the later's figures, the mean of both's workers, this one counting `weight` times.
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

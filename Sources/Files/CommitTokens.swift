/// A place in an output that is being written, up to which it can be made durable, as its sink spells it. Only the sink reads it;
/// the ledger keeps it with each checkpoint.
public struct SinkPosition: Sendable, Hashable, CustomStringConvertible {
  public let token: String

  public init(_ token: String) { self.token = token }

  /// Nothing is written.
  public static let start = SinkPosition("")

  public var description: String { token }
}

/// What makes a prepared output visible, exactly once. The ledger's commit is the commit: from then on the committable stands in the
/// ledger, and its sink commits it, again where nobody knows whether it was done, until the ledger has forgotten it.
///
/// The words are those of Flink's Sink V2 (`SupportsCommitter`).
public struct Committable: Sendable, Hashable {
  /// The sink, by its name in the registry: it reads the rest, whatever the definition says by now.
  public var sink: String
  /// Which prepared output of the sink's: no two at a time have one name. A path is relative to the definition's folder where it lies
  /// below it, for folders may move.
  public var name: String
  /// Where the records are once it is committed, as people call it.
  public var target: String
  /// What else the sink needs.
  public var token: String

  public init(sink: String, name: String, target: String, token: String) {
    self.sink = sink
    self.name = name
    self.target = target
    self.token = token
  }
}

/// What became of an output that was written, as its sink finds it.
public enum OutputFinding: Sendable, Hashable {
  /// All is there that was written.
  case whole
  /// Nothing is there.
  case missing
  /// Less is there, or something else.
  case short, altered
  /// It is visible: nothing is left to do.
  case committed
}

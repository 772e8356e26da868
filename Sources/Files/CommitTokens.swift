/// A position in an output that is being written: the sink has made everything before it durable. The sink writes the token and is the only
/// one to read it; the ledger keeps it with each checkpoint.
public struct SinkPosition: Sendable, Hashable, CustomStringConvertible {
  /// The position as the sink spells it; empty at the start.
  public let token: String

  /// Makes a position from the token that a sink wrote or the ledger kept.
  public init(_ token: String) { self.token = token }

  /// The position at which nothing is written yet.
  public static let start = SinkPosition("")

  /// The token alone, so that a message shows the position as the ledger keeps it.
  public var description: String { token }
}

/// The token by which a sink makes a prepared output visible, exactly once. The ledger's commit decides: from then on the ledger holds the
/// committable and the sink commits it. After a crash, recovery has the sink commit it again, until the ledger forgets it.
///
/// The words are those of Flink's Sink V2 (`SupportsCommitter`).
public struct Committable: Sendable, Hashable {
  /// The sink's name in the registry. That sink commits the output, even where the definition names another one by now.
  public var sink: String
  /// The prepared output's name, unique among the sink's open outputs. A path below the definition's folder is relative to it, because
  /// users move folders.
  public var name: String
  /// The place of the records after the commit, spelled for people.
  public var target: String
  /// Everything else that the sink needs for the commit, in the sink's own spelling.
  public var token: String

  /// Makes a committable from its four texts.
  public init(sink: String, name: String, target: String, token: String) {
    self.sink = sink
    self.name = name
    self.target = target
    self.token = token
  }
}

/// The state of an output as its sink finds it when planning or recovery asks.
public enum OutputFinding: Sendable, Hashable {
  /// Everything that was written is there.
  case whole
  /// Nothing is there.
  case missing
  /// Fewer bytes or rows are there than were written; or others are.
  case short, altered
  /// The output is visible already, so nothing is left to do.
  case committed
}

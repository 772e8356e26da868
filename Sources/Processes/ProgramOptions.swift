/// A program of the user's that takes records: what is run, and what it may use.
public struct ProgramOptions: Sendable, Hashable {
  /// The program and its arguments; no shell is involved unless it is one.
  public var command: [String] = []
  /// After so long a batch's program is told to end (SIGTERM), and after so long it is killed.
  public var softLimit: Duration?
  public var hardLimit: Duration?
  /// A program is replaced after so many batches, or when it holds more than so many bytes.
  public var recycleUnits: Int?
  public var recycleMemory: Int?
  /// What it may allocate, in bytes.
  public var memory: Int?
  /// Whether it gets records as they stand in the item, as JSON strings, and not as objects.
  public var takesText = false

  public init() {}

  /// The command as one would type it.
  ///
  /// - Parameter redact: takes secrets out of a word.
  public func shown(_ redact: (String) -> String) -> String {
    command.map(redact).map { $0.contains { " '\"\\$|;&".contains($0) } ? "'\($0)'" : $0 }.joined(separator: " ")
  }
}

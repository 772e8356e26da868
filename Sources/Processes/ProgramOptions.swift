/// The command, limits and life span of a program of the user's that takes records, as `exec` in a definition says.
public struct ProgramOptions: Sendable, Hashable {
  /// The program and its arguments. No shell reads them, unless the program is one.
  public var command: [String] = []
  /// How long it may work on a batch before it gets SIGTERM; nil for no limit.
  public var softLimit: Duration?
  /// How long it may work on a batch before it is killed; nil for no limit.
  public var hardLimit: Duration?
  /// How many batches it takes before a new one replaces it; nil for no limit.
  public var recycleUnits: Int?
  /// How many bytes of resident memory it may hold at a batch's end before a new one replaces it; nil for no limit.
  public var recycleMemory: Int?
  /// How many bytes it may allocate (RLIMIT_DATA); nil for no limit.
  public var memory: Int?
  /// True sends each record as a JSON string that holds its text as it stands in the item; false sends it as a JSON object.
  public var takesText = false

  /// Makes options without a command and without limits.
  public init() {}

  /// The command as a message shows it: words joined by spaces, and a word with blanks or shell characters in single quotes.
  ///
  /// - Parameter redact: removes secrets from a word.
  public func shown(_ redact: (String) -> String) -> String {
    command.map(redact).map { $0.contains { " '\"\\$|;&".contains($0) } ? "'\($0)'" : $0 }.joined(separator: " ")
  }
}

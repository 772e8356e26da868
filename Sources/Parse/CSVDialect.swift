/// How a CSV's bytes are to be read: RFC 4180 and the ways in which files differ from it.
public struct CSVDialect: Sendable, Hashable, Codable {
  public enum RecordDelimiter: String, Sendable, Hashable, Codable, CaseIterable {
    /// LF or CR LF, or CR where the file's first line ends in a lone one.
    case auto
    case lf, crlf, cr
  }
  public enum Ragged: String, Sendable, Hashable, Codable, CaseIterable {
    /// A record with another number of fields is a dead letter.
    case reject
    /// A short record is filled with NULL; a longer one is a dead letter.
    case pad
  }

  public var delimiter: [UInt8] = [0x2C]
  /// Nil where nothing is quoted.
  public var quote: UInt8? = 0x22
  /// What makes the byte after it literal; the quote itself where quotes are doubled; nil for none.
  public var escape: UInt8? = 0x22
  /// How many lines of header there are; their cells are joined by a space.
  public var headerLines = 1
  public var skipLines = 0
  public var skipFooterLines = 0
  public var comment: [UInt8]?
  /// What else than an empty unquoted cell is NULL.
  public var nullValues: [[UInt8]] = []
  /// Whether they are in fields of text too; else `NA` stays Namibia's code there.
  public var hasNullsInText = true
  public var trim = false
  public var recordDelimiter = RecordDelimiter.auto
  public var ragged = Ragged.reject

  public init() {}

  /// Whether the structural index reads it: one-byte delimiter, RFC 4180's quotes or none, nothing to be changed in cells.
  var isPlain: Bool {
    delimiter.count == 1 && delimiter[0] < 0x80 && (quote == nil ? escape == nil : quote == 0x22 && escape == 0x22)
      && comment == nil && nullValues.isEmpty && !trim && ragged == .reject && recordDelimiter != .crlf
  }
}

/// How a CSV's bytes are to be read: RFC 4180 and the ways in which files differ from it.
public struct CSVDialect: Sendable, Hashable, Codable {
  /// What ends a record (`parse.record_delimiter`).
  public enum RecordDelimiter: String, Sendable, Hashable, Codable, CaseIterable {
    /// LF or CR LF, or CR where the file's first line ends in a lone one.
    case auto
    case lf, crlf, cr
    /// LF, with any number of CR before it: what comes of CR LF where a program made CR LF of each LF.
    case crcrlf
  }

  /// What becomes of records of another width (`parse.ragged`).
  public enum Ragged: String, Sendable, Hashable, Codable, CaseIterable {
    /// A record with another number of fields is a dead letter.
    case reject
    /// A short record is filled with NULL; a longer one is a dead letter.
    case pad
  }

  /// What becomes of a record in which a quote is not closed, or is followed by more than a delimiter.
  public enum StrayQuotes: String, Sendable, Hashable, Codable, CaseIterable {
    /// It is a dead letter.
    case reject
    /// Such a quote is a character of its field, where the record then has as many fields as it should.
    case keep
  }

  public var delimiter: [UInt8] = [0x2C]
  /// Whether any run of blanks and tabs is one delimiter, and none at a line's beginning or end.
  public var isDelimitedByBlanks = false
  /// Nil where nothing is quoted.
  public var quote: UInt8? = 0x22
  /// What makes the byte after it literal, beside doubled quotes; the quote itself for them alone; nil for neither.
  public var escape: UInt8? = 0x22
  public var strayQuotes = StrayQuotes.reject
  /// How many lines of header there are; their cells are joined by a space.
  public var headerLines = 1
  /// The columns' names, whatever the header says; nil to take them from there.
  public var columns: [String]?
  /// Whether an item without a byte, or of blank lines only, is one without records.
  public var acceptsEmpty = false
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
      && comment == nil && nullValues.isEmpty && !trim && ragged == .reject && recordDelimiter != .crlf && recordDelimiter != .crcrlf
      && !isDelimitedByBlanks
  }
}

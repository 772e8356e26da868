/// The spelling of delimited values: RFC 4180, and the ways in which files differ from it.
public struct CSVDialect: Sendable, Hashable, Codable {
  /// The end of a record (`parse.record_delimiter`).
  public enum RecordDelimiter: String, Sendable, Hashable, Codable, CaseIterable {
    /// LF or CR LF, or CR where the file's first line ends in a lone one.
    case auto
    /// This line end alone. The others are characters of a field.
    case lf, crlf, cr
    /// LF, with any number of CR before it. Programs that turn each LF of a CR LF into CR LF write such files.
    case crcrlf
  }

  /// The treatment of a record with another number of fields than the header (`parse.ragged`).
  public enum Ragged: String, Sendable, Hashable, Codable, CaseIterable {
    /// The record is a dead letter.
    case reject
    /// A short record is filled up with NULL; a longer one is a dead letter.
    case pad
  }

  /// The treatment of a record in which a quote is not closed, or is followed by more than a delimiter (`parse.stray_quotes`).
  public enum StrayQuotes: String, Sendable, Hashable, Codable, CaseIterable {
    /// The record is a dead letter.
    case reject
    /// The quote is a character of its field, provided that the record then has as many fields as the header.
    case keep
  }

  /// The bytes between two fields, one or more; a comma by default.
  public var delimiter: [UInt8] = [0x2C]
  /// Whether each run of blanks and tabs is one delimiter. Runs at a line's beginning and end count for nothing.
  public var isDelimitedByBlanks = false
  /// The ASCII character that quotes a field; nil where no field is quoted.
  public var quote: UInt8? = 0x22
  /// The ASCII character that makes the next byte literal; doubled quotes are read beside it. Equal to ``quote`` where only doubled quotes
  /// are; nil where not even they are.
  public var escape: UInt8? = 0x22
  /// The treatment of records with broken quoting.
  public var strayQuotes = StrayQuotes.reject
  /// How many lines the header has; 0 for none. The cells of several lines are joined by a space.
  public var headerLines = 1
  /// The columns' names, which take the place of the header's; nil where the header names the columns.
  public var columns: [String]?
  /// Whether an item without bytes, or with blank lines only, is an item without records. Else it fails.
  public var acceptsEmpty = false
  /// How many lines to skip before the header.
  public var skipLines = 0
  /// How many lines to leave out at the item's end.
  public var skipFooterLines = 0
  /// The bytes that begin a comment line; nil where there are no comments.
  public var comment: [UInt8]?
  /// The texts that are NULL, beside an empty unquoted cell.
  public var nullValues: [[UInt8]] = []
  /// Whether ``nullValues`` are NULL in fields of text too. Else `NA` stays Namibia's code there.
  public var hasNullsInText = true
  /// Whether to remove blanks and tabs around fields.
  public var trim = false
  /// The end of a record.
  public var recordDelimiter = RecordDelimiter.auto
  /// The treatment of records with another number of fields than the header.
  public var ragged = Ragged.reject

  /// Makes the dialect of RFC 4180, with a header and any line end.
  public init() {}

  /// Whether the structural index reads it: one-byte delimiter, RFC 4180's quotes or none, nothing to be changed in cells.
  var isPlain: Bool {
    delimiter.count == 1 && delimiter[0] < 0x80 && (quote == nil ? escape == nil : quote == 0x22 && escape == 0x22)
      && comment == nil && nullValues.isEmpty && !trim && ragged == .reject && recordDelimiter != .crlf && recordDelimiter != .crcrlf
      && !isDelimitedByBlanks
  }
}

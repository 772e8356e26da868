/// The type of a column.
///
/// A bigint is a whole number of 64 bits, a double a finite binary64 number (IEEE 754), a decimal an exact number of at most `precision`
/// digits, `scale` of them behind the point. A timestamp is a moment in UTC to the microsecond, in the years 0 to 9999; a time is a time of
/// day to the microsecond. A json value is any JSON value in the spelling of its source; bytes are bytes of any kind.
public enum ValueType: Sendable, Hashable {
  case bigint, double, boolean, text, timestamp, date, json, time, bytes
  /// A decimal of 1 to 38 digits (``DecimalText/mostDigits``), of which 0 to `precision` stand behind the point.
  case decimal(precision: Int, scale: Int)

  /// The SQL name, as definitions spell it: `bigint`, `decimal(12,2)`.
  public var rawValue: String {
    switch self {
    case .bigint: "bigint"
    case .double: "double"
    case .boolean: "boolean"
    case .text: "text"
    case .timestamp: "timestamp"
    case .date: "date"
    case .json: "json"
    case .time: "time"
    case .bytes: "bytes"
    case .decimal(let precision, let scale): "decimal(\(precision),\(scale))"
    }
  }

  /// The name as a sentence has it for one value: `a bigint`, `bytes`.
  package var noun: String { self == .bytes ? "bytes" : "a \(rawValue)" }

  /// Whether values are numbers.
  public var isNumber: Bool {
    switch self {
    case .bigint, .double, .decimal: true
    case .boolean, .text, .timestamp, .date, .json, .time, .bytes: false
    }
  }

  /// The types without digits of their own: all but decimals.
  public static let simple: [ValueType] = [.bigint, .double, .boolean, .text, .timestamp, .date, .time, .bytes, .json]

  /// The names of all types, without a decimal's digits.
  public static let names = simple.map(\.rawValue) + ["decimal"]

  /// The type of a SQL name in lower case: `bigint`, `decimal(12,2)`, `decimal(12)` (which has scale 0). Nil for other text, and for a
  /// decimal whose digits are out of range.
  public init?(rawValue: String) {
    if let type = Self.simple.first(where: { $0.rawValue == rawValue }) {
      self = type
      return
    }
    guard rawValue.hasPrefix("decimal("), rawValue.hasSuffix(")") else { return nil }
    let digits = rawValue.dropFirst(8).dropLast().split(separator: ",", omittingEmptySubsequences: false).map {
      Int($0.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed().map(String.init).joined())
    }
    guard let precision = digits.first ?? nil, digits.count <= 2, let scale = digits.count == 2 ? digits[1] : 0,
      (1...DecimalText.mostDigits).contains(precision), (0...precision).contains(scale)
    else { return nil }
    self = .decimal(precision: precision, scale: scale)
  }
}

extension ValueType: Codable {
  /// Reads the type's name.
  public init(from decoder: any Decoder) throws {
    let name = try decoder.singleValueContainer().decode(String.self)
    guard let type = ValueType(rawValue: name) else {
      throw DecodingError.dataCorrupted(.init(codingPath: decoder.codingPath, debugDescription: "“\(name)” is no type"))
    }
    self = type
  }

  /// Writes the type's name.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(rawValue)
  }
}

/// The name and type of a column.
public struct Field: Sendable, Hashable, Codable {
  /// The name as the header or the definition spells it; case counts.
  public var name: String
  /// The type that every value has.
  public var type: ValueType
  /// False for `not null`: a record without a value here is a dead letter.
  public var nullable: Bool
  /// How the source spells the values; nil for the usual spelling. It is the parser's alone: fields of batches, steps and sinks have none,
  /// and it is not encoded.
  public var spelling: FieldSpelling?

  private enum CodingKeys: String, CodingKey { case name, type, nullable }

  /// Makes a field, which may be NULL unless `nullable` is false.
  public init(name: String, type: ValueType, nullable: Bool = true, spelling: FieldSpelling? = nil) {
    self.name = name
    self.type = type
    self.nullable = nullable
    self.spelling = spelling
  }

  /// The field without its spelling, as it is once its values are read.
  public var read: Field { Field(name: name, type: type, nullable: nullable) }
}

/// The columns of a batch, in order.
public struct Schema: Sendable, Hashable, Codable {
  /// The fields in the order of the columns. Each name stands once.
  public var fields: [Field]

  /// Makes a schema of fields in their order.
  public init(_ fields: [Field]) { self.fields = fields }

  /// The position of the field with exactly this name; nil where there is none. Linear in the number of fields.
  public func position(of name: String) -> Int? { fields.firstIndex { $0.name == name } }
}

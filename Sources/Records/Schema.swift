/// The type of a column. The raw value is the type's SQL name, as definitions spell it.
///
/// A bigint is a whole number of 64 bits, a double a finite binary64 number (IEEE 754). A timestamp is a moment in UTC to the microsecond,
/// in the years 0 to 9999. A json value is any JSON value in the spelling of its source.
public enum ValueType: String, Sendable, CaseIterable, Codable {
  case bigint, double, boolean, text, timestamp, date, json
}

/// The name and type of a column.
public struct Field: Sendable, Hashable, Codable {
  /// The name as the header or the definition spells it; case counts.
  public var name: String
  /// The type that every value has.
  public var type: ValueType
  /// False for `not null`: a record without a value here is a dead letter.
  public var nullable: Bool

  /// Makes a field, which may be NULL unless `nullable` is false.
  public init(name: String, type: ValueType, nullable: Bool = true) {
    self.name = name
    self.type = type
    self.nullable = nullable
  }
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

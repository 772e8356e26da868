/// The type of a column, by its SQL name.
public enum ValueType: String, Sendable, CaseIterable, Codable {
  case bigint, double, boolean, text, timestamp, date, json
}

/// A column's name and type.
public struct Field: Sendable, Hashable, Codable {
  public var name: String
  public var type: ValueType
  /// False for `not null`: a record without a value here is a dead letter.
  public var nullable: Bool

  public init(name: String, type: ValueType, nullable: Bool = true) {
    self.name = name
    self.type = type
    self.nullable = nullable
  }
}

/// The columns of a batch, in order.
public struct Schema: Sendable, Hashable, Codable {
  public var fields: [Field]

  public init(_ fields: [Field]) { self.fields = fields }

  /// The position of the field with this name.
  public func position(of name: String) -> Int? { fields.firstIndex { $0.name == name } }
}

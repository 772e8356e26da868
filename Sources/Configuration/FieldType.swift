import Records

/// Types as a definition writes them: `double`, `bigint not null`.
package enum FieldType {
  /// Reads a type, in upper or lower case; nil where it is none. A type without `not null` is nullable.
  package static func parse(_ text: String) -> (type: ValueType, nullable: Bool)? {
    let words = text.lowercased().split(separator: " ").map(String.init)
    guard let first = words.first, let type = ValueType(rawValue: first) else { return nil }
    if words.count == 1 { return (type, true) }
    return words.dropFirst().elementsEqual(["not", "null"]) ? (type, false) : nil
  }

  /// Guesses the type that was meant by a text that is none: the type of another language's name (`varchar`), or the nearest spelling.
  package static func meant(by text: String) -> String? {
    let word = text.lowercased().prefix { $0.isLetter || $0.isNumber }
    let bare = String(word)
    if let type = ValueType(rawValue: bare) { return "\(type.rawValue) not null" }
    return names[bare] ?? Spelling.nearest(to: bare, among: ValueType.allCases.map(\.rawValue))
  }

  private static let names = [
    "int": "bigint", "integer": "bigint", "int32": "bigint", "int64": "bigint", "long": "bigint", "smallint": "bigint", "serial": "bigint",
    "float": "double", "float64": "double", "real": "double", "number": "double", "numeric": "double", "decimal": "double",
    "string": "text", "str": "text", "varchar": "text", "char": "text", "uuid": "text",
    "bool": "boolean", "datetime": "timestamp", "timestamptz": "timestamp",
    "jsonb": "json", "object": "json", "array": "json",
  ]
}

import Records

/// A type as a definition writes it: `double`, `bigint not null`.
enum FieldType {
  static func parse(_ text: String) -> (type: ValueType, nullable: Bool)? {
    let words = text.lowercased().split(separator: " ").map(String.init)
    guard let first = words.first, let type = ValueType(rawValue: first) else { return nil }
    if words.count == 1 { return (type, true) }
    return words.dropFirst().elementsEqual(["not", "null"]) ? (type, false) : nil
  }
}

import Records

extension Schema {
  /// Makes a schema from a map of names and types, in its order. A field whose type could not be read is text.
  package init(_ list: Value) {
    self.init(
      list.entries.map { entry in
        entry.value.text.flatMap { try? FieldType($0) }.map {
          Field(name: entry.key, type: $0.type, nullable: $0.nullable, spelling: $0.spelling)
        }
          ?? Field(name: entry.key, type: .text)
      })
  }
}

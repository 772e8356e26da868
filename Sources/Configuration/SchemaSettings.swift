import Records

extension Schema {
  /// The fields that a map of names and types says.
  package init(_ list: Value) {
    self.init(
      list.entries.map { entry in
        entry.value.text.flatMap(FieldType.parse).map { Field(name: entry.key, type: $0.type, nullable: $0.nullable) }
          ?? Field(name: entry.key, type: .text)
      })
  }
}

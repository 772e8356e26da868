import Records

/// The functions of provenance. They take no values: they tell of the record that they are computed for.
extension Functions {
  static let origins: [Function] = [
    item("item_key") { $0.item },
    item("item_name") { $0.name },
    item("member_name") { $0.member },
    number("run_id", .bigint, reads: .any) { origin, _, _ in origin.run },
    number("run_started_at", .timestamp, reads: .any) { origin, _, _ in origin.runStartedAt },
    number("record_number", .bigint, reads: [.any, .numbers]) { origin, _, record in Int64(origin.records + record + 1) },
    number("record_line", .bigint, reads: [.any, .numbers]) { origin, places, record in Int64(origin.lines + places.line(record) + 1) },
    number("record_offset", .bigint, reads: .any) { origin, places, record in Int64(origin.bytes) + Int64(places.starts[record]) },
  ]

  /// A function whose value is the same for all records of a batch.
  private static func item(_ name: String, _ value: @escaping @Sendable (RecordOrigin) -> String?) -> Function {
    Function(name, [], gives: .text, reads: .any) { _, call in
      guard let text = call.batch.origin.flatMap(value) else { return Evaluation.repeated(.null, .text, call.count) }
      return Evaluation.repeated(.text(Checker.buffer(text)), .text, call.count)
    }
  }

  private static func number(
    _ name: String, _ type: ValueType, reads: OriginParts, _ value: @escaping @Sendable (RecordOrigin, RecordPlaces, _ record: Int) -> Int64
  ) -> Function {
    Function(name, [], gives: type, reads: reads) { _, call in
      guard let origin = call.batch.origin else { return Evaluation.repeated(.null, type, call.count) }
      return call.integers { i in value(origin, call.batch.places, call.batch.record(ofRow: Int(call.rows[i]))) }
    }
  }
}

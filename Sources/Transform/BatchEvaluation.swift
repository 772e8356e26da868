import Records

/// Computing with a batch and narrowing its selection, for the work of steps.
extension RecordBatch {
  /// Evaluates an expression for the selected rows. Rows for which it fails get a fault and leave the selection.
  ///
  /// - Parameter field: the field that faults name.
  /// - Returns: the values of the rows that stay, and these rows.
  mutating func evaluate(
    _ expression: Expression, field: String? = nil, _ conditions: StepConditions
  ) throws(EvaluationStopped) -> (Vector, [UInt32]) {
    let rows = selected
    let evaluation = Evaluation(self, conditions.bounds, goesOn: conditions.goesOn)
    let vector = evaluation.values(expression.node, rows)
    if evaluation.isStopped { throw EvaluationStopped() }
    if evaluation.failures.isEmpty { return (vector, rows) }
    for (row, message) in evaluation.failures.sorted(by: { $0.key < $1.key }) {
      faults.append(RecordFault(code: .evaluationFailed, reason: message, field: field, record: record(ofRow: Int(row))))
    }
    let kept = rows.indices.filter { evaluation.failures[rows[$0]] == nil }
    selection = kept.map { rows[$0] }
    return (vector.gather(kept.map(UInt32.init)), kept.map { rows[$0] })
  }

  /// Puts a field's values for `rows` into the column at `position`, or into a new column behind all others.
  mutating func put(_ field: Field, at position: Int, _ values: Vector, _ rows: [UInt32]) {
    let column = Column(field: field, views: nil, values: values.scatter(rows, count: rowCount))
    if position < columns.count { columns[position] = column } else { columns.append(column) }
  }

  /// Keeps the rows whose value passes.
  ///
  /// - Parameter counts: whether the other rows count as filtered.
  mutating func keep(_ rows: [UInt32], _ values: [UInt8], filtered counts: Bool, _ passes: (UInt8) -> Bool) {
    var kept: [UInt32] = []
    kept.reserveCapacity(rows.count)
    for (i, row) in rows.enumerated() where passes(values[i]) { kept.append(row) }
    if counts { filtered += rows.count - kept.count }
    if kept.count != rows.count || selection != nil { selection = kept }
  }
}

/// Computes a column and puts it in its place, or behind all others.
struct Computing: StepWork {
  let field: Field
  let position: Int
  let expression: Expression

  func run(_ batch: inout RecordBatch, _ conditions: StepConditions) throws(EvaluationStopped) {
    let (vector, rows) = try batch.evaluate(expression, field: field.name, conditions)
    batch.put(field, at: position, vector, rows)
  }
}

/// Keeps some columns, in their new order.
struct Choosing: StepWork {
  let kept: [Int]

  func run(_ batch: inout RecordBatch, _ conditions: StepConditions) { batch.columns = kept.map { batch.columns[$0] } }
}

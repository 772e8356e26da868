import Configuration
import Definition
import Records
import Transform
import Write

/// The ways into a definition's sinks: for each that takes records, the condition that they must meet, and their spelling.
package struct SinkEncodings: Sendable {
  /// The way into one sink.
  package struct Way: Sendable {
    /// The sink's entry in the definition.
    package let entry: SinkEntry
    /// The spelling of its records.
    package let encoding: BatchEncoding
    /// The condition that its records must meet; nil where it takes all.
    let condition: TransformPlan?
  }

  /// The sinks that take records, in the order of the definition.
  package let ways: [Way]
  /// Whether one sink takes all records, as most definitions have it.
  private let isPlain: Bool

  /// Makes the ways into a definition's sinks.
  ///
  /// - Parameter chain: compiled for the definition, conditions included.
  package init(_ definition: PipelineDefinition, _ chain: TransformChain) {
    ways = definition.sinks.filter { !$0.takesDeadLetters }.map { entry in
      Way(
        entry: entry, encoding: BatchEncoding(entry.sink),
        condition: chain.conditions.indices.contains(entry.number) ? chain.conditions[entry.number] : nil)
    }
    isPlain = ways.count == 1 && ways[0].condition == nil
  }

  /// Takes the records out of a batch that a sink's condition can't be computed for, or that a sink can't hold, each with a fault: no sink gets
  /// them. Records that no sink takes count as filtered.
  ///
  /// - Returns: for each way the rows that go into its sink.
  /// - Throws: ``EvaluationStopped`` after `goesOn` returned false.
  package func select(in batch: inout RecordBatch, goesOn: @escaping () -> Bool = { true }) throws -> [[UInt32]?] {
    if isPlain {
      ways[0].encoding.refuse(in: &batch)
      return [batch.selection]
    }
    var selections: [[UInt32]?] = []
    for way in ways {
      guard let condition = way.condition else {
        selections.append(batch.selection)
        continue
      }
      var own = batch
      own = try condition.apply(own, goesOn: goesOn)
      selections.append(own.selected)
      adopt(own.faults, in: &batch, &selections)
    }
    for (i, way) in ways.enumerated() {
      var own = batch
      own.selection = selections[i]
      way.encoding.refuse(in: &own)
      // Columns that one encoder had to decode are decoded for all.
      batch.columns = own.columns
      selections[i] = own.selection
      adopt(own.faults, in: &batch, &selections)
    }
    countUntaken(&batch, selections)
    return selections
  }

  /// Takes rows with new faults out of the batch and of what was selected so far.
  private func adopt(_ faults: RecordFaults, in batch: inout RecordBatch, _ selections: inout [[UInt32]?]) {
    let known = batch.faults.count
    guard faults.count > known else { return }
    batch.faults = faults
    let bad = Set(faults.dropFirst(known).map(\.record))
    func without(_ rows: [UInt32]) -> [UInt32] { rows.filter { !bad.contains(batch.record(ofRow: Int($0))) } }
    batch.selection = without(batch.selected)
    for i in selections.indices { selections[i] = without(selections[i] ?? batch.selected) }
  }

  private func countUntaken(_ batch: inout RecordBatch, _ selections: [[UInt32]?]) {
    // A sink without a condition takes all that are left.
    if ways.contains(where: { $0.condition == nil }) { return }
    var isTaken = [Bool](repeating: false, count: batch.rowCount)
    for rows in selections { for row in rows ?? batch.selected { isTaken[Int(row)] = true } }
    let taken = batch.selected.filter { isTaken[Int($0)] }
    batch.filtered += batch.selectedCount - taken.count
    batch.selection = taken
  }
}

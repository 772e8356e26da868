import Records

/// A call of a function for some rows of a batch. It takes the function's failures, and has the limits of its texts.
struct Call {
  /// The batch that the arguments are computed from.
  let batch: RecordBatch
  /// The batch's rows that the arguments are of.
  let rows: [UInt32]
  let findings: Findings

  var count: Int { rows.count }

  /// Reports that the result has no value for argument row `i`; its record becomes a dead letter.
  func fail(_ i: Int, _ message: String) { findings.fail(rows[i], message) }

  /// Makes texts row by row; a row for which `make` returns false is NULL.
  @inline(__always)
  func texts(_ make: (Int, inout TextWriter) -> Bool) -> Vector {
    var writer = TextWriter(findings.bounds)
    let slices = [TextSlice](unsafeUninitializedCapacity: count) { slices, filled in
      for i in 0..<count {
        slices.initializeElement(at: i, to: make(i, &writer) ? writer.take() : writer.drop())
        if writer.hasOverflowed, let overflow = writer.takeOverflow() { fail(i, overflow.message) }
      }
      filled = count
    }
    return .text(TextVector(slices: slices, owners: writer.owners))
  }

  /// Makes texts that are slices of those in `source`; a row for which `cut` returns nil is NULL.
  func slices(_ source: Vector, _ cut: (Int, TextSlice) -> TextSlice?) -> Vector {
    guard case .text(let v) = source else { return source }
    return .text(
      TextVector(slices: (0..<count).map { v.slices[$0].start == nil ? .null : cut($0, v.slices[$0]) ?? .null }, owners: v.owners))
  }

  func integers(_ make: (Int) -> Int64?) -> Vector {
    var out = NullableVector(values: [Int64](repeating: 0, count: count))
    for i in 0..<count { if let value = make(i) { out.values[i] = value } else { out.setNull(i) } }
    return .integers(out)
  }

  /// Makes doubles row by row. A result that is no number (the root of -1) is NULL; one beyond a double's range fails its row.
  func doubles(_ make: (Int) -> Double?) -> Vector {
    var out = NullableVector(values: [Double](repeating: 0, count: count))
    for i in 0..<count {
      let value = make(i)
      if let value, value.isFinite {
        out.values[i] = value
      } else {
        out.setNull(i)
        if value?.isInfinite == true { fail(i, Evaluation.outOfDouble) }
      }
    }
    return .doubles(out)
  }

  func booleans(_ make: (Int) -> Bool?) -> Vector {
    .booleans((0..<count).map { make($0).map { $0 ? 1 : 0 } ?? 2 })
  }
}

/// The limits of texts that expressions make.
public struct EvaluationBounds: Sendable, Hashable {
  /// The greatest length of one text, in bytes: `parse.limits.record`.
  public var textBytes: Int
  /// The greatest length of all texts together that one expression makes for one batch, in bytes: `limits.memory`.
  public var batchBytes: Int

  /// Makes limits. A batch may at least hold one text of the greatest length, whatever `batchBytes` says.
  public init(textBytes: Int = 16_000_000, batchBytes: Int = 256_000_000) {
    self.textBytes = textBytes
    self.batchBytes = max(batchBytes, textBytes)
  }
}

/// The work on a batch ended early, since the run stops or the worker was told to end. The caller discards the batch.
public struct EvaluationStopped: Error {}

/// The failures of an evaluation, and the question whether to go on. One task uses it, and no method calls back into it, so exclusivity
/// needs no check.
final class Findings {
  let bounds: EvaluationBounds
  private let goesOn: () -> Bool
  /// The batch's rows that could not be evaluated, with the reasons.
  var failures: [UInt32: String] = [:]
  @exclusivity(unchecked) private(set) var isStopped = false
  @exclusivity(unchecked) private var rowsUntilLook = 16

  /// - Parameter goesOn: called between pieces of work that may take long; false ends the evaluation.
  init(_ bounds: EvaluationBounds, goesOn: @escaping () -> Bool) {
    self.bounds = bounds
    self.goesOn = goesOn
  }

  func fail(_ row: UInt32, _ message: String) { if failures[row] == nil { failures[row] = message } }

  /// Whether to go on. The evaluation asks before each node, and slow functions ask every few rows.
  func look() -> Bool {
    if !isStopped, !goesOn() { isStopped = true }
    return !isStopped
  }

  /// Whether to go on, for a call at every row. Only each 16th call really asks, since that costs more than most rows do.
  @inline(__always)
  func lookBetweenRows() -> Bool {
    rowsUntilLook -= 1
    if rowsUntilLook > 0 { return !isStopped }
    rowsUntilLook = 16
    return look()
  }
}

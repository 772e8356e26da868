import Records

/// What a function is called for: the rows, what it says of rows that have no value, and what it has to keep to.
struct Call {
  /// The batch's rows that the arguments are of.
  let rows: [UInt32]
  let findings: Findings

  var count: Int { rows.count }

  /// Argument row `i` has no value, and its record becomes a dead letter.
  func fail(_ i: Int, _ message: String) { findings.fail(rows[i], message) }

  /// Text made row by row; a row for which `make` gives false is NULL.
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

  /// Slices of the text given; a row for which `cut` gives nil is NULL.
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

  /// What is no number (the root of -1) is NULL, and what is out of a double's range has no value.
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

/// What an evaluation has to keep to.
public struct EvaluationBounds: Sendable, Hashable {
  /// How long a text may become, in bytes: `parse.limits.record`.
  public var textBytes: Int
  /// How long the texts may be together that an expression makes of one batch: `limits.memory`.
  public var batchBytes: Int

  public init(textBytes: Int = 16_000_000, batchBytes: Int = 256_000_000) {
    self.textBytes = textBytes
    self.batchBytes = max(batchBytes, textBytes)
  }
}

/// The run stops, or the record's worker was told to end: what was computed of a batch counts no more.
public struct EvaluationStopped: Error {}

/// What comes to light as a batch is evaluated. It is used by one task, and no method of it calls what could come back to it: so there is
/// nothing to be checked of who has its properties.
final class Findings {
  let bounds: EvaluationBounds
  private let goesOn: () -> Bool
  /// Rows (of the batch) that could not be evaluated, with why.
  var failures: [UInt32: String] = [:]
  @exclusivity(unchecked) private(set) var isStopped = false
  @exclusivity(unchecked) private var rowsUntilLook = 16

  /// - Parameter goesOn: called between pieces of work that may take long; false where the rest is wanted no more.
  init(_ bounds: EvaluationBounds, goesOn: @escaping () -> Bool) {
    self.bounds = bounds
    self.goesOn = goesOn
  }

  func fail(_ row: UInt32, _ message: String) { if failures[row] == nil { failures[row] = message } }

  /// Whether to go on; it is asked before each node, and by what may take long for one row after some of them.
  func look() -> Bool {
    if !isStopped, !goesOn() { isStopped = true }
    return !isStopped
  }

  /// The same, asked for every row: a look at the clock and at the run costs more than most rows do.
  @inline(__always)
  func lookBetweenRows() -> Bool {
    rowsUntilLook -= 1
    if rowsUntilLook > 0 { return !isStopped }
    rowsUntilLook = 16
    return look()
  }
}

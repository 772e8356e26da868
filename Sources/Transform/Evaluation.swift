import Foundation
import Records

/// One expression's work on one batch: values over rows, and the rows for which there is none.
struct Evaluation {
  static let outOfBigint = "the result does not fit a bigint"
  static let outOfDouble = "the result is out of a double's range"

  static func tooManyDigits(_ type: ValueType) -> String { "the result has too many digits for a \(type.rawValue)" }

  let batch: RecordBatch
  private let findings: Findings
  /// Rows (of the batch) that could not be evaluated, with why.
  var failures: [UInt32: String] { findings.failures }
  /// Whether what was evaluated counts no more.
  var isStopped: Bool { findings.isStopped }

  init(_ batch: RecordBatch, _ bounds: EvaluationBounds = EvaluationBounds(), goesOn: @escaping () -> Bool = { true }) {
    self.batch = batch
    findings = Findings(bounds, goesOn: goesOn)
  }

  private func fail(_ row: UInt32, _ message: String) { findings.fail(row, message) }

  /// The values of `node` for `rows`, in their order.
  func values(_ node: Node, _ rows: [UInt32]) -> Vector {
    guard findings.look() else { return Self.repeated(.null, node.type, rows.count) }
    switch node {
    case .unknown: return Self.repeated(.null, nil, rows.count)
    case .column(let position, _): return column(position, rows)
    case .literal(let literal, let type): return Self.repeated(literal, type, rows.count)
    case .arithmetic(let operation, let a, let b, let type):
      let left = values(a, rows)
      let right = values(b, rows)
      switch type {
      case .bigint: return integers(operation, left, right, rows)
      case .decimal(let precision, let scale):
        guard case (.decimals(let x), .decimals(let y)) = (left, right), case (.decimal(_, let p)?, .decimal(_, let q)?) = (a.type, b.type)
        else { return left }
        let result = DecimalArithmetic.values(operation, x, p, y, q, precision: precision, scale: scale) {
          fail(rows[$0], Self.tooManyDigits(type))
        }
        return .decimals(result)
      default: return doubles(operation, left, right, rows)
      }
    case .comparison(let comparison, let a, let b):
      let (left, right) = (values(a, rows), values(b, rows))
      if case (.decimal(_, let p)?, .decimal(_, let q)?) = (a.type, b.type), p != q {
        return .booleans(Comparing.compare(comparison, left, p, right, q))
      }
      return .booleans(Comparing.compare(comparison, left, right))
    case .and(let a, let b): return logical(a, b, rows, decides: 0)
    case .or(let a, let b): return logical(a, b, rows, decides: 1)
    case .not(let operand):
      guard case .booleans(let truth) = values(operand, rows) else { return .booleans([]) }
      return .booleans(truth.map { $0 == 2 ? 2 : 1 - $0 })
    case .isNull(let operand, let negated):
      return .booleans(Self.nullity(values(operand, rows), negated))
    case .isOneOf(let operand, let list, let negated): return oneOf(operand, list, negated, rows)
    case .like(let operand, let pattern, let compiled, let escape, let negated, let ignoringCase):
      return like(values(operand, rows), pattern, compiled, escape, negated, ignoringCase, rows)
    case .conditional(let branches, let otherwise, let type): return conditional(branches, otherwise, type, rows)
    case .coalesce(let list, let type): return coalesce(list, type, rows)
    case .cast(let operand, let type, let isTry):
      let source = values(operand, rows)
      return Casting.cast(source, operand.type ?? .text, to: type) { [findings] i, message in
        if !isTry { findings.fail(rows[i], message) }
      }
    case .call(let function, let arguments, _):
      var vectors: [Vector] = []
      for argument in arguments { vectors.append(values(argument, rows)) }
      return function.body(vectors, Call(batch: batch, rows: rows, findings: findings))
    }
  }

  private func column(_ position: Int, _ rows: [UInt32]) -> Vector {
    let column = batch.columns[position]
    let all =
      column.values
      ?? column.views?.read(as: column.field, rowCount: batch.rowCount, decoding: true, plainText: false) { row, code in
        if code == .invalidEncoding { fail(UInt32(row), "\(column.field.name) holds half of a surrogate pair, which is no character") }
      }.values
    guard let all else { return Self.repeated(.null, column.field.type, rows.count) }
    return rows.count == batch.rowCount ? all : all.gather(rows)
  }

  static func repeated(_ literal: Node.Literal, _ type: ValueType?, _ count: Int) -> Vector {
    switch literal {
    case .integer(let value): return .integers(NullableVector(values: [Int64](repeating: value, count: count)))
    case .decimal(let value): return .decimals(NullableVector(values: [Int128](repeating: value, count: count)))
    case .double(let value, _): return .doubles(NullableVector(values: [Double](repeating: value, count: count)))
    case .boolean(let value): return .booleans([UInt8](repeating: value ? 1 : 0, count: count))
    case .text(let buffer):
      let slice = TextSlice(start: UnsafePointer(buffer.bytes), count: buffer.count)
      return .text(TextVector(slices: [TextSlice](repeating: slice, count: count), owners: [buffer]))
    case .null:
      return .nulls(type ?? .text, count: count)
    }
  }

  /// AND (decided by 0) and OR (decided by 1) with three values. A right side can't fail a row that the left side decides.
  private func logical(_ a: Node, _ b: Node, _ rows: [UInt32], decides: UInt8) -> Vector {
    guard case .booleans(let left) = values(a, rows) else { return .booleans([]) }
    let before = failures
    guard case .booleans(let right) = values(b, rows) else { return .booleans([]) }
    if failures.count != before.count {
      for (i, row) in rows.enumerated() where left[i] == decides && before[row] == nil { findings.failures[row] = nil }
    }
    var out = [UInt8](repeating: 0, count: rows.count)
    for i in 0..<rows.count {
      let x = left[i], y = right[i]
      out[i] = x == decides || y == decides ? decides : (x == 2 || y == 2 ? 2 : 1 - decides)
    }
    return .booleans(out)
  }

  private static func nullity(_ vector: Vector, _ negated: Bool) -> [UInt8] {
    var marks = vector.nullMarks
    if negated { for i in marks.indices { marks[i] ^= 1 } }
    return marks
  }

  private func oneOf(_ operand: Node, _ list: [Node], _ negated: Bool, _ rows: [UInt32]) -> Vector {
    let vector = values(operand, rows)
    var found = [UInt8](repeating: 0, count: rows.count)
    for node in list {
      let same = Comparing.compare(.equal, vector, values(node, rows))
      for i in 0..<rows.count where found[i] != 1 && same[i] != 0 { found[i] = same[i] }
    }
    return .booleans(negated ? found.map { $0 == 2 ? 2 : 1 - $0 } : found)
  }

  private func like(
    _ text: Vector, _ pattern: Node, _ compiled: LikePattern?, _ escape: UInt8?, _ negated: Bool, _ ignoringCase: Bool, _ rows: [UInt32]
  ) -> Vector {
    guard case .text(let texts) = text else { return .booleans([]) }
    var out = [UInt8](repeating: 2, count: rows.count)
    var patterns: [TextSlice] = []
    if compiled == nil, case .text(let found) = values(pattern, rows) { patterns = found.slices }
    for i in 0..<rows.count {
      guard texts.slices[i].start != nil, findings.lookBetweenRows() else { continue }
      var matcher = compiled
      if matcher == nil {
        guard i < patterns.count, patterns[i].start != nil else { continue }
        matcher = LikePattern(Array(patterns[i].bytes), escape: escape, ignoringCase: ignoringCase)
      }
      let matches = matcher?.matches(texts.slices[i].bytes) ?? false
      out[i] = matches != negated ? 1 : 0
    }
    return .booleans(out)
  }

  /// Each branch is evaluated for the rows that take it, so that a branch not taken can't fail.
  private func conditional(_ branches: [(Node, Node)], _ otherwise: Node, _ type: ValueType?, _ rows: [UInt32]) -> Vector {
    var left = Array(0..<UInt32(rows.count))
    var pieces: [([UInt32], Vector)] = []
    for (condition, value) in branches where !left.isEmpty {
      let subset = left.map { rows[Int($0)] }
      guard case .booleans(let truth) = values(condition, subset) else { continue }
      var taken: [UInt32] = [], rest: [UInt32] = []
      for (i, position) in left.enumerated() {
        if truth[i] == 1 { taken.append(position) } else { rest.append(position) }
      }
      if !taken.isEmpty { pieces.append((taken, values(value, taken.map { rows[Int($0)] }))) }
      left = rest
    }
    if !left.isEmpty { pieces.append((left, values(otherwise, left.map { rows[Int($0)] }))) }
    return Self.assemble(pieces, type, rows.count)
  }

  private func coalesce(_ list: [Node], _ type: ValueType?, _ rows: [UInt32]) -> Vector {
    var left = Array(0..<UInt32(rows.count))
    var pieces: [([UInt32], Vector)] = []
    for node in list where !left.isEmpty {
      let vector = values(node, left.map { rows[Int($0)] })
      var rest: [UInt32] = [], kept: [UInt32] = [], keptAt: [UInt32] = []
      for (i, position) in left.enumerated() {
        if vector.isNull(i) {
          rest.append(position)
        } else {
          kept.append(position)
          keptAt.append(UInt32(i))
        }
      }
      if !kept.isEmpty { pieces.append((kept, rest.isEmpty ? vector : vector.gather(keptAt))) }
      left = rest
    }
    return Self.assemble(pieces, type, rows.count)
  }

  /// Puts vectors for parts of the rows together; rows in none are NULL.
  private static func assemble(_ pieces: [([UInt32], Vector)], _ type: ValueType?, _ count: Int) -> Vector {
    if pieces.count == 1, pieces[0].0.count == count { return pieces[0].1 }
    switch repeated(.null, type, count) {
    case .integers(var out):
      for case (let at, .integers(let piece)) in pieces { out.fill(at, piece) }
      return .integers(out)
    case .decimals(var out):
      for case (let at, .decimals(let piece)) in pieces { out.fill(at, piece) }
      return .decimals(out)
    case .doubles(var out):
      for case (let at, .doubles(let piece)) in pieces { out.fill(at, piece) }
      return .doubles(out)
    case .booleans(var out):
      for case (let at, .booleans(let piece)) in pieces { for (i, row) in at.enumerated() { out[Int(row)] = piece[i] } }
      return .booleans(out)
    case .text(var out):
      for case (let at, .text(let piece)) in pieces {
        for (i, row) in at.enumerated() { out.slices[Int(row)] = piece.slices[i] }
        out.owners += piece.owners
      }
      return .text(out)
    }
  }

  private func integers(_ operation: Node.Arithmetic, _ a: Vector, _ b: Vector, _ rows: [UInt32]) -> Vector {
    guard case .integers(let left) = a, case .integers(let right) = b else { return a }
    var out = NullableVector(values: [Int64](repeating: 0, count: rows.count), nulls: Self.mergedNulls(left.nulls, right.nulls))
    for i in 0..<rows.count where !out.isNull(i) {
      let x = left.values[i], y = right.values[i]
      let result: (partialValue: Int64, overflow: Bool)
      switch operation {
      case .add: result = x.addingReportingOverflow(y)
      case .subtract: result = x.subtractingReportingOverflow(y)
      case .multiply: result = x.multipliedReportingOverflow(by: y)
      case .divide, .remainder:
        if y == 0 {
          out.setNull(i)
          continue
        }
        result =
          operation == .divide ? x.dividedReportingOverflow(by: y) : (y == -1 ? (0, false) : x.remainderReportingOverflow(dividingBy: y))
      }
      if result.overflow { fail(rows[i], Self.outOfBigint) }
      out.values[i] = result.partialValue
    }
    return .integers(out)
  }

  private func doubles(_ operation: Node.Arithmetic, _ a: Vector, _ b: Vector, _ rows: [UInt32]) -> Vector {
    guard case .doubles(let left) = a, case .doubles(let right) = b else { return a }
    let count = left.count
    var out = NullableVector(values: [Double](repeating: 0, count: count), nulls: Self.mergedNulls(left.nulls, right.nulls))
    switch operation {
    case .add: for i in 0..<count { out.values[i] = left.values[i] + right.values[i] }
    case .subtract: for i in 0..<count { out.values[i] = left.values[i] - right.values[i] }
    case .multiply: for i in 0..<count { out.values[i] = left.values[i] * right.values[i] }
    case .divide: for i in 0..<count { out.values[i] = left.values[i] / right.values[i] }
    case .remainder: for i in 0..<count { out.values[i] = fmod(left.values[i], right.values[i]) }
    }
    // Nothing times what is not finite is not a number.
    var sum = 0.0
    for value in out.values { sum += 0 * value }
    if sum.isNaN { settle(&out, operation, right, rows) }
    return .doubles(out)
  }

  /// Takes out what is not finite.
  private func settle(_ out: inout NullableVector<Double>, _ operation: Node.Arithmetic, _ right: NullableVector<Double>, _ rows: [UInt32])
  {
    let divides = operation == .divide || operation == .remainder
    for i in 0..<out.count where !out.values[i].isFinite {
      // Division by zero is NULL, as in SQLite.
      if !out.isNull(i), !(divides && right.values[i] == 0) { fail(rows[i], Self.outOfDouble) }
      out.setNull(i)
    }
  }

  static func mergedNulls(_ a: [UInt8], _ b: [UInt8]) -> [UInt8] {
    if a.isEmpty { return b }
    if b.isEmpty { return a }
    var out = a
    for i in 0..<a.count { out[i] |= b[i] }
    return out
  }
}

extension NullableVector {
  mutating func fill(_ at: [UInt32], _ piece: NullableVector) {
    for (i, row) in at.enumerated() {
      values[Int(row)] = piece.values[i]
      nulls[Int(row)] = piece.nulls.isEmpty ? 0 : piece.nulls[i]
    }
  }
}

/// Comparisons of whole vectors: 0, 1 or 2 (NULL) for each row. Text is compared by its bytes.
enum Comparing {
  static func compare(_ comparison: Node.Comparison, _ a: Vector, _ b: Vector) -> [UInt8] {
    switch (a, b) {
    case (.integers(let x), .integers(let y)): return numbers(comparison, x, y)
    case (.doubles(let x), .doubles(let y)): return numbers(comparison, x, y)
    case (.decimals(let x), .decimals(let y)): return numbers(comparison, x, y)
    case (.booleans(let x), .booleans(let y)):
      return zip(x, y).map { $0 == 2 || $1 == 2 ? 2 : (holds(comparison, Int($0) - Int($1)) ? 1 : 0) }
    case (.text(let x), .text(let y)):
      return zip(x.slices, y.slices).map { p, q in
        guard p.start != nil, q.start != nil else { return 2 }
        if comparison == .equal, p.count != q.count { return 0 }
        return holds(comparison, order(p, q)) ? 1 : 0
      }
    default: return [UInt8](repeating: 2, count: a.count)
    }
  }

  /// The same for decimals of two scales.
  static func compare(_ comparison: Node.Comparison, _ a: Vector, _ scale: Int, _ b: Vector, _ other: Int) -> [UInt8] {
    guard case (.decimals(let x), .decimals(let y)) = (a, b) else { return [UInt8](repeating: 2, count: a.count) }
    return (0..<x.count).map { i in
      if x.isNull(i) || y.isNull(i) { return 2 }
      return holds(comparison, DecimalArithmetic.order(x.values[i], scale, y.values[i], other)) ? 1 : 0
    }
  }

  private static func numbers<N: Comparable>(_ comparison: Node.Comparison, _ x: NullableVector<N>, _ y: NullableVector<N>) -> [UInt8] {
    switch comparison {
    case .equal: numbers(x, y, ==)
    case .notEqual: numbers(x, y, !=)
    case .less: numbers(x, y, <)
    case .greater: numbers(x, y, >)
    case .lessOrEqual: numbers(x, y, <=)
    case .greaterOrEqual: numbers(x, y, >=)
    }
  }

  @inline(__always)
  private static func numbers<N>(_ x: NullableVector<N>, _ y: NullableVector<N>, _ holds: (N, N) -> Bool) -> [UInt8] {
    let nulls = Evaluation.mergedNulls(x.nulls, y.nulls)
    var out = [UInt8](repeating: 0, count: x.count)
    for i in 0..<out.count { out[i] = holds(x.values[i], y.values[i]) ? 1 : 0 }
    if !nulls.isEmpty { for i in 0..<out.count where nulls[i] != 0 { out[i] = 2 } }
    return out
  }

  static func holds(_ comparison: Node.Comparison, _ order: Int) -> Bool {
    switch comparison {
    case .equal: order == 0
    case .notEqual: order != 0
    case .less: order < 0
    case .greater: order > 0
    case .lessOrEqual: order <= 0
    case .greaterOrEqual: order >= 0
    }
  }

  static func order(_ p: TextSlice, _ q: TextSlice) -> Int {
    guard let a = p.start, let b = q.start else { return 0 }
    let first = memcmp(a, b, min(p.count, q.count))
    return first != 0 ? Int(first) : p.count - q.count
  }
}

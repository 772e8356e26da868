import Configuration
import Processes
import Records

/// A step as the definition has it, its expressions as text.
public enum TransformStep: Sendable, Hashable {
  case filter(String)
  case derive([(name: String, expression: String)])
  case rename([(from: String, to: String)])
  case select([String])
  case drop([String])
  case cast([(name: String, type: ValueType)])
  case expect([(name: String, expression: String)])
  /// A program of the user's, and what its answers hold; nil for what goes in.
  case program(ProgramOptions, fields: Schema?)
  /// A step that could not be read, which is told elsewhere: what fields there are behind it is not known.
  case unread

  public static func == (a: TransformStep, b: TransformStep) -> Bool { "\(a)" == "\(b)" }
  public func hash(into hasher: inout Hasher) { hasher.combine("\(self)") }
}

/// What is wrong in a step: which of its entries, and where in it.
public struct StepError: Error, Sendable {
  public var step: Int
  /// Which entry of the step's map or list.
  public var entry: Int
  /// Whether the entry's name is meant, not its expression.
  public var isName: Bool
  public var error: ExpressionError
}

/// The steps, checked against the schema they start from and compiled once for the run.
public struct TransformPlan: Sendable {
  private enum Operation: Sendable {
    case filter(Expression)
    case derive(Field, at: Int, Expression)
    case rename(Int, String)
    case select([Int])
    case cast(Int, Field, Expression)
    case expect(String, Expression)
  }

  private var operations: [Operation] = []
  /// What goes in and what comes out.
  public let input: Schema
  public var output: Schema { scope.schema }
  private(set) var scope: Scope
  private let bounds: EvaluationBounds
  /// Which input columns expressions read: the parser decodes them as it checks them.
  public private(set) var decoded: [Bool]

  /// Checks all steps and reports everything that is wrong, not the first alone.
  public static func compile(
    _ steps: [TransformStep], input: Schema, bounds: EvaluationBounds = EvaluationBounds()
  ) -> (plan: TransformPlan, errors: [StepError]) {
    compile(steps, scope: Scope(input), bounds)
  }

  static func compile(_ steps: [TransformStep], scope: Scope, _ bounds: EvaluationBounds) -> (plan: TransformPlan, errors: [StepError]) {
    var plan = TransformPlan(scope, bounds)
    var errors: [StepError] = []
    for (i, step) in steps.enumerated() {
      if i > 0, case .filter(let expression)? = plan.operations.last, expression.isNeverTrue {
        var error = ExpressionError("no record ever comes here: the filter above is never true", at: 0)
        error.isUnreachable = true
        errors.append(StepError(step: i, entry: 0, isName: true, error: error))
      }
      plan.add(step) { entry, isName, error in errors.append(StepError(step: i, entry: entry, isName: isName, error: error)) }
    }
    return (plan, errors)
  }

  private init(_ scope: Scope, _ bounds: EvaluationBounds) {
    input = scope.schema
    self.scope = scope
    self.bounds = bounds
    decoded = Array(repeating: false, count: input.fields.count)
    origins = Array(input.fields.indices)
  }

  /// For each present column the input column that it is, or nil.
  private var origins: [Int?]

  private mutating func note(_ expression: Expression) {
    for column in expression.columns { if let origin = origins[column] { decoded[origin] = true } }
  }

  private mutating func add(_ step: TransformStep, _ report: (Int, Bool, ExpressionError) -> Void) {
    switch step {
    case .program: return
    case .unread:
      scope.isOpen = true
      scope.untyped = Set(output.fields.map(\.name))
    case .filter(let text):
      do throws(ExpressionError) {
        let expression = try Expression.condition(text, scope: scope)
        note(expression)
        operations.append(.filter(expression))
      } catch { report(0, false, error) }
    case .derive(let entries):
      for (i, entry) in entries.enumerated() { derive(entry.name, entry.expression) { report(i, false, $0) } }
    case .rename(let entries):
      for (i, entry) in entries.enumerated() {
        guard let at = position(entry.from, { report(i, true, $0) }) else { continue }
        if let other = output.position(of: entry.to), other != at {
          report(i, false, ExpressionError("there is a field “\(entry.to)” already", at: 0, length: entry.to.utf8.count))
          continue
        }
        if scope.untyped.remove(entry.from) != nil { scope.untyped.insert(entry.to) }
        scope.schema.fields[at].name = entry.to
        operations.append(.rename(at, entry.to))
      }
    case .select(let names): choose(names, report)
    case .drop(let names):
      var gone: Set<Int> = []
      for (i, name) in names.enumerated() { if let at = position(name, { report(i, false, $0) }) { gone.insert(at) } }
      keep(output.fields.indices.filter { !gone.contains($0) })
    case .cast(let entries):
      for (i, entry) in entries.enumerated() {
        guard let at = position(entry.name, { report(i, true, $0) }) else { continue }
        let quoted = "\"\(entry.name.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\""))\""
        do throws(ExpressionError) {
          let expression = try Expression("CAST(\(quoted) AS \(entry.type.rawValue))", scope: scope)
          note(expression)
          scope.schema.fields[at].type = entry.type
          scope.untyped.remove(entry.name)
          origins[at] = nil
          operations.append(.cast(at, output.fields[at], expression))
        } catch { report(i, true, ExpressionError(error.message, at: 0, length: entry.name.utf8.count)) }
      }
    case .expect(let entries):
      for (i, entry) in entries.enumerated() {
        do throws(ExpressionError) {
          let expression = try Expression.condition(entry.expression, scope: scope)
          note(expression)
          operations.append(.expect(entry.name, expression))
        } catch { report(i, false, error) }
      }
    }
  }

  private mutating func derive(_ name: String, _ text: String, _ report: (ExpressionError) -> Void) {
    do throws(ExpressionError) {
      let expression = try Expression(text, scope: scope)
      note(expression)
      let field = Field(name: name, type: expression.type)
      if expression.isUnknown { scope.untyped.insert(name) } else { scope.untyped.remove(name) }
      if let at = output.position(of: name) {
        scope.schema.fields[at] = field
        origins[at] = nil
        operations.append(.derive(field, at: at, expression))
      } else {
        scope.schema.fields.append(field)
        origins.append(nil)
        operations.append(.derive(field, at: output.fields.count - 1, expression))
      }
    } catch {
      report(error)
      // What is wrong with it is told; the steps below may name it.
      if output.position(of: name) == nil {
        scope.schema.fields.append(Field(name: name, type: .text))
        origins.append(nil)
      }
      scope.untyped.insert(name)
    }
  }

  private mutating func choose(_ names: [String], _ report: (Int, Bool, ExpressionError) -> Void) {
    var kept: [Int] = []
    for (i, name) in names.enumerated() {
      guard let at = position(name, { report(i, false, $0) }) else { continue }
      if kept.contains(at) {
        report(i, false, ExpressionError("“\(name)” is selected twice", at: 0, length: name.utf8.count))
      } else {
        kept.append(at)
      }
    }
    keep(kept)
    scope.isOpen = false
  }

  private mutating func keep(_ kept: [Int]) {
    scope.schema = Schema(kept.map { output.fields[$0] })
    origins = kept.map { origins[$0] }
    operations.append(.select(kept))
  }

  private mutating func position(_ name: String, _ report: (ExpressionError) -> Void) -> Int? {
    if let at = output.position(of: name) { return at }
    if scope.isOpen {
      scope.schema.fields.append(Field(name: name, type: .text))
      scope.untyped.insert(name)
      origins.append(nil)
      return output.fields.count - 1
    }
    let near = Spelling.nearest(to: name, among: output.fields.map(\.name))
    let hint = near.map { "did you mean “\($0)”?" } ?? "the fields are \(Excerpt.list(output.fields.map(\.name)))"
    report(ExpressionError("there is no field “\(name)” here; \(hint)", at: 0, length: name.utf8.count))
    return nil
  }

  /// Takes a batch of the input schema through all steps.
  ///
  /// - Parameter goesOn: asked between pieces of work, which take milliseconds: it is the sign of life, and false ends the work.
  public func apply(
    _ batch: RecordBatch, goesOn: @escaping () -> Bool = { true }
  ) throws(EvaluationStopped) -> RecordBatch {
    var batch = batch
    for operation in operations {
      switch operation {
      case .filter(let condition):
        let (truth, rows) = try batch.evaluate(condition, bounds, goesOn)
        guard case .booleans(let values) = truth else { continue }
        batch.keep(rows, values, filtered: true) { $0 == 1 }
      case .derive(let field, let at, let expression), .cast(let at, let field, let expression):
        let (vector, rows) = try batch.evaluate(expression, field: field.name, bounds, goesOn)
        let column = Column(field: field, views: nil, values: vector.scatter(rows, count: batch.rowCount))
        if at < batch.columns.count { batch.columns[at] = column } else { batch.columns.append(column) }
      case .rename(let at, let name): batch.columns[at].field.name = name
      case .select(let kept): batch.columns = kept.map { batch.columns[$0] }
      case .expect(let name, let condition):
        let (truth, rows) = try batch.evaluate(condition, bounds, goesOn)
        guard case .booleans(let values) = truth else { continue }
        for (i, row) in rows.enumerated() where values[i] == 0 {
          batch.faults.append(
            RecordFault(
              code: .expectationFailed, reason: "the expectation “\(name)” does not hold", field: name,
              record: batch.record(ofRow: Int(row))))
        }
        // As SQL's CHECK: what is unknown passes.
        batch.keep(rows, values, filtered: false) { $0 != 0 }
      }
    }
    return batch
  }
}

extension RecordBatch {
  /// Evaluates for the rows that are in; rows that fail go out with a fault. Returns values for the rows that stay.
  mutating func evaluate(
    _ expression: Expression, field: String? = nil, _ bounds: EvaluationBounds, _ goesOn: @escaping () -> Bool
  ) throws(EvaluationStopped) -> (Vector, [UInt32]) {
    let rows = selected
    let evaluation = Evaluation(self, bounds, goesOn: goesOn)
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

  /// Keeps those of `rows` whose value passes.
  mutating func keep(_ rows: [UInt32], _ values: [UInt8], filtered counts: Bool, _ passes: (UInt8) -> Bool) {
    var kept: [UInt32] = []
    kept.reserveCapacity(rows.count)
    for (i, row) in rows.enumerated() where passes(values[i]) { kept.append(row) }
    if counts { filtered += rows.count - kept.count }
    if kept.count != rows.count || selection != nil { selection = kept }
  }
}

import Configuration
import Records

/// Steps that work in this process, checked once for the run against the schema of the records that come to them.
public struct TransformPlan: Sendable {
  private var works: [any StepWork] = []
  private var fields: StepFields
  private let bounds: EvaluationBounds
  /// The fields of the batches that come in.
  public let input: Schema
  /// The fields of the batches that come out.
  var output: Schema { fields.schema }
  var scope: Scope { fields.scope }
  /// Whether expressions read a column, for each field of ``input``. The parser decodes those columns while it checks them.
  public var decoded: [Bool] { fields.decoded }
  /// The parts of records' origins that expressions read. Batches need an origin where there are any.
  public var reads: OriginParts { fields.reads }

  /// Checks steps and returns all their errors, not the first alone. A plan with errors must not be applied.
  ///
  /// - Parameter bounds: the limits of the texts that expressions make.
  package static func compile(
    _ steps: [any Step], input: Schema, bounds: EvaluationBounds = EvaluationBounds()
  ) -> (plan: TransformPlan, diagnostics: [Diagnostic]) {
    compile(steps, scope: Scope(input), bounds)
  }

  static func compile(_ steps: [any Step], scope: Scope, _ bounds: EvaluationBounds) -> (plan: TransformPlan, diagnostics: [Diagnostic]) {
    var plan = TransformPlan(scope, bounds)
    for step in steps {
      if plan.fields.letsNothingThrough {
        var error = ExpressionError("no record ever comes here: the filter above is never true", at: 0)
        error.isUnreachable = true
        plan.fields.report(error, at: step.place ?? .beginning, whole: true)
        plan.fields.letsNothingThrough = false
      }
      plan.works += step.check(&plan.fields)
    }
    return (plan, plan.fields.diagnostics)
  }

  private init(_ scope: Scope, _ bounds: EvaluationBounds) {
    input = scope.schema
    fields = StepFields(scope)
    self.bounds = bounds
  }

  /// Takes a batch of the schema ``input`` through all steps.
  ///
  /// - Parameter goesOn: called every few milliseconds. The call is the worker's sign of life for the watchdog, and false ends the work.
  /// - Throws: ``EvaluationStopped`` after `goesOn` returned false.
  public func apply(
    _ batch: RecordBatch, goesOn: @escaping () -> Bool = { true }
  ) throws(EvaluationStopped) -> RecordBatch {
    var batch = batch
    let conditions = StepConditions(bounds: bounds, goesOn: goesOn)
    for work in works { try work.run(&batch, conditions) }
    return batch
  }
}

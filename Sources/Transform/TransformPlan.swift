import Configuration
import Records

/// Steps whose work is done in this process, checked against the schema they start from once for the run.
public struct TransformPlan: Sendable {
  private var works: [any StepWork] = []
  private var fields: StepFields
  private let bounds: EvaluationBounds
  /// What goes in and what comes out.
  public let input: Schema
  public var output: Schema { fields.schema }
  var scope: Scope { fields.scope }
  /// Which input columns expressions read: the parser decodes them as it checks them.
  public var decoded: [Bool] { fields.decoded }

  /// Checks all steps and reports everything that is wrong, not the first alone.
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

  /// Takes a batch of the input schema through all steps.
  ///
  /// - Parameter goesOn: asked between pieces of work, which take milliseconds: it is the sign of life, and false ends the work.
  public func apply(
    _ batch: RecordBatch, goesOn: @escaping () -> Bool = { true }
  ) throws(EvaluationStopped) -> RecordBatch {
    var batch = batch
    let conditions = StepConditions(bounds: bounds, goesOn: goesOn)
    for work in works { try work.run(&batch, conditions) }
    return batch
  }
}

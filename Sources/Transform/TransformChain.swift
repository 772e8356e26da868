import Configuration
import Processes
import Records

/// The steps of a definition in order: what is computed here, and between it programs of the user's that records go
/// through.
public struct TransformChain: Sendable {
  /// A program and what is computed with what it answers.
  public struct Link: Sendable {
    public let program: ProgramOptions
    /// What it answers with is what goes into this.
    public let plan: TransformPlan
  }

  public private(set) var first: TransformPlan
  public private(set) var links: [Link] = []

  public var input: Schema { first.input }
  public var output: Schema { links.last?.plan.output ?? first.output }
  /// Which input columns expressions read: the parser decodes them as it checks them.
  public var decoded: [Bool] { first.decoded }

  /// Checks all steps and reports everything that is wrong, not the first alone.
  ///
  /// - Parameter scope: what is known of the records' fields. A chain that is to run must know them all.
  package static func compile(
    _ steps: [any Step], scope: Scope, bounds: EvaluationBounds = EvaluationBounds()
  ) -> (chain: TransformChain, diagnostics: [Diagnostic]) {
    var diagnostics: [Diagnostic] = []
    var rest = steps[...]
    func plan(_ scope: Scope) -> TransformPlan {
      let own = rest.prefix { $0.program == nil }
      rest = rest.dropFirst(own.count)
      let (plan, found) = TransformPlan.compile(Array(own), scope: scope, bounds)
      diagnostics += found
      return plan
    }
    var chain = TransformChain(first: plan(scope))
    while let step = rest.popFirst(), let program = step.program {
      var fields = StepFields((chain.links.last?.plan ?? chain.first).scope)
      _ = step.check(&fields)
      diagnostics += fields.diagnostics
      chain.links.append(Link(program: program, plan: plan(fields.scope)))
    }
    return (chain, diagnostics)
  }

  private init(first: TransformPlan) { self.first = first }
}

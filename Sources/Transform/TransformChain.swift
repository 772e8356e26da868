import Configuration
import Processes
import Records

/// The steps of a definition in order: plans, whose steps work in this process, and between them programs of the user's.
public struct TransformChain: Sendable {
  /// A program, and the steps that follow it.
  public struct Link: Sendable {
    /// The program that records go through.
    public let program: ProgramOptions
    /// The steps behind the program, up to the next one. Its input are the program's answers.
    public let plan: TransformPlan
  }

  /// The steps before the first program.
  public private(set) var first: TransformPlan
  /// The programs in their order, each with the steps that follow it.
  public private(set) var links: [Link] = []

  /// The conditions that records must meet for each of several sinks, behind all steps; nil where a sink takes all.
  public private(set) var conditions: [TransformPlan?] = []

  /// The fields of parsed records.
  public var input: Schema { first.input }
  /// The fields of the records that go to the sink.
  public var output: Schema { links.last?.plan.output ?? first.output }
  /// Whether steps before the first program read a column, for each field of ``input``. The parser decodes those columns while it checks
  /// them.
  public var decoded: [Bool] { first.decoded }
  /// The parts of records' origins that a step or a sink's condition reads. Batches need an origin where there are any.
  public var reads: OriginParts {
    (links.map(\.plan) + conditions.compactMap { $0 }).reduce(first.reads) { $0.union($1.reads) }
  }

  /// Checks steps and returns all their errors, not the first alone. A chain with errors must not run.
  ///
  /// - Parameters:
  ///   - scope: the fields of parsed records, as far as they are known. A chain that is to run must know them all.
  ///   - conditions: for each sink the condition that its records must meet, and its place; nil where it takes all.
  ///   - bounds: the limits of the texts that expressions make.
  package static func compile(
    _ steps: [any Step], scope: Scope, conditions: [(text: String, place: Position)?] = [], bounds: EvaluationBounds = EvaluationBounds()
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
    let end = (chain.links.last?.plan ?? chain.first).scope
    chain.conditions = conditions.map { condition in
      guard let condition else { return nil }
      let (plan, found) = TransformPlan.compile([FilterStep(condition.text, at: condition.place)], scope: end, bounds)
      diagnostics += found
      return plan
    }
    return (chain, diagnostics)
  }

  private init(first: TransformPlan) { self.first = first }
}

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
  public static func compile(
    _ steps: [TransformStep], scope: Scope, bounds: EvaluationBounds = EvaluationBounds()
  ) -> (chain: TransformChain, errors: [StepError]) {
    var errors: [StepError] = []
    var scope = scope
    var programs: [ProgramOptions] = []
    var plans: [TransformPlan] = []
    var pending: [TransformStep] = []
    var start = 0
    func close(before next: Int) {
      let (plan, found) = TransformPlan.compile(pending, scope: scope, bounds)
      errors += found.map { StepError(step: $0.step + start, entry: $0.entry, isName: $0.isName, error: $0.error) }
      plans.append(plan)
      scope = plan.scope
      pending = []
      start = next
    }
    for (i, step) in steps.enumerated() {
      guard case .program(let options, let fields) = step else {
        pending.append(step)
        continue
      }
      close(before: i + 1)
      programs.append(options)
      if let fields { scope = Scope(fields) }
    }
    close(before: steps.count)
    var chain = TransformChain(first: plans[0])
    chain.links = zip(programs, plans.dropFirst()).map { Link(program: $0, plan: $1) }
    return (chain, errors)
  }

  private init(first: TransformPlan) { self.first = first }
}

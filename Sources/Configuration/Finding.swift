/// One line of `sluice doctor`: a thing that a component has looked at, and the problem with it.
///
/// Components make findings without a byte written. The doctor shows them, and knows nothing of what they are about.
package struct Finding: Sendable, Hashable {
  /// The thing, with what is known of it where there is no problem: `orders.db: the table orders takes the output's 5 fields`.
  package var what: String
  /// The reason why a run could not use it, as a clause; nil where it could.
  package var problem: String?
  /// The user's next step, as a clause; nil where the problem says it already.
  package var remedy: String?

  /// Makes a finding; without a problem it says that all is well.
  package init(_ what: String, problem: String? = nil, remedy: String? = nil) {
    self.what = what
    self.problem = problem
    self.remedy = remedy
  }
}

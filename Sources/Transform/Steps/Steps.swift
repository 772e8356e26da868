/// Every step that a definition may name, in the order in which they are listed.
package enum Steps {
  /// The types of all steps. `sluice list` and the reference have them in this order.
  package static let all: [any Step.Type] = [
    FilterStep.self,
    DeriveStep.self,
    RenameStep.self,
    SelectStep.self,
    DropStep.self,
    CastStep.self,
    ExpectStep.self,
    ExecStep.self,
    LookupStep.self,
  ]
}

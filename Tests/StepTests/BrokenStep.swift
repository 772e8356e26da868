import Configuration
import Foundation
import Records
import Synchronization
import Transform

/// A step that does what another does, but for one flaw.
struct BrokenStep: Step {
  enum Flaw: CaseIterable, Sendable {
    case none
    case saysAnotherType, addsToNothing, revivesRows, forgetsTheSelection, takesRowsForRecords, neverAsks, letsGoOfMemory, remembers
    case acceptsAnyField, refusesUnknownFields, hidesWhatItReads, loadsUnseen, hasNoPlace

    /// The rule that it breaks.
    var rule: String? {
      switch self {
      case .none: nil
      case .saysAnotherType: "the schema that a check passes on is what batches have"
      case .addsToNothing: "an empty batch stays empty"
      case .revivesRows: "a batch whose rows are all refused stays so"
      case .forgetsTheSelection: "rows that are out stay out, and those that are in have the same values"
      case .takesRowsForRecords: "each record goes on, is filtered or has one fault, which names it"
      case .neverAsks: "work that is not wanted any more stops"
      case .letsGoOfMemory: "what columns point to is held by them"
      case .remembers: "a batch's result does not hang on other batches"
      case .acceptsAnyField: "a field that is not there is reported where it is named"
      case .refusesUnknownFields: "where fields are not known, nothing is refused"
      case .hidesWhatItReads: "the columns that are read are those that it says"
      case .loadsUnseen: "what is loaded is in the fingerprint, and told where it can't be"
      case .hasNoPlace: "it says where it stands"
      }
    }
  }

  static let page = DeriveStep.page
  static let shape = DeriveStep.shape

  var inner: any Step
  let flaw: Flaw

  init(inner: any Step, flaw: Flaw) {
    self.inner = inner
    self.flaw = flaw
  }

  init(_ entry: Entry, _ reader: inout DefinitionReader) { self.init(inner: DeriveStep(entry, &reader), flaw: .none) }

  var place: Position? { flaw == .hasNoPlace ? nil : inner.place }

  mutating func prepare(_ preparation: inout StepPreparation) {
    inner.prepare(&preparation)
    if flaw == .loadsUnseen { _ = FileManager.default.contents(atPath: preparation.folder + "/table.csv") }
  }

  func check(_ fields: inout StepFields) -> [any StepWork] {
    var checked = fields
    if flaw == .acceptsAnyField { checked = StepFields(Scope(fields.schema, isOpen: true)) }
    if flaw == .refusesUnknownFields { checked = StepFields(Scope(fields.schema)) }
    let works = inner.check(&checked)
    if flaw == .hidesWhatItReads {
      for field in checked.schema.fields where fields.schema.position(of: field.name) == nil {
        fields.put(field, isUnknown: !checked.knowsType(of: field.name))
      }
      return works
    }
    fields = checked
    if flaw == .saysAnotherType { fields.put(Field(name: "c", type: .text)) }
    return [Work(works: works, flaw: flaw)]
  }

  private struct Work: StepWork {
    let works: [any StepWork]
    let flaw: Flaw
    private final class Memory: Sendable { let count = Mutex(0) }
    private let memory = Memory()

    init(works: [any StepWork], flaw: Flaw) {
      self.works = works
      self.flaw = flaw
    }

    func run(_ batch: inout RecordBatch, _ conditions: StepConditions) throws(EvaluationStopped) {
      let wasEmpty = batch.selection?.isEmpty == true
      if flaw == .forgetsTheSelection { batch.selection = nil }
      let asked = flaw == .neverAsks ? StepConditions(bounds: conditions.bounds) : conditions
      for work in works { try work.run(&batch, asked) }
      switch flaw {
      case .addsToNothing where batch.rowCount == 0:
        batch.faults.append(RecordFault(code: .evaluationFailed, reason: "nothing", record: 0))
      case .revivesRows where wasEmpty: batch.selection = nil
      case .takesRowsForRecords:
        var faults = RecordFaults()
        for fault in batch.faults {
          let row = (0..<batch.rowCount).first { batch.record(ofRow: $0) == fault.record } ?? 0
          faults.append(RecordFault(code: fault.code, reason: fault.reason, field: fault.field, record: row))
        }
        batch.faults = faults
      case .letsGoOfMemory:
        for i in batch.columns.indices {
          if case .text(var texts)? = batch.columns[i].values {
            texts.owners = []
            batch.columns[i].values = .text(texts)
          }
        }
      case .remembers:
        let count = memory.count.withLock { count in
          count += 1
          return count
        }
        if count > 1 { batch.selection = [] }
      default: break
      }
    }
  }
}

import Definition
import Parse
import Synchronization
import Transform

/// The column mappings of items, most of which begin as the one before.
final class ColumnMappings: Sendable {
  private let definition: PipelineDefinition
  private let chain: TransformChain
  private let last = Mutex<(prologue: Prologue, mapping: ColumnMapping)?>(nil)

  init(_ definition: PipelineDefinition, _ chain: TransformChain) {
    self.definition = definition
    self.chain = chain
  }

  func mapping(_ prologue: Prologue) throws -> ColumnMapping {
    let known = last.withLock { last in
      last.flatMap {
        $0.prologue.header == prologue.header && $0.prologue.endsInReturn == prologue.endsInReturn
          && $0.prologue.hasReturnRuns == prologue.hasReturnRuns ? $0.mapping : nil
      }
    }
    if let known { return known }
    let mapping = try definition.mapping(chain, prologue)
    last.withLock { $0 = (prologue, mapping) }
    return mapping
  }
}

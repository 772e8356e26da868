import Configuration
import Definition
import Supervision

/// The pools of the stages that have an item to themselves before its records are shared by all workers: fetch and decompress.
struct SourcePools {
  let fetchPool: WorkerPool<ItemGroup>
  let decompressPool: WorkerPool<ItemGroup>
  let fetch: FetchStage
  let decompress: DecompressStage

  var fetchService: WorkerPool<ItemGroup>.Service { .init(work: fetch.work) { group, error in group.giveUp(.fetch, error) } }
  var decompressService: WorkerPool<ItemGroup>.Service {
    .init(work: decompress.work) { group, error in group.giveUp(.decompress, error) }
  }

  /// Serves another attempt at an item that keeps its turn in the order: by workers beside the pools, while `body` writes what comes.
  func serve(_ group: ItemGroup, _ body: () async throws -> Void) async throws {
    async let fetched: Void = fetchPool.serve(group, fetchService)
    async let decompressed: Void = decompressPool.serve(group, decompressService)
    try await body()
    _ = try await (fetched, decompressed)
  }
}

/// Makes the stages' pools as a definition says.
struct Pools {
  let definition: PipelineDefinition
  let event: @Sendable (SupervisionEvent) -> Void

  init(_ definition: PipelineDefinition, event: @escaping @Sendable (SupervisionEvent) -> Void) {
    self.definition = definition
    self.event = event
  }

  /// The pool of a stage.
  ///
  /// - Parameters:
  ///   - size: where it is not the definition's.
  ///   - hasRoom: whether the stage behind it takes more, so that another worker would help.
  func make<Unit>(
    _ stage: Stage, _ channel: Channel<Unit>, size: PoolSize? = nil, conditions: Conditions = .system,
    hasRoom: @escaping @Sendable () -> Bool = { true }
  ) -> WorkerPool<Unit> {
    let options = definition.stage(stage)
    return WorkerPool(
      stage.rawValue, size: size ?? options.workers, channel: channel, policy: options.policy, attempts: options.attempts,
      conditions: conditions, hasRoom: hasRoom, event: event)
  }
}

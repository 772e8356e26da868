import Definition
import Supervision

extension PipelineDefinition {
  /// The definition with what its steps load, on a thread that may block.
  public func preparedToRun() async throws(RunFailure) -> PipelineDefinition {
    do {
      return try await BlockingThreads.files.run { try prepared() }
    } catch {
      throw .from(error)
    }
  }
}

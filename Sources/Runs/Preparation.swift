import Dataflow
import Definition
import Supervision

extension PipelineDefinition {
  /// The definition with the tables that its steps load, on a thread that may block.
  ///
  /// Expressions are not checked there: such a thread's stack is too small for deep ones.
  package func preparedToRun() async throws(RunFailure) -> PipelineDefinition {
    do {
      return try await BlockingThreads.files.run { loading() }.prepared()
    } catch {
      throw .from(error)
    }
  }
}

import Dataflow
/// The options of a run that its definition does not have.
package struct RunOptions: Sendable {
  package var isFull = false
  package var limitItems: Int?
  /// How long to wait for another run of the pipeline to end.
  package var lockWait = Duration.zero
  /// Whether changes of the source's columns are taken as they come, whatever the definition says.
  package var acceptsSchemaChanges = false
  package init() {}
}

/// The options of a run that its definition does not have.
package struct RunOptions: Sendable {
  /// Whether nothing counts as done: `--full`.
  package var isFull = false
  /// The most items that the run looks at, the first in order; nil for all.
  package var limitItems: Int?
  /// How long to wait for another run of the pipeline to end.
  package var lockWait = Duration.zero
  /// Whether changes of the source's columns are taken as they come, whatever the definition says.
  package var acceptsSchemaChanges = false

  /// The options of a plain run.
  package init() {}
}

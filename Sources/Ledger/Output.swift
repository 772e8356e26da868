/// A file that is an output, and whose output it is.
package struct Output: Sendable {
  /// The path in the file system: absolute, with the links of its folder followed.
  package var place: String
  /// The path as its definition has it: relative to the definition's folder where it lies below it.
  package var path: String
  /// The pipeline's name.
  package var pipeline: String
  /// The definition's file.
  package var definition: String
  /// The run that wrote it; nil for a replay's.
  package var run: RunID?
  /// The item whose records it holds; nil for the one output of a run.
  package var item: ItemID?
  /// Whether it holds what a replay of dead letters wrote.
  package var isReplay: Bool

  /// Makes an output.
  package init(place: String, path: String, pipeline: String, definition: String, run: RunID?, item: ItemID?, isReplay: Bool) {
    self.place = place
    self.path = path
    self.pipeline = pipeline
    self.definition = definition
    self.run = run
    self.item = item
    self.isReplay = isReplay
  }
}

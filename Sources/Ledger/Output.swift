/// A file that is an output, and whose.
package struct Output: Sendable {
  /// Where it is in the file system: absolute, with the links of its folder followed.
  package var place: String
  /// As its definition has it: relative to its definition where it lies below it.
  package var path: String
  package var pipeline: String
  /// The definition's file.
  package var definition: String
  package var run: RunID?
  /// Nil for the one output of a run.
  package var item: ItemID?
  /// Whether it holds what a replay of dead letters wrote.
  package var isReplay: Bool

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

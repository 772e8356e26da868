/// The cells of a sample, column by column, for the inference of types.
package struct SampledColumns: Sendable {
  /// The columns' names in their order.
  package var names: [String]
  /// The cells of each column, one for each record of the sample.
  package var cells: [[SampledCell]]

  /// Makes columns; `cells` is as long as `names`.
  package init(names: [String], cells: [[SampledCell]]) {
    self.names = names
    self.cells = cells
  }
}

/// One value of a sample.
package enum SampledCell: Sendable, Equatable {
  /// No value: an empty cell, a word of `null_values`, JSON's `null`, or a member that the object lacks.
  case null
  /// A text whose form tells its type. `isText` is true for a string of JSON, which is no number or boolean whatever its form.
  case text(String, isText: Bool)
  /// A JSON array or object.
  case structure
}

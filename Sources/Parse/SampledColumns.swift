/// A sample's cells, column by column.
package struct SampledColumns: Sendable {
  package var names: [String]
  package var cells: [[SampledCell]]

  package init(names: [String], cells: [[SampledCell]]) {
    self.names = names
    self.cells = cells
  }
}

/// What one value of a sample looks like.
package enum SampledCell: Sendable, Equatable {
  case null
  /// Text whose type its look tells (a CSV cell, or text in JSON, where `isText`).
  case text(String, isText: Bool)
  /// A JSON array or object.
  case structure
}

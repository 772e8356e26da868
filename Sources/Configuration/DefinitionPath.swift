/// Paths in a definition: relative to its folder, so that folder and definition may move together.
package enum DefinitionPath {
  /// Returns an absolute path: one that is relative begins at the definition's folder.
  package static func absolute(_ path: String, in folder: String) -> String { path.hasPrefix("/") ? path : folder + "/" + path }

  /// Returns a path below the definition's folder as the definition would spell it; any other stays as it is.
  package static func relative(_ path: String, to folder: String) -> String {
    path.hasPrefix(folder + "/") ? String(path.dropFirst(folder.count + 1)) : path
  }
}

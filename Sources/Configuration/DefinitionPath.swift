/// Paths as a definition has them: relative to its folder, so that folder and definition may move together.
package enum DefinitionPath {
  /// A path that is relative to the definition's folder where it is relative.
  package static func absolute(_ path: String, in folder: String) -> String { path.hasPrefix("/") ? path : folder + "/" + path }

  /// A path below the definition's folder as the definition would have it; any other stays as it is.
  package static func relative(_ path: String, to folder: String) -> String {
    path.hasPrefix(folder + "/") ? String(path.dropFirst(folder.count + 1)) : path
  }
}

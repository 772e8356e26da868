/// Paths in a definition: relative to its folder, so that folder and definition may move together.
package enum DefinitionPath {
  /// Returns an absolute path: one that is relative begins at the definition's folder.
  package static func absolute(_ path: String, in folder: String) -> String { path.hasPrefix("/") ? path : folder + "/" + path }

  /// Returns a path below the definition's folder as the definition would spell it; any other stays as it is.
  package static func relative(_ path: String, to folder: String) -> String {
    guard isBelow(folder, path) else { return path }
    return String(path[path.utf8.index(path.startIndex, offsetBy: folder.utf8.count + 1)...])
  }

  /// Whether a path leads to something below a folder. Names are bytes to the file system: two spellings of a letter are two names.
  package static func isBelow(_ folder: String, _ path: String) -> Bool {
    withBytes(folder, path) { folder, path in
      path.count > folder.count && path[folder.count] == separator && path[..<folder.count].elementsEqual(folder)
    }
  }

  /// A path as seen from a folder, with `..` where it lies outside; as it is where it is not absolute.
  ///
  /// - Parameter folder: absolute.
  package static func relative(_ path: String, from folder: String) -> String {
    guard path.utf8.first == separator else { return path }
    let (above, rest) = withBytes(path, folder) { path, folder in
      var same = 0
      var start = 0
      while same < path.count, same < folder.count, path[same] == folder[same] {
        same += 1
        if path[same - 1] == separator { start = same }
      }
      func ends(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool { same == bytes.count || bytes[same] == separator }
      // One may end with the part that the other goes on after.
      if ends(path), ends(folder) { return (folder[same...].count { $0 == separator }, min(same + 1, path.count)) }
      return (folder[start...].count { $0 == separator } + 1, start)
    }
    let steps = Array(repeating: "..", count: above)
    let end = path[path.utf8.index(path.startIndex, offsetBy: rest)...]
    return above == 0 ? String(end) : (end.isEmpty ? steps : steps + [String(end)]).joined(separator: "/")
  }

  private static let separator = UInt8(ascii: "/")

  private static func withBytes<T>(_ a: String, _ b: String, _ body: (UnsafeBufferPointer<UInt8>, UnsafeBufferPointer<UInt8>) -> T) -> T {
    var (a, b) = (a, b)
    return a.withUTF8 { a in b.withUTF8 { b in body(a, b) } }
  }
}

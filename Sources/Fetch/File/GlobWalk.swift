import Configuration
import Foundation

/// A path in its normal form: no `.`, no empty part, and no `..` behind a folder that is no symbolic link. Two spellings of a path have one
/// such form.
struct NormalPath: Sendable {
  /// One step of a path: a name, or a pattern for names.
  struct Part: Sendable {
    let pattern: SourcePattern
    /// Begins with a slash where a secret holds the way from the root on.
    let value: String
    var isGlob: Bool { SourceExpansion.isGlob(value) }
    var shown: String { FileName.shown(pattern.shown) }

    init(_ pattern: SourcePattern, isFirst: Bool) {
      self.pattern = pattern
      var value = pattern.value
      while value.hasSuffix("/") { value.removeLast() }
      while !isFirst, value.hasPrefix("/") { value.removeFirst() }
      self.value = value
    }
  }
  var parts: [Part] = []

  /// Makes the normal form of a pattern. It looks at the file system where `..` follows a name.
  ///
  /// - Parameter folder: the absolute path that a relative pattern begins at.
  init(_ pattern: SourcePattern, in folder: String) {
    let isAbsolute = pattern.value.hasPrefix("/")
    if !isAbsolute { parts = folder.split(separator: "/").map { Part(SourcePattern(String($0)), isFirst: false) } }
    for text in pattern.text.split(separator: "/") {
      let part = Part(pattern.with(text: String(text)), isFirst: parts.isEmpty)
      if part.value == "." || part.value.isEmpty { continue }
      if part.value == "..", let last = parts.last, last.value != "..", !last.isGlob, !Self.isLink(path) {
        parts.removeLast()
      } else {
        parts.append(part)
      }
    }
  }

  private static func isLink(_ path: String) -> Bool {
    var status = stat()
    return FileName.withBytes(path) { lstat($0, &status) } == 0 && status.st_mode & S_IFMT == S_IFLNK
  }

  /// Whether a part of it is a pattern for names.
  var isGlob: Bool { parts.contains(where: \.isGlob) }

  /// Whether the pattern matches a path, as far as names tell.
  func matches(_ path: String) -> Bool {
    let steps = parts.map { String($0.value.trimmingPrefix("/")) }
    return PathGlob.matches(steps, path.split(separator: "/").map(String.init), flags: FNM_PERIOD)
  }

  /// The path that opens it, with the values of secrets.
  var path: String { file.path }

  /// The file of this name, where it is no pattern.
  var file: GlobWalk.Match { Self.place(parts[...]) }

  /// The folder above all that it matches, or the file itself where it is no pattern.
  var literalPrefix: String { Self.place(parts.prefix { !$0.isGlob }).path }

  private static func place(_ parts: ArraySlice<Part>) -> GlobWalk.Match {
    parts.reduce(GlobWalk.Match(path: "", shown: "")) { $0.entered($1) }
  }
}

/// Walks the files that a glob matches, in no order: glob(7), and `**` for any depth of folders. It passes over all that is no regular
/// file.
struct GlobWalk: ~Copyable {
  /// A file that the walk found.
  struct Match: Sendable {
    /// The path that opens it.
    let path: String
    /// The path that may be shown and kept: with the names of secrets.
    let shown: String

    /// Returns the match with another step behind it.
    func entered(_ part: NormalPath.Part) -> Match {
      // A secret may hold the whole way from the root on.
      if part.value.hasPrefix("/") { return Match(path: part.value, shown: part.shown) }
      return entered(part.value, part.shown)
    }

    func entered(_ name: String, _ shownName: String) -> Match { Match(path: path + "/" + name, shown: shown + "/" + shownName) }
  }
  /// A folder that is being read. A class, for each of its names is held against it.
  private final class Frame {
    let handle: OpaquePointer
    let folder: Match
    let part: NormalPath.Part
    let rest: ArraySlice<NormalPath.Part>

    init(handle: OpaquePointer, folder: Match, part: NormalPath.Part, rest: ArraySlice<NormalPath.Part>) {
      self.handle = handle
      self.folder = folder
      self.part = part
      self.rest = rest
    }
  }
  private var frames: [Frame] = []
  private var found: [Match] = []

  /// Begins a walk.
  ///
  /// - Throws: ``FetchError/file(_:code:)`` for a folder that can't be read.
  init(_ pattern: NormalPath) throws(FetchError) {
    try enter(pattern.parts[...], in: Match(path: "", shown: ""))
  }

  deinit { for frame in frames { closedir(frame.handle) } }

  /// Returns the next file; nil at the end.
  ///
  /// - Throws: ``FetchError/file(_:code:)`` for a folder that can't be read.
  mutating func next() throws(FetchError) -> Match? {
    while true {
      if let path = found.popLast() { return path }
      guard let frame = frames.last else { return nil }
      guard let entry = readdir(frame.handle) else {
        closedir(frame.handle)
        frames.removeLast()
        continue
      }
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { FileName.text(Array($0.prefix { $0 != 0 })) }
      if name == "." || name == ".." { continue }
      try visit(name, kind: Int(entry.pointee.d_type), frame)
    }
  }

  private mutating func visit(_ name: String, kind: Int, _ frame: Frame) throws(FetchError) {
    let isAnyDepth = frame.part.value == "**"
    let matches =
      isAnyDepth
      ? !name.hasPrefix(".") : FileName.withBytes(name) { name in fnmatch(frame.part.value, name, FNM_PERIOD) == 0 }
    guard matches else { return }
    let match = frame.folder.entered(name, FileName.shown(frame.part.pattern.shown(name)))
    var kind = kind
    if kind == Int(DT_UNKNOWN) || kind == Int(DT_LNK) {
      guard let status = SourceFile.status(match.path) else { return }
      kind = Int(status.st_mode & S_IFMT) >> 12
    }
    if kind == Int(DT_DIR) {
      if isAnyDepth {
        try enter([frame.part] + frame.rest, in: match)
      } else if !frame.rest.isEmpty {
        try enter(frame.rest, in: match)
      }
    } else if kind == Int(DT_REG), frame.rest.isEmpty {
      found.append(match)
    }
  }

  private mutating func enter(_ parts: ArraySlice<NormalPath.Part>, in folder: Match) throws(FetchError) {
    var folder = folder
    var parts = parts
    while let part = parts.first, !part.isGlob {
      parts = parts.dropFirst()
      folder = folder.entered(part)
      if parts.isEmpty {
        if let status = SourceFile.status(folder.path), status.st_mode & S_IFMT == S_IFREG { found.append(folder) }
        return
      }
    }
    guard let part = parts.first else { return }
    if part.value == "**" { try enter(parts.dropFirst(), in: folder) }
    guard let handle = FileName.withBytes(folder.path.isEmpty ? "/" : folder.path, { opendir($0) }) else {
      if errno == ENOENT || errno == ENOTDIR { return }
      throw .file(FileName.shown(folder.path), code: errno)
    }
    frames.append(Frame(handle: handle, folder: folder, part: part, rest: parts.dropFirst()))
  }
}

import Foundation

/// Turns an entry of `fetch.from` into addresses: curl's sets and ranges, and a shell's globs for files.
public enum SourceExpansion {
  /// All strings that `pattern` stands for: `{a,b}` is each of a list, `{01..12}` a range of numbers (zero-padded as its
  /// ends are), `{a..e}` one of letters. They nest and multiply. Braces that hold neither stay as they are.
  public static func braces(_ pattern: String) -> Braces {
    let characters = Array(pattern)
    var segments: [[String]] = []
    var from = 0
    var search = 0
    while let open = characters[search...].firstIndex(of: "{"), let close = matching(characters, open) {
      if let choices = choices(Array(characters[(open + 1)..<close])) {
        segments.append([String(characters[from..<open])])
        segments.append(choices)
        from = close + 1
        search = from
      } else {
        search = open + 1
      }
    }
    segments.append([String(characters[from...])])
    return Braces(segments: segments)
  }

  /// What braces stand for, made as it is asked for: a range may hold a million.
  public struct Braces: RandomAccessCollection, Sendable {
    let segments: [[String]]
    public let startIndex = 0
    public let endIndex: Int

    init(segments: [[String]]) {
      self.segments = segments
      endIndex = segments.reduce(1) { $0.multipliedReportingOverflow(by: $1.count).partialValue }
    }

    public subscript(position: Int) -> String {
      var left = position
      var parts: [String] = []
      for segment in segments.reversed() {
        parts.append(segment[left % segment.count])
        left /= segment.count
      }
      return parts.reversed().joined()
    }
  }

  private static func matching(_ characters: [Character], _ open: Int) -> Int? {
    var depth = 0
    for i in open..<characters.count {
      if characters[i] == "{" { depth += 1 }
      if characters[i] == "}" {
        depth -= 1
        if depth == 0 { return i }
      }
    }
    return nil
  }

  private static func choices(_ inner: [Character]) -> [String]? {
    let text = String(inner)
    if let range = text.range(of: "..") {
      return span(String(text[..<range.lowerBound]), String(text[range.upperBound...]))
    }
    var parts: [String] = [""]
    var depth = 0
    for character in inner {
      if character == "," && depth == 0 {
        parts.append("")
        continue
      }
      if character == "{" { depth += 1 }
      if character == "}" { depth -= 1 }
      parts[parts.count - 1].append(character)
    }
    return parts.count > 1 ? parts.flatMap { Array(braces($0)) } : nil
  }

  private static func span(_ low: String, _ high: String) -> [String]? {
    if let a = Int(low), let b = Int(high), abs(b - a) < 1_000_000 {
      let padded = low.hasPrefix("0") && low.count > 1 || high.hasPrefix("0") && high.count > 1
      let width = padded ? max(low.count, high.count) : 0
      return stride(from: a, through: b, by: a <= b ? 1 : -1).map { n in
        let digits = String(n)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
      }
    }
    guard low.count == 1, high.count == 1, let a = low.unicodeScalars.first?.value, let b = high.unicodeScalars.first?.value,
      low.first?.isLetter == true, high.first?.isLetter == true
    else { return nil }
    return stride(from: Int(a), through: Int(b), by: a <= b ? 1 : -1).compactMap { Unicode.Scalar($0).map(String.init) }
  }

  public static func isGlob(_ path: String) -> Bool { path.contains { "*?[".contains($0) } }
}

/// The files that a glob matches, one by one, in no order: glob(7), and `**` for any depth of folders.
public struct GlobWalk: ~Copyable {
  private struct Frame {
    let handle: OpaquePointer
    let folder: String
    let part: String
    let rest: ArraySlice<String>
  }
  private var frames: [Frame] = []
  private var found: [String] = []

  /// - Throws: ``FetchError/file(_:code:)`` for a folder that can't be read.
  public init(_ pattern: String) throws(FetchError) {
    let parts = pattern.split(separator: "/").map(String.init)
    try enter(parts[...], in: pattern.hasPrefix("/") ? "/" : "")
  }

  deinit { for frame in frames { closedir(frame.handle) } }

  /// Nil at the end.
  ///
  /// - Throws: ``FetchError/file(_:code:)`` for a folder that can't be read.
  public mutating func next() throws(FetchError) -> String? {
    while true {
      if let path = found.popLast() { return path }
      guard let frame = frames.last else { return nil }
      guard let entry = readdir(frame.handle) else {
        closedir(frame.handle)
        frames.removeLast()
        continue
      }
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name == "." || name == ".." { continue }
      try visit(name, kind: Int(entry.pointee.d_type), frame)
    }
  }

  private mutating func visit(_ name: String, kind: Int, _ frame: Frame) throws(FetchError) {
    let isAnyDepth = frame.part == "**"
    guard isAnyDepth ? !name.hasPrefix(".") : fnmatch(frame.part, name, FNM_PERIOD) == 0 else { return }
    let path = frame.folder + name
    var isFolder = kind == Int(DT_DIR)
    if kind == Int(DT_UNKNOWN) || kind == Int(DT_LNK) {
      var status = stat()
      guard stat(path, &status) == 0 else { return }
      isFolder = status.st_mode & S_IFMT == S_IFDIR
    }
    if isFolder {
      if isAnyDepth {
        try enter([frame.part] + frame.rest, in: path + "/")
      } else if !frame.rest.isEmpty {
        try enter(frame.rest, in: path + "/")
      }
    } else if frame.rest.isEmpty {
      found.append(path)
    }
  }

  private mutating func enter(_ parts: ArraySlice<String>, in folder: String) throws(FetchError) {
    var folder = folder
    var parts = parts
    while let part = parts.first, !SourceExpansion.isGlob(part) {
      parts = parts.dropFirst()
      if parts.isEmpty {
        if FileManager.default.fileExists(atPath: folder + part) { found.append(folder + part) }
        return
      }
      folder += part + "/"
    }
    guard let part = parts.first else { return }
    if part == "**" { try enter(parts.dropFirst(), in: folder) }
    guard let handle = opendir(folder.isEmpty ? "." : folder) else {
      if errno == ENOENT || errno == ENOTDIR { return }
      throw .file(folder, code: errno)
    }
    frames.append(Frame(handle: handle, folder: folder, part: part, rest: parts.dropFirst()))
  }
}

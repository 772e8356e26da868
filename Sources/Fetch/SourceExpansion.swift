import Foundation

/// Turns an entry of `fetch.from` into addresses: curl's sets and ranges, and a shell's globs for files.
public enum SourceExpansion {
  /// All strings that `pattern` stands for: `{a,b}` is each of a list, `{01..12}` a range of numbers (zero-padded as its
  /// ends are), `{a..e}` one of letters. They nest and multiply. Braces that hold neither stay as they are.
  public static func braces(_ pattern: String) -> [String] {
    let characters = Array(pattern)
    var start = 0
    while let open = characters[start...].firstIndex(of: "{") {
      guard let close = matching(characters, open) else { return [pattern] }
      if let choices = choices(Array(characters[(open + 1)..<close])) {
        let head = String(characters[..<open])
        let tails = braces(String(characters[(close + 1)...]))
        return choices.flatMap { choice in tails.map { head + choice + $0 } }
      }
      start = open + 1
    }
    return [pattern]
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
    return parts.count > 1 ? parts.flatMap { braces($0) } : nil
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

  /// The files that match, sorted by name: glob(7), and `**` for any depth of folders.
  ///
  /// - Throws: ``FetchError/file(_:code:)`` for a folder that can't be read.
  public static func glob(_ pattern: String) throws(FetchError) -> [String] {
    let isAbsolute = pattern.hasPrefix("/")
    let parts = pattern.split(separator: "/").map(String.init)
    return try match(parts[...], in: isAbsolute ? "/" : "").sorted()
  }

  private static func match(_ parts: ArraySlice<String>, in folder: String) throws(FetchError) -> [String] {
    guard let part = parts.first else { return [] }
    let rest = parts.dropFirst()
    if !isGlob(part) {
      let path = folder + part
      if rest.isEmpty { return FileManager.default.fileExists(atPath: path) ? [path] : [] }
      return try match(rest, in: path + "/")
    }
    var found: [String] = []
    if part == "**" { found += try match(rest, in: folder) }
    for name in try names(in: folder) where part == "**" ? !name.hasPrefix(".") : fnmatch(part, name, FNM_PERIOD) == 0 {
      let path = folder + name
      var isFolder: ObjCBool = false
      guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else { continue }
      if isFolder.boolValue {
        if part == "**" { found += try match(parts, in: path + "/") } else if !rest.isEmpty { found += try match(rest, in: path + "/") }
      } else if rest.isEmpty {
        found.append(path)
      }
    }
    return found
  }

  private static func names(in folder: String) throws(FetchError) -> [String] {
    guard let handle = opendir(folder.isEmpty ? "." : folder) else {
      if errno == ENOENT || errno == ENOTDIR { return [] }
      throw .file(folder, code: errno)
    }
    defer { closedir(handle) }
    var names: [String] = []
    while let entry = readdir(handle) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name != ".", name != ".." { names.append(name) }
    }
    return names.sorted()
  }
}

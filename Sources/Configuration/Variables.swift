import Foundation

/// `${NAME}` and its forms in a definition's texts.
extension DefinitionReader {
  /// Puts variables' values in the places of `${NAME}`, `${NAME:-default}` and `${NAME:?message}`; `$${` stands for `${`. A value is not
  /// expanded again, so that variables can't go round in circles. Returns nil where a variable is wrong, which is reported.
  mutating func expand(_ text: String, _ place: inout Position) -> String? {
    guard text.contains("${") else { return text }
    var out = ""
    // The same with a placeholder for each secret.
    var spelling = ""
    var found: [SourcePattern.Secret] = []
    var rest = text[...]
    var failed = false
    while let open = rest.range(of: "${") {
      out += rest[..<open.lowerBound]
      spelling += rest[..<open.lowerBound]
      if rest[..<open.lowerBound].hasSuffix("$") {
        out += "{"
        spelling += "{"
        rest = rest[open.upperBound...]
        continue
      }
      let offset = text.distance(from: text.startIndex, to: open.lowerBound)
      guard let close = rest[open.upperBound...].firstIndex(of: "}") else {
        report(at(place, offset, 2).diagnostic("“${” is not closed by “}”", .wrongVariable))
        return nil
      }
      let inner = rest[open.upperBound..<close]
      if let (value, secret) = variable(inner, at(place, offset, inner.count + 3)) {
        out += value
        if let secret {
          spelling.append(SourcePattern.placeholder(found.count))
          found.append(secret)
          secrets[value] = secret.name
        } else {
          spelling += value
        }
      } else {
        failed = true
      }
      rest = rest[rest.index(after: close)...]
    }
    if !found.isEmpty { place.source = SourcePattern(text: spelling + rest, secrets: found) }
    return failed ? nil : out + rest
  }

  private func at(_ place: Position, _ offset: Int, _ length: Int) -> Position {
    guard place.isVerbatim else { return place }
    return Position(line: place.line, column: place.column + offset, length: length)
  }

  /// Returns the value of `${inner}`, and the same as a secret where it is one.
  private mutating func variable(_ inner: Substring, _ place: Position) -> (value: String, secret: SourcePattern.Secret?)? {
    if inner.hasPrefix("file:") {
      return file(String(inner.dropFirst(5)), place).map { ($0, SourcePattern.Secret(name: "${\(inner)}", value: $0)) }
    }
    // In front of a name it says no more than the name alone, but for --var not taking its place.
    if inner.hasPrefix("env:") {
      let name = String(inner.dropFirst(4))
      guard let value = environment[name] else {
        report(place.diagnostic("the environment variable \(name) is not set", .unsetVariable))
        return nil
      }
      return (value, EnvironmentSecret.of(name, value, shownAs: "${\(inner)}"))
    }
    let name = inner.prefix { $0.isLetter || $0.isNumber || $0 == "_" }
    let tail = inner.dropFirst(name.count)
    guard !name.isEmpty, tail.isEmpty || tail.hasPrefix(":-") || tail.hasPrefix(":?") else {
      report(
        place.diagnostic(
          "“${\(inner)}” is no variable; write ${NAME}, ${NAME:-default}, ${NAME:?message}, ${env:NAME} or ${file:PATH}", .wrongVariable))
      return nil
    }
    if let value = variables[String(name)] { return (value, nil) }
    if let value = environment[String(name)], !(value.isEmpty && !tail.isEmpty) {
      return (value, EnvironmentSecret.of(String(name), value, shownAs: "${\(name)}"))
    }
    if tail.hasPrefix(":-") { return (String(tail.dropFirst(2)), nil) }
    let message =
      tail.hasPrefix(":?") && tail.count > 2
      ? String(tail.dropFirst(2)) : "the variable \(name) is not set; set it in the environment or with --var \(name)=VALUE"
    report(place.diagnostic(message, .unsetVariable))
    return nil
  }

  /// Reads the content of a file, without the line end that editors put there.
  private mutating func file(_ path: String, _ place: Position) -> String? {
    let absolute = DefinitionPath.absolute(path, in: folder)
    guard let data = FileManager.default.contents(atPath: absolute) else {
      let why = FileManager.default.fileExists(atPath: absolute) ? "may not be read" : "is not there"
      report(place.diagnostic("the file \(absolute) \(why)", .wrongVariable))
      return nil
    }
    guard data.count <= 1 << 16, let text = String(validating: data, as: UTF8.self) else {
      report(place.diagnostic("the file \(absolute) is no secret: it is longer than 64 KB, or not text", .wrongVariable))
      return nil
    }
    return text.hasSuffix("\n") ? String(text.dropLast()) : text
  }
}

import Foundation
import Records
import Yams

/// Reads a definition's YAML by shapes: checks it, expands its variables, and collects all that is wrong with its place.
package struct DefinitionReader {
  /// The errors so far, each once, in the order in which they were found.
  package private(set) var diagnostics: [Diagnostic] = []
  /// The names that are shown for secrets, by the secrets' values: `${NAME}`, and `***` for a value that the definition spells out.
  package internal(set) var secrets: [String: String] = [:]
  /// Whether what is read is the value of a key that is secret.
  private var isSecret = false
  private let lines: [Substring]
  let variables: [String: String]
  /// The environment that `${NAME}` is read from; sources look for their credentials there.
  package let environment: [String: String]
  /// The definition's folder, which relative paths in it begin at.
  package let folder: String

  /// Makes a reader that has read nothing yet.
  ///
  /// - Parameters:
  ///   - text: the definition's text, by which errors are placed.
  ///   - folder: the absolute path of its folder.
  ///   - variables: the values of `--var`, which come before the environment's.
  package init(text: String, folder: String, variables: [String: String], environment: [String: String]) {
    self.folder = folder
    lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    self.variables = variables
    self.environment = environment
  }

  /// Adds an error, once: several components may read one key and find the same in it.
  package mutating func report(_ diagnostic: Diagnostic) {
    if !diagnostics.contains(diagnostic) { diagnostics.append(diagnostic) }
  }

  /// Notes a secret that the definition does not hold, such as a key of a credentials file: messages show `***` for it.
  package mutating func hide(_ secret: String) {
    if secrets[secret] == nil { secrets[secret] = "***" }
  }

  /// Reads a whole definition, whose keys are those of `shape`. Errors go to ``diagnostics``; values with errors are ``Value/unread(_:)``.
  ///
  /// - Returns: nil where the text is no YAML, or no map.
  package mutating func read(_ text: String, as shape: Shape) -> Value? {
    do {
      guard let node = try Yams.compose(yaml: text) else {
        report(Diagnostic("the file is empty; a definition needs at least pipeline, fetch and write", .notYAML, line: 1, column: 1))
        return nil
      }
      if case .scalar = node {
        report(
          Diagnostic(
            "expected a map, found a text; is it the data? sluice init makes a definition for it", .wrongShape, line: 1, column: 1,
            length: lines.first?.count ?? 1))
        return nil
      }
      return read(node, .init(line: 1, column: 1, length: 1), shape)
    } catch let error as YamlError {
      report(diagnostic(error))
      return nil
    } catch {
      report(Diagnostic("not YAML: \(error)", .notYAML, line: 1, column: 1))
      return nil
    }
  }

  private func diagnostic(_ error: YamlError) -> Diagnostic {
    switch error {
    case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _), .composer(_, let problem, let mark, _):
      return Diagnostic("not YAML: \(problem)\(hint(problem, mark.line))", .notYAML, line: mark.line, column: mark.column)
    case .duplicatedKeysInMapping(let duplicates, let context):
      let name = duplicates.first ?? ""
      let first = context.mark
      let second = lines.indices.dropFirst(first.line).first { lines[$0].dropFirst(first.column - 1).hasPrefix("\(name):") }
      return Diagnostic(
        "the key “\(name)” stands twice\(second == nil ? "" : ", first in line \(first.line)")", .duplicateKey,
        line: second.map { $0 + 1 } ?? first.line, column: first.column, length: name.count)
    default: return Diagnostic("not YAML: \(error)", .notYAML, line: 1, column: 1)
    }
  }

  /// Guesses what the user meant, where libyaml's words say little.
  private func hint(_ problem: String, _ line: Int) -> String {
    let text = line >= 1 && line <= lines.count ? lines[line - 1] : ""
    if text.prefix(while: \.isWhitespace).contains("\t") { return "; the line begins with a tab, and YAML takes spaces only" }
    if problem.contains("undefined alias") {
      return "; a “*name” takes what an “&name” before it has marked, and that can't be what it is in"
    }
    if problem.contains("',' or ']'") || problem.contains("',' or '}'") {
      return "; in a list of [ ] or a map of { } texts with , [ ] { } in them want quotes"
    }
    if problem.contains("mapping values are not allowed") { return "; a text with “: ” in it wants quotes" }
    return ""
  }

  private func position(_ node: Yams.Node, _ fallback: Position) -> Position {
    guard let mark = node.mark else { return fallback }
    var place = Position(line: mark.line, column: mark.column, length: 1)
    guard case .scalar(let scalar) = node, mark.line >= 1, mark.line <= lines.count else { return place }
    let rest = lines[mark.line - 1].dropFirst(mark.column - 1)
    place.length = max(1, scalar.string.count)
    if rest.hasPrefix(scalar.string) {
      place.isVerbatim = true
    } else if scalar.style == .singleQuoted || scalar.style == .doubleQuoted {
      place.isVerbatim = rest.dropFirst().hasPrefix(scalar.string)
      if place.isVerbatim { place.column += 1 }
    }
    return place
  }

  /// Returns a scalar's text with the U+FEFF that it begins with between double quotes: Foundation takes it for a byte order mark and drops
  /// it.
  private func text(_ scalar: Yams.Node.Scalar) -> String {
    guard scalar.style == .doubleQuoted, let mark = scalar.mark, mark.line >= 1, mark.line <= lines.count else { return scalar.string }
    let rest = lines[mark.line - 1].dropFirst(mark.column)
    let begins =
      rest.unicodeScalars.first == "\u{FEFF}" || ["\\ufeff", "\\u0000feff"].contains { rest.prefix($0.count).lowercased() == $0 }
    return begins && scalar.string.unicodeScalars.first != "\u{FEFF}" ? "\u{FEFF}" + scalar.string : scalar.string
  }

  // MARK: Shapes

  private mutating func read(_ node: Yams.Node, _ parent: Position, _ shape: Shape) -> Value? {
    let place = position(node, parent)
    switch shape {
    case .either(let shapes, _): return either(node, place, shapes, shape)
    case .object(let keys): return object(node, place, keys, shape)
    case .step(let keys):
      let value = object(node, place, keys, shape)
      if case .mapping(let mapping) = node, mapping.count != 1 {
        report(place.diagnostic("a step has one key, and this one has \(mapping.count); begin each with a dash", .wrongShape))
        return nil
      }
      return value?.entries.isEmpty == false ? value : nil
    case .list(let element):
      guard case .sequence(let sequence) = node else { return mismatch(node, place, shape) }
      return .list(sequence.map { read($0, place, element) ?? .unread(position($0, place)) }, place)
    case .map(let valueShape):
      guard case .mapping(let mapping) = node else { return mismatch(node, place, shape) }
      var entries: [Entry] = []
      for (key, value) in mapping {
        let at = position(key, place)
        entries.append(Entry(key: key.scalar.map(text) ?? "", at: at, value: read(value, at, valueShape) ?? .unread(at)))
      }
      return .map(entries, place)
    case .null:
      guard isNull(node) else { return mismatch(node, place, shape) }
      return .null(place)
    default: return scalar(node, place, shape)
    }
  }

  private func isNull(_ node: Yams.Node) -> Bool { node.null != nil }

  private func isLike(_ node: Yams.Node, _ shape: Shape) -> Bool {
    switch (node, shape) {
    case (.sequence, .list), (.mapping, .map), (.mapping, .object), (.mapping, .step): return true
    case (.scalar, .null): return isNull(node)
    case (.scalar(let scalar), .boolean): return scalar.string == "true" || scalar.string == "false"
    case (.scalar(let scalar), .integer): return Int(scalar.string) != nil
    case (.scalar, .list), (.scalar, .map), (.scalar, .object), (.scalar, .step): return false
    case (.scalar, .either(let shapes, _)), (.mapping, .either(let shapes, _)): return shapes.contains { isLike(node, $0) }
    case (.scalar, _): return !isNull(node)
    default: return false
    }
  }

  private mutating func either(_ node: Yams.Node, _ place: Position, _ shapes: [Shape], _ shape: Shape) -> Value? {
    guard let fitting = shapes.first(where: { isLike(node, $0) }) else { return mismatch(node, place, shape) }
    return read(node, place, fitting)
  }

  private mutating func mismatch(_ node: Yams.Node, _ place: Position, _ shape: Shape) -> Value? {
    let found: String
    switch node {
    case .mapping: found = "a map"
    case .sequence: found = "a list"
    case .scalar(let scalar): found = isNull(node) ? "nothing" : "“\(scalar.string)”"
    default: found = "an alias"
    }
    report(place.diagnostic("expected \(shape.expected), found \(found)", .wrongShape))
    return nil
  }

  private mutating func object(_ node: Yams.Node, _ place: Position, _ keys: [Key], _ shape: Shape) -> Value? {
    guard case .mapping(let mapping) = node else { return mismatch(node, place, shape) }
    var entries: [Entry] = []
    var seen: Set<String> = []
    // A key that is misspelt is told of once: as that, and not as one that is missing too.
    var meant: Set<String> = []
    for (keyNode, valueNode) in mapping {
      let at = position(keyNode, place)
      let name = keyNode.scalar?.string ?? ""
      guard let key = keys.first(where: { $0.name == name }) else {
        let near = Spelling.nearest(to: name, among: keys.map(\.name))
        if let near { meant.insert(near) }
        let hint = near.map { "did you mean “\($0)”?" } ?? "there are \(keys.map(\.name).joined(separator: ", "))"
        report(at.diagnostic("there is no key “\(name)” here; \(hint)", .unknownKey))
        entries.append(Entry(key: name, at: at, value: .unread(at)))
        continue
      }
      seen.insert(name)
      let isInSecret = isSecret
      isSecret = isInSecret || key.isSecret
      entries.append(Entry(key: name, at: at, value: read(valueNode, at, key.shape) ?? .unread(at)))
      isSecret = isInSecret
    }
    for key in keys where key.isRequired && !seen.contains(key.name) && !meant.contains(key.name) {
      report(place.diagnostic("the key “\(key.name)” is missing: \(key.doc)", .missingKey))
    }
    return .map(entries, place)
  }

  private mutating func scalar(_ node: Yams.Node, _ place: Position, _ shape: Shape) -> Value? {
    guard case .scalar(let scalar) = node, !isNull(node) else { return mismatch(node, place, shape) }
    var place = place
    guard let text = expand(text(scalar), &place) else { return nil }
    if text != scalar.string { place.isVerbatim = false }
    if isSecret, secrets[text] == nil { secrets[text] = "***" }
    let fits: Bool
    switch shape {
    case .name: fits = Shape.isName(text)
    case .boolean: fits = text == "true" || text == "false"
    case .integer(let least, let most): fits = Int(text).map { (least...most).contains($0) } ?? false
    case .duration: fits = Scalars.duration(text) != nil
    case .durationRange: fits = Scalars.durationRange(text) != nil
    case .byteCount: fits = Scalars.byteCount(text) != nil
    case .share: fits = Scalars.share(text) != nil
    case .fieldType:
      do throws(FieldType.Wrong) {
        _ = try FieldType(text)
        fits = true
      } catch {
        report(wrongType(error, text, place))
        return nil
      }
    case .choice(let words):
      fits = words.contains(text)
      if !fits, let near = Spelling.nearest(to: text, among: words) {
        report(place.diagnostic("expected \(shape.expected), found “\(redact(text))”; did you mean “\(near)”?", .wrongShape))
        return nil
      }
    default: fits = true
    }
    guard fits else {
      let hint = Scalars.bound(text, shape).map { "; the most is \($0)" } ?? ""
      report(place.diagnostic("expected \(shape.expected), found “\(redact(text))”\(hint)", .wrongShape))
      return nil
    }
    return .scalar(text, place)
  }

  private func wrongType(_ error: FieldType.Wrong, _ text: String, _ place: Position) -> Diagnostic {
    guard let reason = error.reason else {
      let hint = FieldType.meant(by: text).map { "; did you mean \($0)?" } ?? ""
      return place.diagnostic("expected \(Shape.fieldType.expected), found “\(redact(text))”\(hint)", .wrongShape)
    }
    var place = place
    let inner = text.range(of: "'" + error.part).map { text.index(after: $0.lowerBound)..<$0.upperBound }
    if place.isVerbatim, let part = inner ?? text.range(of: error.part) {
      place.column += text.distance(from: text.startIndex, to: part.lowerBound)
      place.length = max(1, error.part.count)
    }
    return place.diagnostic("\(redact(reason))", .wrongShape)
  }

  func redact(_ text: String) -> String { Redactor(secrets: secrets, environment: environment).redact(text) }
}

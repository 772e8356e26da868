import Definition
import Foundation
import Parse
import Records

/// Writes a definition, with its evidence in comments.
struct DefinitionWriter {
  let name: String
  let path: String
  let sources: [String]
  let look: SourceLook
  let itemCount: Int
  let encoding: EncodingGuess
  let guess: FormatGuess
  /// The fields' names; nil for a definition without fields.
  let names: [String]?
  private let cells: [[SampledCell]]
  /// The types that inference finds.
  let types: [ValueType]
  /// The types that the definition gives to the fields.
  let columnTypes: [ColumnType]
  /// The result of reading the item by the definition; nil before it was read.
  var trial: DraftTrial?

  /// A definition may be 1 MB long; one with more than this in fields is left without them.
  static let fieldBytes = 600_000
  /// A table with more columns than this gets the types that inference finds, and no hints.
  private static let mostLookedAt = 2000

  init(
    _ guess: FormatGuess, names: [String]?, name: String, path: String, sources: [String], look: SourceLook, itemCount: Int,
    encoding: EncodingGuess
  ) {
    self.guess = guess
    self.names = names
    self.name = name
    self.path = path
    self.sources = sources
    self.look = look
    self.itemCount = itemCount
    self.encoding = encoding
    let cells = names == nil ? [] : guess.cells
    self.cells = cells
    let types = guess.types(cells)
    self.types = types
    let isFew = types.count <= Self.mostLookedAt
    columnTypes = (names ?? []).indices.map { i in
      ColumnType(names?[i] ?? "", types[i], isFew && !guess.isText.contains(i) ? cells[i] : [])
    }
  }

  private var shownPath: String { (path as NSString).lastPathComponent }

  func text() -> String {
    let count = trial?.records ?? 0
    var lines = [
      "# Written by sluice init after a look at \(trial?.isWhole == true ? "all" : "the first") \(count) records of \(YAMLText.comment(look.item.key)).",
      "#   sluice check \(YAMLText.comment(shownPath))",
      "#   sluice run \(YAMLText.comment(shownPath)) --dry-run    # what it would do, and what the records look like",
      "#   sluice run \(YAMLText.comment(shownPath))",
    ]
    if let trial, trial.deadLetters > 0, let first = trial.first {
      lines.append("# \(trial.deadLetters) of these records are dead letters; the first: \(YAMLText.comment(first))")
    }
    lines += ["pipeline: \(name)", "", "fetch:", "  from:"]
    lines += sources.map { "    - \(YAMLText.value($0))" }
    lines += ["", "parse:", commented("  format: \(guess.format.name)", guess.evidence)]
    lines += dialect() + fields() + examples()
    return lines.joined(separator: "\n") + "\n"
  }

  private func commented(_ line: String, _ comment: String) -> String {
    comment.isEmpty ? line : line + String(repeating: " ", count: max(2, 34 - line.count)) + "# " + YAMLText.comment(comment)
  }

  private func dialect() -> [String] {
    var lines: [String] = []
    func add(_ key: String, _ value: String, _ reason: String? = nil) {
      lines.append(commented("  \(key): \(value)", reason ?? guess.reasons[key] ?? ""))
    }
    if encoding.isUnknown || encoding.encoding != nil { add("encoding", (encoding.encoding ?? .utf8).name, encoding.evidence) }
    for (key, value) in guess.settings { add(key, YAMLText.value(value)) }
    guard guess.isTable else { return lines }
    let dialect = guess.dialect
    func text(_ bytes: [UInt8]) -> String { "\"" + Self.escaped(String(decoding: bytes, as: UTF8.self)) + "\"" }
    if dialect.delimiter != guess.usualDelimiter {
      add("delimiter", dialect.isDelimitedByBlanks ? "whitespace" : text(dialect.delimiter))
    }
    if dialect.quote != 0x22 { add("quote", dialect.quote.map { text([$0]) } ?? "null") }
    if dialect.escape != dialect.quote { add("escape", dialect.escape.map { text([$0]) } ?? "null") }
    if let comment = dialect.comment { add("comment", text(comment)) }
    if dialect.skipLines > 0 { add("skip_lines", "\(dialect.skipLines)") }
    add("header", dialect.headerLines > 1 ? "\(dialect.headerLines)" : "\(dialect.headerLines == 1)", guess.headerEvidence)
    if dialect.skipFooterLines > 0 { add("skip_footer_lines", "\(dialect.skipFooterLines)") }
    if dialect.trim { add("trim", "true") }
    if dialect.ragged == .pad { add("ragged", "pad") }
    if !dialect.nullValues.isEmpty {
      let words = dialect.nullValues.map {
        YAMLText.quoted(String(decoding: $0, as: UTF8.self).replacingOccurrences(of: "${", with: "$${"))
      }
      add("null_values", "[\(words.joined(separator: ", "))]", "what else than nothing is NULL")
      if !dialect.hasNullsInText { add("null_values_in_text", "false", "in a field of text they are words") }
    }
    return lines
  }

  /// In double quotes.
  private static func escaped(_ text: String) -> String {
    YAMLText.comment(text.replacingOccurrences(of: "\\", with: "\\\\").replacingOccurrences(of: "\"", with: "\\\""))
  }

  private func fields() -> [String] {
    guard let names, !names.isEmpty else { return [] }
    var lines = [
      "  # A value that does not fit its field makes its record a dead letter; \"not null\" after a type asks for a value.", "  fields:",
    ]
    for (i, name) in names.enumerated() {
      let key = YAMLText.plain(name)
      // A key that is longer than 1024 characters must be marked as one (YAML 1.2, 8.2.2).
      let type = columnTypes[i].text
      let line = key.utf8.count > 900 ? "    ? \(key)\n    : \(type)" : "    \(key): \(type)"
      lines.append(commented(line, examples(cells[i])))
    }
    if lines.joined().utf8.count > Self.fieldBytes {
      return ["  # The fields are too many to stand here: they are inferred from the first item. Those that matter can be named."]
    }
    if let key {
      lines.append("  # No value of \(YAMLText.comment(key.name)) comes twice among the records looked at: it may be their key.")
    }
    return lines
  }

  private func examples() -> [String] {
    let names = names ?? []
    let simple = names.prefix(3).map { YAMLText.plain($0) }.joined(separator: ", ")
    let first = FieldName.inExpression(names.first ?? "a") + " IS NOT NULL"
    var lines = ["", "# transform:                      # steps, in this order; for example"]
    if simple.utf8.count < 400 {
      lines += ["#   - filter: \(Self.scalar(first))", "#   - select: [\(simple)]"]
    }
    for (name, hint) in hints {
      guard let expression = hint.expression else { continue }
      lines.append("#   - derive: {\(YAMLText.plain(name)): \(YAMLText.quoted(expression))}    # \(YAMLText.comment(hint.what))")
    }
    return lines + [
      "", "write:",
      commented("  path: out/{item.stem}.jsonl", "a file for each item; without {…} one for the run; .csv and .gz are written too"),
      "", "limits:", commented("  dead_letters: 0.1%", "with more the run exits 65; all good records are written first"),
    ]
  }

  /// An expression as YAML's value: plain where it begins with a letter and has nothing in it that ends a plain scalar.
  private static func scalar(_ expression: String) -> String {
    let isPlain = expression.utf8.first.map { ($0 | 0x20) &- 0x61 < 26 || $0 == 0x5F } == true && !expression.contains("\"")
    return isPlain ? expression : YAMLText.quoted(expression)
  }

  /// Fields that stay text, or may not be the numbers that they look like, each with a hint how to read it.
  var hints: [(name: String, hint: ReadingHint)] {
    guard let names, names.count <= Self.mostLookedAt else { return [] }
    return Array(
      names.indices.lazy.compactMap { i in
        guard columnTypes[i].text == types[i].rawValue else { return nil }
        return ReadingHint(FieldName.inExpression(names[i]), type: types[i], cells[i]).map { (names[i], $0) }
      }.prefix(20))
  }

  /// A column that tells records apart: no value is missing, none comes twice.
  var key: (name: String, isNamed: Bool, count: Int)? {
    var best: (name: String, isNamed: Bool, count: Int)?
    guard let names else { return nil }
    for (name, (type, cells)) in zip(names, zip(types, cells)) where [.bigint, .text].contains(type) && cells.count >= 2 {
      var seen: Set<String> = []
      let isUnique = cells.allSatisfy { cell in
        if case .text(let text, _) = cell { return seen.insert(text).inserted }
        return false
      }
      guard isUnique else { continue }
      let lower = name.lowercased()
      let isNamed = lower == "id" || lower.hasSuffix("_id") || lower.hasSuffix("id") || lower.contains("key") || lower.contains("uuid")
      if best == nil || (isNamed && best?.isNamed == false) { best = (name, isNamed, cells.count) }
    }
    return best
  }

  private func examples(_ cells: [SampledCell]) -> String {
    var shown: [String] = []
    var nulls = 0
    for cell in cells {
      switch cell {
      case .null: nulls += 1
      case .text(let text, _):
        guard shown.count < 2 else { continue }
        let text = String(text.prefix(24)).map { $0.isNewline ? " " : String($0) }.joined()
        if !shown.contains(text), !text.isEmpty { shown.append(text) }
      case .structure: if shown.isEmpty { shown.append("arrays or objects") }
      }
    }
    let words = shown.joined(separator: ", ")
    if nulls == 0 || cells.isEmpty { return words }
    let share = String(format: "%.1f", Double(nulls) * 100 / Double(cells.count))
    return shown.isEmpty ? "always empty" : "\(words); \(share) % empty"
  }

  // MARK: Guesses

  func guesses() -> [DefinitionDraft.Guess] {
    var guesses: [DefinitionDraft.Guess] = []
    func add(_ what: String, _ value: String, _ certainty: FormatGuess.Certainty, _ evidence: String) {
      guesses.append(.init(what: what, value: YAMLText.comment(value), certainty: certainty, evidence: YAMLText.comment(evidence)))
    }
    let count = trial?.records ?? 0
    add("compression", look.compression, .sure, look.compression == "none" ? "its first bytes are text" : "by its first bytes")
    add("format", guess.format.name, certainty, guess.evidence)
    if encoding.encoding != nil || encoding.certainty != .sure {
      add("encoding", (encoding.encoding ?? .utf8).name, encoding.certainty, encoding.evidence)
    }
    if guess.isTable {
      for key in ["quote", "escape", "comment", "skip_lines", "skip_footer_lines", "trim", "ragged"] {
        if let reason = guess.reasons[key] { add(key, setting(key), .likely, reason) }
      }
      let lines = guess.dialect.headerLines
      add("header", lines > 1 ? "\(lines)" : "\(lines == 1)", guess.headerCertainty, guess.headerEvidence)
    }
    let nulls = guess.dialect.nullValues.map { String(decoding: $0, as: UTF8.self) }
    if !nulls.isEmpty {
      add("null_values", nulls.joined(separator: ", "), .likely, "without them columns of numbers or times would be text")
    }
    add(
      "fields", "\(names?.count ?? 0)", count == 0 ? .unsure : trial?.isWhole == true ? .sure : count >= 1000 ? .likely : .unsure,
      count == 0
        ? "there is no record to tell their types by"
        : "types fit all \(count - (trial?.deadLetters ?? 0)) records \(trial?.deadLetters ?? 0 > 0 ? "that can be read" : "looked at"), \(trial?.isWhole == true ? "which are all of the item's" : "not the rest of the item")"
    )
    if let key {
      add("key", key.name, key.isNamed && key.count >= 20 ? .likely : .unsure, "no value of it comes twice among \(key.count) records")
    }
    for (name, type) in zip(names ?? [], columnTypes).filter({ $1.evidence != nil }).prefix(20) {
      add("type", "\(name): \(type.text)", .likely, type.evidence ?? "")
    }
    for (name, hint) in hints {
      add(
        "note", name, .likely,
        hint.expression.map { "\(hint.what); to have their value: derive: {…: \($0)}" } ?? "\(hint.what), and stay text")
    }
    if let trial, trial.deadLetters > 0, let first = trial.first {
      add("dead letters", "\(trial.deadLetters)", .sure, "of \(trial.records) records looked at; the first: \(first)\(advice(trial))")
    }
    return guesses
  }

  /// The certainty of the format: no surer than the dead letters of the trial let it be.
  private var certainty: FormatGuess.Certainty {
    guard let trial else { return .unsure }
    if trial.deadShare > 0.1 { return .unsure }
    return trial.deadShare > 0 && guess.certainty == .sure ? .likely : guess.certainty
  }

  private func advice(_ trial: DraftTrial) -> String {
    guard let first = trial.first else { return "" }
    if first.contains("quote") {
      return
        "; where quotes stand in quoted fields without being doubled, only what wrote the file can mend that; where they quote nothing, say quote: null"
    }
    return first.contains(" expected") ? "; ragged: pad fills up short records" : ""
  }

  private func setting(_ key: String) -> String {
    let dialect = guess.dialect
    switch key {
    case "quote": return dialect.quote.map { String(Unicode.Scalar($0)) } ?? "null"
    case "escape": return dialect.escape.map { String(Unicode.Scalar($0)) } ?? "null"
    case "comment": return String(decoding: dialect.comment ?? [], as: UTF8.self)
    case "skip_lines": return "\(dialect.skipLines)"
    case "skip_footer_lines": return "\(dialect.skipFooterLines)"
    case "trim": return "\(dialect.trim)"
    default: return dialect.ragged.rawValue
    }
  }
}

import Decompress
import Definition
import Fetch
import Foundation
import Parse
import Records

/// A definition written after a look at real data, and what it guessed.
public struct DefinitionDraft: Sendable {
  public struct Guess: Sendable {
    public var what: String
    public var value: String
    public var certainty: FormatGuess.Certainty
    public var evidence: String
  }

  public var name: String
  public var text: String
  public var guesses: [Guess]
  /// The item that was looked at, of how many.
  public var item: String
  public var itemCount: Int

  /// Looks at the sources and drafts a definition that stands at `path`.
  ///
  /// - Parameter name: the pipeline's; by default it comes of the first item's.
  /// - Throws: ``RunFailure`` where nothing is found, or what is found can't be read.
  public static func of(_ sources: [String], path: (String) -> String, name: String?) async throws(RunFailure) -> DefinitionDraft {
    let name = name ?? Self.name(for: sources.first ?? "")
    let path = path(name)
    do {
      let http = HTTPClient()
      defer { http.close() }
      let look = try Self.look(sources, path)
      let items = try await Discovery(definition: look).items()
      guard let item = items.first else { throw RunFailure.noSource(sources.first ?? "") }
      let (text, isWhole, compression) = try await Self.head(item, look, http)
      guard text.count > 0 else { throw RunFailure.sample("\(item.key): it is empty; there is nothing to go by") }
      let encoding = Self.encoding(text)
      let sniffed = Sniffer(Self.converted(text, encoding), isWhole: isWhole, name: item.name).guess()
      guard !sniffed.schema.fields.isEmpty else {
        throw RunFailure.sample("\(item.key): no record was found in its first \(text.count) bytes; is it CSV or JSON Lines?")
      }
      return DefinitionWriter(
        name: name, path: path, sources: sources.map { Self.source($0, path) }, item: item, itemCount: items.count,
        compression: compression,
        encoding: encoding, guess: sniffed, isWhole: isWhole
      ).draft()
    } catch {
      throw .from(error)
    }
  }

  /// Letters, digits, - and _ of the first source's name.
  static func name(for source: String) -> String {
    let stem = Item(key: source, name: Discovery.name(String(source.prefix { $0 != "?" && $0 != "#" })), source: .file(path: source)).stem
    var name = ""
    for character in stem.lowercased() {
      if character.isASCII, character.isLetter || character.isNumber || character == "_" {
        name.append(character)
      } else if !name.isEmpty, !name.hasSuffix("-") {
        name.append("-")
      }
    }
    while name.hasSuffix("-") { name.removeLast() }
    return name.isEmpty ? "pipeline" : name
  }

  /// A path as the definition at `path`, which it is relative to, has it.
  private static func source(_ source: String, _ path: String) -> String {
    if source.contains("://") || source.hasPrefix("/") { return source }
    let folder = (URL(fileURLWithPath: path).standardizedFileURL.path as NSString).deletingLastPathComponent
    let here = URL(fileURLWithPath: FileManager.default.currentDirectoryPath).standardizedFileURL.path
    if folder == here { return source.hasPrefix("./") ? String(source.dropFirst(2)) : source }
    return here + "/" + source
  }

  /// A definition that is enough to look at the sources by.
  private static func look(_ sources: [String], _ path: String) throws(DefinitionErrors) -> PipelineDefinition {
    let list = sources.map { YAMLText.quoted(source($0, path)) }.joined(separator: ", ")
    return try PipelineDefinition.load(
      text: "pipeline: look\nfetch: {from: [\(list)]}\nwrite: {path: out.jsonl}\n", path: path, variables: [:])
  }

  /// The item's first bytes as they are written, what they are compressed by, and whether they are all there are.
  private static func head(
    _ item: Item, _ look: PipelineDefinition, _ http: HTTPClient
  ) async throws -> (text: ByteBuffer, isWhole: Bool, compression: String) {
    let stored = try await Sampler(definition: look, http: http).head(item)
    let isCut = stored.count >= Sampler.headBytes
    var decompressor = Decompressor(format: .auto, name: item.name, limits: look.decompressLimits)
    let text = ByteBuffer(capacity: 4 << 20)
    var from = 0
    do {
      while from < stored.count, text.count < text.capacity {
        let (before, taken) = (text.count, try decompressor.step(stored, from: from, into: text))
        from += taken
        if taken == 0, text.count == before { break }
      }
    } catch {
      throw RunFailure.sample("\(item.key): \(error)")
    }
    let magic = stored.copy(0..<2)
    let compression = magic == [0x1F, 0x8B] ? "gzip" : text.count == stored.count ? "none" : "zlib"
    return (text, !isCut && from == stored.count && text.count < text.capacity, compression)
  }

  /// What the text is in, where that is not UTF-8: by its byte order mark, else one of the encodings that any bytes are text in.
  private static func encoding(_ text: ByteBuffer) -> TextEncoding? {
    if [[0xFF, 0xFE], [0xFE, 0xFF]].contains(text.copy(0..<2)) { return .utf16 }
    // The last character may be cut.
    guard let bad = UTF8Text.firstInvalid(text.bytes, text.count), bad < text.count - 4 else { return nil }
    // These are control characters in Latin-1, and letters and quotes in what Windows wrote.
    return text.copy(0..<text.count).contains { $0 & 0xE0 == 0x80 } ? .windows1252 : .latin1
  }

  private static func converted(_ text: ByteBuffer, _ encoding: TextEncoding?) -> ByteBuffer {
    Transcoder.decode(text, encoding ?? .utf8, isWhole: true).text
  }
}

/// Text as YAML has it.
enum YAMLText {
  /// Between single quotes, in which nothing but they mean anything.
  static func quoted(_ text: String) -> String { "'" + text.replacingOccurrences(of: "'", with: "''") + "'" }

  /// As it is where that is safe.
  static func plain(_ text: String) -> String {
    let isSafe =
      text.first.map { $0.isASCII && ($0.isLetter || $0 == "_" || $0 == "/" || $0 == ".") } == true
      && text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "_-./*?+=&%~".contains($0)) }
      && !["true", "false", "null", "yes", "no", "on", "off", "y", "n"].contains(text.lowercased())
    // A colon that no space follows is safe in an address.
    let isAddress = text.hasPrefix("http") && !text.contains { " #'\"{}[],".contains($0) }
    return isSafe || isAddress ? text : quoted(text)
  }
}

/// Writes the definition, with what it rests on in comments.
private struct DefinitionWriter {
  let name: String
  let path: String
  let sources: [String]
  let item: Item
  let itemCount: Int
  let compression: String
  let encoding: TextEncoding?
  let guess: FormatGuess
  let isWhole: Bool

  private var encodingEvidence: String { encoding == .utf16 ? "by its byte order mark" : "it is not UTF-8" }
  private var schema: Schema { guess.schema }
  private var recordCount: Int { guess.sample.cells.map(\.count).max() ?? 0 }
  private var shownPath: String { (path as NSString).lastPathComponent }

  func draft() -> DefinitionDraft {
    DefinitionDraft(name: name, text: text(), guesses: guesses(), item: item.key, itemCount: itemCount)
  }

  private func guesses() -> [DefinitionDraft.Guess] {
    var guesses: [DefinitionDraft.Guess] = []
    func add(_ what: String, _ value: String, _ certainty: FormatGuess.Certainty, _ evidence: String) {
      guesses.append(.init(what: what, value: value, certainty: certainty, evidence: evidence))
    }
    add("compression", compression, .sure, compression == "none" ? "its first bytes are text" : "by its first bytes")
    add("format", guess.kind.rawValue, guess.certainty, guess.evidence)
    if let encoding { add("encoding", encoding.name, encoding == .utf16 ? .sure : .likely, encodingEvidence) }
    if guess.kind != .jsonl {
      add("header", guess.dialect.headerLines == 1 ? "true" : "false", guess.headerCertainty, guess.headerEvidence)
    }
    let nulls = guess.dialect.nullValues.map { String(decoding: $0, as: UTF8.self) }
    if !nulls.isEmpty {
      add("null_values", nulls.joined(separator: ", "), .likely, "without them columns of numbers or times would be text")
    }
    add(
      "fields", "\(schema.fields.count)", isWhole ? .sure : recordCount >= 1000 ? .likely : .unsure,
      "types fit all \(recordCount) records looked at" + (isWhole ? ", which are all of the item's" : ", not the rest of the item"))
    if let key { add("key", key.name, key.isNamed ? .likely : .unsure, "no value of it comes twice among \(recordCount) records") }
    return guesses
  }

  /// A column that tells records apart: no value is missing, none comes twice.
  private var key: (name: String, isNamed: Bool)? {
    var best: (name: String, isNamed: Bool)?
    guard recordCount >= 2 else { return nil }
    for (field, cells) in zip(schema.fields, guess.sample.cells) where [.bigint, .text].contains(field.type) {
      var seen: Set<String> = []
      let isUnique = cells.allSatisfy { cell in
        if case .text(let text, _) = cell { return seen.insert(text).inserted }
        return false
      }
      guard isUnique else { continue }
      let name = field.name.lowercased()
      let isNamed = name == "id" || name.hasSuffix("_id") || name.hasSuffix("id") || name.contains("key") || name.contains("uuid")
      if best == nil || (isNamed && best?.isNamed == false) { best = (field.name, isNamed) }
    }
    return best
  }

  private func text() -> String {
    var lines = [
      "# Written by sluice init after a look at \(isWhole ? "all" : "the first") \(recordCount) records of \(item.key).",
      "#   sluice check \(shownPath)", "#   sluice run \(shownPath) --dry-run    # what it would do, and what the records look like",
      "#   sluice run \(shownPath)", "pipeline: \(name)", "", "fetch:", "  from:",
    ]
    lines += sources.map { "    - \(YAMLText.plain($0))" }
    lines += ["", "parse:", commented("  format: \(guess.kind.rawValue)", guess.evidence)]
    let delimiter = guess.dialect.delimiter
    if guess.kind == .csv, delimiter != [0x2C] { lines.append("  delimiter: \"\(String(decoding: delimiter, as: UTF8.self))\"") }
    if let encoding { lines.append(commented("  encoding: \(encoding.name)", encodingEvidence)) }
    if guess.kind != .jsonl {
      lines.append(commented("  header: \(guess.dialect.headerLines == 1)", guess.headerEvidence))
    }
    let nulls = guess.dialect.nullValues.map { YAMLText.quoted(String(decoding: $0, as: UTF8.self)) }
    if !nulls.isEmpty {
      lines.append(commented("  null_values: [\(nulls.joined(separator: ", "))]", "what else than nothing is NULL"))
      if !guess.dialect.hasNullsInText { lines.append(commented("  null_values_in_text: false", "in a field of text they are words")) }
    }
    lines.append("  # A value that does not fit its field makes its record a dead letter; \"not null\" after a type asks for a value.")
    lines.append("  fields:")
    lines += zip(schema.fields, guess.sample.cells).map { field, cells in
      commented("    \(YAMLText.plain(field.name)): \(field.type.rawValue)", examples(cells))
    }
    if let key { lines.append("  # No value of \(key.name) comes twice among the records looked at: it may be their key.") }
    let first = schema.fields.first?.name ?? "a"
    lines += [
      "", "# transform:                      # steps, in this order; for example", "#   - filter: \(first) IS NOT NULL",
      "#   - select: [\(schema.fields.prefix(3).map(\.name).joined(separator: ", "))]", "", "write:",
      commented("  path: out/{item.stem}.jsonl", "a file for each item; without {…} one for the run; .csv and .gz are written too"),
      "", "limits:", commented("  dead_letters: 0.1%", "with more the run exits 65; all good records are written first"),
    ]
    return lines.joined(separator: "\n") + "\n"
  }

  private func commented(_ line: String, _ comment: String) -> String {
    comment.isEmpty ? line : line + String(repeating: " ", count: max(2, 34 - line.count)) + "# " + comment
  }

  private func examples(_ cells: [SampledCell]) -> String {
    var shown: [String] = []
    var nulls = 0
    for cell in cells {
      switch cell {
      case .null: nulls += 1
      case .text(let text, _):
        let text = String(text.prefix(24)).map { $0.isNewline ? " " : String($0) }.joined()
        if shown.count < 2, !shown.contains(text), !text.isEmpty { shown.append(text) }
      case .structure: if shown.isEmpty { shown.append("arrays or objects") }
      }
    }
    let words = shown.joined(separator: ", ")
    if nulls == 0 || cells.isEmpty { return words }
    let share = String(format: "%.1f", Double(nulls) * 100 / Double(cells.count))
    return shown.isEmpty ? "always empty" : "\(words); \(share) % empty"
  }
}

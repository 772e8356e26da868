import Foundation

/// A path, pattern or address of a definition, of which parts may be secrets' values.
///
/// It knows two spellings: what it takes to open it, and what may be shown and kept, where each secret has its name as the definition
/// has it. Neither depends on anything that the definition does not name.
public struct SourcePattern: Sendable, Hashable {
  /// A value that is shown and kept nowhere, and what stands for it.
  public struct Secret: Sendable, Hashable {
    /// As the definition has it: `${NAME}`.
    public var name: String
    public var value: String
    public init(name: String, value: String) {
      self.name = name
      self.value = value
    }
  }

  /// Shorter values hide nothing that can't be guessed, and stand in many names.
  public static let shortest = 4

  /// With placeholders where secrets stand.
  package private(set) var text: String
  public private(set) var secrets: [Secret]
  /// Secrets that stand as they are, since they are a part of what makes a pattern.
  private var spelledOut: [Secret] = []

  public init(_ plain: String) { self.init(text: plain, secrets: []) }

  /// - Parameter text: with ``placeholder(_:)`` where the secret of that number stands.
  public init(text: String, secrets: [Secret]) {
    self.text = text
    self.secrets = secrets
  }

  /// A scalar of a private plane, which no text of a definition is expected to hold.
  public static func placeholder(_ number: Int) -> Character { Character(Unicode.Scalar(0x100000 + UInt32(number & 0xFFF)) ?? " ") }

  /// What it takes to open it.
  public var value: String { Self.filled(text, secrets) { $0.value } }

  /// What may be shown and kept.
  public var shown: String { Self.hidingPassword(hidden(Self.filled(text, secrets) { $0.name }, spelledOut)) }

  private func hidden(_ text: String, _ secrets: some Sequence<Secret>) -> String {
    var text = text
    for secret in secrets where secret.value.count >= Self.shortest {
      text = text.replacingOccurrences(of: secret.value, with: secret.name)
    }
    return text
  }

  private static func filled(_ text: String, _ secrets: [Secret], _ part: (Secret) -> String) -> String {
    if secrets.isEmpty { return text }
    var text = text
    for (i, secret) in secrets.enumerated() { text = text.replacingOccurrences(of: String(placeholder(i)), with: part(secret)) }
    return text
  }

  /// A password that stands in an address itself, as nobody should write it, is no part of what is shown.
  private static func hidingPassword(_ text: String) -> String {
    guard let scheme = text.range(of: "://") else { return text }
    let authority = text[scheme.upperBound...].prefix { !"/?#".contains($0) }
    guard let at = authority.lastIndex(of: "@"), let colon = authority[..<at].firstIndex(of: ":") else { return text }
    let password = authority[authority.index(after: colon)..<at]
    let isName = password.hasPrefix("${") && password.firstIndex(of: "}") == password.indices.last
    return password.isEmpty || isName ? text : text[...colon] + "***" + text[at...]
  }

  /// The same, in which secrets stand as they are that are a part of what makes a pattern: those with such characters, and those within
  /// braces. So do those of less than ``shortest`` characters, which can be guessed and may tell items apart, as a day does; but for
  /// those of an address's authority and query, where passwords and tokens stand.
  public func spellingOutPatterns(of characters: String) -> SourcePattern {
    var pattern = self
    for (i, secret) in secrets.enumerated() {
      let place = Self.placeholder(i)
      guard
        secret.value.count < Self.shortest && isInPath(place) || secret.value.contains(where: characters.contains) || isInBraces(place)
      else { continue }
      pattern.text = pattern.text.replacingOccurrences(of: String(place), with: secret.value)
      pattern.spelledOut.append(secret)
    }
    return pattern
  }

  /// Secrets all of whose values make one item, though they stand in a path: no password would.
  public var namesInPath: [String] {
    secrets.enumerated().filter { text.contains(Self.placeholder($0.offset)) && isInPath(Self.placeholder($0.offset)) }.map(\.element.name)
  }

  private func isInPath(_ placeholder: Character) -> Bool {
    guard let scheme = text.range(of: "://") else { return true }
    guard let path = text[scheme.upperBound...].firstIndex(of: "/"), let place = text.firstIndex(of: placeholder) else { return false }
    return path < place && !text[path..<place].contains { $0 == "?" || $0 == "#" }
  }

  private func isInBraces(_ placeholder: Character) -> Bool {
    var depth = 0
    for character in text {
      if character == placeholder, depth > 0 { return true }
      if character == "{" { depth += 1 }
      if character == "}" { depth = max(0, depth - 1) }
    }
    return false
  }

  /// Without what it begins with, such as a scheme.
  public func dropping(_ prefix: String) -> SourcePattern {
    text.hasPrefix(prefix) ? with(text: String(text.dropFirst(prefix.count))) : SourcePattern(String(value.dropFirst(prefix.count)))
  }

  /// The same pattern with another text, in which the placeholders stand for the same secrets.
  package func with(text: String) -> SourcePattern {
    var pattern = self
    pattern.text = text
    return pattern
  }

  /// A name that the pattern has matched, without the secrets that stand in the pattern.
  package func shown(_ name: String) -> String {
    let standing = secrets.enumerated().filter { text.contains(Self.placeholder($0.offset)) }.map(\.element)
    return standing.isEmpty && spelledOut.isEmpty ? name : hidden(name, standing + spelledOut)
  }
}

import Foundation

/// A path, pattern or address of a definition, of which parts may be secrets' values.
///
/// It knows two spellings: ``value`` opens it, and ``shown`` may be shown and kept: there each secret has its name as the definition has
/// it. Neither depends on anything that the definition does not name.
public struct SourcePattern: Sendable, Hashable {
  /// A value that is never shown or kept, with the name that is shown in its place.
  public struct Secret: Sendable, Hashable {
    /// The spelling of the definition: `${NAME}`.
    public var name: String
    /// The secret itself.
    public var value: String
    /// Makes a secret from its name and value.
    public init(name: String, value: String) {
      self.name = name
      self.value = value
    }
  }

  /// The shortest value that is hidden, in characters. A shorter one can be guessed, and stands in many names.
  public static let shortest = 4

  /// The text with a placeholder for each secret (``placeholder(_:)``).
  package private(set) var text: String
  /// The secrets, by the number of their placeholder.
  public private(set) var secrets: [Secret]
  /// Secrets whose values stand in ``text`` as they are, since they are a part of what makes it a pattern.
  private var spelledOut: [Secret] = []

  /// Makes a pattern without secrets.
  public init(_ plain: String) { self.init(text: plain, secrets: []) }

  /// Makes a pattern from a text that has ``placeholder(_:)`` where the secret of that number stands.
  public init(text: String, secrets: [Secret]) {
    self.text = text
    self.secrets = secrets
  }

  /// Returns the character that stands for the secret of this number, from 0 to 4095: a scalar of a private plane, which a definition is
  /// not expected to hold.
  public static func placeholder(_ number: Int) -> Character { Character(Unicode.Scalar(0x100000 + UInt32(number & 0xFFF)) ?? " ") }

  /// The text with the secrets' values: the path or address to open.
  public var value: String { Self.filled(text, secrets) { $0.value } }

  /// The text with the secrets' names, and `***` for a password in an address: the text to show and to keep.
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

  /// Hides a password that the definition spells out in an address.
  private static func hidingPassword(_ text: String) -> String {
    guard let password = Redactor.password(inAddress: text) else { return text }
    let isName = password.hasPrefix("${") && password.firstIndex(of: "}") == password.indices.last
    return isName ? text : text[..<password.startIndex] + "***" + text[password.endIndex...]
  }

  /// Returns the pattern with some secrets' values in the places of their placeholders: values that hold one of these characters, and those
  /// within braces, since they are a part of what makes a pattern. Values shorter than ``shortest`` are spelled out too: they can be
  /// guessed and may tell items apart, as a day does. Those in an address's authority and query stay hidden, for passwords stand there.
  ///
  /// - Parameter characters: the characters that make a text a pattern for the source, such as `*?[{`.
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

  /// The names of secrets that stand in the path, where passwords do not stand. All their values make one item, since keys have the name.
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

  /// Returns the pattern without its first characters, such as a scheme. Where a secret stands within them, the rest is spelled out.
  public func dropping(_ prefix: String) -> SourcePattern {
    text.hasPrefix(prefix) ? with(text: String(text.dropFirst(prefix.count))) : SourcePattern(String(value.dropFirst(prefix.count)))
  }

  /// Returns the pattern with another text, in which the placeholders stand for the same secrets.
  package func with(text: String) -> SourcePattern {
    var pattern = self
    pattern.text = text
    return pattern
  }

  /// Returns a name that the pattern has matched, with the pattern's secrets hidden in it.
  package func shown(_ name: String) -> String {
    let standing = secrets.enumerated().filter { text.contains(Self.placeholder($0.offset)) }.map(\.element)
    return standing.isEmpty && spelledOut.isEmpty ? name : hidden(name, standing + spelledOut)
  }
}

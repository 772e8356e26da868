import Foundation

/// Puts `${NAME}` in the place of secrets, in anything that is shown or kept.
///
/// Secrets are the values of the environment and of files that a definition names. Programs inherit more, so other values count too: those
/// of variables that are called a password, token or key, and passwords in addresses, such as a proxy's.
public struct Redactor: Sendable {
  /// The longest first. The bytes are nil where the value is not all ASCII: the same text may then be composed of other bytes.
  private let secrets: [(value: String, name: String, bytes: Bytes?)]

  /// Makes a redactor. It leaves values of less than 4 characters alone (``SourcePattern/shortest``).
  ///
  /// - Parameters:
  ///   - secrets: the names to show, by the values of the secrets.
  ///   - environment: searched for values that are secrets by their variable's name.
  public init(secrets: [String: String], environment: [String: String] = [:]) {
    var forms: [String: String] = [:]
    // Short values would hide half of every message, and hide nothing that can't be guessed.
    for (value, name) in Self.inherited(environment).merging(secrets, uniquingKeysWith: { $1 }) where value.count >= SourcePattern.shortest
    {
      for form in Self.forms(of: value) { forms[form] = name }
    }
    self.secrets = forms.map { ($0.key, $0.value, $0.key.utf8.allSatisfy { $0 < 0x80 } ? Bytes($0.key) : nil) }
      .sorted { ($0.value.count, $0.value) > ($1.value.count, $1.value) }
  }

  private static let secretWords = [
    "PASSWORD", "PASSWD", "SECRET", "TOKEN", "API_KEY", "APIKEY", "ACCESS_KEY", "PRIVATE_KEY", "CREDENTIAL",
  ]

  /// Whether a variable is called a password, token, key or the like: `DB_PASSWORD`. Upper and lower case are alike.
  package static func isSecretName(_ name: String) -> Bool { secretWords.contains(where: name.uppercased().contains) }

  /// Returns the secrets in an environment that no definition names: the names to show, by value.
  ///
  /// These are values from 8 characters on of variables that are called a password, token or key, passwords in addresses, and the headers
  /// of OpenTelemetry's variables.
  package static func inherited(_ environment: [String: String]) -> [String: String] {
    var secrets: [String: String] = [:]
    for (name, value) in environment {
      let upper = name.uppercased()
      if value.count >= 8, isSecretName(name) { secrets[value] = "${\(name)}" }
      if let password = password(inAddress: value) { secrets[String(password)] = "${\(name)}" }
      if upper.hasPrefix("OTEL_"), upper.hasSuffix("_HEADERS") {
        for pair in value.split(separator: ",") {
          guard let text = pair.split(separator: "=", maxSplits: 1).dropFirst().first else { continue }
          // The scheme of an Authorization is none.
          let word = (text.removingPercentEncoding ?? String(text)).split(separator: " ").last.map(String.init) ?? ""
          if word.count >= 8 { secrets[word] = "${\(name)}" }
        }
      }
    }
    return secrets
  }

  /// Returns the password of `scheme://user:password@host`; nil where the address has none.
  package static func password(inAddress text: String) -> Substring? {
    guard let authority = text.range(of: "://").map({ text[$0.upperBound...].prefix { !"/?#".contains($0) } }),
      let at = authority.lastIndex(of: "@"),
      let colon = authority[..<at].firstIndex(of: ":")
    else { return nil }
    let password = authority[authority.index(after: colon)..<at]
    return password.isEmpty ? nil : password
  }

  /// A value as it is, as addresses have it, as JSON has it, and as HTTP's basic authentication does.
  private static func forms(of value: String) -> Set<String> {
    var forms: Set<String> = [value, Data(value.utf8).base64EncodedString()]
    let unreserved = CharacterSet(charactersIn: "-._~").union(.alphanumerics).intersection(CharacterSet(charactersIn: "\0"..."\u{7F}"))
    if let encoded = value.addingPercentEncoding(withAllowedCharacters: unreserved) { forms.formUnion([encoded, encoded.lowercased()]) }
    if let encoded = value.addingPercentEncoding(withAllowedCharacters: .urlQueryAllowed) { forms.insert(encoded) }
    for options: JSONSerialization.WritingOptions in [[.fragmentsAllowed], [.fragmentsAllowed, .withoutEscapingSlashes]] {
      if let data = try? JSONSerialization.data(withJSONObject: value, options: options) {
        forms.insert(String(decoding: data.dropFirst().dropLast(), as: UTF8.self))
      }
    }
    return forms
  }

  /// Returns the text with names in the places of secrets, and `***` for passwords in addresses. A secret whose end was cut off (by “…”) is
  /// found too.
  public func redact(_ text: String) -> String {
    var text = text
    for secret in secrets where secret.bytes?.areIn(text) != false && text.contains(secret.value) {
      text = text.replacingOccurrences(of: secret.value, with: secret.name)
    }
    return Self.hidingPasswords(Self.cut.areIn(text) ? withoutBeginnings(text) : text)
  }

  /// Returns the text with one * for each character of a secret, so that places in the text stay what they are.
  package func blotting(_ text: String) -> String {
    Self.hidingPasswords(
      secrets.reduce(text) { $0.replacing($1.value, with: String(repeating: "*", count: $1.value.count)) }, keepsLength: true)
  }

  private static let cut = Bytes("…")
  private static let scheme = Bytes("://")

  /// A text to search for by its bytes, which takes far less time than a search by characters. Reasons are redacted by the million, and
  /// hardly any holds a secret.
  private struct Bytes: Sendable {
    private let bytes: [UInt8]

    init(_ text: String) { bytes = Array(text.utf8) }

    func areIn(_ text: String) -> Bool {
      // The buffer is only read, and only while the closure runs. Texts without one are searched otherwise.
      text.utf8.withContiguousStorageIfAvailable { text in
        guard let first = bytes.first, text.count >= bytes.count else { return bytes.isEmpty }
        return (0...text.count - bytes.count).contains { at in
          text[at] == first && text[at..<at + bytes.count].elementsEqual(bytes)
        }
      } ?? true
    }
  }

  /// Returns the text with `***` for each password in an address, however short and whether known or not. `${NAME}` stays.
  ///
  /// - Parameter keepsLength: puts one * for each character, so that places in the text stay what they are.
  package static func hidingPasswords(_ text: String, keepsLength: Bool = false) -> String {
    guard scheme.areIn(text) else { return text }
    var out = ""
    var rest = text[...]
    while let scheme = rest.range(of: "://") {
      out += rest[..<scheme.upperBound]
      rest = rest[scheme.upperBound...]
      guard let password = password(afterScheme: rest), !(password.hasPrefix("${") && password.hasSuffix("}")) else { continue }
      out += rest[..<password.startIndex]
      out += String(repeating: "*", count: keepsLength ? password.count : 3)
      rest = rest[password.endIndex...]
    }
    return out + rest
  }

  /// The password of what follows `scheme://`. One that holds / ? # unencoded, which makes an address none, is found too.
  private static func password(afterScheme text: Substring) -> Substring? {
    let run = text.prefix { !$0.isWhitespace && !"\"'<>`".contains($0) }
    let authority = run.prefix { !"/?#".contains($0) }
    guard let colon = authority.firstIndex(of: ":") else { return nil }
    let begin = run.index(after: colon)
    var end = authority.lastIndex(of: "@")
    if end == nil, !authority[begin...].allSatisfy(\.isNumber) { end = run.lastIndex(of: "@") }
    guard let end, begin < end else { return nil }
    return run[begin..<end]
  }

  /// How much of a secret's beginning is taken for one, in characters.
  private static let leastBeginning = 3

  /// Takes out the beginnings of secrets before a “…”: a quotation may have been cut within a secret before it came here.
  private func withoutBeginnings(_ text: String) -> String {
    let parts = text.components(separatedBy: "…")
    let redacted = parts.dropLast().map { part -> String in
      for secret in secrets {
        for length in stride(from: secret.value.count - 1, through: Self.leastBeginning, by: -1)
        where part.hasSuffix(secret.value.prefix(length)) {
          return part.dropLast(length) + secret.name
        }
      }
      return part
    }
    return (redacted + parts.suffix(1)).joined(separator: "…")
  }

  /// Decodes bytes as UTF-8, such as a record's, and redacts the text.
  ///
  /// - Parameter isCut: whether the bytes may end within a secret; the text then ends in “…”.
  public func text(_ bytes: [UInt8], isCut: Bool) -> String {
    let text = String(decoding: bytes, as: UTF8.self)
    return isCut ? redact(text + "…") : redact(text)
  }
}

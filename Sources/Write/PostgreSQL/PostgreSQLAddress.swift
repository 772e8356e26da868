/// The address of a PostgreSQL database, as libpq takes it (PostgreSQL 34.1.1.2): `postgres://USER:PASSWORD@HOST:PORT/NAME?PARAMETERS`.
struct PostgreSQLAddress: Sendable, Hashable {
  /// As the definition has it; it may hold a password.
  let url: String
  /// The address without passwords.
  let bare: String
  /// Server, database and user, for messages, and to know the database by.
  let shown: String

  static func isAddress(_ text: String) -> Bool { text.hasPrefix("postgres://") || text.hasPrefix("postgresql://") }

  init(_ url: String) {
    self.url = url
    let scheme = url.range(of: "://").map { String(url[..<$0.upperBound]) } ?? ""
    let rest = url.dropFirst(scheme.count)
    let end = rest.firstIndex { $0 == "/" || $0 == "?" } ?? rest.endIndex
    var authority = rest[..<end]
    if let at = authority.lastIndex(of: "@") {
      let user = authority[..<at].prefix { $0 != ":" }
      authority = Substring(user + authority[at...])
    }
    let halves = rest[end...].split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
    shown = scheme + authority + (halves.first ?? "")
    let parameters = (halves.count > 1 ? halves[1].split(separator: "&") : []).filter { !Self.isSecret($0) }
    bare = parameters.isEmpty ? shown : shown + "?" + parameters.joined(separator: "&")
  }

  /// The address's parameters that are passwords; they belong elsewhere, where a message can't show them.
  static func isSecret(_ parameter: some StringProtocol) -> Bool {
    parameter.hasPrefix("password=") || parameter.hasPrefix("sslpassword=")
  }

  /// Whether a password stands among the parameters.
  var hasSecretParameter: Bool {
    url.split(separator: "?", maxSplits: 1).dropFirst().first?.split(separator: "&").contains { Self.isSecret($0) } ?? false
  }
}

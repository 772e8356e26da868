import Foundation

/// The settings of the environment and of the AWS CLI's files: credentials, region and endpoint.
struct S3Profile {
  /// The reason why a profile can't be used.
  struct Problem: Error { let words: String }

  let environment: [String: String]
  /// The keys of the profile, of both files; those of the credentials' file count first.
  private(set) var values: [String: String] = [:]
  /// The profile's name, where the definition or AWS_PROFILE gives one.
  private let chosen: String?
  /// Whether the definition names it: then the environment's keys do not count, as with `aws --profile`.
  private let isNamed: Bool

  /// Reads a profile from the AWS CLI's two files.
  ///
  /// - Parameter name: the definition's `profile`; nil to go by AWS_PROFILE.
  /// - Throws: ``Problem`` where there is no such profile.
  init(_ name: String?, _ environment: [String: String]) throws(Problem) {
    self.environment = environment
    func variable(_ name: String) -> String? { environment[name].flatMap { $0.isEmpty ? nil : $0 } }
    isNamed = name != nil
    chosen = name ?? variable("AWS_PROFILE")
    let profile = chosen ?? "default"
    let home = (variable("HOME") ?? NSHomeDirectory()) + "/.aws/"
    func path(_ name: String, _ file: String) -> String {
      let path = variable(name) ?? home + file
      return path.hasPrefix("~/") ? (variable("HOME") ?? NSHomeDirectory()) + path.dropFirst() : path
    }
    let places = [path("AWS_CONFIG_FILE", "config"), path("AWS_SHARED_CREDENTIALS_FILE", "credentials")]
    var isFound = false
    for (place, section) in zip(places, [profile == "default" ? "default" : "profile \(profile)", profile]) {
      guard let found = Self.section(section, of: place) else { continue }
      isFound = true
      values.merge(found) { $1 }
    }
    if chosen != nil, !isFound {
      throw Problem(words: "there is no profile “\(profile)” in \(places[1]) or \(places[0])")
    }
  }

  /// Makes settings of no profile.
  init(environment: [String: String]) {
    self.environment = environment
    (chosen, isNamed) = (nil, false)
  }

  /// Returns a section's keys; nil where the file has no such section. An indented line belongs to the key above it, and is passed over.
  private static func section(_ name: String, of path: String) -> [String: String]? {
    guard let data = FileManager.default.contents(atPath: path) else { return nil }
    var values: [String: String]?
    var isIn = false
    for line in String(decoding: data, as: UTF8.self).split(whereSeparator: \.isNewline) {
      if line.hasPrefix("#") || line.hasPrefix(";") || line.first?.isWhitespace == true { continue }
      if line.hasPrefix("[") {
        let title = line.dropFirst().prefix { $0 != "]" }.split(whereSeparator: \.isWhitespace).joined(separator: " ")
        isIn = title == name
        if isIn { values = values ?? [:] }
      } else if isIn, let equals = line.firstIndex(of: "=") {
        let key = line[..<equals].trimmingCharacters(in: .whitespaces).lowercased()
        let value = line[line.index(after: equals)...].trimmingCharacters(in: .whitespaces)
        if !value.isEmpty { values?[key] = value }
      }
    }
    return values
  }

  private func variable(_ names: String...) -> String? {
    names.lazy.compactMap { environment[$0] }.first { !$0.isEmpty }
  }

  /// Returns credentials, in the AWS CLI's order; nil where there are none, and requests are not signed.
  ///
  /// - Throws: ``Problem`` where some are there and can't be used.
  func credentials() throws(Problem) -> S3Credentials? {
    if !isNamed {
      let (key, secret) = (variable("AWS_ACCESS_KEY_ID"), variable("AWS_SECRET_ACCESS_KEY"))
      if let key, let secret {
        return S3Credentials(accessKey: key, secretKey: secret, sessionToken: variable("AWS_SESSION_TOKEN"), origin: "AWS_ACCESS_KEY_ID")
      }
      if key != nil || secret != nil {
        throw Problem(words: "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY belong together, and the environment has one of them only")
      }
    }
    let name = chosen ?? "default"
    let (key, secret) = (values["aws_access_key_id"], values["aws_secret_access_key"])
    if let key, let secret {
      return S3Credentials(
        accessKey: key, secretKey: secret, sessionToken: values["aws_session_token"], origin: "the profile “\(name)”")
    }
    if key != nil || secret != nil {
      throw Problem(words: "the profile “\(name)” has one of aws_access_key_id and aws_secret_access_key only")
    }
    if let other = ["credential_process", "role_arn", "sso_session", "sso_start_url", "web_identity_token_file"].first(where: {
      values[$0] != nil
    }) {
      throw Problem(
        words:
          "the profile “\(name)” gets its credentials by \(other), which sluice does not do; eval \"$(aws configure export-credentials --profile \(name) --format env)\" puts them into the environment"
      )
    }
    return nil
  }

  var region: String? { variable("AWS_REGION", "AWS_DEFAULT_REGION") ?? values["region"] }
  var endpoint: String? { variable("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL") ?? values["endpoint_url"] }
}

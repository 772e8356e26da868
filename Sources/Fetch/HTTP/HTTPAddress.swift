import Foundation

/// Brings an http or https address that a user typed into the form of RFC 3986 and IDNA.
public enum HTTPAddress {
  /// The reason why a text is no address. It quotes no user and no password.
  struct Problem: Error, Sendable, CustomStringConvertible {
    /// The reason, as the end of a sentence.
    let description: String
    init(_ description: String) { self.description = description }
  }

  /// Whether the text begins with `http://` or `https://`, in upper or lower case. The rest is not looked at.
  public static func isOne(_ text: String) -> Bool { scheme(text) != nil }

  private static func scheme(_ text: String) -> (name: String, rest: Substring)? {
    guard let end = text.range(of: "://") else { return nil }
    let name = text[..<end.lowerBound].lowercased()
    return name == "http" || name == "https" ? (name, text[end.upperBound...]) : nil
  }

  /// Returns the address in ASCII: characters that user, path and query can't hold are percent-encoded, and the host's name is put as IDNA
  /// does. Percent-encoded bytes stay as they are.
  static func normal(_ text: String) throws(Problem) -> String {
    guard let (scheme, rest) = scheme(text) else { throw Problem("it begins with neither http:// nor https://") }
    if let control = text.unicodeScalars.first(where: { $0.value < 0x20 || $0.value == 0x7F }) {
      throw Problem("it holds a control character (\(String(format: "0x%02x", control.value)))")
    }
    let authority = rest.prefix { !"/?#".contains($0) }
    let tail = rest[authority.endIndex...]
    let at = authority.lastIndex(of: "@")
    let user = at.map { encoded(authority[..<$0], "@") + "@" } ?? ""
    let place = at.map { authority[authority.index(after: $0)...] } ?? authority
    return "\(scheme)://\(user)\(try host(place))\(encoded(tail))"
  }

  /// Returns scheme, host and port, which must be the same for headers and passwords to be sent; empty where the text is no address.
  package static func origin(_ text: String) -> String {
    guard let address = try? normal(text), let parts = URLComponents(string: address) else { return "" }
    return origin(parts)
  }

  static func origin(_ address: URLComponents?) -> String {
    let scheme = address?.scheme?.lowercased() ?? ""
    return "\(scheme)://\(address?.host?.lowercased() ?? ""):\(address?.port ?? (scheme == "https" ? 443 : 80))"
  }

  /// A host's name, with its port.
  private static func host(_ place: Substring) throws(Problem) -> String {
    var name = place
    var port: Substring?
    let isNumeric = place.hasPrefix("[")
    let end = isNumeric ? place.lastIndex(of: "]") : place.startIndex
    if let end, let colon = place[end...].lastIndex(of: ":") {
      name = place[..<colon]
      port = place[place.index(after: colon)...]
    }
    if let port, !port.isEmpty, Int(port).map({ (1...65_535).contains($0) }) != true || !port.allSatisfy(\.isNumber) {
      throw Problem("the port is no number from 1 to 65535; in a user's name or password / ? # @ : are written %2F %3F %23 %40 %3A")
    }
    let shownPort = port.map { ":\($0)" } ?? ""
    if name.isEmpty { throw Problem("it has no host") }
    if isNumeric {
      guard name.hasSuffix("]"), name.dropFirst().dropLast().allSatisfy({ $0.isHexDigit || ":.%".contains($0) || $0.isLetter }) else {
        throw Problem("what stands in [ ] is no IPv6 address")
      }
      return name + shownPort
    }
    if name.utf8.allSatisfy({ $0 < 0x80 }) {
      if let wrong = name.first(where: { !($0.isLetter || $0.isNumber || "-._~%".contains($0)) }) {
        throw Problem("“\(wrong)” can't be in a host's name")
      }
      return name + shownPort
    }
    var components = URLComponents()
    components.host = String(name)
    guard let ascii = components.encodedHost, !ascii.contains("%"), !ascii.isEmpty else {
      throw Problem("the host's name is none that IDNA allows")
    }
    return ascii + shownPort
  }

  /// Percent-encodes blanks, quotes, bytes above ASCII, and a % that begins no escape.
  private static func encoded(_ text: Substring, _ more: String = "") -> String {
    let bytes = Array(text.utf8)
    let refused = Set("\"<>\\^`{|} \(more)".utf8)
    var out = ""
    for (i, byte) in bytes.enumerated() {
      let isEscape = i + 2 < bytes.count && isHex(bytes[i + 1]) && isHex(bytes[i + 2])
      if byte >= 0x80 || refused.contains(byte) || byte == UInt8(ascii: "%") && !isEscape {
        out += String(format: "%%%02X", byte)
      } else {
        out.unicodeScalars.append(Unicode.Scalar(byte))
      }
    }
    return out
  }

  private static func isHex(_ byte: UInt8) -> Bool { Character(Unicode.Scalar(byte)).isHexDigit }
}

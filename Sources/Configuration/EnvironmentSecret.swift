/// Decides which values of the environment that a definition names are secrets.
///
/// Any of them may be a password, so all are secrets, except dates: those stand in names of files and addresses, and `orders-${DAY}.csv` is
/// to be another item each day.
package enum EnvironmentSecret {
  /// Returns the value as a secret; nil where it is a date, and its variable does not sound like a password.
  ///
  /// - Parameter name: the spelling that is shown in the value's place: `${NAME}`.
  package static func of(_ variable: String, _ value: String, shownAs name: String) -> SourcePattern.Secret? {
    isDate(value) && !Redactor.isSecretName(variable) ? nil : SourcePattern.Secret(name: name, value: value)
  }

  /// Whether a text is a year, month, day or moment as names of files have them, such as `2026-11`, `20261127` or `2026/11/27T06:00Z`.
  private static func isDate(_ text: String) -> Bool {
    let digits = text.utf8.filter { (0x30...0x39).contains($0) }.map { Int($0) - 0x30 }
    guard [4, 6, 8, 10, 12, 14].contains(digits.count), text.utf8.count <= digits.count + 6,
      text.utf8.allSatisfy({ (0x30...0x39).contains($0) || "-/_.:TZ ".utf8.contains($0) }),
      text.utf8.first.map({ (0x30...0x39).contains($0) }) == true
    else { return false }
    func number(_ place: Int) -> Int? { place < digits.count ? digits[place] * 10 + digits[place + 1] : nil }
    let bounds: [(place: Int, range: ClosedRange<Int>)] = [(0, 19...21), (4, 1...12), (6, 1...31), (8, 0...24), (10, 0...59), (12, 0...60)]
    return bounds.allSatisfy { bound in number(bound.place).map(bound.range.contains) ?? true }
  }
}

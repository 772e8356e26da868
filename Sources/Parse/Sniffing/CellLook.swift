import Records

/// The look of a cell, which tells whether the text around it was cut in the right places.
enum CellLook {
  /// From 0 to 1: how much a cell looks like a value by itself.
  ///
  /// - Parameter delimiter: the first byte of what the cells were cut by.
  static func weight(_ cell: CSVScanner.Cell, _ p: UnsafePointer<UInt8>, delimiter: UInt8) -> Double {
    if cell.quoted { return 1 }
    let count = cell.end - cell.start
    if count == 0 { return 0.85 }
    let start = p + cell.start
    if isMeasure(start, count) { return 1 }
    let (first, last) = (start[0], start[count - 1])
    if first == 0x22 || last == 0x22 { return 0.3 }
    if first == 0x27 || last == 0x27 { return 0.5 }
    if first == 0x20 || last == 0x20 { return 0.7 }
    for i in 0..<count where start[i] != delimiter && isUsualDelimiter(start[i]) { return 0.55 }
    for i in 1..<max(count, 1) where start[i] == 0x20 && start[i - 1] == 0x20 { return 0.5 }
    return 0.9
  }

  static func isUsualDelimiter(_ byte: UInt8) -> Bool { byte == 0x2C || byte == 0x09 || byte == 0x3B || byte == 0x7C }

  /// Whether the bytes are a number, an amount, a share, a date or a time, in the spelling of any country.
  static func isMeasure(_ p: UnsafePointer<UInt8>, _ n: Int) -> Bool {
    guard n > 0, n <= 40 else { return false }
    var digits = 0
    var commas = 0
    var i = 0
    while i < n {
      switch p[i] {
      case 0x30...0x39: digits += 1
      case 0x2C:
        commas += 1
        // A second comma parts groups of three digits.
        if commas > 1, !(i + 3 < n && (1...3).allSatisfy { p[i + $0] &- 0x30 <= 9 }) { return false }
      case 0x2B, 0x2D, 0x2E, 0x2F, 0x3A, 0x25, 0x24: break
      case 0x45, 0x65, 0x54, 0x5A: if digits == 0 { return false }
      // A blank stands between a date and a time, or before a sign; two part values.
      case 0x20: if digits == 0 || i + 1 == n || p[i + 1] == 0x20 { return false }
      default: return false
      }
      i += 1
    }
    return digits > 0 && p[0] != 0x2C && p[n - 1] != 0x2C
  }
}

/// A cell of a sample of delimited values.
public struct SampleCell: Sendable, Equatable {
  /// The text without quotes and escapes.
  public var text: String
  /// Whether quotes stood around the cell.
  public var isQuoted: Bool
}

/// The form that all texts of a column have, as codes and names from a list have one.
struct TextForm: Equatable {
  var length: Int
  var kind: Kind
  enum Kind { case upper, lower, digits, other }

  init(_ text: String) {
    length = text.utf8.count
    if text.utf8.allSatisfy({ (0x41...0x5A).contains($0) }) {
      kind = .upper
    } else if text.utf8.allSatisfy({ (0x61...0x7A).contains($0) }) {
      kind = .lower
    } else if text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) {
      kind = .digits
    } else {
      kind = .other
    }
  }
}

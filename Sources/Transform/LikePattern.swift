/// SQL's LIKE: `%` is any run of characters, `_` any one character, and the escape makes the next one literal.
struct LikePattern: Sendable {
  private enum Piece: Sendable, Equatable {
    case anyRun, anyOne
    case byte(UInt8)
  }
  private let pieces: [Piece]
  private let ignoringCase: Bool

  init(_ pattern: [UInt8], escape: UInt8?, ignoringCase: Bool) {
    var pieces: [Piece] = []
    var i = 0
    while i < pattern.count {
      if pattern[i] == escape, i + 1 < pattern.count {
        i += 1
        pieces.append(.byte(pattern[i]))
      } else if pattern[i] == 0x25 {
        if pieces.last != .anyRun { pieces.append(.anyRun) }
      } else if pattern[i] == 0x5F {
        pieces.append(.anyOne)
      } else {
        pieces.append(.byte(ignoringCase ? Self.lower(pattern[i]) : pattern[i]))
      }
      i += 1
    }
    self.pieces = pieces
    self.ignoringCase = ignoringCase
  }

  private static func lower(_ c: UInt8) -> UInt8 { c >= 0x41 && c <= 0x5A ? c | 0x20 : c }

  /// Matches with one point to go back to, so the time is at most the product of the lengths.
  func matches(_ text: UnsafeBufferPointer<UInt8>) -> Bool {
    var i = 0, k = 0
    var backPiece = -1, backText = 0
    while i < text.count {
      if k < pieces.count, pieces[k] == .anyRun {
        backPiece = k
        backText = i
        k += 1
      } else if k < pieces.count, let step = step(pieces[k], text, i) {
        i += step
        k += 1
      } else if backPiece >= 0 {
        backText += 1
        i = backText
        k = backPiece + 1
      } else {
        return false
      }
    }
    while k < pieces.count, pieces[k] == .anyRun { k += 1 }
    return k == pieces.count
  }

  /// How many bytes a piece takes at `i`, or nil.
  private func step(_ piece: Piece, _ text: UnsafeBufferPointer<UInt8>, _ i: Int) -> Int? {
    switch piece {
    case .byte(let byte): return (ignoringCase ? Self.lower(text[i]) : text[i]) == byte ? 1 : nil
    case .anyRun: return nil
    case .anyOne:
      var length = 1
      while i + length < text.count, text[i + length] & 0xC0 == 0x80 { length += 1 }
      return length
    }
  }
}

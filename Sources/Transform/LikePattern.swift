import Configuration

/// SQL's LIKE: `%` is any run of characters, `_` any one character, and the escape makes the next one literal.
struct LikePattern: Sendable {
  private enum Piece: Sendable, Equatable {
    case anyRun, anyOne
    case byte(UInt8)
    /// A character whatever its case, as ``Scalars/folded(_:)`` gives it.
    case folded(Unicode.Scalar)
  }
  private let pieces: [Piece]

  init(_ pattern: [UInt8], escape: UInt8?, ignoringCase: Bool) {
    var pieces: [Piece] = []
    pattern.withUnsafeBufferPointer { pattern in
      var i = 0
      while i < pattern.count {
        let isLiteral = pattern[i] == escape && i + 1 < pattern.count
        if isLiteral { i += 1 }
        if !isLiteral, pattern[i] == 0x25 {
          if pieces.last != .anyRun { pieces.append(.anyRun) }
          i += 1
        } else if !isLiteral, pattern[i] == 0x5F {
          pieces.append(.anyOne)
          i += 1
        } else if ignoringCase {
          let (scalar, length) = Scalars.at(i, pattern)
          pieces.append(.folded(Scalars.folded(scalar)))
          i += length
        } else {
          pieces.append(.byte(pattern[i]))
          i += 1
        }
      }
    }
    self.pieces = pieces
  }

  /// Matches with one point to go back to, so the time is at most the product of the lengths.
  func matches(_ text: UnsafeBufferPointer<UInt8>) -> Bool {
    var i = 0, k = 0
    var backPiece = -1, backText = 0
    while i < text.count {
      if k < pieces.count, case .anyRun = pieces[k] {
        backPiece = k
        backText = i
        k += 1
      } else if k < pieces.count, let step = step(pieces[k], text, i) {
        i += step
        k += 1
      } else if backPiece >= 0 {
        backText += 1
        while backText < text.count, text[backText] & 0xC0 == 0x80 { backText += 1 }
        i = backText
        k = backPiece + 1
      } else {
        return false
      }
    }
    while k < pieces.count, case .anyRun = pieces[k] { k += 1 }
    return k == pieces.count
  }

  /// How many bytes a piece takes at `i`, or nil.
  @inline(__always)
  private func step(_ piece: Piece, _ text: UnsafeBufferPointer<UInt8>, _ i: Int) -> Int? {
    switch piece {
    case .byte(let byte): return text[i] == byte ? 1 : nil
    case .folded(let wanted):
      let (scalar, length) = Scalars.at(i, text)
      return Scalars.folded(scalar) == wanted ? length : nil
    case .anyRun: return nil
    case .anyOne: return Scalars.at(i, text).length
    }
  }
}

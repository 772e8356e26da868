/// A word, number, text or sign of an expression, and its place.
struct Token {
  enum Kind: Equatable {
    case number, string, word, quotedName, symbol, end
  }
  var kind: Kind
  var text: String
  var offset: Int
  var length: Int

  func isWord(_ word: String) -> Bool { kind == .word && text.uppercased() == word }
  func isSymbol(_ symbol: String) -> Bool { kind == .symbol && text == symbol }
}

/// Cuts SQL into tokens.
struct Lexer {
  private let bytes: [UInt8]
  private var at = 0

  init(_ text: String) { bytes = Array(text.utf8) }

  static func tokens(_ text: String) throws(ExpressionError) -> [Token] {
    var lexer = Lexer(text)
    var tokens: [Token] = []
    while true {
      let token = try lexer.next()
      tokens.append(token)
      if token.kind == .end { return tokens }
    }
  }

  private mutating func next() throws(ExpressionError) -> Token {
    while at < bytes.count, [0x20, 0x09, 0x0A, 0x0D].contains(bytes[at]) { at += 1 }
    guard at < bytes.count else { return Token(kind: .end, text: "", offset: bytes.count, length: 1) }
    let start = at
    let c = bytes[at]
    if c == 0x27 { return try quoted(0x27, .string) }
    if c == 0x22 { return try quoted(0x22, .quotedName) }
    if isDigit(c) || (c == 0x2E && at + 1 < bytes.count && isDigit(bytes[at + 1])) { return try number() }
    if isLetter(c) {
      while at < bytes.count, isLetter(bytes[at]) || isDigit(bytes[at]) { at += 1 }
      return token(.word, from: start)
    }
    for symbol in ["!~*", "->>", "->", "<=", ">=", "<>", "!=", "||", "::", "!~", "~*"] where bytes[at...].starts(with: symbol.utf8) {
      at += symbol.utf8.count
      return token(.symbol, from: start)
    }
    for (symbol, word) in [("==", "="), ("&&", "AND")] where bytes[at...].starts(with: symbol.utf8) {
      throw ExpressionError("“\(symbol)” has no meaning here; did you mean \(word)?", at: start, length: 2)
    }
    guard "+-*/%()<>=,~".utf8.contains(c) else {
      throw ExpressionError("“\(Unicode.Scalar(c))” has no meaning here", at: start)
    }
    at += 1
    return token(.symbol, from: start)
  }

  private func isDigit(_ c: UInt8) -> Bool { c >= 0x30 && c <= 0x39 }
  private func isLetter(_ c: UInt8) -> Bool { (c | 0x20) >= 0x61 && (c | 0x20) <= 0x7A || c == 0x5F || c >= 0x80 }

  private func token(_ kind: Token.Kind, from start: Int) -> Token {
    Token(kind: kind, text: String(decoding: bytes[start..<at], as: UTF8.self), offset: start, length: at - start)
  }

  private mutating func number() throws(ExpressionError) -> Token {
    let start = at
    while at < bytes.count, isDigit(bytes[at]) || bytes[at] == 0x2E { at += 1 }
    if at < bytes.count, bytes[at] | 0x20 == 0x65 {
      at += 1
      if at < bytes.count, bytes[at] == 0x2B || bytes[at] == 0x2D { at += 1 }
      while at < bytes.count, isDigit(bytes[at]) { at += 1 }
    }
    if at < bytes.count, isLetter(bytes[at]) { throw ExpressionError("a number ends in a letter", at: at) }
    return token(.number, from: start)
  }

  private mutating func quoted(_ quote: UInt8, _ kind: Token.Kind) throws(ExpressionError) -> Token {
    let start = at
    var content: [UInt8] = []
    at += 1
    while at < bytes.count {
      if bytes[at] == quote {
        guard at + 1 < bytes.count, bytes[at + 1] == quote else {
          at += 1
          return Token(kind: kind, text: String(decoding: content, as: UTF8.self), offset: start, length: at - start)
        }
        at += 1
      }
      content.append(bytes[at])
      at += 1
    }
    throw ExpressionError("the quote is not closed", at: start)
  }
}

import Configuration

/// An error in an expression, and its place in the text.
struct ExpressionError: Error, Sendable {
  /// The error as a sentence for the user.
  var message: String
  /// The position of the error in the expression's UTF-8, from 0.
  var offset: Int
  /// The length of the marked part, in bytes.
  var length: Int
  /// Whether the expression is right, and no record ever comes to it.
  var isUnreachable = false

  init(_ message: String, at offset: Int, length: Int = 1) {
    self.message = message
    self.offset = offset
    self.length = length
  }
}

/// An expression as written.
indirect enum Syntax {
  case number(String, Place)
  case string(String, Place)
  case boolean(Bool, Place)
  case null(Place)
  case field(String, Place)
  case unary(String, Syntax, Place)
  case binary(String, Syntax, Syntax, Place)
  case call(String, [Syntax], Place)
  case cast(Syntax, String, isTry: Bool, Place)
  case conditional([(Syntax, Syntax)], otherwise: Syntax?, Place)
  case list(Syntax, [Syntax], negated: Bool, Place)
  case like(Syntax, Syntax, escape: Syntax?, negated: Bool, ignoringCase: Bool, Place)
  case isNull(Syntax, negated: Bool, Place)
  /// A span of time, which is no value of its own: it is added to a time.
  case interval(months: Syntax, days: Syntax, microseconds: Syntax, Place)

  struct Place: Sendable {
    var offset: Int
    var length: Int
    /// How many levels the tree has from here down. A walk takes stack for each.
    var height = 1
    /// How many nodes the tree has from here down. A node that stands in it twice counts twice, as it is computed twice.
    var weight = 1
  }

  /// How deep parentheses, function calls and CASEs may nest. The parser takes more stack for each level than a walk over the tree.
  static let greatestNesting = 200
  /// How many levels an expression may have.
  static let greatestHeight = 500
  /// How many nodes an expression may have.
  static let greatestWeight = 100_000

  var place: Place {
    switch self {
    case .number(_, let p), .string(_, let p), .boolean(_, let p), .null(let p), .field(_, let p), .unary(_, _, let p),
      .binary(_, _, _, let p), .call(_, _, let p), .cast(_, _, _, let p), .conditional(_, _, let p),
      .list(_, _, _, let p), .like(_, _, _, _, _, let p), .isNull(_, _, let p), .interval(_, _, _, let p):
      p
    }
  }
}

/// Reads SQL scalar expressions by precedence climbing.
///
/// From loose to tight: OR; AND; NOT; IS, IN, BETWEEN, LIKE, comparisons; ||; + -; * / %; unary minus; AT TIME ZONE; -> ->>; ::.
struct ExpressionParser {
  private let tokens: [Token]
  private var at = 0
  /// How many expressions are open around the one that is read now.
  private var depth = 0

  static func parse(_ text: String) throws(ExpressionError) -> Syntax {
    var parser = ExpressionParser(tokens: try Lexer.tokens(text))
    let syntax = try parser.or()
    guard parser.current.kind == .end else {
      throw ExpressionError("“\(parser.current.text)” is not expected here", at: parser.current.offset, length: parser.current.length)
    }
    return syntax
  }

  private init(tokens: [Token]) { self.tokens = tokens }

  /// The last is the end, which is never passed.
  var current: Token { tokens[min(at, tokens.count - 1)] }
  var following: Token { tokens[min(at + 1, tokens.count - 1)] }
  private var place: Syntax.Place { .init(offset: current.offset, length: current.length) }

  mutating func take() -> Token {
    defer { if at < tokens.count - 1 { at += 1 } }
    return current
  }

  private mutating func take(word: String) -> Bool {
    guard current.isWord(word) else { return false }
    at += 1
    return true
  }

  private mutating func take(symbol: String) -> Bool {
    guard current.isSymbol(symbol) else { return false }
    at += 1
    return true
  }

  private mutating func expect(_ text: String) throws(ExpressionError) {
    guard take(word: text) || take(symbol: text) else {
      let found = current.kind == .end ? "the end" : "“\(current.text)”"
      throw ExpressionError("expected \(text), found \(found)", at: current.offset, length: current.length)
    }
  }

  // MARK: Bounds

  private func tooDeep(_ place: Syntax.Place, _ most: Int) -> ExpressionError {
    ExpressionError(
      "the expression is nested more than \(most) levels deep here; derive parts of it as fields of their own", at: place.offset,
      length: place.length)
  }

  private mutating func descend() throws(ExpressionError) {
    depth += 1
    if depth > Syntax.greatestNesting { throw tooDeep(place, Syntax.greatestNesting) }
  }

  /// The place of a node above others.
  func above(_ place: Syntax.Place, _ nodes: Syntax...) throws(ExpressionError) -> Syntax.Place { try above(place, nodes) }

  private func above(_ place: Syntax.Place, _ nodes: [Syntax]) throws(ExpressionError) -> Syntax.Place {
    var place = place
    for node in nodes {
      place.height = max(place.height, node.place.height + 1)
      place.weight += node.place.weight
    }
    if place.height > Syntax.greatestHeight { throw tooDeep(place, Syntax.greatestHeight) }
    if place.weight > Syntax.greatestWeight {
      throw ExpressionError(
        "the expression has more than \(Syntax.greatestWeight) parts here; derive parts of it as fields of their own", at: place.offset,
        length: place.length)
    }
    return place
  }

  // MARK: Operators

  /// Operands joined by what does not mind how they are grouped: a long chain is no deep tree.
  private mutating func chain(
    _ symbol: String, _ operand: (inout ExpressionParser) throws(ExpressionError) -> Syntax
  ) throws(ExpressionError) -> Syntax {
    var operands = [try operand(&self)]
    var places: [Syntax.Place] = []
    while current.isWord(symbol) || current.isSymbol(symbol) {
      places.append(place)
      at += 1
      operands.append(try operand(&self))
    }
    return try joined(symbol, operands[...], places[...])
  }

  private func joined(
    _ symbol: String, _ operands: ArraySlice<Syntax>, _ places: ArraySlice<Syntax.Place>
  ) throws(ExpressionError) -> Syntax {
    guard operands.count > 1 else { return operands[operands.startIndex] }
    let middle = operands.startIndex + (operands.count + 1) / 2
    let place = places.startIndex + (operands.count + 1) / 2 - 1
    let left = try joined(symbol, operands[..<middle], places[..<place])
    let right = try joined(symbol, operands[middle...], places[(place + 1)...])
    return .binary(symbol, left, right, try above(places[place], left, right))
  }

  private mutating func or() throws(ExpressionError) -> Syntax {
    try descend()
    defer { depth -= 1 }
    return try chain("OR") { (p) throws(ExpressionError) in try p.and() }
  }

  private mutating func and() throws(ExpressionError) -> Syntax {
    try chain("AND") { (p) throws(ExpressionError) in try p.not() }
  }

  private mutating func not() throws(ExpressionError) -> Syntax {
    let place = place
    guard take(word: "NOT") else { return try predicate() }
    try descend()
    defer { depth -= 1 }
    return try negation(try not(), place)
  }

  private func negation(_ operand: Syntax, _ place: Syntax.Place) throws(ExpressionError) -> Syntax {
    .unary("NOT", operand, try above(place, operand))
  }

  func binary(_ symbol: String, _ a: Syntax, _ b: Syntax, _ place: Syntax.Place) throws(ExpressionError) -> Syntax {
    .binary(symbol, a, b, try above(place, a, b))
  }

  private func call(_ name: String, _ arguments: [Syntax], _ place: Syntax.Place) throws(ExpressionError) -> Syntax {
    // The result of nullif may be its first value, which is computed twice then: to compare, and as the result.
    .call(name, arguments, try above(place, name == "nullif" ? arguments + arguments.prefix(1) : arguments))
  }

  private mutating func predicate() throws(ExpressionError) -> Syntax {
    var left = try concatenation()
    while true {
      let place = place
      if take(word: "IS") {
        let negated = take(word: "NOT")
        if take(word: "NULL") {
          left = .isNull(left, negated: negated, try above(place, left))
        } else if take(word: "TRUE") || take(word: "FALSE") {
          let wanted = tokens[at - 1].isWord("TRUE")
          let same = try call("coalesce", [try binary("=", left, .boolean(wanted, place), place), .boolean(false, place)], place)
          left = negated ? try negation(same, place) : same
        } else if take(word: "DISTINCT") {
          try expect("FROM")
          let same = try call("is_same", [left, try concatenation()], place)
          left = negated ? same : try negation(same, place)
        } else {
          throw ExpressionError("expected NULL, TRUE, FALSE or DISTINCT FROM", at: current.offset, length: current.length)
        }
        continue
      }
      let next = tokens[min(at + 1, tokens.count - 1)]
      let negated = current.isWord("NOT") && ["IN", "BETWEEN", "LIKE", "ILIKE"].contains(next.text.uppercased())
      if negated { at += 1 }
      if take(word: "IN") {
        let list = try parenthesised()
        left = .list(left, list, negated: negated, try above(place, [left] + list))
      } else if take(word: "BETWEEN") {
        let low = try concatenation()
        try expect("AND")
        let high = try concatenation()
        let both = try binary("AND", try binary(">=", left, low, place), try binary("<=", left, high, place), place)
        left = negated ? try negation(both, place) : both
      } else if current.isWord("LIKE") || current.isWord("ILIKE") {
        let ignoringCase = current.isWord("ILIKE")
        at += 1
        let pattern = try concatenation()
        let escape = take(word: "ESCAPE") ? try concatenation() : nil
        left = .like(left, pattern, escape: escape, negated: negated, ignoringCase: ignoringCase, try above(place, left, pattern))
      } else if ["=", "<>", "!=", "<", ">", "<=", ">="].contains(current.text), current.kind == .symbol {
        let symbol = current.text == "!=" ? "<>" : current.text
        at += 1
        left = try binary(symbol, left, try concatenation(), place)
      } else if ["~", "~*", "!~", "!~*"].contains(current.text), current.kind == .symbol {
        let symbol = current.text
        at += 1
        let flags = symbol.hasSuffix("*") ? "i" : ""
        let match = try call("regexp_like", [left, try concatenation(), .string(flags, place)], place)
        left = symbol.hasPrefix("!") ? try negation(match, place) : match
      } else {
        return left
      }
    }
  }

  private mutating func binary(
    _ symbols: [String], _ operand: (inout ExpressionParser) throws(ExpressionError) -> Syntax
  ) throws(ExpressionError) -> Syntax {
    var left = try operand(&self)
    while current.kind == .symbol, symbols.contains(current.text) {
      let place = place
      let symbol = current.text
      at += 1
      left = try binary(symbol, left, try operand(&self), place)
    }
    return left
  }

  private mutating func concatenation() throws(ExpressionError) -> Syntax {
    try chain("||") { (p) throws(ExpressionError) in try p.sum() }
  }
  private mutating func sum() throws(ExpressionError) -> Syntax {
    try binary(["+", "-"]) { (p) throws(ExpressionError) in try p.product() }
  }
  private mutating func product() throws(ExpressionError) -> Syntax {
    try binary(["*", "/", "%"]) { (p) throws(ExpressionError) in try p.unary() }
  }

  private mutating func unary() throws(ExpressionError) -> Syntax {
    let place = place
    if take(symbol: "-") {
      if current.kind == .number {
        at += 1
        return try postfix(try casts(.number("-" + tokens[at - 1].text, place)))
      }
      try descend()
      defer { depth -= 1 }
      let operand = try unary()
      return .unary("-", operand, try above(place, operand))
    }
    if take(symbol: "+") {
      try descend()
      defer { depth -= 1 }
      return try unary()
    }
    return try postfix(try casts(try primary()))
  }

  /// JSON's arrows, and AT TIME ZONE.
  private mutating func postfix(_ operand: Syntax) throws(ExpressionError) -> Syntax {
    var operand = operand
    while true {
      let place = place
      if take(symbol: "->") {
        operand = try call("json_extract", [operand, try step()], place)
      } else if take(symbol: "->>") {
        operand = try call("json_extract_text", [operand, try step()], place)
      } else if current.isWord("AT"), following.isWord("TIME") {
        at += 2
        try expect("ZONE")
        operand = try call("at_time_zone", [operand, try casts(try primary())], place)
      } else {
        return operand
      }
    }
  }

  /// The value behind an arrow; an element's number may be negative.
  private mutating func step() throws(ExpressionError) -> Syntax {
    let place = place
    if current.isSymbol("-"), following.kind == .number {
      at += 2
      return try casts(.number("-" + tokens[at - 1].text, place))
    }
    return try casts(try primary())
  }

  private mutating func casts(_ operand: Syntax) throws(ExpressionError) -> Syntax {
    var operand = operand
    while current.isSymbol("::") {
      at += 1
      let typePlace = place
      operand = .cast(operand, typeName(), isTry: false, try above(typePlace, operand))
    }
    return operand
  }

  /// Takes the name of a type, with a decimal's digits.
  private mutating func typeName() -> String {
    var name = current.text
    if current.kind != .end { at += 1 }
    let digits = tokens[at...].prefix(5)
    guard digits.first?.isSymbol("(") == true, let end = digits.firstIndex(where: { $0.isSymbol(")") }) else { return name }
    for token in tokens[at...end] { name += token.text }
    at = end + 1
    return name
  }

  mutating func parenthesised() throws(ExpressionError) -> [Syntax] {
    try expect("(")
    if take(symbol: ")") { return [] }
    var list = [try or()]
    while take(symbol: ",") { list.append(try or()) }
    try expect(")")
    return list
  }

  private mutating func primary() throws(ExpressionError) -> Syntax {
    let token = current
    let place = place
    if token.kind != .end { at += 1 }
    switch token.kind {
    case .number: return .number(token.text, place)
    case .string: return .string(token.text, place)
    case .quotedName: return .field(token.text, place)
    case .symbol where token.text == "(":
      let inner = try or()
      try expect(")")
      return inner
    case .word: return try word(token, place)
    default:
      let found = token.kind == .end ? "the expression ends" : "“\(token.text)” stands"
      throw ExpressionError("\(found) where a value is expected", at: token.offset, length: token.length)
    }
  }

  private mutating func word(_ token: Token, _ place: Syntax.Place) throws(ExpressionError) -> Syntax {
    switch token.text.uppercased() {
    case "TRUE": return .boolean(true, place)
    case "FALSE": return .boolean(false, place)
    case "NULL": return .null(place)
    case "CASE": return try conditional(place)
    case "DATE", "TIMESTAMP", "TIME":
      guard current.kind == .string else { break }
      at += 1
      return .cast(
        .string(tokens[at - 1].text, .init(offset: tokens[at - 1].offset, length: tokens[at - 1].length)), token.text, isTry: false, place)
    case "INTERVAL":
      if let interval = try interval(place) { return interval }
    case "CAST", "TRY_CAST":
      guard current.isSymbol("(") else { break }
      at += 1
      let operand = try or()
      try expect("AS")
      let typePlace = self.place
      let type = typeName()
      if take(word: "PRECISION") {}
      try expect(")")
      return .cast(operand, type, isTry: token.text.uppercased() == "TRY_CAST", try above(typePlace, operand))
    case "EXTRACT":
      guard current.isSymbol("(") else { break }
      at += 1
      let part = current.text
      let partPlace = self.place
      at += 1
      try expect("FROM")
      let operand = try or()
      try expect(")")
      return try call("date_part", [.string(part, partPlace), operand], place)
    default: break
    }
    if current.isSymbol("(") { return try call(token.text.lowercased(), try parenthesised(), place) }
    guard !Self.reserved.contains(token.text.uppercased()) else {
      throw ExpressionError(
        "“\(token.text)” stands where a value is expected; a field of that name is written \"\(token.text)\", with the quotes",
        at: token.offset,
        length: token.length)
    }
    return .field(token.text, place)
  }

  /// Words that are no field's name unless they are quoted.
  private static let reserved: Set = [
    "AND", "OR", "NOT", "IS", "IN", "BETWEEN", "LIKE", "ILIKE", "ESCAPE", "WHEN", "THEN", "ELSE", "END", "AS", "FROM",
  ]

  private mutating func conditional(_ place: Syntax.Place) throws(ExpressionError) -> Syntax {
    let subject = current.isWord("WHEN") ? nil : try or()
    var branches: [(Syntax, Syntax)] = []
    while take(word: "WHEN") {
      let condition = try or()
      try expect("THEN")
      let value = try or()
      if let subject { branches.append((try binary("=", subject, condition, place), value)) } else { branches.append((condition, value)) }
    }
    guard !branches.isEmpty else {
      throw ExpressionError("CASE needs a WHEN", at: place.offset, length: place.length)
    }
    let otherwise = take(word: "ELSE") ? try or() : nil
    try expect("END")
    let parts = branches.flatMap { [$0.0, $0.1] } + (otherwise.map { [$0] } ?? [])
    return .conditional(branches, otherwise: otherwise, try above(place, parts))
  }
}

import Records

/// Decimals among the operands of an expression.
extension Checker {
  /// A number as a decimal: literals with all their digits, and bigints. Nil for a double, which has no exact digits.
  func exact(_ node: Node) -> Node? {
    if case .literal(.integer(let value), _) = node {
      let number = ExactNumber(Int128(value), scale: 0)
      return .literal(.decimal(number.value), number.type)
    }
    if case .literal(.double(_, let number?), _) = node { return .literal(.decimal(number.value), number.type) }
    switch node.type {
    case .decimal?: return node
    case .bigint?: return .cast(node, .decimal(precision: 19, scale: 0), isTry: false)
    default: return nil
    }
  }

  /// Both nodes as decimals, where one of them is a decimal and the other a number that can be one; nil for others.
  func decimals(_ a: Node, _ b: Node) -> (Node, Node)? {
    func isDecimal(_ node: Node) -> Bool { if case .decimal? = node.type { true } else { false } }
    guard isDecimal(a) || isDecimal(b) else { return nil }
    guard let x = a.type == nil ? .literal(.null, b.type) : exact(a), let y = b.type == nil ? .literal(.null, a.type) : exact(b) else {
      return nil
    }
    return (x, y)
  }

  func exactArithmetic(_ symbol: String, _ a: Node, _ b: Node, _ place: Syntax.Place) throws(ExpressionError) -> Node? {
    guard let (x, y) = decimals(a, b), case (.decimal(let p, let s)?, .decimal(let q, let t)?) = (x.type, y.type) else {
      let doubles = [a, b].count { $0.type == .double }
      guard doubles == 1, [a, b].contains(where: { if case .decimal? = $0.type { true } else { false } }) else { return nil }
      throw fail(
        "“\(symbol)” of a \(name(a)) and a \(name(b)) would not be exact; CAST the double to a decimal, or the decimal to double", place)
    }
    // Nothing is known of the digits.
    if a.isUnknown || b.isUnknown { return .unknown }
    let operation = Self.operation(symbol)
    guard let type = DecimalArithmetic.type(operation, (p, s), (q, t)) else {
      throw fail(
        "“\(symbol)” of a \(name(x)) and a \(name(y)) would have more than \(DecimalArithmetic.most) digits behind the point; CAST one of them to fewer",
        place)
    }
    return .arithmetic(operation, x, y, type)
  }

  static func operation(_ symbol: String) -> Node.Arithmetic {
    switch symbol {
    case "+": .add
    case "-": .subtract
    case "*": .multiply
    case "/": .divide
    default: .remainder
    }
  }

  /// A call of a function of numbers for a decimal; nil where the first argument is none, or there are not as many as the function takes.
  func decimalCall(_ name: String, _ nodes: [Node], _ place: Syntax.Place) throws(ExpressionError) -> Node? {
    if name == "mod", nodes.count == 2 { return try exactArithmetic("%", nodes[0], nodes[1], place) }
    guard Functions.ofDecimals.contains(name), nodes.count == 1 || (name == "round" && nodes.count == 2),
      case .decimal(let precision, let scale)? = nodes[0].type
    else { return nil }
    guard nodes.count == 2 else { return Functions.ofDecimal(name, nodes[0], precision: precision, scale: scale, digits: nil) }
    if nodes[1].isUnknown { return .unknown }
    guard nodes[1].type == .bigint || nodes[1].type == nil else {
      throw fail("round takes a number and a bigint: how many digits behind the point stay", place)
    }
    return Functions.ofDecimal(name, nodes[0], precision: precision, scale: scale, digits: convert(nodes[1], to: .bigint))
  }
}

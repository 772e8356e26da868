import Configuration
import Records

/// An expression that is parsed and checked. It is evaluated over whole columns, and can fail for single records only.
struct Expression: Sendable {
  let node: Node
  /// The type of the values; text for the literal NULL and where the type is not known.
  let type: ValueType
  /// The positions, in the schema, of the columns that it reads.
  let columns: Set<Int>
  /// Whether its type depends on fields of unknown type. Then it can be checked and not evaluated.
  var isUnknown: Bool { node.isUnknown }
  private let readsUnknown: Bool
  /// The parts of its records' origin that it reads.
  let reads: OriginParts

  /// Parses and checks `text` against `schema`.
  ///
  /// - Throws: ``ExpressionError`` with the place in `text`: wrong syntax, an unknown field or function, types that don't go together.
  init(_ text: String, schema: Schema) throws(ExpressionError) { try self.init(text, scope: Scope(schema)) }

  init(_ text: String, scope: Scope) throws(ExpressionError) {
    var checker = Checker(scope)
    let node = try checker.check(try ExpressionParser.parse(text))
    self.node = node
    type = node.type ?? .text
    columns = checker.columns
    readsUnknown = checker.readsUnknown
    reads = checker.reads
  }

  /// Whether it is a condition that is true for no record: it reads no field, and is false or NULL.
  var isNeverTrue: Bool {
    guard columns.isEmpty, !readsUnknown, reads.isEmpty else { return false }
    let batch = RecordBatch(columns: [], rowCount: 1, recordCount: 1, places: RecordPlaces(), raw: ByteBuffer(capacity: 0))
    let evaluation = Evaluation(batch)
    guard case .booleans(let truth) = evaluation.values(node, [0]) else { return true }
    return truth != [1]
  }

  /// Makes an expression that reads the texts of this one in a spelling of the definition's.
  func read(as type: ValueType, _ spelling: FieldSpelling) -> Expression {
    let reading = Function("cast", [.text], gives: type) { arguments, call in
      spelling.read(type, count: call.count) {
        (arguments[0].slice($0) ?? .null, false)
      } refuse: {
        call.fail($0, spelling.misfit(arguments[0].slice($0).map { Excerpt.of($0.bytes) } ?? "", type))
      }
    }
    return Expression(node: .call(reading, [node], type), type: type, columns: columns, readsUnknown: readsUnknown, reads: reads)
  }

  private init(node: Node, type: ValueType, columns: Set<Int>, readsUnknown: Bool, reads: OriginParts) {
    self.node = node
    self.type = type
    self.columns = columns
    self.readsUnknown = readsUnknown
    self.reads = reads
  }

  /// Parses and checks a condition: an expression that is a truth value or NULL.
  static func condition(_ text: String, scope: Scope) throws(ExpressionError) -> Expression {
    let expression = try Expression(text, scope: scope)
    guard expression.node.type == nil || expression.type == .boolean else {
      throw ExpressionError("a condition must be true or false, and this is a \(expression.type.rawValue)", at: 0, length: text.utf8.count)
    }
    return expression
  }
}

/// The fields that an expression may name, as far as they are known. A check of a definition without a sample knows few of them.
public struct Scope: Sendable {
  /// The known fields. The types of ``untyped`` ones mean nothing.
  public var schema: Schema
  /// The names of fields whose types are not known.
  public var untyped: Set<String> = []
  /// Whether there may be fields beside those of the schema. Then a name that is not found is one of them, and no error.
  public var isOpen = false

  /// The scope of records of which nothing is known.
  public static let open = Scope(Schema([]), isOpen: true)

  /// Makes a scope; by default all fields are known, with their types.
  public init(_ schema: Schema, untyped: Set<String> = [], isOpen: Bool = false) {
    self.schema = schema
    self.untyped = untyped
    self.isOpen = isOpen
  }
}

/// A checked expression's tree. Types are settled: a node's operands have the types that it computes with.
indirect enum Node: Sendable {
  case column(Int, ValueType)
  case literal(Literal, ValueType?)
  case arithmetic(Arithmetic, Node, Node, ValueType)
  case comparison(Comparison, Node, Node)
  case and(Node, Node)
  case or(Node, Node)
  case not(Node)
  case isNull(Node, negated: Bool)
  case isOneOf(Node, [Node], negated: Bool)
  case like(Node, Node, LikePattern?, escape: UInt8?, negated: Bool, ignoringCase: Bool)
  case conditional([(Node, Node)], otherwise: Node, ValueType?)
  case coalesce([Node], ValueType?)
  case cast(Node, ValueType, isTry: Bool)
  case call(Function, [Node], ValueType)
  /// A value of unknown type, since it depends on a field of unknown type. It can be checked, and not evaluated.
  case unknown

  enum Literal: Sendable {
    case null
    case integer(Int64)
    /// A double, with all digits that it is written with where decimals can have as many.
    case double(Double, exact: ExactNumber? = nil)
    /// The whole number that is a decimal's value times 10 to the scale of its type.
    case decimal(Int128)
    case boolean(Bool)
    case text(ByteBuffer)
  }
  enum Arithmetic: Sendable { case add, subtract, multiply, divide, remainder }
  enum Comparison: String, Sendable {
    case equal = "=", notEqual = "<>", less = "<", greater = ">", lessOrEqual = "<=", greaterOrEqual = ">="
  }

  var type: ValueType? {
    switch self {
    case .column(_, let t): t
    case .literal(_, let t), .conditional(_, _, let t), .coalesce(_, let t): t
    case .arithmetic(_, _, _, let t), .cast(_, let t, _), .call(_, _, let t): t
    case .comparison, .and, .or, .not, .isNull, .isOneOf, .like: .boolean
    case .unknown: nil
    }
  }

  var isUnknown: Bool {
    if case .unknown = self { return true }
    return false
  }
}

/// Resolves names and types.
struct Checker {
  private let scope: Scope
  private(set) var columns: Set<Int> = []
  private(set) var readsUnknown = false
  private(set) var reads: OriginParts = []

  init(_ scope: Scope) { self.scope = scope }

  func fail(_ message: String, _ place: Syntax.Place) -> ExpressionError {
    ExpressionError(message, at: place.offset, length: place.length)
  }

  mutating func check(_ syntax: Syntax) throws(ExpressionError) -> Node {
    switch syntax {
    case .number(let text, let place): return try number(text, place)
    case .string(let text, _): return .literal(.text(Self.buffer(text)), .text)
    case .boolean(let value, _): return .literal(.boolean(value), .boolean)
    case .null: return .literal(.null, nil)
    case .field(let name, let place): return try field(name, place)
    case .unary("NOT", let operand, let place): return .not(try condition(operand, place))
    case .unary(_, let operand, let place):
      let node = try check(operand)
      if case .decimal? = node.type, let type = node.type { return .arithmetic(.subtract, .literal(.decimal(0), type), node, type) }
      guard let type = numeric(node) else { throw fail("“-” needs a number, not a \(name(node))", place) }
      if node.isUnknown { return .unknown }
      let zero = type == .bigint ? Node.literal(.integer(0), .bigint) : .literal(.double(-0.0), .double)
      return .arithmetic(.subtract, zero, convert(node, to: type), type)
    case .binary("AND", let a, let b, let place): return .and(try condition(a, place), try condition(b, place))
    case .binary("OR", let a, let b, let place): return .or(try condition(a, place), try condition(b, place))
    case .binary("||", let a, let b, _):
      return .call(Functions.concatenate, [convert(try check(a), to: .text), convert(try check(b), to: .text)], .text)
    case .binary(let symbol, let a, let b, let place): return try binary(symbol, a, b, place)
    case .call(let name, let arguments, let place): return try call(name, arguments, place)
    case .cast(let operand, let type, let isTry, let place): return try cast(operand, type, isTry, place)
    case .conditional(let branches, let otherwise, let place): return try conditional(branches, otherwise, place)
    case .list(let operand, let list, let negated, let place): return try oneOf(operand, list, negated, place)
    case .like(let operand, let pattern, let escape, let negated, let ignoringCase, let place):
      return try like(operand, pattern, escape, negated, ignoringCase, place)
    case .isNull(let operand, let negated, _): return .isNull(try check(operand), negated: negated)
    case .interval(_, _, _, let place):
      throw fail("an interval is no value of its own; add it to a date or timestamp, or subtract it", place)
    }
  }

  static func buffer(_ text: String) -> ByteBuffer {
    let buffer = ByteBuffer(capacity: text.utf8.count)
    buffer.append(text)
    return buffer
  }

  private func number(_ text: String, _ place: Syntax.Place) throws(ExpressionError) -> Node {
    if let value = Int64(text) { return .literal(.integer(value), .bigint) }
    guard let value = Double(text), value.isFinite else { throw fail("“\(text)” is not a number", place) }
    return .literal(.double(value, exact: ExactNumber(text)), .double)
  }

  private mutating func field(_ name: String, _ place: Syntax.Place) throws(ExpressionError) -> Node {
    let schema = scope.schema
    let position = schema.position(of: name) ?? schema.fields.firstIndex { $0.name.lowercased() == name.lowercased() }
    if position.map({ scope.untyped.contains(schema.fields[$0].name) }) ?? scope.isOpen {
      readsUnknown = true
      return .unknown
    }
    guard let position else {
      let near = Spelling.nearest(to: name, among: schema.fields.map(\.name))
      let hint = near.map { "; did you mean “\($0)”?" } ?? "; the fields are \(Excerpt.list(schema.fields.map(\.name)))"
      // Only a name in double quotes is longer than it is.
      let text = near == nil && place.length > name.utf8.count ? "; a text is written in single quotes, '\(name)'" : ""
      throw fail("there is no field “\(name)” here\(hint)\(text)", place)
    }
    columns.insert(position)
    return .column(position, schema.fields[position].type)
  }

  func name(_ node: Node) -> String { node.type?.rawValue ?? "NULL" }

  private func numeric(_ node: Node) -> ValueType? {
    switch node.type {
    case .bigint?: .bigint
    case .double?: .double
    case nil: .double
    default: nil
    }
  }

  private mutating func condition(_ syntax: Syntax, _ place: Syntax.Place) throws(ExpressionError) -> Node {
    let node = try check(syntax)
    guard node.type == .boolean || node.type == nil else {
      throw fail("expected a truth value, and this is a \(name(node))", syntax.place)
    }
    return convert(node, to: .boolean)
  }

  /// `node` as a value of `type`; NULL takes any type.
  func convert(_ node: Node, to type: ValueType) -> Node {
    if node.type == type || node.isUnknown { return node }
    if case .literal(.null, _) = node { return .literal(.null, type) }
    if case .literal(.integer(let value), _) = node, type == .double { return .literal(.double(Double(value)), .double) }
    if case .decimal(let precision, let scale) = type, case .literal(.decimal(let value), .decimal(_, let old)?)? = exact(node),
      let rescaled = DecimalText.rescaled(value, from: old, to: scale, precision: precision), old <= scale
    {
      return .literal(.decimal(rescaled), type)
    }
    return .cast(node, type, isTry: false)
  }

  /// The type in which values of both nodes can be compared or chosen between.
  private func common(_ a: Node, _ b: Node) -> ValueType? {
    guard let left = a.type else { return b.type ?? .text }
    guard let right = b.type else { return left }
    if left == right { return left }
    switch (left, right) {
    case (.bigint, .double), (.double, .bigint): return .double
    case (.date, .timestamp), (.timestamp, .date): return .timestamp
    case (.text, .json), (.json, .text): return .text
    default: break
    }
    if let (x, y) = decimals(a, b), case (.decimal(let p, let s)?, .decimal(let q, let t)?) = (x.type, y.type) {
      return .decimal(precision: min(DecimalArithmetic.most, max(p - s, q - t) + max(s, t)), scale: max(s, t))
    }
    // A literal text takes the type of what it meets, as in PostgreSQL.
    if case .literal(.text, _) = a, right == .date || right == .timestamp || right == .time { return right }
    if case .literal(.text, _) = b, left == .date || left == .timestamp || left == .time { return left }
    return nil
  }

  private mutating func binary(_ symbol: String, _ a: Syntax, _ b: Syntax, _ place: Syntax.Place) throws(ExpressionError) -> Node {
    switch (symbol, a, b) {
    case ("+", _, .interval), ("-", _, .interval): return try shifted(a, by: b, isBack: symbol == "-", place)
    case ("+", .interval, _): return try shifted(b, by: a, isBack: false, place)
    default: break
    }
    let left = try check(a)
    let right = try check(b)
    if let comparison = Node.Comparison(rawValue: symbol) {
      if let (x, y) = decimals(left, right) { return .comparison(comparison, x, y) }
      guard let type = common(left, right) else {
        throw fail("a \(name(left)) can't be compared with a \(name(right)); CAST one of them", place)
      }
      return .comparison(comparison, convert(left, to: type), convert(right, to: type))
    }
    if let time = calendar(symbol, left, right) { return time }
    if let node = try exactArithmetic(symbol, left, right, place) { return node }
    guard let x = numeric(left), let y = numeric(right) else {
      throw fail("“\(symbol)” needs numbers, not \(name(left)) and \(name(right))", place)
    }
    let type: ValueType = x == .bigint && y == .bigint ? .bigint : .double
    // A double with anything is a double; else it may be a bigint or not.
    if left.isUnknown || right.isUnknown, left.type != .double, right.type != .double { return .unknown }
    return .arithmetic(Self.operation(symbol), convert(left, to: type), convert(right, to: type), type)
  }

  private mutating func unify(_ nodes: [Node], _ place: Syntax.Place) throws(ExpressionError) -> ([Node], ValueType?) {
    var type: ValueType? = nil
    var sample = Node.literal(.null, nil)
    // Numbers that are written out have as many digits as the decimals that they meet.
    func isLiteral(_ node: Node) -> Bool { if case .literal = node { true } else { false } }
    for node in nodes.filter({ !isLiteral($0) }) + nodes.filter(isLiteral) {
      guard let next = common(sample, node) else {
        throw fail("the choices are of different types: \(name(sample)) and \(name(node))", place)
      }
      if node.type != nil || sample.type != nil {
        type = next
        sample = .literal(.null, next)
      }
    }
    return (type.map { type in nodes.map { convert($0, to: type) } } ?? nodes, type)
  }

  private mutating func checkAll(_ list: [Syntax]) throws(ExpressionError) -> [Node] {
    var nodes: [Node] = []
    for syntax in list { nodes.append(try check(syntax)) }
    return nodes
  }

  private mutating func conditional(_ branches: [(Syntax, Syntax)], _ otherwise: Syntax?, _ place: Syntax.Place) throws(ExpressionError)
    -> Node
  {
    var conditions: [Node] = []
    var values: [Node] = []
    for (condition, value) in branches {
      conditions.append(try self.condition(condition, place))
      values.append(try check(value))
    }
    values.append(try otherwise.map { (s) throws(ExpressionError) in try check(s) } ?? .literal(.null, nil))
    let (unified, type) = try unify(values, place)
    if values.contains(where: \.isUnknown) { return .unknown }
    return .conditional(Array(zip(conditions, unified)), otherwise: unified[unified.count - 1], type)
  }

  private mutating func oneOf(_ operand: Syntax, _ list: [Syntax], _ negated: Bool, _ place: Syntax.Place) throws(ExpressionError) -> Node {
    guard !list.isEmpty else { throw fail("IN needs at least one value", place) }
    let (nodes, _) = try unify(try checkAll([operand] + list), place)
    return .isOneOf(nodes[0], Array(nodes.dropFirst()), negated: negated)
  }

  private mutating func like(
    _ operand: Syntax, _ pattern: Syntax, _ escape: Syntax?, _ negated: Bool, _ ignoringCase: Bool, _ place: Syntax.Place
  ) throws(ExpressionError) -> Node {
    let text = try check(operand)
    let node = try check(pattern)
    guard text.type == .text || text.type == nil, node.type == .text || node.type == nil else {
      throw fail("LIKE needs text, not \(name(text)) and \(name(node))", place)
    }
    var escapeByte: UInt8?
    if let escape {
      guard case .string(let character, _) = escape, character.utf8.count == 1 else {
        throw fail("ESCAPE takes one character", escape.place)
      }
      escapeByte = character.utf8.first
    }
    var compiled: LikePattern?
    if case .literal(.text(let bytes), _) = node {
      compiled = LikePattern(bytes.copy(0..<bytes.count), escape: escapeByte, ignoringCase: ignoringCase)
    }
    return .like(
      convert(text, to: .text), convert(node, to: .text), compiled, escape: escapeByte, negated: negated, ignoringCase: ignoringCase)
  }

  private mutating func cast(_ operand: Syntax, _ type: String, _ isTry: Bool, _ place: Syntax.Place) throws(ExpressionError) -> Node {
    let aliases: [String: ValueType] = [
      "integer": .bigint, "int": .bigint, "int8": .bigint, "float8": .double, "float": .double, "real": .double,
      "bool": .boolean, "varchar": .text, "string": .text, "datetime": .timestamp, "bytea": .bytes, "blob": .bytes,
    ]
    let name = type.lowercased()
    let spelled = name.hasPrefix("numeric(") ? "decimal" + name.dropFirst(7) : name
    guard let target = ValueType(rawValue: spelled) ?? aliases[name] else {
      if ["decimal", "numeric"].contains(name.prefix { $0.isLetter }) {
        throw fail("a decimal says its digits, \(DecimalArithmetic.most) at most, and those behind the point: decimal(12,2)", place)
      }
      let near = Spelling.nearest(to: name, among: ValueType.names)
      throw fail("there is no type “\(type)”" + (near.map { "; did you mean \($0)?" } ?? ""), place)
    }
    var node = try check(operand)
    if case .decimal = target, case .literal = node, let literal = exact(node) { node = literal }
    guard Casting.isPossible(node.type, target) else {
      throw fail("a \(self.name(node)) can't be cast to \(target.rawValue)", place)
    }
    if node.type == nil { return .literal(.null, target) }
    return node.type == target ? node : .cast(node, target, isTry: isTry)
  }

  private mutating func call(_ name: String, _ arguments: [Syntax], _ place: Syntax.Place) throws(ExpressionError) -> Node {
    switch name {
    case "coalesce", "ifnull":
      guard !arguments.isEmpty else { throw fail("\(name) needs at least one value", place) }
      let (nodes, type) = try unify(try checkAll(arguments), place)
      return nodes.contains(where: \.isUnknown) ? .unknown : .coalesce(nodes, type)
    case "nullif":
      guard arguments.count == 2 else { throw fail("nullif takes two values", place) }
      let nodes = try checkAll(arguments)
      guard let type = common(nodes[0], nodes[1]) else {
        throw fail("a \(self.name(nodes[0])) can't be compared with a \(self.name(nodes[1]))", place)
      }
      if nodes[0].isUnknown { return .unknown }
      let equal = Node.comparison(.equal, convert(nodes[0], to: type), convert(nodes[1], to: type))
      return .conditional([(equal, .literal(.null, nodes[0].type))], otherwise: nodes[0], nodes[0].type)
    case "date_add":
      guard arguments.count == 2, case .interval = arguments[1] else {
        throw fail("date_add takes a date or timestamp and an interval, such as INTERVAL '2 days'", place)
      }
      return try shifted(arguments[0], by: arguments[1], isBack: false, place)
    case "iif", "if":
      guard arguments.count == 3 else { throw fail("\(name) takes a condition and two values", place) }
      return try conditional([(arguments[0], arguments[1])], arguments[2], place)
    case "greatest", "least", "is_same":
      guard arguments.count >= 2 else { throw fail("\(name) needs two values", place) }
      let (nodes, type) = try unify(try checkAll(arguments), place)
      guard let function = Functions.named[name] else { throw fail("there is no function “\(name)”", place) }
      if name != "is_same", nodes.contains(where: \.isUnknown) { return .unknown }
      return .call(function, nodes, name == "is_same" ? .boolean : type ?? .text)
    default: break
    }
    guard let function = Functions.named[name] else {
      let near = Spelling.nearest(to: name, among: Functions.names)
      throw fail("there is no function “\(name)”" + (near.map { "; did you mean \($0)?" } ?? "; sluice help functions lists them"), place)
    }
    let nodes = try checkAll(arguments)
    if let node = try decimalCall(name, nodes, place) { return node }
    guard nodes.count >= function.required, nodes.count <= function.parameters.count || function.isVariadic else {
      throw fail("\(name) takes \(function.usage), and \(nodes.count) are given", place)
    }
    var converted: [Node] = []
    for (i, node) in nodes.enumerated() {
      let kind = function.parameters[min(i, function.parameters.count - 1)]
      guard let type = kind.accepts(node.type) else {
        throw fail("\(name) takes \(function.usage); value \(i + 1) is a \(self.name(node))", arguments[i].place)
      }
      converted.append(convert(node, to: type))
    }
    if let message = function.validate?(converted) { throw fail(message, place) }
    reads.formUnion(function.reads)
    if function.followsType, converted.contains(where: \.isUnknown) { return .unknown }
    return .call(function, converted, function.result(converted.map { $0.type ?? .text }))
  }
}

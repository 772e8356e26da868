import Configuration
import Records

/// The fields between two steps, while the steps are checked. A step's check asks for fields here and changes them to those that it passes
/// on. So one place notes the columns that the step reads, and its errors.
package struct StepFields {
  /// The fields as far as they are known.
  private(set) var scope: Scope
  private(set) var diagnostics: [Diagnostic] = []
  /// Whether the steps' work reads a column, for each column of the input. The parser decodes those columns while it checks them.
  private(set) var decoded: [Bool]
  /// Whether the step that was checked last lets no record through.
  var letsNothingThrough = false
  /// The parts of records' origins that the steps' work reads.
  private(set) var reads: OriginParts = []
  /// The input column of each field; nil where a step computed the field.
  private var origins: [Int?]

  /// Begins with the fields that come to the first step.
  package init(_ scope: Scope) {
    self.scope = scope
    // How the source spells values is the parser's alone.
    self.scope.schema = Schema(scope.schema.fields.map(\.read))
    decoded = Array(repeating: false, count: scope.schema.fields.count)
    origins = Array(scope.schema.fields.indices)
  }

  /// The fields after the steps that were checked so far. Those whose types are not known count as text.
  package var schema: Schema { scope.schema }

  /// Whether the type of a field is known. It is not where an expression depends on a field of unknown type, or was wrong.
  package func knowsType(of name: String) -> Bool { !scope.untyped.contains(name) }

  // MARK: Reporting

  mutating func report(_ diagnostic: Diagnostic) { diagnostics.append(diagnostic) }

  /// Reports an error in a text of the definition.
  ///
  /// - Parameter whole: whether to mark the whole text, without regard to the error's place in it.
  mutating func report(_ error: ExpressionError, at place: Position, whole: Bool = false) {
    var place = place
    if place.isVerbatim, !whole {
      place.column += error.offset
      place.length = error.length
    }
    diagnostics.append(place.diagnostic(error.message, error.isUnreachable ? .unreachableStep : .wrongExpression))
  }

  mutating func report(_ message: String, at text: PlacedText, whole: Bool = false) {
    report(ExpressionError(message, at: 0, length: text.text.utf8.count), at: text.place, whole: whole)
  }

  // MARK: Reading fields

  /// Finds the position of the field that a text names. Nil where there is none, which is reported. Where unknown fields are possible the
  /// name becomes one of them.
  ///
  /// - Parameter whole: whether an error marks the whole text.
  mutating func position(of name: PlacedText, whole: Bool = false) -> Int? {
    if let at = schema.position(of: name.text) { return at }
    if scope.isOpen {
      append(Field(name: name.text, type: .text), isUnknown: true)
      return schema.fields.count - 1
    }
    let near = Spelling.nearest(to: name.text, among: schema.fields.map(\.name))
    let hint = near.map { "did you mean “\($0)”?" } ?? "the fields are \(Excerpt.list(schema.fields.map(\.name)))"
    report("there is no field “\(name.text)” here; \(hint)", at: name, whole: whole)
    return nil
  }

  /// Checks an expression and notes the columns that it reads; nil where it is wrong, which is reported.
  mutating func expression(_ text: PlacedText) -> Expression? {
    read(text) { (text, scope) throws(ExpressionError) in try Expression(text, scope: scope) }
  }

  /// Checks an expression that must be a truth value; else as ``expression(_:)``.
  mutating func condition(_ text: PlacedText) -> Expression? {
    read(text) { (text, scope) throws(ExpressionError) in try Expression.condition(text, scope: scope) }
  }

  private mutating func read(_ text: PlacedText, _ make: (String, Scope) throws(ExpressionError) -> Expression) -> Expression? {
    do throws(ExpressionError) {
      let expression = try make(text.text, scope)
      note(expression)
      return expression
    } catch {
      report(error, at: text.place)
      return nil
    }
  }

  /// Makes an expression that reads a field. An error marks the field's name.
  mutating func values(of field: PlacedText) -> Expression? { read(field) { $0 } }

  /// Makes an expression that casts a field to a type. An error marks the field's name.
  mutating func cast(_ field: PlacedText, to type: FieldType) -> Expression? {
    guard let spelling = type.spelling else { return read(field) { "CAST(\($0) AS \(type.type.rawValue))" } }
    guard let expression = read(field, { $0 }) else { return nil }
    guard expression.isUnknown || expression.type == .text else {
      report("a spelling is for text, and \(field.text) is a \(expression.type.rawValue)", at: field, whole: true)
      return nil
    }
    return expression.read(as: type.type, spelling)
  }

  private mutating func read(_ field: PlacedText, _ text: (_ name: String) -> String) -> Expression? {
    let quoted = "\"\(field.text.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\""))\""
    do throws(ExpressionError) {
      let expression = try Expression(text(quoted), scope: scope)
      note(expression)
      return expression
    } catch {
      report(error.message, at: field, whole: true)
      return nil
    }
  }

  private mutating func note(_ expression: Expression) {
    reads.formUnion(expression.reads)
    for column in expression.columns { if let origin = origins[column] { decoded[origin] = true } }
  }

  // MARK: Changing fields

  /// Adds a computed field behind all others, or in the place of the field with its name.
  ///
  /// - Parameter isUnknown: whether the field's type is not known.
  /// - Returns: the field's position.
  @discardableResult
  package mutating func put(_ field: Field, isUnknown: Bool = false) -> Int {
    guard let at = schema.position(of: field.name) else {
      append(field, isUnknown: isUnknown)
      return schema.fields.count - 1
    }
    scope.schema.fields[at] = field
    origins[at] = nil
    note(field.name, isUnknown: isUnknown)
    return at
  }

  private mutating func append(_ field: Field, isUnknown: Bool) {
    scope.schema.fields.append(field)
    origins.append(nil)
    note(field.name, isUnknown: isUnknown)
  }

  private mutating func note(_ name: String, isUnknown: Bool) {
    if isUnknown { scope.untyped.insert(name) } else { scope.untyped.remove(name) }
  }

  /// Adds a field of unknown type, or makes its type unknown, so that later steps may name it. The step has reported why.
  mutating func putUnknown(_ name: String) {
    if schema.position(of: name) == nil { append(Field(name: name, type: .text), isUnknown: true) }
    scope.untyped.insert(name)
  }

  mutating func rename(_ at: Int, to name: String) {
    if scope.untyped.remove(schema.fields[at].name) != nil { scope.untyped.insert(name) }
    scope.schema.fields[at].name = name
  }

  /// Keeps the fields at these positions, in their order.
  mutating func keep(_ kept: [Int]) {
    scope.schema = Schema(kept.map { schema.fields[$0] })
    origins = kept.map { origins[$0] }
  }

  /// Rules out fields that are not known, from here on.
  mutating func close() { scope.isOpen = false }

  /// Replaces all fields by computed ones, from here on.
  mutating func replace(with schema: Schema) {
    scope = Scope(schema)
    origins = schema.fields.map { _ in nil }
  }

  /// Allows fields of any name, and forgets all types, from here on.
  mutating func forgetTypes() {
    scope.isOpen = true
    scope.untyped = Set(schema.fields.map(\.name))
  }
}

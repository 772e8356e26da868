import Configuration
import Records

/// The fields between two steps, while the steps are checked. A step's check asks for fields here, and changes them to those that it
/// passes on; so that what it reads and what is wrong is noted in one place.
package struct StepFields {
  /// The fields as far as they are known.
  package private(set) var scope: Scope
  package private(set) var diagnostics: [Diagnostic] = []
  /// Which input columns the steps' work reads: the parser decodes them as it checks them.
  package private(set) var decoded: [Bool]
  /// Whether no record gets past the step that was checked last.
  package var letsNothingThrough = false
  /// For each field the input column that it is; nil where its values were computed.
  private var origins: [Int?]

  package init(_ scope: Scope) {
    self.scope = scope
    decoded = Array(repeating: false, count: scope.schema.fields.count)
    origins = Array(scope.schema.fields.indices)
  }

  package var schema: Schema { scope.schema }

  /// Whether the type of a field is known.
  package func knowsType(of name: String) -> Bool { !scope.untyped.contains(name) }

  // MARK: Reporting

  package mutating func report(_ diagnostic: Diagnostic) { diagnostics.append(diagnostic) }

  /// Reports an error in a text of the definition.
  ///
  /// - Parameter whole: whether the whole text is meant, whatever the error's place in it.
  package mutating func report(_ error: ExpressionError, at place: Position, whole: Bool = false) {
    var place = place
    if place.isVerbatim, !whole {
      place.column += error.offset
      place.length = error.length
    }
    diagnostics.append(place.diagnostic(error.message, error.isUnreachable ? .unreachableStep : .wrongExpression))
  }

  package mutating func report(_ message: String, at text: PlacedText, whole: Bool = false) {
    report(ExpressionError(message, at: 0, length: text.text.utf8.count), at: text.place, whole: whole)
  }

  // MARK: Reading fields

  /// The position of the field that a text names. Reports one that is not there; where there may be unknown fields it is one of them.
  ///
  /// - Parameter whole: whether an error is shown under the whole text.
  package mutating func position(of name: PlacedText, whole: Bool = false) -> Int? {
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

  /// Checks an expression, whose columns are read then.
  package mutating func expression(_ text: PlacedText) -> Expression? {
    read(text) { (text, scope) throws(ExpressionError) in try Expression(text, scope: scope) }
  }

  /// Checks an expression that must be true or false.
  package mutating func condition(_ text: PlacedText) -> Expression? {
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

  /// The values of a field; errors are shown under its name.
  package mutating func values(of field: PlacedText) -> Expression? { read(field) { $0 } }

  /// The values of a field as a type; errors are shown under its name.
  package mutating func cast(_ field: PlacedText, to type: ValueType) -> Expression? { read(field) { "CAST(\($0) AS \(type.rawValue))" } }

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
    for column in expression.columns { if let origin = origins[column] { decoded[origin] = true } }
  }

  // MARK: Changing fields

  /// Adds a field behind all others, or puts a computed one in the place of that name.
  ///
  /// - Returns: its position.
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

  /// Marks a field of which nothing is known but that it is there: what is wrong with it is reported, and later steps may name it.
  package mutating func putUnknown(_ name: String) {
    if schema.position(of: name) == nil { append(Field(name: name, type: .text), isUnknown: true) }
    scope.untyped.insert(name)
  }

  package mutating func rename(_ at: Int, to name: String) {
    if scope.untyped.remove(schema.fields[at].name) != nil { scope.untyped.insert(name) }
    scope.schema.fields[at].name = name
  }

  /// Keeps the fields at these positions, in this order.
  package mutating func keep(_ kept: [Int]) {
    scope.schema = Schema(kept.map { schema.fields[$0] })
    origins = kept.map { origins[$0] }
  }

  /// From here on there are no fields but those that are known.
  package mutating func close() { scope.isOpen = false }

  /// From here on these are the fields: no input column is among them.
  package mutating func replace(with schema: Schema) {
    scope = Scope(schema)
    origins = schema.fields.map { _ in nil }
  }

  /// From here on there may be fields of any name, and no type is known.
  mutating func forgetTypes() {
    scope.isOpen = true
    scope.untyped = Set(schema.fields.map(\.name))
  }
}

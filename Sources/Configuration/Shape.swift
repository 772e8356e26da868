import Foundation

/// The kind of value that a place in a definition takes. The loader checks by it, and the JSON Schema is made from it.
package indirect enum Shape: Sendable {
  /// Any scalar, as its text: numbers and booleans too.
  case text
  /// Letters and digits of ASCII, `-` and `_`; at least one.
  case name
  case boolean
  /// A whole number from a least one to a greatest one, which is far from where 64 bits end: what is reckoned with it may not overflow.
  case integer(atLeast: Int, atMost: Int = 1_000_000_000_000)
  /// `500ms`, `10s`, `5m`, `1h`, `2d`.
  case duration
  /// `500ms..60s`.
  case durationRange
  /// `256MB`, `1GiB`, `1000`.
  case byteCount
  /// `0.1%` or `10`.
  case share
  /// One of these words.
  case choice([String])
  /// An SQL expression. The transform checks it, not the loader.
  case expression
  /// A type as ``FieldType`` reads it.
  case fieldType
  case null
  case list(Shape)
  /// A map whose keys the user chooses, in order.
  case map(Shape)
  /// A map of these keys and no others.
  case object([Key])
  /// A map with exactly one of these keys.
  case step([Key])
  /// The first shape that the value is like. The text says what they are together, for messages.
  case either([Shape], String)

  /// Whether a text is a name: letters and digits of ASCII, `-` and `_`.
  package static func isName(_ text: String) -> Bool {
    !text.isEmpty && text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-" || $0 == "_") }
  }

  /// The shape in words, for “expected …, found …” and the reference.
  package var expected: String {
    switch self {
    case .text: "text"
    case .name: "a name of letters, digits, - and _"
    case .boolean: "true or false"
    case .integer(let least, _): "a whole number from \(least) up"
    case .duration: "a duration like 500ms, 10s, 5m or 1h"
    case .durationRange: "two durations like 500ms..60s"
    case .byteCount: "a size like 256MB, 1GiB or 1000"
    case .share: "a count like 10 or a share like 0.1%"
    case .choice(let words): words.count == 1 ? words[0] : "one of \(words.joined(separator: ", "))"
    case .expression: "an SQL expression"
    case .fieldType:
      "a type (bigint, double, decimal(12,2), boolean, text, timestamp, date, time, bytes, json), perhaps with its spelling and not null"
    case .null: "null"
    case .list: "a list"
    case .map: "a map"
    case .object: "a map"
    case .step(let keys): "a step: one of \(keys.map(\.name).joined(separator: ", "))"
    case .either(_, let words): words
    }
  }
}

/// A key that a map of a definition may have.
package struct Key: Sendable {
  /// The key, as a definition spells it.
  package let name: String
  /// The kind of its value.
  package let shape: Shape
  /// A sentence for the reference: the key's purpose, with the default.
  package let doc: String
  /// Whether a map without it is an error.
  package let isRequired: Bool
  /// Whether its value is a secret even where the definition spells it out: it is never shown or kept.
  package let isSecret: Bool

  /// Makes a key from its name, its shape and its sentence.
  package init(_ name: String, _ shape: Shape, _ doc: String, required: Bool = false, secret: Bool = false) {
    self.name = name
    self.shape = shape
    self.doc = doc
    isRequired = required
    isSecret = secret
  }
}

extension Shape {
  /// Returns the shape in JSON Schema (draft 2020-12), for `JSONSerialization`.
  package func schema() -> [String: Any] {
    switch self {
    case .text, .expression: ["type": ["string", "number", "boolean"]]
    case .name: ["type": "string", "pattern": "^[A-Za-z0-9_-]+$"]
    case .boolean: ["type": "boolean"]
    case .integer(let least, let most): ["type": "integer", "minimum": least, "maximum": most]
    case .duration: ["type": "string", "pattern": "^[0-9]+(\\.[0-9]+)?(ms|s|m|h|d)$"]
    case .durationRange: ["type": "string", "pattern": "^[0-9.]+(ms|s|m|h|d)\\.\\.[0-9.]+(ms|s|m|h|d)$"]
    case .byteCount: ["type": ["string", "integer"], "pattern": "^[0-9]+(\\.[0-9]+)? ?([KMGT]i?)?B?$"]
    case .share: ["type": ["string", "integer"], "pattern": "^[0-9]+(\\.[0-9]+)?%?$"]
    case .choice(let words): ["enum": words]
    case .fieldType: ["type": "string", "pattern": FieldType.pattern]
    case .null: ["type": "null"]
    case .list(let element): ["type": "array", "items": element.schema()]
    case .map(let value): ["type": "object", "additionalProperties": value.schema()]
    case .object(let keys): Self.schema(keys)
    case .step(let keys):
      Self.schema(keys).merging(["minProperties": 1, "maxProperties": 1]) { $1 }
    case .either(let shapes, _): ["anyOf": shapes.map { $0.schema() }]
    }
  }

  private static func schema(_ keys: [Key]) -> [String: Any] {
    var properties: [String: Any] = [:]
    for key in keys { properties[key.name] = key.shape.schema().merging(["description": key.doc]) { $1 } }
    var out: [String: Any] = ["type": "object", "properties": properties, "additionalProperties": false]
    let required = keys.filter(\.isRequired).map(\.name)
    if !required.isEmpty { out["required"] = required }
    return out
  }
}

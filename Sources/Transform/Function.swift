import Configuration
import Records

/// A scalar function: its parameters, the type of its result, and its computation over vectors.
struct Function: Sendable {
  enum Parameter: Sendable {
    case text, bigint, double, time, any, printable
    /// A time of day, or a date or timestamp, whose day does not matter.
    case clock
    /// Bytes, or text, whose UTF-8 is meant.
    case octets
    /// JSON, or text that holds JSON.
    case json
    /// A step into JSON: a path or a member's name as text, an element's number as a bigint.
    case jsonStep

    /// The parameter in messages.
    var word: String {
      switch self {
      case .jsonStep: "path, name or number"
      case .clock: "time"
      case .octets: "text or bytes"
      default: "\(self)"
      }
    }

    /// The type that a value is converted to, or nil where it can't be given.
    func accepts(_ type: ValueType?) -> ValueType? {
      switch self {
      case .text: type == nil || type == .text || type == .json ? .text : nil
      case .bigint: type == nil || type == .bigint ? .bigint : nil
      case .double: type == nil || type == .double || type == .bigint ? .double : nil
      case .time: type == nil || type == .timestamp || type == .date ? .timestamp : nil
      case .any: type ?? .text
      case .printable: .text
      case .clock: type == .time ? .time : Parameter.time.accepts(type)
      case .octets: type == .bytes ? .bytes : Parameter.text.accepts(type)
      case .json: type == nil || type == .text || type == .json ? .json : nil
      case .jsonStep: type == nil || type == .text ? .text : type == .bigint ? .bigint : nil
      }
    }
  }

  let name: String
  let parameters: [Parameter]
  var required: Int
  var isVariadic = false
  /// Whether its result has the type of what it is given.
  var followsType = false
  /// The parts of its records' origin that the function reads, beside its arguments.
  var reads: OriginParts = []
  let result: @Sendable ([ValueType]) -> ValueType
  /// Checks the arguments when the definition is loaded, and returns a message where they can't be right.
  var validate: (@Sendable ([Node]) -> String?)?
  let body: @Sendable ([Vector], Call) -> Vector

  var usage: String {
    if parameters.isEmpty { return "no values" }
    let words = parameters.map(\.word)
    let count = required == words.count && !isVariadic ? "\(required)" : "\(required) or more"
    return "\(count) value\(required == 1 && !isVariadic ? "" : "s") (\(words.joined(separator: ", "))\(isVariadic ? ", …" : ""))"
  }

  init(
    _ name: String, _ parameters: [Parameter], required: Int? = nil, isVariadic: Bool = false, gives type: ValueType,
    reads: OriginParts = [], validate: (@Sendable ([Node]) -> String?)? = nil,
    _ body: @escaping @Sendable ([Vector], Call) -> Vector
  ) {
    self.name = name
    self.parameters = parameters
    self.required = required ?? parameters.count
    self.isVariadic = isVariadic
    result = { _ in type }
    self.reads = reads
    self.validate = validate
    self.body = body
  }
}

/// The functions by name. To add one: an entry in the list of its kind.
enum Functions {
  static let named: [String: Function] = {
    var all: [String: Function] = [:]
    for function in text + numbers + times + clocks + patterns + json + encodings + origins + choices { all[function.name] = function }
    for (alias, name) in aliases { all[alias] = all[name] }
    return all
  }()
  static let aliases = [
    "substring": "substr", "len": "length", "char_length": "length", "ceiling": "ceil", "pow": "power", "if": "iif",
    "instr": "strpos", "regexp_matches": "regexp_like", "datepart": "date_part", "ucase": "upper", "lcase": "lower",
    "json_extract_string": "json_extract_text", "to_base64": "base64", "regexp_split_to_array": "regexp_split", "datediff": "date_diff",
  ]
  static let names = Array(named.keys) + ["coalesce", "ifnull", "nullif", "iif", "if", "date_add"]

  static let concatenate = Function("||", [.text, .text], gives: .text) { arguments, call in
    call.texts { i, out in
      guard let a = arguments[0].slice(i), let b = arguments[1].slice(i) else { return false }
      out.append(a.bytes)
      out.append(b.bytes)
      return true
    }
  }

  static let choices: [Function] = [
    choice("greatest") { $0 > 0 },
    choice("least") { $0 < 0 },
    Function("is_same", [.any, .any], gives: .boolean) { arguments, call in
      let same = Comparing.compare(.equal, arguments[0], arguments[1])
      return call.booleans { i in
        let a = arguments[0].isNull(i), b = arguments[1].isNull(i)
        return a || b ? a && b : same[i] == 1
      }
    },
  ]

  /// The greatest or least of the values that are not NULL, as in PostgreSQL.
  private static func choice(_ name: String, _ better: @escaping @Sendable (Int) -> Bool) -> Function {
    Function(name, [.any, .any], isVariadic: true, gives: .text) { arguments, call in
      var best = arguments[0]
      for next in arguments.dropFirst() {
        let greater = Comparing.compare(.greater, next, best)
        let less = Comparing.compare(.less, next, best)
        let both = best.followed(by: next)
        best = both.gather(
          (0..<UInt32(call.count)).map { i in
            let k = Int(i)
            if next.isNull(k) { return i }
            if best.isNull(k) { return i + UInt32(call.count) }
            let order = greater[k] == 1 ? 1 : (less[k] == 1 ? -1 : 0)
            return better(order) ? i + UInt32(call.count) : i
          })
      }
      return best
    }
  }
}

/// A value made from the text of a row, and kept while the next rows have the same text. Most often the text is a literal.
struct Memo<Value> {
  private var last: (text: TextSlice, value: Value)?

  @inline(__always)
  mutating func value(_ text: TextSlice, _ make: (TextSlice) -> Value) -> Value {
    if let last, last.text.start == text.start, last.text.count == text.count { return last.value }
    return remake(text, make)
  }

  private mutating func remake(_ text: TextSlice, _ make: (TextSlice) -> Value) -> Value {
    if let last, last.text.bytes.elementsEqual(text.bytes) { return last.value }
    let value = make(text)
    last = (text, value)
    return value
  }
}

extension Vector {
  /// Text value `i`, nil for NULL.
  @inline(__always)
  func slice(_ i: Int) -> TextSlice? {
    guard case .text(let v) = self, v.slices[i].start != nil else { return nil }
    return v.slices[i]
  }
  @inline(__always)
  func integer(_ i: Int) -> Int64? {
    guard case .integers(let v) = self, !v.isNull(i) else { return nil }
    return v.values[i]
  }
  @inline(__always)
  func double(_ i: Int) -> Double? {
    guard case .doubles(let v) = self, !v.isNull(i) else { return nil }
    return v.values[i]
  }
  /// These values, then those of `other`, which has the same type.
  func followed(by other: Vector) -> Vector {
    switch (self, other) {
    case (.integers(let a), .integers(let b)): .integers(a.followed(by: b))
    case (.doubles(let a), .doubles(let b)): .doubles(a.followed(by: b))
    case (.decimals(let a), .decimals(let b)): .decimals(a.followed(by: b))
    case (.booleans(let a), .booleans(let b)): .booleans(a + b)
    case (.text(let a), .text(let b)): .text(TextVector(slices: a.slices + b.slices, owners: a.owners + b.owners))
    default: self
    }
  }
}

extension NullableVector {
  func followed(by other: NullableVector) -> NullableVector {
    func all(_ v: NullableVector) -> [UInt8] { v.nulls.isEmpty ? [UInt8](repeating: 0, count: v.count) : v.nulls }
    return NullableVector(values: values + other.values, nulls: nulls.isEmpty && other.nulls.isEmpty ? [] : all(self) + all(other))
  }
}

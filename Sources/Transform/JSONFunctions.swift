import Configuration
import Parse
import Records

extension Functions {
  static let json: [Function] = [
    Function("json_extract", [.json, .jsonStep], gives: .json, validate: validStep) { arguments, call in
      var steps = StepColumn(arguments[1])
      return call.slices(arguments[0]) { i, json in
        guard let value = steps.value(in: json, i, call), !JSONValue.isNull(value) else { return nil }
        return TextSlice(start: value.baseAddress, count: value.count)
      }
    },
    Function("json_extract_text", [.json, .jsonStep], gives: .text, validate: validStep) { arguments, call in
      guard case .text(let documents) = arguments[0] else { return arguments[0] }
      var steps = StepColumn(arguments[1])
      // A text without escapes stays where it is; one with escapes is never longer without them.
      var arena = TextArena()
      let slices = (0..<call.count).map { i -> TextSlice in
        guard documents.slices[i].start != nil, let value = steps.value(in: documents.slices[i], i, call), let start = value.baseAddress,
          !JSONValue.isNull(value)
        else { return .null }
        guard start[0] == 0x22 else { return TextSlice(start: start, count: value.count) }
        guard TextEscapes.isText(start + 1, value.count - 2) else {
          call.fail(i, "the text in the JSON holds half of a surrogate pair, which is no character")
          return .null
        }
        return TextEscapes.unescapeJSON(start + 1, value.count - 2, &arena)
      }
      return .text(TextVector(slices: slices, owners: documents.owners + arena.owners))
    },
  ]

  private static let validStep: @Sendable ([Node]) -> String? = { nodes in
    guard case .literal(.text(let buffer), _) = nodes[1] else { return nil }
    do throws(JSONSteps.Wrong) {
      _ = try JSONSteps(String(decoding: buffer.copy(0..<buffer.count), as: UTF8.self))
      return nil
    } catch {
      return error.message
    }
  }
}

/// The way from a JSON value down to one in it.
struct JSONSteps {
  /// One level down.
  enum Step {
    case name([UInt8])
    /// The element of this number, from 0; a negative number counts from the end.
    case index(Int64)
  }
  struct Wrong: Error { let message: String }

  let steps: [Step]

  /// Reads a path, which begins with `$`; any other text is one member's name.
  init(_ text: String) throws(Wrong) {
    guard text.hasPrefix("$") else {
      steps = [.name(Array(text.utf8))]
      return
    }
    let path: JSONPath
    do throws(JSONPath.Wrong) {
      path = try JSONPath(text)
    } catch {
      throw Wrong(message: "the path “\(text)” is wrong: \(error.reason)")
    }
    var steps: [Step] = []
    for step in path.steps {
      switch step {
      case .name(let name): steps.append(.name(Array(name.utf8)))
      case .index(let index): steps.append(.index(Int64(index)))
      case .all: throw Wrong(message: "the path “\(text)” leads to many values, and one is wanted; name an element, such as [0]")
      }
    }
    self.steps = steps
  }

  init(index: Int64) { steps = [.index(index)] }
}

/// The steps of a column: texts or numbers.
private struct StepColumn {
  private let steps: Vector
  private var made = Memo<Result<JSONSteps, JSONSteps.Wrong>>()

  init(_ steps: Vector) { self.steps = steps }

  /// The bytes of the value that row `i`'s steps lead to; nil where there is none, and where the steps are wrong, which fails the row.
  mutating func value(in json: TextSlice, _ i: Int, _ call: Call) -> UnsafeBufferPointer<UInt8>? {
    guard call.findings.lookBetweenRows() else { return nil }
    if let index = steps.integer(i) { return JSONValue.find(JSONSteps(index: index), in: json) }
    guard let text = steps.slice(i) else { return nil }
    let result = made.value(text) { text in
      do throws(JSONSteps.Wrong) { return .success(try JSONSteps(text.string)) } catch { return .failure(error) }
    }
    switch result {
    case .success(let steps): return JSONValue.find(steps, in: json)
    case .failure(let wrong):
      call.fail(i, wrong.message)
      return nil
    }
  }
}

/// Finds values in JSON text without making a tree of it.
enum JSONValue {
  static func isNull(_ value: UnsafeBufferPointer<UInt8>) -> Bool { value.count == 4 && value[0] == 0x6E }

  /// Finds the value that steps lead to. Of members with one name the last counts, as in records. The time grows with the text's length.
  static func find(_ steps: JSONSteps, in json: TextSlice) -> UnsafeBufferPointer<UInt8>? {
    guard let start = json.start else { return nil }
    var range = 0..<json.count
    for step in steps.steps {
      var reader = JSONGrammar(start, count: range.upperBound, at: range.lowerBound)
      reader.skipSpace()
      let found: Range<Int>? =
        switch step {
        case .name(let name): member(name, &reader)
        case .index(let index) where index >= 0: element(index, &reader)
        case .index(let index): fromEnd(index, reader)
        }
      guard let found else { return nil }
      range = found
    }
    var reader = JSONGrammar(start, count: range.upperBound, at: range.lowerBound)
    reader.skipSpace()
    let begin = reader.at
    guard reader.value(depth: 0) else { return nil }
    return UnsafeBufferPointer(start: start + begin, count: reader.at - begin)
  }

  private static func member(_ name: [UInt8], _ reader: inout JSONGrammar) -> Range<Int>? {
    guard reader.take(0x7B) else { return nil }
    var found: Range<Int>?
    repeat {
      reader.skipSpace()
      let start = reader.at + 1
      // An object without members ends here.
      guard reader.string() else { return found }
      let isNamed = isName(reader.p + start, reader.at - 1 - start, name)
      reader.skipSpace()
      guard reader.take(0x3A) else { return nil }
      reader.skipSpace()
      let begin = reader.at
      guard reader.value(depth: 0) else { return nil }
      if isNamed { found = begin..<reader.at }
      reader.skipSpace()
    } while reader.take(0x2C)
    return found
  }

  private static func isName(_ p: UnsafePointer<UInt8>, _ count: Int, _ name: [UInt8]) -> Bool {
    let bytes = UnsafeBufferPointer(start: p, count: count)
    guard bytes.contains(0x5C) else { return bytes.elementsEqual(name) }
    var arena = TextArena()
    return TextEscapes.unescapeJSON(p, count, &arena).bytes.elementsEqual(name)
  }

  private static func element(_ index: Int64, _ reader: inout JSONGrammar) -> Range<Int>? {
    guard reader.take(0x5B) else { return nil }
    var at: Int64 = 0
    repeat {
      reader.skipSpace()
      let begin = reader.at
      // An array without elements ends here.
      guard reader.value(depth: 0) else { return nil }
      if at == index { return begin..<reader.at }
      at += 1
      reader.skipSpace()
    } while reader.take(0x2C)
    return nil
  }

  private static func fromEnd(_ index: Int64, _ reader: JSONGrammar) -> Range<Int>? {
    var counting = reader
    guard counting.take(0x5B) else { return nil }
    var count: Int64 = 0
    repeat {
      counting.skipSpace()
      guard counting.value(depth: 0) else { break }
      count += 1
      counting.skipSpace()
    } while counting.take(0x2C)
    var reader = reader
    return count + index >= 0 ? element(count + index, &reader) : nil
  }
}

import CByteScan
import Records

extension JSONScanner {
  /// One walk over a piece, token by token.
  struct Walk {
    let p: UnsafePointer<UInt8>
    let n: Int
    let isFinal: Bool
    var steps: [JSONPath.Step]
    let isDefault: Bool
    let takesArrays: Bool
    var partial: (count: Int, nesting: sluice_json_nesting)?
    /// Behind the last whole token.
    var at = 0
    /// Where the next token begins.
    var begin = 0

    /// Takes the next token; a record, where it is one.
    @inline(__always)
    mutating func next(_ state: inout State) throws(Stop) -> Range<Int>? {
      skipSpace(&state)
      guard at < n else { throw .incomplete }
      let byte = p[at]
      switch state.expected {
      case .commaOrEnd:
        if byte == 0x2C {
          at += 1
          state.expected = state.open.last == 0x5B ? .value : .name
        } else {
          try close(byte, &state, "a comma or \(state.open.last == 0x5B ? "]" : "}") is to stand here")
        }
      case .value: return try value(byte, &state)
      case .valueOrEnd:
        if byte != 0x5D { return try value(byte, &state) }
        try close(byte, &state, "")
      case .document:
        guard state.isSeparated else {
          throw .wrong("a document ends, and something follows it; blanks, line ends or RS (0x1E) part documents", at: at)
        }
        return try value(byte, &state)
      case .nameOrEnd where byte == 0x7D: try close(byte, &state, "")
      case .name, .nameOrEnd: try name(&state)
      case .colon:
        guard byte == 0x3A else { throw .wrong("a colon is to stand here", at: at) }
        at += 1
        state.expected = .value
      }
      return nil
    }

    @inline(__always)
    private mutating func skipSpace(_ state: inout State) {
      while at < n, p[at] <= 0x20, p[at] == 0x20 || p[at] == 0x0A || p[at] == 0x0D || p[at] == 0x09 || (p[at] == 0x1E && state.open.isEmpty)
      {
        at += 1
        if state.open.isEmpty { state.isSeparated = true }
      }
      begin = at
    }

    private mutating func close(_ byte: UInt8, _ state: inout State, _ otherwise: String) throws(Stop) {
      // A bracket and its end are two apart in ASCII.
      guard let last = state.open.last, byte == last + 2 else { throw .wrong(otherwise, at: at) }
      at += 1
      state.open.removeLast()
      if state.children.count > state.open.count { state.children.removeLast() }
      ended(&state)
    }

    /// A value is over.
    @inline(__always)
    private func ended(_ state: inout State) {
      if state.open.isEmpty {
        state.expected = .document
        state.isSeparated = false
      } else {
        state.expected = .commaOrEnd
      }
    }

    // MARK: Values

    @inline(__always)
    private mutating func value(_ byte: UInt8, _ state: inout State) throws(Stop) -> Range<Int>? {
      let isInside = !state.open.isEmpty
      if !isInside, isDefault {
        state.takesElements = byte == 0x5B
        steps = state.takesElements ? [.all] : []
      }
      let depth = state.children.count
      if isOnPath(state) {
        if depth == steps.count { return try record(byte, &state) }
        if byte == 0x7B || byte == 0x5B {
          enter(byte, &state)
          return nil
        }
        // Null stands for an array without elements.
        if byte == 0x6E, depth + 1 == steps.count, steps.last == .all { state.hasReached = true }
      }
      if byte == 0x7B || byte == 0x5B {
        guard state.open.count < JSONScanner.maximumDepth else {
          throw .wrong("arrays and objects nest deeper than \(JSONScanner.maximumDepth)", at: at)
        }
        countChild(&state)
        at += 1
        state.hasDocument = true
        state.open.append(byte)
        state.expected = byte == 0x7B ? .nameOrEnd : .valueOrEnd
        return nil
      }
      let end = try scalar(byte)
      countChild(&state)
      at = end
      state.hasDocument = true
      ended(&state)
      return nil
    }

    /// Whether the value that comes is a step further on the path, or the document.
    @inline(__always)
    private func isOnPath(_ state: State) -> Bool {
      let depth = state.children.count
      guard state.open.count == depth else { return false }
      guard depth > 0 else { return true }
      if state.open.last == 0x7B { return state.isOnPath }
      switch steps[depth - 1] {
      case .all: return true
      case .index(let index): return state.children[depth - 1] == index
      case .name: return false
      }
    }

    @inline(__always)
    private func countChild(_ state: inout State) {
      let depth = state.children.count
      if depth > 0, state.open.count == depth { state.children[depth - 1] += 1 }
    }

    /// Goes into an array or object that is on the path.
    private mutating func enter(_ byte: UInt8, _ state: inout State) {
      countChild(&state)
      at += 1
      state.hasDocument = true
      state.open.append(byte)
      state.children.append(0)
      state.expected = byte == 0x7B ? .nameOrEnd : .valueOrEnd
      let depth = state.children.count
      if depth == steps.count, steps.last == .all { state.hasReached = true }
      if depth - 1 > state.namesDepth { (state.names, state.namesDepth) = ([], depth - 1) }
      if depth - 1 == state.namesDepth { state.isArray = byte == 0x5B }
    }

    @inline(__always)
    private mutating func record(_ byte: UInt8, _ state: inout State) throws(Stop) -> Range<Int>? {
      let start = at
      let end: Int
      if byte == 0x7B || byte == 0x5B {
        if byte == 0x5B, !isDefault, !takesArrays, steps.last != .all {
          let place = JSONPath(steps: steps, text: "").spelled(steps.count)
          throw .nothing("parse.records \(place) selects an array, and a record is an object; its elements are \(place)[*]")
        }
        end = try extent()
      } else {
        end = state.open.isEmpty ? try scalar(byte) : try looseScalar(byte)
      }
      countChild(&state)
      at = end
      state.hasDocument = true
      state.hasReached = true
      ended(&state)
      return start..<end
    }

    /// The end of the array or object that begins here.
    @inline(__always)
    private mutating func extent() throws(Stop) -> Int {
      var (count, nesting) = (0, sluice_json_nesting(depth: 0, in_string: 0, is_escaped: 0))
      if at == 0, let partial { (count, nesting) = partial }
      partial = nil
      let end = sluice_json_close(p + at + count, n - at - count, &nesting)
      if end > 0 { return at + count + end }
      partial = (n - at, nesting)
      throw .incomplete
    }

    // MARK: Tokens

    private mutating func name(_ state: inout State) throws(Stop) {
      guard p[at] == 0x22 else { throw .wrong("a name in double quotes is to stand here", at: at) }
      let end = try string(at)
      let depth = state.children.count
      if state.open.count == depth, depth > 0 {
        state.isOnPath = isNamed(steps[depth - 1], at + 1, end - 1)
        if !state.isOnPath { remember(at + 1, end - 1, &state) }
      }
      at = end
      state.expected = .colon
    }

    private func isNamed(_ step: JSONPath.Step, _ start: Int, _ end: Int) -> Bool {
      switch step {
      case .all: return true
      case .index: return false
      case .name(let name):
        let bytes = UnsafeBufferPointer(start: p + start, count: end - start)
        return bytes.contains(0x5C) ? text(start, end).utf8.elementsEqual(name.utf8) : bytes.elementsEqual(name.utf8)
      }
    }

    private func text(_ start: Int, _ end: Int) -> String {
      var arena = TextArena()
      return TextEscapes.unescapeJSON(p + start, end - start, &arena).string
    }

    private func remember(_ start: Int, _ end: Int, _ state: inout State) {
      guard state.children.count - 1 == state.namesDepth, state.names.count < JSONScanner.mostNames else { return }
      let name = Excerpt.of(text(start, end))
      if !state.names.contains(name) { state.names.append(name) }
    }

    /// The end of the string that begins at `start`.
    private func string(_ start: Int) throws(Stop) -> Int {
      var i = start + 1
      while true {
        i += sluice_json_plain_prefix(p + i, n - i)
        guard i < n else { throw .incomplete }
        if p[i] == 0x22 { return i + 1 }
        guard p[i] == 0x5C else { throw .wrong("a control character is escaped in a string", at: i) }
        guard i + 1 < n else { throw .incomplete }
        switch p[i + 1] {
        case 0x22, 0x5C, 0x2F, 0x62, 0x66, 0x6E, 0x72, 0x74: i += 2
        case 0x75:
          for k in i + 2..<i + 6 {
            guard k < n else { throw .incomplete }
            guard Self.isHex(p[k]) else { throw .wrong("four hexadecimal digits follow \\u", at: k) }
          }
          i += 6
        default: throw .wrong("there is no such escape in a string", at: i)
        }
      }
    }

    private static func isHex(_ byte: UInt8) -> Bool { byte &- 0x30 <= 9 || (byte | 0x20) &- 0x61 <= 5 }

    /// The end of a string, number, true, false or null that begins here.
    private func scalar(_ byte: UInt8) throws(Stop) -> Int {
      switch byte {
      case 0x22: return try string(at)
      case 0x74: return try word("true")
      case 0x66: return try word("false")
      case 0x6E: return try word("null")
      case 0x2D, 0x30...0x39: return try number()
      default: throw .wrong("a value is to stand here", at: at)
      }
    }

    private func word(_ word: StaticString) throws(Stop) -> Int {
      for i in 0..<word.utf8CodeUnitCount {
        guard at + i < n else { throw .incomplete }
        guard p[at + i] == word.utf8Start[i] else { throw .wrong("a value is to stand here", at: at) }
      }
      return try ending(at + word.utf8CodeUnitCount)
    }

    private func number() throws(Stop) -> Int {
      var i = at
      func digits() throws(Stop) {
        guard i < n else { throw .incomplete }
        guard p[i] &- 0x30 <= 9 else { throw .wrong("a digit is to stand here", at: i) }
        while i < n, p[i] &- 0x30 <= 9 { i += 1 }
      }
      if p[i] == 0x2D { i += 1 }
      if i < n, p[i] == 0x30 { i += 1 } else { try digits() }
      if i < n, p[i] == 0x2E {
        i += 1
        try digits()
      }
      if i < n, p[i] | 0x20 == 0x65 {
        i += 1
        if i < n, p[i] == 0x2B || p[i] == 0x2D { i += 1 }
        try digits()
      }
      return try ending(i)
    }

    /// The end of a number or word, behind which something stands that ends it.
    private func ending(_ end: Int) throws(Stop) -> Int {
      guard end < n else {
        if isFinal { return end }
        throw .incomplete
      }
      switch p[end] {
      case 0x2C, 0x5D, 0x7D, 0x20, 0x0A, 0x0D, 0x09, 0x1E: return end
      default: throw .wrong("a value ends here, and something else follows", at: end)
      }
    }

    /// The end of a record that is no array or object, and so a bad one, whatever it is.
    private func looseScalar(_ byte: UInt8) throws(Stop) -> Int {
      if byte == 0x22 {
        var i = at + 1
        while i < n, p[i] != 0x22 { i += p[i] == 0x5C ? 2 : 1 }
        guard i < n else { throw .incomplete }
        return i + 1
      }
      guard byte == 0x2B || byte == 0x2D || byte == 0x2E || byte &- 0x30 <= 9 || (byte | 0x20) &- 0x61 < 26 else {
        throw .wrong("a value is to stand here", at: at)
      }
      var i = at
      while i < n {
        switch p[i] {
        case 0x2C, 0x5D, 0x7D, 0x5B, 0x7B, 0x22, 0x20, 0x0A, 0x0D, 0x09: return i
        default: i += 1
        }
      }
      if isFinal { return i }
      throw .incomplete
    }
  }
}

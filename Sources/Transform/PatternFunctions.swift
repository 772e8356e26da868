import CRegex
import Records
import Synchronization

/// A compiled regular expression (Perl's syntax, by PCRE2).
///
/// `@unchecked Sendable`: pcre2api(3) says that compiled code is read-only and may be shared between threads; match
/// data, which is written, is each ``Matcher``'s own.
final class RegularExpression: @unchecked Sendable {
  private let code: OpaquePointer

  /// Nil, with the library's message, where the pattern is none.
  init?(_ pattern: [UInt8], ignoringCase: Bool, message: inout String) {
    var error: Int32 = 0
    var offset = 0
    let options = PCRE2_UTF | (ignoringCase ? PCRE2_CASELESS : 0)
    guard let code = pcre2_compile_8(pattern, pattern.count, UInt32(options), &error, &offset, nil) else {
      message = Self.message(error) + " at position \(offset)"
      return nil
    }
    self.code = code
    pcre2_jit_compile_8(code, UInt32(PCRE2_JIT_COMPLETE))
  }

  deinit { pcre2_code_free_8(code) }

  /// Matches with this pattern, by one task.
  final class Matcher {
    private let expression: RegularExpression
    private let data: OpaquePointer
    private let context: OpaquePointer
    /// The length of text that the context's limit is for.
    @exclusivity(unchecked) private var limitedFor = -1

    /// Nil where there is no memory.
    init?(_ expression: RegularExpression) {
      guard let data = pcre2_match_data_create_from_pattern_8(expression.code, nil) else { return nil }
      guard let context = pcre2_match_context_create_8(nil) else {
        pcre2_match_data_free_8(data)
        return nil
      }
      self.expression = expression
      self.data = data
      self.context = context
    }

    deinit {
      pcre2_match_data_free_8(data)
      pcre2_match_context_free_8(context)
    }

    /// The limit of work for a match in a text of this many bytes, in PCRE2's steps. Work that grows with the text's length, or with the
    /// square of a line's length, is well within it. Work that grows faster ends after milliseconds.
    private static func steps(_ bytes: Int) -> UInt32 { UInt32(min(10_000_000, 100_000 + 1000 * min(bytes, 10_000))) }

    /// Looks for a match at or after `from`: how many groups it has, the whole being one; 0 where there is none.
    ///
    /// - Throws: ``GaveUp`` where the library's limits of work or memory are passed.
    @inline(__always)
    func find(_ text: UnsafeBufferPointer<UInt8>, from: Int = 0) throws(GaveUp) -> Int {
      if limitedFor != text.count {
        limitedFor = text.count
        pcre2_set_match_limit_8(context, Self.steps(text.count))
      }
      let found = pcre2_match_8(expression.code, text.baseAddress, text.count, from, UInt32(PCRE2_NO_UTF_CHECK), data, context)
      if found >= 0 { return Int(found) }
      guard found == PCRE2_ERROR_NOMATCH else { throw GaveUp(code: found) }
      return 0
    }

    /// The range of a group of the match that was found; nil where it had no part in it.
    func range(_ group: Int) -> Range<Int>? {
      guard let pairs = pcre2_get_ovector_pointer_8(data) else { return nil }
      let (start, end) = (pairs[2 * group], pairs[2 * group + 1])
      return start == .max || start > end ? nil : start..<end
    }
  }

  struct GaveUp: Error, CustomStringConvertible {
    let code: Int32
    var description: String { "the regular expression gave up: \(RegularExpression.message(code)); make it simpler" }
  }

  private static func message(_ code: Int32) -> String {
    var text = [UInt8](repeating: 0, count: 200)
    pcre2_get_error_message_8(code, &text, text.count)
    return String(decoding: text.prefix { $0 != 0 }, as: UTF8.self)
  }
}

/// Patterns compiled once for each text that they come in.
final class PatternCache: Sendable {
  static let shared = PatternCache()
  private let compiled = Mutex<[[UInt8]: RegularExpression]>([:])

  func pattern(_ text: [UInt8], ignoringCase: Bool, message: inout String) -> RegularExpression? {
    let key = text + [ignoringCase ? 1 : 0]
    if let known = compiled.withLock({ $0[key] }) { return known }
    guard let made = RegularExpression(text, ignoringCase: ignoringCase, message: &message) else { return nil }
    compiled.withLock {
      if $0.count > 256 { $0.removeAll() }
      $0[key] = made
    }
    return made
  }
}

extension Functions {
  static let patterns: [Function] = [
    Function("regexp_like", [.text, .text, .text], required: 2, gives: .boolean, validate: validPattern) { arguments, call in
      var patterns = PatternColumn(arguments, at: 1, flags: 2)
      return call.booleans { i in
        guard let text = arguments[0].slice(i) else { return nil }
        return patterns.use(i, call) { (matcher) throws(RegularExpression.GaveUp) in try matcher.find(text.bytes) > 0 }
      }
    },
    Function("regexp_extract", [.text, .text, .bigint], required: 2, gives: .text, validate: validPattern) { arguments, call in
      var patterns = PatternColumn(arguments, at: 1, flags: nil)
      return call.slices(arguments[0]) { i, text in
        let group = arguments.count == 3 ? Int(truncatingIfNeeded: arguments[2].integer(i) ?? 0) : 0
        return patterns.use(i, call) { (matcher) throws(RegularExpression.GaveUp) in
          let groups = try matcher.find(text.bytes)
          guard group >= 0, group < groups, let range = matcher.range(group) else { return TextSlice(start: text.start, count: 0) }
          return TextSlice(start: text.start.map { $0 + range.lowerBound }, count: range.count)
        }
      }
    },
    // As in PostgreSQL and DuckDB: the first match, or all with the flag g; \1 to \9 are groups.
    Function("regexp_replace", [.text, .text, .text, .text], required: 3, gives: .text, validate: validPattern) { arguments, call in
      var patterns = PatternColumn(arguments, at: 1, flags: 3)
      return call.texts { i, out in
        guard let text = arguments[0].slice(i), let by = arguments[2].slice(i) else { return false }
        let all = arguments.count == 4 && (arguments[3].slice(i)?.bytes.contains(0x67) ?? false)
        return patterns.use(i, call) { (matcher) throws(RegularExpression.GaveUp) in
          try replace(matcher, text.bytes, by.bytes, all: all, call.findings, &out)
          return true
        } ?? false
      }
    },
    // As in PostgreSQL: an empty match at the beginning, at the end or right behind another match parts nothing.
    Function("regexp_split", [.text, .text, .text], required: 2, gives: .json, validate: validPattern) { arguments, call in
      var patterns = PatternColumn(arguments, at: 1, flags: 2)
      return call.texts { i, out in
        guard let text = arguments[0].slice(i) else { return false }
        return patterns.use(i, call) { (matcher) throws(RegularExpression.GaveUp) in
          try split(matcher, text.bytes, call.findings, &out)
          return true
        } ?? false
      }
    },
  ]

  private static func split(
    _ matcher: RegularExpression.Matcher, _ text: UnsafeBufferPointer<UInt8>, _ findings: Findings, _ out: inout TextWriter
  ) throws(RegularExpression.GaveUp) {
    var begin = 0, from = 0
    func part(_ range: Range<Int>, _ out: inout TextWriter) {
      out.append(range.lowerBound == 0 ? 0x5B : 0x2C)
      out.appendJSON(text[range])
    }
    while from < text.count, !out.hasOverflowed, findings.lookBetweenRows() {
      guard try matcher.find(text, from: from) > 0, let match = matcher.range(0) else { break }
      if match.isEmpty, match.lowerBound == begin || match.lowerBound == text.count {
        if match.lowerBound == text.count { break }
        from = next(match.lowerBound, text)
        continue
      }
      part(begin..<match.lowerBound, &out)
      begin = match.upperBound
      from = match.isEmpty ? next(begin, text) : begin
    }
    part(begin..<text.count, &out)
    out.append(0x5D)
  }

  /// The position of the character behind the one at `at`.
  private static func next(_ at: Int, _ text: UnsafeBufferPointer<UInt8>) -> Int {
    var next = at + 1
    while next < text.count, text[next] & 0xC0 == 0x80 { next += 1 }
    return next
  }

  private static let validPattern: @Sendable ([Node]) -> String? = { nodes in
    guard case .literal(.text(let buffer), _) = nodes[1] else { return nil }
    var message = ""
    let pattern = PatternCache.shared.pattern(buffer.copy(0..<buffer.count), ignoringCase: false, message: &message)
    return pattern == nil ? "the regular expression is wrong: \(message)" : nil
  }

  private static func replace(
    _ matcher: RegularExpression.Matcher, _ text: UnsafeBufferPointer<UInt8>, _ by: UnsafeBufferPointer<UInt8>, all: Bool,
    _ findings: Findings, _ out: inout TextWriter
  ) throws(RegularExpression.GaveUp) {
    var at = 0
    while at <= text.count, !out.hasOverflowed, findings.lookBetweenRows() {
      let groups = try matcher.find(text, from: at)
      guard groups > 0, let whole = matcher.range(0) else { break }
      out.append(text[at..<whole.lowerBound])
      var k = 0
      while k < by.count {
        if by[k] == 0x5C, k + 1 < by.count {
          k += 1
          if by[k] >= 0x30, by[k] <= 0x39 {
            let group = Int(by[k] - 0x30)
            if group < groups, let range = matcher.range(group) { out.append(text[range]) }
          } else {
            out.append(by[k])
          }
        } else {
          out.append(by[k])
        }
        k += 1
      }
      at = whole.upperBound
      if whole.isEmpty {
        // An empty match moves on by a character, or it would match for ever.
        let next = next(at, text)
        if at < text.count { out.append(text[at..<min(next, text.count)]) }
        at = next
      }
      if !all { break }
    }
    if at < text.count { out.append(text[at...]) }
  }
}

/// The patterns of a column.
private struct PatternColumn {
  private let patterns: Vector
  private let flags: Vector?
  private var matchers = Memo<Result<RegularExpression.Matcher, WrongPattern>>()
  private var matchersIgnoringCase = Memo<Result<RegularExpression.Matcher, WrongPattern>>()

  private struct WrongPattern: Error { let message: String }

  init(_ arguments: [Vector], at position: Int, flags: Int?) {
    patterns = arguments[position]
    self.flags = flags.flatMap { $0 < arguments.count ? arguments[$0] : nil }
  }

  /// Hands row `i`'s pattern to `body`; nil where it is NULL, and where it fails.
  @inline(__always)
  mutating func use<T>(
    _ i: Int, _ call: Call, _ body: (RegularExpression.Matcher) throws(RegularExpression.GaveUp) -> T
  ) -> T? {
    guard let pattern = patterns.slice(i), call.findings.lookBetweenRows() else { return nil }
    let ignoringCase = flags?.slice(i)?.bytes.contains(0x69) ?? false
    let matcher =
      ignoringCase
      ? matchersIgnoringCase.value(pattern) { Self.matcher($0, ignoringCase: true) }
      : matchers.value(pattern) { Self.matcher($0, ignoringCase: false) }
    switch matcher {
    case .failure(let wrong):
      call.fail(i, wrong.message)
      return nil
    case .success(let matcher):
      do throws(RegularExpression.GaveUp) {
        return try body(matcher)
      } catch {
        call.fail(i, error.description)
        return nil
      }
    }
  }

  private static func matcher(_ pattern: TextSlice, ignoringCase: Bool) -> Result<RegularExpression.Matcher, WrongPattern> {
    var message = ""
    guard let made = PatternCache.shared.pattern(Array(pattern.bytes), ignoringCase: ignoringCase, message: &message) else {
      return .failure(WrongPattern(message: "the regular expression is wrong: \(message)"))
    }
    return RegularExpression.Matcher(made).map { .success($0) }
      ?? .failure(WrongPattern(message: "there is no memory for a regular expression"))
  }
}

import CRegex
import Records
import Synchronization

/// A compiled regular expression (Perl's syntax, by PCRE2).
///
/// `@unchecked Sendable`: pcre2api(3) says that compiled code is read-only and may be shared between threads; each match
/// uses match data of its own.
final class RegularExpression: @unchecked Sendable {
  private let code: OpaquePointer

  /// Nil, with the library's message, where the pattern is none.
  init?(_ pattern: [UInt8], ignoringCase: Bool, message: inout String) {
    var error: Int32 = 0
    var offset = 0
    let options = PCRE2_UTF | (ignoringCase ? PCRE2_CASELESS : 0)
    guard let code = pcre2_compile_8(pattern, pattern.count, UInt32(options), &error, &offset, nil) else {
      var text = [UInt8](repeating: 0, count: 200)
      pcre2_get_error_message_8(error, &text, text.count)
      message = String(decoding: text.prefix { $0 != 0 }, as: UTF8.self) + " at position \(offset)"
      return nil
    }
    self.code = code
    pcre2_jit_compile_8(code, UInt32(PCRE2_JIT_COMPLETE))
  }

  deinit { pcre2_code_free_8(code) }

  /// The ranges of the match and its groups at or after `from`; empty where there is none. A group without a match is nil.
  func match(_ text: UnsafeBufferPointer<UInt8>, from: Int) -> [Range<Int>?] {
    guard let data = pcre2_match_data_create_from_pattern_8(code, nil) else { return [] }
    defer { pcre2_match_data_free_8(data) }
    let found = pcre2_match_8(code, text.baseAddress, text.count, from, UInt32(PCRE2_NO_UTF_CHECK), data, nil)
    guard found > 0, let pairs = pcre2_get_ovector_pointer_8(data) else { return [] }
    return (0..<Int(found)).map { pairs[2 * $0] == .max || pairs[2 * $0] > pairs[2 * $0 + 1] ? nil : pairs[2 * $0]..<pairs[2 * $0 + 1] }
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
    Function("regexp_like", [.text, .text, .text], required: 2, gives: .boolean, validate: validPattern) { arguments, count, fail in
      var patterns = PatternColumn(arguments, at: 1, flags: 2)
      return booleans(count) { i in
        guard let text = arguments[0].slice(i), let pattern = patterns.pattern(i, fail) else { return nil }
        return !pattern.match(text.bytes, from: 0).isEmpty
      }
    },
    Function("regexp_extract", [.text, .text, .bigint], required: 2, gives: .text, validate: validPattern) { arguments, count, fail in
      var patterns = PatternColumn(arguments, at: 1, flags: nil)
      return slices(arguments[0], count) { i, text in
        guard let pattern = patterns.pattern(i, fail) else { return nil }
        let group = arguments.count == 3 ? Int(truncatingIfNeeded: arguments[2].integer(i) ?? 0) : 0
        let match = pattern.match(text.bytes, from: 0)
        guard group >= 0, group < match.count, let range = match[group] else { return TextSlice(start: text.start, count: 0) }
        return TextSlice(start: text.start.map { $0 + range.lowerBound }, count: range.count)
      }
    },
    // As in PostgreSQL and DuckDB: the first match, or all with the flag g; \1 to \9 are groups.
    Function("regexp_replace", [.text, .text, .text, .text], required: 3, gives: .text, validate: validPattern) { arguments, count, fail in
      var patterns = PatternColumn(arguments, at: 1, flags: 3)
      return texts(count) { i, out in
        guard let text = arguments[0].slice(i), let pattern = patterns.pattern(i, fail), let by = arguments[2].slice(i) else {
          return false
        }
        let all = arguments.count == 4 && (arguments[3].slice(i)?.bytes.contains(0x67) ?? false)
        replace(pattern, text.bytes, by.bytes, all: all, &out)
        return true
      }
    },
  ]

  private static let validPattern: @Sendable ([Node]) -> String? = { nodes in
    guard case .literal(.text(let buffer), _) = nodes[1] else { return nil }
    var message = ""
    let pattern = PatternCache.shared.pattern(buffer.copy(0..<buffer.count), ignoringCase: false, message: &message)
    return pattern == nil ? "the regular expression is wrong: \(message)" : nil
  }

  private static func replace(
    _ pattern: RegularExpression, _ text: UnsafeBufferPointer<UInt8>, _ by: UnsafeBufferPointer<UInt8>, all: Bool, _ out: inout [UInt8]
  ) {
    var at = 0
    while at <= text.count {
      let match = pattern.match(text, from: at)
      guard let whole = match.first ?? nil else { break }
      out.append(contentsOf: text[at..<whole.lowerBound])
      var k = 0
      while k < by.count {
        if by[k] == 0x5C, k + 1 < by.count {
          k += 1
          if by[k] >= 0x30, by[k] <= 0x39 {
            let group = Int(by[k] - 0x30)
            if group < match.count, let range = match[group] { out.append(contentsOf: text[range]) }
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
        var next = at + 1
        while next < text.count, text[next] & 0xC0 == 0x80 { next += 1 }
        if at < text.count { out.append(contentsOf: text[at..<min(next, text.count)]) }
        at = next
      }
      if !all { break }
    }
    if at < text.count { out.append(contentsOf: text[at...]) }
  }
}

/// The patterns of a column, compiled anew only where the text changes.
private struct PatternColumn {
  private let patterns: Vector
  private let flags: Vector?
  private var last: (text: [UInt8], ignoringCase: Bool, pattern: RegularExpression)?

  init(_ arguments: [Vector], at position: Int, flags: Int?) {
    patterns = arguments[position]
    self.flags = flags.flatMap { $0 < arguments.count ? arguments[$0] : nil }
  }

  mutating func pattern(_ i: Int, _ fail: (Int, String) -> Void) -> RegularExpression? {
    guard let slice = patterns.slice(i) else { return nil }
    let ignoringCase = flags?.slice(i)?.bytes.contains(0x69) ?? false
    if let last, last.ignoringCase == ignoringCase, last.text.elementsEqual(slice.bytes) { return last.pattern }
    var message = ""
    let text = Array(slice.bytes)
    guard let made = PatternCache.shared.pattern(text, ignoringCase: ignoringCase, message: &message) else {
      fail(i, "the regular expression is wrong: \(message)")
      return nil
    }
    last = (text, ignoringCase, made)
    return made
  }
}

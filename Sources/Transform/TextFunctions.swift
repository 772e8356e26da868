import CByteScan
import Configuration
import Records

extension Functions {
  static let text: [Function] = [
    mapped("lower", from: 0x41) { $0.lowercased() },
    mapped("upper", from: 0x61) { $0.uppercased() },
    Function("length", [.text], gives: .bigint) { arguments, call in
      call.integers { arguments[0].slice($0).map { Int64(characters($0.bytes)) } }
    },
    trimming("trim", left: true, right: true),
    trimming("ltrim", left: true, right: false),
    trimming("rtrim", left: false, right: true),
    Function("substr", [.text, .bigint, .bigint], required: 2, gives: .text) { arguments, call in
      call.slices(arguments[0]) { i, text in
        guard let start = arguments[1].integer(i) else { return nil }
        var length = Int64.max
        if arguments.count == 3 {
          guard let given = arguments[2].integer(i) else { return nil }
          if given < 0 { call.fail(i, "substr can't take a negative length") }
          length = max(given, 0)
        }
        let end = start.addingReportingOverflow(length)
        return cut(text, from: max(start, 1) - 1, to: end.overflow ? .max : max(end.partialValue, 1) - 1)
      }
    },
    Function("left", [.text, .bigint], gives: .text) { arguments, call in
      call.slices(arguments[0]) { i, text in
        arguments[1].integer(i).map { cut(text, from: 0, to: $0 >= 0 ? $0 : max(0, Int64(characters(text.bytes)) + $0)) }
      }
    },
    Function("right", [.text, .bigint], gives: .text) { arguments, call in
      call.slices(arguments[0]) { i, text in
        let all = Int64(characters(text.bytes))
        return arguments[1].integer(i).map { cut(text, from: $0 >= 0 ? max(0, all - $0) : $0 > -all ? 0 - $0 : all, to: .max) }
      }
    },
    Function("replace", [.text, .text, .text], gives: .text) { arguments, call in
      call.texts { i, out in
        guard let text = arguments[0].slice(i), let from = arguments[1].slice(i), let to = arguments[2].slice(i) else { return false }
        var at = 0
        while from.count > 0, !out.hasOverflowed, let next = find(from.bytes, in: text.bytes, from: at) {
          out.append(text.bytes[at..<next])
          out.append(to.bytes)
          at = next + from.count
        }
        out.append(text.bytes[at...])
        return true
      }
    },
    // As in PostgreSQL, concat passes over NULLs.
    Function("concat", [.printable], isVariadic: true, gives: .text) { arguments, call in
      call.texts { i, out in
        for argument in arguments { if let slice = argument.slice(i) { out.append(slice.bytes) } }
        return true
      }
    },
    Function("strpos", [.text, .text], gives: .bigint) { arguments, call in
      call.integers { i in
        guard let text = arguments[0].slice(i), let wanted = arguments[1].slice(i) else { return nil }
        guard let at = find(wanted.bytes, in: text.bytes, from: 0) else { return 0 }
        return Int64(characters(UnsafeBufferPointer(rebasing: text.bytes[..<at])) + 1)
      }
    },
    padding("lpad", isLeft: true),
    padding("rpad", isLeft: false),
    Function("reverse", [.text], gives: .text) { arguments, call in
      call.texts { i, out in
        guard let text = arguments[0].slice(i), let room = out.room(text.count) else { return false }
        var at = 0
        while at < text.count {
          let length = Scalars.at(at, text.bytes).length
          for k in 0..<length { room[text.count - at - length + k] = text.bytes[at + k] }
          at += length
        }
        return true
      }
    },
    comparing("starts_with") { $0.starts(with: $1) },
    comparing("ends_with") { $0.count >= $1.count && $0.suffix($1.count).elementsEqual($1) },
    comparing("contains") { find($1, in: $0, from: 0) != nil },
    Function("split_part", [.text, .text, .bigint], gives: .text) { arguments, call in
      call.texts { i, out in
        guard let text = arguments[0].slice(i), let by = arguments[1].slice(i), let wanted = arguments[2].integer(i) else { return false }
        var part: Int64 = 1
        var at = 0
        while true {
          let next = by.count > 0 ? find(by.bytes, in: text.bytes, from: at) : nil
          if part == wanted { out.append(text.bytes[at..<(next ?? text.count)]) }
          guard let next, part < wanted else { return true }
          at = next + by.count
          part += 1
        }
      }
    },
  ]

  /// A text filled up, or cut, to a number of characters, as in PostgreSQL.
  private static func padding(_ name: String, isLeft: Bool) -> Function {
    Function(name, [.text, .bigint, .text], required: 2, gives: .text) { arguments, call in
      call.texts { i, out in
        guard let text = arguments[0].slice(i), let wanted = arguments[1].integer(i) else { return false }
        var fill = UnsafeBufferPointer(start: blank.utf8Start, count: blank.utf8CodeUnitCount)
        if arguments.count == 3 {
          guard let given = arguments[2].slice(i) else { return false }
          fill = given.bytes
        }
        let missing = wanted - Int64(characters(text.bytes))
        if missing <= 0 || fill.isEmpty {
          out.append(cut(text, from: 0, to: max(wanted, 0)).bytes)
          return true
        }
        if !isLeft { out.append(text.bytes) }
        let (times, rest) = missing.quotientAndRemainder(dividingBy: Int64(characters(fill)))
        var done: Int64 = 0
        while done < times, !out.hasOverflowed, call.findings.lookBetweenRows() {
          out.append(fill)
          done += 1
        }
        out.append(cut(TextSlice(start: fill.baseAddress, count: fill.count), from: 0, to: rest).bytes)
        if isLeft { out.append(text.bytes) }
        return true
      }
    }
  }

  private static let blank: StaticString = " "

  /// How many characters (Unicode scalars) UTF-8 bytes hold.
  static func characters(_ bytes: UnsafeBufferPointer<UInt8>) -> Int {
    var count = 0
    for byte in bytes where byte & 0xC0 != 0x80 { count += 1 }
    return count
  }

  /// The characters from position `from` up to `to`, counted from 0.
  static func cut(_ text: TextSlice, from: Int64, to: Int64) -> TextSlice {
    var position: Int64 = -1
    var start = text.count, end = text.count
    for (i, byte) in text.bytes.enumerated() where byte & 0xC0 != 0x80 {
      position += 1
      if position == from { start = i }
      if position == to {
        end = i
        break
      }
    }
    return TextSlice(start: text.start.map { $0 + min(start, end) }, count: max(0, end - start))
  }

  /// Where `wanted` begins at or after `from`; its time grows with the lengths' sum.
  static func find(_ wanted: UnsafeBufferPointer<UInt8>, in text: UnsafeBufferPointer<UInt8>, from: Int) -> Int? {
    guard wanted.count > 0, wanted.count <= text.count - from, let base = text.baseAddress else { return wanted.isEmpty ? from : nil }
    let at = from + sluice_find(base + from, text.count - from, wanted.baseAddress, wanted.count)
    return at < text.count ? at : nil
  }

  /// A change of case: of ASCII's 26 letters from `first` on by a bit, of text that is more than ASCII by Unicode's rules.
  private static func mapped(_ name: String, from first: UInt8, other: @escaping @Sendable (String) -> String) -> Function {
    Function(name, [.text], gives: .text) { arguments, call in
      call.texts { i, out in
        guard let text = arguments[0].slice(i) else { return false }
        var all: UInt8 = 0
        for byte in text.bytes { all |= byte }
        if all >= 0x80 {
          out.append(other(text.string))
          return true
        }
        guard let room = out.room(text.count) else { return false }
        for (k, byte) in text.bytes.enumerated() { room[k] = byte &- first < 26 ? byte ^ 0x20 : byte }
        return true
      }
    }
  }

  private static func trimming(_ name: String, left: Bool, right: Bool) -> Function {
    Function(name, [.text, .text], required: 1, gives: .text) { arguments, call in
      var sets = Memo<Set<Unicode.Scalar>>()
      return call.slices(arguments[0]) { i, text in
        var set: Set<Unicode.Scalar> = [" "]
        if arguments.count == 2 {
          guard let given = arguments[1].slice(i) else { return nil }
          set = sets.value(given) { Set($0.string.unicodeScalars) }
        }
        var start = 0, end = text.count
        while left, start < end {
          let (scalar, length) = Scalars.at(start, text.bytes)
          guard set.contains(scalar) else { break }
          start += length
        }
        while right, end > start {
          var last = end - 1
          while last > start, text.bytes[last] & 0xC0 == 0x80 { last -= 1 }
          guard set.contains(Scalars.at(last, text.bytes).scalar) else { break }
          end = last
        }
        return TextSlice(start: text.start.map { $0 + start }, count: end - start)
      }
    }
  }

  private static func comparing(
    _ name: String, _ holds: @escaping @Sendable (UnsafeBufferPointer<UInt8>, UnsafeBufferPointer<UInt8>) -> Bool
  ) -> Function {
    Function(name, [.text, .text], gives: .boolean) { arguments, call in
      call.booleans { i in
        guard let a = arguments[0].slice(i), let b = arguments[1].slice(i) else { return nil }
        return holds(a.bytes, b.bytes)
      }
    }
  }
}

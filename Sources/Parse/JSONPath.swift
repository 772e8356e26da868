import Configuration
import Foundation

/// Where in a JSON document its records are: the part of JSONPath (RFC 9535) that names places going down from `$`.
package struct JSONPath: Sendable, Hashable {
  /// From a value to its children.
  package enum Step: Sendable, Hashable {
    /// The member of this name.
    case name(String)
    /// The element of this number, from 0.
    case index(Int)
    /// Every child.
    case all
  }

  /// The steps from the document down.
  package let steps: [Step]
  /// As the definition spells it.
  let text: String

  /// An error in a path, and its place in bytes from the path's beginning.
  package struct Wrong: Error, Sendable {
    /// The error as a sentence for the user.
    package let reason: String
    let offset: Int
    let length: Int
  }

  init(steps: [Step], text: String) {
    self.steps = steps
    self.text = text
  }

  /// Reads `$`, then `.name`, `."name"`, `['name']`, `[*]`, `.*` and `[n]`.
  package init(_ text: String) throws(Wrong) {
    var reader = Reader(text: Array(text.unicodeScalars))
    steps = try reader.path()
    self.text = text
  }

  /// A path of the first steps, as it is spelled.
  func spelled(_ count: Int) -> String {
    steps.prefix(count).reduce("$") { text, step in
      switch step {
      case .name(let name): text + Self.spelled(name)
      case .index(let index): text + "[\(index)]"
      case .all: text + "[*]"
      }
    }
  }

  /// A step to a member.
  static func spelled(_ name: String) -> String {
    let isPlain = !name.isEmpty && name.unicodeScalars.allSatisfy(Reader.isName) && !("0"..."9").contains(name.unicodeScalars.first ?? "0")
    return isPlain ? "." + name : "['\(name.replacingOccurrences(of: "\\", with: "\\\\").replacingOccurrences(of: "'", with: "\\'"))']"
  }

  private struct Reader {
    let text: [Unicode.Scalar]
    var at = 0

    private var next: Unicode.Scalar? { at < text.count ? text[at] : nil }

    static func isName(_ scalar: Unicode.Scalar) -> Bool {
      scalar == "_" || scalar == "-" || scalar.value >= 0x80 || ("a"..."z").contains(scalar) || ("A"..."Z").contains(scalar)
        || ("0"..."9").contains(scalar)
    }

    mutating func path() throws(Wrong) -> [Step] {
      guard next == "$" else { throw wrong("a path begins with $, which stands for the document") }
      at += 1
      var steps: [Step] = []
      while let scalar = next {
        switch scalar {
        case ".": steps.append(try dotted())
        case "[": steps.append(try bracketed())
        default: throw wrong("here a step begins: .name, ['name'], [*] or [n]")
        }
      }
      return steps
    }

    private mutating func dotted() throws(Wrong) -> Step {
      let start = at
      at += 1
      if next == "." { throw wrong("“..”, which looks at every depth, is not supported; name each step", from: start, length: 2) }
      if next == "*" {
        at += 1
        return .all
      }
      if next == "\"" { return .name(try quoted()) }
      let first = at
      while let scalar = next, Self.isName(scalar) { at += 1 }
      guard at > first else {
        throw wrong("a name comes behind the point; one with other signs than letters, digits, _ and - stands as ['name']")
      }
      return .name(string(first..<at))
    }

    private mutating func bracketed() throws(Wrong) -> Step {
      let start = at
      at += 1
      let step: Step
      switch next {
      case "*":
        at += 1
        step = .all
      case "'", "\"": step = .name(try quoted())
      case let digit? where ("0"..."9").contains(digit):
        let first = at
        while let scalar = next, ("0"..."9").contains(scalar) { at += 1 }
        guard let index = Int(string(first..<at)), index < 1 << 53 else { throw wrong("the number is too large", from: first) }
        step = .index(index)
      case "?": throw wrong("filters are not supported here; filter records by a step of transform", from: start)
      case "-": throw wrong("elements are counted from the front, the first is [0]", from: at, length: 2)
      default: throw wrong("in brackets stand 'a name', * or the number of an element")
      }
      if next == ":" { throw wrong("slices are not supported; [*] takes every element", from: at) }
      if next == "," { throw wrong("several names or numbers in one step are not supported", from: at) }
      guard next == "]" else { throw wrong("the bracket is not closed", from: at == text.count ? start : at) }
      at += 1
      return step
    }

    private mutating func quoted() throws(Wrong) -> String {
      let start = at
      let quote = text[at]
      at += 1
      var name = String.UnicodeScalarView()
      while let scalar = next, scalar != quote {
        at += 1
        if scalar == "\\" {
          guard let escaped = next, escaped == quote || escaped == "\\" else {
            throw wrong("behind a backslash stands a quote or a backslash", from: at - 1, length: 2)
          }
          name.append(escaped)
          at += 1
        } else {
          name.append(scalar)
        }
      }
      guard next == quote else { throw wrong("the name's quote is not closed", from: start) }
      at += 1
      return String(name)
    }

    private func string(_ range: Range<Int>) -> String {
      var view = String.UnicodeScalarView()
      view.append(contentsOf: text[range])
      return String(view)
    }

    /// - Parameter start: where it is; by default where the reader is.
    private func wrong(_ reason: String, from start: Int? = nil, length: Int = 1) -> Wrong {
      Wrong(reason: reason, offset: start ?? at, length: min(length, max(1, text.count - (start ?? at))))
    }
  }
}

import Foundation
import Records

/// Cuts lines, each a record: no record holds a line end.
struct LineFramer: RecordFramer {
  mutating func begin(_ head: RawSpan, isFinal: Bool) -> Prologue? { Prologue(bytes: 0, lines: 0) }

  mutating func resume(_ prologue: Prologue, _ state: Data?) -> Bool { true }

  mutating func boundary(_ bytes: RawSpan, isFinal: Bool) -> RecordBoundary {
    if isFinal { return RecordBoundary(end: bytes.byteCount) }
    return bytes.scan { p, count in
      var end = count
      while end > 0, p[end - 1] != 0x0A { end -= 1 }
      return RecordBoundary(end: end)
    }
  }
}

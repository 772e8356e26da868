import Foundation
import Testing

@testable import Records

@Suite("Patterns of dates and times")
struct TimePatternTests {
  private static func read(_ pattern: String, _ text: String) throws -> TimePattern.Parts? {
    let pattern = try TimePattern(pattern)
    var text = text
    return text.withUTF8 { bytes in bytes.baseAddress.flatMap { pattern.read($0, bytes.count) } }
  }

  private static func shown(_ parts: TimePattern.Parts?) -> String? {
    guard let parts else { return nil }
    let out = ByteBuffer(capacity: 64)
    TimeText.writeTimestamp(parts.days * TimeText.microsecondsPerDay + parts.micros, to: out)
    if let offset = parts.offset { TimeText.writeOffset(offset, to: out) }
    return String(decoding: out.copy(0..<out.count), as: UTF8.self)
  }

  @Test("what is read, and what is refused")
  func reading() throws {
    for (pattern, text, want) in [
      ("%d/%m/%Y %H:%M", "31/12/2024 23:59", "2024-12-31 23:59:00"), ("%d/%m/%Y", "1/2/2024", "2024-02-01 00:00:00"),
      ("%d.%m.%y", "05.06.68", "2068-06-05 00:00:00"), ("%d.%m.%y", "05.06.69", "1969-06-05 00:00:00"),
      ("%m/%d/%Y %I:%M:%S %p", "07/04/2024 12:00:01 am", "2024-07-04 00:00:01"),
      ("%m/%d/%Y %I:%M %p", "07/04/2024 12:30 PM", "2024-07-04 12:30:00"), ("%Y%m%d%H%M%S", "20240229010203", "2024-02-29 01:02:03"),
      ("%d %b %Y", "3 mar 2024", "2024-03-03 00:00:00"), ("%d. %B %Y", "3. MARCH 2024", "2024-03-03 00:00:00"),
      ("%d %B %Y", "3 May 2024", "2024-05-03 00:00:00"),
      ("%a, %d %b %Y %T %z", "Fri, 27 Nov 2026 23:00:05 +0130", "2026-11-27 23:00:05+0130"),
      ("%FT%T.%f%z", "2024-01-02T03:04:05.6Z", "2024-01-02 03:04:05.6+0000"), ("%F %R", "2024-01-02 03:04", "2024-01-02 03:04:00"),
      ("%F %T.%f", "2024-01-02 03:04:05.123456789", "2024-01-02 03:04:05.123456"), ("%s", "-1", "1969-12-31 23:59:59+0000"),
      ("%j/%Y", "366/2024", "2024-12-31 00:00:00"), ("%G-W%V-%u", "2020-W53-7", "2021-01-03 00:00:00"),
      ("%d%%%m%%%Y", "1%2%2024", "2024-02-01 00:00:00"),
      ("%b %e %Y", "Jan  5 2024", "2024-01-05 00:00:00"), ("%H:%M", "07:08", "1970-01-01 07:08:00"),
      ("%F %T %Z", "2024-01-02 03:04:05 GMT", "2024-01-02 03:04:05+0000"),
      ("%F  %R", "2024-01-02    03:04", nil), ("%F%n%R", "2024-01-02\n03:04", "2024-01-02 03:04:00"),
      ("%d/%m/%Y", "31/04/2024", nil), ("%d/%m/%Y", "29/02/2023", nil), ("%d/%m/%Y", "12/31/2024", nil), ("%d/%m/%Y", "1/1/24", nil),
      ("%d/%m/%Y", "1/1/2024 ", nil), ("%d/%m/%Y", " 1/1/2024", "2024-01-01 00:00:00"), ("%H:%M", "24:00", nil), ("%H:%M", "7:60", nil),
      ("%d/%m/%Y", "", nil),
      ("%a %F", "Mon 2026-11-27", nil), ("%j/%Y", "366/2023", nil), ("%G-W%V-%u", "2021-W53-1", nil), ("%I %p", "13 PM", nil),
      ("%F", "2024-1", nil), ("%d %b %Y", "3 Mrz 2024", nil), ("%Y", "0000", "0000-01-01 00:00:00"),
    ] as [(String, String, String?)] {
      if pattern == "%F  %R" {
        // Two blanks of the pattern need two at least.
        #expect(try Self.read(pattern, "2024-01-02  03:04") == nil)
        continue
      }
      let got = Self.shown(try Self.read(pattern, text))
      #expect(got == want, "“\(text)” by “\(pattern)”")
    }
  }

  @Test("a wrong pattern says why, and where")
  func wrong() {
    for (pattern, offset, part) in [
      ("", 0, "empty"), ("%d/%q", 3, "no directive"), ("%d %", 3, "at the end"), ("%d %e", 3, "twice"), ("%Y %y", 3, "twice"),
      ("%I:%M", 0, "go together"), ("%H %p", 0, "go together"), ("%-", 0, "at the end"),
    ] {
      do {
        _ = try TimePattern(pattern)
        Issue.record("“\(pattern)” was accepted")
      } catch {
        #expect(error.offset == offset && error.reason.contains(part), "\(pattern): \(error)")
      }
    }
  }

  static let strftime = """
    import json, sys, datetime
    asked = json.loads(sys.stdin.read())
    zone = datetime.timezone(datetime.timedelta(minutes=90))
    base = datetime.datetime(1, 1, 1)
    print(json.dumps([[(base + datetime.timedelta(days=d, microseconds=m)).replace(tzinfo=zone).strftime(p) for p in asked['patterns']] for d, m in asked['times']]))
    """

  @Test("what is written is what Python's strftime writes, and is read again as the same")
  func writing() throws {
    let patterns = [
      "%d/%m/%Y %H:%M:%S.%f", "%a %A %b %B %d %Y", "%A %B %d %Y", "%I:%M %p %y", "%j", "%G-W%V-%u", "%-d.%-m.%Y %-H:%-M:%-S", "%F %T %z",
      "%D %R", "100%%",
    ]
    let seed = UInt64.random(in: 0...UInt64.max)
    var state = seed
    func next(_ n: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(state >> 33) % n
    }
    // From the year 1000 on: Python writes years before it without zeros.
    let times = (0..<400).map { _ in [365_000 + next(3_285_000), next(86_400) * 1_000_000 + next(1_000_000)] }
    let asked = try JSONSerialization.data(withJSONObject: ["patterns": patterns, "times": times])
    let answer = try Oracle.ask(Self.strftime, String(decoding: asked, as: UTF8.self))
    let want = try #require(JSONSerialization.jsonObject(with: Data(answer.utf8)) as? [[String]])
    let first = TimeText.daysSinceEpoch(year: 1, month: 1, day: 1)
    let out = ByteBuffer(capacity: 256)
    for (time, texts) in zip(times, want) {
      let parts = TimePattern.Parts(days: first + Int64(time[0]), micros: Int64(time[1]), offset: 5400)
      for (pattern, text) in zip(patterns, texts) {
        let compiled = try TimePattern(pattern, reads: false)
        out.count = 0
        compiled.write(parts, to: out)
        let got = String(decoding: out.copy(0..<out.count), as: UTF8.self)
        #expect(got == text, "\(pattern), seed \(seed)")
        guard compiled.hasDate, !pattern.contains("%D"), !pattern.contains("%y"), !pattern.contains("%a") else { continue }
        #expect(try Self.read(pattern, text)?.days == parts.days, "\(pattern): \(text)")
      }
    }
  }

  @Test("times of day")
  func times() {
    for (text, want) in [
      ("00:00", "00:00:00"), ("23:59:59", "23:59:59"), ("01:02:03.5", "01:02:03.5"), ("01:02:03.123456789", "01:02:03.123456"),
      ("24:00", nil),
      ("1:02", nil), ("01:02:", nil), ("01:02:03.", nil), ("01:02:60", nil), ("", nil), ("01:02:03.1234567890", nil), ("01:02:03Z", nil),
    ] as [(String, String?)] {
      var text = text
      let micros = text.withUTF8 { bytes in bytes.baseAddress.flatMap { TimeText.time($0, bytes.count) } }
      let out = ByteBuffer(capacity: 32)
      if let micros { TimeText.writeTime(micros, to: out) }
      #expect((micros == nil ? nil : String(decoding: out.copy(0..<out.count), as: UTF8.self)) == want, "\(text)")
    }
  }
}

import Foundation
import Testing

@testable import Records

/// Python's zoneinfo reads the same database with code of its own.
@Suite("Time zones")
struct ZoneRulesTests {
  static let zoneinfo = """
    import json, sys, zoneinfo, datetime
    asked = json.loads(sys.stdin.read())
    utc = datetime.timezone.utc
    epoch = datetime.datetime(1970, 1, 1)
    answers = {}
    for name in asked['zones']:
        zone = zoneinfo.ZoneInfo(name)
        def offset(moment): return int(datetime.datetime.fromtimestamp(moment, utc).astimezone(zone).utcoffset().total_seconds())
        # Changes, found between two looks a day apart.
        changes = []
        at, before = asked['from'], offset(asked['from'])
        while at < asked['to']:
            after = offset(at + 86400)
            if after != before:
                low, high = at, at + 86400
                while high - low > 1:
                    middle = (low + high) // 2
                    if offset(middle) == before: low = middle
                    else: high = middle
                changes.append(high)
            at, before = at + 86400, after
        moments = [m for c in changes for m in (c - 1, c)] + asked['moments']
        # Local times around each change: half hours before and behind, and the same at the change itself.
        locals = []
        for c in changes:
            for base in (c + offset(c - 1), c + offset(c)):
                locals += [base - 5400, base - 1800, base - 1, base, base + 1, base + 1800, base + 5400]
        locals += asked['moments']
        found = []
        for l in locals:
            naive = epoch + datetime.timedelta(seconds=l)
            both = [naive.replace(tzinfo=zone, fold=f) for f in (0, 1)]
            utcs = [l - int(b.utcoffset().total_seconds()) for b in both]
            real = [u for u in sorted(set(utcs)) if u + offset(u) == l]
            found.append(['one' if len(real) == 1 else 'overlap' if len(real) == 2 else 'gap'] + (real if len(real) == 1 else sorted(utcs)))
        answers[name] = {'moments': [[m, offset(m)] for m in moments], 'locals': [[l] + f for l, f in zip(locals, found)]}
    print(json.dumps(answers))
    """

  private static func seconds(_ year: Int) -> Int64 { TimeText.daysSinceEpoch(year: year, month: 1, day: 1) * 86_400 }

  @Test("every zone: 30 years of changes to the second, their local times, and moments far off, as Python's zoneinfo has them")
  func everyZone() throws {
    let names = ZoneRules.names()
    #expect(names.count > 300)
    // Python's datetime has the years 1 to 9999.
    let far = [1971, 1985, 2037, 2038, 2039, 2100, 2399, 2400, 2800, 9998].flatMap {
      [Self.seconds($0), Self.seconds($0) + 182 * 86_400 + 4321]
    }
    let asked = try JSONSerialization.data(withJSONObject: [
      "zones": names, "from": Self.seconds(2000), "to": Self.seconds(2030), "moments": far,
    ])
    let answer = try Oracle.ask(Self.zoneinfo, String(decoding: asked, as: UTF8.self))
    let all = try #require(JSONSerialization.jsonObject(with: Data(answer.utf8)) as? [String: [String: [[Any]]]])
    #expect(all.count == names.count)
    var changes = 0
    for (name, answers) in all {
      let rules = try ZoneRules.named(name)
      for pair in answers["moments"] ?? [] {
        let moment = (pair[0] as? NSNumber)?.int64Value ?? 0
        let offset = (pair[1] as? NSNumber)?.intValue
        if rules.offset(at: moment) != offset {
          Issue.record("\(name) at \(moment): \(rules.offset(at: moment)), and Python says \(pair[1])")
        }
        changes += 1
      }
      var hint = 0
      for answer in answers["locals"] ?? [] {
        let numbers = answer.compactMap { ($0 as? NSNumber)?.int64Value }
        let local = numbers[0]
        let want: ZoneRules.Moment =
          switch answer[1] as? String {
          case "one"?: .one(numbers[1])
          case "gap"?: .gap(earlier: numbers[1], later: numbers[2])
          default: .overlap(earlier: numbers[1], later: numbers[2])
          }
        for got in [rules.moment(ofLocal: local), rules.moment(ofLocal: local, hint: &hint)] where got != want {
          Issue.record("\(name), local \(local): \(got), and Python says \(want)")
        }
      }
    }
    #expect(changes > 10_000)
  }

  @Test("a name that the database does not have is an error, and so is a path")
  func unknown() {
    for name in ["Europe/Berln", "", "../zoneinfo/UTC", "/usr/share/zoneinfo/UTC", "zone.tab", "Europe"] {
      #expect(throws: ZoneRules.Trouble.unknown(name)) { try ZoneRules.named(name) }
    }
  }

  @Test("fixed offsets")
  func fixed() throws {
    #expect(try ZoneRules.named("+02:00").moment(ofLocal: 7200) == .one(0))
    #expect(try ZoneRules.named("-0330").offset(at: 0) == -12_600)
    #expect(try ZoneRules.named("+05").abbreviation(at: 0) == "+05")
    for name in ["+2", "+16:00", "+02:60", "+aa:bb"] { #expect(throws: ZoneRules.Trouble.self) { try ZoneRules.named(name) } }
  }

  @Test("abbreviations")
  func abbreviations() throws {
    let berlin = try ZoneRules.named("Europe/Berlin")
    #expect(berlin.abbreviation(at: Self.seconds(2024)) == "CET" && berlin.abbreviation(at: Self.seconds(2024) + 182 * 86_400) == "CEST")
  }
}

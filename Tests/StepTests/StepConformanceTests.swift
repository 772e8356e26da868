import Configuration
import Definition
import Foundation
import Testing
import Transform

@Suite("Every step keeps to what steps promise")
struct StepConformanceTests {
  static let names = Steps.all.map { $0.name }

  /// Cases for each registered step.
  static let cases: [String: [StepCase]] = [
    "filter": [
      StepCase(text: "filter: a > 1 AND s <> 'b'", unknown: "filter: a > 1 AND nonesuch <> 'b'"),
      StepCase(text: "filter: a * 4611686018427387904 < 5 OR n > 30", unknown: "filter: \"a > 1 OR nonesuch = 'x'\""),
    ],
    "derive": [
      StepCase(
        text: "derive: {c: a + 1, t: \"upper(s) || '-'\", big: c * 2000000000000000000, s: length(s)}",
        unknown: "derive: {c: a + 1, t: nonesuch || '-'}")
    ],
    "rename": [StepCase(text: "rename: {a: b, s: a}", unknown: "rename: {a: b, nonesuch: c}")],
    "select": [StepCase(text: "select: [s, a]", unknown: "select: [s, nonesuch]")],
    "drop": [StepCase(text: "drop: [a, x]", unknown: "drop: [a, nonesuch]")],
    "cast": [StepCase(text: "cast: {s: bigint, a: text, n: double}", unknown: "cast: {s: bigint, nonesuch: text}")],
    "expect": [
      StepCase(
        text: "expect: {small: a < 5, known: s IS NOT NULL}", unknown: "expect: {small: a < 5, known: nonesuch IS NOT NULL}")
    ],
    "lookup": [
      StepCase(
        text: "lookup: {file: table.csv, on: {a: code}, take: {word: name, weight: kg}}",
        unknown: "lookup: {file: table.csv, on: {nonesuch: code}, take: {word: name}}",
        files: ["table.csv": "code,name,kg\n1,one,1.5\n2,\"t\"\"wo\",\n3,,0\n"], changed: ["table.csv": "code,name,kg\n1,eins,1.5\n"]),
      StepCase(
        text: "lookup: {file: table.jsonl, on: {s: text, n: number}, take: [mark], on_missing: dead_letter}",
        unknown: "lookup: {file: table.jsonl, on: {s: text, nonesuch: number}, take: [mark]}",
        files: ["table.jsonl": "{\"text\":\"17\",\"number\":7,\"mark\":true}\n{\"text\":\"na\\u00efve\",\"number\":3,\"mark\":false}\n"],
        changed: ["table.jsonl": "{\"text\":\"17\",\"number\":8,\"mark\":true}\n"]),
      StepCase(
        text: "lookup: {file: keys.tsv, on: [x], on_missing: skip, fields: {x: double}}",
        unknown: "lookup: {file: keys.tsv, on: [nonesuch], on_missing: skip}",
        files: ["keys.tsv": "x\tnonesuch\n0.5\t1\n1e1\t2\n0\t3\n"], changed: ["keys.tsv": "x\tnonesuch\n"]),
    ],
    "exec": [
      StepCase(
        text:
          "exec: {command: [python3, -u, -c, \"import json,sys\\nfor line in sys.stdin:\\n r=json.loads(line)\\n if '@batch' in r: print(line, end='')\\n elif r['n'] % 7 == 3: print('null')\\n elif r['n'] % 7 == 5: print('{\\\"@error\\\": \\\"five\\\"}')\\n else: print(json.dumps({'n': r['n'], 'twice': 2 * r['n'], 's': r['s']}))\"], fields: {n: bigint, twice: bigint, s: text}}"
      )
    ],
  ]

  /// Runs all checks; what fails, by the rule that it breaks.
  static func failures(_ suite: StepSuite) async throws -> [String: [String]] {
    var failures: [String: [String]] = [:]
    for (rule, body) in StepSuite.checks {
      do {
        let found = try await body(suite)
        if !found.isEmpty { failures[rule] = found }
      } catch {
        failures[rule] = ["\(error)"]
      }
    }
    return failures
  }

  private static func folder() throws -> String {
    let folder = NSTemporaryDirectory() + "/sluice-steps-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    return folder
  }

  @Test("registered steps", arguments: StepConformanceTests.names)
  func registered(_ name: String) async throws {
    let type = try #require(Steps.all.first { $0.name == name })
    let cases = try #require(Self.cases[name], "the suite has no case for \(name)")
    for example in cases {
      let folder = try Self.folder()
      defer { try? FileManager.default.removeItem(atPath: folder) }
      let failures = try await Self.failures(StepSuite(type, example, folder: folder))
      #expect(failures.isEmpty, "\(example.text): \(failures)")
    }
  }

  @Test("each check fails on a step that is broken in its way", arguments: BrokenStep.Flaw.allCases)
  func broken(_ flaw: BrokenStep.Flaw) async throws {
    let folder = try Self.folder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let example = StepCase(
      text: "derive: {c: a + 1, t: \"upper(s) || '-'\", big: a * 2000000000000000000}", unknown: "derive: {c: nonesuch + 1}",
      files: flaw == .loadsUnseen ? ["table.csv": "a\n1\n"] : [:], changed: flaw == .loadsUnseen ? ["table.csv": "a\n2\n"] : [:])
    let suite = StepSuite(name: "derive", shape: DeriveStep.shape, example, folder: folder) {
      BrokenStep(inner: DeriveStep($0, &$1), flaw: flaw)
    }
    let failures = try await Self.failures(suite)
    if let rule = flaw.rule {
      #expect(StepSuite.checks.contains { $0.rule == rule })
      #expect(failures[rule] != nil, "\(flaw) passes “\(rule)”; others that fail: \(failures.keys)")
    } else {
      #expect(failures.isEmpty, "\(failures)")
    }
  }

  @Test("each rule has a step that breaks it")
  func everyRuleIsBroken() {
    #expect(Set(StepSuite.checks.map(\.rule)) == Set(BrokenStep.Flaw.allCases.compactMap(\.rule)))
  }

  @Test("steps' pages: a name of their own, whole sentences, the keys of the shape, an example that loads and names the step")
  func pages() throws {
    #expect(Set(Steps.all.map { $0.name }).count == Steps.all.count)
    for type in Steps.all {
      let page = type.page
      #expect(page.kind == .step && page.place.hasPrefix("transform[]"))
      for sentence in [page.summary] + page.guarantees + page.limits { #expect(sentence.hasSuffix("."), "\(page.name): \(sentence)") }
      if case .object(let keys) = type.shape { #expect(keys.map(\.name) == page.keys.map(\.name)) } else { #expect(page.keys.isEmpty) }
      #expect(page.example.contains("\(page.name):"), "\(page.name)'s example does not have it")
      do {
        _ = try PipelineDefinition.load(text: page.example, path: "/nowhere/example.yaml", variables: [:], environment: [:])
      } catch {
        Issue.record("\(page.name): \(error)")
      }
    }
  }
}

import Foundation
import Testing

@Suite("Tests that a definition holds")
struct DefinitionTestTests {
  private let pipeline = """
    pipeline: p
    fetch: {from: none/*.csv}
    parse:
      fields: {id: bigint not null, at: timestamp, fare: double, note: text}
    transform:
      - filter: fare > 10
      - derive: {cents: CAST(fare * 100 AS bigint)}
      - select: [id, at, cents, note]
    write: {path: out.jsonl}
    tests:

    """

  @Test("input as text and as records, expectations and rejections: all pass, and nothing is fetched or written")
  func passing() throws {
    let shop = try Workshop()
    try shop.write(
      "pipeline.yaml",
      pipeline + """
          - name: text
            input: |
              note,id,fare,at
              "two
              lines",1,12.5,2024-01-01 00:00:00
              x,,11,
              y,3,9,
              z,4,cheap,
            expect:
              - {id: 1, cents: 1250, at: "2024-01-01T00:00:00Z", note: "two\\nlines"}
            rejected:
              - {record: 2, code: missing_value, field: id}
              - {record: 4, code: invalid_value, field: fare}
          - name: records
            records:
              - {id: 1, at: 2024-01-01T00:00:00Z, fare: 12.50, note: "5"}
              - {id: 2, at: null, fare: 1, note: null}
            expect: [{id: 1, cents: 1250.0, note: "5"}]
          - name: none come out
            records: [{id: 1, fare: 1, at: null, note: null}]
            expect: []
        """)
    let before = try shop.tree()
    let outcome = try shop.sluice("test", "pipeline.yaml")
    #expect(outcome.status == 0, "\(outcome.stdout)\(outcome.stderr)")
    #expect(outcome.stdout == "ok    text\nok    records\nok    none come out\n3 tests passed\n")
    #expect(try shop.tree() == before)
  }

  @Test("a failing test shows the difference record by record and exits 78")
  func failing() throws {
    let shop = try Workshop()
    try shop.write(
      "pipeline.yaml",
      pipeline + """
          - name: wrong
            records:
              - {id: 1, at: null, fare: 20, note: a}
              - {id: 2, at: null, fare: 30, note: b}
              - {id: null, at: null, fare: 30, note: b}
            expect:
              - {id: 1, cents: 2001, nots: a}
        """)
    let outcome = try shop.sluice("test", "pipeline.yaml")
    #expect(outcome.status == 78)
    for line in [
      "FAIL  wrong  (pipeline.yaml:11)", "record 1:", "- cents: 2001", "+ cents: 2000", "there is no field nots; did you mean note?",
      "record 2 is not expected:", "+ {id: 2, at: null, cents: 3000, note: b}", "record 3 of the input is rejected: missing_value",
    ] { #expect(outcome.stdout.contains(line), "\(line)\n\(outcome.stdout)") }
    #expect(outcome.stderr.contains("1 of 1 tests failed [SL-114]"))
  }

  @Test("a test that is wrong itself is an error with its place")
  func wrong() throws {
    let shop = try Workshop()
    try shop.write(
      "pipeline.yaml", pipeline + "  - {name: a, expect: []}\n  - {name: b, records: [], rejected: [{record: 1, code: invalid_valeu}]}\n")
    let outcome = try shop.sluice("check", "pipeline.yaml")
    #expect(outcome.status == 78)
    #expect(outcome.stderr.contains("pipeline.yaml:11:5: error: a test has either input"), "\(outcome.stderr)")
    #expect(outcome.stderr.contains("did you mean “invalid_value”?"))
  }
}

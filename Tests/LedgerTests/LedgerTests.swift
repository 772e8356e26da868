import Testing

@Suite("Ledgers")
struct LedgerTests {
  @Test("every ledger keeps what a ledger has to", arguments: LedgerConformance.checks.map(\.name))
  func conformance(_ name: String) async throws {
    let check = try #require(LedgerConformance.checks.first { $0.name == name }?.check)
    let failures = await LedgerConformance.failures(check, try SQLiteBench())
    #expect(failures.isEmpty, "\(failures.joined(separator: "; "))")
  }

  @Test("each check finds what is broken on purpose", arguments: SQLiteFlaws.all.map(\.name))
  func checksFindWhatIsBroken(_ name: String) async throws {
    let entry = try #require(SQLiteFlaws.all.first { $0.name == name })
    let check = try #require(LedgerConformance.checks.first { $0.name == entry.check }?.check)
    let failures = await LedgerConformance.failures(check, try SQLiteBench(entry.flaw))
    #expect(!failures.isEmpty, "a ledger that \(name) passes “\(entry.check)”")
  }

  @Test("every check is shown to find something, and no two flaws or checks have one name")
  func everyCheckIsShown() {
    #expect(Set(SQLiteFlaws.all.map(\.check)) == Set(LedgerConformance.checks.map(\.name)))
    #expect(Set(SQLiteFlaws.all.map(\.name)).count == SQLiteFlaws.all.count)
    #expect(Set(LedgerConformance.checks.map(\.name)).count == LedgerConformance.checks.count)
  }
}

import Parse
import Records
import Testing

@Suite("Record formats hold what every format has to")
struct RecordFormatConformanceTests {
  @Test("each registered format, read whole, cut at every byte, resumed and passed over", arguments: FormatSample.all.indices)
  func formatsConform(_ i: Int) {
    let failures = RecordFormatSuite.failures(FormatSample.all[i])
    #expect(failures.isEmpty, "\(failures.joined(separator: "\n"))")
  }

  @Test("every registered format has a sample")
  func everyFormatHasASample() {
    for format in RecordFormats.all {
      #expect(FormatSample.all.contains { type(of: $0.format) == format }, "\(format.name)")
    }
  }

  @Test("every check fails on a format that is broken in what it checks", arguments: BrokenFormat.Fault.allCases)
  func brokenFormatsFail(_ fault: BrokenFormat.Fault) throws {
    let (_, check) = try #require(RecordFormatSuite.checks.first { $0.name == fault.check }, "there is no check “\(fault.check)”")
    let failures = FormatSample.all.flatMap { check($0.read(by: BrokenFormat($0.format, fault))) }
    #expect(!failures.isEmpty, "the check “\(fault.check)” lets \(fault) pass")
  }

  @Test("every check is failed by a broken format")
  func everyCheckIsFailed() {
    let failed = Set(BrokenFormat.Fault.allCases.map(\.check))
    for (name, _) in RecordFormatSuite.checks { #expect(failed.contains(name), "no broken format fails “\(name)”") }
  }
}

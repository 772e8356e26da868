import Configuration
import Records
import Testing
import Write

@Suite("Record encoders hold what every encoder has to")
struct RecordEncoderConformanceTests {
  /// The encoder as a definition that says nothing of it has it.
  private static func make(_ encoder: any FormatEncoder.Type) -> any FormatEncoder {
    var reader = DefinitionReader(text: "", folder: "", variables: [:], environment: [:])
    return encoder.init(.map([], Position(line: 1, column: 1, length: 1)), &reader)
  }

  @Test("each registered encoder: header, every type, escapes, selections, batches", arguments: RecordEncoders.all.indices)
  func encodersConform(_ i: Int) {
    let failures = RecordEncoderSuite.failures(Self.make(RecordEncoders.all[i]))
    #expect(failures.isEmpty, "\(failures.joined(separator: "\n"))")
  }

  @Test("every check fails on an encoder that is broken in what it checks", arguments: BrokenEncoder.Fault.allCases)
  func brokenEncodersFail(_ fault: BrokenEncoder.Fault) throws {
    let (_, check) = try #require(RecordEncoderSuite.checks.first { $0.name == fault.check }, "there is no check “\(fault.check)”")
    let failures = RecordEncoders.all.flatMap { check(BrokenEncoder(Self.make($0), fault)) }
    #expect(!failures.isEmpty, "the check “\(fault.check)” lets \(fault) pass")
  }

  @Test("every check is failed by a broken encoder")
  func everyCheckIsFailed() {
    let failed = Set(BrokenEncoder.Fault.allCases.map(\.check))
    for (name, _) in RecordEncoderSuite.checks { #expect(failed.contains(name), "no broken encoder fails “\(name)”") }
  }
}

/// An encoder that does one thing wrong.
struct BrokenEncoder: FormatEncoder {
  enum Fault: String, CaseIterable {
    case losesEscapes, writesNullAsText, roundsDecodedNumbers, repeatsTheHeader, writesAll, beginsAnew, takesWhatHasNoForm, saysNothing

    /// The check that has to see it.
    var check: String {
      switch self {
      case .losesEscapes, .writesNullAsText: "what is written is read again"
      case .roundsDecodedNumbers: "decoded values are written as their views are"
      case .repeatsTheHeader: "the header stands once"
      case .writesAll: "only what is selected is written"
      case .beginsAnew: "batches are written in order, one behind the other"
      case .takesWhatHasNoForm: "what has no form is refused"
      case .saysNothing: "the page is whole"
      }
    }
  }

  /// Read again as CSV, which the broken encoders of CSV write.
  static let page = ComponentPage(.format, "csv", "says nothing", place: "parse", example: "")

  private let whole: any FormatEncoder
  private let fault: Fault

  init(_ whole: any FormatEncoder, _ fault: Fault) {
    self.whole = whole
    self.fault = fault
  }

  init(_ write: Value, _ reader: inout DefinitionReader) { self.init(CSVEncoder(write, &reader), .saysNothing) }

  func header(_ schema: Schema) -> [UInt8] { whole.header(schema) }

  func refuse(in batch: inout RecordBatch) { if fault != .takesWhatHasNoForm { whole.refuse(in: &batch) } }

  func encode(_ batch: RecordBatch, to out: ByteBuffer) {
    var batch = batch
    let start = fault == .beginsAnew ? 0 : out.count
    if fault == .beginsAnew { out.count = 0 }
    if fault == .repeatsTheHeader { out.append(whole.header(batch.schema)) }
    if fault == .writesAll { batch.selection = nil }
    if fault == .roundsDecodedNumbers {
      for (i, column) in batch.columns.enumerated() {
        if case .doubles(let doubles)? = column.values {
          batch.columns[i].values = .doubles(NullableVector(values: doubles.values.map { $0.rounded() }, nulls: doubles.nulls))
        }
      }
    }
    whole.encode(batch, to: out)
    let written = out.copy(start..<out.count)
    switch fault {
    case .losesEscapes:
      out.count = start
      out.append(written.filter { $0 != 0x22 })
    case .writesNullAsText:
      out.count = start
      let text = String(decoding: written, as: UTF8.self)
      out.append(text.replacing(",\n", with: ",\"\"\n").replacing(",,", with: ",\"\","))
    default: break
    }
  }
}

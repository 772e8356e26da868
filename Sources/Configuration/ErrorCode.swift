import Records

/// Every kind of error that Sluice shows, by the code behind its message. `sluice explain CODE` says more, and ``explanation`` holds it.
///
/// A code is for good: it is not given to another error, nor taken away. The hundreds are the parts of a run, in its order: 1 definition, 2
/// fetch, 3 decompress, 4 parse, 5 transform, 6 write, 7 ledger and process, 8 supervision, 9 the run as a whole.
public enum ErrorCode: String, Sendable, CaseIterable {
  case unknownKey = "SL-101"
  case missingKey = "SL-102"
  case wrongShape = "SL-103"
  case notYAML = "SL-104"
  case duplicateKey = "SL-105"
  case unsetVariable = "SL-106"
  case wrongVariable = "SL-107"
  case wrongExpression = "SL-108"
  case invalidSetting = "SL-109"
  case noDefinition = "SL-110"
  case sameOutput = "SL-111"
  case wrongSchedule = "SL-112"
  case unreachableStep = "SL-113"
  case failedTest = "SL-114"
  case unusableFile = "SL-115"

  case noSource = "SL-201"
  case unreadableFile = "SL-202"
  case refusedByServer = "SL-203"
  case brokenConnection = "SL-204"
  case wrongAddress = "SL-205"
  case wrongChecksum = "SL-206"
  case changedSource = "SL-207"
  case noSample = "SL-208"
  case unusableAnswer = "SL-209"

  case truncatedStream = "SL-301"
  case damagedStream = "SL-302"
  case inflatesTooFar = "SL-303"
  case wrongFormat = "SL-304"
  case unreadableMember = "SL-305"

  case recordTooLong = "SL-401"
  case missingColumn = "SL-402"
  case missingHeader = "SL-403"
  case badRecord = "SL-404"
  case schemaChanged = "SL-405"
  case damagedDocument = "SL-406"
  case nothingSelected = "SL-407"
  case raggedRecord = "SL-411"
  case brokenQuote = "SL-412"
  case invalidEncoding = "SL-413"
  case invalidValue = "SL-414"
  case missingValue = "SL-415"
  case invalidJSON = "SL-416"

  case evaluationFailed = "SL-501"
  case expectationFailed = "SL-502"
  case programFailed = "SL-503"
  case programRefused = "SL-504"
  case unusableProgram = "SL-505"
  case noMatch = "SL-506"

  case cannotWrite = "SL-601"
  case refusedRecord = "SL-602"

  case ledger = "SL-701"
  case locked = "SL-702"
  case nothingToResume = "SL-703"
  case processLimit = "SL-704"

  case workerFailed = "SL-801"
  case stageGaveUp = "SL-802"
  case engineDied = "SL-803"
  case poison = "SL-804"

  case tooManyDeadLetters = "SL-901"
  case failedItems = "SL-902"
  case tooManyFailedItems = "SL-903"
  case interrupted = "SL-904"
  case failedAgain = "SL-905"
  case notAsked = "SL-906"
  case bug = "SL-999"

  /// The word that dead letters have for the error; nil where no dead letter has it.
  public var deadLetterCode: String? {
    switch self {
    case .raggedRecord: "ragged_record"
    case .brokenQuote: "broken_quote"
    case .invalidEncoding: "invalid_encoding"
    case .invalidValue: "invalid_value"
    case .missingValue: "missing_value"
    case .invalidJSON: "invalid_json"
    case .evaluationFailed: "evaluation_failed"
    case .expectationFailed: "expectation_failed"
    case .noMatch: "no_match"
    case .programFailed: "program_failed"
    case .programRefused: "program_refused"
    case .refusedRecord: "refused"
    case .poison: "poison"
    case .wrongChecksum: "checksum_mismatch"
    case .workerFailed: "worker_failed"
    default: nil
    }
  }

  /// The code that a user means: `SL-101`, `101`, or a dead letter's word; nil where there is no such code.
  public init?(named name: String) {
    let upper = name.uppercased()
    if let code = ErrorCode(rawValue: upper.hasPrefix("SL-") ? upper : "SL-" + upper) {
      self = code
    } else if let code = ErrorCode.allCases.first(where: { $0.deadLetterCode == name.lowercased() }) {
      self = code
    } else {
      switch name.lowercased() {
      // Dead letters of whole items tell kinds apart less finely.
      case "damaged_item": self = .damagedStream
      case "fetch_failed": self = .refusedByServer
      case "parser_failed": self = .programFailed
      case "output_refused": self = .cannotWrite
      default: return nil
      }
    }
  }
}

extension RecordFault.Code {
  /// The error code of a record's fault, for `sluice explain` and the log.
  public var errorCode: ErrorCode {
    switch self {
    case .raggedRecord: .raggedRecord
    case .brokenQuote: .brokenQuote
    case .invalidEncoding: .invalidEncoding
    case .invalidValue: .invalidValue
    case .missingValue: .missingValue
    case .invalidJSON: .invalidJSON
    case .evaluationFailed: .evaluationFailed
    case .expectationFailed: .expectationFailed
    case .noMatch: .noMatch
    case .programFailed, .parserFailed: .programFailed
    case .programRefused: .programRefused
    case .refused: .refusedRecord
    case .poison: .poison
    }
  }
}

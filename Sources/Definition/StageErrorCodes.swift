import Decompress
import Fetch
import Parse
import Records

extension FetchError {
  public var errorCode: ErrorCode {
    switch self {
    case .status, .comeAgain: .refusedByServer
    case .answer: .unusableAnswer
    case .connection: .brokenConnection
    case .address: .wrongAddress
    case .checksum: .wrongChecksum
    case .changed: .changedSource
    case .file, .notAFile: .unreadableFile
    }
  }
}

extension DecompressError {
  public var errorCode: ErrorCode {
    switch self {
    case .truncated: .truncatedStream
    case .corrupt: .damagedStream
    case .ratioExceeded, .bytesExceeded: .inflatesTooFar
    case .wrongFormat, .foreign: .wrongFormat
    }
  }
}

extension ParseError {
  public var errorCode: ErrorCode {
    switch self {
    case .recordTooLong: .recordTooLong
    case .missingColumn: .missingColumn
    case .missingHeader, .emptyItem: .missingHeader
    case .badRecord: .badRecord
    case .noFields: .noSample
    case .notRecords: .wrongFormat
    }
  }
}

extension RecordFault.Code {
  public var errorCode: ErrorCode {
    switch self {
    case .raggedRecord: .raggedRecord
    case .brokenQuote: .brokenQuote
    case .invalidEncoding: .invalidEncoding
    case .invalidValue: .invalidValue
    case .missingValue: .missingValue
    case .invalidJSON: .invalidJSON
    case .recordTooLong: .recordTooLong
    case .evaluationFailed: .evaluationFailed
    case .expectationFailed: .expectationFailed
    case .programFailed, .parserFailed: .programFailed
    case .programRefused: .programRefused
    case .poison: .poison
    }
  }
}

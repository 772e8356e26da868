import Configuration
import Definition
import Ledger
import Records

/// The dead letters of a chunk.
///
/// Few are made at once, and the chunk is let go. Many are made one by one as they go into the ledger; until then the chunk is kept with the
/// places of its bad records: a letter takes a hundred times the memory of a short record.
struct ChunkLetters: Sendable {
  private enum Form: Sendable {
    case made([DeadLetter])
    case kept(LetterSource)
  }
  private let form: Form
  /// A chunk with more bytes than this for each of its letters has few.
  private static let bytesOfFew = 1024
  /// How many records and lines of the item stand before the chunk.
  private var records = 0
  private var lines = 0
  /// The bytes of memory that they hold, about.
  let bytes: Int

  init(_ source: LetterSource) {
    if source.faults.count * Self.bytesOfFew < source.raw.count {
      let letters = Array(source)
      form = .made(letters)
      bytes = letters.reduce(0) { $0 + 200 + $1.raw.count + ($1.previous?.count ?? 0) + ($1.next?.count ?? 0) }
    } else {
      form = .kept(source)
      bytes = source.bytes
    }
  }

  /// Those of a chunk before which so many records and lines stand.
  func after(records: Int, lines: Int) -> ChunkLetters {
    var moved = self
    moved.records += records
    moved.lines += lines
    return moved
  }
}

extension ChunkLetters: Sequence {
  var isEmpty: Bool {
    switch form {
    case .made(let letters): letters.isEmpty
    case .kept(let source): source.faults.isEmpty
    }
  }

  func makeIterator() -> AnyIterator<DeadLetter> {
    switch form {
    case .made(let letters): moved(letters.makeIterator())
    case .kept(let source): moved(source.makeIterator())
    }
  }

  private func moved(_ letters: some IteratorProtocol<DeadLetter>) -> AnyIterator<DeadLetter> {
    var letters = letters
    return AnyIterator {
      guard var letter = letters.next() else { return nil }
      letter.record = letter.record.map { $0 + records }
      letter.line = letter.line.map { $0 + lines }
      return letter
    }
  }
}

/// The data that a chunk's dead letters are made from.
struct LetterSource: Sendable {
  let run: RunID
  let pipeline: String
  let item: String
  let itemID: ItemID
  let redactor: Redactor
  /// The chunk's first byte in the decompressed item.
  let offset: Int
  let places: RecordPlaces
  let raw: ByteBuffer
  let faults: RecordFaults

  /// The bytes of memory that it holds, about.
  var bytes: Int {
    raw.count + faults.count * RecordFaults.bytesOfOne
      + (places.starts.count + places.ends.count + places.lines.count) * MemoryLayout<UInt32>.stride
  }

  /// A fault as a dead letter; record and line count from the chunk's start.
  func letter(_ fault: RecordFault) -> DeadLetter { letter(fault, reason: redactor.redact(fault.reason)) }

  private func letter(_ fault: RecordFault, reason: String) -> DeadLetter {
    let start = Int(places.starts[fault.record])
    var letter = DeadLetter(
      run: run, pipeline: pipeline, item: item, itemID: itemID, stage: fault.code.stage.rawValue, record: fault.record + 1,
      line: places.line(fault.record) + 1, offset: offset + start, field: fault.field, code: fault.code.rawValue,
      reason: reason, raw: raw.copy(start..<Int(places.ends[fault.record])))
    letter.previous = neighbour(fault.record - 1)
    letter.next = neighbour(fault.record + 1)
    return letter
  }

  private func neighbour(_ record: Int) -> [UInt8]? {
    guard places.starts.indices.contains(record) else { return nil }
    let start = Int(places.starts[record])
    return raw.copy(start..<Swift.min(Int(places.ends[record]), start + DeadLetter.neighbourBytes))
  }
}

extension LetterSource: Sequence {
  /// The letters one after another. A reason that comes again is not searched for secrets again.
  func makeIterator() -> AnyIterator<DeadLetter> {
    var faults = faults.makeIterator()
    var last: (reason: String, redacted: String)?
    return AnyIterator {
      guard let fault = faults.next() else { return nil }
      if let last, last.reason == fault.reason { return letter(fault, reason: last.redacted) }
      let redacted = redactor.redact(fault.reason)
      last = (fault.reason, redacted)
      return letter(fault, reason: redacted)
    }
  }
}

extension RecordFault.Code {
  /// The stage that finds it.
  var stage: Stage {
    switch self {
    case .refused: .write
    case .evaluationFailed, .expectationFailed, .noMatch, .programFailed, .programRefused: .transform
    default: .parse
    }
  }
}

import CProcess
import Configuration
import Files
import Foundation

/// The work of a running engine, shown in a file of the state folder that the engine has mapped. Its parent reads there which units were in
/// work when the engine died, and `sluice status` what its workers do now.
///
/// The file is words of 64 bits: a header, a row for each stage, a row for each worker; behind them is room for the
/// backtrace of a crash.
///
/// `@unchecked Sendable`: the words are never moved while the board lives, and each is read and written whole, by atomic
/// instructions. Nothing follows from the order in which they are seen.
package final class Board: @unchecked Sendable {
  /// The words of the file's first row. `startedAt` is in seconds since 1970, `beat` in ``milliseconds()``; `crashRow` and `hungRow` are a
  /// row plus 1, and 0 where there is none.
  package enum Header: Int {
    case magic, pid, startedAt, beat, crashSignal, crashRow, hungRow, run, itemsTotal, itemsDone, itemsFailed, read, written
  }

  /// The words of a stage's row: the least and the most workers, the messages in its input and how many it takes, units done, restarts.
  package enum StageWord: Int { case least, most, fill, capacity, units, restarts }
  /// The words of a worker's row. `start` and `end` are bytes of the decompressed item, -1 as `end` for all of it; `since` is in
  /// ``milliseconds()``.
  package enum WorkerWord: Int { case state, item, version, start, end, since, attempt, restarts, isInside, isAlone }
  /// A worker's state, as its row has it. `resting` waits for its restart, `stuck` does not end although it was told to.
  package enum WorkerState: Int64, Sendable { case none, idle, working, resting, stuck }

  static let magic: Int64 = 0x534C_5549_4345_0001
  static let rowWords = 16
  static let stageCount = Stage.allCases.count
  /// Workers of a stage that have a row; more than that have none.
  static let workersPerStage = 128
  private static let stagesAt = 2 * rowWords
  private static let workersAt = stagesAt + 8 * rowWords
  private static let traceAt = (workersAt + stageCount * workersPerStage * rowWords) * 8
  private static let length = traceAt + 64 << 10

  private let words: UnsafeMutablePointer<Int64>
  private let path: String

  private init(_ words: UnsafeMutablePointer<Int64>, _ path: String) {
    self.words = words
    self.path = path
  }

  deinit { munmap(words, Self.length) }

  /// Makes the board of this process, in the place of an earlier one.
  static func create(_ path: String) throws(SystemFailure) -> Board {
    unlink(path)
    let descriptor = Foundation.open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw SystemFailure(code: errno) }
    defer { close(descriptor) }
    // Room is taken now: a full disk must not show as a signal later.
    let code = posix_fallocate(descriptor, 0, off_t(length))
    guard code == 0 else { throw SystemFailure(code: code) }
    guard let memory = map(descriptor, PROT_READ | PROT_WRITE) else { throw SystemFailure(code: errno) }
    let board = Board(memory, path)
    board[.magic] = magic
    board[.pid] = Int64(getpid())
    board[.startedAt] = Int64(time(nil))
    return board
  }

  /// The board at `path`, to be read; nil where there is none.
  package static func open(_ path: String) -> Board? {
    let descriptor = Foundation.open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_size >= length, let memory = map(descriptor, PROT_READ) else { return nil }
    let board = Board(memory, path)
    return board[.magic] == magic ? board : nil
  }

  private static func map(_ descriptor: Int32, _ protection: Int32) -> UnsafeMutablePointer<Int64>? {
    let memory = mmap(nil, length, protection, MAP_SHARED, descriptor, 0)
    return memory == MAP_FAILED ? nil : memory?.bindMemory(to: Int64.self, capacity: length / 8)
  }

  /// The time since the machine started: clock_gettime(2), CLOCK_MONOTONIC. All processes of a machine see the same.
  package static func milliseconds() -> Int64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
  }

  // MARK: Words

  /// A word of the header. Only the engine writes it.
  package internal(set) subscript(_ word: Header) -> Int64 {
    get { sluice_load(words + word.rawValue) }
    set { sluice_store(words + word.rawValue, newValue) }
  }

  /// A word of a stage's row. Only the engine writes it.
  package internal(set) subscript(_ stage: Stage, _ word: StageWord) -> Int64 {
    get { sluice_load(words + Self.stagesAt + stage.index * Self.rowWords + word.rawValue) }
    set { sluice_store(words + Self.stagesAt + stage.index * Self.rowWords + word.rawValue, newValue) }
  }

  func add(_ count: Int64, to word: StageWord, of stage: Stage) {
    sluice_add(words + Self.stagesAt + stage.index * Self.rowWords + word.rawValue, count)
  }

  /// A worker's row: from 0, stage after stage.
  package typealias Row = Int

  static func row(_ stage: Stage, _ worker: Int) -> Row? { worker < workersPerStage ? stage.index * workersPerStage + worker : nil }
  /// The stage that a worker belongs to.
  package static func stage(of row: Row) -> Stage {
    Stage.allCases[row / workersPerStage]
  }
  /// The number of the row's worker in its stage, from 0.
  package static func number(of row: Row) -> Int { row % workersPerStage }
  /// The rows of all workers that a board has room for, most of which no worker uses.
  package static var rows: Range<Row> { 0..<stageCount * workersPerStage }

  /// A word of a worker's row. Only the engine writes it.
  package internal(set) subscript(_ row: Row, _ word: WorkerWord) -> Int64 {
    get { sluice_load(words + Self.workersAt + row * Self.rowWords + word.rawValue) }
    set { sluice_store(words + Self.workersAt + row * Self.rowWords + word.rawValue, newValue) }
  }

  func add(_ count: Int64, to word: WorkerWord, of row: Row) {
    sluice_add(words + Self.workersAt + row * Self.rowWords + word.rawValue, count)
  }

  // MARK: Crashes

  /// From here on a signal that ends this process is noted on the board.
  func noteCrashes() {
    // Stays open as long as the process: the handler writes there.
    let descriptor = Foundation.open(path, O_WRONLY | O_CLOEXEC)
    if descriptor >= 0 { lseek(descriptor, off_t(Self.traceAt), SEEK_SET) }
    sluice_note_crashes(words + Header.crashSignal.rawValue, words + Header.crashRow.rawValue, descriptor)
  }

  /// The backtrace that a crash left, a frame a line.
  var trace: [String] {
    guard let file = FileHandle(forReadingAtPath: path) else { return [] }
    defer { try? file.close() }
    guard (try? file.seek(toOffset: UInt64(Self.traceAt))) != nil, let data = try? file.read(upToCount: 32 << 10) else { return [] }
    return String(decoding: data.prefix { $0 != 0 }, as: UTF8.self).split(separator: "\n").map(Self.frame)
  }

  /// `binary(symbol+0x12) [0x7f…]` with the symbol as its source has it.
  private static func frame(_ line: Substring) -> String {
    guard let open = line.firstIndex(of: "("), let plus = line[open...].firstIndex(of: "+") else { return String(line) }
    let symbol = String(line[line.index(after: open)..<plus])
    let file = line[..<open].split(separator: "/").last.map(String.init) ?? ""
    return symbol.isEmpty ? "\(file) \(line[plus...].prefix { $0 != ")" })" : "\(file) \(demangled(symbol))"
  }

  private static func demangled(_ symbol: String) -> String {
    guard let text = demangle(symbol, UInt(symbol.utf8.count), nil, nil, 0) else { return symbol }
    defer { free(text) }
    return String(cString: text)
  }
}

/// The runtime's own; part of its interface (swift/Demangling).
@_silgen_name("swift_demangle")
private func demangle(
  _ name: UnsafePointer<CChar>, _ length: UInt, _ buffer: UnsafeMutablePointer<CChar>?, _ size: UnsafeMutablePointer<UInt>?, _ flags: UInt32
) -> UnsafeMutablePointer<CChar>?

import Files
import Foundation
import Synchronization

/// Keeps a download of any source on disk, so that one that breaks off goes on from where it was, in this process or a later one. A small
/// one stays in memory: to fetch it again costs less than a file does.
///
/// The content is `<path>.a` or `<path>.b`. `<path>.json` says which, its version, and how many of its bytes are known to be on the disk. A
/// later process trusts those and no more. Content of another version never goes into the file that the description names: whatever a crash
/// leaves, the described bytes are those of the described version.
package final class Spool: ContentReceiver {
  struct Description: Codable {
    /// The token for the source to continue by; nil where the content can't be continued.
    var token: String?
    var mediaType: String?
    /// The version that the reading with the content's beginning had; it stays as it is while the content grows.
    var version: String?
    var total: Int?
    var isComplete = false
    /// Bytes of the content that were on the disk before this was written.
    var synced = 0
    /// `a` or `b`.
    var file = "a"

    init(file: String = "a") { self.file = file }

    init(_ head: ContentHead, file: String) {
      (token, mediaType, version, total) = (head.token, head.mediaType, head.version, head.total)
      self.file = file
    }

    /// Reads a description's file. An earlier build wrote no token, but the source's facts: those are the token then.
    static func of(_ data: Data) -> Description? {
      guard var description = try? JSONDecoder().decode(Description.self, from: data), ["a", "b"].contains(description.file) else {
        return nil
      }
      let isEarlier = (try? JSONDecoder().decode(Earlier.self, from: data)).map { $0.etag != nil || $0.lastModified != nil } == true
      if description.token == nil, isEarlier { description.token = String(decoding: data, as: UTF8.self) }
      // A process may end when all bytes of the version are here, and before the reading does that brought them.
      if description.token != nil, description.total == description.synced { description.isComplete = true }
      return description
    }

    private struct Earlier: Decodable {
      var etag: String?
      var lastModified: String?
    }
  }

  private struct State {
    /// -1 while all content is in memory.
    var descriptor: Int32 = -1
    var memory: [UInt8] = []
    var length = 0
    var description = Description()
    /// The file that the description on the disk speaks of.
    var described: String?
    var syncedAt = ContinuousClock.now
    /// The facts of the present reading, once its content is taken.
    var head: ContentHead?
    var failure: FetchError?
    /// How often content began anew in the place of other content.
    var restarts = 0
  }

  /// How much new content a crash can cost: the download is synced after so many bytes, or after so long.
  package struct SyncRule: Sendable {
    /// The most new bytes before a sync.
    package var bytes = 16 << 20
    /// The longest time before a sync of new bytes.
    package var every = Duration.seconds(5)
    /// Makes the usual rule: 16 MiB or 5 s.
    package init() {}
  }

  #if FAILPOINTS
    // None, so that tests of small downloads have a file.
    private static let memoryBytes = 0
  #else
    /// Content longer than this goes to the disk.
    private static let memoryBytes = 256 << 10
  #endif

  /// The path that the spool's files' names begin with.
  let path: String
  private let rule: SyncRule
  private let state: Mutex<State>

  /// How much of an earlier process's content a download trusts.
  package enum Belief: Sendable {
    /// All of it, complete or not.
    case all
    /// Content that the source is asked to continue. Complete content is fetched anew: its source may have been mended since.
    case partial
    /// Nothing: the content is fetched anew.
    case none
  }

  /// Opens the content that an earlier process left, as far as it is trusted, or an empty spool.
  ///
  /// - Parameters:
  ///   - path: the path that its files' names begin with.
  ///   - rule: how much a crash can cost.
  /// - Throws: ``FetchError/spool(_:code:)``.
  package init(path: String, rule: SyncRule = SyncRule(), believing belief: Belief = .all) throws(FetchError) {
    self.path = path
    self.rule = rule
    var initial = State()
    if access(path + ".json", F_OK) == 0, let data = FileManager.default.contents(atPath: path + ".json"),
      let description = Description.of(data)
    {
      initial.described = description.file
      var status = stat()
      let isThere = stat("\(path).\(description.file)", &status) == 0 && Int(status.st_size) >= description.synced
      let isBelieved = description.isComplete ? belief == .all : belief != .none && description.token != nil
      if isThere, isBelieved {
        initial.description = description
        initial.length = description.synced
      }
    }
    if initial.length == 0 {
      initial.description = Description(file: Self.other(than: initial.described))
    } else {
      let file = "\(path).\(initial.description.file)"
      let length = initial.length
      initial.descriptor = try Self.wrap(file) {
        let descriptor = try SystemCall.open(file, O_RDWR | O_CREAT, mode: 0o600, .spoolOpen)
        try SystemCall.cut(descriptor, to: length, .spoolOpen)
        return descriptor
      }
    }
    state = Mutex(initial)
  }

  deinit { state.withLock { if $0.descriptor >= 0 { close($0.descriptor) } } }

  private static func other(than file: String?) -> String { file == "a" ? "b" : "a" }

  private static func wrap<T>(_ path: String, _ body: () throws -> T) throws(FetchError) -> T {
    do {
      return try body()
    } catch let failure as SystemFailure {
      throw .spool(path, code: failure.code)
    } catch {
      throw .connection("\(error)")
    }
  }

  /// How many bytes of the content are here.
  var length: Int { state.withLock { $0.length } }
  /// Whether all of the content is here.
  var isComplete: Bool { state.withLock { $0.description.isComplete } }
  /// The version of the content here; nil where the source gives none, or there is no content.
  var version: String? { state.withLock { $0.description.version } }
  var mediaType: String? { state.withLock { $0.description.mediaType } }
  var token: String? { state.withLock { $0.description.token } }
  var total: Int? { state.withLock { $0.description.total } }
  /// The facts that the present reading began with; nil before them.
  var head: ContentHead? { state.withLock { $0.head } }
  /// The error that ended the present reading on this side; nil where there was none.
  var failure: FetchError? { state.withLock { $0.failure } }
  /// How often content began anew in the place of other content.
  var restarts: Int { state.withLock { $0.restarts } }

  /// Forgets the reading before.
  func prepare() {
    state.withLock {
      $0.head = nil
      $0.failure = nil
    }
  }

  /// Takes a reading's facts: its content continues the bytes here, or replaces them. False where it does neither.
  package func begin(_ head: ContentHead) -> Bool {
    state.withLock { state in
      if head.start == 0 {
        var description = Description(head, file: state.description.file)
        if state.length > 0 {
          startOver(&state)
          description.file = state.description.file
        }
        description.synced = state.description.synced
        state.description = description
      } else if head.start == state.length {
        state.description.total = head.total ?? state.description.total
      } else {
        state.failure = .connection("content came from byte \(head.start) on, and byte \(state.length) was asked for")
        return false
      }
      state.head = head
      if state.descriptor < 0, let end = head.end, end <= Self.memoryBytes { state.memory.reserveCapacity(end) }
      return true
    }
  }

  /// Drops the content. The file that the description on the disk names stays until there is another description.
  private func startOver(_ state: inout State) {
    if state.descriptor >= 0 { close(state.descriptor) }
    state.restarts += 1
    state.descriptor = -1
    state.memory = []
    state.length = 0
    state.description = Description(file: Self.other(than: state.described))
  }

  /// Moves the content from memory to the disk; later bytes go there too.
  private func spill(_ state: inout State) throws(FetchError) {
    let file = "\(path).\(state.description.file)"
    let memory = state.memory
    state.descriptor = try Self.wrap(file) {
      let descriptor = try SystemCall.open(file, O_RDWR | O_CREAT | O_TRUNC, mode: 0o600, .spoolOpen)
      try memory.withUnsafeBytes { bytes in
        guard let start = bytes.baseAddress, !bytes.isEmpty else { return }
        try SystemCall.write(descriptor, start, bytes.count, at: 0, .spoolWrite)
      }
      return descriptor
    }
    state.memory = []
  }

  /// Takes more bytes of the content: into memory, or with write(2) into the file. False where they can't be written; see ``failure``.
  package func receive(_ bytes: UnsafeRawBufferPointer) -> Bool {
    state.withLock { state in
      guard state.head != nil, let start = bytes.baseAddress else { return true }
      if state.descriptor < 0, state.length + bytes.count <= Self.memoryBytes {
        state.memory.append(contentsOf: bytes)
        state.length += bytes.count
        return true
      }
      do throws(FetchError) {
        if state.descriptor < 0 { try spill(&state) }
        try Self.wrap(path) { try SystemCall.write(state.descriptor, start, bytes.count, at: state.length, .spoolWrite) }
      } catch {
        state.failure = error
        return false
      }
      state.length += bytes.count
      return true
    }
  }

  /// Ends a reading that did not fail. A server may send less than it was asked for: then the content is not complete.
  ///
  /// - Throws: ``FetchError/connection(_:)`` where the number of bytes differs from the head's.
  func finish() throws(FetchError) {
    try state.withLock { state throws(FetchError) in
      if let end = state.head?.end, state.length != end {
        throw .connection("the content ended after \(state.length) bytes, and the server says that it has \(end)")
      }
      if let total = state.description.total, state.length < total { return }
      state.description.isComplete = true
      state.description.total = state.length
    }
  }

  /// Whether there are bytes that a later process would not trust.
  var hasNew: Bool {
    state.withLock {
      $0.descriptor >= 0 && $0.length > $0.description.synced && ($0.description.token != nil || $0.description.isComplete)
    }
  }

  /// Whether a crash would cost more than it should. A small download that is complete is not worth a sync.
  var wantsSync: Bool {
    state.withLock { state in
      let new = state.length - state.description.synced
      return new >= rule.bytes || new > 0 && !state.description.isComplete && ContinuousClock.now - state.syncedAt >= rule.every
        || state.description.isComplete && new > 0 && state.description.synced > 0
    }
  }

  /// Puts the content on the disk, then a description of it. Blocks; bytes may come meanwhile.
  func sync() throws(FetchError) {
    let (descriptor, length, description) = try state.withLock { state throws(FetchError) in
      if state.descriptor < 0 { try spill(&state) }
      return (state.descriptor, state.length, state.description)
    }
    var synced = description
    synced.synced = length
    synced.isComplete = description.isComplete && description.total == length
    let json = path + ".json"
    try Self.wrap(path) {
      try SystemCall.sync(descriptor, .spoolSync)
      let data = try JSONEncoder().encode(synced)
      let new = try SystemCall.open(json + ".new", O_WRONLY | O_CREAT | O_TRUNC, mode: 0o600, .spoolDescriptionWrite)
      defer { close(new) }
      try data.withUnsafeBytes { bytes in
        guard let start = bytes.baseAddress else { return }
        try SystemCall.write(new, start, bytes.count, at: 0, .spoolDescriptionWrite)
      }
      try SystemCall.sync(new, .spoolDescriptionSync)
      try SystemCall.rename(json + ".new", to: json, .spoolDescriptionRename)
      try SystemCall.syncFolder(of: json, .spoolNameSync)
    }
    state.withLock { state in
      state.described = synced.file
      state.syncedAt = .now
      if state.description.file == synced.file { state.description.synced = max(state.description.synced, length) }
    }
  }

  /// Removes a spool's files. Those that are not there are no error.
  package static func remove(_ path: String) {
    for suffix in [".json", ".json.new", ".a", ".b"] { unlink(path + suffix) }
  }

  /// Takes no more bytes: an ending transfer may still bring some, and the next spool may be in the same file.
  func seal() { state.withLock { $0.head = nil } }

  /// Drops the content and begins anew.
  func reset() {
    state.withLock {
      $0.head = nil
      startOver(&$0)
    }
  }

  /// Copies at most `count` bytes from `offset` on to `start`, and returns how many.
  func read(at offset: Int, into start: UnsafeMutablePointer<UInt8>, _ count: Int) throws(FetchError) -> Int {
    let (descriptor, held) = state.withLock { state -> (Int32, Int?) in
      guard state.descriptor < 0 else { return (state.descriptor, nil) }
      let held = max(0, min(count, state.memory.count - offset))
      state.memory.withUnsafeBufferPointer { memory in
        if let from = memory.baseAddress, held > 0 { start.update(from: from + offset, count: held) }
      }
      return (-1, held)
    }
    if let held { return held }
    while true {
      let n = pread(descriptor, start, count, off_t(offset))
      if n >= 0 { return n }
      if errno != EINTR { throw .file(path, code: errno) }
    }
  }
}

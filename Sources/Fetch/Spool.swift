import Foundation
import Synchronization

/// A download on disk, so that one that breaks off goes on from where it was, in this process or a later one.
///
/// Beside the content stands `<path>.json` with the version that the bytes are of; bytes are only ever appended under
/// one version.
public final class Spool: HTTPReceiver {
  struct Description: Codable {
    var etag: String?
    var lastModified: String?
    var total: Int?
    var isComplete = false

    /// What If-Range takes: a strong validator (RFC 9110 §13.1.5).
    var validator: String? {
      if let etag, !etag.hasPrefix("W/") { return etag }
      return lastModified
    }

    var version: String? {
      if let etag { return "etag:\(etag)" }
      if let lastModified { return "modified:\(lastModified)" + (total.map { ":\($0)" } ?? "") }
      return nil
    }
  }

  private struct State {
    var descriptor: Int32
    var length: Int
    var description = Description()
    var head: HTTPHead?
    var failure: FetchError?
    var accepts = false
  }

  public let path: String
  private let state: Mutex<State>

  /// Opens what an earlier try left, or an empty spool.
  public init(path: String) throws(FetchError) {
    self.path = path
    let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw .file(path, code: errno) }
    var initial = State(descriptor: descriptor, length: 0)
    if let data = FileManager.default.contents(atPath: path + ".json"),
      let description = try? JSONDecoder().decode(Description.self, from: data)
    {
      var status = stat()
      if fstat(descriptor, &status) == 0 { initial.length = Int(status.st_size) }
      initial.description = description
      if description.validator == nil && !description.isComplete || description.total.map({ initial.length > $0 }) == true {
        initial.length = 0
        initial.description = Description()
      }
    }
    ftruncate(descriptor, off_t(initial.length))
    state = Mutex(initial)
  }

  deinit { state.withLock { _ = close($0.descriptor) } }

  public var length: Int { state.withLock { $0.length } }
  public var isComplete: Bool { state.withLock { $0.description.isComplete } }
  public var version: String? { state.withLock { $0.description.version } }
  public var total: Int? { state.withLock { $0.description.total } }
  var validator: String? { state.withLock { $0.description.validator } }
  var head: HTTPHead? { state.withLock { $0.head } }
  var failure: FetchError? { state.withLock { $0.failure } }

  /// Forgets the head of the try before.
  func prepare() {
    state.withLock {
      $0.head = nil
      $0.failure = nil
      $0.accepts = false
    }
  }

  public func begin(_ head: HTTPHead) -> Bool {
    state.withLock { state in
      state.head = head
      state.accepts = head.status == 200 || head.status == 206
      guard state.accepts else { return true }
      if head.status == 206, head.contentRange?.start != state.length {
        state.failure = .connection("the server sent another range than was asked for")
        return false
      }
      if head.status == 200, state.length > 0 {
        ftruncate(state.descriptor, 0)
        state.length = 0
      }
      let total = head.status == 206 ? head.contentRange?.total : head.contentLength
      state.description = Description(etag: head.etag, lastModified: head.lastModified, total: total)
      return save(&state)
    }
  }

  public func receive(_ bytes: UnsafeRawBufferPointer) -> Bool {
    state.withLock { state in
      guard state.accepts else { return true }
      var done = 0
      while done < bytes.count {
        let n = pwrite(state.descriptor, bytes.baseAddress?.advanced(by: done), bytes.count - done, off_t(state.length + done))
        if n < 0 {
          if errno == EINTR { continue }
          state.failure = .file(path, code: errno)
          return false
        }
        done += n
      }
      state.length += bytes.count
      return true
    }
  }

  /// The transfer ended as it should: all bytes are there.
  func complete() {
    state.withLock { state in
      state.description.isComplete = true
      state.description.total = state.length
      _ = save(&state)
    }
  }

  private func save(_ state: inout State) -> Bool {
    do {
      try JSONEncoder().encode(state.description).write(to: URL(fileURLWithPath: path + ".json"), options: .atomic)
      return true
    } catch {
      state.failure = .file(path + ".json", code: errno)
      return false
    }
  }

  /// Takes the spool off the disk.
  public func remove() {
    unlink(path)
    unlink(path + ".json")
  }

  /// Begins from nothing.
  public func reset() {
    state.withLock { state in
      ftruncate(state.descriptor, 0)
      state.length = 0
      state.description = Description()
    }
    unlink(path + ".json")
  }

  /// Up to `count` bytes from `offset` on, into `start`.
  func read(at offset: Int, into start: UnsafeMutablePointer<UInt8>, _ count: Int) throws(FetchError) -> Int {
    let descriptor = state.withLock { $0.descriptor }
    while true {
      let n = pread(descriptor, start, count, off_t(offset))
      if n >= 0 { return n }
      if errno != EINTR { throw .file(path, code: errno) }
    }
  }
}

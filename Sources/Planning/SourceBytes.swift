import Decompress
import Dispatch
import Fetch
import Records
import Supervision
import Synchronization

/// An item's bytes at any place, asked of its source a block at a time.
///
/// Calls block: they are made on threads for that. The source is asked on threads of its own, or all of them could wait for each other.
final class SourceBytes: RandomAccess {
  private static let threads = BlockingThreads(width: 32)
  private static let blockBytes = 1 << 20
  /// Blocks that are kept: of a member's data, and of the archive's directory.
  private static let mostBlocks = 4

  private let source: any ItemSource
  private let location: String
  private let version: String?
  let count: Int
  private let session: FetchSession
  private let blocks = Mutex<[(number: Int, bytes: [UInt8])]>([])

  /// - Parameters:
  ///   - version: of the item; bytes of another version are refused.
  ///   - count: the item's length in bytes.
  init(_ source: any ItemSource, _ location: String, version: String?, count: Int, _ session: FetchSession) {
    self.source = source
    self.location = location
    self.version = version
    self.count = count
    self.session = session
  }

  func read(_ buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws {
    var done = 0
    while done < buffer.count {
      let at = offset + done
      let block = try block(at / Self.blockBytes)
      let start = at % Self.blockBytes
      let part = block[start..<min(block.count, start + buffer.count - done)]
      guard !part.isEmpty else { throw FetchError.changed }
      UnsafeMutableRawBufferPointer(rebasing: buffer[done...]).copyBytes(from: part)
      done += part.count
    }
  }

  private func block(_ number: Int) throws -> [UInt8] {
    if let known = blocks.withLock({ $0.first { $0.number == number }?.bytes }) { return known }
    let wanted = min(Self.blockBytes, count - number * Self.blockBytes)
    guard wanted > 0 else { throw FetchError.changed }
    let bytes = try Self.waiting { [self] in try await fetch(from: number * Self.blockBytes, wanted) }
    blocks.withLock { blocks in
      blocks.insert((number, bytes), at: 0)
      if blocks.count > Self.mostBlocks { blocks.removeLast() }
    }
    return bytes
  }

  private func fetch(from start: Int, _ wanted: Int) async throws -> [UInt8] {
    let receiver = BlockReceiver(from: start, wanted)
    do {
      _ = try await source.read(location, ReadRequest(from: start, limit: wanted), to: receiver, in: session) {}
    } catch {
      // A source may take the receiver's having enough for a broken connection.
      if receiver.bytes.count < wanted { throw error }
    }
    if let found = receiver.version, let version, found != version { throw FetchError.changed }
    guard !receiver.isWhole else {
      throw FetchError.member(
        "the server does not send parts of a file, which members of an archive need; fetch the archive first and read it from a disk",
        .unusableAnswer)
    }
    guard receiver.bytes.count == wanted else { throw FetchError.changed }
    return receiver.bytes
  }

  /// Waits for a task's result, on a thread that may block.
  private static func waiting<T: Sendable>(_ body: @escaping @Sendable () async throws -> T) throws -> T {
    let ended = DispatchSemaphore(value: 0)
    let result = Mutex<Result<T, any Error>?>(nil)
    Task(executorPreference: threads) {
      do {
        let value = try await body()
        result.withLock { $0 = .success(value) }
      } catch {
        result.withLock { $0 = .failure(error) }
      }
      ended.signal()
    }
    ended.wait()
    return try result.withLock { $0 ?? .failure(FetchError.connection("interrupted")) }.get()
  }
}

/// Keeps so many bytes from one on.
private final class BlockReceiver: ContentReceiver {
  private struct State {
    var version: String?
    var bytes: [UInt8] = []
    var isWhole = false
  }
  private let state = Mutex(State())
  private let from: Int
  private let wanted: Int

  init(from: Int, _ wanted: Int) {
    self.from = from
    self.wanted = wanted
  }

  var version: String? { state.withLock { $0.version } }
  var bytes: [UInt8] { state.withLock { $0.bytes } }
  /// Whether the source sends all from the beginning, though a part in the middle was asked for.
  var isWhole: Bool { state.withLock { $0.isWhole } }

  func begin(_ head: ContentHead) -> Bool {
    state.withLock { state in
      state.version = head.version
      state.isWhole = head.start != from
      return !state.isWhole
    }
  }

  func receive(_ bytes: UnsafeRawBufferPointer) -> Bool {
    state.withLock { state in
      state.bytes.append(contentsOf: bytes.prefix(wanted - state.bytes.count))
      return state.bytes.count < wanted
    }
  }
}

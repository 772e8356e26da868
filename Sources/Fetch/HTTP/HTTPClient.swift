import CCurl
import Foundation
import Synchronization

/// HTTP by libcurl's multi interface, on one thread of its own. Connections are kept and used again. Any thread may use it.
public final class HTTPClient: SharedClient {
  private struct Commands {
    var start: [Transfer] = []
    var cancel: [Transfer] = []
    var isClosed = false
  }
  private let commands = Mutex(Commands())
  private let multi: MultiHandle

  /// Makes a client and starts its thread, which runs until ``close()``.
  public init() {
    curl_global_init(Int(CURL_GLOBAL_DEFAULT))
    multi = MultiHandle()
    let thread = Thread { [self] in loop() }
    thread.name = "sluice.http"
    thread.start()
  }

  /// Ends the thread and cancels its transfers. A request that is sent later fails at once.
  public func close() {
    commands.withLock { $0.isClosed = true }
    multi.wake()
  }

  /// Starts a request. The stream gives the head, then signs of progress (merged where they are not taken at once), and ends with the
  /// transfer. It throws ``FetchError`` where that failed; a status of any kind is no failure. To end the stream's task cancels the
  /// transfer.
  ///
  /// - Parameter receiver: takes the content, on the client's thread.
  public func send(_ request: HTTPRequest, to receiver: any HTTPReceiver) -> AsyncThrowingStream<HTTPEvent, any Error> {
    let (stream, continuation) = AsyncThrowingStream.makeStream(of: HTTPEvent.self, bufferingPolicy: .bufferingNewest(2))
    let transfer = Transfer(request, receiver, continuation)
    continuation.onTermination = { [self] reason in
      if case .cancelled = reason {
        commands.withLock { $0.cancel.append(transfer) }
        multi.wake()
      }
    }
    // The thread may have looked at its commands for the last time.
    let isClosed = commands.withLock { commands in
      if !commands.isClosed { commands.start.append(transfer) }
      return commands.isClosed
    }
    if isClosed { continuation.finish(throwing: FetchError.connection("the client was closed")) }
    multi.wake()
    return stream
  }

  private func loop() {
    var active: [OpaquePointerKey: Transfer] = [:]
    // Handles that are not in use: to make one costs more than a small transfer.
    var idle: [UnsafeMutableRawPointer] = []
    defer { for handle in idle { curl_easy_cleanup(handle) } }
    while true {
      let (start, cancel, isClosed) = commands.withLock { commands in
        defer {
          commands.start = []
          commands.cancel = []
        }
        return (commands.start, commands.cancel, commands.isClosed)
      }
      for transfer in start {
        if let handle = transfer.begin(with: idle.popLast()) {
          curl_multi_add_handle(multi.handle, handle)
          active[OpaquePointerKey(handle)] = transfer
        }
      }
      for transfer in cancel { end(transfer, &active, &idle) }
      if isClosed {
        for transfer in active.values { end(transfer, &active, &idle) }
        return
      }
      var running: Int32 = 0
      curl_multi_perform(multi.handle, &running)
      var left: Int32 = 0
      while let message = curl_multi_info_read(multi.handle, &left) {
        guard message.pointee.msg == CURLMSG_DONE, let handle = message.pointee.easy_handle else { continue }
        let code = message.pointee.data.result
        guard let transfer = active[OpaquePointerKey(handle)] else { continue }
        if transfer.finish(code) {
          curl_multi_remove_handle(multi.handle, handle)
          curl_multi_add_handle(multi.handle, handle)
        } else {
          end(transfer, &active, &idle)
        }
      }
      curl_multi_poll(multi.handle, nil, 0, endIdle(&active, &idle), nil)
    }
  }

  /// Ends transfers that have been silent for too long.
  ///
  /// - Returns: the milliseconds until the next may have been, one second at most.
  private func endIdle(_ active: inout [OpaquePointerKey: Transfer], _ idle: inout [UnsafeMutableRawPointer]) -> Int32 {
    let now = ContinuousClock.now
    var wait = Duration.seconds(1)
    for transfer in active.values {
      guard let limit = transfer.idleLimit else { continue }
      if limit <= now {
        transfer.failIdle()
        end(transfer, &active, &idle)
      } else {
        wait = min(wait, now.duration(to: limit))
      }
    }
    // A part of a millisecond is waited for whole: less would not let it pass.
    return Int32(wait / .milliseconds(1)) + 1
  }

  private func end(_ transfer: Transfer, _ active: inout [OpaquePointerKey: Transfer], _ idle: inout [UnsafeMutableRawPointer]) {
    guard let handle = transfer.handle else { return }
    curl_multi_remove_handle(multi.handle, handle)
    active[OpaquePointerKey(handle)] = nil
    transfer.release()
    curl_easy_reset(handle)
    idle.append(handle)
  }
}

private struct OpaquePointerKey: Hashable {
  let address: UnsafeMutableRawPointer
  init(_ handle: UnsafeMutableRawPointer) { address = handle }
}

/// `@unchecked Sendable`: the handle is used by the client's thread alone, but for curl_multi_wakeup, which
/// libcurl-thread(3) lets any thread call.
private final class MultiHandle: @unchecked Sendable {
  let handle: UnsafeMutableRawPointer?

  init() {
    handle = curl_multi_init()
    _ = sluice_curl_multi_set_long(handle, CURLMOPT_PIPELINING, Int(CURLPIPE_MULTIPLEX))
  }

  deinit { curl_multi_cleanup(handle) }

  func wake() { curl_multi_wakeup(handle) }
}

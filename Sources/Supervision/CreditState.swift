/// The credits of a channel as a value: how many messages and bytes are left, and the senders that wait for them, first come first served.
///
/// Pure: each event returns what the shell around it must do (see ``Credits``).
struct CreditState<Waiter> {
  private(set) var messages: Int
  private(set) var bytes: Int
  private(set) var isClosed = false
  let limitMessages: Int
  private let limitBytes: Int
  private var waiting: [(id: UInt64, bytes: Int, waiter: Waiter)] = []

  init(messages: Int, bytes: Int) {
    self.messages = messages
    self.bytes = bytes
    limitMessages = messages
    limitBytes = bytes
  }

  var isUsedUp: Bool { messages == 0 || bytes <= 0 }

  enum TakeAction { case go, wait, closed }

  /// Something larger than the whole bound goes alone, so that it can go at all.
  private func fits(_ size: Int) -> Bool {
    messages > 0 && (bytes >= size || messages == limitMessages)
  }

  mutating func take(bytes size: Int) -> TakeAction {
    if isClosed { return .closed }
    guard waiting.isEmpty, fits(size) else { return .wait }
    messages -= 1
    bytes -= size
    return .go
  }

  mutating func wait(id: UInt64, bytes: Int, _ waiter: Waiter) { waiting.append((id, bytes, waiter)) }

  /// Returns those that may go on now.
  mutating func give(bytes size: Int) -> [Waiter] {
    messages = min(messages + 1, limitMessages)
    bytes = min(bytes + size, limitBytes)
    return wake()
  }

  private mutating func wake() -> [Waiter] {
    var woken: [Waiter] = []
    while let first = waiting.first, fits(first.bytes) {
      waiting.removeFirst()
      messages -= 1
      bytes -= first.bytes
      woken.append(first.waiter)
    }
    return woken
  }

  /// Takes a waiter out, where it still waits. Those behind it may have waited for it alone: they may go on now.
  mutating func cancel(id: UInt64) -> (cancelled: Waiter, woken: [Waiter])? {
    guard let at = waiting.firstIndex(where: { $0.id == id }) else { return nil }
    return (waiting.remove(at: at).waiter, wake())
  }

  /// Returns all that wait: they are to be told that it is over.
  mutating func close() -> [Waiter] {
    isClosed = true
    defer { waiting = [] }
    return waiting.map(\.waiter)
  }
}

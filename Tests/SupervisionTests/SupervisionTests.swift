import Testing

@testable import Supervision

@Suite("Credits")
struct CreditTests {
  @Test("through ten thousand random histories credits are never overdrawn, and waiters go in their order")
  func histories() {
    var random = SystemRandomNumberGenerator()
    let seed = UInt64.random(in: 0..<UInt64.max, using: &random)
    var generator = Seeded(seed)
    for _ in 0..<10_000 {
      var credits = CreditState<Int>(messages: 3, bytes: 100)
      var held: [Int] = []
      var sizes: [Int: Int] = [:]
      var queue: [Int] = []
      for id in 0..<20 {
        switch Int.random(in: 0..<4, using: &generator) {
        case 0, 1:
          let size = Int.random(in: 0..<130, using: &generator)
          sizes[id] = size
          switch credits.take(bytes: size) {
          case .go: held.append(id)
          case .wait:
            credits.wait(id: UInt64(id), bytes: size, id)
            queue.append(id)
          case .closed: Issue.record("closed, seed \(seed)")
          }
        case 2:
          guard let done = held.popLast() else { continue }
          for woken in credits.give(bytes: sizes[done] ?? 0) {
            #expect(queue.removeFirst() == woken, "seed \(seed)")
            held.append(woken)
          }
        default:
          guard let chosen = queue.randomElement(using: &generator) else { continue }
          queue.removeAll { $0 == chosen }
          let found = credits.cancel(id: UInt64(chosen))
          #expect(found?.cancelled == chosen)
          for woken in found?.woken ?? [] {
            #expect(queue.removeFirst() == woken, "seed \(seed)")
            held.append(woken)
          }
        }
        #expect(held.count <= 3, "seed \(seed)")
        // One that is larger than the bound goes alone.
        #expect(held.count <= 1 || held.reduce(0) { $0 + (sizes[$1] ?? 0) } <= 100, "seed \(seed)")
      }
      #expect(Set(credits.close()) == Set(queue))
    }
  }
}

@Suite("Channels")
struct ChannelTests {
  @Test("a full channel suspends the sender, and nothing is lost between four senders and four receivers")
  func nothingLost() async throws {
    let channel = Channel<Int>(messages: 4)
    let sum = Shared(0)
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<4 { group.addTask { for await n in channel { sum.withLock { $0 += n } } } }
      let senders = (0..<4).map { sender in Task { for n in 0..<5000 { try await channel.send(sender * 5000 + n) } } }
      for sender in senders { try await sender.value }
      channel.finish()
      try await group.waitForAll()
    }
    #expect(sum.withLock { $0 } == (0..<20_000).reduce(0, +))
  }

  @Test("cancelling or closing wakes a sender that waits for room")
  func wakes() async throws {
    let channel = Channel<Int>(messages: 1)
    try await channel.send(1)
    let cancelled = Task { try await channel.send(2) }
    cancelled.cancel()
    await #expect(throws: CancellationError.self) { try await cancelled.value }
    let closed = Task { try await channel.send(3) }
    channel.close()
    await #expect(throws: Closed.self) { try await closed.value }
  }
}

@Suite("Restarting")
struct RestartTests {
  @Test("the backoff doubles to its ceiling, starts anew after a healthy period, and too many failures give up")
  func intensity() {
    var policy = RestartPolicy()
    policy.maxRestarts = 5
    var state = RestartState(policy)
    func wait(_ action: RestartState.Action) -> Duration? {
      if case .restart(let after) = action { return after }
      return nil
    }
    #expect(wait(state.failed(at: .seconds(1), random: 1)) == .milliseconds(100))
    #expect(wait(state.failed(at: .seconds(2), random: 1)) == .milliseconds(200))
    #expect(wait(state.failed(at: .seconds(3), random: 0)) == .milliseconds(200))
    #expect(wait(state.failed(at: .seconds(100), random: 1)) == .milliseconds(100))
    for second in 101..<105 { #expect(wait(state.failed(at: .seconds(second), random: 1)) != nil) }
    #expect(state.failed(at: .seconds(105), random: 1) == .giveUp)
    policy.restart = .never
    var never = RestartState(policy)
    #expect(never.failed(at: .zero, random: 0) == .giveUp)
  }
}

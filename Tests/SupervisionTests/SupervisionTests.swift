import Synchronization
import Testing

@testable import Supervision

/// A value that tasks of a test share.
final class Shared<Value: Sendable>: Sendable {
  private let value: Mutex<Value>
  init(_ value: Value) { self.value = Mutex(value) }
  func withLock<R: Sendable>(_ body: (inout sending Value) -> sending R) -> R { value.withLock(body) }
}

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

  struct Seeded: RandomNumberGenerator {
    private var state: UInt64
    init(_ seed: UInt64) { state = seed }
    /// SplitMix64 (Steele, Lea and Flood, 2014).
    mutating func next() -> UInt64 {
      state &+= 0x9E37_79B9_7F4A_7C15
      var z = state
      z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
      z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
      return z ^ (z >> 31)
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

  private func pool(_ channel: Channel<Int>, _ policy: RestartPolicy) -> WorkerPool<Int> {
    WorkerPool("test", size: 2, channel: channel, policy: policy, attempts: 3) { _ in }
  }

  private var quick: RestartPolicy {
    var policy = RestartPolicy()
    policy.backoff = Backoff(first: .milliseconds(1), longest: .milliseconds(2))
    policy.maxRestarts = 1000
    return policy
  }

  struct Broken: Error {}

  @Test("a unit whose worker throws is delivered again; siblings never notice; one that always fails is given up")
  func redelivery() async throws {
    let channel = Channel<Int>(messages: 100)
    for n in 0..<100 { try await channel.send(n) }
    channel.finish()
    let tries = Shared<[Int: Int]>([:])
    let exhausted = Shared<[Int]>([])
    try await pool(channel, quick).run { unit, _ in
      let count = tries.withLock { tries in
        tries[unit, default: 0] += 1
        return tries[unit, default: 0]
      }
      if unit % 10 == 3, count == 1 { throw Broken() }
      if unit == 50 { throw Broken() }
    } exhausted: { unit, _ in
      exhausted.withLock { $0.append(unit) }
    }
    #expect(exhausted.withLock { $0 } == [50])
    for unit in 0..<100 { #expect(tries.withLock { $0[unit] } == (unit == 50 ? 3 : unit % 10 == 3 ? 2 : 1)) }
  }

  @Test("a worker that stands still is replaced and its unit delivered to another; one that waits for room is not")
  func watchdog() async throws {
    let channel = Channel<Int>(messages: 2)
    try await channel.send(1)
    try await channel.send(2)
    channel.finish()
    var policy = quick
    policy.watchdog = .milliseconds(40)
    let tries = Shared<[Int: Int]>([:])
    try await pool(channel, policy).run { unit, heartbeat in
      let count = tries.withLock { tries in
        tries[unit, default: 0] += 1
        return tries[unit, default: 0]
      }
      if unit == 1, count == 1 { try await Task.sleep(for: .seconds(3600)) }
      if unit == 2 { try await heartbeat.waiting { try await Task.sleep(for: .milliseconds(200)) } }
    } exhausted: { _, _ in
      Issue.record("nothing is exhausted")
    }
    #expect(tries.withLock { $0 } == [1: 2, 2: 1])
  }

  @Test("past its intensity the pool gives up and says why")
  func givesUp() async throws {
    let channel = Channel<Int>(messages: 10)
    for n in 0..<10 { try await channel.send(n) }
    channel.finish()
    var policy = quick
    policy.maxRestarts = 3
    await #expect(throws: GaveUp.self) {
      try await pool(channel, policy).run({ _, _ in throw Broken() }, exhausted: { _, _ in })
    }
  }
}

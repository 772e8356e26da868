import Testing

@testable import Supervision

/// The supervisor-worker pattern, a row of the table in Sources/Supervision/README.md each. What rows say of processes and
/// of the whole program is shown through the binary, in Tests/SluiceTests/PatternTests.swift.
@Suite("The pattern: pools and supervisors")
struct PatternTests {
  struct Broken: Error {}

  /// Events, and their times.
  final class Log: Sendable {
    let lines = Shared<[String]>([])
    let simulation: Simulation
    init(_ simulation: Simulation) { self.simulation = simulation }
    func note(_ line: String) { lines.withLock { $0.append(line) } }
    var all: [String] { lines.withLock { $0 } }
    func count(_ prefix: String) -> Int { all.count { $0.hasPrefix(prefix) } }
  }

  private func policy(_ change: (inout RestartPolicy) -> Void = { _ in }) -> RestartPolicy {
    var policy = RestartPolicy()
    policy.maxRestarts = 1000
    change(&policy)
    return policy
  }

  private func pool(
    _ simulation: Simulation, _ channel: Channel<Int>, size: PoolSize = PoolSize(min: 2, max: 2), policy: RestartPolicy, attempts: Int = 3,
    hasRoom: @escaping @Sendable () -> Bool = { true }, log: Log? = nil
  ) -> WorkerPool<Int> {
    WorkerPool(
      "test", size: size, channel: channel, policy: policy, attempts: attempts, conditions: simulation.conditions, hasRoom: hasRoom
    ) {
      event in log?.note("\(event.kind)")
    }
  }

  private func filled(_ units: Range<Int>) async throws -> Channel<Int> {
    let channel = Channel<Int>(messages: units.count)
    for unit in units { try await channel.send(unit) }
    channel.finish()
    return channel
  }

  @Test("Kotlin supervisorScope: a worker that throws is restarted alone, and what it had begun is cancelled with it")
  func kotlinSiblingsSurvive() async throws {
    let channel = try await filled(0..<2)
    let simulation = Simulation(seed: 1)
    let log = Log(simulation)
    let result = simulation.run { [pool = pool(simulation, channel, policy: policy())] in
      try await pool.run(
        .init { unit, assignment in
          log.note("begun \(unit)")
          if unit == 0 { return try await simulation.sleep(.seconds(10)) }
          if assignment.attempt > 1 { return }
          // A download that the worker owns, and that outlives it unless the pool cancels it.
          try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
              do {
                try await simulation.sleep(.seconds(1000))
              } catch { log.note("its child was cancelled") }
            }
            try await simulation.sleep(.seconds(1))
            throw Broken()
          }
        } exhausted: { _, _ in
          log.note("exhausted")
        })
    }
    #expect(throws: Never.self) { try result?.get() }
    #expect(log.count("begun 0") == 1)
    #expect(log.count("begun 1") == 2)
    #expect(log.count("its child was cancelled") == 1)
    #expect(simulation.now < .seconds(20))
  }

  @Test("Rust mpsc: a fixed pool, whose workers end when the channel is closed, in order and without polling")
  func rustClosingTheChannelEndsTheWorkers() {
    let simulation = Simulation(seed: 2)
    let first = Channel<Int>(messages: 2)
    let second = Channel<Int>(messages: 2)
    let log = Log(simulation)
    let upstream = pool(simulation, first, policy: policy { $0.watchdog = .seconds(40_000) })
    let downstream = pool(simulation, second, policy: policy { $0.watchdog = .seconds(40_000) })
    let result = simulation.run {
      try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask {
          try await upstream.run(
            .init { unit, _ in
              try await second.send(unit)
            } exhausted: { _, _ in
            })
          log.note("first has ended")
          second.finish()
        }
        group.addTask {
          try await downstream.run(
            .init { unit, _ in
              log.note("unit \(unit)")
            } exhausted: { _, _ in
            })
          log.note("second has ended")
        }
        for unit in 0..<20 { try await first.send(unit) }
        first.finish()
        try await group.waitForAll()
      }
    }
    #expect(throws: Never.self) { try result?.get() }
    #expect(log.count("unit") == 20)
    #expect(log.all.suffix(1) == ["second has ended"])
    #expect(log.count("first has ended") == 1)
    // The pool did not poll a clock to see the end.
    #expect(simulation.now == .zero)
  }

  @Test("Go channels and WaitGroup: every unit's result is collected, and the run ends exactly when all are accounted for")
  func goEveryResultIsCollected() async throws {
    let channel = try await filled(0..<50)
    let simulation = Simulation(seed: 3)
    let log = Log(simulation)
    let result = simulation.run {
      [pool = pool(simulation, channel, policy: policy { $0.backoff = Backoff(first: .milliseconds(1), longest: .milliseconds(2)) })] in
      try await pool.run(
        .init { unit, _ in
          if unit % 7 == 3 { throw Broken() }
          try await simulation.sleep(.seconds(unit == 49 ? 20 : 1))
          log.note("done \(unit)")
        } exhausted: { unit, _ in
          log.note("given up \(unit)")
        })
      log.note("over")
    }
    #expect(throws: Never.self) { try result?.get() }
    #expect(log.count("done") == 43)
    #expect(log.count("given up") == 7)
    #expect(log.all.last == "over")
  }

  @Test("C++ stop(): stopping wakes all that wait and joins all that work")
  func cppStopWakesAndJoinsAll() async throws {
    let simulation = Simulation(seed: 4)
    let channel = Channel<Int>(messages: 10)
    let full = Channel<Int>(messages: 1)
    try await full.send(0)
    for unit in 0..<2 { try await channel.send(unit) }
    let log = Log(simulation)
    let pool = pool(simulation, channel, size: PoolSize(min: 3, max: 3), policy: policy())
    let result = simulation.run {
      try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask {
          try await pool.run(
            .init { unit, _ in
              defer { log.note("worker of \(unit) has ended") }
              if unit == 0 { try await full.send(1) } else { try await simulation.sleep(.seconds(10_000)) }
            } exhausted: { _, _ in
            })
        }
        try await simulation.sleep(.seconds(1))
        group.cancelAll()
        try await group.waitForAll()
      }
    }
    #expect(throws: CancellationError.self) { try result?.get() }
    #expect(Set(log.all) == ["worker of 0 has ended", "worker of 1 has ended"])
    #expect(simulation.now == .seconds(1))
  }

  @Test("C# CompleteAdding: a stage is closed for intake while it drains")
  func csharpIntakeClosesWhileDraining() {
    let simulation = Simulation(seed: 5)
    let channel = Channel<Int>(messages: 10)
    let log = Log(simulation)
    let pool = pool(simulation, channel, policy: policy())
    let result = simulation.run {
      for unit in 0..<6 { try await channel.send(unit) }
      channel.finish()
      do {
        try await channel.send(6)
        log.note("taken in after the end")
      } catch is Closed { log.note("refused") }
      try await pool.run(
        .init { unit, _ in
          try await simulation.sleep(.seconds(1))
          log.note("drained \(unit)")
        } exhausted: { _, _ in
        })
    }
    #expect(throws: Never.self) { try result?.get() }
    #expect(log.all.first == "refused")
    #expect(log.count("drained") == 6)
  }

  @Test("TypeScript worker_threads: an idle worker takes the next unit at once")
  func typescriptIdleWorkerTakesTheNextUnit() async throws {
    let channel = try await filled(0..<11)
    let simulation = Simulation(seed: 6)
    let log = Log(simulation)
    let result = simulation.run { [pool = pool(simulation, channel, policy: policy())] in
      try await pool.run(
        .init { unit, assignment in
          if unit == 0 { return try await simulation.sleep(.seconds(10)) }
          try await simulation.sleep(.seconds(1))
          log.note("\(assignment.worker)")
        } exhausted: { _, _ in
        })
    }
    #expect(throws: Never.self) { try result?.get() }
    // One worker was busy with the first unit all the time; the other did the rest, one right after another.
    #expect(Set(log.all).count == 1)
    #expect(simulation.now == .seconds(10))
  }

  @Test("TypeScript worker_threads: started, failed, restarted, stalled and gave up are told")
  func typescriptEventsAreTold() async throws {
    let channel = try await filled(0..<1)
    let simulation = Simulation(seed: 7)
    let log = Log(simulation)
    let pool = pool(simulation, channel, policy: policy { $0.maxRestarts = 2 }, attempts: 10, log: log)
    let result = simulation.run {
      try await pool.run(
        .init { _, assignment in
          if assignment.attempt == 1 { try await simulation.sleep(.seconds(1000)) }
          throw Broken()
        } exhausted: { _, _ in
        })
    }
    #expect(throws: GaveUp.self) { try result?.get() }
    for event in ["started", "stalled", "failed", "restarted", "gaveUp"] { #expect(log.count(event) > 0, "\(event)") }
  }

  @Test("Java interrupt: a worker that waits, for room or for time, is stopped when it is cancelled")
  func javaBlockedWorkerIsInterrupted() async throws {
    let simulation = Simulation(seed: 8)
    let full = Channel<Int>(messages: 1)
    try await full.send(0)
    let channel = try await filled(0..<1)
    let log = Log(simulation)
    let pool = pool(simulation, channel, policy: policy { $0.watchdog = .seconds(5) }, attempts: 2, log: log)
    let result = simulation.run {
      try await pool.run(
        .init { _, assignment in
          // It does not say that it waits, so that the watchdog takes it for stalled.
          do { try await full.send(1) } catch is CancellationError {
            log.note("interrupted")
            throw CancellationError()
          }
        } exhausted: { _, error in
          log.note("exhausted: \(error)")
        })
    }
    #expect(throws: Never.self) { try result?.get() }
    #expect(log.count("interrupted") == 2)
    #expect(log.count("exhausted: no progress for 5 s") == 1)
  }

  @Test("Kubernetes replicas and probes: the pool comes back to its size, a unit that stands still is taken from its worker")
  func kubernetesPoolComesBackToItsSize() async throws {
    let channel = try await filled(0..<8)
    let simulation = Simulation(seed: 9)
    let log = Log(simulation)
    let sizes = Shared<Set<Int>>([])
    let pool = pool(simulation, channel, size: PoolSize(min: 4, max: 4), policy: policy { $0.watchdog = .seconds(10) })
    let result = simulation.run {
      try await pool.run(
        .init { unit, assignment in
          if unit == 1, assignment.attempt == 1 { try await simulation.sleep(.seconds(1000)) }
          if unit == 2, assignment.attempt == 1 { await simulation.sleepDeaf(.seconds(1000)) }
          if unit == 3, assignment.attempt == 1 { throw Broken() }
          for _ in 0..<20 {
            try await simulation.sleep(.seconds(1))
            assignment.heartbeat.beat()
          }
          sizes.withLock { _ = $0.insert(pool.workerCount) }
          log.note("done \(unit)")
        } exhausted: { unit, _ in
          log.note("given up \(unit)")
        })
    }
    #expect(throws: Never.self) { try result?.get() }
    #expect(log.count("done") == 7)
    // A worker that can't be stopped might still work on its unit: no other worker gets it.
    #expect(log.count("given up 2") == 1)
    #expect(sizes.withLock { $0 } == [4])
  }

  @Test("Kubernetes crash loops: the backoff doubles, and starts anew after a healthy period")
  func kubernetesBackoffResets() {
    var state = RestartState(policy { $0.within = .seconds(60) })
    func wait(at second: Int) -> Duration? {
      if case .restart(let after) = state.failed(at: .seconds(second), random: 1) { return after }
      return nil
    }
    #expect([1, 2, 3, 4].map(wait) == [100, 200, 400, 800].map { .milliseconds($0) })
    #expect(wait(at: 100) == .milliseconds(100))
    state.settled()
    #expect(wait(at: 101) == .milliseconds(100))
  }

  @Test("a pool grows while its input is full and its output is not, and shrinks when it is idle")
  func poolsAdapt() {
    for outputHasRoom in [true, false] {
      let simulation = Simulation(seed: 10)
      let channel = Channel<Int>(messages: 1)
      let most = Shared(0)
      let pool = pool(simulation, channel, size: PoolSize(min: 1, max: 4), policy: policy(), hasRoom: { outputHasRoom })
      let result = simulation.run {
        try await withThrowingTaskGroup(of: Void.self) { group in
          group.addTask {
            try await pool.run(
              .init { _, _ in
                most.withLock { $0 = max($0, pool.workerCount) }
                try await simulation.sleep(.seconds(1))
              } exhausted: { _, _ in
              })
          }
          for unit in 0..<40 { try await channel.send(unit) }
          try await simulation.sleep(.seconds(60))
          let size = pool.workerCount
          channel.finish()
          try await group.waitForAll()
          return size
        }
      }
      #expect((try? result?.get()) == 1)
      #expect(most.withLock { $0 } == (outputHasRoom ? 4 : 1))
    }
  }

  @Test("Erlang strategies: who is restarted with a worker that failed", arguments: RestartPolicy.Strategy.allCases)
  func erlangStrategiesOfWorkers(_ strategy: RestartPolicy.Strategy) async throws {
    let channel = try await filled(0..<4)
    let simulation = Simulation(seed: 11)
    let begun = Shared<[Int: Int]>([:])
    let workers = Shared<[Int: Int]>([:])
    let pool = pool(simulation, channel, size: PoolSize(min: 4, max: 4), policy: policy { $0.strategy = strategy })
    let result = simulation.run {
      try await pool.run(
        .init { unit, assignment in
          begun.withLock { $0[unit, default: 0] += 1 }
          if assignment.attempt == 1 { workers.withLock { if $0[unit] == nil { $0[unit] = assignment.worker } } }
          try await simulation.sleep(.seconds(1))
          if unit == 1, assignment.attempt == 1 { throw Broken() }
          try await simulation.sleep(.seconds(5))
        } exhausted: { _, _ in
        })
    }
    #expect(throws: Never.self) { try result?.get() }
    let place = workers.withLock { $0 }
    let again = begun.withLock { $0 }.filter { $0.value == 2 }.keys
    let expected = (0..<4).filter { strategy.restarts(place[$0] ?? -1, with: place[1] ?? -1) }
    #expect(Set(again) == Set(expected))
    #expect(expected.count == (strategy == .oneForOne ? 1 : strategy == .oneForAll ? 4 : 4 - (place[1] ?? 0)))
  }

  @Test("Erlang strategies: the supervisor above stages restarts by the same words", arguments: RestartPolicy.Strategy.allCases)
  func erlangStrategiesOfStages(_ strategy: RestartPolicy.Strategy) {
    let simulation = Simulation(seed: 12)
    let log = Log(simulation)
    let supervisor = Supervisor("run", policy: policy { $0.strategy = strategy }, conditions: simulation.conditions) { _ in }
    let result = simulation.run {
      try await supervisor.run(
        ["a", "b", "c"].map { name in
          Supervisor.Child(name) {
            log.note("\(name) begins")
            do {
              try await simulation.sleep(.seconds(1))
              if name == "b", log.count("b begins") == 1 { throw Broken() }
              try await simulation.sleep(.seconds(5))
            } catch {
              log.note("\(name) ends: \(error)")
              throw error
            }
          }
        })
    }
    #expect(throws: Never.self) { try result?.get() }
    switch strategy {
    case .oneForOne: #expect(["a", "b", "c"].map { log.count("\($0) begins") } == [1, 2, 1])
    case .restForOne: #expect(["a", "b", "c"].map { log.count("\($0) begins") } == [1, 2, 2])
    case .oneForAll:
      #expect(["a", "b", "c"].map { log.count("\($0) begins") } == [2, 2, 2])
      // The last first.
      let ends = log.all.filter { $0.contains("ends: CancellationError") }.map { $0.prefix(1) }
      #expect(ends == ["c", "a"])
    }
  }

  @Test("Erlang escalation: a supervisor that gives up tells its own, which starts it again or gives up itself")
  func erlangEscalation() async throws {
    let channel = try await filled(0..<3)
    let simulation = Simulation(seed: 13)
    let log = Log(simulation)
    let stage = pool(simulation, channel, policy: policy { $0.maxRestarts = 2 }, attempts: 100, log: log)
    let supervisor = Supervisor("run", policy: policy { $0.maxRestarts = 3 }, conditions: simulation.conditions) { event in
      log.note("run: \(event.kind)")
    }
    let mends = Shared(8)
    func run() -> Result<Void, any Error>? {
      simulation.run {
        try await supervisor.run([
          .init("stage") {
            try await stage.run(
              .init { unit, _ in
                if unit == 1,
                  mends.withLock({
                    $0 -= 1; return $0 > 0
                  })
                {
                  throw Broken()
                }
                log.note("done \(unit)")
              } exhausted: { _, _ in
              })
          }
        ])
      }
    }
    #expect(throws: Never.self) { try run()?.get() }
    #expect(log.count("gaveUp") == 2)
    #expect(log.count("done") == 3)
    // One that fails for ever takes the run with it.
    mends.withLock { $0 = .max }
    let hopeless = try await filled(0..<3)
    let broken = pool(simulation, hopeless, policy: policy { $0.maxRestarts = 2 }, attempts: 100)
    let result = simulation.run {
      try await supervisor.run([
        .init("stage") {
          try await broken.run(
            .init { _, _ in
              throw Broken()
            } exhausted: { _, _ in
            })
        }
      ])
    }
    #expect(throws: GaveUp.self) { try result?.get() }
  }

  @Test("a unit that must not wait gets a worker of its own, and its end is waited for")
  func servedBeside() async throws {
    let channel = Channel<Int>(messages: 10)
    try await channel.send(0)
    let simulation = Simulation(seed: 14)
    let log = Log(simulation)
    let pool = pool(simulation, channel, size: PoolSize(min: 1, max: 1), policy: policy(), attempts: 2)
    let service = WorkerPool<Int>.Service { unit, assignment in
      if unit == 0 { return try await simulation.sleep(.seconds(50)) }
      try await simulation.sleep(.seconds(1))
      if unit == 2 || assignment.attempt == 1 { throw Broken() }
      log.note("done \(unit)")
    } exhausted: { unit, _ in
      log.note("given up \(unit)")
    }
    let result = simulation.run {
      async let run: Void = pool.run(service)
      try await simulation.sleep(.seconds(1))
      try await pool.serve(1, service)
      try await pool.serve(2, service)
      log.note("served at \(simulation.now < .seconds(10))")
      channel.finish()
      try await run
    }
    #expect(throws: Never.self) { try result?.get() }
    #expect(log.all == ["done 1", "given up 2", "served at true"])
  }
}

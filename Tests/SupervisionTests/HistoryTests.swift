import Testing

@testable import Supervision

/// Ten thousand lives of a pool: workers that fail, stand still, don't end when they are told to; runs that are stopped at
/// some time, and begun again. What must hold in each is told by a model that knows nothing of how pools work.
@Suite("Supervisor histories")
struct HistoryTests {
  /// The true history of units, seen from inside their workers.
  private struct Model {
    var running: [Int: Int] = [:]
    var started: [Int: [Int]] = [:]
    var done: [Int: Int] = [:]
    var exhausted: [Int: Int] = [:]
    var faults: [String] = []
    /// When workers failed.
    var failures: [Duration] = []
    var gaveUp = 0
  }

  private struct Broken: Error {}

  @Test("no unit is lost, none is with two workers, restart limits are kept")
  func supervisorHistories() {
    let first = UInt64.random(in: 0..<1 << 40)
    print("supervisor histories from seed \(first)")
    for seed in first..<first + 10_000 {
      let faults = history(seed)
      if !faults.isEmpty {
        Issue.record("seed \(seed): \(faults.prefix(5).joined(separator: "; "))")
        return
      }
    }
  }

  private func history(_ seed: UInt64) -> [String] {
    let simulation = Simulation(seed: seed)
    func chance(_ percent: Int) -> Bool { simulation.random(in: 0..<100) < percent }
    var policy = RestartPolicy()
    policy.strategy = [.oneForOne, .restForOne, .oneForAll][simulation.random(in: 0..<3)]
    policy.maxRestarts = simulation.random(in: 0..<8)
    policy.within = .seconds(simulation.random(in: 1..<60))
    policy.watchdog = .seconds(4)
    policy.grace = .seconds(2)
    let limits = policy
    let attempts = simulation.random(in: 1..<4)
    let least = simulation.random(in: 1..<4)
    let units = simulation.random(in: 1..<25)
    let model = Shared(Model())
    let channel = Channel<Int>(messages: simulation.random(in: 1..<4))
    let pool = WorkerPool<Int>(
      "test", size: PoolSize(min: least, max: least + simulation.random(in: 0..<3)), channel: channel, policy: limits,
      attempts: attempts, conditions: simulation.conditions
    ) { event in
      let now = simulation.now
      model.withLock { model in
        switch event.kind {
        case .failed: model.failures.append(now)
        case .gaveUp:
          model.gaveUp += 1
          let count = model.failures.filter { now - $0 < limits.within }.count
          if count <= limits.maxRestarts { model.faults.append("gave up after \(count) failures of \(limits.maxRestarts)") }
        default: return
        }
      }
    }
    let trouble = simulation.random(in: 0..<40)
    let service = WorkerPool<Int>.Service { unit, assignment in
      model.withLock { model in
        model.running[unit, default: 0] += 1
        model.started[unit, default: []].append(assignment.attempt)
        if model.running[unit] != 1 { model.faults.append("unit \(unit) is with two workers") }
        if model.done[unit] != nil || model.exhausted[unit] != nil { model.faults.append("unit \(unit) begins again after its end") }
        if assignment.attempt > attempts { model.faults.append("attempt \(assignment.attempt) of \(attempts)") }
      }
      var isDeaf = false
      defer { if !isDeaf { model.withLock { $0.running[unit, default: 0] -= 1 } } }
      let isTrouble = simulation.random(in: 0..<100) < trouble
      switch isTrouble ? simulation.random(in: 0..<4) : 4 {
      case 0: throw Broken()
      case 1:
        try await simulation.sleep(.milliseconds(simulation.random(in: 0..<3000)))
        throw Broken()
      case 2: try await simulation.sleep(.seconds(1000))
      case 3 where simulation.random(in: 0..<2) == 0:
        isDeaf = true
        await simulation.sleepDeaf(.seconds(500))
        return
      default:
        for _ in 0..<simulation.random(in: 0..<4) {
          try await assignment.heartbeat.waiting(for: .other) { try await simulation.sleep(.milliseconds(simulation.random(in: 0..<9000))) }
        }
      }
      model.withLock { $0.done[unit, default: 0] += 1 }
    } exhausted: { unit, _ in
      model.withLock { $0.exhausted[unit, default: 0] += 1 }
    }
    simulation.start {
      for unit in 0..<units {
        try? await channel.send(unit)
        if simulation.random(in: 0..<3) == 0 { try? await simulation.sleep(.milliseconds(simulation.random(in: 0..<2000))) }
      }
      channel.finish()
    }
    // A run may be stopped, and one that was or that gave up is begun again, as its supervisor would.
    var runs = 0
    var isOver = false
    while !isOver {
      runs += 1
      let stopAt: Duration? = runs < 3 && chance(30) ? .milliseconds(simulation.random(in: 0..<20_000)) : nil
      let gaveUpBefore = model.withLock { $0.gaveUp }
      model.withLock { $0.failures = [] }
      let result = simulation.run(limit: simulation.now + .seconds(100_000)) {
        let task = simulation.conditions
        try await withThrowingTaskGroup(of: Void.self) { group in
          group.addTask { try await pool.run(service) }
          if let stopAt {
            group.addTask {
              try await task.sleep(stopAt)
              throw CancellationError()
            }
          }
          defer { group.cancelAll() }
          try await group.next()
        }
      }
      model.withLock { model in
        switch result {
        case .success?: isOver = true
        case .failure(is GaveUp)?:
          if model.gaveUp != gaveUpBefore + 1 { model.faults.append("gave up and did not say so") }
        case .failure?: if stopAt == nil { model.faults.append("\(String(describing: result))") }
        case nil:
          model.faults.append("the run does not end")
          isOver = true
        }
        // At no time more failures within the period than the limit, but for the one that made it give up.
        for (i, at) in model.failures.enumerated() {
          let count = model.failures[...i].filter { at - $0 < limits.within }.count
          if count > limits.maxRestarts + 1 + least + 2 { model.faults.append("\(count) failures within the period") }
        }
      }
    }
    return model.withLock { model in
      for unit in 0..<units {
        let ends = (model.done[unit] ?? 0, model.exhausted[unit] ?? 0)
        if ends != (1, 0) && ends != (0, 1) { model.faults.append("unit \(unit) was done \(ends.0) times and given up \(ends.1) times") }
      }
      return model.faults
    }
  }
}

import Differential
import Foundation
import Synchronization

// fuzz CASES [SEED]: the fast paths against the scalar implementations, on all cores; ends with 1 where they differ.
let count = CommandLine.arguments.dropFirst().first.flatMap { Int($0) } ?? 100_000
let seed = CommandLine.arguments.dropFirst(2).first.flatMap { UInt64($0) } ?? UInt64.random(in: 0..<1_000_000)
let cores = ProcessInfo.processInfo.activeProcessorCount
let difference = Mutex<String?>(nil)
DispatchQueue.concurrentPerform(iterations: cores) { core in
  var cases = Cases(seed: seed &* 1000 &+ UInt64(core))
  for i in 0..<count / cores {
    if let words = cases.next() {
      difference.withLock { $0 = "case \(i) of core \(core): \(words)" }
      return
    }
    if i % 1000 == 0, difference.withLock({ $0 != nil }) { return }
  }
}
if let words = difference.withLock({ $0 }) {
  FileHandle.standardError.write(Data("seed \(seed), \(words)\n".utf8))
  exit(1)
}
FileHandle.standardOutput.write(Data("seed \(seed): \(count) texts of each format, cut at every byte: no difference\n".utf8))

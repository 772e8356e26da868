import Differential
import Testing

@Suite("Fast paths against scalar implementations")
struct DifferentialTests {
  @Test("random texts, each as a whole and cut at every byte; Scripts/fuzz takes ten million")
  func agree() {
    let seed = UInt64.random(in: 0..<1_000_000)
    var cases = Cases(seed: seed)
    for i in 0..<3000 {
      if let difference = cases.next() {
        Issue.record("seed \(seed), case \(i): \(difference)")
        return
      }
    }
  }
}

import Testing

@testable import Write

@Suite("The hunt for refused rows")
struct RowHuntTests {
  /// A table that refuses some rows, and names the first of a try where it can.
  private func hunt(_ count: Int, bad: Set<Int>, isNamed: Bool, endsEarly: Int? = nil) -> (refused: [Int], taken: [Int], tries: Int) {
    var hunt = RowHunt(count: count)
    var taken: [Int] = []
    var tries = 0
    while let range = hunt.range() {
      tries += 1
      let end = min(range.upperBound, endsEarly.map { range.lowerBound + $0 } ?? range.upperBound)
      if let row = (range.lowerBound..<end).first(where: bad.contains) {
        hunt.note(.refused(row: isNamed ? row : nil, reason: "r\(row)", field: nil), range)
      } else {
        taken += range.lowerBound..<end
        hunt.note(.took(upTo: end), range)
      }
    }
    return (hunt.refused.map(\.row), taken, tries)
  }

  @Test("all bad rows are found, and all others taken once, in order", arguments: [true, false])
  func findsRefusedRows(_ isNamed: Bool) {
    var random = SystemRandomNumberGenerator()
    for _ in 0..<300 {
      let count = Int.random(in: 1...2000, using: &random)
      let share = [0, 1, 5, 100, 1000].randomElement(using: &random) ?? 0
      let bad = Set((0..<count).filter { _ in Int.random(in: 0..<1000, using: &random) < share })
      let found = hunt(count, bad: bad, isNamed: isNamed, endsEarly: Bool.random(using: &random) ? 37 : nil)
      #expect(found.refused == bad.sorted(), "\(count) rows, \(bad.count) bad")
      #expect(found.taken == (0..<count).filter { !bad.contains($0) })
    }
  }

  @Test("a hundred bad rows of a million take few tries, and a table that takes none is given up")
  func tries() {
    let bad = Set((0..<100).map { $0 * 9973 + 17 })
    #expect(hunt(1_000_000, bad: bad, isNamed: true).tries < 2000)
    #expect(hunt(1_000_000, bad: bad, isNamed: false).tries < 6000)
    let none = hunt(1_000_000, bad: Set(0..<1_000_000), isNamed: true)
    #expect(none.refused.count == RowHunt.most)
  }
}

/// The search for rows that a table refuses, among rows of which it takes the others.
///
/// It says which rows to try next and learns how that went; it knows no database. Rows are tried in order, so later ones win over earlier
/// ones with the same key.
struct RowHunt {
  /// The result of a try.
  enum Outcome {
    /// All rows up to this one, which is not among them, were taken.
    case took(upTo: Int)
    /// Nothing was taken. The row at fault, where the database names it.
    case refused(row: Int?, reason: String, field: String?)
  }

  /// The most rows that are looked for: a table that refuses more than that is not the table for this output.
  static let most = 10_000

  private let count: Int
  private var next = 0
  private var window: Int
  /// A row that is known to be refused, with the reason; all between ``next`` and it are thought to be taken.
  private var bad: (row: Int, reason: String, field: String?)?
  /// The rows that the table refuses.
  private(set) var refused: [(row: Int, field: String?, reason: String)] = []

  init(count: Int) {
    self.count = count
    window = count
  }

  /// Whether so many rows are refused that it makes no sense to go on.
  var isHopeless: Bool { refused.count >= Self.most }

  /// The rows to try; nil where all were tried.
  mutating func range() -> Range<Int>? {
    if let bad, bad.row == next {
      refused.append((bad.row, bad.field, bad.reason))
      next += 1
      self.bad = nil
    }
    guard next < count, !isHopeless else { return nil }
    return next..<min(count, next + window, bad?.row ?? count)
  }

  /// Takes the result of trying the rows that ``range()`` gave last.
  mutating func note(_ outcome: Outcome, _ range: Range<Int>) {
    switch outcome {
    case .took(let end):
      next = end
      // Bad rows often come together: what comes next is tried in larger pieces again, but not all at once.
      window = min(count, max(window, range.count) * 4)
    case .refused(let row?, let reason, let field) where range.contains(row):
      bad = (row, reason, field)
      window = max(16, row - range.lowerBound)
    case .refused(_, let reason, let field):
      if range.count == 1 { bad = (range.lowerBound, reason, field) } else { window = range.count / 2 }
    }
  }
}

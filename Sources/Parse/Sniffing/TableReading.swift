/// The reading of a sample in one dialect: a table, and the lines above and below it.
struct TableReading {
  struct Row {
    var start: Int
    var next: Int
    var width: Int
    var isBroken: Bool
    var isComment = false
    /// Whether its last cell is empty, as behind a delimiter that ends each record.
    var endsEmpty = false
    /// How much its cells look like values, from 0 to 1.
    var weight: Double?
  }

  /// How wide the header is where it is not as wide as the records.
  enum HeaderWidth { case same, narrower, wider }

  var dialect: CSVDialect
  /// The records, without blank lines and comments.
  let rows: [Row]
  /// Whether the last row is the item's last.
  let reachesEnd: Bool
  /// How many fields the records have.
  private(set) var width = 1
  /// The rows of the table, a header that is as wide included.
  private(set) var table = 0..<0
  /// How many of them are as wide as the table, and how many break the quoting.
  private(set) var fitting = 0
  private(set) var broken = 0
  private(set) var headerWidth = HeaderWidth.same
  /// Whether short records are filled up.
  private(set) var isPadded = false
  var score = 0.0

  init(dialect: CSVDialect, rows: [Row], reachesEnd: Bool) {
    self.dialect = dialect
    self.rows = rows
    self.reachesEnd = reachesEnd
    table = 0..<rows.count
    guard let common = Self.common(rows) else {
      fitting = rows.count { !$0.isBroken && $0.width == 1 }
      broken = rows.count { $0.isBroken }
      score = 0.12 * consistency * consistency
      return
    }
    width = common
    findBegin()
    findEnd()
    findPadding()
    measure()
  }

  /// Fits by records of the table.
  var consistency: Double { table.isEmpty ? 0 : Double(fitting) / Double(table.count) }
  /// Rows above the table that are no header.
  var preamble: Int { headerWidth == .same ? table.lowerBound : table.lowerBound - 1 }

  func fits(_ row: Row) -> Bool { !row.isBroken && (row.width == width || (isPadded && row.width < width)) }

  /// The width, other than one, that most rows have.
  private static func common(_ rows: [Row]) -> Int? {
    var counts: [Int: Int] = [:]
    for row in rows where !row.isBroken && row.width > 1 { counts[row.width, default: 0] += 1 }
    return counts.max { ($0.value, $0.key) < ($1.value, $1.key) }?.key
  }

  private mutating func findBegin() {
    let begin = rows.indices.first { i in
      guard fits(rows[i]) else { return false }
      let next = rows[i...].prefix(5)
      return next.count { fits($0) } * 5 >= next.count * 3
    }
    guard let begin, begin == 0 || rows.count - begin >= 2 || rows.count == 2 else { return }
    table = begin..<rows.count
    guard begin == 1, !rows[0].isBroken else { return }
    if rows[0].width == width - 1 { headerWidth = .narrower }
    if rows[0].width > width { headerWidth = .wider }
  }

  /// Leaves out what stands below the table: a few lines that are none of its records, after records that all are.
  private mutating func findEnd() {
    guard reachesEnd, table.count > 1 else { return }
    var end = table.upperBound
    while end > table.lowerBound + 1, table.upperBound - end <= 10, !fits(rows[end - 1]) { end -= 1 }
    let below = rows[end..<table.upperBound]
    guard !below.isEmpty, below.count <= 10, below.count * 2 <= max(end - table.lowerBound, 2) else { return }
    let misfits = rows[table.lowerBound..<end].count { !fits($0) }
    // One record with some of its fields is a record whose end is missing.
    if misfits * 50 > end - table.lowerBound || (below.count == 1 && (rows[end].width > 1 || rows[end].isBroken)) { return }
    if below.contains(where: { $0.width > width }) && below.allSatisfy({ $0.width > 1 }) { return }
    table = table.lowerBound..<end
  }

  /// Where the first row is the widest and many are shorter, the short ones leave out fields at their end.
  private mutating func findPadding() {
    guard let header = rows.first, !header.isBroken, header.width > 1, header.width <= 1 << 14 else { return }
    let body = rows[0..<table.upperBound]
    let short = body.count { !$0.isBroken && $0.width < header.width }
    let single = body.count { !$0.isBroken && $0.width == 1 }
    guard short >= 2, short * 50 >= body.count, single * 2 <= body.count, !body.contains(where: { !$0.isBroken && $0.width > header.width })
    else { return }
    // A title with commas is wider than the table below it, and nothing in the table is as wide.
    if headerWidth == .wider, short == body.count - 1 { return }
    width = header.width
    table = 0..<table.upperBound
    headerWidth = .same
    isPadded = true
    dialect.ragged = .pad
  }

  private mutating func measure() {
    var weight = 0.0
    var weighed = 0
    for row in rows[table] {
      if row.isBroken { broken += 1 }
      guard fits(row) else { continue }
      fitting += 1
      guard let own = row.weight else { continue }
      weight += own
      weighed += 1
    }
    let share = Double(table.count) / Double(max(table.count + preamble, 1))
    score = consistency * consistency * weight / Double(max(weighed, 1)) * (1 - 0.4 / Double(width)) * share.squareRoot()
    if isPadded { score *= 0.7 }
    if headerWidth != .same { score *= 0.95 }
  }
}

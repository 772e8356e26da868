/// Finds the name that a misspelt one was meant to be.
public enum Spelling {
  /// Returns the nearest candidate; nil where none is within a third of the name's length of edits (at least one edit). Upper and lower
  /// case are alike.
  public static func nearest(to name: String, among candidates: [String]) -> String? {
    let limit = max(1, name.count / 3)
    let ranked = candidates.map { ($0, distance(name.lowercased(), $0.lowercased())) }
    return ranked.filter { $0.1 <= limit }.min { $0.1 < $1.1 }?.0
  }

  /// Returns the number of edits (insert, delete, replace, swap of neighbours) that make `a` into `b`: optimal string alignment distance.
  package static func distance(_ a: String, _ b: String) -> Int {
    let a = Array(a), b = Array(b)
    var before: [Int] = []
    var row = Array(0...b.count)
    for i in 0..<a.count {
      var next = [i + 1]
      for j in 0..<b.count {
        var best = min(row[j + 1] + 1, next[j] + 1, row[j] + (a[i] == b[j] ? 0 : 1))
        if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { best = min(best, before[j - 1] + 1) }
        next.append(best)
      }
      before = row
      row = next
    }
    return row[b.count]
  }
}

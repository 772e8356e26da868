import Foundation
import Ledger

/// Rates and shares, computed from a timeline.
struct ReportRates {
  struct Point {
    /// Seconds since the run's first point.
    var at: Double
    var recordsPerSecond: Double
    var bytesPerSecond: Double
  }

  let points: [Point]

  init(_ timeline: [TimelinePoint]) {
    let begin = timeline.first?.since ?? 0
    points = zip(timeline, timeline.dropFirst()).compactMap { before, now in
      let seconds = now.at - before.at
      guard seconds > 0 else { return nil }
      // Where another process went on, its figures count from its own beginning.
      let isSame = before.since == now.since
      return Point(
        at: now.at - begin, recordsPerSecond: Double(max(0, now.read - (isSame ? before.read : 0))) / seconds,
        bytesPerSecond: Double(max(0, now.writtenBytes - (isSame ? before.writtenBytes : 0))) / seconds)
    }
  }

  /// For each stage the shares of its workers' time; they make 1.
  static func shares(_ timeline: [TimelinePoint]) -> [TimelinePoint.Stage] {
    var sums: [TimelinePoint.Stage] = timeline.first?.stages.map { .init(stage: $0.stage, busy: 0, waiting: 0, blocked: 0) } ?? []
    for point in timeline {
      for (i, stage) in point.stages.enumerated() where i < sums.count {
        sums[i].busy += stage.busy
        sums[i].waiting += stage.waiting
        sums[i].blocked += stage.blocked
      }
    }
    return sums.map { sum in
      let all = max(sum.busy + sum.waiting + sum.blocked, .leastNormalMagnitude)
      return .init(stage: sum.stage, busy: sum.busy / all, waiting: sum.waiting / all, blocked: sum.blocked / all)
    }
  }
}

/// Charts as inline SVG.
enum ReportChart {
  private static let width = 520.0
  private static let height = 180.0
  private static let left = 62.0
  private static let bottom = 24.0
  private static let top = 10.0

  /// A filled line over seconds.
  static func area(
    _ title: String, _ points: [(x: Double, y: Double)], unit: String, format: (Double) -> String, color: String
  ) -> String {
    let most = points.map(\.y).max() ?? 0
    let ceiling = roundCeiling(most)
    let last = points.last?.x ?? 1
    func x(_ value: Double) -> Double { left + value / max(last, 1e-9) * (width - left - 8) }
    func y(_ value: Double) -> Double { top + (1 - value / ceiling) * (height - top - bottom) }
    let line = points.map { String(format: "%.1f,%.1f", x($0.x), y($0.y)) }.joined(separator: " ")
    let floor = String(format: "%.1f", y(0))
    let fill = String(format: "%.1f,", x(points.first?.x ?? 0)) + floor + " " + line + String(format: " %.1f,", x(last)) + floor
    let grid = [0, 0.5, 1].map { share -> String in
      let value = ceiling * share
      return String(format: "<line class=\"grid\" x1=\"%.0f\" x2=\"%.0f\" y1=\"%.1f\" y2=\"%.1f\"/>", left, width - 8, y(value), y(value))
        + String(format: "<text class=\"axis\" x=\"%.0f\" y=\"%.1f\" text-anchor=\"end\">", left - 6, y(value) + 4) + format(value)
        + "</text>"
    }.joined()
    let ends = [(0.0, "start"), (last, "end")].map { value, anchor in
      String(format: "<text class=\"axis\" x=\"%.1f\" y=\"%.0f\" text-anchor=\"%@\">", x(value), height - 6, anchor as NSString)
        + ReportNumber.seconds(value) + "</text>"
    }.joined()
    return """
      <figure><figcaption>\(title), at most \(format(most))</figcaption>
      <svg viewBox="0 0 \(Int(width)) \(Int(height))" role="img" aria-label="\(title)">\(grid)
      <polygon class="fill \(color)" points="\(fill)"/><polyline class="line \(color)" points="\(line)"/>\(ends)</svg></figure>
      """
  }

  /// How many values there are in each range of a scale whose steps double.
  static func histogram(_ title: String, _ sorted: [Double]) -> String {
    guard let least = sorted.first, let most = sorted.last else { return "" }
    var edge = 0.001
    while edge * 2 <= least { edge *= 2 }
    var bins: [(from: Double, to: Double, count: Int)] = []
    repeat {
      let to = edge * 2
      let from = bins.isEmpty ? 0 : edge
      bins.append((from, to, sorted.count { $0 >= from && $0 < to }))
      edge = to
    } while edge <= most
    let peak = Double(bins.map(\.count).max() ?? 1)
    let rows = bins.map { bin -> String in
      let label =
        bin.from == 0 ? "under \(ReportNumber.seconds(bin.to))" : "\(ReportNumber.seconds(bin.from)) to \(ReportNumber.seconds(bin.to))"
      return
        "<tr><th scope=\"row\">\(label)</th><td class=\"bar\"><span class=\"column\" style=\"width:\(String(format: "%.1f", Double(bin.count) / peak * 100))%\"></span></td><td class=\"number\">\(ReportNumber.count(bin.count))</td></tr>"
    }.joined()
    return "<h3>\(title)</h3><table class=\"bars\">\(rows)</table>"
  }

  /// The next of 1, 2, 5, 10, 20, … above.
  static func roundCeiling(_ value: Double) -> Double {
    guard value > 0 else { return 1 }
    let power = pow(10, floor(log10(value)))
    return ([1, 2, 5, 10].first { $0 * power >= value } ?? 10) * power
  }
}

/// Numbers as a report writes them.
enum ReportNumber {
  static func count(_ n: Int) -> String {
    var digits = String(abs(n))
    var out = ""
    while digits.count > 3 {
      out = "," + digits.suffix(3) + out
      digits = String(digits.dropLast(3))
    }
    return (n < 0 ? "-" : "") + digits + out
  }

  /// `1.2 M`
  static func short(_ value: Double) -> String { scaled(value, 1000, ["", " k", " M", " G"]) }
  static func bytes(_ n: Int) -> String { scaled(Double(n), 1000, [" B", " KB", " MB", " GB", " TB"]) }

  private static func scaled(_ value: Double, _ base: Double, _ units: [String]) -> String {
    var value = value
    var unit = 0
    while value >= base, unit < units.count - 1 {
      value /= base
      unit += 1
    }
    let isRound = value == value.rounded() || value >= 100
    return String(format: isRound ? "%.0f" : "%.1f", value) + units[unit]
  }

  static func seconds(_ value: Double) -> String {
    switch value {
    case ..<1: String(format: "%.0f ms", value * 1000)
    case ..<60: String(format: value == value.rounded() ? "%.0f s" : "%.1f s", value)
    case ..<3600: "\(Int(value) / 60) min \(Int(value) % 60) s"
    default: "\(Int(value) / 3600) h \(Int(value) / 60 % 60) min"
    }
  }

  static func percent(_ share: Double) -> String { String(format: "%.0f %%", share * 100) }

  static func share(_ part: Int, of all: Int) -> String {
    guard all > 0, part > 0 else { return "" }
    let percent = Double(part) * 100 / Double(all)
    return percent < 0.01 ? "less than 0.01 %" : String(format: percent < 1 ? "%.2f %%" : "%.1f %%", percent)
  }
}

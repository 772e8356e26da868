import Configuration
import Definition
import Foundation

/// A running pipeline as a screen of any size: what matters most is what stays where there is little room.
struct WatchView {
  let pipeline: String
  let hasColor: Bool
  private var samples: [(seconds: Double, read: Int, done: Int)] = []

  init(pipeline: String, hasColor: Bool) {
    self.pipeline = pipeline
    self.hasColor = hasColor
  }

  /// Remembers how far it is, for the rate. A rate is that of the last ten samples.
  mutating func add(_ tree: PipelineTree, at seconds: Double) {
    samples.append((seconds, tree.read, tree.items.done + tree.items.failed))
    if samples.count > 10 { samples.removeFirst() }
  }

  func lines(_ tree: PipelineTree, columns: Int, rows: Int) -> [String] {
    var lines = [styled("1", cut(heading(tree), columns)), cut(progress(tree, columns), columns)]
    let stages = body(tree, columns: columns, rows: rows - lines.count - (rows > 9 ? 2 : 0))
    if rows > 9 {
      lines.append("")
      lines += stages
      lines.append(styled("2", cut("q leaves this view; the run goes on", columns)))
    } else {
      lines += stages
    }
    return Array(lines.prefix(rows))
  }

  private func heading(_ tree: PipelineTree) -> String {
    "\(pipeline)  run \(tree.run), engine \(tree.pid), for \(Human.seconds(Double(tree.seconds)))"
  }

  private func progress(_ tree: PipelineTree, _ columns: Int) -> String {
    let done = tree.items.done + tree.items.failed
    let share = tree.items.total > 0 ? Double(done) / Double(tree.items.total) : 0
    var text = "\(done)/\(tree.items.total) items"
    if tree.items.failed > 0 { text += " (\(tree.items.failed) failed)" }
    text += ", \(Human.count(tree.read)) records"
    if let first = samples.first, let last = samples.last, last.seconds > first.seconds {
      let span = last.seconds - first.seconds
      text += ", \(Human.count(Int(Double(last.read - first.read) / span)))/s"
      let rate = Double(last.done - first.done) / span
      if rate > 0, done < tree.items.total { text += ", about \(Human.seconds(Double(tree.items.total - done) / rate)) left" }
    }
    text += ", \(Human.count(tree.written)) written"
    guard columns >= 60 else { return text }
    let full = Int(share * 20)
    return String(repeating: "█", count: full) + String(repeating: "░", count: 20 - full) + " " + text
  }

  /// The stages, and of the workers as many as there is room for: those first that have worked longest on what they have.
  private func body(_ tree: PipelineTree, columns: Int, rows: Int) -> [String] {
    let all = tree.stages.indices.flatMap { i in tree.stages[i].workers.indices.map { (stage: i, worker: $0) } }
    let room = max(0, rows - tree.stages.count)
    let order = all.sorted { rank(tree.stages[$0.stage].workers[$0.worker]) > rank(tree.stages[$1.stage].workers[$1.worker]) }
    var shown: [Int: Set<Int>] = [:]
    for place in order.prefix(room) { shown[place.stage, default: []].insert(place.worker) }
    return tree.stages.indices.flatMap { i in
      let stage = tree.stages[i]
      let workers = stage.workers.indices.filter { shown[i]?.contains($0) == true }
      let more = workers.count < stage.workers.count && !workers.isEmpty ? ", \(workers.count) shown" : ""
      let line = cut(tree.stageLine(i) + more, columns)
      return [i == tree.bottleneck ? styled("33", line) : line]
        + workers.map { cut(tree.workerLine(stage.workers[$0], columns: columns), columns) }
    }
  }

  private func rank(_ worker: PipelineTree.Worker) -> Double {
    switch worker.state {
    case "working": worker.age + 1e9
    case "waiting": worker.age + 1e6
    default: -1
    }
  }

  private func cut(_ text: String, _ columns: Int) -> String { TerminalText.cut(ShownText.line(text), to: columns) }

  private func styled(_ code: String, _ text: String) -> String { hasColor ? "\u{1B}[\(code)m\(text)\u{1B}[0m" : text }
}

import Configuration
import Definition
import Files
import Foundation
import Ledger

/// A run's report as one page of HTML that needs nothing else: no script, no font, no request.
package struct ReportPage: Sendable {
  private let report: RunReport
  private let redactor: Redactor

  /// The page of a report.
  ///
  /// - Parameter redactor: takes secrets out of texts from the ledger.
  package init(_ report: RunReport, _ redactor: Redactor) {
    self.report = report
    self.redactor = redactor
  }

  /// Writes the page in the place of an earlier one. A file that is no page of HTML is left as it is.
  package func write(to path: String) throws(SmallFileError) {
    try SmallFile.replace(
      path, with: Array(html.utf8),
      expected: (name: "page of HTML", shows: { String(decoding: $0, as: UTF8.self).lowercased().contains("<!doctype html") }))
  }

  /// The page as text.
  package var html: String {
    let run = report.run
    let title = "\(run.pipeline), run \(run.id)"
    return """
      <!doctype html>
      <html lang="en">
      <head>
      <meta charset="utf-8">
      <meta name="viewport" content="width=device-width, initial-scale=1">
      <meta name="color-scheme" content="light dark">
      <title>\(escaped(title))</title>
      <style>\(ReportStyle.css)</style>
      </head>
      <body>
      <main>
      \(header)
      \(tiles)
      \(throughput)
      \(stages)
      \(itemStates)
      \(slowItems)
      \(deadLetters)
      \(retries)
      \(schemaChanges)
      \(history)
      <footer>Made by sluice from its ledger, \(Date().ISO8601Format()).</footer>
      </main>
      </body>
      </html>

      """
  }

  /// Text from the ledger: without secrets, control characters spelled out, and none of it markup.
  private func escaped(_ text: String) -> String {
    ShownText.line(redactor.redact(text)).replacingOccurrences(of: "&", with: "&amp;").replacingOccurrences(of: "<", with: "&lt;")
      .replacingOccurrences(
        of: ">", with: "&gt;"
      )
      .replacingOccurrences(of: "\"", with: "&quot;")
  }

  private func section(_ title: String, _ body: String) -> String { "<section><h2>\(title)</h2>\(body)</section>" }
  private func nothing(_ words: String) -> String { "<p class=\"none\">\(words)</p>" }

  // MARK: Head

  private var header: String {
    let run = report.run
    let ended = run.endedAt.map { " to \($0.ISO8601Format())" } ?? ", not ended"
    let error = run.error.map { "<p class=\"problem\">\(escaped($0))</p>" } ?? ""
    return """
      <header><p class="kind">Sluice run report</p>
      <h1>\(escaped(run.pipeline)) <span class="run">run \(run.id)</span> <span class="badge \(run.status.rawValue)">\(run.status.rawValue)</span></h1>
      <p class="when">\(run.startedAt.ISO8601Format())\(ended) · \(ReportNumber.seconds(report.seconds))</p>\(error)</header>
      """
  }

  private var tiles: String {
    let c = report.counts
    func tile(_ name: String, _ value: String, _ detail: String = "", kind: String = "") -> String {
      "<div class=\"tile \(kind)\"><dt>\(name)</dt><dd>\(value)</dd><p>\(detail)</p></div>"
    }
    let rate = report.seconds > 0 ? "\(ReportNumber.short(Double(c.read) / report.seconds)) a second" : ""
    return "<dl class=\"tiles\">"
      + tile("Records read", ReportNumber.count(c.read), rate)
      + tile("Written", ReportNumber.count(c.written), ReportNumber.bytes(report.bytes.written))
      + tile("Filtered", ReportNumber.count(c.filtered), ReportNumber.share(c.filtered, of: c.read))
      + tile(
        "Dead-lettered", ReportNumber.count(c.deadLettered), ReportNumber.share(c.deadLettered, of: c.read),
        kind: c.deadLettered > 0 ? "warn" : "")
      + tile("Fetched", ReportNumber.bytes(report.bytes.fetched), "\(ReportNumber.bytes(report.bytes.decompressed)) decompressed")
      + tile("Retries", ReportNumber.count(report.run.retries), "\(report.run.restarts) worker restarts") + "</dl>"
  }

  // MARK: Over time

  private var throughput: String {
    let rates = ReportRates(report.timeline)
    guard rates.points.count > 1 else {
      return section("Throughput", nothing("The run was too short to be drawn: it has no two points in time."))
    }
    return section(
      "Throughput",
      "<div class=\"charts\">"
        + ReportChart.area(
          "Records read a second", rates.points.map { ($0.at, $0.recordsPerSecond) }, unit: "", format: ReportNumber.short, color: "c1")
        + ReportChart.area(
          "Bytes written a second", rates.points.map { ($0.at, $0.bytesPerSecond) }, unit: "", format: { ReportNumber.bytes(Int($0)) },
          color: "c2") + "</div>")
  }

  private var stages: String {
    let shares = ReportRates.shares(report.timeline)
    guard shares.contains(where: { $0.busy > 0 }) else {
      return section("Stages", nothing("The run was too short for a look at its workers."))
    }
    let rows = shares.map { share -> String in
      let parts = [("busy", share.busy), ("blocked", share.blocked), ("waiting", share.waiting)]
      let bar = parts.map { name, part in
        part < 0.005
          ? ""
          : "<span class=\"part \(name)\" style=\"width:\(String(format: "%.1f", part * 100))%\" title=\"\(name) \(ReportNumber.percent(part))\">\(part > 0.08 ? ReportNumber.percent(part) : "")</span>"
      }.joined()
      return "<tr><th scope=\"row\">\(share.stage)</th><td class=\"bar\"><div class=\"stack\">\(bar)</div></td></tr>"
    }.joined()
    return section(
      "Stages",
      """
      <p class="legend"><span class="key busy"></span>busy <span class="key blocked"></span>blocked: no room for what it has made
      <span class="key waiting"></span>waiting for work</p><table class="bars">\(rows)</table>
      <p class="note">The stage that is busy while those before it are blocked is what holds the run up.</p>
      """)
  }

  // MARK: Items

  private var itemStates: String {
    let states: [ItemStatus] = [.done, .failed, .working, .pending]
    let known = states.filter { (report.states[$0] ?? 0) > 0 }
    let words = known.map { state in
      "<span class=\"badge \(state.rawValue)\">\(state.rawValue)</span> \(ReportNumber.count(report.states[state] ?? 0))"
    }.joined(separator: " &nbsp; ")
    var body = known.isEmpty ? nothing("The run worked on no items.") : "<p class=\"states\">\(words)</p>"
    if report.durations.count >= 5 {
      body += ReportChart.histogram("Items by how long they took", report.durations)
    }
    return section("Items", body)
  }

  private var slowItems: String {
    guard !report.items.isEmpty else { return "" }
    let rows = report.items.map { item -> String in
      """
      <tr><td class="name">\(escaped(item.key))\(item.error.map { "<p class=\"problem\">\(escaped($0))</p>" } ?? "")</td>
      <td><span class="badge \(item.status.rawValue)">\(item.status.rawValue)</span></td><td class="number">\(ReportNumber.count(item.read))</td>
      <td class="number">\(item.seconds.map(ReportNumber.seconds) ?? "")</td></tr>
      """
    }.joined()
    let all = report.states.values.reduce(0, +)
    let title = all > report.items.count ? "The \(report.items.count) that failed or took longest" : "All items, the slowest first"
    return """
      <section><details \(report.items.contains { $0.status == .failed } ? "open" : "")><summary>\(title)</summary>
      <div class="scroll"><table><thead><tr><th>Item</th><th>State</th><th class="number">Records</th><th class="number">Took</th></tr></thead>
      <tbody>\(rows)</tbody></table></div></details></section>
      """
  }

  // MARK: Failures

  private var deadLetters: String {
    guard !report.reasons.isEmpty else { return section("Dead letters", nothing("None.")) }
    let most = Double(report.reasons.map(\.count).max() ?? 1)
    let body = report.reasons.map { reason -> String in
      let examples = reason.examples.map { example -> String in
        let place = [
          example.record.map { "record \(ReportNumber.count($0))" }, example.line.map { "line \(ReportNumber.count($0))" },
          example.offset.map { "byte \(ReportNumber.count($0))" },
        ].compactMap { $0 }.joined(separator: ", ")
        let raw = example.raw.isEmpty ? "" : "<pre>\(escaped(example.raw))</pre>"
        return "<li><span class=\"name\">\(escaped(example.item))</span> \(place)<br>\(escaped(example.reason))\(raw)</li>"
      }.joined()
      return """
        <details class="reason"><summary><span class="count">\(ReportNumber.count(reason.count))</span> <span class="what"><code>\(escaped(reason.code))</code>
        in \(escaped(reason.stage))\(reason.field.map { ", field <code>\(escaped($0))</code>" } ?? "")</span>
        <span class="meter"><span style="width:\(String(format: "%.1f", Double(reason.count) / most * 100))%"></span></span></summary>
        <ul class="examples">\(examples)</ul></details>
        """
    }.joined()
    return section("Dead letters", body)
  }

  private var retries: String {
    guard !report.retries.isEmpty else { return section("Retries and restarts", nothing("None.")) }
    let rows = report.retries.prefix(20).map {
      "<tr><td class=\"number\">\(ReportNumber.count($0.count))</td><td>\(escaped($0.cause))</td></tr>"
    }.joined()
    return section(
      "Retries and restarts",
      "<div class=\"scroll\"><table><thead><tr><th class=\"number\">Times</th><th>Cause</th></tr></thead><tbody>\(rows)</tbody></table></div>"
    )
  }

  private var schemaChanges: String {
    guard !report.schemaChanges.isEmpty else { return section("Changes of the source's columns", nothing("None.")) }
    let rows = report.schemaChanges.map { "<li>\(escaped($0.detail))</li>" }.joined()
    return section("Changes of the source's columns", "<ul>\(rows)</ul>")
  }

  private var history: String {
    guard report.history.count > 1 else { return "" }
    let rows = report.history.reversed().map { run -> String in
      let took = run.endedAt.map { ReportNumber.seconds($0.timeIntervalSince(run.startedAt)) } ?? ""
      return """
        <tr\(run.id == report.run.id ? " class=\"this\"" : "")><td class="number">\(run.id)</td><td>\(run.startedAt.ISO8601Format())</td>
        <td><span class="badge \(run.status.rawValue)">\(run.status.rawValue)</span></td><td class="number">\(took)</td>
        <td class="number">\(ReportNumber.count(run.counts.written))</td><td class="number">\(ReportNumber.count(run.counts.deadLettered))</td></tr>
        """
    }.joined()
    return section(
      "Runs of this pipeline",
      """
      <div class="scroll"><table><thead><tr><th class="number">Run</th><th>Begun</th><th>State</th><th class="number">Took</th>
      <th class="number">Written</th><th class="number">Dead letters</th></tr></thead><tbody>\(rows)</tbody></table></div>
      """)
  }
}

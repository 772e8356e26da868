import Files
import Foundation

/// A run's result as metrics, for the textfile collector of Prometheus' node_exporter.
///
/// Names follow https://prometheus.io/docs/practices/naming/, the form https://prometheus.io/docs/instrumenting/exposition_formats/.
package enum MetricsFile {
  /// Writes the file in the place of the last run's; a reader sees one or the other.
  ///
  /// - Throws: ``SmallFileError`` where the file can't be written, or is no metrics file.
  package static func write(_ notice: RunNotice, to path: String) throws(SmallFileError) {
    let isFile = (try? FileStatus.of(path))?.kind == .regular
    let before = isFile ? FileManager.default.contents(atPath: path).map { String(decoding: $0, as: UTF8.self) } ?? "" : ""
    try SmallFile.replace(
      // The collector runs as another user.
      path, with: Array(text(notice, before: before).utf8), mode: 0o644,
      expected: (name: "metrics file", shows: { $0.starts(with: "# HELP sluice_".utf8) }))
  }

  private static let lastSuccess = "sluice_last_success_timestamp_seconds"

  /// - Parameter before: the file's former text, which holds the time of the last success.
  static func text(_ notice: RunNotice, before: String) -> String {
    let pipeline = "pipeline=\"\(label(notice.pipeline))\""
    var out = ""
    func add(_ name: String, _ help: String, _ samples: [(labels: String, value: String)]) {
      out += "# HELP \(name) \(help)\n# TYPE \(name) gauge\n"
      for sample in samples { out += "\(name){\(pipeline)\(sample.labels)} \(sample.value)\n" }
    }
    func one(_ name: String, _ help: String, _ value: String) { add(name, help, [("", value)]) }
    let now = String(format: "%.3f", notice.endedAt.timeIntervalSince1970)
    one("sluice_last_run_success", "Whether the last run was done to its end.", notice.exitCode == 0 ? "1" : "0")
    one("sluice_last_run_exit_code", "What the last run exited with (sysexits).", "\(notice.exitCode)")
    one("sluice_last_run_timestamp_seconds", "When the last run ended.", now)
    one("sluice_last_run_duration_seconds", "How long the last run took.", String(format: "%.3f", notice.seconds))
    let success = notice.exitCode == 0 ? now : value(of: "\(lastSuccess){\(pipeline)}", in: before)
    if let success { one(lastSuccess, "When the last run that was done to its end ended.", success) }
    add(
      "sluice_last_run_items", "Items of the last run by what became of them.",
      [("done", notice.items.done), ("skipped", notice.items.skipped), ("failed", notice.items.failed)].map {
        (",state=\"\($0.0)\"", "\($0.1)")
      })
    add(
      "sluice_last_run_records", "Records of the last run by where they went.",
      [("written", notice.counts.written), ("filtered", notice.counts.filtered), ("dead_lettered", notice.counts.deadLettered)].map {
        (",outcome=\"\($0.0)\"", "\($0.1)")
      })
    add(
      "sluice_last_run_bytes", "Bytes of the last run by stage.",
      [("fetched", notice.bytes.fetched), ("decompressed", notice.bytes.decompressed), ("written", notice.bytes.written)].map {
        (",stage=\"\($0.0)\"", "\($0.1)")
      })
    one("sluice_last_run_blank_lines", "Blank lines that the last run read, which are no records.", "\(notice.counts.blankLines)")
    one("sluice_last_run_retries", "Units of work that the last run tried again.", "\(notice.retries)")
    one("sluice_last_run_restarts", "Workers that the last run restarted.", "\(notice.restarts)")
    return out
  }

  private static func value(of series: String, in text: String) -> String? {
    text.split(separator: "\n").first { $0.hasPrefix(series + " ") }.map { String($0.dropFirst(series.count + 1)) }
  }

  private static func label(_ text: String) -> String {
    text.replacingOccurrences(of: "\\", with: "\\\\").replacingOccurrences(of: "\"", with: "\\\"").replacingOccurrences(
      of: "\n", with: "\\n")
  }
}

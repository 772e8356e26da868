import Configuration
import Definition
import Dataflow
import Isolation
import Operations
import Planning
import Runs
import Foundation

/// Shows what a run would do.
struct DryRunPrinter {
  let console: Console

  func show(_ report: DryRunReport, _ format: OutputFormat) {
    if format == .json { return console.print(json: json(report)) }
    console.print("pipeline \(report.pipeline): \(report.items.count) item\(report.items.count == 1 ? "" : "s"), nothing is written")
    console.print("  \(summary(report))")
    for item in report.items {
      let size = item.size.map(Human.bytes) ?? "size unknown"
      console.print(
        "  \(item.action.rawValue.padding(toLength: 8, withPad: " ", startingAt: 0))\(item.key)  \(size)  (\(item.problem ?? item.reason))")
    }
    if let fields = report.inferredFields {
      console.print(lines: ["", "inferred fields of the source (put them into parse.fields to fix them):"])
      for field in fields { console.print("    \(field.name): \(field.type.rawValue)") }
    }
    if let change = report.sourceChange { console.print(lines: ["", "the source's columns are other than in the last run: \(change)"]) }
    guard let sampled = report.sampledItem else { return }
    console.print(lines: [
      "", "output schema, by \(Human.count(report.recordsRead)) records of \(sampled) (\(Human.count(report.recordsFiltered)) filtered):",
    ])
    if !report.absentFields.isEmpty {
      console.print("  no record of them has \(report.absentFields.map { "“\($0)”" }.joined(separator: ", ")), which parse.fields names")
    }
    let width = report.columns.map { ShownText.line($0.name).count }.max() ?? 0
    for column in report.columns {
      let name = ShownText.line(column.name).padding(toLength: width, withPad: " ", startingAt: 0)
      let type = column.type.padding(toLength: 18, withPad: " ", startingAt: 0)
      console.print(
        "  \(name)  \(type) \(String(format: "%5.1f", column.nullShare * 100)) % null  \(column.examples.joined(separator: ", "))\(column.change.map { "  ◀ \($0)" } ?? "")"
      )
    }
    for name in report.goneColumns { console.print("  \(name.padding(toLength: width, withPad: " ", startingAt: 0))  ◀ no longer there") }
    if !report.cells.isEmpty {
      console.print(lines: ["", "output records:"])
      for line in TextTable(report.columns.map(\.name), report.cells).lines { console.print("  \(line)") }
    }
    guard !report.rejected.isEmpty else { return }
    console.print(lines: ["", "rejected records:"])
    for rejected in report.rejected {
      let field = rejected.field.map { ", field \($0)" } ?? ""
      console.print(
        "  record \(rejected.record), line \(rejected.line), byte \(rejected.offset)\(field): \(rejected.code): \(rejected.reason)")
    }
  }

  /// `to fetch 3 (1.2 MB), to skip 9; about 2 min by the last runs`
  private func summary(_ report: DryRunReport) -> String {
    var parts: [String] = []
    for action in ItemAction.allCases {
      let items = report.items.filter { $0.action == action }
      guard !items.isEmpty else { continue }
      let sizes = items.compactMap(\.size)
      let bytes = action.isWork ? " (\(sizes.count == items.count ? "" : "at least ")\(Human.bytes(sizes.sumOfSizes)))" : ""
      parts.append("to \(action.rawValue) \(Human.count(items.count))\(bytes)")
    }
    let estimate = report.estimatedSeconds.map { "; about \(Human.seconds($0)) by the last runs" } ?? ""
    return parts.joined(separator: ", ") + estimate
  }

  private func json(_ report: DryRunReport) -> [String: Any] {
    func or(_ value: Any?) -> Any { value ?? NSNull() }
    return [
      "pipeline": report.pipeline,
      "items": report.items.map {
        [
          "item": $0.key, "action": $0.action.rawValue, "reason": $0.reason, "size": or($0.size), "version": or($0.version),
          "problem": or($0.problem), "target": $0.target,
        ]
      },
      "inferred_fields": or(report.inferredFields?.map { ["name": $0.name, "type": $0.type.rawValue] }),
      "sampled_item": or(report.sampledItem), "records_read": report.recordsRead, "records_filtered": report.recordsFiltered,
      "absent_fields": report.absentFields,
      "schema": report.columns.map {
        ["name": $0.name, "type": $0.type, "null_share": $0.nullShare, "examples": $0.examples, "change": or($0.change)] as [String: Any]
      },
      "gone_columns": report.goneColumns, "source_change": or(report.sourceChange), "estimated_seconds": or(report.estimatedSeconds),
      "records": report.records,
      "rejected": report.rejected.map {
        [
          "record": $0.record, "line": $0.line, "offset": $0.offset, "field": or($0.field), "code": $0.code, "reason": $0.reason,
          "raw": $0.raw,
        ] as [String: Any]
      },
    ]
  }
}

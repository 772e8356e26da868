import Engine
import Foundation

/// Shows what a run would do.
struct DryRunPrinter {
  let console: Console

  func show(_ report: DryRunReport, _ format: OutputFormat) {
    if format == .json { return console.print(json: json(report)) }
    console.print("pipeline \(report.pipeline): \(report.items.count) item\(report.items.count == 1 ? "" : "s"), nothing is written")
    for item in report.items {
      let size = item.size.map(Human.bytes) ?? "size unknown"
      console.print(
        "  \(item.action.rawValue.padding(toLength: 8, withPad: " ", startingAt: 0))\(item.key)  \(size)  (\(item.problem ?? item.reason))")
    }
    if let fields = report.inferredFields {
      console.print("\ninferred fields of the source (put them into parse.fields to fix them):")
      for field in fields { console.print("    \(field.name): \(field.type.rawValue)") }
    }
    guard let sampled = report.sampledItem else { return }
    console.print(
      "\noutput schema, by \(Human.count(report.recordsRead)) records of \(sampled) (\(Human.count(report.recordsFiltered)) filtered):")
    let width = report.columns.map(\.name.count).max() ?? 0
    for column in report.columns {
      let name = column.name.padding(toLength: width, withPad: " ", startingAt: 0)
      let type = column.type.padding(toLength: 18, withPad: " ", startingAt: 0)
      console.print(
        "  \(name)  \(type) \(String(format: "%5.1f", column.nullShare * 100)) % null  \(column.examples.joined(separator: ", "))")
    }
    console.print("\noutput records:")
    for record in report.records { console.print("  \(record)") }
    guard !report.rejected.isEmpty else { return }
    console.print("\nrejected records:")
    for rejected in report.rejected {
      let field = rejected.field.map { ", field \($0)" } ?? ""
      console.print(
        "  record \(rejected.record), line \(rejected.line), byte \(rejected.offset)\(field): \(rejected.code): \(rejected.reason)")
    }
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
      "schema": report.columns.map {
        ["name": $0.name, "type": $0.type, "null_share": $0.nullShare, "examples": $0.examples] as [String: Any]
      },
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

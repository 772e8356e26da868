import Dataflow
import Definition
import Fetch
import Foundation
import Synchronization

/// Tells an OpenTelemetry collector of a run: a span for it, with one for each item, and metrics of its result.
///
/// Sent once, as the run ends, by OTLP over HTTP in its JSON form (https://opentelemetry.io/docs/specs/otlp/), where
/// `OTEL_EXPORTER_OTLP_ENDPOINT` names a collector
/// (https://opentelemetry.io/docs/specs/otel/protocol/exporter/). `TRACEPARENT` makes the run part of a trace that was begun
/// elsewhere (https://www.w3.org/TR/trace-context/).
package final class OpenTelemetry: Sendable {
  /// Items that have a span of their own.
  private static let mostSpans = 1000

  private struct ItemSpan {
    var item: String
    var begin: Date
    var end: Date
    var error: String?
    var read = 0
    var written = 0
  }

  private let environment: [String: String]
  private let definition: PipelineDefinition
  private let begin = Date()
  private let spans = Mutex<[ItemSpan]>([])
  private let trouble: @Sendable (String) -> Void

  /// Makes the telemetry of one run; nil where the environment names no collector.
  ///
  /// - Parameter trouble: takes a sentence about a failed delivery, without secrets.
  package init?(
    _ definition: PipelineDefinition, environment: [String: String] = ProcessInfo.processInfo.environment,
    trouble: @escaping @Sendable (String) -> Void
  ) {
    guard environment["OTEL_SDK_DISABLED"]?.lowercased() != "true",
      Self.endpoint("TRACES", "v1/traces", environment) != nil || Self.endpoint("METRICS", "v1/metrics", environment) != nil
    else { return nil }
    self.environment = environment
    self.definition = definition
    let redactor = definition.redactor
    self.trouble = { trouble(redactor.redact($0)) }
  }

  /// A signal's own address as it is, or the common one with the signal's path.
  private static func endpoint(_ signal: String, _ path: String, _ environment: [String: String]) -> String? {
    if let own = environment["OTEL_EXPORTER_OTLP_\(signal)_ENDPOINT"], !own.isEmpty { return own }
    guard let base = environment["OTEL_EXPORTER_OTLP_ENDPOINT"], !base.isEmpty else { return nil }
    return base.hasSuffix("/") ? base + path : base + "/" + path
  }

  /// Takes note of an item's end.
  package func note(_ event: RunEvent) {
    let span: ItemSpan
    switch event {
    case .itemDone(let item, let counts, let seconds):
      span = ItemSpan(item: item, begin: Date(timeIntervalSinceNow: -seconds), end: Date(), read: counts.read, written: counts.written)
    case .itemFailed(let item, _, let reason, _): span = ItemSpan(item: item, begin: begin, end: Date(), error: reason)
    default: return
    }
    spans.withLock { if $0.count < Self.mostSpans { $0.append(span) } }
  }

  /// Sends the spans and metrics of a run that ended.
  package func ended(_ notice: RunNotice) async {
    let http = HTTPClient()
    defer { http.close() }
    if let url = Self.endpoint("TRACES", "v1/traces", environment) { await send(traces(notice), to: url, http) }
    if let url = Self.endpoint("METRICS", "v1/metrics", environment) { await send(metrics(notice), to: url, http) }
  }

  private func send(_ object: [String: Any], to url: String, _ http: HTTPClient) async {
    var request = HTTPRequest(url: url)
    request.headers = [("Content-Type", "application/json")] + headers
    let text = (try? JSONSerialization.data(withJSONObject: object, options: .withoutEscapingSlashes)) ?? Data()
    request.body = Array(definition.redactor.redact(String(decoding: text, as: UTF8.self)).utf8)
    if let failure = await Posting.post(request, http) { trouble("could not send telemetry to \(url): \(failure)") }
  }

  /// `key=value,key=value`, in which values are percent-encoded.
  private static func pairs(_ text: String?) -> [(String, String)] {
    (text ?? "").split(separator: ",").compactMap { pair in
      let halves = pair.split(separator: "=", maxSplits: 1)
      guard halves.count == 2 else { return nil }
      let value = halves[1].trimmingCharacters(in: .whitespaces)
      return (halves[0].trimmingCharacters(in: .whitespaces), value.removingPercentEncoding ?? value)
    }
  }

  private var headers: [(String, String)] { Self.pairs(environment["OTEL_EXPORTER_OTLP_HEADERS"]) }

  // MARK: Encoding

  private var resource: [String: Any] {
    var attributes: [(String, String)] = Self.pairs(environment["OTEL_RESOURCE_ATTRIBUTES"]).filter { $0.0 != "service.name" }
    let named = Self.pairs(environment["OTEL_RESOURCE_ATTRIBUTES"]).first { $0.0 == "service.name" }?.1
    attributes.append(("service.name", environment["OTEL_SERVICE_NAME"] ?? named ?? "sluice"))
    attributes.append(("host.name", ProcessInfo.processInfo.hostName))
    return ["attributes": attributes.map { Self.attribute($0.0, $0.1) }]
  }

  private static func attribute(_ key: String, _ value: String) -> [String: Any] { ["key": key, "value": ["stringValue": value]] }
  /// 64-bit numbers are strings in JSON, as protobuf has it.
  private static func attribute(_ key: String, _ value: Int) -> [String: Any] { ["key": key, "value": ["intValue": "\(value)"]] }
  private static func nanoseconds(_ date: Date) -> String { "\(UInt64(max(0, date.timeIntervalSince1970) * 1e9))" }

  private static func id(bytes: Int) -> String {
    (0..<bytes).map { _ in String(format: "%02x", UInt8.random(in: 1...255)) }.joined()
  }

  /// `00-TRACE-PARENT-FLAGS`
  private var parent: (trace: String, span: String)? {
    let parts = (environment["TRACEPARENT"] ?? "").split(separator: "-").map { $0.lowercased() }
    guard parts.count >= 4, parts[1].count == 32, parts[2].count == 16, (parts[1] + parts[2]).allSatisfy(\.isHexDigit) else { return nil }
    return (parts[1], parts[2])
  }

  private func traces(_ notice: RunNotice) -> [String: Any] {
    let trace = parent?.trace ?? Self.id(bytes: 16)
    let root = Self.id(bytes: 8)
    var attributes = [
      Self.attribute("sluice.pipeline", notice.pipeline), Self.attribute("sluice.status", notice.status.rawValue),
      Self.attribute("sluice.exit_code", Int(notice.exitCode)), Self.attribute("sluice.records.read", notice.counts.read),
      Self.attribute("sluice.records.written", notice.counts.written),
      Self.attribute("sluice.records.dead_lettered", notice.counts.deadLettered),
    ]
    if let run = notice.run { attributes.append(Self.attribute("sluice.run", Int(run.value))) }
    var span = Self.span("sluice run \(notice.pipeline)", trace, root, begin, notice.endedAt, attributes, notice.problem)
    if let parent { span["parentSpanId"] = parent.span }
    let items = spans.withLock { $0 }.map { item -> [String: Any] in
      var child = Self.span(
        "item", trace, Self.id(bytes: 8), item.begin, item.end,
        [
          Self.attribute("sluice.item", item.item), Self.attribute("sluice.records.read", item.read),
          Self.attribute("sluice.records.written", item.written),
        ], item.error)
      child["parentSpanId"] = root
      return child
    }
    return ["resourceSpans": [["resource": resource, "scopeSpans": [["scope": ["name": "sluice"], "spans": [span] + items]]]]]
  }

  private static func span(
    _ name: String, _ trace: String, _ id: String, _ begin: Date, _ end: Date, _ attributes: [[String: Any]], _ error: String?
  ) -> [String: Any] {
    // 1: internal; 1 and 2: ok and error.
    [
      "traceId": trace, "spanId": id, "name": name, "kind": 1, "startTimeUnixNano": nanoseconds(begin),
      "endTimeUnixNano": nanoseconds(max(begin, end)), "attributes": attributes,
      "status": error.map { ["code": 2, "message": $0] as [String: Any] } ?? ["code": 1],
    ]
  }

  private func metrics(_ notice: RunNotice) -> [String: Any] {
    let pipeline = Self.attribute("sluice.pipeline", notice.pipeline)
    func sum(_ name: String, _ unit: String, _ values: [(String, String, Int)]) -> [String: Any] {
      let points = values.map { key, word, value -> [String: Any] in
        [
          "attributes": [pipeline] + (key.isEmpty ? [] : [Self.attribute(key, word)]), "startTimeUnixNano": Self.nanoseconds(begin),
          "timeUnixNano": Self.nanoseconds(notice.endedAt), "asInt": "\(value)",
        ]
      }
      // 1: delta. Each run sends its own sums.
      return [
        "name": name, "unit": unit, "sum": ["aggregationTemporality": 1, "isMonotonic": true, "dataPoints": points] as [String: Any],
      ]
    }
    let duration: [String: Any] = [
      "name": "sluice.run.duration", "unit": "s",
      "gauge": [
        "dataPoints": [
          ["attributes": [pipeline], "timeUnixNano": Self.nanoseconds(notice.endedAt), "asDouble": notice.seconds] as [String: Any]
        ]
      ],
    ]
    let c = notice.counts
    let metrics = [
      duration,
      sum(
        "sluice.records", "{record}",
        [
          ("outcome", "written", c.written), ("outcome", "filtered", c.filtered), ("outcome", "dead_lettered", c.deadLettered),
        ]),
      sum(
        "sluice.items", "{item}",
        [("state", "done", notice.items.done), ("state", "skipped", notice.items.skipped), ("state", "failed", notice.items.failed)]),
      sum(
        "sluice.bytes", "By",
        [
          ("stage", "fetched", notice.bytes.fetched), ("stage", "decompressed", notice.bytes.decompressed),
          ("stage", "written", notice.bytes.written),
        ]),
      sum("sluice.retries", "{retry}", [("", "", notice.retries)]), sum("sluice.restarts", "{restart}", [("", "", notice.restarts)]),
    ]
    return ["resourceMetrics": [["resource": resource, "scopeMetrics": [["scope": ["name": "sluice"], "metrics": metrics]]]]]
  }
}

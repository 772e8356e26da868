import Foundation
import Testing

@Suite("OpenTelemetry")
struct TelemetryTests {
  @Test("traces and metrics are what the protocol says, part of the trace that began elsewhere, with the headers asked for")
  func sent() throws {
    let shop = try Workshop()
    let collector = try ScriptServer(shop, "collector.py", python: Workshop.tools + "/venv/bin/python")
    try shop.write("in/a.csv", "n\n1\n2\nx\n")
    try shop.write("in/b.csv.gz", "no gzip")
    try shop.write(
      "pipeline.yaml", "pipeline: p\nfetch: {from: in/*}\nparse: {fields: {n: bigint}}\nwrite: {path: 'out/{item.stem}.jsonl'}\n")
    let parent = ["4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"]
    let outcome = try shop.runPipeline(
      environment: [
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_EXPORTER_OTLP_HEADERS": "x-key=a%20b", "OTEL_SERVICE_NAME": "nightly",
        "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment=test", "TRACEPARENT": "00-\(parent[0])-\(parent[1])-01",
      ])
    #expect(outcome.status == 69)
    #expect(!outcome.stderr.contains("telemetry"), "\(outcome.stderr)")
    let requests = collector.printed
    #expect(requests.map { $0["path"] as? String } == ["/v1/traces", "/v1/metrics"])
    for request in requests {
      #expect(request["refused"] == nil, "\(request["refused"] ?? "")")
      #expect((request["headers"] as? [String: String])?["x-key"] == "a b")
    }
    let traces = try #require((requests[0]["message"] as? [String: Any])?["resourceSpans"] as? [[String: Any]])
    let attributes = "\(traces[0]["resource"] ?? "")"
    #expect(attributes.contains("nightly") && attributes.contains("deployment.environment"))
    let spans = try #require((traces[0]["scopeSpans"] as? [[String: Any]])?[0]["spans"] as? [[String: Any]])
    #expect(spans.count == 3)
    func bytes(_ hex: String) -> String {
      Data(stride(from: 0, to: hex.count, by: 2).map { UInt8(hex.dropFirst($0).prefix(2), radix: 16) ?? 0 }).base64EncodedString()
    }
    #expect(spans.allSatisfy { $0["traceId"] as? String == bytes(parent[0]) })
    #expect(spans[0]["parentSpanId"] as? String == bytes(parent[1]))
    #expect(spans.dropFirst().allSatisfy { $0["parentSpanId"] as? String == spans[0]["spanId"] as? String })
    #expect(spans.filter { ($0["status"] as? [String: Any])?["code"] as? String == "STATUS_CODE_ERROR" }.count == 2)
    let metrics = "\(requests[1]["message"] ?? "")"
    for name in ["sluice.records", "sluice.items", "sluice.bytes", "sluice.run.duration", "dead_lettered"] {
      #expect(metrics.contains(name), "\(name)")
    }
  }

  @Test("a collector that is not there is told of, and changes nothing; OTEL_SDK_DISABLED sends nothing")
  func absent() throws {
    let shop = try Workshop()
    try shop.write("a.csv", "n\n1\n")
    try shop.write("pipeline.yaml", "pipeline: p\nfetch: {from: a.csv}\nparse: {fields: {n: bigint}}\nwrite: {path: out.jsonl}\n")
    let endpoint = ["OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"]
    let outcome = try shop.runPipeline(environment: endpoint)
    #expect(outcome.status == 0)
    #expect(outcome.stderr.contains("could not send telemetry to http://127.0.0.1:1/v1/traces"), "\(outcome.stderr)")
    let disabled = try shop.runPipeline("pipeline.yaml", "--full", environment: endpoint.merging(["OTEL_SDK_DISABLED": "true"]) { $1 })
    #expect(disabled.status == 0 && !disabled.stderr.contains("telemetry"))
  }
}

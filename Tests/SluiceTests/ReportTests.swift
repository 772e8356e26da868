import Foundation
import Testing

@Suite("Reports")
struct ReportTests {
  /// A run with something of everything: retries, dead letters of several reasons, changed columns, an item that failed.
  private func eventful() throws -> Workshop {
    let shop = try Workshop()
    for month in 1...6 {
      let data = try #require(
        FileManager.default.contents(atPath: Workshop.sampleData + String(format: "/flights-2013-%02d.csv.gz", month)))
      try shop.write(String(format: "served/flights-%02d.csv.gz", month), data)
    }
    try shop.write("served/worse.csv", "flight,carrier,distance,<script>alert(1)</script>\nx,UA,1,a\n2,DL,far,b\n3,AA\n4,B6,5,c\n")
    try shop.write("served/cut.csv.gz", try #require(shop.data("served/flights-01.csv.gz")).prefix(9000))
    try shop.write(
      "slow.py",
      "import sys, time\nfor line in sys.stdin:\n    if '@batch' in line: time.sleep(0.05)\n    print(line, end='', flush='@batch' in line)\n"
    )
    let server = try MisbehavingServer(shop, serving: shop.path("served"))
    try shop.write(
      "pipeline.yaml",
      """
      pipeline: eventful
      fetch:
        from: ['served/flights-0[2-6].csv.gz', '\(server.url)/flaky/flights-01.csv.gz', served/worse.csv, served/cut.csv.gz]
        retry: {attempts: 4, backoff: 1ms..10ms}
      parse:
        on_schema_change: evolve
        fields: {flight: bigint not null, carrier: text, distance: double, dest: text}
      transform:
        # Slow enough to be drawn.
        - exec: {fields: {flight: bigint, carrier: text}, command: [python3, slow.py]}
      write: {path: 'out/{item.name}.jsonl'}
      limits: {dead_letters: 100}
      """)
    let run = try shop.runPipeline()
    #expect(run.status == 69, "\(run.stderr)")
    return shop
  }

  @Test("as text and as JSON: items by state, retries by cause, dead letters by reason with examples, changed columns")
  func text() throws {
    let shop = try eventful()
    let text = try shop.sluice("report", "pipeline.yaml").stdout
    for words in ["eventful", "cut.csv.gz", "ragged_record", "invalid_value", "worse.csv"] {
      #expect(text.contains(words), "\(words): \(text)")
    }
    let json = try shop.sluice("report", "pipeline.yaml", "--output", "json").json
    #expect(!json.isEmpty)
  }

  private static let hasBrowser = ["chromium", "chromium-browser", "google-chrome"].contains {
    FileManager.default.isExecutableFile(atPath: "/usr/bin/" + $0)
  }

  @Test(
    "as a page: light and dark, wide and narrow, nothing is cut off, unreadable, or fetched from elsewhere",
    .enabled(if: hasBrowser, "no Chromium is installed"))
  func page() throws {
    let shop = try eventful()
    #expect(try shop.sluice("report", "pipeline.yaml", "--html", "report.html").status == 0)
    let html = shop.read("report.html")
    #expect(!html.contains("<script"), "a column's name is no markup")
    #expect(!html.contains("GRDB") && !html.contains("Optional("), "what is of the program shows through")
    for title in ["Throughput", "Stages", "Items", "Dead letters", "Retries and restarts", "Changes of the source's columns"] {
      #expect(html.contains("<h2>\(title)</h2>"))
    }
    #expect(html.contains("under ") || html.contains("Items by how long they took"))
    let folder = ProcessInfo.processInfo.environment["SLUICE_SCREENSHOTS"] ?? shop.folder
    let shown = try shop.run("/usr/bin/env", ["python3", Workshop.root + "/Tests/SluiceTests/Programs/browse.py", "report.html", folder])
    #expect(shown.status == 0, "\(shown.stderr)")
    #expect((shown.json["addresses"] as? [Any])?.isEmpty == true, "it asks for something: \(shown.stdout)")
    var backgrounds: Set<String> = []
    for scheme in ["light", "dark"] {
      let found = try #require(shown.json[scheme] as? [String: Any])
      #expect((found["console"] as? [String])?.isEmpty == true, "\(scheme): \(found["console"] ?? "")")
      let views = try #require(found["views"] as? [[String: Any]])
      #expect(views.count == 3)
      for view in views {
        let width = try #require(view["width"] as? Int)
        #expect(view["scroll"] as? Int == width, "\(scheme), \(width) wide: it has to be scrolled sideways: \(view)")
        #expect((view["contrast"] as? Double ?? 0) >= 4.5, "\(scheme), \(width) wide: hard to read: \(view["where"] ?? "")")
        #expect((view["outside"] as? [String])?.isEmpty == true, "\(scheme), \(width) wide: outside of the chart: \(view["outside"] ?? "")")
        #expect(view["charts"] as? Int == 2)
        backgrounds.insert("\(scheme) \(view["background"] as? String ?? "")")
      }
    }
    #expect(backgrounds.count == 2 && Set(backgrounds.map { $0.split(separator: " ", maxSplits: 1)[1] }).count == 2, "\(backgrounds)")
  }
}

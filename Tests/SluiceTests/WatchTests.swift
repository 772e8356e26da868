import Foundation
import Testing

@Suite("status --watch on a terminal")
struct WatchTests {
  private struct Frame {
    let lines: [String]
    let isAlternate: Bool
    let hasCursor: Bool
    let isCanonical: Bool
    let overflows: Int
  }

  /// The screen of `status --watch` during a run, after each step of terminal.py.
  private func frames(_ steps: String) throws -> (frames: [Frame], status: Int) {
    let shop = try Workshop()
    let server = try ScriptServer(shop, "slow.py", "600")
    let urls = (1...9).map { "\(server.url)/a/long/folder/of/many/letters/so/that/it/does/not/fit/item-\($0).csv" }
    try shop.write(
      "pipeline.yaml",
      "pipeline: watched\nfetch:\n  from: [\(urls.joined(separator: ", "))]\n  workers: 6\nparse: {fields: {n: bigint}}\nwrite: {path: 'out/{item.stem}.jsonl'}\n"
    )
    let run = try shop.start(Workshop.binary, ["run", "pipeline.yaml", "--quiet"])
    defer { run.stop(SIGTERM) }
    for _ in 0..<6000 where !shop.exists(".sluice/watched.board") && (try? shop.sluice("status", "pipeline.yaml").status) != 0 {
      usleep(20_000)
    }
    usleep(500_000)
    let outcome = try shop.run(
      "/usr/bin/env",
      ["python3", Workshop.root + "/Tests/SluiceTests/Programs/terminal.py", steps, Workshop.binary, "status", "pipeline.yaml", "--watch"])
    #expect(outcome.status == 0, "\(outcome.stderr)")
    let frames = try #require(outcome.json["frames"] as? [[String: Any]])
    return (
      try frames.map { frame in
        Frame(
          lines: try #require(frame["lines"] as? [String]), isAlternate: try #require(frame["alternate"] as? Bool),
          hasCursor: try #require(frame["cursor"] as? Bool), isCanonical: try #require(frame["canonical"] as? Bool),
          overflows: try #require(frame["overflows"] as? Int))
      }, try #require(outcome.json["status"] as? Int)
    )
  }

  @Test("it fills the screen, follows a change of its size down to the smallest, and leaves all as it was")
  func sizes() throws {
    let (frames, status) = try frames("=1.5,.,30x6,=0.5,.,12x3,=0.5,.,1x1,=0.5,.,140x50,=0.5,.,q,=0.5,.")
    try #require(frames.count == 6 && frames.prefix(3).allSatisfy { $0.lines.count >= 3 })
    for frame in frames { #expect(frame.overflows == 0, "a line or a row too many: \(frame.lines)") }
    for frame in frames.dropLast() { #expect(frame.isAlternate && !frame.hasCursor && !frame.isCanonical) }
    let (first, small, tiny, large) = (frames[0].lines, frames[1].lines, frames[2].lines, frames[4].lines)
    #expect(first[0].hasPrefix("watched  run 1, engine "))
    #expect(first[1].contains("░ 0/9 items, 0 records"))
    for stage in ["fetch", "decompress", "parse", "transform", "write"] { #expect(first.contains { $0.hasPrefix(stage) }) }
    let fetch = first.drop { !$0.hasPrefix("fetch") }.dropFirst().prefix { !$0.hasPrefix("decompress") }
    #expect(fetch.count == 6 && fetch.allSatisfy { $0.contains("working") }, "\(first)")
    // A name that does not fit keeps its end, which tells it from others.
    #expect(first.contains { $0.contains("…") && $0.hasSuffix("item-1.csv") }, "\(first)")
    #expect(small[0].hasPrefix("watched  run 1") && small[2].hasPrefix("fetch"))
    #expect(small.allSatisfy { $0.count <= 30 } && small.count == 6)
    #expect(tiny[0] == "watched  ru…")
    #expect(large.contains { $0.contains("/a/long/folder/of/many/letters/so/that/it/does/not/fit/item-1.csv") })
    #expect(large.contains { $0.contains("q leaves this view; the run goes on") })
    let last = try #require(frames.last)
    #expect(!last.isAlternate && last.hasCursor && last.isCanonical)
    #expect(status == 0)
  }

  @Test("where rows are few, the workers that are longest at their work are shown")
  func few() throws {
    let (frames, _) = try frames("100x12,=1.5,.,q")
    let lines = try #require(frames.first).lines
    #expect(lines.count { $0.contains("working") } == 3 && !lines.contains { $0.contains("idle") || $0.contains("waiting") }, "\(lines)")
    #expect(lines.contains { $0.contains(" shown") }, "\(lines)")
  }

  @Test("signals: stopped, it gives the terminal back, and takes it again; ended, it gives it back and says so by its exit")
  func signals() throws {
    let (frames, status) = try frames("=1,.,TSTP,=0.5,.,CONT,=0.5,.,TERM,=0.5,.")
    try #require(frames.count == 4)
    #expect(frames.map(\.isAlternate) == [true, false, true, false])
    #expect(frames.map(\.hasCursor) == [false, true, false, true])
    #expect(frames[2].lines.first?.hasPrefix("watched") == true)
    #expect(frames[3].isCanonical)
    #expect(status == 128 + Int(SIGTERM))
  }
}

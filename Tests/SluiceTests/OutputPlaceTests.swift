import Foundation
import Testing

/// Where outputs may go, what they may replace, and what becomes of who may not.
@Suite("Places of outputs")
struct OutputPlaceTests {
  private func write(_ shop: Workshop, from: String = "x.csv", path: String, name: String = "pipeline", more: String = "") throws {
    try shop.write(
      "\(name).yaml",
      "pipeline: \(name)\nfetch: {from: '\(from)'}\nparse: {fields: {id: bigint, n: text}}\nwrite: {path: '\(path)'}\n\(more)")
  }

  private static let source = "id,n\n1,a\n2,b\n"

  private func shop() throws -> Workshop {
    let shop = try Workshop()
    try shop.write("x.csv", Self.source)
    return shop
  }

  @Test(
    "an output that would replace its source, the definition or the state is refused, by check too",
    arguments: ["x.csv", "d/../x.csv", "{item.name}", "hard.csv", "soft.csv", "pipeline.yaml", ".sluice/ledger.sqlite", "state/new.csv"])
  func replacesWhatItMayNot(_ path: String) throws {
    let shop = try shop()
    try FileManager.default.createDirectory(atPath: shop.path("d"), withIntermediateDirectories: true)
    #expect(link(shop.path("x.csv"), shop.path("hard.csv")) == 0 && symlink("x.csv", shop.path("soft.csv")) == 0)
    try write(shop, path: "ok.jsonl")
    #expect(try shop.runPipeline().status == 0)
    #expect(symlink(".sluice", shop.path("state")) == 0)
    try write(shop, path: path)
    let before = (shop.read("x.csv"), shop.read("pipeline.yaml"))
    let checked = try shop.sluice("check", "pipeline.yaml")
    #expect(checked.status == 78 && checked.stderr.contains("SL-109"), "\(checked.stderr)")
    #expect(try shop.runPipeline().status == 78)
    #expect(shop.read("x.csv") == before.0 && shop.read("pipeline.yaml") == before.1)
    #expect(try shop.sluice("runs", "pipeline.yaml").stdout.split(separator: "\n").count == 1)
  }

  @Test("check sees it too where a pattern finds the source", arguments: [("*.csv", "x.csv"), ("in/*.csv", "in/{item.name}")])
  func replacesWhatAPatternFinds(_ from: String, _ path: String) throws {
    let shop = try shop()
    try shop.write("in/a.csv", Self.source)
    try write(shop, from: from, path: path)
    let checked = try shop.sluice("check", "pipeline.yaml")
    #expect(
      checked.status == 78 && checked.stderr.contains("SL-109") && checked.stderr.contains("which it would replace"), "\(checked.stderr)")
    #expect(try shop.runPipeline().status == 78)
    // A file that this pipeline has written is no item.
    try write(shop, from: "x.csv", path: "y.csv")
    #expect(try shop.runPipeline().status == 0)
    try write(shop, from: "*.csv", path: "y.csv")
    #expect(try shop.sluice("check", "pipeline.yaml").status == 0)
  }

  @Test("init --force and schedule --to write files only, keep their modes, and leave a link a link")
  func writtenFiles() throws {
    let shop = try shop()
    #expect(mkfifo(shop.path("pipe.yaml"), 0o644) == 0 && symlink("target.yaml", shop.path("link.yaml")) == 0)
    try shop.write("target.yaml", "old")
    #expect(chmod(shop.path("target.yaml"), 0o640) == 0)
    let refused = try shop.sluice("init", "x.csv", "--to", "pipe.yaml", "--force")
    #expect(refused.status == 74 && refused.stderr.contains("it is a named pipe"), "\(refused.stderr)")
    #expect(try shop.sluice("init", "x.csv", "--to", "link.yaml", "--force").status == 0)
    var status = stat()
    #expect(lstat(shop.path("link.yaml"), &status) == 0 && status.st_mode & S_IFMT == S_IFLNK)
    #expect(stat(shop.path("target.yaml"), &status) == 0 && status.st_mode & 0o777 == 0o640)
    #expect(shop.read("target.yaml").contains("pipeline: x"))

    try FileManager.default.createDirectory(atPath: shop.path("units"), withIntermediateDirectories: true)
    #expect(mkfifo(shop.path("units/sluice-x.service"), 0o644) == 0)
    let scheduled = try shop.sluice("schedule", "link.yaml", "--cron", "@daily", "--to", "units")
    #expect(scheduled.status == 74 && scheduled.stderr.contains("it is a named pipe"), "\(scheduled.stderr)")
    #expect(lstat(shop.path("units/sluice-x.service"), &status) == 0 && status.st_mode & S_IFMT == S_IFIFO)
  }

  @Test("a word in braces in an item's own name stands for itself")
  func wordsOfNamesStandForThemselves() throws {
    let shop = try Workshop()
    for (i, name) in ["1", "{run.id}", "{item.x}", "{run.date}"].enumerated() { try shop.write("in/\(name).csv", "id,n\n\(i),a\n") }
    try write(shop, from: "in/*.csv", path: "out/{item.stem}.{run.id}.jsonl")
    let outcome = try shop.runPipeline()
    #expect(outcome.status == 0, "\(outcome.stderr)")
    for (i, name) in ["1", "{run.id}", "{item.x}", "{run.date}"].enumerated() {
      #expect(shop.read("out/\(name).1.jsonl") == "{\"id\":\(i),\"n\":\"a\"}\n")
    }
  }

  @Test("an item's output that is another item's source fails that item alone")
  func anotherItemsSource() throws {
    let shop = try Workshop()
    for name in ["a.csv", "a.csv.csv", "b.csv"] { try shop.write("in/\(name)", Self.source) }
    #expect(symlink("in", shop.path("out")) == 0)
    try write(shop, from: "in/*.csv", path: "out/{item.stem}.csv.csv")
    let outcome = try shop.runPipeline()
    #expect(outcome.status == 69 && outcome.stderr.contains("in/a.csv.csv"), "\(outcome.stderr)")
    #expect(shop.read("in/a.csv.csv") == Self.source && shop.read("in/b.csv.csv") == Self.source)
  }

  @Test("what is no file is never replaced", arguments: ["pipe", "link", "/dev/full", "/dev/stdout"])
  func onlyFilesAreReplaced(_ path: String) throws {
    let shop = try shop()
    #expect(mkfifo(shop.path("pipe"), 0o644) == 0 && symlink("pipe", shop.path("link")) == 0)
    try write(shop, path: path)
    for command in [["check"], ["run"]] {
      let outcome = try shop.run(Workshop.binary, command + ["pipeline.yaml"])
      #expect(outcome.status == 78 && outcome.stderr.contains("SL-109"), "\(outcome.stderr)")
    }
    try write(shop, path: "out.jsonl")
    #expect(try shop.runPipeline("pipeline.yaml", "--metrics-file", "pipe").stderr.contains("it is a named pipe"))
    #expect(try shop.sluice("report", "pipeline.yaml", "--html", "link").status == 74)
    var status = stat()
    #expect(lstat(shop.path("pipe"), &status) == 0 && status.st_mode & S_IFMT == S_IFIFO)
    #expect(lstat("/dev/full", &status) == 0 && status.st_mode & S_IFMT == S_IFCHR)
  }

  @Test("a report or metrics never take the place of data")
  func smallFilesLeaveDataAlone() throws {
    let shop = try shop()
    try write(shop, path: "out.jsonl")
    let outcome = try shop.runPipeline("pipeline.yaml", "--metrics-file", "x.csv")
    #expect(outcome.status == 0 && outcome.stderr.contains("no metrics file"), "\(outcome.stderr)")
    for file in ["x.csv", "pipeline.yaml", ".sluice/ledger.sqlite"] {
      let before = shop.data(file)
      #expect(try shop.sluice("report", "pipeline.yaml", "--html", file).status == 74)
      #expect(shop.data(file) == before)
    }
    #expect(symlink("real.html", shop.path("page.html")) == 0)
    for _ in 0..<2 { #expect(try shop.sluice("report", "pipeline.yaml", "--html", "page.html").status == 0) }
    #expect(
      shop.read("real.html").hasPrefix("<!doctype html")
        && (try? FileManager.default.destinationOfSymbolicLink(atPath: shop.path("page.html"))) == "real.html")
    for _ in 0..<2 { #expect(try shop.runPipeline("pipeline.yaml", "--metrics-file", "m.prom").stderr.isEmpty) }
  }

  @Test("a symbolic link as output stays, and the file that it leads to is replaced in its own folder, with its mode")
  func linkAndModeAreKept() throws {
    let shop = try shop()
    try shop.write("disk/real.jsonl", "old\n")
    #expect(chmod(shop.path("disk/real.jsonl"), 0o600) == 0 && symlink("disk/real.jsonl", shop.path("link.jsonl")) == 0)
    try write(shop, path: "link.jsonl")
    #expect(try shop.runPipeline().status == 0)
    var status = stat()
    #expect(lstat(shop.path("link.jsonl"), &status) == 0 && status.st_mode & S_IFMT == S_IFLNK)
    #expect(stat(shop.path("disk/real.jsonl"), &status) == 0 && status.st_mode & 0o777 == 0o600)
    #expect(shop.records("disk/real.jsonl").count == 2)
    #expect(try FileManager.default.contentsOfDirectory(atPath: shop.path("disk")) == ["real.jsonl"])
  }

  @Test("a link or a second name that somebody planted as a part is not written through", arguments: [true, false])
  func plantedPart(_ isSymbolic: Bool) throws {
    let shop = try shop()
    try shop.write("victim", "precious\n")
    try shop.write("out/empty", "")
    let part = shop.path("out/.x.jsonl.sluice-part")
    #expect((isSymbolic ? symlink("../victim", part) : link(shop.path("victim"), part)) == 0)
    try write(shop, path: "out/x.jsonl")
    #expect(try shop.runPipeline().status == 0)
    #expect(shop.read("victim") == "precious\n" && shop.records("out/x.jsonl").count == 2)
    var status = stat()
    #expect(lstat(shop.path("out/x.jsonl"), &status) == 0 && status.st_mode & S_IFMT == S_IFREG && status.st_nlink == 1)
  }

  @Test("an output whose name is too long, or where a folder stands, fails its item, and the others are written")
  func oneBadName() throws {
    let shop = try Workshop()
    let long = String(repeating: "k", count: 244)
    for name in ["a", long, "folder", "z"] { try shop.write("in/\(name).csv", Self.source) }
    try shop.write("out/folder.jsonl/something", "")
    try write(shop, from: "in/*.csv", path: "out/{item.stem}.jsonl")
    for _ in 0..<2 {
      let outcome = try shop.runPipeline()
      #expect(outcome.status == 69 && outcome.items["failed"] == 2, "\(outcome.stderr)")
      #expect(outcome.stderr.contains("File name too long") && outcome.stderr.contains("it is a folder"), "\(outcome.stderr)")
    }
    for name in ["a", "z"] { #expect(shop.records("out/\(name).jsonl").count == 2) }
  }

  @Test("the output of another pipeline, and of another definition of the same name, is refused until it is moved away")
  func othersOutputs() throws {
    let shop = try shop()
    try shop.write("y.csv", "id,n\n3,c\n")
    try write(shop, path: "out.jsonl", name: "one")
    #expect(try shop.runPipeline("one.yaml").status == 0)
    try write(shop, from: "y.csv", path: "out.jsonl", name: "two")
    try shop.write("copy.yaml", shop.read("two.yaml").replacing("pipeline: two", with: "pipeline: one"))
    for other in ["two.yaml", "copy.yaml"] {
      let refused = try shop.runPipeline(other)
      #expect(refused.status == 78 && refused.stderr.contains("one.yaml") && refused.stderr.contains("SL-111"), "\(refused.stderr)")
    }
    #expect(shop.records("out.jsonl").count == 2)
    // A pipeline that has got another name takes its outputs along.
    try shop.write("one.yaml", shop.read("one.yaml").replacing("pipeline: one", with: "pipeline: other"))
    let renamed = try shop.runPipeline("one.yaml")
    #expect(renamed.status == 0 && renamed.stderr.contains("was the output of the pipeline one"), "\(renamed.stderr)")
    try FileManager.default.removeItem(atPath: shop.path("out.jsonl"))
    #expect(try shop.runPipeline("two.yaml").status == 0)
    #expect(shop.records("out.jsonl").count == 1)
  }

  @Test("a replay takes the next name that is free")
  func replayNames() throws {
    let shop = try Workshop()
    try shop.write("in/a.csv", "id,n\n1,5\n2,z\n")
    try shop.write("in/a.replay-1.csv", "id,n\n7,7\n8,8\n")
    func define(_ type: String) throws {
      try shop.write(
        "pipeline.yaml",
        "pipeline: p\nfetch: {from: 'in/*.csv'}\nparse: {fields: {id: bigint, n: \(type)}}\nwrite: {path: 'out/{item.stem}.jsonl'}\nlimits: {dead_letters: 10}\n"
      )
    }
    try define("bigint")
    #expect(try shop.runPipeline().status == 0)
    try shop.write("out/a.replay-2.jsonl", "mine\n")
    // The name stays that item's.
    try FileManager.default.moveItem(atPath: shop.path("out/a.replay-1.jsonl"), toPath: shop.path("taken-by-somebody.jsonl"))
    try define("text")
    let replayed = try shop.sluice("dead-letters", "replay", "pipeline.yaml", "--output", "json")
    #expect(replayed.status == 0 && replayed.json["replay"] as? Int == 3, "\(replayed.stderr)")
    #expect(!shop.exists("out/a.replay-1.jsonl") && shop.read("out/a.replay-2.jsonl") == "mine\n")
    #expect(shop.read("out/a.replay-3.jsonl") == "{\"id\":2,\"n\":\"z\"}\n")
  }
}

import Foundation
import Testing

@Suite("Messages")
struct MessageTests {
  @Test("every code is explained, each for itself, and each is told of somewhere")
  func codes() throws {
    let shop = try Workshop()
    let list = try shop.sluice("explain", "--output", "json")
    let codes = try #require(try JSONSerialization.jsonObject(with: Data(list.stdout.utf8)) as? [[String: String]])
    #expect(codes.count > 40)
    #expect(Set(codes.compactMap { $0["title"] }).count == codes.count, "a title stands twice: a code has no explanation of its own")
    for code in codes {
      #expect(code["cause"]?.isEmpty == false && code["remedy"]?.isEmpty == false)
      let name = try #require(code["code"])
      let told = try shop.sluice("explain", name)
      #expect(told.status == 0 && told.stdout.hasPrefix("\(name): "))
      if let word = code["dead_letter_code"] { #expect(try shop.sluice("explain", word).stdout == told.stdout) }
    }
    // Each case is used in the sources besides its declaration and its explanation.
    let unused = try shop.python(
      """
      import pathlib, re, sys
      root = pathlib.Path(sys.argv[1])
      names = re.findall(r'case (\\w+) = "SL-', (root / "Definition/ErrorCode.swift").read_text())
      rest = "".join(p.read_text() for p in root.rglob("*.swift") if p.name not in ("ErrorCode.swift", "ErrorExplanation.swift"))
      print(*[name for name in names if not re.search(r"\\." + name + r"\\b", rest)])
      """, Workshop.root + "/Sources")
    #expect(unused.stdout == "\n", "codes that nothing tells of: \(unused.stdout)")
    let missing = try shop.sluice("explain", "raged_record")
    #expect(missing.status == 64 && missing.stderr.contains("did you mean ragged_record?"))
  }

  @Test("a misspelt command gets the nearest right one")
  func commands() throws {
    let shop = try Workshop()
    let outcome = try shop.sluice("resmue", "x")
    #expect(outcome.status == 64 && outcome.stderr.contains("there is no command “resmue”; did you mean “resume”?"), "\(outcome.stderr)")
    try shop.write("pipeline.yaml", "x")
    #expect(try shop.sluice("pipeline.yaml").stderr.contains("to run a definition: sluice run pipeline.yaml"))
  }

  @Test("an error's code stands behind it, in the definition's errors, in the log and in the result")
  func places() throws {
    let shop = try Workshop()
    try shop.write("pipeline.yaml", "pipeline: p\nfetch: {from: a.csv}\nwrite: {path: out.jsonl, fromat: csv}\n")
    let wrong = try shop.sluice("check", "pipeline.yaml")
    #expect(
      wrong.stderr.contains("pipeline.yaml:3:26: error: there is no key “fromat” here; did you mean “format”? [SL-101]"), "\(wrong.stderr)")
    try shop.write("pipeline.yaml", "pipeline: p\nfetch: {from: a.csv}\nwrite: {path: out.jsonl}\n")
    #expect(try shop.sluice("run", "pipeline.yaml").stderr.contains("[SL-201]"))
  }
}

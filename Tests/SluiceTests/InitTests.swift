import Foundation
import Testing

@Suite("A definition from a look at data")
struct InitTests {
  /// Writes a definition for `file`, runs it, and gives the guesses and the records.
  private func draft(_ shop: Workshop, _ file: String) throws -> (guesses: [String: String], records: [[String: Any]]) {
    let made = try shop.sluice("init", file, "--name", "drafted", "--force", "--output", "json")
    #expect(made.status == 0, "\(made.stderr)")
    let guesses = made.json["guesses"] as? [[String: String]] ?? []
    let run = try shop.runPipeline("drafted.yaml", "--full")
    #expect(run.status == 0, "\(run.stderr)\n\(shop.read("drafted.yaml"))")
    let output = try #require(try FileManager.default.contentsOfDirectory(atPath: shop.path("out")).first)
    defer { try? FileManager.default.removeItem(atPath: shop.path("out")) }
    return (
      Dictionary(guesses.map { ($0["what"] ?? "", $0["value"] ?? "") }) { first, _ in first }, shop.records("out/" + output)
    )
  }

  @Test("each of the sample months, as Python's csv reads it")
  func flights() throws {
    let shop = try Workshop()
    let month = Workshop.sampleData + "/flights-2013-02.csv.gz"
    let (guesses, records) = try draft(shop, month)
    #expect(guesses["compression"] == "gzip" && guesses["format"] == "csv" && guesses["header"] == "true" && guesses["fields"] == "19")
    #expect(guesses["null_values"] == nil)
    let wanted = try shop.python(
      "import csv, gzip, sys\nrows = list(csv.DictReader(gzip.open(sys.argv[1], 'rt', newline='')))\nprint(len(rows), sum(int(r['distance']) for r in rows))",
      month
    ).stdout.split(separator: " ")
    #expect("\(records.count)" == wanted.first.map { "\($0)" })
    #expect(
      "\(records.reduce(0) { $0 + ($1["distance"] as? Int ?? 0) })" == wanted.last?.trimmingCharacters(in: .newlines))
  }

  @Test("semicolons, Latin-1, words for NULL, no header, tabs, JSON Lines")
  func dialects() throws {
    let shop = try Workshop()
    var text = Data("id;ville;prix\n".utf8)
    for number in 1...50 {
      text += Data("\(number);Orl".utf8) + Data([0xE9]) + Data("ans;\(number % 5 == 0 ? "NA" : "\(number).5")\n".utf8)
    }
    try shop.write("villes.csv", text)
    var (guesses, records) = try draft(shop, "villes.csv")
    #expect(guesses["encoding"] == "latin-1" && guesses["null_values"] == "NA" && guesses["key"] == "id")
    try #require(records.count == 50)
    #expect(records[0]["ville"] as? String == "Orléans" && records[0]["prix"] as? Double == 1.5)
    #expect(records[4]["prix"] is NSNull)

    try shop.write("bare.csv", (1...20).map { "\($0),2024-01-\(String(format: "%02d", $0)),x\n" }.joined())
    (guesses, records) = try draft(shop, "bare.csv")
    #expect(guesses["header"] == "false")
    #expect(records.count == 20 && records[0]["column_1"] as? Int == 1 && records[0]["column_2"] as? String == "2024-01-01")

    try shop.write("tabs.txt", "a\tb\n1\t\"two\twords\"\n2\tb\n")
    (guesses, records) = try draft(shop, "tabs.txt")
    #expect(guesses["format"] == "tsv")
    #expect(records.map { $0["b"] as? String } == ["two\twords", "b"])

    try shop.write(
      "events.log", #"{"at":"2024-01-01T00:00:00Z","n":1,"tags":["x"]}"# + "\n" + #"{"at":"2024-01-02T00:00:00Z","n":2.5}"# + "\n")
    (guesses, records) = try draft(shop, "events.log")
    #expect(guesses["format"] == "jsonl")
    #expect(records.map { $0["n"] as? Double } == [1, 2.5])
    #expect(shop.read("drafted.yaml").contains("at: timestamp"))
  }

  @Test("it writes over nothing unless it is told to, and says what is wrong with what it can't read")
  func refusals() throws {
    let shop = try Workshop()
    try shop.write("a.csv", "n\n1\n2\n")
    try shop.write("a.yaml", "mine\n")
    let refused = try shop.sluice("init", "a.csv")
    #expect(refused.status == 74)
    #expect(refused.stderr.contains("a.yaml is there already"))
    #expect(shop.read("a.yaml") == "mine\n")
    let shown = try shop.sluice("init", "a.csv", "--to", "-")
    #expect(shown.status == 0 && shown.stdout.contains("pipeline: a\n"))
    #expect(try shop.sluice("init", "nothing-*.csv").status == 66)
    try shop.write("empty.csv", "")
    let empty = try shop.sluice("init", "empty.csv")
    #expect(empty.status != 0 && empty.stderr.contains("empty.csv: it is empty"))
  }

  @Test("over HTTP, from nginx, with a definition in another folder than the data")
  func remote() throws {
    let shop = try Workshop()
    let nginx = try Nginx(shop, serving: Workshop.sampleData)
    let made = try shop.sluice("init", nginx.url + "/flights-2013-{01..02}.csv.gz", "--to", "made/flights.yaml", "--name", "flights")
    #expect(made.status != 0, "the folder is not there")
    try FileManager.default.createDirectory(atPath: shop.path("made"), withIntermediateDirectories: true)
    let second = try shop.sluice("init", nginx.url + "/flights-2013-{01..02}.csv.gz", "--to", "made/flights.yaml", "--name", "flights")
    #expect(second.status == 0, "\(second.stderr)")
    #expect(second.stdout.contains("the first of 2 items"))
    let run = try shop.runPipeline("made/flights.yaml")
    #expect(run.status == 0 && run.items["done"] == 2, "\(run.stderr)")
  }

  @Test("a name that no pipeline can have is refused before anything is looked at")
  func wrongName() throws {
    let shop = try Workshop()
    let refused = try shop.sluice("init", "nowhere.csv", "--name", "a b")
    #expect(refused.status == 64 && refused.stderr.contains("letters, digits"), "\(refused.stderr)")
  }
}

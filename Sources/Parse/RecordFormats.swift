import Configuration

/// The registry of formats that read records.
package enum RecordFormats {
  /// Every format. The first one reads items whose names say nothing.
  package static let all: [any RecordFormat.Type] = [CSV.self, TSV.self, JSONLines.self, JSON.self, Lines.self]

  /// The pages of all formats, in the same order.
  package static let pages = all.map { $0.page }

  /// Finds a format by the name that a definition has for `parse.format`; nil where there is none.
  package static func named(_ name: String) -> (any RecordFormat.Type)? { all.first { $0.name == name } }

  /// The formats that an item's name can choose.
  static let chosenByName = all.filter { !$0.page.endings.isEmpty }

  /// The endings of file names that choose a format, without the dot, in lower case.
  package static let endings = Set(pages.flatMap(\.endings))

  /// Endings as bytes, the longest first, each with its format's position among ``chosenByName``.
  private static let spelledEndings: [(bytes: [UInt8], position: Int)] = chosenByName.enumerated().flatMap { position, format in
    format.page.endings.map { (Array($0.utf8), position) }
  }.sorted { $0.0.count > $1.0.count }

  /// The position among ``chosenByName`` of the format that an item's name chooses: by the last ending in the name that
  /// belongs to a format, wherever it stands (`orders.jsonl.gz`, `orders.tsv.2024`).
  static func position(itemName: String) -> Int {
    var name = itemName
    let found = name.withUTF8 { name -> Int? in
      var dot = name.count
      while dot > 0 {
        dot -= 1
        guard name[dot] == 0x2E else { continue }
        let rest = name[(dot + 1)...]
        // Endings are letters of ASCII: a bit tells those of either case.
        if let ending = spelledEndings.first(where: { rest.prefix($0.bytes.count).elementsEqual($0.bytes) { $0 | 0x20 == $1 } }) {
          return ending.position
        }
      }
      return nil
    }
    return found ?? 0
  }

  /// The formats that read items, as a sentence lists them: `csv, tsv or jsonl`.
  package static let readable: String = {
    let names = chosenByName.map { $0.name }
    return names.count < 2 ? names.joined() : names.dropLast().joined(separator: ", ") + " or " + (names.last ?? "")
  }()

  /// Guesses how a sample's records are written, the best guess first. Only formats that read documents guess at text that begins as a
  /// document; the result is empty where none of them does.
  package static func guesses(_ sample: Sniffer) -> [FormatGuess] {
    let readers = all.filter { format in TextDocument.allCases.contains { format.reads($0) } }
    let guesses = readers.flatMap { $0.guesses(sample) }
    if !guesses.isEmpty || sample.document != nil { return guesses.sorted { $0.score > $1.score } }
    return all.filter { format in !readers.contains { $0 == format } }.flatMap { $0.guesses(sample) }
  }

  /// Whether a format that is chosen by name reads such documents.
  package static func canRead(_ document: TextDocument) -> Bool { chosenByName.contains { $0.reads(document) } }

  /// Spells the error for an item whose format refuses it: the kind of document, and a remedy. The text follows the item's key.
  package static func refusal(of document: TextDocument) -> String {
    if document == .webPage {
      return "it is a web page, and no data; a server that wants a sign-in, or has no such file, often answers with one"
    }
    if let reader = chosenByName.first(where: { $0.reads(document) }) {
      return "it is \(document.name), and neither its name nor the definition says so; say parse.format: \(reader.name)"
    }
    return "it is \(document.name), which is not supported yet; make \(readable) of it first"
  }
}

import ArgumentParser
import Configuration
import Definition
import Transform

struct Explain: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Say more about an error: what it means, how it comes about, what to do.",
    discussion: "The code stands in brackets behind the error's message, and with dead letters it is a word, as ragged_record.")

  @Argument(
    help: "An error's code, as SL-411 or ragged_record (default: list them all).", completion: .list(ErrorCode.allCases.map(\.rawValue)))
  var code: String?
  @OptionGroup var common: CommonOptions

  func run() throws {
    let console = try common.console()
    let codes: [ErrorCode]
    if let code {
      guard let found = ErrorCode(named: code) else {
        let names = ErrorCode.allCases.flatMap { [$0.rawValue, $0.deadLetterCode].compactMap { $0 } }
        let near = Spelling.nearest(to: code, among: names).map { "did you mean \($0)?" } ?? "sluice explain lists all"
        throw ValidationError("there is no error \(code); \(near)")
      }
      codes = [found]
    } else {
      codes = ErrorCode.allCases
    }
    if common.output == .json { return console.print(json: codes.map(json)) }
    if code == nil {
      for code in codes { console.print("\(code.rawValue)  \(code.explanation.title)") }
    } else {
      for code in codes {
        let explanation = code.explanation
        let word = code.deadLetterCode.map { " (dead letters: \($0))" } ?? ""
        console.print(text: "\(code.rawValue): \(explanation.title)\(word)\n\n\(explanation.cause)\n\nWhat to do: \(explanation.remedy)")
      }
    }
  }

  private func json(_ code: ErrorCode) -> [String: String] {
    let explanation = code.explanation
    var object = ["code": code.rawValue, "title": explanation.title, "cause": explanation.cause, "remedy": explanation.remedy]
    object["dead_letter_code"] = code.deadLetterCode
    return object
  }
}

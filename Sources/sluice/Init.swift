import ArgumentParser
import Configuration
import Dataflow
import Isolation
import Operations
import Planning
import Runs
import Files
import Foundation

struct Init: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Write a definition from a look at real data, and say what was guessed.",
    discussion:
      "It looks at the first item that the sources stand for (all of a local file that is not large, else its beginning and pieces of the rest), runs what it wrote over that, and changes nothing but the file that it writes."
  )

  @Argument(help: "Paths, globs or addresses, as fetch.from takes them.", completion: .file()) var sources: [String]
  @Option(help: ArgumentHelp("The definition to write (default: the pipeline's name with .yaml, here); - for stdout.", valueName: "file"))
  var to: String?
  @Option(help: "The pipeline's name (default: from the first source's).") var name: String?
  @Flag(help: "Write over a file that is there.") var force = false
  @OptionGroup var common: CommonOptions

  func validate() throws {
    if let name, !Shape.isName(name) { throw ValidationError("--name “\(name)”: a pipeline has a name of letters, digits, - and _") }
  }

  func run() async throws {
    let console = try common.console()
    let draft: DefinitionDraft
    do throws(RunFailure) {
      draft = try await DefinitionDraft.of(sources, path: path, name: name)
    } catch {
      throw console.fail(error)
    }
    if to == "-" { return console.print(bytes: Array(draft.text.utf8)) }
    let path = path(draft.name)
    do {
      if force {
        try SmallFile.replace(path, with: Array(draft.text.utf8))
      } else {
        try Data(draft.text.utf8).write(to: URL(fileURLWithPath: path), options: .withoutOverwriting)
      }
    } catch let error as SmallFileError {
      throw console.fail("\(error)", .cannotWrite)
    } catch let error as CocoaError where error.code == .fileWriteFileExists {
      console.log(.error, "\(path) is there already; name another with --to, or write over it with --force")
      throw ExitCode(.cannotWrite)
    } catch {
      console.log(.error, "can't write \(path): \(error.localizedDescription)")
      throw ExitCode(.cannotWrite)
    }
    show(draft, path, console)
  }

  private func path(_ name: String) -> String { to.flatMap { $0 == "-" ? nil : $0 } ?? "\(name).yaml" }

  private func show(_ draft: DefinitionDraft, _ path: String, _ console: Console) {
    if common.output == .json {
      return console.print(json: [
        "pipeline": draft.name, "definition": path, "item": draft.item, "items": draft.itemCount,
        "guesses": draft.guesses.map {
          ["what": $0.what, "value": $0.value, "certainty": $0.certainty.rawValue, "evidence": $0.evidence]
        },
      ])
    }
    if common.quiet { return }
    console.print("wrote \(path), after a look at \(draft.item)\(draft.itemCount > 1 ? ", the first of \(draft.itemCount) items" : "")")
    let width = draft.guesses.map(\.what.count).max() ?? 0
    for guess in draft.guesses {
      let what = guess.what.padding(toLength: width, withPad: " ", startingAt: 0)
      console.print("  \(what)  \(guess.value)  (\(guess.certainty.rawValue): \(guess.evidence))")
    }
    console.print(lines: ["try it:  sluice run \(path) --dry-run", "run it:  sluice run \(path)"])
  }
}

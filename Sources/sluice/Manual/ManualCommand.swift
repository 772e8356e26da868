import ArgumentParser
import Foundation

/// Writes what is installed beside the binary, and what `docs/reference` holds, all made of the product's own declarations.
struct ManualCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "manual",
    abstract: "Write man pages, shell completions and the reference into a folder such as /usr/local/share.",
    shouldDisplay: false)

  @Argument(help: "The folder, which has man/man1, bash-completion and so on below it.", completion: .directory) var folder: String
  @OptionGroup var common: CommonOptions

  func run() throws {
    let console = try common.console()
    do {
      for (path, text) in try Self.files() {
        let file = URL(fileURLWithPath: folder).appendingPathComponent(path)
        try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(text.utf8).write(to: file, options: .atomic)
      }
    } catch {
      console.log(.error, "can't write the manual into \(folder): \(error.localizedDescription)")
      throw ExitCode(.cannotWrite)
    }
  }

  /// Every file by its path below a `share` folder.
  static func files() throws -> [(path: String, text: String)] {
    let commands = try CommandReference.all()
    let common = try CommandReference.common()
    let version = Sluice.configuration.version
    let pages = commands.map { ("man/man1/\($0.name).1", ManualPage(command: $0, common: common, version: version).text) }
    let topics = HelpTopic.all.map { ("doc/sluice/reference/\($0.name).md", $0.markdown) }
    let components = ComponentReference.pages.map { ("doc/sluice/reference/components/\($0.name).md", $0.text) }
    return pages + topics + components + [
      ("doc/sluice/reference/commands.md", CommandReference.markdown(commands, common)),
      ("bash-completion/completions/sluice", Sluice.completionScript(for: .bash)),
      ("zsh/site-functions/_sluice", Sluice.completionScript(for: .zsh)),
      ("fish/vendor_completions.d/sluice.fish", Sluice.completionScript(for: .fish)),
    ]
  }
}

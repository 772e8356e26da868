import ArgumentParser
import Definition

struct SchemaCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "schema", abstract: "Print the JSON Schema of definitions, for editors.")

  @OptionGroup var common: CommonOptions

  func run() throws { try common.console().print(text: try DefinitionSchema.json()) }
}

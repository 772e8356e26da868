import Configuration
import Foundation

/// The JSON Schema of definitions, for editors.
public enum DefinitionSchema {
  /// The schema (JSON Schema, draft 2020-12) as text of several lines, with its keys sorted. `sluice schema` prints it.
  ///
  /// - Throws: Foundation's error where it can't be encoded, which would be a bug.
  public static func json() throws -> String {
    var schema = Declarations.pipeline.schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "Sluice pipeline"
    let data = try JSONSerialization.data(withJSONObject: schema, options: [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes])
    return String(decoding: data, as: UTF8.self)
  }
}

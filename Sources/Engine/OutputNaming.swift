import Definition
import Foundation

/// Where an item's records go.
struct OutputNaming: Sendable {
  let definition: PipelineDefinition
  let run: String
  let date: Date

  func target(_ item: Item?) -> String {
    let day = date.ISO8601Format(.iso8601.year().month().day())
    var path = definition.writePath
    for (word, value) in [("{item.stem}", item?.stem), ("{item.name}", item?.name), ("{run.id}", run), ("{run.date}", day)] {
      if let value { path = path.replacingOccurrences(of: word, with: value) }
    }
    return definition.absolute(path)
  }

  /// The name a part has before it is committed: in the target's own folder, so that a rename suffices.
  static func part(of target: String) -> String {
    let url = target as NSString
    return url.deletingLastPathComponent + "/." + url.lastPathComponent + ".sluice-part"
  }

  /// Where what passed of a replay goes: beside the output that the records belong to.
  static func replay(_ number: Int, of target: String) -> String {
    let gz = target.hasSuffix(".gz") ? ".gz" : ""
    let bare = String(target.dropLast(gz.count)) as NSString
    let suffix = bare.pathExtension
    return "\(bare.deletingPathExtension).replay-\(number)" + (suffix.isEmpty ? "" : "." + suffix) + gz
  }
}

import Definition
import Files
import Foundation

/// Where an item's records go.
struct OutputNaming: Sendable {
  let definition: PipelineDefinition
  let run: String
  let date: Date

  /// An output's path; where a symbolic link stands there, the path that it leads to, so that the link stays.
  func target(_ item: Item?) -> String {
    if definition.write.writesToStandardOutput { return definition.write.path }
    let path = path(item)
    return (try? OutputPlace.of(path)) ?? path
  }

  private func path(_ item: Item?) -> String {
    let day = date.ISO8601Format(.iso8601.year().month().day())
    let words = [("{item.stem}", item?.stem), ("{item.name}", item?.name), ("{run.id}", run), ("{run.date}", day)]
    var path = ""
    var rest = Substring(definition.write.path)
    // Once from left to right: an item's own name may hold such a word, which stands for itself.
    while let character = rest.first {
      if character == "{", let (word, value) = words.first(where: { $0.1 != nil && rest.hasPrefix($0.0) }), let value {
        path += value
        rest = rest.dropFirst(word.count)
      } else {
        path.append(character)
        rest = rest.dropFirst()
      }
    }
    return definition.absolute(path)
  }

  /// The name a part has before it is committed: in the target's own folder, so that a rename suffices.
  static func part(of target: String) -> String {
    let url = target as NSString
    return url.deletingLastPathComponent + "/." + url.lastPathComponent + ".sluice-part"
  }

  /// Whether a file is called as parts are.
  static func isPart(_ path: String) -> Bool {
    path.hasSuffix(".sluice-part") && (path as NSString).lastPathComponent.hasPrefix(".")
  }

  /// Where what passed of a replay goes: beside the output that the records belong to.
  static func replay(_ number: Int, of target: String) -> String {
    let gz = target.hasSuffix(".gz") ? ".gz" : ""
    let bare = String(target.dropLast(gz.count)) as NSString
    let suffix = bare.pathExtension
    return "\(bare.deletingPathExtension).replay-\(number)" + (suffix.isEmpty ? "" : "." + suffix) + gz
  }
}

import Configuration
import Foundation
import Records
import Write

extension PipelineDefinition {
  /// The errors of sinks that write into one output: each would undo the work of the other.
  var sharedOutputs: [Diagnostic] {
    var owners: Set<String> = []
    return sinks.compactMap { entry in
      let words = OutputWords(
        item: entry.sink.grouping == .item ? ("item", "item", "item") : nil, run: "1", date: Date(timeIntervalSince1970: 0))
      let slot = entry.sink.slot(words, sinkContext)
      guard !owners.insert(slot.name).inserted else { return nil }
      return entry.position.diagnostic("two sinks write into \(slot.shown); give each a place of its own", .sameOutput)
    }
  }
}

/// Dead letters as records of a sink (`dead_letters`).
package enum DeadLetterRecords {
  /// The fields: where the record stood, why it failed, and the record itself.
  package static let schema = Schema([
    Field(name: "run", type: .bigint, nullable: false), Field(name: "item", type: .text, nullable: false),
    Field(name: "record", type: .bigint), Field(name: "line", type: .bigint), Field(name: "offset", type: .bigint),
    Field(name: "stage", type: .text, nullable: false), Field(name: "code", type: .text, nullable: false),
    Field(name: "field", type: .text), Field(name: "reason", type: .text, nullable: false),
    Field(name: "raw", type: .text), Field(name: "raw_base64", type: .text),
  ])
}

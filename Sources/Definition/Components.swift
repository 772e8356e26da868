import Configuration
import Decompress
import Fetch
import Parse
import Transform
import Write

/// Every component that a definition can name, of all stages: what `sluice list`, the reference and the completions read.
package enum Components {
  /// The pages of all registries, in the order in which records meet the stages. A format that is read and written has a page for each.
  package static let all: [ComponentPage] =
    Sources.all.map { $0.page } + Codecs.all.map { $0.page } + Archives.all.map { $0.page } + RecordFormats.pages
    + Steps.all.map { $0.page } + RecordEncoders.pages
    + Sinks.all.map { $0.page }

  /// The pages of one kind.
  package static func pages(_ kind: ComponentPage.Kind) -> [ComponentPage] { all.filter { $0.kind == kind } }
}

/// The five stages, in the order that records take.
package enum Stage: String, Sendable, CaseIterable, Codable {
  case fetch, decompress, parse, transform, write

  /// The stage's position in the flow, from 0.
  package var index: Int {
    switch self {
    case .fetch: 0
    case .decompress: 1
    case .parse: 2
    case .transform: 3
    case .write: 4
    }
  }
}

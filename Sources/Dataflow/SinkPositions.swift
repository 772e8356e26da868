import Files
import Foundation

/// The positions of an item's outputs in one text, as a checkpoint keeps them: that of a single sink as it is, those of several as a list in JSON.
package enum SinkPositions {
  /// Joins positions.
  ///
  /// - Parameter positions: one for each sink; nil where a sink has the item's records already.
  static func joined(_ positions: [SinkPosition?]) -> SinkPosition {
    if positions.count == 1, let only = positions[0] { return only }
    if positions.allSatisfy({ $0 == .start }) { return .start }
    guard let data = try? JSONEncoder().encode(positions.map { $0?.token }) else { return .start }
    return SinkPosition(String(decoding: data, as: UTF8.self))
  }

  /// Takes a joined position apart; nil where it is none of so many sinks.
  package static func parts(of position: SinkPosition, count: Int) -> [SinkPosition?]? {
    if count == 1 { return [position] }
    if position == .start { return Array(repeating: .start, count: count) }
    guard let tokens = try? JSONDecoder().decode([String?].self, from: Data(position.token.utf8)), tokens.count == count else { return nil }
    return tokens.map { $0.map { SinkPosition($0) } }
  }
}

import CByteScan
import Foundation
import Records

/// Finds the records of JSON documents, one piece of the item after the other.
///
/// A token that a piece cuts is left for the next: what is passed over by and by holds whole tokens only, so that a checkpoint may
/// stand between any two pieces. Of a record that is an array or object the brackets are counted, and its parser judges it: a bad
/// record costs itself. All else is held against RFC 8259 byte by byte, and what breaks its rules ends the item.
struct JSONScanner {
  /// The token that may come next.
  enum Expected: String, Codable {
    case document, value, valueOrEnd, name, nameOrEnd, colon, commaOrEnd
  }

  /// The scanner's knowledge of the documents up to a place. Checkpoints keep it.
  struct State: Codable {
    /// Bytes of the item before this place, line feeds among them, and where the line begins.
    var offset = 0
    var lines = 0
    var lineStart = 0
    /// The brackets that are open, outermost first.
    var open: [UInt8] = []
    /// How many children each of them has so far that is on the path: the outermost of them are.
    var children: [Int] = []
    var expected = Expected.document
    /// Whether the member whose value comes next is on the path.
    var isOnPath = false
    /// Whether this document's records are the elements of its array, where no path is given.
    var takesElements = false
    /// Whether something stands behind the last document that parts it from the next.
    var isSeparated = true
    var hasDocument = false
    /// Whether the path led to a place where records may be.
    var hasReached = false
    /// The names of members at the deepest place that the path led to, how many steps that is from `$`, and whether it is an array.
    var names: [String] = []
    var namesDepth = 0
    var isArray = false
  }

  private(set) var state = State()
  /// Nil for the elements of a document that is an array, and for any other document as a whole.
  private let path: JSONPath?
  /// Whether an array may be a record: it is a bad one.
  private let takesArrays: Bool
  /// How far the record is read that a piece ended in.
  private var partial: (count: Int, nesting: sluice_json_nesting)?

  /// How deep arrays and objects beside the records may nest.
  static let maximumDepth = JSONGrammar.maximumDepth
  /// So many names of members are remembered, to tell of them.
  static let mostNames = 20

  init(_ path: JSONPath?, takesArrays: Bool = false) {
    self.path = path
    self.takesArrays = takesArrays
  }

  /// Goes on at a place.
  mutating func resume(_ kept: State) { state = kept }

  /// Why a step ends: the piece does, or something is wrong.
  enum Stop: Error {
    case incomplete
    case wrong(String, at: Int)
    case nothing(String)
  }

  /// Takes whole tokens from the beginning of a piece and tells the records among them.
  ///
  /// - Parameters:
  ///   - isFinal: whether the item ends with the piece.
  ///   - found: gets where a record begins and ends in the piece.
  /// - Returns: how many bytes were taken. Where something is wrong and records were found before it, it is told by the next call.
  mutating func scan(
    _ p: UnsafePointer<UInt8>, _ n: Int, isFinal: Bool, found: (_ start: Int, _ end: Int) -> Void
  ) throws(ParseError) -> Int {
    let earlier = partial
    partial = nil
    var walk = Walk(p: p, n: n, isFinal: isFinal, steps: steps, isDefault: path == nil, takesArrays: takesArrays, partial: earlier)
    var hasFound = false
    var stop: Stop?
    do throws(Stop) {
      while true {
        if let record = try walk.next(&state) {
          hasFound = true
          found(record.lowerBound, record.upperBound)
        }
      }
    } catch {
      stop = error
    }
    let taken = walk.at
    switch stop {
    case .wrong(let reason, let at)? where !hasFound: throw damage(reason, p, at)
    case .nothing(let reason)? where !hasFound: throw .nothingSelected(reason)
    case .incomplete? where isFinal && !hasFound && walk.begin < n: throw damage("the text ends within what begins here", p, walk.begin)
    default: break
    }
    partial = walk.partial
    advance(p, taken)
    return taken
  }

  /// Checks the documents as a whole, after all of them were taken.
  func finish(acceptsEmpty: Bool) throws(ParseError) {
    if state.expected != .document {
      throw .damagedDocument(
        "the text ends, and \(state.open.last == 0x5B ? "an array" : "an object") of the document is open", line: state.lines + 1,
        column: state.offset - state.lineStart + 1, offset: state.offset)
    }
    if !state.hasDocument, !acceptsEmpty { throw .emptyItem }
    guard let path, state.hasDocument, !state.hasReached else { return }
    throw .nothingSelected(nothing(path))
  }

  /// The steps to the records of this document.
  private var steps: [JSONPath.Step] { path?.steps ?? (state.takesElements ? [.all] : []) }

  private func nothing(_ path: JSONPath) -> String {
    let place = path.spelled(state.namesDepth)
    let words: String
    if state.isArray {
      words = "\(place) is an array, whose elements are \(place)[*]"
    } else if state.names.isEmpty {
      words = "\(place) has no members"
    } else {
      words = "\(place) has \(Excerpt.list(state.names))\(state.names.count == Self.mostNames ? ", …" : "")"
    }
    return "parse.records \(path.text) selects nothing: \(words)"
  }

  private func damage(_ reason: String, _ p: UnsafePointer<UInt8>, _ at: Int) -> ParseError {
    var (lines, start) = (state.lines, state.lineStart)
    for i in 0..<at where p[i] == 0x0A { (lines, start) = (lines + 1, state.offset + i + 1) }
    return .damagedDocument(reason, line: lines + 1, column: state.offset + at - start + 1, offset: state.offset + at)
  }

  /// Counts what was taken.
  private mutating func advance(_ p: UnsafePointer<UInt8>, _ taken: Int) {
    // Blocks of 64, so that nothing is read past the piece.
    let blocks = taken - taken % 64
    state.lines += sluice_count(p, blocks, 0x0A)
    for i in blocks..<taken where p[i] == 0x0A { state.lines += 1 }
    var last = taken
    while last > 0, p[last - 1] != 0x0A { last -= 1 }
    if last > 0 { state.lineStart = state.offset + last }
    state.offset += taken
  }
}

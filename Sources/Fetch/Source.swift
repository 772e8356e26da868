import Configuration
import Foundation
import Records

/// Where items come from: it lists them, looks at one, and reads one from a byte on.
///
/// An instance is an entry of `fetch.from` with its settings. It holds no connection: what the sources of a run share is in the
/// ``FetchSession`` that each call is given. A source does one try; ``Fetcher`` and ``Download`` try again, and keep what was read.
///
/// A new source is a file with a type that conforms, and a line in ``Sources/all``. `Tests/SluiceTests/Conformance` has the checks that
/// every source passes.
package protocol Source: AnyObject, Component, Sendable {
  // MARK: The definition

  /// The schemes of addresses that it answers to, in lower case; `""` for an address without a scheme.
  static var schemes: [String] { get }
  /// The key that its address stands under, where an entry is a map.
  static var addressKey: String { get }
  /// The characters that make a pattern of an address. A secret with one of them in its value is a part of the pattern.
  static var patternCharacters: String { get }
  /// Keys of `fetch` that hold for all entries of this source; an entry's own keys are in ``Component/page``.
  static var sharedKeys: [Key] { get }

  /// Reads `fetch`'s own keys once, and returns what makes a source of an entry.
  static func maker(_ fetch: Value, _ reader: inout DefinitionReader) -> SourceMaker
  /// A source without settings, for an item that no entry of the definition stands for any more.
  static func bare(folder: String) -> any Source
  /// The address as the other functions take it.
  static func normal(_ pattern: SourcePattern) -> SourcePattern
  /// The name of the item with this key: the last part of its path.
  static func itemName(key: String) -> String

  /// What it can do.
  var traits: SourceTraits { get }
  /// Addresses in its settings, which may hold passwords.
  var addresses: [String] { get }

  // MARK: Items

  /// Whether an address stands for items that have to be listed.
  func isPattern(_ pattern: SourcePattern) -> Bool
  /// The one item that an address names, found without asking; nil where it has to be listed.
  func named(_ pattern: SourcePattern, _ redactor: Redactor) -> ListedItem?
  /// The items of a pattern, in any order.
  func list(_ pattern: SourcePattern, in session: FetchSession) -> any Listing
  /// The item that ``ListedItem/kept`` was written down of; nil where another entry's source has to open it.
  ///
  /// - Parameter reveal: puts the values of secrets in the places of their names.
  func reopen(_ kept: String, _ reveal: (String) -> String) -> ListedItem?
  /// The path of an item that is a file of this machine; nil for any other.
  func localPath(_ location: String) -> String?
  /// Whether an output would be one of the pattern's items.
  ///
  /// - Parameter output: the path of the output of an item with this name; nil where it is no file.
  func takesOutput(_ pattern: SourcePattern, _ output: (String) -> String?) -> Bool

  // MARK: One item

  /// The present version and size of an item, without its content.
  ///
  /// - Parameter known: a version that was seen before. A source that can tells with it whether anything changed; then the state has that
  ///   very version.
  func head(_ location: String, ifChangedSince known: String?, in session: FetchSession) async throws(FetchError) -> SourceState
  /// Reads an item once, from a byte to the end, and hands its bytes to `receiver` as they come. It may block its thread.
  ///
  /// - Parameter progress: called on the caller's task when the receiver was told something; what it throws ends the reading, and is
  ///   thrown whatever else happened.
  /// - Throws: ``FetchError``, and whatever `progress` throws.
  func read(
    _ location: String, _ request: ReadRequest, to receiver: any ContentReceiver, in session: FetchSession,
    _ progress: () async throws -> Void
  ) async throws -> ReadEnd
  /// Whether content of this version is the same byte for byte, so that reading may go on in the middle of it.
  func isStable(_ version: String) -> Bool
}

/// Makes the source of an entry of `fetch.from`, and reports what is wrong with its keys.
package typealias SourceMaker = (SourceEntry, inout DefinitionReader) -> any Source

/// An entry of `fetch.from`, as a source reads its settings from it.
package struct SourceEntry {
  /// The map, or the address alone.
  package var value: Value
  /// The address, braces and all.
  package var pattern: SourcePattern
  /// Where the address stands.
  package var position: Position
}

/// What a source can do. Code asks for these, and never which source it is.
package struct SourceTraits: OptionSet, Sendable {
  package let rawValue: Int
  package init(rawValue: Int) { self.rawValue = rawValue }

  /// Looking at an item, or listing them, costs next to nothing and fails only with the item: it is done for every item of every run,
  /// one after another.
  package static let answersAtOnce = SourceTraits(rawValue: 1)
  /// Reading again costs nothing and gives the same bytes: nothing is kept of what was read, and damage is the item's own.
  package static let rereadsFreely = SourceTraits(rawValue: 2)
  /// Every item can be read from any byte on.
  package static let ranges = SourceTraits(rawValue: 4)
  /// The size that a listing or a head gives is that of the content.
  package static let exactSizes = SourceTraits(rawValue: 8)
}

/// An item as a source finds it.
package struct ListedItem: Sendable {
  /// Its identity as it may be shown: the address with the names of secrets in their places.
  package var key: String
  /// The last part of its path, as a name that stays in its folder.
  package var name: String
  /// What it takes to open it. Opaque to all but its source; it may hold secrets.
  package var location: String
  /// What the ledger keeps so that ``Source/reopen(_:_:)`` finds the location again, without secrets.
  package var kept: String
  /// What the listing told of it; nil where it has to be looked at.
  package var state: SourceState?
  /// What earlier builds called it.
  package var formerKeys: [String] = []

  package init(key: String, name: String, location: String, kept: String, state: SourceState? = nil, formerKeys: [String] = []) {
    self.key = key
    self.name = name
    self.location = location
    self.kept = kept
    self.state = state
    self.formerKeys = formerKeys
  }
}

/// The items of a pattern, some at a time, so that no more than a batch is held.
package protocol Listing: AnyObject {
  /// The next items, in any order, each once; nil at the end. After an error that another try may mend it is called again, and goes on
  /// where it was.
  func next() async throws(FetchError) -> [ListedItem]?
}

/// A listing of what is known already.
package final class KnownListing: Listing {
  private var items: [ListedItem]?

  package init(_ items: [ListedItem]) { self.items = items }

  package func next() async throws(FetchError) -> [ListedItem]? {
    defer { items = nil }
    return items
  }
}

/// What is known of an item without fetching it.
package struct SourceState: Sendable {
  /// Differs where the content does, as far as the source can tell; nil where it can't.
  package var version: String?
  /// In bytes.
  package var size: Int?

  package init(version: String? = nil, size: Int? = nil) {
    self.version = version
    self.size = size
  }
}

// MARK: Reading

/// What is to be read of an item.
package struct ReadRequest: Sendable {
  /// The byte to begin at.
  package var from = 0
  /// The content that the bytes before ``from`` are of: its ``ContentHead/token``. The source reads on in that content or not at all.
  package var token: String?
  /// How long that content is, where that is known.
  package var total: Int?
  /// A version that need not be read again.
  package var known: String?
  /// No more than so many bytes are wanted; a source may give more.
  package var limit: Int?

  package init(from: Int = 0, token: String? = nil, total: Int? = nil, known: String? = nil, limit: Int? = nil) {
    self.from = from
    self.token = token
    self.total = total
    self.known = known
    self.limit = limit
  }
}

/// What a source tells of content before its bytes.
package struct ContentHead: Sendable {
  /// The byte that it begins at: the one that was asked for, or 0 where the source begins anew.
  package var start = 0
  /// Where it ends, and how long the whole is, where that is known.
  package var end: Int?
  package var total: Int?
  package var version: String?
  /// What a later ``ReadRequest`` goes on with; nil where content can't be gone on with.
  package var token: String?
  /// `text/csv`, where the source tells one.
  package var mediaType: String?
  /// How the source has compressed the content on its way, in lower case.
  package var codings: [String] = []

  package init() {}
}

/// How a reading ended that did not fail.
package enum ReadEnd: Sendable {
  /// All bytes that the source had to give went to the receiver.
  case whole
  /// The version that was known is the present one.
  case notModified
  /// The source has other content than the token is of, or can't begin in the middle.
  case cannotContinue
  /// The receiver wanted no more.
  case stopped
}

/// Where content goes. A source may call it on any thread, one call after another.
package protocol ContentReceiver: Sendable {
  /// Takes what is known before the bytes. False ends the reading.
  func begin(_ head: ContentHead) -> Bool
  /// Takes bytes, which are the source's own again afterwards. False ends the reading.
  func receive(_ bytes: UnsafeRawBufferPointer) -> Bool
  /// Takes a buffer for good. False ends the reading.
  func take(_ buffer: ByteBuffer) -> Bool
}

extension ContentReceiver {
  package func take(_ buffer: ByteBuffer) -> Bool { receive(UnsafeRawBufferPointer(start: buffer.bytes, count: buffer.count)) }
}

// MARK: What most sources have in common

extension Source {
  package static var addressKey: String { "url" }
  package static var sharedKeys: [Key] { [] }
  package static func normal(_ pattern: SourcePattern) -> SourcePattern { pattern }
  package var addresses: [String] { [] }
  package func isPattern(_ pattern: SourcePattern) -> Bool { SourceExpansion.isGlob(pattern.value) }
  package func localPath(_ location: String) -> String? { nil }
  package func takesOutput(_ pattern: SourcePattern, _ output: (String) -> String?) -> Bool { false }
  package func isStable(_ version: String) -> Bool { true }
}

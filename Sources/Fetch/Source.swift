import Configuration
import Foundation
import Records

/// A source as items are read from it: it looks at one, and reads one from a byte on.
///
/// It holds no connection: the sources of a run share those in the ``FetchSession`` that each call is given. A source does one try;
/// ``Fetcher`` and ``Download`` try again, and keep the bytes.
package protocol ItemSource: AnyObject, Sendable {
  /// The name that the ledger knows it by.
  static var name: String { get }
  /// The abilities of the source.
  var traits: SourceTraits { get }
  /// Returns the item whose ``ListedItem/kept`` this is; nil where another entry's source has to open it.
  ///
  /// - Parameter reveal: puts the values of secrets in the places of their names.
  func reopen(_ kept: String, _ reveal: (String) -> String) -> ListedItem?
  /// Returns the path of an item that is a file of this machine; nil for any other.
  func localPath(_ location: String) -> String?
  /// Returns the path of an item in the archive that holds it; nil for any other item, the default.
  func member(_ location: String) -> String?
  /// Returns the present version and size of an item, without its content.
  ///
  /// - Parameter known: a version that was seen before. A source that can asks by it whether anything changed; then the state has that very
  ///   version.
  /// - Throws: ``FetchError``.
  func head(_ location: String, ifChangedSince known: String?, in session: FetchSession) async throws(FetchError) -> SourceState
  /// Reads an item once, from a byte to the end, and hands its bytes to `receiver` as they come. It may block its thread.
  ///
  /// - Parameter progress: called on the caller's task after the receiver got something. Its error ends the reading, and is thrown before
  ///   any other.
  /// - Throws: ``FetchError``, and the errors of `progress`.
  func read(
    _ location: String, _ request: ReadRequest, to receiver: any ContentReceiver, in session: FetchSession,
    _ progress: () async throws -> Void
  ) async throws -> ReadEnd
  /// Whether content of this version is the same byte for byte, so that reading may go on in the middle of it.
  func isStable(_ version: String) -> Bool
}

extension ItemSource {
  /// Nil: the item is in no archive.
  package func member(_ location: String) -> String? { nil }
}

/// A source as a definition names it: it reads its settings, and lists its items. An instance is an entry of `fetch.from` with its settings.
///
/// A new source is a file with a type that conforms, and a line in ``Sources/all``. `Tests/SluiceTests/Conformance` has the checks that
/// every source passes.
package protocol Source: ItemSource, Component {
  // MARK: The definition

  /// The schemes of addresses that it answers to, in lower case; `""` for an address without a scheme.
  static var schemes: [String] { get }
  /// The key that holds the address, where an entry is a map.
  static var addressKey: String { get }
  /// The characters that make a pattern of an address. A secret with one of them in its value is a part of the pattern.
  static var patternCharacters: String { get }
  /// Keys of `fetch` that hold for all entries of this source; an entry's own keys are in ``Component/page``.
  static var sharedKeys: [Key] { get }

  /// Reads `fetch`'s own keys once, and returns a function that makes a source of an entry.
  static func maker(_ fetch: Value, _ reader: inout DefinitionReader) -> SourceMaker
  /// Makes a source without settings, for an item whose entry the definition has no more.
  ///
  /// - Parameter folder: the definition's folder, absolute.
  static func bare(folder: String) -> any Source
  /// Returns the address in the form that the other functions take.
  static func normal(_ pattern: SourcePattern) -> SourcePattern
  /// Returns the name of the item with this key: the last part of its path.
  static func itemName(key: String) -> String

  /// Addresses in its settings. The definition's redactor hides the passwords in them.
  var addresses: [String] { get }

  // MARK: Items

  /// Whether the items of an address have to be listed.
  func isPattern(_ pattern: SourcePattern) -> Bool
  /// Returns the one item that an address names, without asking the source; nil where it has to be listed.
  func named(_ pattern: SourcePattern, _ redactor: Redactor) -> ListedItem?
  /// Lists the items of a pattern, in any order.
  func list(_ pattern: SourcePattern, in session: FetchSession) -> any Listing
  /// Looks at what listing and reading of items do not show: the credentials that are used, for instance. Reads and lists nothing itself.
  ///
  /// - Parameter pattern: the entry's address, with its braces.
  func examine(_ pattern: SourcePattern, in session: FetchSession) async -> [Finding]
  /// Whether an output would be one of the pattern's items in the next run.
  ///
  /// - Parameter output: returns the path of the output for an item of this name; nil where it is no file.
  func takesOutput(_ pattern: SourcePattern, _ output: (String) -> String?) -> Bool
}

/// Makes the source of an entry of `fetch.from`, and reports errors in its keys.
package typealias SourceMaker = (SourceEntry, inout DefinitionReader) -> any Source

/// An entry of `fetch.from`, from which a source reads its settings.
package struct SourceEntry {
  /// The entry as it was read: a map, or the address alone.
  package var value: Value
  /// The address, with its braces.
  package var pattern: SourcePattern
  /// The place of the address in the definition.
  package var position: Position
}

/// The abilities of a source. Code asks for these, and never which source it is.
package struct SourceTraits: OptionSet, Sendable {
  /// A bit for each ability.
  package let rawValue: Int
  /// Makes a set from its bits, as `OptionSet` requires.
  package init(rawValue: Int) { self.rawValue = rawValue }

  /// To look at an item, or to list them, costs next to nothing and fails only with the item. The planner looks at every item of every run,
  /// one after another.
  package static let answersAtOnce = SourceTraits(rawValue: 1)
  /// To read again costs nothing and gives the same bytes: no spool keeps the content, and damage is the item's own.
  package static let rereadsFreely = SourceTraits(rawValue: 2)
  /// Every item can be read from any byte on.
  package static let ranges = SourceTraits(rawValue: 4)
  /// The size in a listing or a head is the content's exact size.
  package static let exactSizes = SourceTraits(rawValue: 8)
}

/// An item, as its source finds it.
package struct ListedItem: Sendable {
  /// The identity that may be shown: the address with the names of secrets in their places.
  package var key: String
  /// The last part of its path, as a name that stays in its folder.
  package var name: String
  /// The text that opens it. Only its source reads it; it may hold secrets.
  package var location: String
  /// The text that the ledger keeps, without secrets. ``ItemSource/reopen(_:_:)`` finds the location by it.
  package var kept: String
  /// The version and size that the listing gave; nil where the item has to be looked at.
  package var state: SourceState?
  /// The keys that earlier builds had for the item.
  package var formerKeys: [String] = []

  /// Makes an item from its identity and its place.
  package init(key: String, name: String, location: String, kept: String, state: SourceState? = nil, formerKeys: [String] = []) {
    self.key = key
    self.name = name
    self.location = location
    self.kept = kept
    self.state = state
    self.formerKeys = formerKeys
  }
}

/// The items of a pattern, a batch at a time, so that no more than one is in memory. One task uses it.
package protocol Listing: AnyObject {
  /// Returns the next items, in any order, each once; nil at the end. After an error that another try may mend the caller may call it
  /// again: it goes on where it was.
  ///
  /// - Throws: ``FetchError``.
  func next() async throws(FetchError) -> [ListedItem]?
}

/// A listing of items that are known already.
package final class KnownListing: Listing {
  private var items: [ListedItem]?

  /// Makes a listing of one batch.
  package init(_ items: [ListedItem]) { self.items = items }

  /// Returns the items, then nil.
  package func next() async throws(FetchError) -> [ListedItem]? {
    defer { items = nil }
    return items
  }
}

/// The version and size of an item, as a source knows them without its content.
package struct SourceState: Sendable {
  /// A text that differs where the content does, as far as the source can tell; nil where it can't.
  package var version: String?
  /// The size in bytes; nil where the source does not say.
  package var size: Int?

  /// Makes a state; by default one of which nothing is known.
  package init(version: String? = nil, size: Int? = nil) {
    self.version = version
    self.size = size
  }
}

// MARK: Reading

/// The bytes that are wanted of an item.
package struct ReadRequest: Sendable {
  /// The byte to begin at.
  package var from = 0
  /// The ``ContentHead/token`` of the content before ``from``. The source continues that content or none.
  package var token: String?
  /// The length of that content in bytes; nil where it is not known.
  package var total: Int?
  /// A version that need not be read again; nil to read any.
  package var known: String?
  /// The most bytes that are wanted; a source may give more. Nil for all.
  package var limit: Int?

  /// Makes a request; by default for all of an item.
  package init(from: Int = 0, token: String? = nil, total: Int? = nil, known: String? = nil, limit: Int? = nil) {
    self.from = from
    self.token = token
    self.total = total
    self.known = known
    self.limit = limit
  }
}

/// The facts that a source gives of content before its bytes.
package struct ContentHead: Sendable {
  /// The first byte's place: the one that was asked for, or 0 where the source begins anew.
  package var start = 0
  /// The place after the last byte of this reading; nil where it is not known.
  package var end: Int?
  /// The length of the whole content in bytes; nil where it is not known.
  package var total: Int?
  /// The version of the content, as ``SourceState/version``; nil where the source can't tell one.
  package var version: String?
  /// The text by which a later ``ReadRequest`` continues this content; nil where it can't be continued.
  package var token: String?
  /// The media type, such as `text/csv`, in lower case; nil where the source gives none.
  package var mediaType: String?
  /// The compressions that the source put on the content for its way, in the order of coding, in lower case.
  package var codings: [String] = []

  /// Makes the facts of content that begins at byte 0 and of which nothing is known.
  package init() {}
}

/// The end of a reading that did not fail.
package enum ReadEnd: Sendable {
  /// The receiver got all bytes that the source had to give.
  case whole
  /// The version in ``ReadRequest/known`` is the present one; no bytes were given.
  case notModified
  /// The source has other content than the token is of, or can't begin in the middle.
  case cannotContinue
  /// The receiver wanted no more.
  case stopped
}

/// Takes an item's content. A source may call it on any thread, one call after another.
package protocol ContentReceiver: Sendable {
  /// Takes the facts before the bytes. False ends the reading.
  func begin(_ head: ContentHead) -> Bool
  /// Takes bytes, which are valid during the call. False ends the reading.
  func receive(_ bytes: UnsafeRawBufferPointer) -> Bool
  /// Takes a buffer, which is the receiver's from then on. False ends the reading.
  func take(_ buffer: ByteBuffer) -> Bool
}

extension ContentReceiver {
  /// Takes the buffer's bytes by ``receive(_:)``.
  package func take(_ buffer: ByteBuffer) -> Bool { receive(UnsafeRawBufferPointer(start: buffer.bytes, count: buffer.count)) }
}

// MARK: Defaults of most sources

extension Source {
  /// None: an item that can be listed and read proves the source.
  package func examine(_ pattern: SourcePattern, in session: FetchSession) async -> [Finding] { [] }
  /// `url`: the key of sources with addresses.
  package static var addressKey: String { "url" }
  /// None: `fetch` has no keys for all entries of the source.
  package static var sharedKeys: [Key] { [] }
  /// Returns the address as it is: it has one form only.
  package static func normal(_ pattern: SourcePattern) -> SourcePattern { pattern }
  /// None: no setting is an address.
  package var addresses: [String] { [] }
  /// Whether the address has characters of a glob.
  package func isPattern(_ pattern: SourcePattern) -> Bool { SourceExpansion.isGlob(pattern.value) }
  /// False: outputs are not written where the items are.
  package func takesOutput(_ pattern: SourcePattern, _ output: (String) -> String?) -> Bool { false }
}

extension ItemSource {
  /// Nil: the items are not files of this machine.
  package func localPath(_ location: String) -> String? { nil }
  /// True: a version stands for the same bytes.
  package func isStable(_ version: String) -> Bool { true }
}

import Configuration
import Fetch
import Foundation
import Records
import Synchronization

/// A source that does as another does.
class ForwardingSource: Source, @unchecked Sendable {
  // `@unchecked Sendable`: the class has subclasses, all of whose properties are constants of Sendable types.
  let base: any Source

  init(_ base: any Source) { self.base = base }

  class var page: ComponentPage { FileSource.page }
  class var schemes: [String] { FileSource.schemes }
  class var patternCharacters: String { FileSource.patternCharacters }
  class func maker(_ fetch: Value, _ reader: inout DefinitionReader) -> SourceMaker { FileSource.maker(fetch, &reader) }
  class func bare(folder: String) -> any Source { FileSource.bare(folder: folder) }
  class func itemName(key: String) -> String { FileSource.itemName(key: key) }

  var traits: SourceTraits { base.traits }
  func named(_ pattern: SourcePattern, _ redactor: Redactor) -> ListedItem? { base.named(pattern, redactor) }
  func list(_ pattern: SourcePattern, in session: FetchSession) -> any Listing { base.list(pattern, in: session) }
  func reopen(_ kept: String, _ reveal: (String) -> String) -> ListedItem? { base.reopen(kept, reveal) }
  func isStable(_ version: String) -> Bool { base.isStable(version) }
  func head(_ location: String, ifChangedSince known: String?, in session: FetchSession) async throws(FetchError) -> SourceState {
    try await base.head(location, ifChangedSince: known, in: session)
  }
  func read(
    _ location: String, _ request: ReadRequest, to receiver: any ContentReceiver, in session: FetchSession,
    _ progress: () async throws -> Void
  ) async throws -> ReadEnd {
    try await base.read(location, request, to: receiver, in: session, progress)
  }
}

/// A source whose every reading breaks off, each after as many bytes more than the one before.
final class BreakingSource: ForwardingSource, @unchecked Sendable {
  private let most: Int
  private let then: @Sendable () throws -> Void
  private let breaks = Mutex(0)

  /// - Parameter then: what happens after the first break.
  init(_ base: any Source, after most: Int, then: @escaping @Sendable () throws -> Void) {
    self.most = most
    self.then = then
    super.init(base)
  }

  override func read(
    _ location: String, _ request: ReadRequest, to receiver: any ContentReceiver, in session: FetchSession,
    _ progress: () async throws -> Void
  ) async throws -> ReadEnd {
    let number = breaks.withLock { breaks in
      breaks += 1
      return breaks
    }
    let cut = CutReceiver(receiver, most: number * most)
    let end = try await base.read(location, request, to: cut, in: session, progress)
    guard cut.isOver else { return end }
    if number == 1 { try then() }
    throw FetchError.connection("broken on purpose")
  }

  private final class CutReceiver: ContentReceiver {
    private let receiver: any ContentReceiver
    private let left: Mutex<Int>
    private let over = Mutex(false)

    init(_ receiver: any ContentReceiver, most: Int) {
      self.receiver = receiver
      left = Mutex(most)
    }

    var isOver: Bool { over.withLock { $0 } }

    func begin(_ head: ContentHead) -> Bool { receiver.begin(head) }

    func receive(_ bytes: UnsafeRawBufferPointer) -> Bool {
      let count = left.withLock { left in
        defer { left -= min(left, bytes.count) }
        return min(left, bytes.count)
      }
      guard receiver.receive(UnsafeRawBufferPointer(rebasing: bytes.prefix(count))) else { return false }
      if count < bytes.count { over.withLock { $0 = true } }
      return count == bytes.count
    }
  }
}

/// Files, read as no source may.
final class BrokenSource: ForwardingSource, @unchecked Sendable {
  enum Fault: String, CaseIterable, Sendable {
    case losesAnItem, listsTwice, goesOnListing, forgetsWhatWasKept
    case versionStays, versionOfItsOwn, wrongSize, goneIsSomething, goneMayComeBack, nothingEverChanges
    case losesTheLastByte, beginsTwice, endsEarly
    case skipsAByte, beginsAnew, otherVersion, knownIsThePresent, doesNotStop, swallowsErrors, sharesAPosition

    /// The checks that have to notice it.
    var noticed: [String] {
      switch self {
      case .losesAnItem, .listsTwice, .goesOnListing: ["lists every object once"]
      case .forgetsWhatWasKept: ["an object is opened again by what the ledger keeps"]
      case .versionStays: ["a version tells a change", "asked whether anything changed, it tells"]
      case .versionOfItsOwn: ["a version tells a change"]
      case .wrongSize: ["a size is the content's"]
      case .goneIsSomething, .goneMayComeBack: ["what is not there is missing"]
      case .nothingEverChanges: ["asked whether anything changed, it tells"]
      case .losesTheLastByte, .beginsTwice, .endsEarly: ["reads whole objects"]
      case .skipsAByte: ["goes on from a byte", "a download that breaks off delivers every byte once"]
      // A download takes it, byte for byte: only the claim is wrong.
      case .beginsAnew: ["goes on from a byte"]
      case .otherVersion: ["never goes on in another version", "a download mixes no versions"]
      case .knownIsThePresent: ["need not read what is known"]
      case .doesNotStop: ["stops when the receiver has enough"]
      case .swallowsErrors: ["hands on what the caller throws"]
      case .sharesAPosition: ["serves several at once"]
      }
    }
  }

  private let fault: Fault
  private let position = Mutex(0)

  init(_ base: any Source, _ fault: Fault) {
    self.fault = fault
    super.init(base)
  }

  override func list(_ pattern: SourcePattern, in session: FetchSession) -> any Listing {
    BrokenListing(base.list(pattern, in: session), fault)
  }

  private final class BrokenListing: Listing {
    private let listing: any Listing
    private let fault: Fault
    private var last: [ListedItem] = []

    init(_ listing: any Listing, _ fault: Fault) {
      self.listing = listing
      self.fault = fault
    }

    func next() async throws(FetchError) -> [ListedItem]? {
      let items = try await listing.next()
      if let items { last = items }
      switch fault {
      case .losesAnItem: return items.map { $0.count > 1 ? Array($0.dropLast()) : $0 }
      case .listsTwice: return items.map { $0 + $0.prefix(1) }
      case .goesOnListing:
        // Ends once, as a careless iterator does, and then gives its last page again.
        if items == nil {
          defer { last = [] }
          return isEnded ? last : end()
        }
        return items
      default: return items
      }
    }

    private var isEnded = false
    private func end() -> [ListedItem]? {
      isEnded = true
      return nil
    }
  }

  override func reopen(_ kept: String, _ reveal: (String) -> String) -> ListedItem? {
    var item = base.reopen(kept, reveal)
    if fault == .forgetsWhatWasKept { item?.location += "x" }
    return item
  }

  override func head(
    _ location: String, ifChangedSince known: String?, in session: FetchSession
  ) async throws(FetchError) -> SourceState {
    var state = SourceState(version: "file:0:0", size: 0)
    do throws(FetchError) {
      state = try await base.head(location, ifChangedSince: known, in: session)
    } catch {
      if fault == .goneMayComeBack { throw .connection("it may come back") }
      if fault != .goneIsSomething { throw error }
    }
    switch fault {
    case .versionStays: state.version = "file:1"
    case .versionOfItsOwn: state.version = "head:" + (state.version ?? "")
    case .wrongSize: state.size = state.size.map { $0 + 1 }
    case .nothingEverChanges: state.version = known ?? state.version
    default: break
    }
    return state
  }

  override func read(
    _ location: String, _ request: ReadRequest, to receiver: any ContentReceiver, in session: FetchSession,
    _ progress: () async throws -> Void
  ) async throws -> ReadEnd {
    var request = request
    switch fault {
    case .beginsAnew where request.from > 0: (request.from, request.token) = (0, nil)
    case .otherVersion: request.token = nil
    case .knownIsThePresent where request.known != nil: return .notModified
    default: break
    }
    let changed = ChangingReceiver(receiver, fault, isRest: request.from > 0)
    if fault == .sharesAPosition { return try await readSharing(location, request, to: receiver) }
    if fault == .swallowsErrors {
      return try await base.read(location, request, to: changed, in: session) { try? await progress() }
    }
    let end = try await base.read(location, request, to: changed, in: session, progress)
    return fault == .endsEarly && changed.isEarly ? .whole : end
  }

  /// As a descriptor that all readings share would.
  private func readSharing(_ location: String, _ request: ReadRequest, to receiver: any ContentReceiver) async throws -> ReadEnd {
    guard let content = FileManager.default.contents(atPath: location).map(Array.init) else {
      throw FetchError.file(location, code: ENOENT)
    }
    position.withLock { $0 = request.from }
    var head = ContentHead()
    (head.start, head.version, head.token) = (request.from, "file:1", "file:1")
    guard receiver.begin(head) else { return .stopped }
    while true {
      let at = position.withLock { position in
        defer { position += 1000 }
        return position
      }
      if at >= content.count { return .whole }
      let goesOn = content[at..<min(at + 1000, content.count)].withUnsafeBytes { receiver.receive($0) }
      if !goesOn { return .stopped }
      await Task.yield()
    }
  }

  private final class ChangingReceiver: ContentReceiver {
    private let receiver: any ContentReceiver
    private let fault: Fault
    private let isRest: Bool
    private let state = Mutex((received: 0, isStopped: false, isEarly: false, total: 0, start: 0))

    init(_ receiver: any ContentReceiver, _ fault: Fault, isRest: Bool) {
      self.receiver = receiver
      self.fault = fault
      self.isRest = isRest
    }

    var isEarly: Bool { state.withLock { $0.isEarly } }

    func begin(_ head: ContentHead) -> Bool {
      state.withLock { ($0.total, $0.start) = (head.total ?? 0, head.start) }
      if fault == .beginsTwice { _ = receiver.begin(head) }
      let goesOn = receiver.begin(head)
      if fault == .doesNotStop { return true }
      return goesOn
    }

    func receive(_ bytes: UnsafeRawBufferPointer) -> Bool {
      let (at, total) = state.withLock { state in
        defer { state.received += bytes.count }
        return (state.start + state.received, state.total)
      }
      var bytes = bytes
      switch fault {
      case .skipsAByte where isRest && at > 0 && state.withLock({ $0.received == bytes.count }):
        bytes = UnsafeRawBufferPointer(rebasing: bytes.dropFirst())
      case .losesTheLastByte where at + bytes.count == total: bytes = UnsafeRawBufferPointer(rebasing: bytes.dropLast())
      case .endsEarly where at > 0:
        state.withLock { $0.isEarly = true }
        return false
      default: break
      }
      let goesOn = receiver.receive(bytes)
      return fault == .doesNotStop || goesOn
    }
  }
}

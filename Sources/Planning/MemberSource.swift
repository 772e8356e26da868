import Dataflow
import Configuration
import Decompress
import Definition
import Fetch
import Foundation
import Records
import Supervision
import Synchronization

/// The members of another source's archives, each an item: `exports.zip!/2026/orders.csv`.
///
/// It stands before the source that has the archives: whatever that is, its archives are read by ranges.
final class MemberSource: ItemSource {
  static let name = "member"

  private let inner: any ItemSource
  private let archive: any Archive.Type
  private let limits: DecompressLimits

  init(_ inner: any ItemSource, _ archive: any Archive.Type, _ limits: DecompressLimits) {
    self.inner = inner
    self.archive = archive
    self.limits = limits
  }

  var traits: SourceTraits { inner.traits.intersection([.answersAtOnce, .rereadsFreely]).union(.exactSizes) }

  // MARK: Items

  /// An archive's members as items: those that `patterns` take, all where there are none. An archive that can't be read is an item itself,
  /// and fails as that.
  ///
  /// - Parameter sha256: what the archive must have.
  func items(
    of listed: ListedItem, _ patterns: [MemberPattern], sha256: String?, _ fetcher: Fetcher
  ) async throws(FetchError) -> [ListedItem] {
    let session = fetcher.session
    do throws(FetchError) {
      let opened = try await fetcher.ask(inner) { () async throws(FetchError) in try await open(listed.location, in: session) }
      if let sha256 { try await check(opened, sha256, listed.location, session) }
      return opened.order.compactMap { name in
        guard patterns.isEmpty || patterns.contains(where: { $0.matches(name) }), let member = opened.members[name] else { return nil }
        return item(listed, name, SourceState(version: member.version, size: member.size))
      }
    } catch {
      // One archive that can't be had holds up no other item. A process that can open no more files can't go on.
      if error.lacksDescriptors { throw error }
      return [item(listed, "", listed.state)]
    }
  }

  /// Reads all of an archive, and refuses it from then on where it has another sum.
  private func check(_ opened: OpenArchive, _ sha256: String, _ location: String, _ session: FetchSession) async throws(FetchError) {
    let found: String
    do {
      found = try await BlockingThreads.files.run {
        let digest = Digest()
        let piece = ByteBuffer(capacity: Fetcher.pieceBytes)
        for start in stride(from: 0, to: opened.bytes.count, by: piece.capacity) {
          let count = min(piece.capacity, opened.bytes.count - start)
          try opened.bytes.read(UnsafeMutableRawBufferPointer(start: piece.bytes, count: count), at: start)
          digest.update(piece.bytes, count)
        }
        return digest.finish()
      }
    } catch {
      throw error as? FetchError ?? .changed
    }
    guard found != sha256 else { return }
    let failure = FetchError.checksum(expected: sha256, found: found)
    session.client(OpenArchives.self).refuse(location, failure)
    throw failure
  }

  /// - Parameter name: the member's; empty for the archive itself.
  private func item(_ listed: ListedItem, _ name: String, _ state: SourceState?) -> ListedItem {
    ListedItem(
      key: name.isEmpty ? listed.key : listed.key + Item.memberSeparator + FileName.shown(name),
      name: name.isEmpty ? listed.name : Sources.itemName(path: name), location: MemberLocation(name: name, archive: listed.location).text,
      kept: "\(type(of: inner).name) \(archive.name) \(MemberLocation(name: name, archive: listed.kept).text)", state: state)
  }

  func reopen(_ kept: String, _ reveal: (String) -> String) -> ListedItem? {
    let parts = kept.split(separator: " ", maxSplits: 2).map(String.init)
    guard parts.count == 3, parts[0] == type(of: inner).name, parts[1] == archive.name, let place = MemberLocation(parts[2]),
      let listed = inner.reopen(place.archive, reveal)
    else { return nil }
    return item(listed, place.name, nil)
  }

  /// The source of an item that the ledger kept, before one of `sources` or one without settings.
  static func reopened(_ kept: String, _ definition: PipelineDefinition) -> (ListedItem, MemberSource)? {
    let parts = kept.split(separator: " ", maxSplits: 2).map(String.init)
    guard parts.count == 3, let archive = Archives.named(parts[1]), let type = Sources.named(parts[0]) else { return nil }
    for inner in definition.sources(of: type) {
      let source = MemberSource(inner, archive, definition.decompress.limits)
      if let listed = source.reopen(kept, definition.revealing) { return (listed, source) }
    }
    return nil
  }

  /// The member that a key tells of, as far as the key goes; nil for a key of another item.
  static func named(_ key: String, _ definition: PipelineDefinition) -> Item? {
    guard let end = key.range(of: Item.memberSeparator) else { return nil }
    let (own, name) = (String(key[..<end.lowerBound]), FileName.path(shown: String(key[end.upperBound...])))
    let type = Sources.answering(to: own) ?? FileSource.self
    guard let archive = definition.decompress.archive(ofItem: type.itemName(key: own)) else { return nil }
    let inner = type.bare(folder: definition.folder)
    guard let listed = inner.reopen(own, definition.revealing) else { return nil }
    let source = MemberSource(inner, archive, definition.decompress.limits)
    return Item(source.item(listed, name, nil), source)
  }

  /// The archive's: what would replace it would replace its members.
  func localPath(_ location: String) -> String? { MemberLocation(location).flatMap { inner.localPath($0.archive) } }

  func member(_ location: String) -> String? {
    MemberLocation(location).flatMap { $0.name.isEmpty ? nil : FileName.shown($0.name) }
  }

  // MARK: One member

  func head(_ location: String, ifChangedSince known: String?, in session: FetchSession) async throws(FetchError) -> SourceState {
    let (_, member) = try await find(location, in: session)
    return SourceState(version: member.version, size: member.size)
  }

  /// Blocks as it reads.
  func read(
    _ location: String, _ request: ReadRequest, to receiver: any ContentReceiver, in session: FetchSession,
    _ progress: () async throws -> Void
  ) async throws -> ReadEnd {
    let (opened, member) = try await find(location, in: session)
    if let known = request.known, known == member.version { return .notModified }
    if let token = request.token, token != member.version { return .cannotContinue }
    if let refusal = member.refusal { throw FetchError.member("\(refusal)", refusal.errorCode) }
    guard request.from <= member.size else { return .cannotContinue }
    var head = ContentHead()
    (head.start, head.end, head.total) = (request.from, member.size, member.size)
    (head.version, head.token) = (member.version, member.version)
    guard receiver.begin(head) else { return .stopped }
    try await progress()
    do {
      let reader = try archive.read(member.place, of: opened.bytes, limits: limits)
      var unwanted = request.from
      var goesOn = true
      while goesOn {
        let buffer = ByteBuffer(capacity: min(Fetcher.pieceBytes, max(1, member.size)))
        var damage: (any Error)?
        do { goesOn = try reader.read(into: buffer) } catch { damage = error }
        let skipped = min(unwanted, buffer.count)
        unwanted -= skipped
        if skipped < buffer.count {
          let rest = UnsafeRawBufferPointer(start: buffer.bytes + skipped, count: buffer.count - skipped)
          guard skipped == 0 ? receiver.take(buffer) : receiver.receive(rest) else { return .stopped }
        }
        try await progress()
        // Bytes that come before damage are the member's too.
        if let damage { throw damage }
      }
    } catch let error as ArchiveError {
      throw FetchError.memberContent("\(error)", error.errorCode)
    } catch let error as DecompressError {
      throw FetchError.memberContent("\(error)", error.errorCode)
    }
    return .whole
  }

  private func find(_ location: String, in session: FetchSession) async throws(FetchError) -> (OpenArchive, ArchiveMember) {
    guard let place = MemberLocation(location) else { throw .member("the ledger does not say which member it is", .noSource) }
    let opened = try await open(place.archive, in: session)
    if place.name.isEmpty {
      throw .member("the archive could not be read when the run began, and had no members then; they are items of a new run", .noSource)
    }
    guard let member = opened.members[place.name] else {
      throw .member("the archive has no member “\(FileName.shown(place.name))” any more", .noSource)
    }
    return (opened, member)
  }

  /// An archive with its directory, which is read once as long as the archive stays what it is.
  private func open(_ location: String, in session: FetchSession) async throws(FetchError) -> OpenArchive {
    let known = session.client(OpenArchives.self)
    if let failure = known.failure(location) { throw failure }
    let cached = known.find(location)
    if let cached, !inner.traits.contains(.answersAtOnce) { return cached }
    let state = try await inner.head(location, ifChangedSince: nil, in: session)
    if let cached, cached.version == state.version, state.version != nil { return cached }
    guard let size = state.size else {
      throw .member("its server does not tell how long the archive is, which its directory's place hangs on", .unusableAnswer)
    }
    let bytes = SourceBytes(inner, location, version: state.version, count: size, session)
    do {
      let members = try await BlockingThreads.files.run { [archive] in try archive.members(of: bytes) }
      let opened = OpenArchive(bytes, version: state.version, members)
      known.keep(opened, location)
      return opened
    } catch let error as FetchError {
      throw error
    } catch let error as ArchiveError {
      throw .member("\(error)", error.errorCode)
    } catch {
      throw .member("\(error)", .damagedStream)
    }
  }
}

extension PipelineDefinition {
  /// Whether an item is an archive itself, and not a member of one.
  package func isArchive(_ item: Item) -> Bool {
    !item.key.contains(Item.memberSeparator) && decompress.archive(ofItem: item.name) != nil
  }
}

/// A member's name and what it takes to open its archive, as one text.
private struct MemberLocation {
  /// Empty for the archive itself.
  var name: String
  var archive: String

  init(name: String, archive: String) {
    self.name = name
    self.archive = archive
  }

  init?(_ text: String) {
    guard let colon = text.firstIndex(of: ":"), let count = Int(text[..<colon]) else { return nil }
    let rest = text[text.index(after: colon)...].utf8
    guard count >= 0, rest.count >= count, let name = String(rest.prefix(count)), let archive = String(rest.dropFirst(count)) else {
      return nil
    }
    self.init(name: FileName.path(shown: name), archive: archive)
  }

  /// The name's length, then the name and the archive's location.
  var text: String {
    let shown = FileName.shown(name)
    return "\(shown.utf8.count):\(shown)\(archive)"
  }
}

/// An archive whose directory was read.
private final class OpenArchive: Sendable {
  let bytes: SourceBytes
  let version: String?
  let members: [String: ArchiveMember]
  /// The members' names in the archive's order.
  let order: [String]

  init(_ bytes: SourceBytes, version: String?, _ members: [ArchiveMember]) {
    self.bytes = bytes
    self.version = version
    self.members = Dictionary(members.map { ($0.name, $0) }) { _, later in later }
    var seen: Set<String> = []
    order = members.map(\.name).filter { seen.insert($0).inserted }
  }
}

/// The archives that a run has open: the last few, so that each member need not read its archive's directory.
private final class OpenArchives: SharedClient {
  private static let most = 8
  private let archives = Mutex<[(location: String, archive: OpenArchive)]>([])
  private let refused = Mutex<[String: FetchError]>([:])

  func failure(_ location: String) -> FetchError? { refused.withLock { $0[location] } }

  func refuse(_ location: String, _ failure: FetchError) { refused.withLock { $0[location] = failure } }

  func find(_ location: String) -> OpenArchive? { archives.withLock { $0.first { $0.location == location }?.archive } }

  func keep(_ archive: OpenArchive, _ location: String) {
    archives.withLock { archives in
      archives.removeAll { $0.location == location }
      archives.insert((location, archive), at: 0)
      if archives.count > Self.most { archives.removeLast() }
    }
  }

  func close() { archives.withLock { $0 = [] } }
}

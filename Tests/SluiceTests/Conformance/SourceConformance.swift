import Configuration
import Fetch
import Foundation
import Records
import Supervision
import Synchronization

/// A source with a store behind it that a test can change.
struct SourceBench: Sendable {
  var name: String
  /// Makes the source and the patterns that stand for the objects with these names.
  var open: @Sendable ([String]) throws -> (source: any Source, patterns: [SourcePattern])
  /// Puts an object in the store; one that is there already is another version then.
  var put: @Sendable (String, [UInt8]) throws -> Void
  var remove: @Sendable (String) throws -> Void
}

/// The checks that every source passes. Each returns the faults that it finds. Each is run against every source, and against sources that are broken
/// on purpose.
enum SourceConformance {
  struct Check: Sendable, CustomStringConvertible {
    let name: String
    let run: @Sendable (SourceBench) async throws -> [String]
    var description: String { name }
  }

  static let checks = [
    Check(name: "lists every object once", run: listsAll),
    Check(name: "an object is opened again by what the ledger keeps", run: reopens),
    Check(name: "a version tells a change", run: versions),
    Check(name: "a size is the content's", run: sizes),
    Check(name: "what is not there is missing", run: missing),
    Check(name: "asked whether anything changed, it tells", run: changedSince),
    Check(name: "reads whole objects", run: readsWhole),
    Check(name: "goes on from a byte", run: goesOn),
    Check(name: "never goes on in another version", run: refusesOthers),
    Check(name: "need not read what is known", run: known),
    Check(name: "stops when the receiver has enough", run: stops),
    Check(name: "hands on what the caller throws", run: handsOnErrors),
    Check(name: "serves several at once", run: concurrent),
    Check(name: "a download that breaks off delivers every byte once", run: downloads),
    Check(name: "a download mixes no versions", run: downloadsOneVersion),
  ]

  // MARK: Listing

  static func listsAll(_ bench: SourceBench) async throws -> [String] {
    let names = (0..<1100).map { "many-\($0).bin" }
    for name in names { try bench.put(name, Array(name.utf8)) }
    defer { for name in names { try? bench.remove(name) } }
    let (source, patterns) = try bench.open(names)
    let session = session()
    defer { session.close() }
    var complaints = Complaints()
    var found: [ListedItem] = []
    for pattern in patterns {
      let listing = source.list(pattern, in: session)
      while let items = try await listing.next() { found += items }
      if try await listing.next() != nil { complaints.add("a listing goes on after its end") }
    }
    let listed = found.map(\.name).sorted()
    complaints.expect(listed == names.sorted(), "listed \(listed.count) objects, \(Set(listed).count) of them different, of \(names.count)")
    complaints.expect(Set(found.map(\.key)).count == found.count, "two items have one key")
    complaints.expect(Set(found.map(\.location)).count == found.count, "two items have one location")
    if let item = found.first, let state = item.state {
      let head = try await source.head(item.location, ifChangedSince: nil, in: session)
      complaints.expect(head.version == state.version && head.size == state.size, "the listing tells \(state), and a head \(head)")
    }
    return complaints.all
  }

  static func reopens(_ bench: SourceBench) async throws -> [String] {
    try await with(bench, "a b=1+2.bin", bytes(100)) { source, item, session in
      var complaints = Complaints()
      let again = source.reopen(item.kept) { $0 }
      complaints.expect(
        again?.location == item.location, "“\(item.kept)” is opened at \(again?.location ?? "nowhere"), and not \(item.location)")
      complaints.expect(again?.name == item.name, "it is called \(again?.name ?? "nothing") then, and not \(item.name)")
      complaints.expect(type(of: source).itemName(key: item.key) == item.name, "by its key it is called otherwise than \(item.name)")
      return complaints.all
    }
  }

  // MARK: Looking

  static func versions(_ bench: SourceBench) async throws -> [String] {
    try await with(bench, "v.bin", bytes(3000)) { source, item, session in
      var complaints = Complaints()
      let first = try await source.head(item.location, ifChangedSince: nil, in: session).version
      let read = try await read(source, item, session).head.version
      complaints.expect(first != nil && first == read, "a head tells the version \(first ?? "nil"), and reading \(read ?? "nil")")
      complaints.expect(try await source.head(item.location, ifChangedSince: nil, in: session).version == first, "it changed by itself")
      try bench.put(item.name, bytes(3000, seed: 2))
      let second = try await source.head(item.location, ifChangedSince: nil, in: session).version
      complaints.expect(second != first, "other content of the same length has the version \(second ?? "nil") too")
      return complaints.all
    }
  }

  static func sizes(_ bench: SourceBench) async throws -> [String] {
    try await with(bench, "s.bin", bytes(70_001)) { source, item, session in
      let size = try await source.head(item.location, ifChangedSince: nil, in: session).size
      if source.traits.contains(.exactSizes), size == nil { return ["it claims exact sizes, and tells none"] }
      return size == nil || size == 70_001 ? [] : ["of 70001 bytes it tells \(size ?? 0)"]
    }
  }

  static func missing(_ bench: SourceBench) async throws -> [String] {
    let (source, patterns) = try bench.open(["gone.bin"])
    try bench.put("gone.bin", bytes(10))
    let session = session()
    defer { session.close() }
    guard let item = try await source.list(patterns[0], in: session).next()?.first else { return ["it lists nothing"] }
    try bench.remove("gone.bin")
    var complaints = Complaints()
    do {
      _ = try await source.head(item.location, ifChangedSince: nil, in: session)
      complaints.add("a head of what is not there gives something")
    } catch {
      complaints.expect(error.isMissing && !error.isTransient, "a head of what is not there: \(error)")
    }
    do {
      _ = try await read(source, item, session)
      complaints.add("reading what is not there gives something")
    } catch {
      let error = error as? FetchError
      complaints.expect(error?.isMissing == true && error?.isTransient == false, "reading what is not there: \(String(describing: error))")
    }
    return complaints.all
  }

  static func changedSince(_ bench: SourceBench) async throws -> [String] {
    try await with(bench, "c.bin", bytes(2000)) { source, item, session in
      var complaints = Complaints()
      let first = try await source.head(item.location, ifChangedSince: nil, in: session).version
      let same = try await source.head(item.location, ifChangedSince: first, in: session).version
      complaints.expect(same == first, "nothing changed, and the version is \(same ?? "nil") after \(first ?? "nil")")
      try bench.put(item.name, bytes(2000, seed: 2))
      let other = try await source.head(item.location, ifChangedSince: first, in: session).version
      complaints.expect(other != nil && other != first, "it changed, and the version is \(other ?? "nil") still")
      return complaints.all
    }
  }

  // MARK: Reading

  static func readsWhole(_ bench: SourceBench) async throws -> [String] {
    var complaints = Complaints()
    for count in [0, 1, 70_001, 3_000_000] {
      let content = bytes(count)
      complaints.all += try await with(bench, "w.bin", content) { source, item, session in
        var complaints = Complaints()
        let got = try await read(source, item, session)
        complaints.expect(got.end == .whole, "\(count) bytes end as \(got.end)")
        complaints.expect(got.content == content, "of \(count) bytes \(got.content.count) come, or others")
        complaints.expect(
          got.head.start == 0 && (got.head.total ?? count) == count && (got.head.end ?? count) == count, "it tells \(got.head)")
        complaints.expect(got.beginnings == 1, "it began \(got.beginnings) times")
        return complaints.all
      }
    }
    return complaints.all
  }

  static func goesOn(_ bench: SourceBench) async throws -> [String] {
    let content = bytes(300_000)
    return try await with(bench, "r.bin", content) { source, item, session in
      var complaints = Complaints()
      let whole = try await read(source, item, session)
      guard let token = whole.head.token else {
        return source.traits.contains(.ranges) ? ["it claims ranges, and gives no token to go on by"] : []
      }
      complaints.expect(whole.head.version.map(source.isStable) == true, "it can be gone on with, and its version is not stable")
      for from in [1, 65_536, 299_999] {
        let rest = try await read(source, item, session, ReadRequest(from: from, token: token, total: content.count))
        if rest.end == .cannotContinue {
          complaints.expect(!source.traits.contains(.ranges), "it claims ranges, and does not go on from byte \(from)")
          continue
        }
        complaints.expect(rest.head.start == from || rest.head.start == 0, "it goes on from byte \(rest.head.start), and not \(from)")
        complaints.expect(rest.head.start == from || !source.traits.contains(.ranges), "it claims ranges, and begins anew")
        complaints.expect(rest.content == Array(content[rest.head.start...]), "from byte \(from) on other bytes come")
      }
      let behind = try? await read(source, item, session, ReadRequest(from: 400_000, token: token, total: content.count))
      complaints.expect(behind?.head.start == 0 || behind?.content.isEmpty != false, "bytes come from behind the end")
      let part = try await Fetcher(session, .init()).bytes(source, item.location, from: 1000, count: 5000)
      complaints.expect(
        Array(UnsafeBufferPointer(start: part.bytes, count: part.count)) == Array(content[1000..<6000]), "a part is another")
      return complaints.all
    }
  }

  static func refusesOthers(_ bench: SourceBench) async throws -> [String] {
    let new = bytes(300_000, seed: 2)
    return try await with(bench, "o.bin", bytes(300_000)) { source, item, session in
      guard let token = try await read(source, item, session).head.token else { return [] }
      try bench.put(item.name, new)
      let got = try await read(source, item, session, ReadRequest(from: 100_000, token: token, total: 300_000))
      if got.end == .cannotContinue { return [] }
      return got.head.start == 0 && got.content == new ? [] : ["it goes on from byte \(got.head.start) of another version"]
    }
  }

  static func known(_ bench: SourceBench) async throws -> [String] {
    let new = bytes(5000, seed: 2)
    return try await with(bench, "k.bin", bytes(5000)) { source, item, session in
      var complaints = Complaints()
      let version = try await read(source, item, session).head.version
      let same = try await read(source, item, session, ReadRequest(known: version))
      complaints.expect(same.end == .notModified ? same.content.isEmpty : same.content == bytes(5000), "what is known comes otherwise")
      try bench.put(item.name, new)
      let other = try await read(source, item, session, ReadRequest(known: version))
      complaints.expect(other.end == .whole && other.content == new, "a change is \(other.end)")
      return complaints.all
    }
  }

  static func stops(_ bench: SourceBench) async throws -> [String] {
    try await with(bench, "e.bin", bytes(3_000_000)) { source, item, session in
      var complaints = Complaints()
      let none = try await read(source, item, session, enough: -1)
      complaints.expect(
        none.end == .stopped && none.content.isEmpty, "a receiver that wants nothing: \(none.end), \(none.content.count) bytes")
      let some = try await read(source, item, session, enough: 10_000)
      complaints.expect(some.end == .stopped && some.late == 0, "a receiver that has enough: \(some.end), told \(some.late) times more")
      return complaints.all
    }
  }

  private struct Thrown: Error {}

  static func handsOnErrors(_ bench: SourceBench) async throws -> [String] {
    try await with(bench, "t.bin", bytes(3_000_000)) { source, item, session in
      var complaints = Complaints()
      for enough in [Int.max, 1] {
        var hasThrown = false
        do {
          _ = try await source.read(item.location, ReadRequest(), to: Keeper(enough: enough), in: session) {
            hasThrown = true
            throw Thrown()
          }
          complaints.expect(!hasThrown, "it goes on after the caller threw")
        } catch {
          complaints.expect(error is Thrown, "the caller's error became \(error)")
        }
      }
      return complaints.all
    }
  }

  static func concurrent(_ bench: SourceBench) async throws -> [String] {
    let content = bytes(500_000)
    return try await with(bench, "p.bin", content) { source, item, session in
      try await withThrowingTaskGroup(of: Bool.self) { group in
        for _ in 0..<8 { group.addTask { try await read(source, item, session).content == content } }
        return try await group.reduce(into: [String]()) { if !$1, $0.isEmpty { $0 = ["one of several readings gives other bytes"] } }
      }
    }
  }

  // MARK: Decorators

  /// A download of a source whose readings break off, and what was delivered of it.
  private static func download(
    _ source: any Source, _ item: ListedItem, _ session: FetchSession, afterBreak: @escaping @Sendable () throws -> Void = {}
  ) async throws -> (delivered: [UInt8], end: Result<Fetcher.Outcome, DownloadFailure>) {
    let folder = NSTemporaryDirectory() + "spool-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    var retry = Fetcher.Retry()
    retry.attempts = 20
    retry.backoff = Backoff(first: .milliseconds(1), longest: .milliseconds(2))
    let breaking = BreakingSource(source, after: 90_000, then: afterBreak)
    let delivered = Mutex<[UInt8]>([])
    let download = Download(
      Fetcher(session, retry), breaking, item.location, from: 0, spool: try Spool(path: folder + "/s"), known: nil,
      expected: ExpectedContent(.other, mayBeCompressed: true), digest: nil, failures: 0, Heartbeat())
    download.deliver = { buffer in
      delivered.withLock { $0.append(contentsOf: UnsafeBufferPointer(start: buffer.bytes, count: buffer.count)) }
    }
    do {
      let outcome = try await download.run()
      return (delivered.withLock { $0 }, .success(outcome))
    } catch let failure as DownloadFailure {
      return (delivered.withLock { $0 }, .failure(failure))
    }
  }

  static func downloads(_ bench: SourceBench) async throws -> [String] {
    let content = bytes(700_000)
    return try await with(bench, "d.bin", content) { source, item, session in
      let (delivered, end) = try await download(source, item, session)
      switch end {
      case .success: return delivered == content ? [] : ["of \(content.count) bytes \(delivered.count) are delivered, or others"]
      case .failure(let failure) where failure.beginsAnew:
        if source.traits.contains(.ranges) { return ["it claims ranges, and a download can't go on: \(failure.error)"] }
        return delivered == Array(content.prefix(delivered.count)) ? [] : ["other bytes are delivered"]
      case .failure(let failure): return ["the download failed: \(failure.error)"]
      }
    }
  }

  static func downloadsOneVersion(_ bench: SourceBench) async throws -> [String] {
    let (old, new) = (bytes(700_000), bytes(700_000, seed: 2))
    return try await with(bench, "m.bin", old) { source, item, session in
      let (delivered, end) = try await download(source, item, session) { try bench.put(item.name, new) }
      let isOne = delivered == Array(old.prefix(delivered.count)) || delivered == Array(new.prefix(delivered.count))
      if !isOne {
        let (a, b) = (zip(delivered, old).prefix { $0 == $1 }.count, zip(delivered, new).prefix { $0 == $1 }.count)
        return ["\(delivered.count) bytes of two versions are delivered: \(a) of one, or \(b) of the other, and then others"]
      }
      if case .success = end, delivered != new, delivered != old { return ["the download ends with a part"] }
      return []
    }
  }

  // MARK: Parts of checks

  static func bytes(_ count: Int, seed: UInt64 = 1) -> [UInt8] {
    var state = seed &* 0x9E37_79B9_7F4A_7C15
    return (0..<count).map { _ in
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return UInt8(truncatingIfNeeded: state >> 33)
    }
  }

  private static func session() -> FetchSession { FetchSession(Redactor(secrets: [:])) }

  private static func with(
    _ bench: SourceBench, _ name: String, _ content: [UInt8],
    _ body: @Sendable (any Source, ListedItem, FetchSession) async throws -> [String]
  ) async throws -> [String] {
    try bench.put(name, content)
    defer { try? bench.remove(name) }
    let (source, patterns) = try bench.open([name])
    let session = session()
    defer { session.close() }
    guard let item = try await source.list(patterns[0], in: session).next()?.first else { return ["it lists nothing"] }
    return try await body(source, item, session)
  }

  /// The result of a reading.
  struct Reading: Sendable {
    var end: ReadEnd
    var head = ContentHead()
    var content: [UInt8] = []
    var beginnings = 0
    /// How often the receiver was told more after it had enough.
    var late = 0
  }

  /// - Parameter enough: bytes after which the receiver wants no more; negative to want none.
  private static func read(
    _ source: any Source, _ item: ListedItem, _ session: FetchSession, _ request: ReadRequest = ReadRequest(), enough: Int = .max
  ) async throws -> Reading {
    let keeper = Keeper(enough: enough)
    let end = try await source.read(item.location, request, to: keeper, in: session) {}
    var reading = keeper.reading
    reading.end = end
    return reading
  }

  struct Complaints {
    var all: [String] = []
    mutating func add(_ words: String) { all.append(words) }
    mutating func expect(_ isRight: Bool, _ words: @autoclosure () -> String) { if !isRight { all.append(words()) } }
  }
}

/// Keeps what a source gives, and notes what it should not have.
final class Keeper: ContentReceiver {
  private let state = Mutex(SourceConformance.Reading(end: .whole))
  private let enough: Int

  init(enough: Int = .max) { self.enough = enough }

  var reading: SourceConformance.Reading { state.withLock { $0 } }

  func begin(_ head: ContentHead) -> Bool {
    state.withLock { state in
      state.head = head
      state.beginnings += 1
    }
    return enough >= 0
  }

  func receive(_ bytes: UnsafeRawBufferPointer) -> Bool {
    state.withLock { state in
      if enough < 0 || state.content.count >= enough { state.late += 1 }
      // Bytes before the head are of nothing.
      if state.beginnings > 0 { state.content.append(contentsOf: bytes) }
      return state.content.count < enough
    }
  }
}

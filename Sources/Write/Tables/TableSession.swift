import Configuration
import Files
import Foundation
import Records
import Synchronization

/// A database that takes the rows of outputs. Its calls block, one at a time, and throw ``WriteError``.
protocol TableDatabase: Sendable {
  /// Whether the database has noted a commit. It first waits for the end of a process's transaction that may be under way there yet.
  func holds(_ token: TableToken) throws -> Bool
  /// Begins to take the rows of a large output while they are still made; nil where the database rather takes them at the commit.
  func stream(_ token: TableToken) -> (any TableStream)?
  /// Takes the rows of all outputs, in one transaction but for those of streams, with a note of each commit; of outputs that are noted already nothing. Notes that
  /// are forgotten are removed.
  ///
  /// - Returns: the outputs that the table does not take, of which nothing is visible.
  func commit(_ outputs: [TableOutput], forgetting forgotten: [TableToken]) throws -> [CommitRefusal]
  /// Removes the notes of all commits of an owner.
  func forgetAll(of owner: String) throws
}

/// A transaction of a database that takes the rows of one output as they come. Its trouble is no error: the commit then takes the rows from
/// the part.
protocol TableStream: AnyObject, Sendable {
  func send(_ block: RowBlock)
  /// Forgets the rows.
  func abandon()
}

/// An output that is to be committed.
struct TableOutput {
  var committable: Committable
  var token: TableToken
  /// Opens the output's rows.
  ///
  /// - Throws: ``WriteError`` where they are not all there.
  var rows: () throws -> RowSource
}

/// Outputs on their way into tables: parts on this machine, and the databases that take them.
final class TableSession: SinkSession {
  /// The parts of the definition's own table.
  struct Own: Sendable {
    var target: TableTarget
    var owner: String
    /// The folder of parts.
    var staging: String
    /// The columns of encoded rows.
    ///
    /// - Throws: ``WriteError`` where the table can't take the schema.
    var columns: @Sendable (Schema) throws -> [TableColumn]
  }

  private let sink: String
  private let folder: String
  private let own: Own?
  /// Makes the database of a name that committables have.
  private let make: @Sendable (String) -> any TableDatabase
  private let databases = Mutex<[String: any TableDatabase]>([:])
  /// The outputs that this process has prepared, by their commits: their rows where they are in memory too. What is in a file needs no look
  /// whether it is whole.
  private let prepared = Mutex<[String: [ByteBuffer]?]>([:])

  init(sink: String, folder: String, _ own: Own?, database make: @escaping @Sendable (String) -> any TableDatabase) {
    self.sink = sink
    self.folder = folder
    self.own = own
    self.make = make
  }

  private func database(_ name: String) -> any TableDatabase {
    databases.withLock { databases in
      if let known = databases[name] { return known }
      let new = make(name)
      databases[name] = new
      return new
    }
  }

  private func part(_ slot: OutputSlot, _ own: Own) -> String { "\(own.staging)/\(slot.name).rows" }

  private func required() throws -> Own {
    guard let own else { throw WriteError(action: "write to", path: "the database", reason: "the definition names none") }
    return own
  }

  func open(_ slot: OutputSlot, _ schema: Schema, at position: SinkPosition) throws -> any SinkWriter {
    let own = try required()
    guard let known = TablePosition(position) else { throw WriteError(action: "go on with", path: slot.shown, code: EINVAL) }
    let columns = try own.columns(schema)
    if known.prefix.length > 0, known.columns != TablePosition(known.prefix, columns).columns {
      throw WriteError.outdated(slot.shown, "the table's columns have changed since")
    }
    let prefix = known.prefix
    let place = TableWriter.Place(
      sink: sink, target: own.target, owner: own.owner, columns: columns, slot: slot, part: part(slot, own), folder: folder)
    let database = database(own.target.database)
    return try TableWriter(place, keeping: prefix) { database.stream($0) }
  }

  func prepare(_ writers: [any SinkWriter]) throws {
    let writers = writers.compactMap { $0 as? TableWriter }
    // More rows may follow in an output of the run, and its positions are those of its part.
    for writer in writers where writer.place.slot.item == nil { try writer.spill() }
    var parts = writers.compactMap(\.part)
    var shared: PartFile?
    for writer in writers {
      let frames = writer.frames
      prepared.withLock { $0[writer.commit] = .some(frames) }
      guard frames != nil else { continue }
      let file = try shared ?? sharedFile()
      shared = file
      try writer.append(to: file)
    }
    if let shared { parts.append(shared) }
    if !parts.isEmpty { try PartFile.sync(parts) }
  }

  private static let sharedEnding = ".shared-rows"

  private func sharedFile() throws -> PartFile {
    let path = "\(try required().staging)/\(UUID().uuidString)\(Self.sharedEnding)"
    return try TableWriter.open(path, folder, FilePrefix(length: 0, checksum: Checksum()))
  }

  func inspect(_ slot: OutputSlot, at position: SinkPosition) throws -> OutputFinding {
    if position == .start { return .whole }
    guard let prefix = TablePosition(position)?.prefix else { return .altered }
    return prefix.find(at: part(slot, try required()))
  }

  func settle() throws {
    let own = try required()
    try database(own.target.database).forgetAll(of: own.owner)
    for name in (try? FileManager.default.contentsOfDirectory(atPath: own.staging)) ?? [] where name.hasSuffix(Self.sharedEnding) {
      unlink(own.staging + "/" + name)
    }
  }

  func abandon(_ slot: OutputSlot) throws {
    unlink(part(slot, try required()))
  }

  // MARK: Committing

  private func token(_ committable: Committable) throws -> TableToken {
    do {
      return try JSONDecoder().decode(TableToken.self, from: Data(committable.token.utf8))
    } catch {
      throw WriteError(action: "commit to", path: committable.target, reason: "what the ledger says of it can't be read")
    }
  }

  func inspect(_ committable: Committable) throws -> OutputFinding {
    let token = try token(committable)
    if try database(token.target.database).holds(token) { return .committed }
    return try find(token)
  }

  private func find(_ token: TableToken) throws -> OutputFinding {
    guard let prefix = FilePrefix(SinkPosition(token.position)) else { return .altered }
    if prefix.length == 0 { return .whole }
    return prefix.find(at: DefinitionPath.absolute(token.file, in: folder), offset: token.offset)
  }

  func commit(_ committables: [Committable], forgetting forgotten: [Committable]) throws -> [CommitRefusal] {
    var refusals: [CommitRefusal] = []
    let work = try forgotten.map { ($0, try token($0), isForgotten: true) } + committables.map { ($0, try token($0), isForgotten: false) }
    for (name, group) in Dictionary(grouping: work, by: \.1.target.database) {
      let outputs = group.filter { !$0.isForgotten }.map { committable, token, _ in
        TableOutput(committable: committable, token: token) { try self.rows(committable, token) }
      }
      refusals += try database(name).commit(outputs, forgetting: group.filter(\.isForgotten).map(\.1))
    }
    // Their rows are in the tables, or will never be.
    for (_, token, isForgotten) in work {
      prepared.withLock { _ = $0.removeValue(forKey: token.commit) }
      // A shared file goes with the last of its outputs, as they are forgotten: recovery commits one after another.
      if !token.file.isEmpty, !token.file.hasSuffix(Self.sharedEnding) || isForgotten {
        unlink(DefinitionPath.absolute(token.file, in: folder))
      }
    }
    return refusals
  }

  private func rows(_ committable: Committable, _ token: TableToken) throws -> RowSource {
    let known = prepared.withLock { $0[token.commit] }
    if let known, let frames = known { return try RowSource(frames) }
    let lost = WriteError(
      action: "commit to", path: committable.target, reason: "rows are missing that were kept for it; resume writes them again")
    guard let prefix = FilePrefix(SinkPosition(token.position)) else { throw lost }
    if prefix.length == 0 { return try RowSource([]) }
    guard try known != nil || find(token) == .whole else { throw lost }
    return try RowSource(path: DefinitionPath.absolute(token.file, in: folder), token.offset..<token.offset + prefix.length)
  }
}

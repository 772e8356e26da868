import Files
import Foundation
import Records
import Synchronization

/// A file that is written under a temporary name in its target's folder.
///
/// Its calls block: make them on threads for that (`BlockingThreads`).
///
/// `@unchecked Sendable`: one write worker owns it at a time and awaits each call before the next. The syncs alone run beside others: they
/// touch only state that locks guard.
final class PartFile: @unchecked Sendable {
  /// The absolute path that the commit renames the part to.
  let target: String
  /// The absolute path of the part.
  let path: String
  /// The definition's folder, which paths in committables are relative to.
  let folder: String
  private let descriptor: Int32
  /// The length and checksum of all that was appended; the end of it may not be in the file before a sync.
  private(set) var written: FilePrefix
  /// Nil while the file is small, and where the file system writes large files as any other.
  private let large = Mutex<LargeFile?>(nil)
  private var isPlain: Bool
  private let syncs = Mutex(Syncs())

  private struct Syncs {
    var isNameSynced = false
    /// After a sync that failed it is not known which bytes are on the disk, and the next one may say that all are (fsync(2); Rebello et
    /// al., Can Applications Recover from fsync Failures?, 2020). So there is no next one.
    var failed: WriteError?
  }

  /// Opens the part and cuts it to `prefix`. With an empty prefix it makes the part anew, and its folder where that is missing.
  ///
  /// The part's name may be known to others who can write to the folder. So a link is never followed, and a file that another user has put
  /// there is not written to.
  ///
  /// - Parameter isReadAgain: whether this process reads the part before long: then it stays in the page cache.
  /// - Throws: ``WriteError``.
  init(target: String, path: String, folder definitionFolder: String, keeping prefix: FilePrefix, isReadAgain: Bool = false) throws {
    isPlain = isReadAgain
    self.target = target
    self.path = path
    folder = definitionFolder
    written = prefix
    let folder = (target as NSString).deletingLastPathComponent
    if prefix.length == 0 { try WriteError.wrap("create folder", folder) { try SystemCall.createFolders(folder) } }
    let before = try WriteError.wrap("write", target) { try FileStatus.of(target, followsLinks: false) }
    if let before, before.kind != .regular { throw WriteError(action: "write", path: target, code: EEXIST, found: before.kind) }
    let isNew = prefix.length == 0
    descriptor = try WriteError.wrap("open", path) {
      try isNew ? Self.make(path, before) : SystemCall.open(path, O_RDWR | O_NOFOLLOW | O_NONBLOCK, .partOpen)
    }
    do {
      if !isNew { try WriteError.wrap("open", path) { try FileStatus.requireOwn(descriptor) } }
      try cut(to: prefix)
    } catch {
      close(descriptor)
      throw error
    }
  }

  /// Makes the part, with the mode of the file that it is to replace. It first removes a part that an earlier try left.
  private static func make(_ path: String, _ before: FileStatus?) throws -> Int32 {
    func create() throws -> Int32 {
      try SystemCall.open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, mode: before.map { $0.mode | 0o600 } ?? 0o644, .partOpen)
    }
    do {
      return try create()
    } catch let failure as SystemFailure where failure.code == EEXIST {
      try SystemCall.remove(path, .partRemove)
      return try create()
    }
  }

  deinit { close(descriptor) }

  /// How many bytes were appended.
  var length: Int { written.length }

  /// Drops the bytes past `prefix`.
  func cut(to prefix: FilePrefix) throws {
    // Gathered bytes may lie before the cut.
    try release()
    try WriteError.wrap("cut", path) { try SystemCall.cut(descriptor, to: prefix.length, .partCut) }
    written = prefix
  }

  /// Appends bytes.
  ///
  /// - Parameter checksum: the checksum of the bytes.
  func append(_ start: UnsafePointer<UInt8>, _ count: Int, checksum: Checksum) throws {
    try WriteError.wrap("write", path) {
      let isTaken = try large.withLock { large in
        if large == nil, !isPlain, length >= LargeFile.least {
          large = LargeFile(path, descriptor, at: length)
          isPlain = large == nil
        }
        try large?.append(start, count)
        return large != nil
      }
      if !isTaken { try SystemCall.write(descriptor, start, count, at: length, .partWrite) }
    }
    written = written.followed(by: checksum, count: count)
  }

  /// Puts gathered bytes into the file and gives their memory back: nothing more comes for now.
  func release() throws {
    try WriteError.wrap("write", path) {
      try large.withLock { large in
        try large?.flush()
        large = nil
      }
    }
  }

  /// Puts all that was appended on the disk, and the part's name the first time: then the ledger may speak of it.
  func sync() throws {
    try syncContent(.partSync)
    if !isNameSynced { try Self.syncNames([self]) }
  }

  /// Syncs parts that are complete, with one sync of each folder.
  static func sync(_ parts: [PartFile]) throws {
    for part in parts { try part.syncContent(.partFinalSync) }
    try syncNames(parts.filter { !$0.isNameSynced })
  }

  private var isNameSynced: Bool { syncs.withLock { $0.isNameSynced } }

  private func syncContent(_ point: FailPoint) throws {
    if let failed = syncs.withLock({ $0.failed }) { throw failed }
    try WriteError.wrap("write", path) { try large.withLock { try $0?.flush() } }
    try noting { try WriteError.wrap("sync", path) { try SystemCall.sync(descriptor, point) } }
  }

  private static func syncNames(_ parts: [PartFile]) throws {
    for (_, parts) in Dictionary(grouping: parts, by: { ($0.path as NSString).deletingLastPathComponent }) {
      let path = parts[0].path
      try parts[0].noting { try WriteError.wrap("sync the folder of", path) { try SystemCall.syncFolder(of: path, .partNameSync) } }
      for part in parts { part.syncs.withLock { $0.isNameSynced = true } }
    }
  }

  private func noting(_ body: () throws -> Void) throws {
    do {
      try body()
    } catch let error as WriteError {
      syncs.withLock { $0.failed = error }
      throw error
    }
  }

  /// Removes the part's file.
  func remove() throws { try WriteError.wrap("remove", path) { try SystemCall.remove(path, .partRemove) } }

  /// Puts parts, which are complete and synced, in their targets' places: renames them, then syncs each folder once. A file that is
  /// replaced lends its mode, and its owner where that is allowed. Only a regular file is ever replaced.
  ///
  /// - Throws: ``WriteError``.
  static func place(_ parts: [(path: String, target: String)]) throws {
    for part in parts {
      let before = try WriteError.wrap("rename to", part.target) { try FileStatus.of(part.target, followsLinks: false) }
      if let before {
        guard before.kind == .regular else { throw WriteError(action: "rename to", path: part.target, code: EEXIST, found: before.kind) }
        try WriteError.wrap("rename to", part.target) { try before.lend(toPart: part.path) }
      }
      try WriteError.wrap("rename to", part.target) { try SystemCall.rename(part.path, to: part.target, .partRename) }
    }
    for (_, parts) in Dictionary(grouping: parts, by: { ($0.target as NSString).deletingLastPathComponent }) {
      try syncPlace(of: parts[0].target)
    }
  }

  /// Syncs the folder of a target, which puts the target's name on the disk. A folder that is gone is no error.
  static func syncPlace(of target: String) throws {
    do {
      try SystemCall.syncFolder(of: target, .targetNameSync)
    } catch let failure as SystemFailure {
      if failure.code == ENOENT { return }
      throw WriteError(action: "sync the folder of", path: target, code: failure.code)
    }
  }
}

import Configuration
import Files
import Foundation
import Records
import Synchronization

/// Keeps an output's encoded rows until the commit: in memory while they are few, else in a part on this machine's disk.
///
/// Rows in a part are durable and invisible, as a file's part is. Few rows that come to their end in memory are put into one file with those of
/// other outputs that are prepared with them: so small items cost no sync of their own.
final class TableWriter: SinkWriter {
  /// The place and kind of an output's rows.
  struct Place: Sendable {
    /// The name of the sink that commits.
    var sink: String
    var target: TableTarget
    var owner: String
    var columns: [TableColumn]
    var slot: OutputSlot
    /// The part's absolute path.
    var part: String
    /// The definition's folder.
    var folder: String
  }

  /// The bytes of rows that stay in memory.
  #if FAILPOINTS
    // Small, so that tests of small items come to parts.
    private static let memoryBytes = 2 << 10
    private static let streamBytes = 8 << 10
  #else
    private static let memoryBytes = 256 << 10
    /// The bytes of rows from which on the database takes them as they come.
    private static let streamBytes = 1 << 20
  #endif

  private struct State {
    /// The rows, while they are in memory alone.
    var frames: [ByteBuffer] = []
    /// The length and checksum of the part as it is, or would be.
    var prefix: FilePrefix
    var part: PartFile?
    /// The file with the rows of several outputs, and where these begin.
    var shared: (path: String, offset: Int)?
    /// Takes the rows of a large output as they come.
    var stream: (any TableStream)?
    var mayStream = true
  }

  let place: Place
  private let state: Mutex<State>
  private let packer = RowPacker()
  private let makeStream: @Sendable (TableToken) -> (any TableStream)?
  /// Tells the output's commit from all others.
  let commit = UUID().uuidString

  /// Opens an output's rows, cut back to `prefix`.
  ///
  /// - Parameter makeStream: begins a stream of the rows into the table, for an output that turns out to be large.
  init(_ place: Place, keeping prefix: FilePrefix, stream makeStream: @escaping @Sendable (TableToken) -> (any TableStream)?) throws {
    self.makeStream = makeStream
    self.place = place
    var state = State(prefix: prefix)
    if prefix.length > 0 { state.part = try Self.open(place.part, place.folder, prefix) }
    self.state = Mutex(state)
  }

  /// Opens a file of rows, in a folder that is this user's alone.
  static func open(_ path: String, _ folder: String, _ prefix: FilePrefix) throws -> PartFile {
    let own = (path as NSString).deletingLastPathComponent
    try WriteError.wrap("create folder", own) { try SystemCall.createFolders(own, mode: 0o700) }
    return try PartFile(target: path, path: path, folder: folder, keeping: prefix, isReadAgain: true)
  }

  var position: SinkPosition { TablePosition(state.withLock { $0.prefix }, place.columns).position }
  var isEmpty: Bool { state.withLock { $0.prefix.length == 0 } }
  var canTruncate: Bool { true }
  /// The rows, where they are in memory alone.
  var frames: [ByteBuffer]? { state.withLock { $0.part == nil && $0.shared == nil ? $0.frames : nil } }

  /// Appends the rows, which are in memory, to a file of several outputs.
  func append(to file: PartFile) throws {
    try state.withLock { state in
      let offset = file.length
      for frames in state.frames { try Self.append(frames, to: file) }
      state.shared = (file.path, offset)
    }
  }

  func append(_ chunk: SinkChunk) throws {
    try state.withLock { state in
      let frames = packer.frames(chunk)
      let checksum = Checksum(frames.bytes, frames.count)
      if let part = state.part {
        try part.append(frames.bytes, frames.count, checksum: checksum)
      } else {
        state.frames.append(frames)
      }
      state.shared = nil
      state.prefix = state.prefix.followed(by: checksum, count: frames.count)
      if state.part == nil, state.prefix.length > Self.memoryBytes { try spill(&state) }
      try stream(chunk, &state)
    }
  }

  private func stream(_ chunk: SinkChunk, _ state: inout State) throws {
    if let stream = state.stream {
      var at = 0
      while at < chunk.bytes.count, let block = RowBlock(chunk.bytes.bytes + at, room: chunk.bytes.count - at) {
        stream.send(block)
        at += block.length
      }
    } else if state.mayStream, state.part != nil, state.prefix.length > Self.streamBytes {
      state.mayStream = false
      guard let stream = makeStream(token(state)) else { return }
      state.stream = stream
      let rows = try RowSource(path: place.part, 0..<state.prefix.length)
      for place in rows.places { stream.send(try rows.block(place)) }
    }
  }

  private static func append(_ frames: ByteBuffer, to part: PartFile) throws {
    try part.append(frames.bytes, frames.count, checksum: Checksum(frames.bytes, frames.count))
  }

  /// Puts the rows that are in memory into the part.
  func spill() throws { try state.withLock { try spill(&$0) } }

  private func spill(_ state: inout State) throws {
    guard state.part == nil else { return }
    let part = try Self.open(place.part, place.folder, FilePrefix(length: 0, checksum: Checksum()))
    for frames in state.frames { try Self.append(frames, to: part) }
    state.part = part
    state.frames = []
  }

  func flush() throws {
    let part = try state.withLock { state in
      try spill(&state)
      return state.part
    }
    try part?.sync()
  }

  func truncate(to position: SinkPosition) throws {
    guard let prefix = TablePosition(position)?.prefix else { throw WriteError(action: "go on with", path: place.part, code: EINVAL) }
    try state.withLock { state in
      state.stream?.abandon()
      state.stream = nil
      if let part = state.part {
        try part.cut(to: prefix)
      } else {
        var length = state.prefix.length
        while length > prefix.length, let last = state.frames.popLast() { length -= last.count }
      }
      state.shared = nil
      state.prefix = prefix
    }
  }

  func release() throws { try state.withLock { try $0.part?.release() } }

  /// The part, where there is one that has to be synced before the commit.
  var part: PartFile? { state.withLock { $0.part } }

  private func token(_ state: State) -> TableToken {
    TableToken(
      target: place.target, commit: commit, owner: place.owner, columns: place.columns,
      file: DefinitionPath.relative(state.shared?.path ?? place.part, to: place.folder), offset: state.shared?.offset ?? 0,
      position: state.prefix.position.token, item: place.slot.item, run: place.slot.run,
      replacesItem: place.target.hasProvenance && !place.slot.isReplay, holdsRecords: place.slot.holdsRecords)
  }

  var committable: Committable? {
    guard let data = try? JSONEncoder().encode(state.withLock { token($0) }) else { return nil }
    return Committable(
      sink: place.sink, name: DefinitionPath.relative(place.part, to: place.folder), target: place.slot.shown,
      token: String(decoding: data, as: UTF8.self))
  }

  deinit { state.withLock { $0.stream?.abandon() } }

  func discard() throws {
    try state.withLock { state in
      state.stream?.abandon()
      state.stream = nil
      try state.part?.remove()
      state.part = nil
      state.shared = nil
      state.frames = []
      state.prefix = FilePrefix(length: 0, checksum: Checksum())
    }
  }
}

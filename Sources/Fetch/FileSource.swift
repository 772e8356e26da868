import Configuration
import Files
import Foundation
import Records

/// Reads files of this machine.
///
/// A file's key is its normal path, relative to the definition where the file lies below it: as the definition spells it, with the names of
/// secrets. Its version is its size and its time of change.
package final class FileSource: Source {
  /// The page of the source `file`.
  package static let page = ComponentPage(
    .source, "file", "Files of this machine, by paths and globs.", abilities: ["patterns", "ranges"], place: "fetch.from[]",
    example: """
      pipeline: flights
      fetch: {from: 'sample-data/flights-2013-*.csv.gz'}
      write: {path: 'out/{item.stem}.jsonl'}
      """,
    errors: [.noSource, .unreadableFile, .changedSource, .wrongChecksum],
    guarantees: [
      "A file that is replaced while it is read is read to its end as it was when it was opened.",
      "A file that is written to while it is read is read again from its start: no output mixes two versions.",
      "What the pipeline itself has written, its definition and its state folder are never items.",
    ],
    limits: [
      "Only regular files are read; named pipes, devices and sockets are refused before they are opened.",
      "A version is a file's size and the time it was last changed, in nanoseconds as far as the file system keeps them.",
    ])

  /// No scheme, and `file`.
  package static let schemes = ["", "file"]
  /// Braces, and the characters of globs.
  package static let patternCharacters = "{}*?["

  /// The absolute path that relative paths begin at.
  private let folder: String

  private init(folder: String) { self.folder = folder }

  /// Files have no keys of their own: all entries share one source.
  package static func maker(_ fetch: Value, _ reader: inout DefinitionReader) -> SourceMaker {
    let source = FileSource(folder: reader.folder)
    return { _, _ in source }
  }

  /// Makes a source whose relative paths begin at `folder`.
  package static func bare(folder: String) -> any Source { FileSource(folder: folder) }

  /// Takes `file://` off.
  package static func normal(_ pattern: SourcePattern) -> SourcePattern {
    let scheme = "file://"
    return pattern.value.lowercased().hasPrefix(scheme) ? pattern.dropping(String(pattern.value.prefix(scheme.count))) : pattern
  }

  /// The file's name, as the key shows it.
  package static func itemName(key: String) -> String { Sources.itemName(path: FileName.path(shown: key)) }

  /// Files answer at once, and can be read again, from any byte.
  package var traits: SourceTraits { [.answersAtOnce, .rereadsFreely, .ranges, .exactSizes] }

  // MARK: Items

  /// Whether a part of the path is a glob. Braces are taken apart before.
  package func isPattern(_ pattern: SourcePattern) -> Bool { NormalPath(pattern, in: folder).isGlob }

  /// The file of this path. A path with brackets is one where such a file is there.
  package func named(_ pattern: SourcePattern, _ redactor: Redactor) -> ListedItem? {
    let place = NormalPath(pattern, in: folder)
    // A path with brackets may be a file's name.
    if place.isGlob, SourceFile.status(place.path) == nil { return nil }
    return FileKeys(pattern, place, folder, redactor).item(place.file)
  }

  /// Walks the folders of a glob as the listing is asked for more.
  package func list(_ pattern: SourcePattern, in session: FetchSession) -> any Listing {
    FileListing(pattern, NormalPath(pattern, in: folder), folder, session.redactor)
  }

  /// The file of a kept path, whether it is there or not.
  package func reopen(_ kept: String, _ reveal: (String) -> String) -> ListedItem? {
    var path = absolute(FileName.path(shown: kept))
    // A file may be called like a secret's name.
    if kept.contains("${"), SourceFile.status(path) == nil { path = absolute(FileName.path(shown: reveal(kept))) }
    return ListedItem(key: kept, name: Sources.itemName(path: path), location: path, kept: kept)
  }

  /// The location itself: it is a path.
  package func localPath(_ location: String) -> String? { location }

  /// Whether the glob would match an output for one of its own files.
  package func takesOutput(_ pattern: SourcePattern, _ output: (String) -> String?) -> Bool {
    let place = NormalPath(pattern, in: folder)
    guard place.isGlob else { return false }
    // A name that the pattern matches.
    let name = (place.path as NSString).lastPathComponent.replacing("*", with: "x").replacing("?", with: "x")
    return output(name).map { place.matches(NormalPath(SourcePattern($0), in: folder).path) } ?? false
  }

  private func absolute(_ path: String) -> String { DefinitionPath.absolute(path, in: folder) }

  // MARK: One file

  /// Returns the file's size and time of change, by stat(2).
  package func head(_ location: String, ifChangedSince known: String?, in session: FetchSession) async throws(FetchError) -> SourceState {
    var status = stat()
    guard FileName.withBytes(location, { stat($0, &status) }) == 0 else { throw .file(FileName.shown(location), code: errno) }
    try SourceFile.requireFile(location, status)
    return SourceState(version: Version(status).text, size: Int(status.st_size))
  }

  /// The marks of a file that change with its content.
  private struct Version: Equatable {
    let seconds: Int
    let nanoseconds: Int
    let size: Int

    init(_ status: stat) {
      seconds = status.st_mtim.tv_sec
      nanoseconds = status.st_mtim.tv_nsec
      size = Int(status.st_size)
    }

    static func of(open descriptor: Int32, _ path: String) throws(FetchError) -> Version {
      var status = stat()
      guard fstat(descriptor, &status) == 0 else { throw .file(FileName.shown(path), code: errno) }
      try SourceFile.requireFile(path, status)
      return Version(status)
    }

    /// As the ledger keeps it.
    var text: String { "file:\(seconds).\(nanoseconds):\(size)" }
  }

  /// Reads the file with pread(2), and compares its status at the end with the one at the beginning. Blocks.
  package func read(
    _ location: String, _ request: ReadRequest, to receiver: any ContentReceiver, in session: FetchSession,
    _ progress: () async throws -> Void
  ) async throws -> ReadEnd {
    let descriptor = try SourceFile.open(location)
    defer { close(descriptor) }
    let found = try Version.of(open: descriptor, location)
    let (version, size) = (found.text, found.size)
    if let known = request.known, known == version { return .notModified }
    if let token = request.token, token != version || request.from > size { return .cannotContinue }
    var head = ContentHead()
    head.start = request.from
    (head.version, head.token) = (version, version)
    // Files of the system may have content and no size.
    if size > 0 { (head.end, head.total) = (size, size) }
    guard receiver.begin(head) else { return .stopped }
    try await progress()
    var offset = request.from
    let most = min(Fetcher.pieceBytes, max(1, request.limit ?? .max))
    while offset < size || size == 0 {
      let room = size == 0 ? most : min(most, size - offset)
      let buffer = ByteBuffer(capacity: room)
      let count = pread(descriptor, buffer.bytes, room, off_t(offset))
      guard count >= 0 else { throw FetchError.file(FileName.shown(location), code: errno) }
      if count == 0 { break }
      buffer.count = count
      offset += count
      guard receiver.take(buffer) else { return .stopped }
      try await progress()
    }
    // A file that was written to meanwhile has bytes of two versions.
    guard try Version.of(open: descriptor, location) == found else { throw FetchError.changed }
    return .whole
  }
}

/// The files of a path or glob. A glob that finds nothing may be a name with brackets.
private final class FileListing: Listing {
  private static let batchSize = 512

  private let place: NormalPath
  private let keys: FileKeys
  private var walk: GlobWalk?
  private var isBegun = false
  private var isFound = false
  private var isOver = false

  init(_ pattern: SourcePattern, _ place: NormalPath, _ folder: String, _ redactor: Redactor) {
    self.place = place
    keys = FileKeys(pattern, place, folder, redactor)
  }

  func next() async throws(FetchError) -> [ListedItem]? {
    if isOver { return nil }
    if !isBegun, place.isGlob { walk = try GlobWalk(place) }
    isBegun = true
    var batch: [ListedItem] = []
    while batch.count < Self.batchSize, let match = try walk?.next() { batch.append(keys.item(match)) }
    isFound = isFound || !batch.isEmpty
    if !batch.isEmpty { return batch }
    isOver = true
    guard !isFound, SourceFile.status(place.path) != nil else { return nil }
    return [keys.item(place.file)]
  }
}

/// The keys of a pattern's files, now and in earlier builds: those spelled the path as the definition did, and took out every secret of the
/// environment. The ledger's items are found by these keys too, and are then renamed.
private struct FileKeys {
  private let folder: String
  private let redactor: Redactor
  /// The beginning of all normal paths of the pattern, and the definition's spelling of it.
  private let normal: String
  private let spelled: String
  private let isSpelledNormally: Bool
  /// Whether the definition has the path as seen from its folder.
  private let isRelative: Bool

  init(_ pattern: SourcePattern, _ place: NormalPath, _ folder: String, _ redactor: Redactor) {
    self.folder = folder
    self.redactor = redactor
    isRelative = !pattern.value.hasPrefix("/")
    let path = DefinitionPath.absolute(pattern.value, in: folder)
    normal = place.literalPrefix
    if place.isGlob {
      let parts = path.split(separator: "/")
      spelled = "/" + parts.prefix { !SourceExpansion.isGlob(String($0)) }.joined(separator: "/")
    } else {
      spelled = path
    }
    isSpelledNormally = spelled.utf8.elementsEqual(normal.utf8)
  }

  func item(_ match: GlobWalk.Match) -> ListedItem {
    // A relative path stays relative, for folders may move.
    let key = isRelative ? DefinitionPath.relative(match.shown, from: folder) : DefinitionPath.relative(match.shown, to: folder)
    return ListedItem(
      key: key, name: Sources.itemName(path: match.path), location: match.path, kept: key, formerKeys: formerKeys(match.path, key))
  }

  /// The keys of earlier builds that are not the present one.
  private func formerKeys(_ path: String, _ key: String) -> [String] {
    var keys = [redactor.redact(DefinitionPath.relative(respelled(path), to: folder))]
    // A file outside of the definition's folder has two spellings, and the definition may have had the other.
    if !DefinitionPath.isBelow(folder, path), !key.contains("${") {
      keys.append(FileName.shown(isRelative ? path : DefinitionPath.relative(path, from: folder)))
    }
    return keys.filter { !$0.utf8.elementsEqual(key.utf8) }
  }

  /// A path with the beginning that the definition spells.
  private func respelled(_ path: String) -> String {
    if isSpelledNormally || !path.utf8.starts(with: normal.utf8) { return path }
    return spelled + path[path.utf8.index(path.startIndex, offsetBy: normal.utf8.count)...]
  }
}

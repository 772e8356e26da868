import Dataflow
import Configuration
import Definition
import Fetch
import Files
import Foundation
import Ledger
import Write

/// Looks whether an output may be put where the definition says: it may replace a file only, and no file whose content would be lost by that.
package struct OutputGuard: Sendable {
  private let definition: PipelineDefinition
  private let state: StateFolder

  private let statePrefixes: [String]

  /// Guards the outputs of a definition whose runs are recorded in a state folder.
  package init(_ definition: PipelineDefinition, _ state: StateFolder) {
    self.definition = definition
    self.state = state
    statePrefixes = state.prefixes
  }

  /// Whether a file at `path`, which is absolute, is or would be in the state folder.
  private func isInState(_ path: String, _ paths: inout CanonicalPaths) -> Bool {
    let canonical = paths.canonical(path)
    return statePrefixes.contains { path.hasPrefix($0) || canonical.hasPrefix($0) }
  }

  /// The file that an output at `target` would replace; nil where there is none.
  ///
  /// - Parameter paths: knows the folders that outputs were looked at in before.
  /// - Throws: ``Failure`` where `target` is no file, has a name that no file can have, is the definition or a file that a step loads, or is in
  ///   the state folder.
  func replaced(at target: String, _ paths: inout CanonicalPaths) throws(Failure) -> FileStatus.Identity? {
    let shown = definition.relative(target)
    if OutputPlace.isDescriptor(target) {
      throw Failure.output("the output \(shown) is no file; to write to standard output, say path: '-'")
    }
    let there: FileStatus?
    do {
      there = try FileStatus.of(target)
      // A part's name is longer.
      if target.utf8.count > 200 { _ = try FileStatus.of(FileSink.part(of: target), followsLinks: false) }
    } catch {
      let trouble = WriteError(action: "write", path: shown, code: error.code)
      // A problem of all outputs, as a folder that may not be entered, is told when the first is written.
      guard trouble.concernsOneOutput else { return nil }
      throw Failure.output(trouble.description, .cannotWrite)
    }
    if let there, there.kind != .regular {
      let trouble = WriteError(action: "write", path: shown, code: EEXIST, found: there.kind)
      throw Failure.output(trouble.description, there.kind == .folder ? .cannotWrite : .invalidSetting)
    }
    if let there, there.identity == (try? FileStatus.of(definition.file))?.identity {
      throw Failure.output("the output \(shown) is the definition itself; give write.path another name")
    }
    if let there, let loaded = definition.loadedFiles.first(where: { (try? FileStatus.of($0.path))?.identity == there.identity }) {
      throw Failure.output("the output \(shown) is \(loaded.name), which a step loads; give write.path another name")
    }
    if isInState(target, &paths) {
      throw Failure.output("the output \(shown) is in the state folder \(state.path); give write.path another folder")
    }
    return there?.identity
  }

  /// Looks whose output a file is that would be replaced.
  ///
  /// - Parameters:
  ///   - output: the ledger's entry for the file; nil where it has none.
  ///   - item: the item that is written to `target`; nil for the one output of the run.
  ///   - keys: of the items that own outputs, by number.
  ///   - makers: whether this run works on an item that the given run had.
  /// - Throws: ``Failure`` where the file is the output of another pipeline, of a replay, or of another definition of the same name, which is
  ///   still there.
  /// - Returns: the owner that the user is to be told of, whose output is replaced all the same; nil where there is none.
  func owner(_ output: Output?, of target: String, item: Item?, keys: [Int64: String], makers: (RunID) async throws -> Bool)
    async throws
    -> String?
  {
    guard let output else { return nil }
    let shown = definition.relative(target)
    let isSameFile = Self.isSameFile(output.definition, definition.file)
    if output.pipeline != definition.name {
      // A pipeline that was renamed, or whose definition is gone, needs its output no more.
      guard !isSameFile, FileManager.default.fileExists(atPath: output.definition) else { return "the pipeline \(output.pipeline)" }
      throw Failure.output(
        "the output \(shown) is that of the pipeline \(output.pipeline) (\(output.definition)); give write.path another name, or move the file away",
        .sameOutput)
    }
    let key = output.item.flatMap { keys[$0.value] }
    if output.isReplay {
      throw Failure.output(
        "the output \(shown) is what a replay wrote\(key.map { " of \($0)" } ?? ""); move it away, or give write.path another name",
        .sameOutput)
    }
    if let item {
      guard let key, !key.utf8.elementsEqual(item.key.utf8) else { return nil }
      return key
    }
    guard !isSameFile, FileManager.default.fileExists(atPath: output.definition), let run = output.run else { return nil }
    if try await makers(run) { return output.definition }
    throw Failure.output(
      "the output \(shown) is that of \(output.definition), which is called “\(definition.name)” too and has other sources; give one of them another name and another write.path, or move the file away",
      .sameOutput)
  }

  private static func isSameFile(_ a: String, _ b: String) -> Bool {
    if a == b { return true }
    guard let a = try? FileStatus.of(a), let b = try? FileStatus.of(b) else { return false }
    return a.identity == b.identity
  }
}

extension OutputGuard {
  /// Checks the outputs as far as the definition and the file system alone can tell.
  ///
  /// - Throws: ``DefinitionErrors`` where one would be put into a place that it may not have.
  package func check() async throws(DefinitionErrors) {
    let naming = OutputNaming(definition: definition, run: "new", date: Date())
    let (named, matched) = await itemsToLookAt()
    var paths = CanonicalPaths()
    for entry in definition.sinks {
      if entry.sink.grouping != .item {
        // An output that has the run's number or day in its name is another one each time.
        guard naming.isSameInAllRuns(entry), let file = naming.slot(nil, in: entry).file else { continue }
        try check(file, named + matched, entry, &paths)
        continue
      }
      for item in named { if let file = naming.slot(item, in: entry).file { try check(file, named, entry, &paths) } }
      // Where an item would replace another one, it fails alone.
      for item in matched { if let file = naming.slot(item, in: entry).file { try check(file, [item], entry, &paths) } }
    }
  }

  /// Finds what stands in the way of the outputs of some items, where that is no fault of the definition: a folder in an output's place, a
  /// name that is too long. The first such finding; nil for none.
  package func trouble(of entry: SinkEntry, _ items: [Item]) -> Finding? {
    let naming = OutputNaming(definition: definition, run: "new", date: Date())
    var paths = CanonicalPaths()
    for item in entry.sink.grouping == .item ? items.map(Optional.some) : [nil] {
      let slot = naming.slot(item, in: entry)
      guard let file = slot.file else { continue }
      do throws(Failure) {
        _ = try replaced(at: file, &paths)
      } catch {
        if error.code == .cannotWrite { return Finding(definition.relative(file), problem: error.reason) }
      }
    }
    return nil
  }

  private func check(
    _ target: String, _ items: [Item], _ entry: SinkEntry, _ paths: inout CanonicalPaths
  ) throws(DefinitionErrors) {
    do throws(Failure) {
      guard let replaced = try replaced(at: target, &paths) else { return }
      for item in items {
        guard let path = item.localPath, let source = SourceFile.status(path) else { continue }
        if FileStatus(source).identity == replaced { throw Self.isSource(definition.relative(target), item.key) }
      }
    } catch {
      // A disk's troubles are no fault of the definition: the run, or the item, fails of them.
      if error.code != .cannotWrite { throw definition.wrongOutput(of: entry, error.reason, error.code) }
    }
  }

  /// The failure of an output that would replace an item's source.
  static func isSource(_ target: String, _ key: String) -> Failure {
    Failure.output("the output \(target) is the source \(key), which it would replace; give write.path another folder or name")
  }

  /// The first files that are items whatever the ledger says: those that the definition names one by one, and, where there is no ledger
  /// yet, those that patterns match; later some of these may be outputs.
  private func itemsToLookAt() async -> (named: [Item], matched: [Item]) {
    let discovery = Discovery(definition: definition)
    let named = await discovery.files(most: 1000, ofPatterns: false)
    if Ledgers.exists(state.path) { return (named, []) }
    var paths = CanonicalPaths()
    let matched = await discovery.files(most: 1000, ofPatterns: true).filter { item in
      guard let path = item.localPath else { return false }
      return path != definition.file && !isInState(path, &paths)
    }
    return (named, matched)
  }

  /// Patterns of `fetch.from` that match what the pipeline writes.
  package var patternsOfOwnOutput: [String] {
    let naming = OutputNaming(definition: definition, run: "1", date: Date())
    return definition.fetch.entries.flatMap { entry in
      entry.pattern.alternatives.prefix(100).filter { pattern in
        definition.sinks.contains { sink in
          entry.source.takesOutput(pattern) { name in
            let item = Item(ListedItem(key: name, name: name, location: name, kept: name), entry.source)
            return naming.slot(sink.sink.grouping == .item ? item : nil, in: sink).file
          }
        }
      }
    }.map(\.shown)
  }
}

extension StateFolder {
  /// The beginnings of absolute paths of files in it: the folder as it is spelled, and with links followed.
  var prefixes: [String] {
    let folder = URL(fileURLWithPath: path).standardizedFileURL.path
    return Array(Set([folder, OutputPlace.canonical(folder)].map { $0 + "/" }))
  }
}

extension Failure {
  /// The failure of an output that can't be put where it is to go.
  static func output(_ reason: String, _ code: ErrorCode = .invalidSetting) -> Failure { Failure(code, .write, reason) }
}

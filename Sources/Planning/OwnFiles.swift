import Dataflow
import Definition
import Fetch
import Files
import Foundation
import Ledger
import Synchronization
import Write

/// Files that are never items, whatever pattern matches them: outputs and parts of the pipeline, its definition, its state folder.
///
/// A pattern that takes what the pipeline has written would make every run read what the one before it wrote.
struct OwnFiles: Sendable {
  private let definition: PipelineDefinition?
  private let stateFolders: [String]
  /// Nil where there is none, or nothing of the pipeline's in it.
  private let ledger: (any Ledger)?
  private let passedOver = PassedOver()

  /// Excludes nothing.
  static let none = OwnFiles()

  private init() {
    definition = nil
    stateFolders = []
    ledger = nil
  }

  /// The own files of a pipeline.
  ///
  /// - Parameter ledger: nil where there is none yet.
  init(_ definition: PipelineDefinition, _ state: StateFolder, _ ledger: (any Ledger)?) async throws {
    self.definition = definition
    stateFolders = state.prefixes
    self.ledger = try await ledger?.hasOutputs(pipeline: definition.name) == true ? ledger : nil
  }

  /// How many files were passed over, and one of them.
  var found: (count: Int, first: String) { passedOver.files.withLock { $0 } }

  /// Counts from zero: a run may look for its items twice.
  func countAnew() { passedOver.files.withLock { $0 = (0, "") } }

  private final class PassedOver: Sendable {
    let files = Mutex((count: 0, first: ""))
  }

  /// The items that are not the pipeline's own files; counts the others.
  func without(_ batch: [Discovery.Found]) async throws -> [Discovery.Found] {
    guard let definition else { return batch }
    var isOwn = batch.map { self.isOwn($0.item, definition) }
    if let ledger { try await mark(&isOwn, batch, definition, ledger) }
    if !isOwn.contains(true) { return batch }
    return zip(batch, isOwn).compactMap { found, isOwn in
      guard isOwn else { return found }
      passedOver.files.withLock { $0 = ($0.count + 1, $0.count == 0 ? found.item.key : $0.first) }
      return nil
    }
  }

  private func isOwn(_ item: Item, _ definition: PipelineDefinition) -> Bool {
    guard let path = item.localPath else { return false }
    return path == definition.file || FileSink.isPart(path) || stateFolders.contains { path.hasPrefix($0) }
  }

  /// Marks outputs that the ledger knows, symbolic links to them too.
  private func mark(_ isOwn: inout [Bool], _ batch: [Discovery.Found], _ definition: PipelineDefinition, _ ledger: any Ledger) async throws
  {
    var paths = CanonicalPaths()
    var files: [(place: String, path: String)] = []
    var positions: [Int] = []
    for (i, found) in batch.enumerated() where !isOwn[i] {
      guard let path = found.item.localPath else { continue }
      files.append((paths.canonical(path), definition.relative(path)))
      positions.append(i)
      if let target = try? OutputPlace.of(path), target != path {
        files.append((paths.canonical(target), definition.relative(target)))
        positions.append(i)
      }
    }
    let known = try await ledger.outputs(pipeline: definition.name, files)
    for (i, file) in files.indices.map({ (positions[$0], $0) }) {
      // A definition that is no longer where it was has moved with its outputs; another one of the same name has others.
      isOwn[i] =
        isOwn[i]
        || known[file].contains {
          $0.place == files[file].place || $0.definition == definition.file || !FileManager.default.fileExists(atPath: $0.definition)
        }
    }
  }
}

import Dataflow
import Planning
import Decompress
import Definition
import Fetch
import Foundation
import Parse
import Records

/// A definition written after a look at real data, and its guesses.
package struct DefinitionDraft: Sendable {
  /// A setting that was guessed, with its evidence.
  package struct Guess: Sendable {
    /// The setting's key, or a word: `compression`, `key`, `note`, `dead letters`.
    package var what: String
    /// Its value, as it is shown.
    package var value: String
    /// How sure it is.
    package var certainty: FormatGuess.Certainty
    /// The reason for it, as a clause.
    package var evidence: String
  }

  /// The pipeline's name.
  package var name: String
  /// The definition as YAML, with comments.
  package var text: String
  /// The guesses that it rests on, in order.
  package var guesses: [Guess]
  /// The key of the item that was looked at.
  package var item: String
  /// The number of items that the sources stand for.
  package var itemCount: Int

  /// Looks at the sources and drafts a definition that stands at `path`. The draft is loaded from its text and run over the data of the look,
  /// before it is returned.
  ///
  /// - Parameters:
  ///   - sources: entries of `fetch.from`; relative paths are relative to the present folder.
  ///   - path: the definition's path, from the pipeline's name.
  ///   - name: the pipeline's; nil to take it from the first source.
  /// - Throws: ``RunFailure`` where no item is found, or none that can be read.
  package static func of(_ sources: [String], path: (String) -> String, name: String?) async throws(RunFailure) -> DefinitionDraft {
    let name = name ?? Self.name(for: sources.first ?? "")
    let path = path(name)
    do {
      let list = sources.map { YAMLText.value(source($0, path)) }.joined(separator: ", ")
      // Enough to look at the sources by.
      let definition = try PipelineDefinition.load(
        text: "pipeline: look\nfetch: {from: [\(list)]}\nwrite: {path: out.jsonl}\n", path: path, variables: [:])
      let session = FetchSession(definition.redactor)
      defer { session.close() }
      let items: [Item]
      do {
        items = try await Discovery(definition: definition).items(Fetcher(session, definition.fetch.retry))
      } catch let error as NoSource {
        throw RunFailure.unreadable(
          "nothing matches \(error.pattern); check how it is spelled, and the folder it is looked for in", .noSource)
      }
      guard let first = items.first else { throw NoSource(sources.first ?? "") }
      let look = try await Self.look(items, first, definition, session)
      return try await Drafting(
        name: name, path: path, sources: sources.map { source($0, path) }, look: look, itemCount: items.count,
        encoding: EncodingSearch([look.text] + look.slices).guess()
      ).draft()
    } catch let error as FetchError {
      throw .unreadable(error.description)
    } catch {
      throw .from(error)
    }
  }

  /// The first item that holds something, of a few.
  private static func look(
    _ items: [Item], _ first: Item, _ definition: PipelineDefinition, _ session: FetchSession
  ) async throws -> SourceLook {
    for item in items.prefix(10) {
      let look = try await SourceLook(item, definition, session)
      if look.text.count > 0 { return look }
    }
    throw RunFailure.sample("\(first.key): it is empty; there is nothing to go by")
  }

  /// Letters, digits, - and _ of the first source's name.
  static func name(for source: String) -> String {
    let stem = NameEndings.stem(
      of: FileSource.itemName(key: String(source.prefix { $0 != "?" && $0 != "#" })), formats: RecordFormats.endings)
    var name = ""
    for character in stem.lowercased() {
      if character.isASCII, character.isLetter || character.isNumber || character == "_" {
        name.append(character)
      } else if !name.isEmpty, !name.hasSuffix("-") {
        name.append("-")
      }
    }
    while name.hasSuffix("-") { name.removeLast() }
    return name.isEmpty ? "pipeline" : name
  }

  /// A path as the definition at `path`, which it is relative to, has it.
  private static func source(_ source: String, _ path: String) -> String {
    if source.contains("://") || source.hasPrefix("/") { return source }
    let folder = (URL(fileURLWithPath: path).standardizedFileURL.path as NSString).deletingLastPathComponent
    let here = URL(fileURLWithPath: FileManager.default.currentDirectoryPath).standardizedFileURL.path
    if folder == here { return source.hasPrefix("./") ? String(source.dropFirst(2)) : source }
    return here + "/" + source
  }
}

/// Tries guesses at an item's format, the best first, until one reads it.
private struct Drafting {
  let name: String
  let path: String
  let sources: [String]
  let look: SourceLook
  let itemCount: Int
  let encoding: EncodingGuess

  private typealias Tried = (writer: DefinitionWriter, trial: DraftTrial)

  /// More dead letters than this, and other guesses are tried too.
  private static let fewDeadLetters = 0.005
  /// How often types are widened by records that do not fit.
  private static let passes = 8

  func draft() async throws -> DefinitionDraft {
    var best: Tried?
    let guesses = try guesses()
    for guess in guesses {
      // A guess that is much worse by itself is none, be its dead letters as few as they may: one column takes any line.
      if let best, guess.score < 0.4 * (guesses.first?.score ?? 0) || best.trial.deadShare <= Self.fewDeadLetters { break }
      let tried = try await settle(guess)
      if best.map({ tried.trial.deadShare < $0.trial.deadShare / 2 }) ?? true { best = tried }
    }
    guard let (tried, trial) = best else {
      throw RunFailure.sample("\(look.item.key): no record was found in its first \(look.text.count) bytes; is it CSV or JSON Lines?")
    }
    if let failure = trial.failure { throw RunFailure.sample("\(look.item.key): \(failure)") }
    var writer = tried
    writer.trial = trial
    return DefinitionDraft(name: name, text: writer.text(), guesses: writer.guesses(), item: look.item.key, itemCount: itemCount)
  }

  private func guesses() throws -> [FormatGuess] {
    let text = look.converted(encoding.encoding)
    let sniffer = Sniffer(text, isWhole: look.isTextWhole, name: look.item.name)
    var guesses = RecordFormats.guesses(sniffer)
    if guesses.isEmpty, let document = sniffer.document {
      let reason =
        RecordFormats.canRead(document)
        ? "it is \(document.name) in which no object is a record; there is nothing to go by" : RecordFormats.refusal(of: document)
      throw RunFailure.sample("\(look.item.key): \(reason)", .wrongFormat)
    }
    for i in guesses.indices where !guesses[i].isTable && guesses[i].format.readsFromAnyLine {
      for slice in look.convertedSlices(encoding.encoding) { guesses[i].learn(slice) }
    }
    return guesses
  }

  /// The guess with names and types that fit the sample, as far as its records can be read at all.
  private func settle(_ guess: FormatGuess) async throws -> Tried {
    var guess = guess
    let slices = look.convertedSlices(encoding.encoding)
    var names = guess.names
    if !guess.isTable {
      names = nil
    } else if names == nil {
      if guess.dialect.headerLines > 0 {
        let bare = try await run(writer(guess, names: nil), slices: [])
        names = bare.header
        if names?.count != guess.width { return (writer(guess, names: nil), bare) }
      } else {
        names = (0..<guess.width).map { "column_\($0 + 1)" }
      }
    }
    for pass in 0... {
      let tried = writer(guess, names: names ?? guess.values.names)
      let trial = try await run(tried, slices: slices)
      let wrong = trial.misfits.filter(\.isWrongValue)
      if wrong.isEmpty || pass >= Self.passes { return (tried, trial) }
      let before = (tried.columnTypes, guess.dialect.nullValues)
      let records = ByteBuffer(capacity: 64 << 10)
      for misfit in wrong { records.append(misfit.raw + [guess.endOfRecord]) }
      guess.learn(records)
      let after = (writer(guess, names: names ?? guess.values.names).columnTypes, guess.dialect.nullValues)
      if after == before || pass >= Self.passes - 2 {
        let fields = tried.names ?? []
        for misfit in wrong { if let at = misfit.field.flatMap({ fields.firstIndex(of: $0) }) { guess.isText.insert(at) } }
      }
    }
    throw RunFailure.internalError("init tried without end")
  }

  private func writer(_ guess: FormatGuess, names: [String]?) -> DefinitionWriter {
    DefinitionWriter(
      guess, names: names, name: name, path: path, sources: sources, look: look, itemCount: itemCount, encoding: encoding)
  }

  private func run(_ writer: DefinitionWriter, slices: [ByteBuffer]) async throws -> DraftTrial {
    let definition: PipelineDefinition
    do {
      definition = try PipelineDefinition.load(text: writer.text(), path: path, variables: [:])
    } catch {
      throw RunFailure.internalError("init wrote a definition that does not load: \(error)")
    }
    return await DraftTrial(definition, look, slices: slices)
  }
}

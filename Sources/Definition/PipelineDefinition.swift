import Configuration
import Decompress
import Fetch
import Foundation
import Parse
import Processes
import Records
import Supervision
import Transform
import Write

/// A pipeline's definition, loaded and checked: the five stages' settings, the limits, the supervision, and the file that it came from.
///
/// ``load(path:variables:environment:)`` makes one. ``prepared()`` adds the files that its steps load, before records flow.
public struct PipelineDefinition: Sendable {
  /// The settings that every stage has: its workers, its input's bound, its tries and its supervision.
  public struct StageSettings: Sendable {
    /// The least and the most workers (`workers`; by default 4 for fetch, decompress and write, and one for each core for parse and
    /// transform).
    public var workers = PoolSize(min: 1, max: 1)
    /// How many messages may wait before the stage (`buffer`), from 1; 8 by default.
    public var buffer = 8
    /// How many workers a unit of the stage may fail before it is given up (`retry.attempts`), from 1; 5 by default.
    public var attempts = 5
    /// How the stage's failed workers are restarted: its own `supervise`, and the definition's for the rest.
    public var policy = RestartPolicy()
  }

  /// The pipeline's name (`pipeline`), by which the ledger knows it: letters and digits of ASCII, - and _.
  public internal(set) var name = ""
  /// The absolute path of the definition's file. The file need not be there: a run that goes on has its definition from the ledger.
  public internal(set) var file: String
  /// The absolute path of the file's folder, which relative paths in the definition begin at.
  public internal(set) var folder: String
  /// The file's text as it was read: variables are not expanded, and secrets that it spells out stand in it.
  public internal(set) var text: String
  /// The values of `--var`, by name. They are no secrets; the ledger keeps them with the run.
  public internal(set) var variables: [String: String]
  /// Puts names in the places of the secrets that the definition and its environment hold.
  public internal(set) var redactor = Redactor(secrets: [:])
  /// The values of secrets by the names that stand for them in keys and messages.
  private var secretValues: [String: String] = [:]

  /// The absolute path of the state folder that it works in; nil before it works, and for the one beside it.
  private var statePath: String?

  /// The section `fetch`: sources, and how they are read.
  public internal(set) var fetch = FetchSection()
  /// The section `decompress`: codec, archive, limits.
  public internal(set) var decompress = DecompressSection()
  /// The section `parse`: the record format and its fields.
  public internal(set) var parse = ParseSection()
  /// The section `transform`, as it was read. ``transformChain(for:)`` compiles it for a schema.
  var transform = TransformSection()
  /// The section `write`: the sink and its checkpoints.
  package internal(set) var write = WriteSection()
  /// The dead letters that a run may have and still exit 0 (`limits.dead_letters`).
  public internal(set) var deadLetterLimit = DeadLetterLimit.count(0)
  /// The end of a run with more dead letters than that (`limits.on_exceed`).
  public internal(set) var onExceed = OnExceed.finish
  /// How much may wait in the channels together, in bytes (`limits.memory`). One expression may make as much of one batch.
  public internal(set) var memory = 256_000_000
  /// The settings of each stage, filled by the loader; read them with ``stage(_:)``.
  var stages: [Stage: StageSettings] = [:]
  /// How stages that gave up, and the engine's process, are restarted (`supervise`).
  public internal(set) var policy = RestartPolicy()
  /// The number of ends of the engine's process after which the unit in work is under suspicion (`supervise.poison_after`), from 1. It is
  /// then tried once more, alone. A step's program has the same limit for one record.
  public internal(set) var poisonAfter = 2
  /// How much the engine's process may allocate, in bytes (`limits.process_memory`). By default half of the machine's memory, and at least
  /// 2 GB.
  public internal(set) var processMemory = max(2_000_000_000, Int(clamping: ProcessInfo.processInfo.physicalMemory / 2))
  /// The failed items that a run takes (`limits.failed_items`); one more and it stops. `Int.max` where there is no limit.
  public internal(set) var failedItemLimit = Int.max
  /// The rules of `notify`, in order; empty where nothing is told.
  public internal(set) var notifyRules: [NotifyRule] = []
  /// The tests of `tests`, in order. A run does not look at them.
  public internal(set) var tests: [DefinitionTest] = []

  /// The values of decompress, parse, transform and write, without keys that only say how the work is done. Where they differ, output
  /// differs.
  var fingerprintText = ""
  /// The files that steps have loaded, on which output depends; nil before ``loading()``.
  private var loaded: [StepPreparation.Loaded]?
  /// The errors of loading, placed in the file.
  private var troubleLoading: [Diagnostic] = []
  /// The records and the memory of each file that steps have loaded; empty before ``loading()``.
  public private(set) var loadedSizes: [LoadedSize] = []

  /// The SHA-256, in hexadecimal digits, of all that an item's output depends on besides the item: the sections from decompress to write,
  /// and the files that steps load. It is complete once the definition is ``prepared()``. Runs with different fingerprints do not continue
  /// each other.
  public var fingerprint: String { Digest.of(fingerprintText + (loaded ?? []).map { "loaded \($0.name): \($0.digest)\n" }.joined()) }

  /// The files that steps have loaded: the path as the definition has it, and the absolute one. Empty before ``loading()``.
  public var loadedFiles: [(name: String, path: String)] { (loaded ?? []).map { ($0.name, $0.path) } }

  /// Returns a stage's settings; each stage has some.
  package func stage(_ stage: Stage) -> StageSettings {
    stages[stage] ?? StageSettings()
  }

  /// The programs that records go through, in the order of the steps.
  package var programs: [ProgramOptions] { transform.steps.compactMap(\.program) }

  /// The file's path as the user would type it: relative where the file is below the current folder.
  public var shownPath: String {
    let here = FileManager.default.currentDirectoryPath + "/"
    return file.hasPrefix(here) ? String(file.dropFirst(here.count)) : file
  }

  /// Returns the absolute path of a path in the definition: a relative one begins at ``folder``.
  public func absolute(_ path: String) -> String { DefinitionPath.absolute(path, in: folder) }

  /// Returns a path below ``folder`` as the definition would spell it; any other stays as it is.
  public func relative(_ path: String) -> String { DefinitionPath.relative(path, to: folder) }

  /// The names of secrets, such as `${DAY}`, that stand in paths of sources, sorted. A key shows the name and not the value, so that items
  /// that differ in the value alone count as one item. `sluice check` warns of them. `${file:…}` and names that sound like a password are
  /// left out.
  public var secretsInKeys: [String] {
    let names = fetch.entries.flatMap(\.pattern.namesInPath).filter { !$0.hasPrefix("${file:") && !Redactor.isSecretName($0) }
    return Set(names).sorted()
  }

  /// Returns the text with the values of secrets in the places of their names: an item's location from its key. Never show the result.
  public func revealing(_ text: String) -> String {
    secretValues.reduce(text) { $0.replacingOccurrences(of: $1.key, with: $1.value) }
  }

  /// The sinks that records go to, in the order of the definition; that of dead letters is the last.
  package var sinks: [SinkEntry] { write.sinks }

  /// Whether the records of all items go into one output of some sink, which is then made again from all items where any is new.
  package var hasOutputOfRun: Bool { sinks.contains { $0.sink.grouping == .run } }
  /// Whether some sink has an output for each item.
  package var hasOutputsOfItems: Bool { sinks.contains { $0.sink.grouping == .item } }
  /// Whether records go to a stream, and can't be taken back.
  package var isStreaming: Bool { sinks.contains { $0.sink.grouping == .stream } }

  /// The folder and the pipeline that a sink needs to name its outputs.
  package var sinkContext: SinkContext { SinkContext(folder: folder, pipeline: name, state: statePath) }

  /// The definition at work in a state folder: sinks keep there what is not committed yet.
  package func working(inState path: String) -> PipelineDefinition {
    var definition = self
    definition.statePath = URL(fileURLWithPath: path).standardizedFileURL.path
    return definition
  }

  /// Makes the error of an output that can't be used, placed at the sink's key that names it. The message is redacted.
  package func wrongOutput(of entry: SinkEntry, _ message: String, _ code: ErrorCode) -> DefinitionErrors {
    errors([entry.position.diagnostic(message, code)], file: shownPath)
  }

  /// Loads and checks a definition's file. It reads files that the text names by `${file:…}`, but none that its steps load.
  ///
  /// - Parameters:
  ///   - variables: the values of `--var`, which come before the environment's.
  ///   - environment: the values for `${NAME}` and the credentials of sources.
  /// - Throws: ``DefinitionErrors`` with everything that is wrong, all at once; also where the file can't be read or is longer than 1 MB.
  public static func load(
    path: String, variables: [String: String], environment: [String: String] = ProcessInfo.processInfo.environment
  ) throws(DefinitionErrors) -> PipelineDefinition {
    func no(_ reason: String, _ code: ErrorCode) -> DefinitionErrors {
      DefinitionErrors(file: path, text: "", diagnostics: [Diagnostic(reason, code, line: 1, column: 1)])
    }
    errno = 0
    // Nothing is read of an empty file.
    guard let file = FileHandle(forReadingAtPath: path), let data = try? file.read(upToCount: longest + 1) ?? Data() else {
      let reason = String(cString: strerror(errno == 0 ? EIO : errno))
      guard !FileManager.default.fileExists(atPath: path) else { throw no("can't read the definition: \(reason)", .noDefinition) }
      let folder = (path as NSString).deletingLastPathComponent
      let others = (try? FileManager.default.contentsOfDirectory(atPath: folder.isEmpty ? "." : folder)) ?? []
      // By what is before the ending, which they have in common and which says nothing.
      func stem(_ name: String) -> String { (name as NSString).deletingPathExtension }
      let definitions = others.filter { $0.hasSuffix(".yaml") || $0.hasSuffix(".yml") }
      let nearest = Spelling.nearest(to: stem((path as NSString).lastPathComponent), among: definitions.map(stem))
      let near = definitions.first { stem($0) == nearest }
      throw no(
        "there is no such definition" + (near.map { "; did you mean \((folder as NSString).appendingPathComponent($0))?" } ?? ""),
        .noDefinition)
    }
    guard data.count <= longest else {
      throw no("it is longer than a definition can be, which is 1 MB; is it the data? sluice init makes a definition for it", .notYAML)
    }
    guard !data.contains(0), let text = String(validating: data, as: UTF8.self) else {
      throw no("it holds bytes that are no text; is it the data? sluice init makes a definition for it", .notYAML)
    }
    return try load(text: text, path: path, variables: variables, environment: environment)
  }

  /// The longest definition, in bytes.
  private static let longest = 1_000_000

  /// Loads and checks a text as if it were the file at `path`, which need not be there.
  ///
  /// - Throws: ``DefinitionErrors`` with everything that is wrong.
  public static func load(
    text: String, path: String, variables: [String: String], environment: [String: String] = ProcessInfo.processInfo.environment
  ) throws(DefinitionErrors) -> PipelineDefinition {
    var (definition, reader) = read(text: text, path: path, variables: variables, environment: environment)
    // Checks expressions and keys as far as the fields are known.
    let (chain, diagnostics) = definition.compile(definition.knownFields)
    for diagnostic in diagnostics { reader.report(diagnostic) }
    if diagnostics.isEmpty {
      for entry in definition.sinks {
        let output = entry.takesDeadLetters ? DeadLetterRecords.schema : chain.output
        guard entry.takesDeadLetters || !definition.knownFields.isOpen else { continue }
        for field in entry.sink.namedFields where output.position(of: field.name) == nil {
          let names = Excerpt.list(output.fields.map(\.name))
          reader.report(field.place.diagnostic("the output has no field “\(field.name)”; it has \(names)", .wrongExpression))
        }
      }
    }
    for diagnostic in definition.sharedOutputs { reader.report(diagnostic) }
    guard reader.diagnostics.isEmpty else { throw definition.errors(reader.diagnostics, file: path) }
    return definition
  }

  /// Returns the definition with the files that its steps load, checked against them. A run prepares it once, before records flow. It
  /// blocks.
  ///
  /// - Throws: ``DefinitionErrors`` where a step can't load a file that it names, or does not fit its content.
  public func prepared() throws(DefinitionErrors) -> PipelineDefinition {
    let definition = loading()
    var diagnostics = definition.troubleLoading
    // A loaded table may tell the types of more fields.
    if diagnostics.isEmpty, !definition.loadedFiles.isEmpty { diagnostics = definition.compile(knownFields).diagnostics }
    guard diagnostics.isEmpty else { throw errors(diagnostics, file: shownPath) }
    return definition
  }

  /// Returns the definition with the files that its steps load, whether they can be used or not; ``prepared()`` throws the errors. It
  /// blocks.
  public func loading() -> PipelineDefinition {
    if loaded != nil { return self }
    var definition = self
    var preparation = StepPreparation(folder: folder, digest: Digest.of)
    definition.transform.prepare(&preparation)
    definition.loaded = preparation.loaded
    definition.loadedSizes = preparation.sizes
    definition.troubleLoading = preparation.diagnostics
    return definition
  }

  /// The fields that items' records are known to have before one is looked at.
  private var knownFields: Scope { parse.fields.map { Scope($0, untyped: parse.unreadFields) } ?? .open }

  /// Makes the redactor of a definition's text, even where the text has errors: for messages about a definition that can't be loaded.
  public static func redactor(
    text: String, path: String, variables: [String: String], environment: [String: String] = ProcessInfo.processInfo.environment
  ) -> Redactor {
    read(text: text, path: path, variables: variables, environment: environment).definition.redactor
  }

  private static func read(
    text: String, path: String, variables: [String: String], environment: [String: String]
  ) -> (definition: PipelineDefinition, reader: DefinitionReader) {
    let absolute = URL(fileURLWithPath: path).standardizedFileURL.path
    var definition = PipelineDefinition(
      file: absolute, folder: (absolute as NSString).deletingLastPathComponent, text: text, variables: variables)
    var reader = DefinitionReader(text: text, folder: definition.folder, variables: variables, environment: environment)
    if let value = reader.read(text, as: Declarations.pipeline) { definition.fill(value, &reader) }
    definition.secretValues = Redactor.inherited(environment).reduce(into: [:]) { $0[$1.value] = $1.key }
    for secret in definition.fetch.entries.flatMap(\.pattern.secrets) { definition.secretValues[secret.name] = secret.value }
    definition.redactor = Redactor(secrets: definition.plainPasswords.merging(reader.secrets) { $1 }, environment: environment)
    return (definition, reader)
  }

  private func errors(_ diagnostics: [Diagnostic], file: String) -> DefinitionErrors {
    let shown = diagnostics.map { diagnostic in
      var diagnostic = diagnostic
      diagnostic.message = redactor.redact(diagnostic.message)
      return diagnostic
    }
    return DefinitionErrors(file: file, text: redactor.blotting(text), diagnostics: shown)
  }

  /// Passwords that the definition spells out in addresses.
  private var plainPasswords: [String: String] {
    let sources = fetch.entries.flatMap { [$0.pattern.value] + $0.source.addresses }
    let addresses = sources + notifyRules.flatMap { [$0.url, $0.ping].compactMap { $0 } }
    let passwords = addresses.compactMap(Redactor.password(inAddress:)).map(String.init)
    return Dictionary(passwords.map { ($0, "***") }) { first, _ in first }
  }

  private init(file: String, folder: String, text: String, variables: [String: String]) {
    self.file = file
    self.folder = folder
    self.text = text
    self.variables = variables
  }

  /// Checks the transform against the fields of records. The errors are placed in the file.
  func compile(_ scope: Scope) -> (chain: TransformChain, diagnostics: [Diagnostic]) {
    TransformChain.compile(
      transform.steps, scope: scope,
      conditions: sinks.count == 1 && sinks[0].condition == nil ? [] : sinks.map { entry in entry.condition.map { ($0.text, $0.place) } },
      bounds: EvaluationBounds(textBytes: parse.recordLimit, batchBytes: memory))
  }

  /// Returns the definition for input that stands in the definition itself: not compressed and UTF-8. Its format is JSON Lines where
  /// `isJSON`.
  public func readingText(isJSON: Bool) -> PipelineDefinition {
    var definition = self
    definition.decompress.format = .none
    if isJSON { definition.parse = parse.reading(as: JSONLines()) }
    definition.parse.encoding = .utf8
    return definition
  }

  /// Compiles the transform for records of this schema.
  ///
  /// - Throws: ``DefinitionErrors`` where a step does not fit the schema, or can't load a file.
  public func transformChain(for schema: Schema) throws(DefinitionErrors) -> TransformChain {
    let (chain, diagnostics) = try prepared().compile(Scope(schema))
    guard diagnostics.isEmpty else { throw errors(diagnostics, file: file) }
    return chain
  }

  /// Maps the columns of an item with this beginning to the fields of the transform.
  ///
  /// With `parse.on_schema_change` a missing column is filled with NULL here: the watch of the source's columns decides about it.
  ///
  /// - Throws: ``ParseError`` where the item lacks a column that the fields name.
  package func mapping(_ chain: TransformChain, _ prologue: Prologue) throws(ParseError) -> ColumnMapping {
    try ColumnMapping(schema: chain.input, prologue: prologue, decoded: chain.decoded, fillsMissing: parse.onSchemaChange != nil)
  }

  /// Returns the definition with `parse.on_schema_change: evolve`: for `--accept-schema-changes`.
  public func acceptingSchemaChanges() -> PipelineDefinition {
    var definition = self
    definition.parse.onSchemaChange = .evolve
    return definition
  }

  /// Returns the kinds of content that an item of this name may have. Fetch refuses a server's answer of another kind, such as a sign-in
  /// page.
  public func expectedContent(itemName: String) -> ExpectedContent {
    let format = type(of: parse.recordFormat(itemName: itemName))
    let form: ExpectedContent.Form = format.reads(.webPage) ? .other : format.reads(.jsonLines) ? .lines : .table
    let mayBeCompressed = if case .none = decompress.format { false } else { true }
    return ExpectedContent(form, codings: Codecs.contentCodings, mayBeCompressed: mayBeCompressed)
  }
}

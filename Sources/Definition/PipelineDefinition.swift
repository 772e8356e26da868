import Configuration
import Decompress
import Fetch
import Foundation
import Parse
import Records
import Supervision
import Transform
import Write

/// A pipeline, loaded and checked.
public struct PipelineDefinition: Sendable {
  /// A stage's workers, and how they are supervised.
  public struct StageSettings: Sendable {
    public var workers: PoolSize
    public var buffer: Int
    public var attempts: Int
    public var policy: RestartPolicy
  }

  public internal(set) var name = ""
  /// The file, and the folder that its paths are relative to.
  public internal(set) var file: String
  public internal(set) var folder: String
  public internal(set) var text: String
  public internal(set) var variables: [String: String]
  public internal(set) var redactor = Redactor(secrets: [:])
  /// Secrets' values by the names that stand for them.
  private var secretValues: [String: String] = [:]
  /// Secrets that the definition spells out, in keys that are for secrets.
  private var plainSecrets: [String] = []

  public internal(set) var fetch = FetchSection()
  public internal(set) var decompress = DecompressSection()
  public internal(set) var parse = ParseSection()
  public internal(set) var transform = TransformSection()
  package internal(set) var write = WriteSection()
  public internal(set) var deadLetterLimit = DeadLetterLimit.count(0)
  public internal(set) var onExceed = OnExceed.finish
  public internal(set) var memory = 256_000_000
  package internal(set) var stages: [Stage: StageSettings] = [:]
  /// How the stages themselves, and the engine's process, are supervised.
  public internal(set) var policy = RestartPolicy()
  public internal(set) var poisonAfter = 2
  /// What the engine's process may allocate, in bytes.
  public internal(set) var processMemory = max(2_000_000_000, Int(clamping: ProcessInfo.processInfo.physicalMemory / 2))
  public internal(set) var failedItemLimit = Int.max
  public internal(set) var notifyRules: [NotifyRule] = []
  public internal(set) var tests: [DefinitionTest] = []

  /// The values of parse, transform and write: where they differ, output differs.
  var fingerprintText = ""
  /// The files that steps have loaded, on which output hangs; nil before ``prepared()``.
  private var loaded: [StepPreparation.Loaded]?
  private var troubleLoading: [Diagnostic] = []
  /// What the files take that steps have loaded.
  public private(set) var loadedSizes: [LoadedSize] = []

  /// What an item's output depends on besides the item: the definition, and what its steps have loaded. So it is complete once the
  /// definition is prepared.
  public var fingerprint: String { Digest.of(fingerprintText + (loaded ?? []).map { "loaded \($0.name): \($0.digest)\n" }.joined()) }

  /// The files that its steps have loaded: their paths as the definition has them, and whole.
  public var loadedFiles: [(name: String, path: String)] { (loaded ?? []).map { ($0.name, $0.path) } }

  /// A stage's settings; each stage has some.
  package func stage(_ stage: Stage) -> StageSettings {
    stages[stage] ?? StageSettings(workers: PoolSize(min: 1, max: 1), buffer: 8, attempts: 5, policy: RestartPolicy())
  }

  /// The file as one would type it here.
  public var shownPath: String {
    let here = FileManager.default.currentDirectoryPath + "/"
    return file.hasPrefix(here) ? String(file.dropFirst(here.count)) : file
  }

  /// A path of the definition's, which is relative to its folder where it is relative.
  public func absolute(_ path: String) -> String { DefinitionPath.absolute(path, in: folder) }

  /// The other way round: a path below the definition's folder as the definition would have it.
  public func relative(_ path: String) -> String { DefinitionPath.relative(path, to: folder) }

  /// What stands for secrets that may tell items apart, which they can't: all their values are one item.
  public var secretsInKeys: [String] {
    let names = fetch.entries.flatMap(\.pattern.namesInPath).filter { !$0.hasPrefix("${file:") && !Redactor.isSecretName($0) }
    return Set(names).sorted()
  }

  /// A text with secrets' values in the places of their names.
  public func revealing(_ text: String) -> String {
    secretValues.reduce(text) { $0.replacingOccurrences(of: $1.key, with: $1.value) }
  }

  /// Where records go.
  package var sink: any Sink { write.sink }

  /// Whose outputs they are.
  package var sinkContext: SinkContext { SinkContext(folder: folder, pipeline: name) }

  /// What is wrong with where records go, placed in the file.
  public func wrongOutput(_ message: String, _ code: ErrorCode) -> DefinitionErrors {
    DefinitionErrors(file: shownPath, text: text, diagnostics: [write.position.diagnostic(redactor.redact(message), code)])
  }

  /// Loads a file.
  ///
  /// - Throws: ``DefinitionErrors`` with everything that is wrong.
  public static func load(
    path: String, variables: [String: String], environment: [String: String] = ProcessInfo.processInfo.environment
  ) throws(DefinitionErrors) -> PipelineDefinition {
    func no(_ reason: String, _ code: ErrorCode) -> DefinitionErrors {
      DefinitionErrors(file: path, text: "", diagnostics: [Diagnostic(reason, code, line: 1, column: 1)])
    }
    errno = 0
    guard let file = FileHandle(forReadingAtPath: path), let data = try? file.read(upToCount: longest + 1) else {
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

  /// Bytes.
  private static let longest = 1_000_000

  /// Loads a text as the file at `path`.
  public static func load(
    text: String, path: String, variables: [String: String], environment: [String: String] = ProcessInfo.processInfo.environment
  ) throws(DefinitionErrors) -> PipelineDefinition {
    var (definition, reader) = read(text: text, path: path, variables: variables, environment: environment)
    // What hangs on the fields is checked as far as they are known.
    for diagnostic in definition.compile(definition.knownFields).diagnostics { reader.report(diagnostic) }
    guard reader.diagnostics.isEmpty else { throw definition.errors(reader.diagnostics, file: path) }
    return definition
  }

  /// The definition with what its steps load. A run prepares it once, before records flow.
  ///
  /// - Throws: ``DefinitionErrors`` where a step can't load what it needs, or does not go together with it.
  public func prepared() throws(DefinitionErrors) -> PipelineDefinition {
    let definition = loading()
    var diagnostics = definition.troubleLoading
    // What was loaded may tell the types of more fields.
    if diagnostics.isEmpty, !definition.loadedFiles.isEmpty { diagnostics = definition.compile(knownFields).diagnostics }
    guard diagnostics.isEmpty else { throw errors(diagnostics, file: shownPath) }
    return definition
  }

  /// Loads what its steps need, which blocks; ``prepared()`` tells what went wrong.
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

  /// What takes the secrets out that a definition names, be the definition right or not.
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
    definition.plainSecrets = reader.secrets.filter { $0.value == "***" && $0.key.count >= SourcePattern.shortest }.map(\.key)
    definition.redactor = Redactor(secrets: definition.plainPasswords.merging(reader.secrets) { $1 }, environment: environment)
    return (definition, reader)
  }

  private func errors(_ diagnostics: [Diagnostic], file: String) -> DefinitionErrors {
    let shown = diagnostics.map { diagnostic in
      var diagnostic = diagnostic
      diagnostic.message = redactor.redact(diagnostic.message)
      return diagnostic
    }
    // As many stars, so that places stay what they are.
    let text = plainSecrets.reduce(text) { $0.replacing($1, with: String(repeating: "*", count: $1.count)) }
    return DefinitionErrors(file: file, text: text, diagnostics: shown)
  }

  /// Passwords that stand in the definition's addresses, as nobody should write them.
  private var plainPasswords: [String: String] {
    let sources = fetch.entries.flatMap { [$0.pattern.value] + $0.source.addresses }
    let addresses = sources + notifyRules.flatMap { [$0.url, $0.ping].compactMap { $0 } }
    let passwords = addresses.compactMap(Redactor.password(inAddress:))
    return Dictionary(passwords.map { ($0, "***") }) { first, _ in first }
  }

  private init(file: String, folder: String, text: String, variables: [String: String]) {
    self.file = file
    self.folder = folder
    self.text = text
    self.variables = variables
  }

  /// The transform checked against the fields of records, and what is wrong in it, placed in the file.
  func compile(_ scope: Scope) -> (chain: TransformChain, diagnostics: [Diagnostic]) {
    TransformChain.compile(
      transform.steps, scope: scope, bounds: EvaluationBounds(textBytes: parse.recordLimit, batchBytes: memory))
  }

  /// The same for text that stands in the definition itself: not compressed, UTF-8, and JSON Lines where `isJSON`.
  public func readingText(isJSON: Bool) -> PipelineDefinition {
    var definition = self
    definition.decompress.format = .none
    if isJSON { definition.parse = parse.reading(as: JSONLines()) }
    definition.parse.encoding = .utf8
    return definition
  }

  /// The transform for records of this schema.
  ///
  /// - Throws: ``DefinitionErrors``.
  public func transformChain(for schema: Schema) throws(DefinitionErrors) -> TransformChain {
    let (chain, diagnostics) = try prepared().compile(Scope(schema))
    guard diagnostics.isEmpty else { throw errors(diagnostics, file: file) }
    return chain
  }

  /// Which of an item's columns become which fields, for an item that begins so. Where changes of columns are watched, it
  /// is for that watch to say what becomes of one that is missing.
  package func mapping(_ chain: TransformChain, _ prologue: Prologue) throws(ParseError) -> ColumnMapping {
    try ColumnMapping(schema: chain.input, prologue: prologue, decoded: chain.decoded, fillsMissing: parse.onSchemaChange != nil)
  }

  /// The definition as it is, but that changes of the source's columns are taken as they come.
  public func acceptingSchemaChanges() -> PipelineDefinition {
    var definition = self
    definition.parse.onSchemaChange = .evolve
    return definition
  }

  /// What an item's content may be: what a server sends instead is not taken for records.
  public func expectedContent(itemName: String) -> ExpectedContent {
    let format = type(of: parse.recordFormat(itemName: itemName))
    let form: ExpectedContent.Form = format.reads(.webPage) ? .other : format.reads(.jsonLines) ? .lines : .table
    let mayBeCompressed = if case .none = decompress.format { false } else { true }
    return ExpectedContent(form, codings: Codecs.contentCodings, mayBeCompressed: mayBeCompressed)
  }
}

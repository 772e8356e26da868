import Configuration
import Processes
import Records

/// One entry of `transform`: work that is done on each record.
///
/// To add one: a file in `Steps/` with a type that conforms, and a line in ``Steps/all``. A step goes through four hands, in this order:
/// the loader reads it from the definition, the definition lets it load its files before a run, the plan checks it against the fields
/// that come to it, and workers give it batches.
///
/// ```swift
/// struct DropStep: Step {
///   static let shape = Shape.list(.text)
///   let names: [PlacedText]
///   init(_ entry: Entry, _ reader: inout DefinitionReader) { names = entry.value.placedTexts }
///   var place: Position? { names.first?.place }
///   func check(_ fields: inout StepFields) -> [any StepWork] { … }
/// }
/// ```
package protocol Step: Component, Sendable {
  /// The shape of the value that stands at the step's name.
  static var shape: Shape { get }

  /// Reads a step whose value fits its shape. Parts that could not be read are reported already; the step leaves them out.
  ///
  /// - Parameter entry: the step's name and value.
  init(_ entry: Entry, _ reader: inout DefinitionReader)

  /// The place of the step's first entry, where an error of the step as a whole is shown; nil for a step without entries.
  var place: Position? { get }

  /// Loads the files that the step works with, once, before a run. ``StepPreparation`` adds their content to the definition's fingerprint,
  /// so that other content makes another definition. The default loads nothing.
  ///
  /// Before this a step may leave the types of its fields unknown.
  mutating func prepare(_ preparation: inout StepPreparation)

  /// Checks the step against the fields that come to it, changes `fields` to those that it passes on, and reports every error to `fields`.
  ///
  /// - Returns: the work to do on each batch, in order. It does not run where an error was reported or a type is unknown.
  func check(_ fields: inout StepFields) -> [any StepWork]

  /// The program of the user's that does the step's work; nil, the default, for a step that works in this process. Records wait for a
  /// program, so the chain is cut there. ``check(_:)`` then sets the fields of the answers, and the work that it returns is not used.
  var program: ProgramOptions? { get }
}

extension Step {
  /// Loads nothing.
  package mutating func prepare(_ preparation: inout StepPreparation) {}
  /// Nil: the step works in this process.
  package var program: ProgramOptions? { nil }
}

/// The work of a checked step on batches. Workers run it at the same time for different batches, in any order, so it keeps no state
/// between them.
package protocol StepWork: Sendable {
  /// Works on one batch. Records that can't go on get a fault and leave the selection.
  ///
  /// - Throws: ``EvaluationStopped`` where `conditions` say that the work is not wanted any more.
  func run(_ batch: inout RecordBatch, _ conditions: StepConditions) throws(EvaluationStopped)
}

/// The limits of a step's work, and the question whether to go on with it.
package struct StepConditions {
  /// The limits of the texts that the work makes.
  package let bounds: EvaluationBounds
  /// The work calls it every few milliseconds. The call is the worker's sign of life for the watchdog, and false ends the work by
  /// ``EvaluationStopped``.
  package let goesOn: () -> Bool

  /// Makes conditions; by default the work never stops early.
  package init(bounds: EvaluationBounds = EvaluationBounds(), goesOn: @escaping () -> Bool = { true }) {
    self.bounds = bounds
    self.goesOn = goesOn
  }
}

// MARK: Reading

/// A text of a definition, and its place.
struct PlacedText: Sendable {
  var text: String
  var place: Position

  init(_ text: String, at place: Position = .beginning) {
    self.text = text
    self.place = place
  }
}

extension Position {
  /// The place of a text that stands in no file.
  static let beginning = Position(line: 1, column: 1, length: 1)
}

/// An entry of a step's map: a name and its value.
struct PlacedPair: Sendable {
  var name: PlacedText
  var value: PlacedText

  init(_ name: String, _ value: String) {
    self.name = PlacedText(name)
    self.value = PlacedText(value)
  }

  init(name: PlacedText, value: PlacedText) {
    self.name = name
    self.value = value
  }
}

extension Value {
  /// The texts of a list that could be read.
  var placedTexts: [PlacedText] {
    elements.compactMap { element in element.text.map { PlacedText($0, at: element.position) } }
  }

  /// The entries of a map that could be read.
  var placedPairs: [PlacedPair] {
    entries.filter(\.value.isRead).map {
      PlacedPair(name: PlacedText($0.key, at: $0.at), value: PlacedText($0.value.text ?? "", at: $0.value.position))
    }
  }
}

/// Stands for a step that could not be read, which is reported already. The fields behind it are not known.
struct UnreadStep: Step {
  static let page = ComponentPage(.step, "", "A step that could not be read.", place: "transform[]", example: "")
  static let shape = Shape.null

  init() {}
  init(_ entry: Entry, _ reader: inout DefinitionReader) {}

  var place: Position? { nil }

  func check(_ fields: inout StepFields) -> [any StepWork] {
    fields.forgetTypes()
    return []
  }
}

// MARK: Preparing

/// The size of a file that a step has loaded, for the user.
public struct LoadedSize: Sendable {
  /// The file's path as the definition spells it.
  public var name: String
  /// How many records the file holds.
  public var records: Int
  /// How many bytes the file takes in memory, with the index that finds its rows (an estimate).
  public var bytes: Int
  /// How many bytes it may take, as the step's key `memory` says.
  public var mostBytes: Int
}

/// The visit to all steps before a run, in which they load their files. It collects the files' digests, sizes and errors for the
/// definition.
package struct StepPreparation {
  /// A file that a step has loaded.
  package struct Loaded: Sendable {
    /// The file's path as the definition spells it.
    package var name: String
    /// The file's absolute path.
    package var path: String
    /// The SHA-256 of the file's bytes, in hexadecimal digits.
    package var digest: String
  }

  /// The definition's folder, from which relative paths start.
  package let folder: String
  /// The errors of steps whose files can't be used, each with its place in the definition.
  package private(set) var diagnostics: [Diagnostic] = []
  /// The files that the results depend on. The definition's fingerprint has their digests.
  package private(set) var loaded: [Loaded] = []
  /// The sizes of the files that became tables.
  package private(set) var sizes: [LoadedSize] = []
  private let digest: (ByteBuffer) -> String

  /// Makes a preparation that no step has used yet.
  ///
  /// - Parameters:
  ///   - folder: the definition's folder, absolute.
  ///   - digest: computes the SHA-256 of bytes, in hexadecimal digits.
  package init(folder: String, digest: @escaping (ByteBuffer) -> String) {
    self.folder = folder
    self.digest = digest
  }

  mutating func report(_ diagnostic: Diagnostic) { diagnostics.append(diagnostic) }

  /// Adds the size of a file that is loaded.
  mutating func tell(_ size: LoadedSize) { sizes.append(size) }

  /// Notes content that the step's results depend on, for the definition's fingerprint.
  mutating func note(_ content: ByteBuffer, of name: String, at path: String) {
    loaded.append(Loaded(name: name, path: path, digest: digest(content)))
  }
}

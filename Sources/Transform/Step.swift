import Configuration
import Processes
import Records

/// One entry of `transform`: what is done to each record.
///
/// To add one: a file in `Steps/` with a type that conforms, and a line in ``Steps/all``. A step goes through four hands, in this order:
/// the loader reads it from the definition, the engine lets it load what it needs before a run, the plan checks it against the
/// fields that come to it, and workers give it batches.
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

  /// Reads a step that fits its shape. Leaves out what could not be read, which is reported already.
  init(_ entry: Entry, _ reader: inout DefinitionReader)

  /// Where its first entry stands: an error of the step as a whole is shown there. Nil where it has none.
  var place: Position? { get }

  /// Loads what it needs to work, once, before a run. What a step reads here, ``StepPreparation`` adds to the definition's
  /// fingerprint, so that other content makes another definition.
  ///
  /// Until it is prepared a step may leave the types of its fields unknown.
  mutating func prepare(_ preparation: inout StepPreparation)

  /// Checks it against the fields that come to it, and changes `fields` to those that it passes on. Reports every error that it finds.
  ///
  /// - Returns: what is done to each batch, in order. It is not run where an error was reported or a type is unknown.
  func check(_ fields: inout StepFields) -> [any StepWork]

  /// The program that its records go to, where its answers come from outside of this process. Records wait for such a step, so the
  /// chain is cut there; ``check(_:)`` says which fields are answered, and its work is not used.
  var program: ProgramOptions? { get }
}

extension Step {
  package mutating func prepare(_ preparation: inout StepPreparation) {}
  package var program: ProgramOptions? { nil }
}

/// What a step does to batches, once it is checked. Workers run it at the same time for different batches, in any order; it keeps nothing
/// between them.
package protocol StepWork: Sendable {
  /// - Throws: ``EvaluationStopped`` where `conditions` say that the work is not wanted any more.
  func run(_ batch: inout RecordBatch, _ conditions: StepConditions) throws(EvaluationStopped)
}

/// What a step's work has to keep to.
package struct StepConditions {
  package let bounds: EvaluationBounds
  /// Asked between pieces of work, which take milliseconds: it is the sign of life, and false ends the work by ``EvaluationStopped``.
  package let goesOn: () -> Bool

  package init(bounds: EvaluationBounds = EvaluationBounds(), goesOn: @escaping () -> Bool = { true }) {
    self.bounds = bounds
    self.goesOn = goesOn
  }
}

// MARK: Reading

/// A text of a definition, and where it stands.
package struct PlacedText: Sendable {
  package var text: String
  package var place: Position

  package init(_ text: String, at place: Position = .beginning) {
    self.text = text
    self.place = place
  }
}

extension Position {
  /// For what does not stand in the file.
  package static let beginning = Position(line: 1, column: 1, length: 1)
}

/// An entry of a step's map: a name, and what is said of it.
package struct PlacedPair: Sendable {
  package var name: PlacedText
  package var value: PlacedText

  package init(_ name: String, _ value: String) {
    self.name = PlacedText(name)
    self.value = PlacedText(value)
  }

  package init(name: PlacedText, value: PlacedText) {
    self.name = name
    self.value = value
  }
}

extension Value {
  /// The texts of a list that could be read.
  package var placedTexts: [PlacedText] {
    elements.compactMap { element in element.text.map { PlacedText($0, at: element.position) } }
  }

  /// The entries of a map that could be read.
  package var placedPairs: [PlacedPair] {
    entries.filter(\.value.isRead).map {
      PlacedPair(name: PlacedText($0.key, at: $0.at), value: PlacedText($0.value.text ?? "", at: $0.value.position))
    }
  }
}

/// Stands for a step that could not be read, which is reported already: the fields behind it are not known.
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

/// What a file takes that a step has loaded.
public struct LoadedSize: Sendable {
  /// The file's path as the definition has it.
  public var name: String
  public var records: Int
  /// In memory, and what it may take there.
  public var bytes: Int
  public var mostBytes: Int
}

/// Lets steps load what they need, and keeps what the definition has to know of it.
package struct StepPreparation {
  /// A file that a step has loaded.
  package struct Loaded: Sendable {
    /// Its path as the definition has it, and the whole path.
    package var name: String
    package var path: String
    /// The SHA-256 of its bytes, in hexadecimal digits.
    package var digest: String
  }

  /// The definition's folder, which relative paths begin at.
  package let folder: String
  /// What is wrong, placed in the definition.
  package private(set) var diagnostics: [Diagnostic] = []
  package private(set) var loaded: [Loaded] = []
  package private(set) var sizes: [LoadedSize] = []
  private let digest: (ByteBuffer) -> String

  /// - Parameter digest: the SHA-256 of bytes, in hexadecimal digits.
  package init(folder: String, digest: @escaping (ByteBuffer) -> String) {
    self.folder = folder
    self.digest = digest
  }

  package mutating func report(_ diagnostic: Diagnostic) { diagnostics.append(diagnostic) }

  /// Tells what a file takes that is loaded.
  package mutating func tell(_ size: LoadedSize) { sizes.append(size) }

  /// Notes content that the step's results hang on: it goes into the definition's fingerprint.
  package mutating func note(_ content: ByteBuffer, of name: String, at path: String) {
    loaded.append(Loaded(name: name, path: path, digest: digest(content)))
  }
}

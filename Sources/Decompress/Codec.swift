import Configuration
import Records

/// A compression: how its streams are recognized, read and written.
///
/// A codec is one type in one file beside this, and one line in ``Codecs/all``. `Tests/CodecTests` holds each against the same suite. A
/// codec whose library was missing when the program was built stays in the registry, so that messages can name its streams: its page gives
/// the reason, and it has neither decoder nor encoder.
package protocol Codec: Component, SendableMetatype {
  /// Bytes that its streams begin with. An item that should be plain and has such a mark is refused. A mark that a text could hold has to
  /// say so (``Mark/isText``).
  static var marks: [Mark] { get }

  /// Whether an item is this codec's.
  ///
  /// - Parameters:
  ///   - beginning: the item's first bytes: ``Codecs/beginningBytes`` of them, or all that there are.
  ///   - isNamed: whether the item's name has an ending of this codec. It decides where the bytes could be text too.
  static func recognizes(_ beginning: RawSpan, isNamed: Bool) -> Bool

  /// The names that HTTP has for its streams in Content-Encoding, in lower case (RFC 9110 §8.4.1).
  static var contentCodings: Set<String> { get }

  /// The shell command that decompresses a file, for messages: `gzip -d`.
  static var command: String { get }

  /// The bytes that may follow the end of a stream.
  static var succession: Succession { get }

  /// Makes a decoder for an item's first stream; nil where this build is without the library.
  static func makeDecoder(_ limits: DecompressLimits) -> (any StreamDecoder)?

  /// The encoder for outputs; nil where Sluice writes nothing in this compression.
  static var encoder: (any UnitEncoder)? { get }
}

extension Codec {
  /// Recognizes a stream by its ``marks`` alone, for codecs that need no more.
  package static func recognizes(_ beginning: RawSpan, isNamed: Bool) -> Bool { marks.contains { $0.matches(beginning) } }

  /// Whether text could begin as its streams do: an item that looks damaged may then be no stream at all.
  static var isDoubtful: Bool { marks.contains(where: \.isText) }
}

/// The bytes that may follow the end of a stream in an item.
package enum Succession: Sendable, Equatable {
  /// Nothing: bytes behind the end are damage.
  case nothing
  /// Further streams, which the format calls so (`member`, `frame`); their contents are one content. Zero bytes between and
  /// after them may be padding.
  case streams(called: String, mayBePadded: Bool)
}

/// Decompresses one stream after another, piece by piece.
///
/// A decoder belongs to one item; one task uses it at a time. It knows nothing of the item: ``Decompressor`` counts bytes, holds limits,
/// handles bytes between streams, and words the errors.
package protocol StreamDecoder: AnyObject {
  /// Takes bytes of `input` from its beginning on and appends their content to `out`, as far as that has room (its capacity less its
  /// count). It never makes `out` grow. A decoder that has taken all of the input and left room in `out` holds nothing back. So the caller
  /// calls it again, perhaps without input, while it fills `out`.
  ///
  /// - Throws: ``CodecFailure`` where the bytes are no stream of the codec's, or its window is too large.
  func step(_ input: RawSpan, into out: ByteBuffer) throws(CodecFailure) -> DecoderStep

  /// Prepares for the next stream. ``Decompressor`` calls it only at a stream's end.
  func startOver()

  /// Returns the decoder's state, for ``restore(_:)`` in another process; nil where its library can't give it as bytes. The item is then
  /// decompressed again from its last stream's beginning.
  func save() -> DecoderState?

  /// Continues from the state that ``save()`` returned. Returns false where the state is of another build, or no state; do not use the
  /// decoder then.
  func restore(_ state: DecoderState) -> Bool
}

extension StreamDecoder {
  /// Returns nil: the library keeps its state to itself.
  package func save() -> DecoderState? { nil }
  /// Returns false: no state is ever saved.
  package func restore(_ state: DecoderState) -> Bool { false }
}

/// The result of a decoder's step.
package struct DecoderStep: Sendable {
  /// How many bytes of the input it took. The caller does not show them again.
  package var taken: Int
  /// Whether the stream has ended: all of its content is in the output, and its checks hold.
  package var isEnd: Bool

  /// Makes the result from the bytes taken and whether the stream ended with them.
  package init(taken: Int, isEnd: Bool) {
    self.taken = taken
    self.isEnd = isEnd
  }
}

/// A decoder's state as bytes, for a checkpoint.
package struct DecoderState: Sendable, Equatable {
  /// Names the library, its version and the machine. A decoder takes only a state with its own tag.
  package var tag: String
  /// The state itself, which only the library of the tag reads.
  package var bytes: [UInt8]

  /// Makes a state from its tag and bytes.
  package init(tag: String, bytes: [UInt8]) {
    self.tag = tag
    self.bytes = bytes
  }
}

/// Compresses outputs, a unit at a time.
///
/// A unit is a stream that is complete by itself, and units one behind another are one item of the codec's. So a checkpoint may stand
/// between two units: no unit crosses it. The same input gives the same unit, in every process of this build. Workers share an encoder.
package protocol UnitEncoder: Sendable {
  /// Appends a unit that holds `input` to `out`, which grows as needed.
  ///
  /// - Throws: ``CodecFailure/notEncoded(_:)``.
  func encode(_ input: RawSpan, to out: ByteBuffer) throws(CodecFailure)
}

/// The reason why a codec can't go on.
package enum CodecFailure: Error, Sendable, Equatable {
  /// The bytes break the format's rules; the text says how.
  case damaged(String)
  /// The stream needs more memory for what it refers back to than ``DecompressLimits/window`` allows.
  case windowTooLarge
  /// The library did not compress; the text has its reason.
  case notEncoded(String)
}

import Configuration
import Records

/// A compression: how its streams are known, read and written.
///
/// A codec is one type in one file beside this, and one line in ``Codecs/all``. `Tests/CodecTests` holds each against the same
/// suite. A codec whose library was missing when the program was built stays in the registry, so that its streams are named:
/// its page says what is missing, and it has neither decoder nor encoder.
package protocol Codec: Component, SendableMetatype {
  /// Bytes that its streams begin with, where nothing else says what they are: with a compression in it, an item that is to be
  /// plain is refused. None may be what a text can hold, unless the mark says so.
  static var marks: [Mark] { get }

  /// Whether an item is this codec's.
  ///
  /// - Parameters:
  ///   - beginning: the item's first bytes: ``Codecs/beginningBytes`` of them, or all that there are.
  ///   - isNamed: whether the item's name has an ending of this codec. It decides where the bytes could be text too.
  static func recognizes(_ beginning: RawSpan, isNamed: Bool) -> Bool

  /// What HTTP calls its streams in Content-Encoding, in lower case (RFC 9110 §8.4.1).
  static var contentCodings: Set<String> { get }

  /// The command that takes the compression off, for who has to do it by hand: `gzip -d`.
  static var command: String { get }

  /// What may follow the end of a stream.
  static var succession: Succession { get }

  /// A decoder for an item's first stream; nil where this build is without the library.
  static func makeDecoder(_ limits: DecompressLimits) -> (any StreamDecoder)?

  /// What compresses outputs; nil where nothing is written in this compression.
  static var encoder: (any UnitEncoder)? { get }
}

extension Codec {
  package static func recognizes(_ beginning: RawSpan, isNamed: Bool) -> Bool { marks.contains { $0.matches(beginning) } }

  /// Whether text could begin as its streams do, so that what is taken for damaged may be no stream at all.
  static var isDoubtful: Bool { marks.contains(where: \.isText) }
}

/// What may follow the end of a stream in an item.
package enum Succession: Sendable, Equatable {
  /// Nothing: bytes behind the end are damage.
  case nothing
  /// Further streams, which the format calls so (`member`, `frame`); their contents are one content. Zero bytes between and
  /// after them may be padding.
  case streams(called: String, mayBePadded: Bool)
}

/// Takes the compression off one stream after another, piece by piece.
///
/// A decoder belongs to one item; one task uses it at a time. It never speaks of the item: counting bytes, limits, what stands
/// between streams and what errors say is ``Decompressor``'s.
package protocol StreamDecoder: AnyObject {
  /// Takes bytes of `input` from its beginning on and appends what they hold to `out`, as far as that has room (its capacity
  /// less its count): it never makes `out` grow. A decoder that has taken all of the input and left room in `out` holds nothing
  /// back; so it is called again, with no input perhaps, while it fills `out`.
  ///
  /// - Throws: where the bytes are no stream of the codec's.
  func step(_ input: RawSpan, into out: ByteBuffer) throws(CodecFailure) -> DecoderStep

  /// Begins with the next stream. Called only at a stream's end.
  func startOver()

  /// All that the decoder knows, for ``restore(_:)`` in another process; nil where its library can't give it as bytes. The item
  /// is then decompressed again from its last stream's beginning.
  func save() -> DecoderState?

  /// Goes on from where ``save()`` was called; false where the state is of another build, or no state.
  func restore(_ state: DecoderState) -> Bool
}

extension StreamDecoder {
  package func save() -> DecoderState? { nil }
  package func restore(_ state: DecoderState) -> Bool { false }
}

/// What a decoder's step came to.
package struct DecoderStep: Sendable {
  /// Bytes of the input that are done with.
  package var taken: Int
  /// Whether the stream is whole: all of it is in the output, and its checks hold.
  package var isEnd: Bool

  package init(taken: Int, isEnd: Bool) {
    self.taken = taken
    self.isEnd = isEnd
  }
}

/// A decoder's state as bytes.
package struct DecoderState: Sendable, Equatable {
  /// Tells the library, its version and the machine whose state this is.
  package var tag: String
  package var bytes: [UInt8]

  package init(tag: String, bytes: [UInt8]) {
    self.tag = tag
    self.bytes = bytes
  }
}

/// Compresses outputs.
///
/// A unit is a stream that is whole by itself, and units one behind another are one item of the codec's. So a checkpoint may stand between two
/// units: no unit crosses it. The same input gives the same unit, in every process of this build. Workers share an encoder.
package protocol UnitEncoder: Sendable {
  /// Appends a unit that holds `input` to `out`.
  func encode(_ input: RawSpan, to out: ByteBuffer) throws(CodecFailure)
}

/// Why a codec can't go on.
package enum CodecFailure: Error, Sendable, Equatable {
  /// The bytes break the format's rules, in the way that the words tell.
  case damaged(String)
  /// The stream wants more memory for what it refers back to than ``DecompressLimits/window`` allows.
  case windowTooLarge
  /// The compressor refused its work, with its reason.
  case notEncoded(String)
}

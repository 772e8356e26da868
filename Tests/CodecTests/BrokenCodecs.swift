import Configuration
import Records

@testable import Decompress

/// A codec that is gzip but for what a test breaks on purpose.
protocol BrokenCodec: Codec {}

extension BrokenCodec {
  static var page: ComponentPage { GzipCodec.page }
  static var marks: [Mark] { GzipCodec.marks }
  static var contentCodings: Set<String> { GzipCodec.contentCodings }
  static var command: String { GzipCodec.command }
  static var succession: Succession { GzipCodec.succession }
  static func makeDecoder(_ limits: DecompressLimits) -> (any StreamDecoder)? { GzipCodec.makeDecoder(limits) }
  static var encoder: (any UnitEncoder)? { GzipCodec.encoder }
}

/// A decoder around gzip's.
class BrokenDecoder: StreamDecoder {
  let inner: any StreamDecoder = Inflater(.gzip)

  func step(_ input: RawSpan, into out: ByteBuffer) throws(CodecFailure) -> DecoderStep { try inner.step(input, into: out) }
  func startOver() { inner.startOver() }
  func save() -> DecoderState? { inner.save() }
  func restore(_ state: DecoderState) -> Bool { inner.restore(state) }
}

/// Drops what the second member holds.
enum ForgetsAMember: BrokenCodec {
  final class Decoder: BrokenDecoder {
    private var number = 0
    override func step(_ input: RawSpan, into out: ByteBuffer) throws(CodecFailure) -> DecoderStep {
      let before = out.count
      let step = try super.step(input, into: out)
      if number == 1 { out.count = before }
      return step
    }
    override func startOver() {
      number += 1
      super.startOver()
    }
  }
  static func makeDecoder(_ limits: DecompressLimits) -> (any StreamDecoder)? { Decoder() }
}

/// Takes a state, and begins anew all the same.
enum ClaimsToResume: BrokenCodec {
  final class Decoder: BrokenDecoder {
    override func save() -> DecoderState? { DecoderState(tag: "any", bytes: [1]) }
    override func restore(_ state: DecoderState) -> Bool { true }
  }
  static func makeDecoder(_ limits: DecompressLimits) -> (any StreamDecoder)? { Decoder() }
}

/// Takes states of other builds.
enum TakesAnyState: BrokenCodec {
  final class Decoder: BrokenDecoder {
    override func restore(_ state: DecoderState) -> Bool {
      _ = super.restore(state)
      return true
    }
  }
  static func makeDecoder(_ limits: DecompressLimits) -> (any StreamDecoder)? { Decoder() }
}

/// Takes a stream for whole as soon as it has given something out.
enum SaysDoneTooEarly: BrokenCodec {
  final class Decoder: BrokenDecoder {
    override func step(_ input: RawSpan, into out: ByteBuffer) throws(CodecFailure) -> DecoderStep {
      let before = out.count
      var step = try super.step(input, into: out)
      if out.count > before { step.isEnd = true }
      return step
    }
  }
  static func makeDecoder(_ limits: DecompressLimits) -> (any StreamDecoder)? { Decoder() }
}

/// Takes a checksum that is cut, or wrong, for the end.
enum SwallowsItsEnd: BrokenCodec {
  final class Decoder: BrokenDecoder {
    /// zlib's inflater without a wrapper would do the same: what stands behind the last block is not looked at.
    private var held: [UInt8] = []
    override func step(_ input: RawSpan, into out: ByteBuffer) throws(CodecFailure) -> DecoderStep {
      let before = out.count
      do throws(CodecFailure) {
        let step = try super.step(input, into: out)
        // At the end of the blocks the decoder waits for eight bytes.
        if !step.isEnd, step.taken == input.byteCount, out.count == before, step.taken > 0 {
          return DecoderStep(taken: step.taken, isEnd: true)
        }
        return step
      } catch {
        return DecoderStep(taken: input.byteCount, isEnd: true)
      }
    }
  }
  static func makeDecoder(_ limits: DecompressLimits) -> (any StreamDecoder)? { Decoder() }
}

/// Makes room for all that there is.
enum IgnoresRoom: BrokenCodec {
  final class Decoder: BrokenDecoder {
    override func step(_ input: RawSpan, into out: ByteBuffer) throws(CodecFailure) -> DecoderStep {
      out.reserve(1 << 20)
      return try super.step(input, into: out)
    }
  }
  static func makeDecoder(_ limits: DecompressLimits) -> (any StreamDecoder)? { Decoder() }
}

/// Says that it took more than it did, so that nothing ever inflates too far.
enum MiscountsItsInput: BrokenCodec {
  final class Decoder: BrokenDecoder {
    override func step(_ input: RawSpan, into out: ByteBuffer) throws(CodecFailure) -> DecoderStep {
      var step = try super.step(input, into: out)
      step.taken += step.taken > 0 ? 1 : 0
      return step
    }
  }
  static func makeDecoder(_ limits: DecompressLimits) -> (any StreamDecoder)? { Decoder() }
}

/// Takes all input at once and gives it out later, without saying that more is to come.
enum HoldsBack: BrokenCodec {
  final class Decoder: BrokenDecoder {
    private var waiting: [UInt8] = []
    private var isEnd = false
    override func step(_ input: RawSpan, into out: ByteBuffer) throws(CodecFailure) -> DecoderStep {
      let own = ByteBuffer(capacity: 1 << 21)
      let step = try super.step(input, into: own)
      waiting += own.copy(0..<own.count)
      isEnd = isEnd || step.isEnd
      let some = min(waiting.count, (out.capacity - out.count) / 2)
      out.append(waiting.prefix(some))
      waiting.removeFirst(some)
      return DecoderStep(taken: step.taken, isEnd: isEnd && waiting.isEmpty)
    }
  }
  static func makeDecoder(_ limits: DecompressLimits) -> (any StreamDecoder)? { Decoder() }
}

/// Knows streams by too little.
enum RecognizesText: BrokenCodec {
  static func recognizes(_ beginning: RawSpan, isNamed: Bool) -> Bool { true }
}

/// Knows none of its streams.
enum RecognizesNothing: BrokenCodec {
  static func recognizes(_ beginning: RawSpan, isNamed: Bool) -> Bool { false }
}

/// Lets anything follow a stream, as if it were padding.
enum SkipsWhatFollows: BrokenCodec {
  final class Decoder: BrokenDecoder {
    private var isOver = false
    override func step(_ input: RawSpan, into out: ByteBuffer) throws(CodecFailure) -> DecoderStep {
      if isOver { return DecoderStep(taken: input.byteCount, isEnd: true) }
      let step = try super.step(input, into: out)
      if step.isEnd { isOver = true }
      return DecoderStep(taken: step.isEnd ? input.byteCount : step.taken, isEnd: step.isEnd)
    }
  }
  static func makeDecoder(_ limits: DecompressLimits) -> (any StreamDecoder)? { Decoder() }
}

/// Leaves the last byte of a unit to the next.
enum CutsItsUnits: BrokenCodec {
  private struct Encoder: UnitEncoder {
    func encode(_ input: RawSpan, to out: ByteBuffer) throws(CodecFailure) {
      guard let encoder = GzipCodec.encoder else { return }
      try encoder.encode(input, to: out)
      out.count -= 1
    }
  }
  static var encoder: (any UnitEncoder)? { Encoder() }
}

/// Writes over what stood before a unit.
enum WritesOver: BrokenCodec {
  private struct Encoder: UnitEncoder {
    func encode(_ input: RawSpan, to out: ByteBuffer) throws(CodecFailure) {
      out.count = 0
      try GzipCodec.encoder?.encode(input, to: out)
    }
  }
  static var encoder: (any UnitEncoder)? { Encoder() }
}

/// Says that it writes, and does not.
enum PromisesToWrite: BrokenCodec {
  static var encoder: (any UnitEncoder)? { nil }
}

/// Shares an ending with another codec.
enum TakesAnEnding: BrokenCodec {
  static var page: ComponentPage {
    var page = ZlibCodec.page
    page.name = "Other"
    return page
  }
}

import Configuration
import Foundation
import Records
import Testing

@testable import Decompress

@Suite("Codecs")
struct CodecTests {
  @Test("every codec keeps what a codec has to", arguments: Codecs.all.map { $0.name })
  func conformance(_ name: String) throws {
    let codec = try #require(Codecs.named(name))
    guard codec.page.missing == nil else { return }
    let failures = try CodecConformance.of(codec).failures()
    for (check, found) in failures { Issue.record("\(name): \(check): \(found.prefix(5).joined(separator: "; "))") }
  }

  /// The faults that a check finds in a codec that is broken on purpose.
  private static let broken: [(any Codec.Type, check: String)] = [
    (ForgetsAMember.self, "streams one behind another are one content"),
    (ClaimsToResume.self, "a position leads on to the same content"),
    (TakesAnyState.self, "a position leads on to the same content"),
    (SaysDoneTooEarly.self, "a stream's content is read, however its bytes are cut"),
    (SwallowsItsEnd.self, "a stream that is cut is never taken for whole"),
    (SwallowsItsEnd.self, "a stream that is damaged is never taken for another content"),
    (SkipsWhatFollows.self, "streams one behind another are one content"),
    (IgnoresRoom.self, "limits hold"),
    (MiscountsItsInput.self, "a stream's content is read, however its bytes are cut"),
    (HoldsBack.self, "a stream's content is read, however its bytes are cut"),
    (RecognizesText.self, "first bytes tell the codec"),
    (RecognizesNothing.self, "first bytes tell the codec"),
    (CutsItsUnits.self, "units one behind another hold what went into them"),
    (WritesOver.self, "units one behind another hold what went into them"),
    (PromisesToWrite.self, "units one behind another hold what went into them"),
    (TakesAnEnding.self, "the page says what there is"),
  ]

  @Test("each check finds what is broken on purpose", arguments: broken.indices)
  func checksFindWhatIsBroken(_ index: Int) throws {
    let (codec, name) = Self.broken[index]
    let check = try #require(CodecConformance.checks.first { $0.name == name }?.check)
    #expect(try check(CodecConformance.of(codec, programs: "gzip")) != [], "\(codec) passes “\(name)”")
  }

  @Test("every check is shown to find something")
  func everyCheckIsShown() {
    #expect(Set(Self.broken.map(\.check)) == Set(CodecConformance.checks.map(\.name)))
  }

  @Test("positions of checkpoints that earlier builds wrote are understood")
  func formerPositions() throws {
    let samples = try CodecConformance.of(GzipCodec.self).samples
    let (first, second) = (samples[0], samples[3])
    // As the build before codecs had names wrote it between two members.
    let former = Data(
      "{\"kind\":\"between\",\"compressedBytes\":\(first.stream.count),\"decompressedBytes\":\(first.content.count)}".utf8)
    let position = try JSONDecoder().decode(Decompressor.Position.self, from: former)
    let decompressor = try #require(Decompressor.resumed(.auto, at: position))
    let suite = try CodecConformance.of(GzipCodec.self)
    #expect(suite.read(second.stream, from: decompressor) == .whole(second.content))
    // Within a member, and where nothing is compressed.
    let decoder = Inflater(.gzip)
    let out = ByteBuffer(capacity: 1 << 20)
    let half = second.stream.count / 2
    let step = try second.stream[..<half].withUnsafeBytes { try decoder.step($0.bytes, into: out) }
    if let state = decoder.save() {
      let text =
        "{\"kind\":\"gzip\",\"tag\":\"\(state.tag)\",\"inflater\":\"\(Data(state.bytes).base64EncodedString())\",\"compressedBytes\":\(step.taken),\"decompressedBytes\":\(out.count)}"
      let later = try #require(Decompressor.resumed(.auto, at: try JSONDecoder().decode(Decompressor.Position.self, from: Data(text.utf8))))
      #expect(suite.read(Array(second.stream[step.taken...]), from: later) == .whole(Array(second.content[out.count...])))
    }
    let text = "{\"kind\":\"plain\",\"compressedBytes\":5,\"decompressedBytes\":5}"
    let plain = try #require(Decompressor.resumed(.auto, at: try JSONDecoder().decode(Decompressor.Position.self, from: Data(text.utf8))))
    #expect(suite.read(Array("rest".utf8), from: plain) == .whole(Array("rest".utf8)))
  }

  @Test("a codec whose state can't be had goes on from the last stream's beginning")
  func withoutState() throws {
    enum Stateless: BrokenCodec {
      final class Decoder: BrokenDecoder { override func save() -> DecoderState? { nil } }
      static func makeDecoder(_ limits: DecompressLimits) -> (any StreamDecoder)? { Decoder() }
    }
    let suite = try CodecConformance.of(Stateless.self, programs: "gzip")
    let (first, second) = (suite.samples[0], suite.samples[3])
    let item = first.stream + second.stream
    var positions: [(Decompressor.Position, Int)] = []
    _ = suite.read(item, pieces: item.count / 7, room: 10_000) { decompressor, made in
      if let position = decompressor.position { positions.append((position, made)) }
    }
    #expect(positions.contains { $0.1 > second.content.count / 2 })
    for (position, made) in positions {
      #expect(position.compressedBytes >= first.stream.count)
      let decompressor = try #require(Decompressor.resumed(.codec(Stateless.self), at: position))
      let result = suite.read(Array(item[position.compressedBytes...]), room: 777, from: decompressor)
      #expect((result == .whole(Array((first.content + second.content)[made...]))) as Bool, "from \(made)")
      // A source that is shorter now is not taken for whole.
      guard position.given ?? 0 > first.content.count else { continue }
      if case .whole = suite.read(first.stream, from: decompressor) { Issue.record("a shorter member was taken for the one before") }
    }
  }

  @Test("an item is known by its bytes, then by its name; what the name promises wrongly is told")
  func detection() throws {
    let stream = try CodecConformance.of(GzipCodec.self).samples[0].stream
    func read(_ bytes: [UInt8], _ name: String, _ compression: Compression = .auto) -> String {
      var decompressor = Decompressor(compression, name: name, limits: DecompressLimits())
      let piece = ByteBuffer(capacity: bytes.count)
      piece.append(bytes)
      let out = ByteBuffer(capacity: 1 << 16)
      do throws(DecompressError) {
        _ = try decompressor.step(piece, from: 0, into: out)
        try decompressor.finish()
        return decompressor.codec?.name ?? "none"
      } catch {
        return "\(error)"
      }
    }
    #expect(read(stream, "a.csv") == "gzip")
    #expect(read(Array("a,b\n".utf8), "a.csv") == "none")
    #expect(read(Array("a,b\n".utf8), "a.csv.gz").hasPrefix("the item is not gzip, as its name says"))
    #expect(read(Array("a,b\n".utf8), "A.CSV.GZ").hasPrefix("the item is not gzip, as its name says"))
    #expect(read([], "a.csv.gz") == "the gzip stream ends too early, at compressed byte 0")
    #expect(read([0x1F], "a.csv", .codec(GzipCodec.self)) == "the gzip stream ends too early, at compressed byte 1")
    #expect(read(Array("BZh91AY&SY".utf8), "a.csv.gz").contains("compressed by bzip2, which is not supported yet"))
    #expect(read(stream, "a.csv.gz", .none) == "none")
    // The beginning of a table, which passes for zlib's header.
    #expect(read(Array("X\tY\n".utf8), "a.tsv") == "none")
    #expect(read(Array("X\tY\n".utf8), "a.tsv.zz").contains("the zlib stream ends too early"))
  }

  @Test("names are split into what stands before a compression's ending, and the ending")
  func names() {
    for (name, bare, ending, codec) in [
      ("a.csv.gz", "a.csv", ".gz", "gzip"), ("out/A.CSV.GZ", "out/A.CSV", ".GZ", "gzip"), ("a.gzip", "a", ".gzip", "gzip"),
      ("a.csv", "a.csv", "", nil), ("gz", "gz", "", nil), ("a.gz.csv", "a.gz.csv", "", nil), ("a.zz", "a", ".zz", "zlib"),
      (".gz", "", ".gz", "gzip"),
    ] as [(String, String, String, String?)] {
      let found = Codecs.split(name)
      #expect(found.bare == bare && found.ending == ending && found.codec?.name == codec, "\(name): \(found)")
    }
  }
}

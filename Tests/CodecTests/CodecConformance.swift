import Configuration
import Foundation
import Records

@testable import Decompress

/// A stream that another program made, and what it holds.
struct CodecSample {
  var name: String
  var content: [UInt8]
  var stream: [UInt8]
}

/// The checks that every codec passes. Each returns the faults that it finds.
struct CodecConformance {
  let codec: any Codec.Type
  /// Made by another program: of text, of nothing, of bytes without order, and one that goes over several of the format's blocks.
  let samples: [CodecSample]
  /// Holds zero bytes, 40 MB of them, in less than a two-hundredth.
  let bomb: [UInt8]
  /// Takes the compression off by another program; nil where it refuses.
  let decode: ([UInt8]) throws -> [UInt8]?

  typealias Check = @Sendable (CodecConformance) throws -> [String]

  static let checks: [(name: String, check: Check)] = [
    ("a stream's content is read, however its bytes are cut", { try $0.reading() }),
    ("streams one behind another are one content", { $0.succession() }),
    ("a stream that is cut is never taken for whole", { $0.truncation() }),
    ("a stream that is damaged is never taken for another content", { $0.damage() }),
    ("a position leads on to the same content", { try $0.resuming() }),
    ("limits hold", { $0.limits() }),
    ("first bytes tell the codec", { $0.recognition() }),
    ("units one behind another hold what went into them", { try $0.encoding() }),
    ("the page says what there is", { $0.page() }),
  ]

  /// The faults, by the name of the check that found them.
  func failures() throws -> [String: [String]] {
    var found: [String: [String]] = [:]
    for (name, check) in Self.checks {
      let failures = try check(self)
      if !failures.isEmpty { found[name] = failures }
    }
    return found
  }

  // MARK: Reading

  /// How an item was read.
  enum Result: Equatable {
    case whole([UInt8])
    /// With what came before the failure.
    case failed([UInt8], String)

    var bytes: [UInt8] {
      switch self {
      case .whole(let bytes), .failed(let bytes, _): bytes
      }
    }
  }

  /// Reads an item that comes in pieces of so many bytes, into buffers of so many.
  func read(
    _ item: [UInt8], pieces: Int = 64 << 10, room: Int = 64 << 10, limits: DecompressLimits = DecompressLimits(),
    from decompressor: Decompressor? = nil,
    eachStep: (inout Decompressor, Int) -> Void = { _, _ in }
  ) -> Result {
    var decompressor = decompressor ?? Decompressor(.codec(codec), name: "item", limits: limits)
    var content: [UInt8] = []
    do throws(DecompressError) {
      var at = 0
      while at < item.count {
        let end = min(item.count, at + (at == 0 ? max(pieces, Codecs.beginningBytes) : pieces))
        let piece = ByteBuffer(capacity: end - at)
        piece.append(item[at..<end])
        var from = 0
        var isFilled = false
        repeat {
          let out = ByteBuffer(capacity: room)
          // Bytes that the buffer holds already are no room.
          out.append([1, 2, 3])
          let taken = try decompressor.step(piece, from: from, into: out)
          from += taken
          guard out.capacity == room, out.count <= room else { return .failed(content, "a step made more than there was room for") }
          isFilled = out.count == room
          content += out.copy(3..<out.count)
          guard from <= piece.count else { return .failed(content, "a step took more than there was") }
          guard taken > 0 || out.count > 3 || from == piece.count else { return .failed(content, "a step came to nothing") }
          eachStep(&decompressor, content.count)
        } while from < piece.count || isFilled
        at = end
      }
      try decompressor.finish()
    } catch {
      return .failed(content, "\(error)")
    }
    return .whole(content)
  }

  private func shown(_ result: Result) -> String {
    switch result {
    case .whole(let bytes): "\(bytes.count) bytes, and the end"
    case .failed(let bytes, let reason): "\(bytes.count) bytes, and “\(reason)”"
    }
  }

  private func reading() throws -> [String] {
    var failures: [String] = []
    for sample in samples {
      let cuts =
        sample.stream.count > 20_000 ? [(64 << 10, 64 << 10), (1000, 700)] : [(64 << 10, 64 << 10), (1, 64), (7, 11), (64 << 10, 4)]
      for (pieces, room) in cuts {
        let result = read(sample.stream, pieces: pieces, room: room)
        if result != .whole(sample.content) {
          failures.append("\(sample.name), \(pieces) bytes a piece, \(room) of room: \(shown(result))")
        }
      }
    }
    return failures
  }

  /// The samples that are short enough to be cut at each byte.
  private var small: [CodecSample] { samples.filter { $0.stream.count < 3000 } }

  private func succession() -> [String] {
    var failures: [String] = []
    for sample in samples {
      for other in samples {
        let result = read(sample.stream + other.stream)
        switch codec.succession {
        case .nothing:
          if case .whole = result { failures.append("\(sample.name), and \(other.name) behind it, was read, though nothing may follow") }
        case .streams:
          if result != .whole(sample.content + other.content) {
            failures.append("\(sample.name), and \(other.name) behind it: \(shown(result))")
          }
        }
      }
      for (tail, what) in [(Array("garbage".utf8), "text"), ([0, 0, 0], "zero bytes"), ([0, 0, 1], "zero bytes and another")] {
        let mayFollow = if case .streams(_, true) = codec.succession { what == "zero bytes" } else { false }
        let result = read(sample.stream + tail, pieces: 65)
        if case .whole = result, !mayFollow { failures.append("\(sample.name), and \(what) behind it, was taken for whole") }
        if mayFollow, result != .whole(sample.content) { failures.append("\(sample.name), and \(what) behind it: \(shown(result))") }
      }
    }
    return failures
  }

  private func truncation() -> [String] {
    var failures: [String] = []
    for sample in small {
      for count in 0..<sample.stream.count {
        switch read(Array(sample.stream.prefix(count))) {
        case .whole(let bytes): failures.append("\(sample.name), cut to \(count) bytes: \(bytes.count) bytes were taken for all")
        case .failed(let bytes, let reason):
          if !sample.content.starts(with: bytes) { failures.append("\(sample.name), cut to \(count) bytes: other bytes came out") }
          if !reason.contains("ends too early") { failures.append("\(sample.name), cut to \(count) bytes: \(reason)") }
        }
      }
    }
    return failures
  }

  private func damage() -> [String] {
    var failures: [String] = []
    for sample in small {
      for at in sample.stream.indices {
        var damaged = sample.stream
        damaged[at] ^= 0x55
        // A header may hold bytes that mean nothing for the content.
        if case .whole(let bytes) = read(damaged), bytes != sample.content {
          failures.append("\(sample.name), with byte \(at) changed, was taken for \(bytes.count) other bytes")
        }
      }
    }
    return failures
  }

  // MARK: Going on

  private func resuming() throws -> [String] {
    var failures: [String] = []
    for sample in samples {
      let isMany = codec.succession != .nothing
      let item = isMany ? sample.stream + sample.stream + sample.stream : sample.stream
      let content = isMany ? sample.content + sample.content + sample.content : sample.content
      var positions: [(Data, Int)] = []
      var failure: (any Error)?
      _ = read(item, pieces: max(1, item.count / 23), room: max(64, content.count / 17)) { decompressor, made in
        guard let position = decompressor.position else { return }
        do { positions.append((try PropertyListEncoder().encode(position), made)) } catch { failure = error }
      }
      if let failure { throw failure }
      for (bytes, made) in positions {
        let position = try PropertyListDecoder().decode(Decompressor.Position.self, from: bytes)
        guard let decompressor = Decompressor.resumed(.codec(codec), at: position) else {
          failures.append("\(sample.name): what was given as a position at \(made) is none")
          continue
        }
        let rest = Array(item[position.compressedBytes...])
        let result = read(rest, pieces: 5000, room: 3000, from: decompressor)
        if result != .whole(Array(content[made...])) {
          failures.append("\(sample.name), from \(made) of \(content.count) on: \(shown(result))")
        }
      }
      // A later stream's beginning is always a place to go on from.
      if isMany, item.count > 3000, !positions.contains(where: { $0.1 > content.count / 2 }) {
        failures.append("\(sample.name): no position")
      }
    }
    return failures + foreignStates()
  }

  /// A state of another build is refused, and does no harm.
  private func foreignStates() -> [String] {
    guard let sample = samples.first, let decoder = codec.makeDecoder(DecompressLimits()) else { return [] }
    let out = ByteBuffer(capacity: 1 << 20)
    let half = Array(sample.stream.prefix(sample.stream.count / 2))
    let step = half.withUnsafeBytes { bytes in try? decoder.step(bytes.bytes, into: out) }
    guard step != nil, let state = decoder.save() else { return [] }
    return [
      ("of another tag", DecoderState(tag: state.tag + "?", bytes: state.bytes)),
      ("that is cut", DecoderState(tag: state.tag, bytes: state.bytes.dropLast())),
      ("without a byte", DecoderState(tag: state.tag, bytes: [])),
    ].filter { codec.makeDecoder(DecompressLimits())?.restore($0.1) == true }.map { "a state \($0.0) was taken" }
  }

  // MARK: Limits

  private func limits() -> [String] {
    var failures: [String] = []
    func expect(_ what: String, _ most: Int, _ words: String, _ change: (inout DecompressLimits) -> Void) {
      var limits = DecompressLimits()
      change(&limits)
      let result = read(bomb, pieces: 1000, limits: limits)
      guard case .failed(let bytes, let reason) = result, reason.contains(words) else {
        return failures.append("\(what): \(shown(result))")
      }
      if bytes.count > most { failures.append("\(what): \(bytes.count) bytes came out before it was refused") }
    }
    expect("a limit of 1 MB", 1_200_000, "decompress.limits.bytes") { $0.bytes = 1_000_000 }
    // The ratio counts past 16 MB.
    expect("a limit of 100 times", 30 << 20, "decompress.limits.ratio") { $0.ratio = 100 }
    return failures
  }

  // MARK: Knowing it

  private func recognition() -> [String] {
    var failures: [String] = []
    for sample in samples where !sample.stream.isEmpty {
      if !recognizes(sample.stream) { failures.append("\(sample.name) is not recognized") }
      let others = Codecs.all.filter { $0 != codec && $0.name != codec.name && Self.recognizes($0, sample.stream) }
      failures += others.map { "\(sample.name) is taken for \($0.name)" }
    }
    for text in Self.texts where recognizes(Array(text.utf8)) {
      failures.append("the text \(text.debugDescription) is taken for \(codec.name)")
    }
    return failures
  }

  private static let texts = [
    "id,name\n1,a\n", "X\tY\n1\t2\n", "H\r\n1\r\n", "80,81\n", "x^y\n", "(a)\n", "{\"a\":1}\n", "\u{FEFF}id\n", "Ω,é\n", "hD\n", "", "\n",
    "P*M,x\n",
  ]

  private func recognizes(_ bytes: [UInt8]) -> Bool { Self.recognizes(codec, bytes) }

  private static func recognizes(_ codec: any Codec.Type, _ bytes: [UInt8]) -> Bool {
    Array(bytes.prefix(Codecs.beginningBytes)).withUnsafeBytes { codec.recognizes($0.bytes, isNamed: false) }
  }

  // MARK: Writing

  private func encoding() throws -> [String] {
    guard let encoder = codec.encoder else {
      return codec.page.abilities.contains("write") ? ["the page says that it writes, and there is no encoder"] : []
    }
    func unit(_ content: [UInt8], behind before: [UInt8] = []) throws -> [UInt8] {
      let out = ByteBuffer(capacity: 4)
      out.append(before)
      try content.withUnsafeBytes { try encoder.encode($0.bytes, to: out) }
      return out.copy(0..<out.count)
    }
    var failures: [String] = []
    var all: [UInt8] = []
    var contents: [UInt8] = []
    for sample in samples {
      let made = try unit(sample.content)
      if read(made) != .whole(sample.content) { failures.append("a unit of \(sample.name) is read as \(shown(read(made)))") }
      if try unit(sample.content) != made { failures.append("a unit of \(sample.name) comes out otherwise the second time") }
      if try unit(sample.content, behind: [9, 8, 7]) != [9, 8, 7] + made { failures.append("what stood before a unit is gone") }
      if !recognizes(made) { failures.append("a unit of \(sample.name) is not recognized") }
      for count in [made.count / 2, made.count - 1] {
        if case .whole = read(Array(made.prefix(count))) {
          failures.append("a unit of \(sample.name), cut to \(count), was taken for whole")
        }
      }
      all += made
      contents += sample.content
    }
    if read(all, pieces: 999) != .whole(contents) { failures.append("units one behind another are read as \(shown(read(all)))") }
    if try decode(all) != contents { failures.append("another program does not read units one behind another") }
    return failures
  }

  private func page() -> [String] {
    let page = codec.page
    var failures: [String] = []
    if page.kind != .codec { failures.append("the page is of another kind") }
    if page.name.isEmpty || page.name != page.name.lowercased() { failures.append("the name “\(page.name)”") }
    if page.endings.isEmpty || page.endings.contains(where: { $0 != $0.lowercased() || $0.hasPrefix(".") }) {
      failures.append("endings \(page.endings)")
    }
    for other in Codecs.all where other.name != page.name {
      failures += other.page.endings.filter(page.endings.contains).map { "the ending \($0) is \(other.name)'s too" }
    }
    if page.summary.isEmpty || page.example.isEmpty || page.errors.isEmpty {
      failures.append("a summary, an example or errors are missing")
    }
    if !page.abilities.contains("read") { failures.append("the page does not say that it reads") }
    if codec.command.isEmpty { failures.append("no command takes it off") }
    return failures
  }
}

extension Decompressor {
  /// One that goes on from a position; nil where it can't.
  static func resumed(_ compression: Compression, at position: Position) -> Decompressor? {
    var decompressor = Decompressor(compression, name: "item", limits: DecompressLimits())
    return decompressor.resume(at: position) ? decompressor : nil
  }
}

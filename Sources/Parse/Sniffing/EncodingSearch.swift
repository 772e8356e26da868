import Records

/// A guess at the encoding of an item's text, and how sure it is.
public struct EncodingGuess: Sendable {
  /// The encoding; nil for UTF-8.
  public var encoding: TextEncoding?
  /// How far the guess can be relied on.
  public var certainty: FormatGuess.Certainty
  /// The reason for the guess, as part of a sentence, for the user.
  public var evidence: String
  /// Whether no known encoding fits. Then ``encoding`` is windows-1252.
  public var isUnknown = false
}

/// Guesses the encoding of a text: by its byte order mark, by the places of its NUL bytes, as UTF-8 where that is valid, else by the
/// letters that each encoding makes of it.
public struct EncodingSearch {
  private let bytes: [UInt8]

  /// Makes a search over a copy of these bytes.
  ///
  /// - Parameter pieces: parts of an item, from its first byte on; each begins with a character.
  public init(_ pieces: [ByteBuffer]) {
    bytes = pieces.flatMap { $0.copy(0..<$0.count) }
  }

  /// Guesses the encoding.
  public func guess() -> EncodingGuess {
    if bytes.starts(with: [0xFF, 0xFE]) || bytes.starts(with: [0xFE, 0xFF]) {
      return EncodingGuess(encoding: .utf16, certainty: .sure, evidence: "by its byte order mark")
    }
    if let encoding = sixteen() {
      return EncodingGuess(encoding: encoding, certainty: .likely, evidence: "every second byte is NUL, without a byte order mark")
    }
    let (valid, invalid) = utf8()
    if invalid == 0 { return EncodingGuess(encoding: nil, certainty: .sure, evidence: "it is valid UTF-8") }
    if valid >= invalid {
      return EncodingGuess(
        encoding: nil, certainty: .likely, evidence: "\(valid) of its characters beyond ASCII are UTF-8, and \(invalid) bytes are not")
    }
    return byLetters()
  }

  /// UTF-16 has a NUL in each character of ASCII.
  private func sixteen() -> TextEncoding? {
    let head = bytes.prefix(64 << 10)
    guard head.count >= 4 else { return nil }
    var (even, odd) = (0, 0)
    for (i, byte) in head.enumerated() where byte == 0 { if i % 2 == 0 { even += 1 } else { odd += 1 } }
    let half = head.count / 2
    if odd * 10 >= half * 4, even * 20 <= odd { return .utf16le }
    if even * 10 >= half * 4, odd * 20 <= even { return .utf16be }
    return nil
  }

  /// Characters beyond ASCII that are valid UTF-8, and bytes that are not.
  private func utf8() -> (valid: Int, invalid: Int) {
    var (valid, invalid) = (0, 0)
    bytes.withUnsafeBufferPointer { buffer in
      guard let p = buffer.baseAddress else { return }
      var at = 0
      let n = buffer.count
      while at < n, invalid < 100_000 {
        let bad = UTF8Text.firstInvalid(p + at, n - at).map { at + $0 } ?? n
        for i in at..<bad where p[i] & 0xC0 == 0xC0 { valid += 1 }
        guard bad < n else { return }
        // The last character may be cut.
        if bad < n - 4 || invalid > 0 || bytes[bad...].contains(where: { $0 < 0x80 }) { invalid += 1 }
        at = bad + 1
      }
    }
    return (valid, invalid)
  }

  // MARK: By letters

  private func byLetters() -> EncodingGuess {
    let sample = excerpt()
    var best: (name: String, score: Double)?
    var scores: [(name: String, language: String, score: Double)] = []
    for candidate in EncodingCandidate.all {
      guard let encoding = TextEncoding(named: candidate.name), let text = decode(sample, encoding) else { continue }
      let score = candidate.score(text, sample)
      scores.append((candidate.name, candidate.script, score))
      if best.map({ score > $0.score + 0.001 }) ?? true { best = (candidate.name, score) }
    }
    guard let best, best.score >= 0.5, let encoding = TextEncoding(named: best.name) else {
      return EncodingGuess(
        encoding: .windows1252, certainty: .unsure,
        evidence: "not UTF-8, and no encoding that is known fits; look at the text, and set parse.encoding", isUnknown: true)
    }
    let script = scores.first { $0.name == best.name }?.language ?? ""
    // Where another script reads nearly as well, this is a mere guess.
    let rival = scores.filter { $0.name != best.name && $0.language != script }.map(\.score).max() ?? 0
    let isClear = best.score >= 0.85 && best.score - rival >= 0.2
    return EncodingGuess(
      encoding: encoding == .latin1 && sample.contains { $0 & 0xE0 == 0x80 } ? .windows1252 : encoding,
      certainty: isClear ? .likely : .unsure,
      evidence: "it is not UTF-8, and read so its letters are \(script)\(isClear ? "" : "; look at whether they are right")")
  }

  /// Lines with bytes beyond ASCII, as many as are enough to tell.
  private func excerpt() -> [UInt8] {
    var out: [UInt8] = []
    for line in bytes.split(separator: 0x0A, omittingEmptySubsequences: true) where out.count < 32 << 10 {
      if line.contains(where: { $0 >= 0x80 }) { out += line.prefix(4096) + [0x0A] }
    }
    return out
  }

  /// The text in an encoding; nil where some bytes have no character.
  private func decode(_ sample: [UInt8], _ encoding: TextEncoding) -> [Unicode.Scalar]? {
    let out = ByteBuffer(capacity: sample.count * 3 + 16)
    var transcoder = Transcoder(encoding)
    sample.withUnsafeBytes { transcoder.convert($0.bytes, isFinal: true, to: out) }
    guard UTF8Text.firstInvalid(out.bytes, out.count) == nil else { return nil }
    return Array(String(decoding: out.copy(0..<out.count), as: UTF8.self).unicodeScalars)
  }
}

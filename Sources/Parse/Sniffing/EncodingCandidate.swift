import Records

/// An encoding that text may be in, and by what its text is known.
struct EncodingCandidate: Sendable {
  enum Kind: Sendable {
    /// Letters with marks among those of ASCII: those of one language at a time.
    case latin([String])
    /// A script of its own: its letters, and the commonest of them.
    case script(ClosedRange<UInt32>, common: String)
    /// Two bytes a character: the ranges of its characters, and of those that are common.
    case wide(common: [ClosedRange<UInt32>])
  }

  let name: String
  /// As a person would say whose letters they are.
  let script: String
  let kind: Kind

  static let all: [EncodingCandidate] = wide + scripts + latin

  private static let kana: [ClosedRange<UInt32>] = [0x3041...0x30FF]
  private static let wide = [
    EncodingCandidate(name: "shift_jis", script: "Japanese", kind: .wide(common: kana)),
    EncodingCandidate(name: "euc-jp", script: "Japanese", kind: .wide(common: kana)),
    EncodingCandidate(name: "euc-kr", script: "Korean", kind: .wide(common: [0xAC00...0xD7A3])),
    EncodingCandidate(name: "gb18030", script: "Chinese", kind: .wide(common: [])),
    EncodingCandidate(name: "big5", script: "Chinese", kind: .wide(common: [])),
  ]

  private static let cyrillic: ClosedRange<UInt32> = 0x400...0x4FF
  private static let scripts =
    ["windows-1251", "koi8-r", "koi8-u", "iso-8859-5", "cp866", "mac-cyrillic"].map {
      EncodingCandidate(name: $0, script: "Cyrillic", kind: .script(cyrillic, common: "оеаинтсрвлкмдпу"))
    }
    + ["iso-8859-7", "windows-1253"].map {
      EncodingCandidate(name: $0, script: "Greek", kind: .script(0x370...0x3FF, common: "αοιετσνηυρπκμλάίόέςή"))
    }
    + ["windows-1255", "iso-8859-8"].map {
      EncodingCandidate(name: $0, script: "Hebrew", kind: .script(0x5D0...0x5EA, common: "יוהלאמרתבשנ"))
    }
    + ["windows-1256", "iso-8859-6"].map {
      EncodingCandidate(name: $0, script: "Arabic", kind: .script(0x600...0x6FF, common: "اليمونرتبةعدسفه"))
    }
    + ["tis-620"].map { EncodingCandidate(name: $0, script: "Thai", kind: .script(0xE01...0xE5B, common: "านรอกเงมยลวดทสต่้ัีิ")) }

  private static let western = [
    "éèàçêâîôûùëïüœæÉÈÀÇÊ", "äöüßÄÖÜé", "áéíóúñüÁÉÍÓÚÑ¿¡ºª", "ãõçáéíóúâêôàÃÇÕÁÉÍÓÚ", "àèéìòùÀÈÉ", "åäöéÅÄÖ", "æøåéÆØÅ",
    "áéíóúýþæöðÁÉÍÓÚÞÆÖ",
  ]
  private static let central = [
    "ąćęłńóśźżĄĆĘŁŃÓŚŹŻ", "áčďéěíňóřšťúůýžÁČĎÉĚÍŇÓŘŠŤÚŮÝŽ", "áéíóöőúüűÁÉÍÓÖŐÚÜŰ", "áäčďéíĺľňóôŕšťúýž", "čćđšžČĆĐŠŽ", "ăâîşţĂÂÎŞŢ",
  ]
  private static let latin = [
    EncodingCandidate(name: "latin-1", script: "western European", kind: .latin(western)),
    EncodingCandidate(name: "windows-1252", script: "western European", kind: .latin(western)),
    EncodingCandidate(name: "windows-1250", script: "central European", kind: .latin(central)),
    EncodingCandidate(name: "iso-8859-2", script: "central European", kind: .latin(central)),
    EncodingCandidate(name: "windows-1254", script: "Turkish", kind: .latin(["çğıöşüİÇĞÖŞÜâî"])),
    EncodingCandidate(name: "windows-1257", script: "Baltic", kind: .latin(["ąčęėįšųūžĄČĘĖĮŠŲŪŽ", "āčēģīķļņšūžĀČĒĢĪĶĻŅŠŪŽ", "äöüõšž"])),
    EncodingCandidate(name: "cp850", script: "western European", kind: .latin(western)),
    EncodingCandidate(name: "macroman", script: "western European", kind: .latin(western)),
  ]

  /// From 0 to 1: how much the text looks like one that people write.
  func score(_ text: [Unicode.Scalar], _ bytes: [UInt8]) -> Double {
    let beyond = text.filter { $0.value >= 0x80 }
    guard !beyond.isEmpty else { return 0 }
    switch kind {
    case .latin(let languages): return latinScore(text, beyond, languages)
    case .script(let letters, let common): return scriptScore(text, beyond, letters, Set(common.unicodeScalars))
    case .wide(let common): return wideScore(beyond, bytes, common)
    }
  }

  private static let signs = Set("‘’“”„‚–—…•·°£€¥§©®™«»¢±²³¼½¾µ×÷¿¡ºª\u{A0}\u{AD}".unicodeScalars)

  private func latinScore(_ text: [Unicode.Scalar], _ beyond: [Unicode.Scalar], _ languages: [String]) -> Double {
    let letters = beyond.filter { !Self.signs.contains($0) }
    let best =
      languages.map { language in
        let known = Set(language.unicodeScalars)
        return Double(letters.count { known.contains($0) })
      }.max() ?? 0
    let share = letters.isEmpty ? 0.9 : (best + 0.95 * Double(beyond.count - letters.count)) / Double(beyond.count)
    return max(0, share - 2 * Self.oddities(text, mayRun: false) / Double(beyond.count))
  }

  private func scriptScore(
    _ text: [Unicode.Scalar], _ beyond: [Unicode.Scalar], _ letters: ClosedRange<UInt32>, _ common: Set<Unicode.Scalar>
  ) -> Double {
    let own = beyond.filter { letters.contains($0.value) }
    let frequent = Double(own.count { common.contains($0) || common.contains($0.properties.lowercaseMapping.unicodeScalars.first ?? $0) })
    let share = Double(own.count) / Double(beyond.count)
    let usual = min(1, frequent / Double(max(own.count, 1)) / 0.65)
    // A letter by itself among those of ASCII is none of a script of its own.
    var mixed = 0.0
    for (a, b) in zip(text, text.dropFirst()) where letters.contains(a.value) != letters.contains(b.value) {
      if a.properties.isAlphabetic, b.properties.isAlphabetic { mixed += 1 }
    }
    return max(0, share * (0.4 + 0.6 * usual) - (Self.oddities(text, mayRun: true) + mixed) / Double(beyond.count))
  }

  private func wideScore(_ beyond: [Unicode.Scalar], _ bytes: [UInt8], _ common: [ClosedRange<UInt32>]) -> Double {
    var good = 0.0
    for scalar in beyond {
      switch scalar.value {
      case 0x3041...0x30FF: good += 1
      case 0x4E00...0x9FFF: good += 0.9
      case 0xAC00...0xD7A3: good += name == "euc-kr" ? 1 : 0
      case 0x3000...0x303F, 0xFF01...0xFF5E: good += 0.9
      default: break
      }
    }
    let share = good / Double(beyond.count)
    let kana = Double(beyond.count { (0x3041...0x30FF).contains($0.value) }) / Double(beyond.count)
    // The rows that the common characters stand in, which are a small part of those that are valid.
    let leads = leads(bytes)
    let usual = Double(leads.count { isCommon($0.lead, $0.trail) }) / Double(max(leads.count, 1))
    // Kana are in the Chinese sets too, but not in Chinese.
    if script == "Chinese" { return share * usual - kana * 0.3 }
    return share * usual + (common.first == 0x3041...0x30FF ? min(0.08, kana) : 0)
  }

  /// The pairs of bytes that make characters.
  private func leads(_ bytes: [UInt8]) -> [(lead: UInt8, trail: UInt8)] {
    var pairs: [(lead: UInt8, trail: UInt8)] = []
    var i = 0
    while i + 1 < bytes.count {
      // Half-width katakana take one byte in Shift JIS.
      if bytes[i] < 0x80 || (name == "shift_jis" && (0xA1...0xDF).contains(bytes[i])) {
        if bytes[i] >= 0x80 { pairs.append((bytes[i], 0)) }
        i += 1
      } else {
        pairs.append((bytes[i], bytes[i + 1]))
        i += 2
      }
    }
    return pairs
  }

  private func isCommon(_ lead: UInt8, _ trail: UInt8) -> Bool {
    switch name {
    case "shift_jis": (0x81...0x9F).contains(lead) || (0xE0...0xE2).contains(lead)
    case "euc-jp": lead == 0xA1 || lead == 0xA3 || lead == 0xA4 || lead == 0xA5 || (0xB0...0xCF).contains(lead)
    case "euc-kr": lead <= 0xA3 && lead >= 0xA1 || ((0xB0...0xC8).contains(lead) && trail >= 0xA1)
    case "gb18030": trail >= 0xA1 && ((0xB0...0xD7).contains(lead) || lead == 0xA1 || lead == 0xA3)
    case "big5": (0xA4...0xC6).contains(lead) || lead == 0xA1
    default: true
    }
  }

  /// Places where no text has such a thing: a small letter before a capital, a sign within a word, a control character, and, in
  /// a script that goes with ASCII's, four letters on end that are not ASCII's.
  private static func oddities(_ text: [Unicode.Scalar], mayRun: Bool) -> Double {
    var odd = 0.0
    var run = 0
    var before: Unicode.Scalar = "\n"
    for (i, scalar) in text.enumerated() {
      let isLetter = scalar.properties.isAlphabetic
      if scalar.value >= 0x80, scalar.value < 0xA0 { odd += 1 }
      if before.properties.isLowercase, scalar.properties.isUppercase, before.value >= 0x80 || scalar.value >= 0x80 { odd += 1 }
      if scalar.value >= 0x80, !isLetter, scalar != "’", scalar != "\u{AD}", before.properties.isAlphabetic, i + 1 < text.count,
        text[i + 1].properties.isAlphabetic
      {
        odd += 1
      }
      run = isLetter && scalar.value >= 0x80 ? run + 1 : 0
      if !mayRun, run >= 3 { odd += 1 }
      before = scalar
    }
    return odd
  }
}

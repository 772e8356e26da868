/// The units of work that an engine, started again, is careful with: they were in work when engines before it died.
package struct Suspects: Sendable {
  private let record: CrashRecord
  private let poisonAfter: Int

  /// The suspects of a crash record.
  ///
  /// - Parameters:
  ///   - record: nil where no engine has died.
  ///   - poisonAfter: the deaths after which a unit is tried alone: `supervise.poison_after`.
  package init(_ record: CrashRecord?, poisonAfter: Int) {
    self.record = record ?? CrashRecord()
    self.poisonAfter = poisonAfter
  }

  /// How many engines died in this command, before this one.
  package var restarts: Int { record.restarts }
  /// How the engine before this one died, as the rest of “the engine …”; nil where none did.
  package var lastDeath: String? { record.lastDeath }

  /// Whether anything is suspected at all.
  package var isEmpty: Bool { record.suspects.isEmpty && record.verdicts.isEmpty }

  /// Whether these bytes are to be worked on alone, a record at a time.
  package func concerns(_ content: ItemContent, _ bytes: Range<Int>) -> Bool {
    let isSuspect = record.suspects.contains { suspect in
      let unit = suspect.unit
      return suspect.crashes >= poisonAfter && unit.item == content.item && unit.version == content.version && unit.start < bytes.upperBound
        && unit.end.map { bytes.lowerBound < $0 } == true
    }
    return isSuspect || record.verdicts.contains { Self.speaks($0, content) && $0.unit.end != nil && bytes.contains($0.unit.start) }
  }

  /// The verdict on the record that begins at this byte of the decompressed item; nil where it may be tried.
  package func verdict(_ content: ItemContent, recordAt start: Int) -> CrashRecord.Verdict? {
    record.verdicts.first { Self.speaks($0, content) && $0.unit.end != nil && $0.unit.start == start }
  }

  /// The verdict on an item as a whole; nil where it may be tried.
  package func verdict(_ content: ItemContent) -> CrashRecord.Verdict? {
    record.verdicts.first { Self.speaks($0, content) && $0.unit.end == nil }
  }

  /// Whether the item as a whole is under suspicion: the next crash with it in work is its verdict.
  package func concerns(_ content: ItemContent) -> Bool {
    record.suspects.contains { suspect in
      suspect.unit.end == nil && suspect.crashes >= poisonAfter && suspect.unit.item == content.item
        && suspect.unit.version == content.version
    }
  }

  private static func speaks(_ verdict: CrashRecord.Verdict, _ content: ItemContent) -> Bool {
    verdict.unit.item == content.item && verdict.unit.version == content.version
  }
}

/// An item's content, as the board and the crash record know it.
package struct ItemContent: Sendable {
  /// The item's number in the ledger.
  package let item: Int64
  /// The item's version as a number: other content is other work.
  package let version: Int64

  /// The content of an item with this version.
  package init(item: Int64, version: Int64) {
    self.item = item
    self.version = version
  }
}

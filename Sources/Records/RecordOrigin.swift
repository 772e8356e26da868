/// The item and the run that a batch's records come from, and the place in the item where the batch's chunk begins. The functions of
/// provenance, such as `item_key()` and `record_line()`, read it.
public struct RecordOrigin: Sendable {
  /// The item's key.
  public var item: String
  /// The last part of the item's path or address.
  public var name: String
  /// The path of the member in its archive; nil where the item is no member.
  public var member: String?
  /// The number of the run that reads the records.
  public var run: Int64
  /// The time when the run began first, in microseconds since 1970-01-01 00:00 UTC.
  public var runStartedAt: Int64
  /// How many records of the item stand before the chunk.
  public var records = 0
  /// How many lines of the item stand before the chunk.
  public var lines = 0
  /// How many bytes of the decompressed item, as UTF-8, stand before the chunk.
  public var bytes = 0

  /// Makes the origin of records at an item's beginning.
  public init(item: String, name: String, member: String?, run: Int64, runStartedAt: Int64) {
    self.item = item
    self.name = name
    self.member = member
    self.run = run
    self.runStartedAt = runStartedAt
  }
}

/// The parts of a ``RecordOrigin`` that expressions read.
public struct OriginParts: OptionSet, Sendable {
  /// A bit for each part.
  public let rawValue: UInt8
  /// Makes a set from its bits.
  public init(rawValue: UInt8) { self.rawValue = rawValue }

  /// Any part.
  public static let any = OriginParts(rawValue: 1)
  /// The number or the line of a record. They are known once all chunks before the record's are parsed.
  public static let numbers = OriginParts(rawValue: 2)
}

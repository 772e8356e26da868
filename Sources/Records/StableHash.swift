/// Hashes that are the same in every process, for marks and names that outlive one. They protect from nothing that somebody does on purpose.
package enum StableHash {
  /// FNV-1a in 64 bits (Fowler, Noll and Vo).
  package static func of(_ text: String) -> UInt64 {
    text.utf8.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
  }
}

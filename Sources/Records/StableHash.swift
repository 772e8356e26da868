/// A hash that is the same in every process and build, for marks and names that outlive a process. It does not resist collisions that are
/// made on purpose.
package enum StableHash {
  /// Computes the 64-bit FNV-1a hash (Fowler, Noll and Vo) of the text's UTF-8.
  package static func of(_ text: String) -> UInt64 {
    text.utf8.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
  }
}

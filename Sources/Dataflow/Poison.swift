import CProcess
import Foundation
import Parse
import Synchronization

/// Records that kill the engine, for tests: `SLUICE_POISON`, as `trap=TEXT,memory=TEXT,hang=TEXT,throw=TEXT`, names texts and how a process dies
/// that parses a record with one. It is in builds with failpoints, and in no other.
enum Poison {
  #if FAILPOINTS
    private static let entries: [(action: String, text: [UInt8])] = {
      let wanted = ProcessInfo.processInfo.environment["SLUICE_POISON"] ?? ""
      return wanted.split(separator: ",").compactMap { entry in
        let halves = entry.split(separator: "=", maxSplits: 1)
        return halves.count == 2 ? (String(halves[0]), Array(halves[1].utf8)) : nil
      }
    }()

    private static let hasThrown = Mutex(false)
    struct Thrown: Error {}

    static func strike(_ chunk: RecordChunk) throws {
      for (action, text) in entries where sluice_contains(chunk.buffer.bytes, chunk.buffer.count, text, text.count) != 0 {
        switch action {
        case "trap":
          let none: [Int] = []
          _ = none[chunk.buffer.count]
        case "memory":
          var hoard: [UnsafeMutableRawPointer] = []
          while true {
            let block = UnsafeMutableRawPointer.allocate(byteCount: 16 << 20, alignment: 16)
            memset(block, 1, 16 << 20)
            hoard.append(block)
          }
        case "throw":
          // Once: the next worker gets on.
          let isFirst = hasThrown.withLock { hasThrown in
            defer { hasThrown = true }
            return !hasThrown
          }
          if isFirst { throw Thrown() }
        default: while true { sleep(3600) }
        }
      }
    }
  #else
    @inline(__always)
    static func strike(_ chunk: RecordChunk) throws {}
  #endif
}

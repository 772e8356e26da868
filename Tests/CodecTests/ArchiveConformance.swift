import Configuration
import Foundation
import Records

@testable import Decompress

/// Bytes in memory as an archive.
struct BytesInMemory: RandomAccess {
  var bytes: [UInt8]
  var count: Int { bytes.count }
  func read(_ buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws {
    guard offset >= 0, offset <= bytes.count - buffer.count else { throw Outside() }
    buffer.copyBytes(from: bytes[offset..<(offset + buffer.count)])
  }

  struct Outside: Error {}
}

/// The checks that every archive passes. Each returns the faults that it finds.
struct ArchiveConformance {
  let archive: any Archive.Type
  /// Archives that other programs made, by what is in them.
  let samples: [ArchiveSample]
  /// An archive of one member that holds 40 MB of zero bytes.
  let bomb: [UInt8]
  /// An archive whose members have these names, each with a text of its own, and a last one `good.csv`.
  let named: ([String]) throws -> [UInt8]

  typealias Check = @Sendable (ArchiveConformance) throws -> [String]

  static let checks: [(name: String, check: Check)] = [
    ("members hold what went into them", { try $0.reading() }),
    ("an archive that is cut is refused", { $0.truncation() }),
    ("what is damaged is never taken for another content", { $0.damage() }),
    ("names that lead out of a folder are refused, and the others read", { try $0.names() }),
    ("limits hold", { try $0.limits() }),
    ("a member's version tells its content", { try $0.versions() }),
    ("the page says what there is", { $0.page() }),
  ]

  /// Reads a member into buffers of so much room.
  func read(_ member: ArchiveMember, of bytes: any RandomAccess, room: Int = 64 << 10, limits: DecompressLimits = DecompressLimits()) throws
    -> [UInt8]
  {
    let reader = try archive.read(member.place, of: bytes, limits: limits)
    var content: [UInt8] = []
    while true {
      let out = ByteBuffer(capacity: room)
      out.append([7])
      let goesOn = try reader.read(into: out)
      guard out.capacity == room, out.count <= room, out.copy(0..<1) == [7] else { throw Broken(what: "more than there was room for") }
      content += out.copy(1..<out.count)
      if !goesOn { return content }
      guard out.count == room else { throw Broken(what: "a read that filled nothing") }
    }
  }

  struct Broken: Error { let what: String }

  /// The members' names and contents; what can't be read says why.
  private func contents(_ bytes: [UInt8], room: Int = 64 << 10) throws -> [String: String] {
    let source = BytesInMemory(bytes: bytes)
    var found: [String: String] = [:]
    for member in try archive.members(of: source) {
      var told = member.refusal.map { "refused: \($0)" } ?? ""
      if told.isEmpty {
        do { told = String(decoding: try read(member, of: source, room: room), as: UTF8.self) } catch { told = "failed: \(error)" }
      }
      found[member.name] = told
    }
    return found
  }

  private func reading() throws -> [String] {
    var failures: [String] = []
    for sample in samples {
      let members = try archive.members(of: BytesInMemory(bytes: sample.bytes))
      let names = members.map(\.name)
      if names != sample.members.map(\.name) { failures.append("\(sample.name): members \(names.prefix(9))") }
      for (member, wanted) in zip(members, sample.members) where member.size != wanted.text.utf8.count {
        failures.append("\(sample.name): \(member.name) has \(member.size) bytes")
      }
      for room in [64 << 10, 2, 100] where room > 1000 || sample.bytes.count < 20_000 {
        let found = try contents(sample.bytes, room: room)
        for member in sample.members where found[member.name] != member.text {
          failures.append("\(sample.name), \(room) bytes of room: \(member.name) holds \(found[member.name]?.prefix(90) ?? "nothing")")
        }
      }
    }
    return failures
  }

  private var small: [ArchiveSample] { samples.filter { $0.bytes.count < 2500 } }

  private func truncation() -> [String] {
    var failures: [String] = []
    for sample in small {
      for count in 0..<sample.bytes.count {
        do {
          _ = try archive.members(of: BytesInMemory(bytes: Array(sample.bytes.prefix(count))))
          failures.append("\(sample.name), cut to \(count) of \(sample.bytes.count) bytes, was taken for whole")
        } catch {
          guard error is ArchiveError else {
            failures.append("\(sample.name), cut to \(count): \(error)")
            continue
          }
        }
      }
    }
    return failures
  }

  private func damage() -> [String] {
    var failures: [String] = []
    for sample in small {
      let texts = Set(sample.members.map(\.text) + sample.hidden)
      for at in sample.bytes.indices {
        var bytes = sample.bytes
        bytes[at] ^= 0x2A
        do {
          for (name, text) in try contents(bytes, room: 101)
          where !texts.contains(text) && !text.hasPrefix("refused: ") && !text.hasPrefix("failed: ") {
            failures.append("\(sample.name), with byte \(at) changed: \(name) holds \(text.prefix(60).debugDescription)")
          }
        } catch {
          if !(error is ArchiveError) { failures.append("\(sample.name), with byte \(at) changed: \(error)") }
        }
      }
    }
    return failures
  }

  private func names() throws -> [String] {
    let dangerous = ["../a.csv", "x/../../a.csv", "/etc/a.csv", "C:/a.csv", "c:a.csv", "..\\a.csv", "\\a.csv", "x/..", ".."]
    let source = BytesInMemory(bytes: try named(dangerous + ["x/y/good.csv", "..a.csv", "a..b/c.csv"]))
    var failures: [String] = []
    let members = try archive.members(of: source)
    for name in dangerous {
      guard let member = members.first(where: { $0.name == name }) else {
        failures.append("\(name) is not told of")
        continue
      }
      guard case .unsafeName(name, _)? = member.refusal else {
        failures.append("\(name) is taken")
        continue
      }
    }
    for name in ["x/y/good.csv", "..a.csv", "a..b/c.csv", "good.csv"] {
      guard let member = members.first(where: { $0.name == name }), member.refusal == nil else {
        failures.append("\(name) is not taken")
        continue
      }
      if try read(member, of: source).isEmpty { failures.append("\(name) is empty") }
    }
    return failures
  }

  private func limits() throws -> [String] {
    let source = BytesInMemory(bytes: bomb)
    guard let member = try archive.members(of: source).first else { return ["the bomb has no member"] }
    var failures: [String] = []
    for (what, words) in [("bytes", "more than 1000000 bytes"), ("ratio", "more than 100 times its size")] {
      var limits = DecompressLimits()
      if what == "bytes" { limits.bytes = 1_000_000 } else { limits.ratio = 100 }
      do {
        _ = try read(member, of: source, limits: limits)
        failures.append("a limit of \(what) is passed")
      } catch {
        if !"\(error)".contains(words) { failures.append("a limit of \(what): \(error)") }
      }
    }
    return failures
  }

  private func versions() throws -> [String] {
    var seen: [String: Set<String>] = [:]
    for sample in samples {
      for (member, wanted) in zip(try archive.members(of: BytesInMemory(bytes: sample.bytes)), sample.members) {
        seen[member.version, default: []].insert(wanted.text)
      }
    }
    let texts = Set(samples.flatMap { $0.members.map(\.text) })
    var failures = seen.filter { $0.value.count > 1 }.map { "the version \($0.key) is of \($0.value.count) contents" }
    if seen.count != texts.count { failures.append("\(texts.count) contents have \(seen.count) versions") }
    return failures
  }

  private func page() -> [String] {
    let page = archive.page
    var failures: [String] = []
    if page.kind != .archive { failures.append("the page is of another kind") }
    if page.name.isEmpty || page.name != page.name.lowercased() { failures.append("the name “\(page.name)”") }
    if page.endings.isEmpty || page.summary.isEmpty || page.example.isEmpty || page.errors.isEmpty {
      failures.append("something is missing")
    }
    if archive.marks.isEmpty { failures.append("nothing tells it") }
    for sample in samples where !sample.bytes.withUnsafeBytes({ bytes in archive.marks.contains { $0.matches(bytes.bytes) } }) {
      failures.append("\(sample.name) does not begin with a mark")
    }
    return failures
  }
}

/// An archive that another program made.
struct ArchiveSample: Decodable {
  struct Member: Decodable {
    var name: String
    var text: String
  }
  var name: String
  var file: String
  var members: [Member]
  /// Adds folders and links, which are no members.
  var hidden: [String]
  var bytes: [UInt8] = []

  private enum CodingKeys: CodingKey { case name, file, members, hidden }
}

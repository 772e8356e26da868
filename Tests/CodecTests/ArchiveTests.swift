import Configuration
import Foundation
import Records
import Testing

@testable import Decompress

@Suite("Archives")
struct ArchiveTests {
  @Test("every archive keeps what an archive has to", arguments: Archives.all.map { $0.name })
  func conformance(_ name: String) throws {
    let archive = try #require(Archives.named(name))
    guard archive.page.missing == nil else { return }
    let suite = try ZipSamples.suite(archive)
    for (check, run) in ArchiveConformance.checks {
      let found = try run(suite)
      if !found.isEmpty { Issue.record("\(name): \(check): \(found.prefix(5).joined(separator: "; "))") }
    }
  }

  private static let broken: [(any Archive.Type, check: String)] = [
    (ForgetsAnArchivesMember.self, "members hold what went into them"),
    (ReadsTheFirstMember.self, "members hold what went into them"),
    (ReadsTooLittle.self, "members hold what went into them"),
    (ReadsPastTheRoom.self, "members hold what went into them"),
    (TakesCutArchives.self, "an archive that is cut is refused"),
    (TakesWrongChecksums.self, "what is damaged is never taken for another content"),
    (TakesAnyName.self, "names that lead out of a folder are refused, and the others read"),
    (IgnoresArchiveLimits.self, "limits hold"),
    (HasOneVersion.self, "a member's version tells its content"),
    (HasNoMarks.self, "the page says what there is"),
  ]

  @Test("each check finds what is broken on purpose", arguments: broken.indices)
  func checksFindWhatIsBroken(_ index: Int) throws {
    let (archive, name) = Self.broken[index]
    let check = try #require(ArchiveConformance.checks.first { $0.name == name }?.check)
    #expect(try check(ZipSamples.suite(archive)) != [], "\(archive) passes “\(name)”")
  }

  @Test("every check is shown to find something")
  func everyCheckIsShown() {
    #expect(Set(Self.broken.map(\.check)) == Set(ArchiveConformance.checks.map(\.name)))
  }

  @Test("patterns for members: without a slash for the last part of a name, with one for all of it")
  func patterns() {
    for (pattern, name, matches) in [
      ("*.csv", "a.csv", true), ("*.csv", "x/y/a.csv", true), ("*.csv", "a.csv.gz", false), ("x/*.csv", "x/a.csv", true),
      ("x/*.csv", "x/y/a.csv", false), ("x/**/*.csv", "x/y/z/a.csv", true), ("x/**/*.csv", "x/a.csv", true), ("**/a.csv", "a.csv", true),
      ("*", ".hidden", false), ("a?.csv", "ab.csv", true), ("[ab].csv", "c.csv", false), ("/x/a.csv", "x/a.csv", true),
      ("x/**", "x/y/a.csv", true), ("x/**", "x", false), ("**/x/**/z", "a/x/y/x/z", true), ("**/x/z", "a/x/y/x/z", true),
      ("**/x", "x/y", false),
      // In steps of the names, and not in all ways to share them out.
      (String(repeating: "**/", count: 30) + "b", String(repeating: "a/", count: 60) + "c", false),
    ] {
      #expect(MemberPattern(pattern).matches(name) == matches, "\(pattern) \(name)")
    }
  }
}

@Suite("zip", .enabled(if: ZipArchive.page.missing == nil, "built without libarchive"))
struct ZipTests {
  private func told(_ bytes: [UInt8]) throws -> [String: String] {
    let source = BytesInMemory(bytes: bytes)
    var told: [String: String] = [:]
    for member in try ZipArchive.members(of: source) {
      if let refusal = member.refusal {
        told[member.name] = "\(refusal)"
      } else {
        let suite = ArchiveConformance(archive: ZipArchive.self, samples: [], bomb: []) { _ in [] }
        told[member.name] = String(decoding: try suite.read(member, of: source), as: UTF8.self)
      }
    }
    return told
  }

  /// One archive that Python writes.
  private func made(_ script: String) throws -> [UInt8] {
    Array(try #require(try ZipSamples.python("import io, zipfile\n" + script, "")["z.zip"]))
  }

  @Test("encrypted members, unknown methods and names that stand twice fail alone, and say why")
  func refusals() throws {
    let found = try told(
      made(
        """
        import warnings
        warnings.simplefilter('ignore')
        with zipfile.ZipFile('z.zip', 'w') as z:
          for n in ['secret.csv', 'old.csv', 'twice.csv', 'twice.csv', 'good.csv']: z.writestr(n, n)
        data = bytearray(open('z.zip', 'rb').read())
        for name, place, value in [(b'secret.csv', 8, 1), (b'old.csv', 10, 9)]:
          at = data.rindex(name) - 46
          data[at + place] |= value
        open('z.zip', 'wb').write(data)
        """))
    #expect(found["secret.csv"] == "the member “secret.csv” is encrypted; unpack it first, with its password")
    #expect(found["old.csv"] == "the member “old.csv” is compressed by deflate64 (method 9), which is not supported; unpack it first")
    #expect(found["twice.csv"]?.contains("another member of the archive has the name “twice.csv” too") == true)
    #expect(found["good.csv"] == "good.csv")
  }

  @Test("a name with a NUL byte is refused; one that is no UTF-8 is kept byte for byte; the name in UTF-8 beside one counts")
  func bytesOfNames() throws {
    let found = try told(
      made(
        """
        import struct, zlib
        with zipfile.ZipFile('z.zip', 'w') as z:
          for n in ['nul0.csv', 'xxxx.csv', 'yyyy.csv']:
            info = zipfile.ZipInfo(n)
            if n == 'yyyy.csv':
              value = b'\\1' + struct.pack('<I', zlib.crc32(b'yyyy.csv')) + 'Ωmega.csv'.encode()
              info.extra = struct.pack('<HH', 0x7075, len(value)) + value
            z.writestr(info, 'n')
        data = open('z.zip', 'rb').read().replace(b'nul0.csv', b'nul\\0.csv'[:8].ljust(8, b'v')).replace(b'xxxx.csv', b'\\x82\\xa0\\xe9x.csv'[:8])
        open('z.zip', 'wb').write(data)
        """))
    #expect(found.values.contains { $0.contains("has a NUL byte in it") }, "\(found)")
    let kept = found.keys.map { FileName.shown($0) }
    #expect(kept.contains { $0.hasPrefix("\\x82\\xA0\\xE9x") }, "\(kept)")
    #expect(found.keys.contains("Ωmega.csv"), "\(kept)")
  }

  @Test("an archive behind other bytes is read, and one of many members; one of several parts is refused")
  func places() throws {
    let script = "with zipfile.ZipFile('z.zip', 'w', zipfile.ZIP_DEFLATED) as z:\n  for i in range(%): z.writestr('%05d.csv' % i, str(i))\n"
    let some = try made(script.replacingOccurrences(of: "range(%)", with: "range(9)"))
    #expect(try told(Array("#!/bin/sh\nexit\n".utf8) + some) == told(some))
    #expect(try told(some).count == 9)
    // More than the directory's first record can tell.
    let many = try ZipArchive.members(of: BytesInMemory(bytes: made(script.replacingOccurrences(of: "range(%)", with: "range(70000)"))))
    #expect(many.count == 70_000 && many[69_999].name == "69999.csv")
    var part = some
    part[part.count - 22 + 4] = 2
    #expect(throws: ArchiveError.damaged(format: "zip", reason: "it is one of several parts of an archive")) { try told(part) }
    #expect(throws: ArchiveError.self) { try told(Array("id,name\n1,a\n".utf8)) }
  }

  /// Bytes with a hole that takes no memory.
  private struct Sparse: RandomAccess {
    let first: [UInt8]
    let last: [UInt8]
    let count: Int
    func read(_ buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws {
      for i in 0..<buffer.count {
        let at = offset + i
        let behind = at - (count - last.count)
        buffer[i] = at < first.count ? first[at] : behind >= 0 ? last[behind] : 0
      }
    }
  }

  @Test("members behind 4 GB are found")
  func largeArchives() throws {
    let small = try made("with zipfile.ZipFile('z.zip', 'w') as z: z.writestr('far.csv', 'n\\n1\\n')")
    // The same with 5 GB before it, and the places told as zip64 does.
    let hole = 5_000_000_000
    let directory = try #require(small.indices.last { small.dropFirst($0).starts(with: [0x50, 0x4B, 1, 2]) })
    var header = Array(small[directory..<(small.count - 22)])
    header.replaceSubrange(42..<46, with: [0xFF, 0xFF, 0xFF, 0xFF])
    header.replaceSubrange(30..<32, with: [12, 0])
    header += [1, 0, 8, 0]
    header.append(hole, 8)
    var last = Array(small[..<directory])
    let start = hole + last.count
    let size = header.count
    last += header
    last.append(0x0606_4B50, 4)
    for (value, bytes) in [(44, 8), (45, 2), (45, 2), (0, 4), (0, 4), (1, 8), (1, 8), (size, 8), (start, 8)] { last.append(value, bytes) }
    for (value, bytes) in [(0x0706_4B50, 4), (0, 4), (start + size, 8), (1, 4)] { last.append(value, bytes) }
    for (value, bytes) in [(0x0605_4B50, 4), (0, 4), (0xFFFF, 2), (0xFFFF, 2), (size, 4), (0xFFFF_FFFF, 4), (0, 2)] {
      last.append(value, bytes)
    }
    let archive = Sparse(first: [0x50, 0x4B, 3, 4], last: last, count: hole + last.count)
    let member = try #require(try ZipArchive.members(of: archive).first)
    #expect(member.name == "far.csv" && member.refusal == nil)
    let suite = ArchiveConformance(archive: ZipArchive.self, samples: [], bomb: []) { _ in [] }
    #expect(try suite.read(member, of: archive) == Array("n\n1\n".utf8))
  }
}

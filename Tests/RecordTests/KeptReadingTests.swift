import Foundation
import Parse
import Testing

@testable import Dataflow

/// Later builds read the ledgers of earlier ones: the keys of a kept reading never change.
@Suite("Kept reading states")
struct KeptReadingTests {
  /// A checkpoint's continuation, as the build before formats were components wrote it.
  private static let continuation = """
    <?xml version="1.0" encoding="UTF-8"?>
    <!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
    <plist version="1.0"><dict>
      <key>base</key><integer>4194321</integer>
      <key>beginning</key><dict>
        <key>bytes</key><integer>11</integer>
        <key>endsInReturn</key><false/>
        <key>found</key><array><string>n</string><string>x</string></array>
        <key>hasReturnRuns</key><true/>
        <key>header</key><array><string>a</string><string>b</string></array>
        <key>lines</key><integer>2</integer>
        <key>text</key><data>bix4Cg==</data>
      </dict>
      <key>decompressor</key><dict>
        <key>compressedBytes</key><integer>4718592</integer>
        <key>decompressedBytes</key><integer>4718592</integer>
        <key>kind</key><string>plain</string>
      </dict>
      <key>rest</key><data>MSwy</data>
    </dict></plist>
    """

  @Test("a continuation of an earlier build is read")
  func continuationIsRead() throws {
    let kept = try #require(RecordChunker.Continuation.of(Array(Self.continuation.utf8)))
    #expect(kept.base == 4_194_321 && kept.compressedBytes == 4_718_592 && kept.rest == Data("1,2".utf8) && kept.framing == nil)
    let prologue = kept.prologue
    #expect(prologue.bytes == 11 && prologue.lines == 2 && prologue.header == ["a", "b"] && prologue.found == ["n", "x"])
    #expect(!prologue.endsInReturn && prologue.hasReturnRuns == true && prologue.text == Data("n,x\n".utf8))
  }

  @Test("a continuation that is written now has the keys of earlier builds")
  func continuationIsWritten() throws {
    let kept = try #require(RecordChunker.Continuation.of(Array(Self.continuation.utf8)))
    let written = try #require(kept.bytes())
    let keys = try #require(PropertyListSerialization.propertyList(from: Data(written), format: nil) as? [String: Any])
    #expect(Set(keys.keys) == ["base", "beginning", "decompressor", "rest"])
    #expect((keys["beginning"] as? [String: Any])?.count == 7)
  }

  @Test("the header of an earlier build's dead letters is read, with and without what later builds added")
  func replayHeaderIsRead() {
    let whole = #"{"bytes":4,"endsInReturn":true,"found":["n","x"],"hasReturnRuns":false,"header":["a","b"],"lines":1,"text":"bix4Cg=="}"#
    #expect(ReplayHeader.bytes(whole) == Array("n,x\n".utf8))
    #expect(ReplayHeader.prologue(whole).columns == ["n", "x"] && ReplayHeader.prologue(whole).endsInReturn)
    let old = #"{"bytes":4,"endsInReturn":false,"header":["a","b"],"lines":1,"text":""}"#
    #expect(ReplayHeader.prologue(old).header == ["a", "b"] && ReplayHeader.prologue(old).hasReturnRuns == nil)
  }
}

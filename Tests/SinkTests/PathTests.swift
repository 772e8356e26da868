import Configuration
import Files
import Foundation
import Testing

@Suite("Paths as text")
struct PathTests {
  @Test("a path's folder is what dirname(1) tells")
  func folder() {
    let cases = [
      ("/a/b/c", "/a/b"), ("/a/b/", "/a"), ("/a", "/"), ("/", "/"), ("//", "/"), ("a", "."), ("a//", "."), ("a/b", "a"), ("a//b", "a"),
      ("./a", "."), ("../a/b", "../a"), ("/a/é/ü", "/a/é"), (".", "."), ("..", "."), ("/a/.b", "/a"),
    ]
    for (path, folder) in cases { #expect(SystemCall.folder(of: path) == folder, "\(path)") }
  }

  @Test("mounts are read as the kernel writes them, and file systems of other machines are known")
  func mounts() {
    let mounts = Mount.mounts(
      """
      21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
      35 21 0:31 / /data\\040of\\134us rw - nfs4 host:/x rw,addr=1
      36 21 0:32 /sub /home/x rw,nosuid master:1 propagate_from:2 - fuse.sshfs me@host:/ rw
      damaged - line
      """)
    #expect(mounts.map(\.point) == ["/", "/data of\\us", "/home/x"])
    #expect(mounts.map(\.type) == ["ext4", "nfs4", "fuse.sshfs"] && mounts.map(\.isRemote) == [false, true, true])
    // Every Linux has a mount at /proc.
    #expect(Mount.holding("/proc/self")?.type == "proc" && Mount.isPoint("/proc") && !Mount.isPoint("/proc/self"))
  }

  @Test("a path is told as seen from a folder, part by part")
  func seenFromFolder() {
    let cases = [
      ("/a/b/c.csv", "/a/b", "c.csv"), ("/a/b/c/d.csv", "/a/b", "c/d.csv"), ("/a/bc/d.csv", "/a/b", "../bc/d.csv"),
      ("/a/b", "/a/bc", "../b"),
      ("/x.csv", "/a/b", "../../x.csv"), ("/a", "/a/b/c", "../.."), ("/a/b", "/a/b", ""), ("${HOME}/x.csv", "/a", "${HOME}/x.csv"),
      // One letter, spelled in two ways: two folders.
      ("/u\u{308}/x.csv", "/\u{FC}", "../u\u{308}/x.csv"),
    ]
    for (path, folder, seen) in cases {
      #expect(Array(DefinitionPath.relative(path, from: folder).utf8) == Array(seen.utf8), "\(path) from \(folder)")
    }
  }

  @Test("only what lies below a folder is told without it")
  func belowFolder() {
    #expect(DefinitionPath.relative("/a/b/é.csv", to: "/a/b") == "é.csv")
    for path in ["/a/bc/d.csv", "/a/b", "/a", "/u\u{308}/x.csv"] {
      for folder in ["/a/b", "/\u{FC}"] { #expect(DefinitionPath.relative(path, to: folder) == path) }
    }
  }

  @Test("a file's canonical path has its folder's links followed, and not its own")
  func canonical() throws {
    let root = OutputPlace.canonical(FileManager.default.temporaryDirectory.path + "/paths-\(UUID())")
    try FileManager.default.createDirectory(atPath: root + "/real", withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: root) }
    try FileManager.default.createSymbolicLink(atPath: root + "/link", withDestinationPath: "real")
    var paths = CanonicalPaths()
    for name in ["a", "b"] { #expect(paths.canonical("\(root)/link/\(name)") == "\(root)/real/\(name)") }
    #expect(paths.canonical("\(root)/link") == "\(root)/link")
    #expect(paths.canonical("\(root)/none/a") == "\(root)/none/a")
    #expect(paths.canonical("/x") == "/x")
  }
}

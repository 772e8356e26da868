import Foundation
import Testing

@testable import Decompress

/// Zip archives that Python writes.
enum ZipSamples {
  /// Runs a script in a folder of its own; `argv[1]` is JSON. Gives the folder's files.
  static func python(_ script: String, _ argument: some Encodable) throws -> [String: Data] {
    let folder = FileManager.default.temporaryDirectory.appending(path: "sluice-zip-" + UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    try JSONEncoder().encode(["argument": argument]).write(to: folder.appending(path: "argument"))
    try Data(script.utf8).write(to: folder.appending(path: "script"))
    let command = "cd '\(folder.path)' && python3 script"
    let told = try CodecPrograms.run("\(command) 2> '\(folder.path)/err'", [])
    let words = (try? String(contentsOf: folder.appending(path: "err"), encoding: .utf8)) ?? ""
    try #require(told != nil, "\(words)")
    var files: [String: Data] = [:]
    for name in try FileManager.default.contentsOfDirectory(atPath: folder.path) where !["argument", "script", "err"].contains(name) {
      files[name] = try Data(contentsOf: folder.appending(path: name))
    }
    return files
  }

  /// Each way in which members are kept, and where they are.
  static func all() throws -> [ArchiveSample] {
    let files = try python(
      """
      import io, json, zipfile
      rows = 'id,name\\n' + ''.join('%d,n%d\\n' % (i, i % 7) for i in range(30))
      samples = []
      class Pipe(io.BytesIO):
        # What can't seek gets data descriptors.
        def seekable(self): return False
        def seek(self, *_): raise io.UnsupportedOperation()
        def tell(self): raise io.UnsupportedOperation()
      def sample(name, members, out=None, comment=b'', zip64=False, before=b'', mode='w'):
        out = out or io.BytesIO()
        out.write(before)
        kept, hidden = [], ['']
        with zipfile.ZipFile(out, mode) as z:
          z.comment = comment
          for member, text, method in members:
            if text is None: z.writestr(zipfile.ZipInfo(member), ''); continue
            info = zipfile.ZipInfo(member); info.compress_type = method
            if member.startswith('link'): info.create_system = 3; info.external_attr = 0o120777 << 16; hidden.append(text)
            else: kept.append({'name': member, 'text': text})
            with z.open(info, 'w', force_zip64=zip64) as f: f.write(text.encode())
        file = '%d.zip' % len(samples)
        open(file, 'wb').write(out.getvalue())
        samples.append({'name': name, 'file': file, 'members': kept, 'hidden': hidden})
      S, D, B, L = zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA
      sample('stored and deflated', [('a.csv', rows, S), ('b.csv', rows + 'x,b\\n', D)])
      sample('bzip2 and lzma', [('a.csv', rows + 'bz\\n', B), ('b.csv', rows + 'lz\\n', L)])
      sample('in folders', [('x/', None, S), ('x/a.csv', 'a,b\\n', D), ('x/y/b.csv', 'b,b\\n', S), ('link', 'x/a.csv', S)])
      sample('data descriptors', [('a.csv', rows + 'd\\n', D), ('b.csv', 'stored,PK\\x07\\x08,x\\n', S)], out=Pipe())
      sample('zip64', [('a.csv', rows + 'z\\n', D), ('b.csv', 'zip64\\n', S)], zip64=True)
      sample('a comment with a mark', [('a.csv', 'comment\\n', D)], comment=b'PK\\x05\\x06' + b'x' * 30)
      sample('an empty member', [('nothing.csv', '', S), ('a.csv', 'not empty\\n', S)])
      sample('names beyond ASCII', [('Übung/データ.csv', 'ü\\n', D)])
      sample('1000 members', [('%04d.csv' % i, 'n\\n%d\\n' % i, D) for i in range(1000)])
      long = ''.join('%d,%d\\n' % (i, i * 7919 % 10007) for i in range(60000))
      sample('a long member', [('first.csv', 'first\\n', S), ('long.csv', long, D), ('last.csv', 'last\\n', D)])
      json.dump(samples, open('samples.json', 'w'))
      """, "")
    var samples = try JSONDecoder().decode([ArchiveSample].self, from: try #require(files["samples.json"]))
    for i in samples.indices { samples[i].bytes = Array(try #require(files[samples[i].file])) }
    return samples
  }

  static func bomb() throws -> [UInt8] {
    Array(
      try #require(
        try python(
          "import zipfile\nwith zipfile.ZipFile('b.zip', 'w', zipfile.ZIP_DEFLATED) as z: z.writestr('zero.csv', bytes(40000000))", "")[
            "b.zip"]))
  }

  /// Members of these names, and a last one `good.csv`.
  static func named(_ names: [String]) throws -> [UInt8] {
    Array(
      try #require(
        try python(
          """
          import json, zipfile
          names = json.load(open('argument'))['argument']
          with zipfile.ZipFile('n.zip', 'w') as z:
            for name in names + ['good.csv']:
              info = zipfile.ZipInfo(name); info.filename = name
              z.writestr(info, 'name\\n' + name + '\\n')
          """, names)["n.zip"]))
  }

  static func suite(_ archive: any Archive.Type) throws -> ArchiveConformance {
    ArchiveConformance(archive: archive, samples: try all(), bomb: try bomb(), named: named)
  }
}

import Foundation
import Testing

/// Formats that are no text of records are named and refused, and never read as lines.
@Suite("Formats that are not read")
struct ForeignFormatTests {
  /// Files of formats that Python writes, and the beginnings of some that it can't, each with what it is to be called.
  private static let makeFiles = """
    import bz2, gzip, io, lzma, os, pickle, sqlite3, struct, tarfile, zipfile, zlib
    os.mkdir('in')
    csv = b'id,name\\n' + b''.join(b'%d,n%d\\n' % (i, i) for i in range(500))
    def put(name, data): open('in/' + name, 'wb').write(data)
    def tar(form):
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode='w', format=form) as t:
            info = tarfile.TarInfo('x.csv'); info.size = len(csv); t.addfile(info, io.BytesIO(csv))
        return out.getvalue()
    def zipped(*names):
        out = io.BytesIO()
        with zipfile.ZipFile(out, 'w') as z:
            for n in names: z.writestr(n, csv)
        return out.getvalue()
    base = sqlite3.connect('in/sqlite.csv'); base.execute('create table t (a)'); base.commit(); base.close()
    put('bzip2.csv.bz2', bz2.compress(csv)); put('bzip2-empty.csv', bz2.compress(b''))
    put('xz.csv', lzma.compress(csv)); put('lzma.csv', lzma.compress(csv, lzma.FORMAT_ALONE))
    put('zstd-in-gzip.gz', gzip.compress(bytes.fromhex('28b52ffd2010810000') + csv[:16]))
    put('zstd-skip.csv.gz', gzip.compress(bytes.fromhex('502a4d1804000000') + b'abcd' + bytes.fromhex('28b52ffd')))
    put('lz4.csv', bytes.fromhex('04224d186040820d000080') + csv[:13])
    put('compress.csv.Z', bytes.fromhex('1f9d9069c890') + csv[:20])
    put('gzip-in-gzip.csv.gz', gzip.compress(gzip.compress(csv)))
    put('tar-in-gzip.csv.gz', gzip.compress(tar(tarfile.USTAR_FORMAT))); put('tar.csv', tar(tarfile.GNU_FORMAT))
    old = bytearray(tar(tarfile.USTAR_FORMAT)); old[257:265] = bytes(8); old[148:156] = b' ' * 8
    old[148:156] = b'%06o\\0 ' % sum(old[:512]); put('tar-old.csv', bytes(old))
    put('sqlite-in-gzip.gz', gzip.compress(open('in/sqlite.csv', 'rb').read()))
    put('zip.csv', zipped('x.csv')); put('zip-empty.csv', zipped()); put('xlsx.csv', zipped('[Content_Types].xml', 'xl/workbook.xml'))
    put('7z.csv', bytes.fromhex('377abcaf271c0004') + csv); put('rar.csv', b'Rar!\\x1a\\x07\\x01\\0' + csv)
    put('parquet.csv', b'PAR1\\x15\\x04\\x15\\x10' + csv + b'PAR1'); put('arrow.csv', b'ARROW1\\0\\0\\xff\\xff\\xff\\xff' + csv)
    put('avro.csv', b'Obj\\x01\\x04\\x14avro.codec' + csv); put('orc.csv', b'ORC\\n\\x0b\\n\\x03\\0\\0\\0' + csv)
    put('duckdb.csv', bytes.fromhex('a1b2c3d4e5f60718') + b'DUCK' + struct.pack('<Q', 64) + csv)
    put('xls.csv', bytes.fromhex('d0cf11e0a1b11ae1') + bytes(16) + csv)
    put('pickle.csv', pickle.dumps([1, 2], protocol=4)); put('pickle-2.csv', pickle.dumps([1, 2], protocol=2))
    put('hdf5.csv', b'\\x89HDF\\r\\n\\x1a\\n' + csv); put('numpy.csv', b'\\x93NUMPY\\x01\\0' + csv)
    put('pdf.csv', b'%PDF-1.7\\n' + csv); put('png.csv', b'\\x89PNG\\r\\n\\x1a\\n\\0\\0\\0\\rIHDR' + csv); put('gif.csv', b'GIF89a\\x01\\0\\x01\\0' + csv)
    put('zlib-in-gzip.csv.gz', gzip.compress(zlib.compress(csv))); put('blank.csv', bytes(5000))
    put('pointer.csv', b'version https://git-lfs.github.com/spec/v1\\noid sha256:4d7a21\\nsize 12\\n')
    put('events.csv', b'ElfFile\\0' + bytes(8) + csv); put('capture.csv', bytes.fromhex('d4c3b2a102000400') + csv)
    put('capture-ng.csv', bytes.fromhex('0a0d0d0a1c0000004d3c2b1a') + csv); put('font.csv', b'wOF2\\0\\1\\0\\0' + csv)
    put('dictionary.csv', bytes.fromhex('37a430ec') + csv)
    put('elf.csv', b'\\x7fELF\\x02\\x01\\x01' + bytes(9) + csv)
    """
  private static let names = [
    "bzip2.csv.bz2": "bzip2", "bzip2-empty.csv": "bzip2", "xz.csv": "xz", "lzma.csv": "lzma", "zstd-in-gzip.gz": "zstd",
    "zstd-skip.csv.gz": "zstd", "lz4.csv": "lz4", "compress.csv.Z": "compress", "gzip-in-gzip.csv.gz": "gzip",
    "tar-in-gzip.csv.gz": "a tar archive", "tar.csv": "a tar archive", "tar-old.csv": "a tar archive", "sqlite.csv": "SQLite",
    "sqlite-in-gzip.gz": "SQLite", "zip.csv": "a zip archive", "zip-empty.csv": "a zip archive", "xlsx.csv": "xlsx", "7z.csv": "7z",
    "rar.csv": "rar", "parquet.csv": "Parquet", "arrow.csv": "Arrow", "avro.csv": "Avro", "orc.csv": "ORC", "duckdb.csv": "DuckDB",
    "xls.csv": "xls", "pickle.csv": "pickle", "pickle-2.csv": "pickle", "hdf5.csv": "HDF5", "numpy.csv": "NumPy", "pdf.csv": "PDF",
    "png.csv": "PNG", "gif.csv": "GIF", "elf.csv": "a program", "zlib-in-gzip.csv.gz": "zlib", "blank.csv": "NUL", "pointer.csv": "Git LFS",
    "events.csv": "event log", "capture.csv": "packet capture", "capture-ng.csv": "packet capture", "font.csv": "font",
    "dictionary.csv": "a zstd dictionary",
  ]

  @Test("binary and foreign formats fail their item and are named, whatever the definition says of fields; the other items are read")
  func foreignFormatsAreNamed() throws {
    let shop = try Workshop()
    _ = try shop.python(Self.makeFiles)
    try shop.write("in/good.csv", "id,name\n1,a\n")
    for (fields, more) in [("", ""), ("", "decompress: {on_error: keep_records}\n"), ("fields: {id: text, name: text}", "")] {
      try shop.write(
        "pipeline.yaml",
        "pipeline: p\nfetch: {from: 'in/*'}\n\(more)parse: {format: csv\(fields.isEmpty ? "" : ", ")\(fields)}\nwrite: {path: 'out/{item.name}.jsonl'}\n"
      )
      let outcome = try shop.runPipeline("pipeline.yaml", "--full")
      #expect(outcome.status == 69, "\(outcome.stderr)")
      #expect(outcome.items == ["total": Self.names.count + 1, "done": 1, "skipped": 0, "failed": Self.names.count], "\(outcome.stderr)")
      for (name, word) in Self.names {
        let line = outcome.stderr.split(separator: "\n").first { $0.contains("in/\(name): ") } ?? ""
        #expect(line.contains("its content is ") && line.contains(word) && line.contains("[SL-304]"), "\(name): \(line)")
        #expect(!shop.exists("out/\(name).jsonl"))
      }
      #expect(shop.read("out/good.csv.jsonl").contains("\"name\":\"a\""))
    }
  }

  @Test("a text that begins with the letters of a mark is a text")
  func textsLikeMarksAreRead() throws {
    let shop = try Workshop()
    let headers = [
      "PAR1,x", "ORC,x", "BM,x", "MZ,x", "ID3,x", "RIFF,x", "GIF89a,x", "BZh9,x", "x,y ftyp", "Rar!,x", "070701,x", "[id],x", "<id>,x",
      "{id},x", "PK,x", "II*,x",
    ]
    for (i, header) in headers.enumerated() { try shop.write("in/\(i).csv", header + "\n1,2\n") }
    try shop.write(
      "pipeline.yaml",
      "pipeline: p\nfetch: {from: 'in/*.csv'}\nparse: {header: 0, fields: {a: text, b: text}}\nwrite: {path: 'out/{item.stem}.jsonl'}\n")
    #expect(try shop.runPipeline().status == 0)
    for (i, header) in headers.enumerated() {
      let first = header.split(separator: ",").map(String.init)
      #expect(shop.records("out/\(i).jsonl").map { $0["a"] as? String } == [first[0], "1"], "\(header)")
    }
  }

  @Test("JSON, XML and web pages are not read as CSV; a web page is not read at all; who names format and fields is believed")
  func documentsAreNoTables() throws {
    let shop = try Workshop()
    let large = "[" + (0..<60_000).map { "{\"id\":\($0),\"name\":\"n\"}" }.joined(separator: ",") + "]"
    let documents = [
      "list.csv": "[{\"id\":1,\"name\":\"a\"},{\"id\":2,\"name\":\"b\"}]", "array.csv": " [ {\"id\": NaN}, {\"id\": 2} ]\n",
      "numbers.csv": "[1, 2, 3]\n",
      "pretty.csv": "{\n  \"features\": [\n    {\"a\": 1, \"b\": 2}\n  ]\n}\n", "large.geojson": large,
      "object.csv": "{\"error\":{\"code\":429,\"message\":\"slow\"}}",
      "lines.csv": "{\"id\":1,\"name\":\"a\"}\n{\"id\":2,\"name\":\"b\"}\n", "xml.csv": "<?xml version=\"1.0\"?>\n<rows><row/></rows>\n",
      "error.csv": "<Error><Code>NoSuchKey</Code></Error>",
      "page.csv": "\u{FEFF}\n<!-- a, b -->\n<!DOCTYPE html>\n<html><p>Sign in, please</p></html>\n",
      "array.jsonl": "[{\"id\":1},{\"id\":2}]", "page.jsonl": "<HTML lang='en'><head></head></HTML>\n", "page16.csv": "<html>a,b\n",
    ]
    for (name, text) in documents {
      try shop.write("in/\(name)", name == "page16.csv" ? try #require(text.data(using: .utf16)) : Data(text.utf8))
    }
    try shop.write("good.csv", "id,name\n1,a\n")
    try shop.write("pipeline.yaml", "pipeline: p\nfetch: {from: ['in/*', good.csv]}\nwrite: {path: 'out/{item.name}.jsonl'}\n")
    let outcome = try shop.runPipeline()
    #expect(outcome.items == ["total": documents.count + 1, "done": 1, "skipped": 0, "failed": documents.count], "\(outcome.stderr)")
    let words = [
      "array": "a JSON array", "list": "parse.format: json", "numbers": "a JSON array", "large": "a JSON array", "pretty": "a JSON object",
      "object": "parse.format: jsonl",
      "lines": "parse.format: jsonl", "xml": "XML", "error": "XML", "page": "a web page", "page16": "a web page",
    ]
    for name in documents.keys {
      let line = outcome.stderr.split(separator: "\n").first { $0.contains("in/\(name): ") } ?? ""
      #expect(line.contains(words[(name as NSString).deletingPathExtension] ?? "?") && line.contains("[SL-304]"), "\(name): \(line)")
    }
    // With its own format a document is read, and a table whose values look like JSON too.
    try shop.write("lines.yaml", "pipeline: l\nfetch: {from: in/lines.csv}\nparse: {format: jsonl}\nwrite: {path: l.jsonl}\n")
    #expect(try shop.runPipeline("lines.yaml").records["written"] == 2)
    try shop.write("values.csv", "{\"a\":1}\n{\"a\":2}\n")
    try shop.write("brackets.csv", "[id];[name]\n1;a\n")
    try shop.write(
      "values.yaml",
      "pipeline: v\nfetch: {from: values.csv}\nparse: {format: csv, header: false, quote: null, fields: {v: json}}\nwrite: {path: v.jsonl}\n"
    )
    try shop.write("brackets.yaml", "pipeline: b\nfetch: {from: brackets.csv}\nparse: {delimiter: ;}\nwrite: {path: b.jsonl}\n")
    #expect(try shop.runPipeline("values.yaml").status == 0)
    #expect(shop.read("v.jsonl") == "{\"v\":{\"a\":1}}\n{\"v\":{\"a\":2}}\n")
    #expect(try shop.runPipeline("brackets.yaml").status == 0)
    #expect(shop.read("b.jsonl") == "{\"[id]\":1,\"[name]\":\"a\"}\n")
    try shop.write(
      "page.yaml",
      "pipeline: g\nfetch: {from: in/page.csv}\nparse: {format: csv, header: false, fields: {v: text}}\nwrite: {path: g.jsonl}\n")
    #expect(try shop.runPipeline("page.yaml").status == 69)
  }
}

/// Endings of file names: which are those of compressions, archives and record formats.
public enum NameEndings {
  /// Endings of compressions and archives, without the dot, in lower case. The codecs' own endings come on top of these.
  package static let packed: Set<String> = [
    "z", "zst", "zstd", "bz2", "bzip2", "xz", "lzma", "lz", "lz4", "lzo", "br", "sz", "snappy", "zip", "7z", "rar", "tar", "tgz", "tbz",
    "tbz2", "txz",
    "tzst",
  ]
  /// Endings of compressions and archives, whether Sluice reads them or not.
  static let outer = packed.union(Codecs.all.flatMap { $0.page.endings })
  /// Endings of record formats that no format of Sluice's has as its own.
  static let inner: Set<String> = [
    "tab", "psv", "ssv", "txt", "dat", "data", "asc", "log", "geojson", "geojsonl",
    "topojson", "xml",
    "yaml", "yml", "html", "htm", "parquet", "pq", "arrow", "feather", "ipc", "avro", "orc", "xlsx", "xls", "xlsm", "xlsb", "ods", "sqlite",
    "sqlite3",
    "db", "duckdb", "dbf", "sas7bdat", "xpt", "dta", "sav", "rds", "rdata", "h5", "hdf5", "nc", "npy", "npz", "pkl", "pickle", "fwf",
  ]

  /// Returns a name without its endings: `{item.stem}` in `write.path`. It takes off all endings of compressions and archives, then one of
  /// a format. The result is never empty, unless the name is.
  ///
  /// - Parameter formats: the endings of the formats that Sluice reads, without the dot.
  public static func stem(of name: String, formats: Set<String>) -> String {
    var stem = name[...]
    while let shorter = without(stem, outer) { stem = shorter }
    return String(without(stem, inner) ?? without(stem, formats) ?? stem)
  }

  private static func without(_ name: Substring, _ endings: Set<String>) -> Substring? {
    guard let dot = name.lastIndex(of: "."), dot > name.startIndex, endings.contains(name[name.index(after: dot)...].lowercased()) else {
      return nil
    }
    return name[..<dot]
  }
}

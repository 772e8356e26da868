/// What the ends of files' names say of how they are stored and written.
public enum NameEndings {
  /// Of compressions and archives that are known by name; those of codecs are known besides.
  package static let packed: Set<String> = [
    "z", "zst", "zstd", "bz2", "bzip2", "xz", "lzma", "lz", "lz4", "lzo", "br", "sz", "snappy", "zip", "7z", "rar", "tar", "tgz", "tbz",
    "tbz2", "txz",
    "tzst",
  ]
  /// Of compressions and archives, read here or not.
  static let outer = packed.union(Codecs.all.flatMap { $0.page.endings })
  /// Of formats of records that are not read here.
  static let inner: Set<String> = [
    "tab", "psv", "ssv", "txt", "dat", "data", "asc", "log", "geojson", "geojsonl",
    "topojson", "xml",
    "yaml", "yml", "html", "htm", "parquet", "pq", "arrow", "feather", "ipc", "avro", "orc", "xlsx", "xls", "xlsm", "xlsb", "ods", "sqlite",
    "sqlite3",
    "db", "duckdb", "dbf", "sas7bdat", "xpt", "dta", "sav", "rds", "rdata", "h5", "hdf5", "nc", "npy", "npz", "pkl", "pickle", "fwf",
  ]

  /// A name without its endings: those of compressions and archives, then one of a format. Something is always left.
  ///
  /// - Parameter formats: endings of the formats that are read here.
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

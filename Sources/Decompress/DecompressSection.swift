import Configuration

/// The fate of an item whose compression is damaged (`decompress.on_error`): it fails, or its records before the damage are kept and the
/// rest is a dead letter.
public enum OnDamage: String, Sendable, CaseIterable, Codable {
  case failItem = "fail_item"
  case keepRecords = "keep_records"
}

/// The compression of items (`decompress.format`).
package enum Compression: Sendable {
  /// Each item's own: by its first bytes, then by its name.
  case auto
  case none
  case codec(any Codec.Type)
}

/// Which items are archives (`decompress.archive`).
private enum ArchiveChoice: Sendable {
  /// Items whose names say so, unless `format` is none.
  case auto
  case none
  case all(any Archive.Type)
}

/// The section `decompress` of a definition: compression, archives, members, damage and limits.
public struct DecompressSection: Sendable {
  /// The items' compression (`format`).
  package var format = Compression.auto
  /// The items that are archives (`archive`).
  private var archives = ArchiveChoice.auto
  /// The patterns of the members that are items (`members`); empty for all members.
  package private(set) var members: [MemberPattern] = []
  /// The fate of damaged items (`on_error`).
  public private(set) var onDamage = OnDamage.failItem
  /// How far items may inflate (`limits`).
  public private(set) var limits = DecompressLimits()

  /// Makes the section of a definition that has none: everything is recognized, and damage fails the item.
  package init() {}

  /// The keys of `decompress`, without those that all stages share.
  package static let keys: [Key] =
    [
      Key(
        "format", .choice(["auto", "none"] + Codecs.all.map { $0.name }),
        "auto (by an item's first bytes, then by its name; default), none, or the items' compression."),
      Key(
        "archive", .choice(["auto", "none"] + Archives.all.map { $0.name }),
        "Which items are archives, whose members are items: auto (by name; default; none with format none), none, or all, of that kind."),
      Key(
        "members", .either([.list(.text), .text], "a pattern, or a list of them"),
        "Globs for the members that are items (default all). One without a slash is for the last part of a member's name, whatever folder it is in."
      ),
      Key(
        "on_error", .choice(OnDamage.allCases.map(\.rawValue)),
        "fail_item: a damaged item fails whole (default). keep_records: its whole records up to the damage are written, and the damage is a dead letter: its rest counts as one record. Those of a stream that is cut are right; of one whose bytes were changed only its checksum tells, at its end, so that records before the damage may be wrong too."
      ),
      Key(
        "limits",
        .object([
          Key("ratio", .integer(atLeast: 1), "How many times its size a stream may inflate to (default 1000)."),
          Key("bytes", .byteCount, "How many bytes an item may inflate to (default 1TB)."),
          Key(
            "window", .byteCount,
            "How many bytes back a stream may refer, all of which are kept in memory, in each worker (default 128MiB, which zstd --long makes; zstd --long=31 wants 2GiB)."
          ),
        ]), "Limits of inflation."),
    ]

  /// Makes the section from its read value. Reports a format whose library this build is without.
  package init(_ value: Value, _ reader: inout DefinitionReader) {
    if let entry = value["format"], let name = entry.text {
      if name == "none" { format = .none }
      if let codec = Codecs.named(name) {
        format = .codec(codec)
        if let missing = codec.page.missing { reader.report(entry.position.diagnostic("\(name) can't be read here: \(missing)")) }
      }
    }
    if let name = value["archive"]?.text {
      if name == "none" { archives = .none }
      if let archive = Archives.named(name) { archives = .all(archive) }
    }
    members = (value["members"]?.elements ?? []).compactMap(\.text).map(MemberPattern.init)
    if let damage = value["on_error"]?.text.flatMap(OnDamage.init) { onDamage = damage }
    if let ratio = value["limits"]?["ratio"]?.text.flatMap({ Int($0) }) { limits.ratio = ratio }
    if let bytes = value["limits"]?["bytes"]?.text.flatMap(Scalars.byteCount) { limits.bytes = bytes }
    if let bytes = value["limits"]?["window"]?.text.flatMap(Scalars.byteCount) { limits.window = bytes }
  }

  /// Returns the archive that an item of this name is; nil where it is none.
  package func archive(ofItem name: String) -> (any Archive.Type)? {
    switch archives {
    case .all(let archive): return archive
    case .none: return nil
    case .auto:
      if case .none = format { return nil }
      return Archives.promised(by: name)
    }
  }
}

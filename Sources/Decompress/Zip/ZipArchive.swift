import Configuration
import Records

#if canImport(CArchive)
  import CArchive
#endif

/// zip (PKWARE's APPNOTE.TXT): a directory at the end, and members that can each be read alone. Unpacking is libarchive's.
package enum ZipArchive: Archive {
  /// The page of zip. Without libarchive it says so; the directory can be read all the same.
  package static let page = ComponentPage(
    .archive, "zip", "Reads each member of a zip archive as an item of its own.", abilities: ["read"], endings: ["zip"],
    place: "decompress",
    example: """
      pipeline: orders
      fetch: {from: exports/*.zip}
      decompress: {archive: zip, members: "*.csv"}
      write: {path: "out/{item.stem}.jsonl"}
      """,
    errors: [.truncatedStream, .damagedStream, .inflatesTooFar, .unreadableMember],
    guarantees: [
      "A member is an item: its key is the archive's with !/ and the member's name. It is read again only when its own size or CRC-32 changes.",
      "A member whose name would lead out of a folder (.., a root, a drive, a NUL byte), that is encrypted, or that is compressed in an unknown way fails alone, and says why.",
      "Each member's size and CRC-32 are checked.",
    ],
    limits: [
      "Members may be stored or compressed by deflate, bzip2, LZMA, xz, zstd or PPMd; not by deflate64, and not encrypted.",
      "An archive has at most 1,000,000 members, and 256 MiB of directory. Archives of several parts are not read.",
      "Folders, links and what macOS adds (__MACOSX) are passed over. Names that are not UTF-8 are kept byte for byte.",
      "An interrupted run reads a member again from its beginning.",
    ],
    missing: missing)

  /// The marks of a member, of the end of an archive without one, and of an archive that was to be split and is not.
  package static let marks = [[3, 4], [5, 6], [7, 8]].map { Mark([0x50, 0x4B] + $0) }

  /// Lists the members from the directory, which holds their sizes and checksums; no content is read.
  package static func members(of bytes: any RandomAccess) throws -> [ArchiveMember] { try ZipDirectory.read(bytes) }

  /// Begins to unpack a member by its checked place in the archive.
  package static func read(_ place: String, of bytes: any RandomAccess, limits: DecompressLimits) throws -> any MemberReader {
    guard let entry = ZipEntry(place), entry.isWithin(bytes.count) else {
      throw ArchiveError.damaged(format: "zip", reason: "a member is not where it was")
    }
    if entry.size > limits.bytes { throw DecompressError.bytesExceeded(limit: limits.bytes) }
    #if canImport(CArchive)
      return try Reader(entry, bytes, limits)
    #else
      throw ArchiveError.missing(format: "zip", reason: missing ?? "")
    #endif
  }

  #if canImport(CArchive)
    private static let missing: String? = nil

    /// Unpacks a member by libarchive, which is shown an archive of that member alone (``ZipMemberBytes``).
    ///
    /// It owns libarchive's state, which never leaves it; one task uses it at a time.
    private final class Reader: MemberReader {
      private let entry: ZipEntry
      private let limits: DecompressLimits
      private let archive: OpaquePointer
      private let input: Input
      private var made = 0
      /// Content that libarchive has given and the caller not yet: libarchive's own memory, which stays until ``nextBlock()`` asks for more.
      private var block = UnsafeRawBufferPointer(start: nil, count: 0)
      private var isDamaged = false

      /// The state of libarchive's callbacks.
      private final class Input {
        let bytes: ZipMemberBytes
        var position = 0
        /// The error of the archive's bytes.
        var failure: (any Error)?
        let block = UnsafeMutableRawBufferPointer.allocate(byteCount: 128 << 10, alignment: 16)

        init(_ bytes: ZipMemberBytes) { self.bytes = bytes }
        deinit { block.deallocate() }

        /// The next bytes; none at the end.
        func next() -> UnsafeMutableRawBufferPointer? {
          let count = min(block.count, bytes.count - position)
          let part = UnsafeMutableRawBufferPointer(rebasing: block[..<count])
          do {
            try bytes.read(part, at: position)
          } catch {
            failure = error
            return nil
          }
          position += count
          return part
        }

        func seek(_ offset: Int, _ whence: Int32) -> Int {
          let start =
            switch whence {
            case SEEK_CUR: position
            case SEEK_END: bytes.count
            default: 0
            }
          position = min(max(0, start + offset), bytes.count)
          return position
        }
      }

      init(_ entry: ZipEntry, _ bytes: any RandomAccess, _ limits: DecompressLimits) throws {
        self.entry = entry
        self.limits = limits
        input = Input(try ZipMemberBytes(entry, in: bytes))
        guard let archive = archive_read_new() else {
          throw ArchiveError.damaged(format: "zip", reason: "there is no memory for libarchive")
        }
        self.archive = archive
        archive_read_support_format_zip_seekable(archive)
        // The input outlives libarchive's state: both are this object's, whose deinit frees the state first.
        archive_read_set_callback_data(archive, Unmanaged.passUnretained(input).toOpaque())
        archive_read_set_read_callback(archive) { _, data, start in
          guard let data else { return Int(ARCHIVE_FATAL) }
          let input = Unmanaged<Input>.fromOpaque(data).takeUnretainedValue()
          guard let part = input.next() else { return Int(ARCHIVE_FATAL) }
          start?.pointee = UnsafeRawPointer(part.baseAddress)
          return part.count
        }
        archive_read_set_seek_callback(archive) { _, data, offset, whence in
          guard let data else { return Int64(ARCHIVE_FATAL) }
          return Int64(Unmanaged<Input>.fromOpaque(data).takeUnretainedValue().seek(Int(offset), whence))
        }
        var header: OpaquePointer?
        guard archive_read_open1(archive) == ARCHIVE_OK, archive_read_next_header(archive, &header) >= ARCHIVE_WARN else { throw failure }
      }

      deinit { archive_read_free(archive) }

      private var failure: any Error {
        if let failure = input.failure { return failure }
        let words =
          archive_error_string(archive).map { String(cString: $0).trimmingCharacters(in: .whitespacesAndNewlines) }
          ?? "libarchive's code \(archive_errno(archive))"
        return ArchiveError.damaged(format: "zip", reason: "a member can't be unpacked: \(words)")
      }

      func read(into out: ByteBuffer) throws -> Bool {
        while out.count < out.capacity {
          guard !block.isEmpty else {
            if try nextBlock() { continue }
            guard made == entry.size else {
              throw ArchiveError.damaged(format: "zip", reason: "a member is shorter than its directory says")
            }
            return false
          }
          let count = min(block.count, out.capacity - out.count)
          if let start = block.bindMemory(to: UInt8.self).baseAddress { out.append(start, count) }
          block = UnsafeRawBufferPointer(rebasing: block[count...])
          made += count
          if made > limits.bytes { throw DecompressError.bytesExceeded(limit: limits.bytes) }
          if made > 16 << 20, made / max(entry.packed, 1) > limits.ratio {
            throw DecompressError.ratioExceeded(limit: limits.ratio, offset: entry.packed)
          }
        }
        return true
      }

      /// Takes the next block from libarchive; false at the member's end. A block may come together with the damage that its checksum shows: the
      /// call after it then throws.
      private func nextBlock() throws -> Bool {
        if isDamaged { throw failure }
        var (start, count, offset) = (UnsafeRawPointer?.none, 0, la_int64_t(0))
        let code = archive_read_data_block(archive, &start, &count, &offset)
        if code == ARCHIVE_EOF { return false }
        isDamaged = code != ARCHIVE_OK
        block = UnsafeRawBufferPointer(start: start, count: start == nil ? 0 : count)
        return true
      }
    }
  #else
    private static let missing: String? = "this sluice was built without libarchive (libarchive-dev was not there)"
  #endif
}

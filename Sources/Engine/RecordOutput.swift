import Files
import Records
import Write

/// Where items' records go: into a part, which becomes the output when it is whole, or to standard output.
enum RecordOutput: Sendable {
  case part(PartFile)
  case standardOutput(StandardOutput)

  /// Nil for standard output, of which nothing can be synced, kept or taken back.
  var part: PartFile? {
    if case .part(let part) = self { return part }
    return nil
  }

  var isEmpty: Bool {
    switch self {
    case .part(let part): part.length == 0
    case .standardOutput(let output): output.length == 0
    }
  }

  /// What is written so far.
  var written: FilePrefix {
    switch self {
    case .part(let part): part.written
    case .standardOutput(let output): FilePrefix(length: output.length, checksum: nil)
    }
  }

  /// Whether what came after `prefix` can be taken back.
  func canGoBack(to prefix: FilePrefix) -> Bool { part != nil || written.length == prefix.length }

  /// - Parameter checksum: of the bytes.
  func append(_ start: UnsafePointer<UInt8>, _ count: Int, checksum: Checksum) throws {
    switch self {
    case .part(let part): try part.append(start, count, checksum: checksum)
    case .standardOutput(let output): try output.append(start, count)
    }
  }

  func append(_ buffer: ByteBuffer) throws {
    try append(buffer.bytes, buffer.count, checksum: Checksum(buffer.bytes, buffer.count))
  }
}

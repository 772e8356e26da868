import Records

/// A run of whole records of one item, as bytes.
package struct RecordChunk: Sendable {
  /// The records' bytes as UTF-8, with their line ends. They are not written any more.
  package let buffer: ByteBuffer
  /// The position of the chunk's first byte in the decompressed item, as UTF-8.
  package let offset: Int
  /// The chunk's number in its item, from 0.
  package let sequence: Int
  /// The records' places, where the framer of the format tells them; nil where the format finds records in the chunk itself.
  package let records: RecordPlaces?

  /// Makes a chunk of a buffer that is not written any more.
  package init(buffer: ByteBuffer, offset: Int, sequence: Int, records: RecordPlaces? = nil) {
    self.buffer = buffer
    self.offset = offset
    self.sequence = sequence
    self.records = records
  }

  /// Whether the chunk may hold a record. A chunk of a document may lie between two records, and then holds none.
  package var mayHoldRecords: Bool { records?.starts.isEmpty != true }

  /// Copies a part of the chunk.
  ///
  /// - Parameter range: positions in the chunk, both between records. The range is clamped to the chunk.
  package func part(_ range: Range<Int>) -> RecordChunk {
    let range = range.clamped(to: 0..<buffer.count)
    let part = ByteBuffer(capacity: range.count)
    part.append(buffer.bytes + range.lowerBound, range.count)
    return RecordChunk(buffer: part, offset: offset + range.lowerBound, sequence: sequence, records: records?.part(range))
  }

  /// Copies the first records of the chunk, or returns the chunk itself where it holds no more than `most`. It counts lines where
  /// ``records`` is nil.
  package func head(records most: Int) -> RecordChunk {
    if let records {
      return records.starts.count <= most ? self : part(0..<Int(records.starts[most]))
    }
    var end = 0
    for _ in 0..<most {
      guard let newline = TextEscapes.firstIndex(of: 0x0A, buffer.bytes + end, buffer.count - end) else { return self }
      end += newline + 1
    }
    return part(0..<end)
  }
}

extension RecordPlaces {
  /// The places of the records in a range of the chunk's bytes.
  fileprivate func part(_ range: Range<Int>) -> RecordPlaces {
    var places = RecordPlaces()
    for record in starts.indices where range.contains(Int(starts[record])) {
      places.starts.append(starts[record] - UInt32(range.lowerBound))
      places.ends.append(ends[record] - UInt32(range.lowerBound))
    }
    return places
  }
}

import Records

/// A run of whole records of one item, as bytes.
package struct RecordChunk: Sendable {
  package let buffer: ByteBuffer
  /// The chunk's first byte in the decompressed item.
  package let offset: Int
  /// From 0, in the item's order.
  package let sequence: Int
  /// Where the records begin and end, for a format whose records can't be told apart without what stands before the chunk.
  package let records: RecordPlaces?

  /// Makes a chunk of a buffer that nobody writes to any more.
  package init(buffer: ByteBuffer, offset: Int, sequence: Int, records: RecordPlaces? = nil) {
    self.buffer = buffer
    self.offset = offset
    self.sequence = sequence
    self.records = records
  }

  /// Whether there may be a record in the chunk: one of a document may hold none.
  package var mayHoldRecords: Bool { records?.starts.isEmpty != true }

  /// Copies a part of the chunk that begins and ends between records.
  package func part(_ range: Range<Int>) -> RecordChunk {
    let range = range.clamped(to: 0..<buffer.count)
    let part = ByteBuffer(capacity: range.count)
    part.append(buffer.bytes + range.lowerBound, range.count)
    return RecordChunk(buffer: part, offset: offset + range.lowerBound, sequence: sequence, records: records?.part(range))
  }

  /// Copies the first records of the chunk: as many as `most`, or lines where the format's records are not known here.
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

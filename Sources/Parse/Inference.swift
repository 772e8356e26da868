import Records

/// Infers the types of columns from a sample: the first of bigint, double, boolean, date and timestamp that all values fit, else text; json
/// where a value is an array or object. NULLs fit every type.
public enum Inference {
  /// Infers the fields of a sample. All of them may be NULL.
  package static func schema(of sample: SampledColumns) -> Schema {
    Schema(zip(sample.names, sample.cells).map { Field(name: $0, type: type(of: $1)) })
  }

  /// Infers the type of one column; text where all cells are NULL.
  package static func type(of cells: [SampledCell]) -> ValueType {
    var candidates: [ValueType] = [.bigint, .double, .boolean, .date, .timestamp]
    var seen = false
    for cell in cells {
      switch cell {
      case .null: continue
      case .structure: return .json
      case .text(let text, let isText):
        seen = true
        candidates.removeAll { !suggests(text, $0, isText: isText) }
      }
      if candidates.isEmpty { return .text }
    }
    return seen ? candidates.first ?? .text : .text
  }

  /// Whether a field of this type takes the cell. Inference is stricter: it takes the words true and false alone for booleans.
  package static func fits(_ cell: SampledCell, _ type: ValueType) -> Bool {
    switch (cell, type) {
    case (.null, _), (_, .text), (_, .json): return true
    case (.structure, _): return false
    case (.text(var text, _), _):
      return text.withUTF8 { bytes in
        guard let p = bytes.baseAddress else { return false }
        switch type {
        case .bigint: return NumberText.isBigint(p, bytes.count)
        case .double: return NumberText.isDouble(p, bytes.count)
        case .boolean: return BooleanText.boolean(p, bytes.count) != nil
        case .date: return TimeText.date(p, bytes.count) != nil
        case .timestamp: return TimeText.timestamp(p, bytes.count) != nil
        case .time: return TimeText.time(p, bytes.count) != nil
        case .decimal(let precision, let scale): return DecimalText.fits(p, bytes.count, precision: precision, scale: scale)
        case .text, .json, .bytes: return true
        }
      }
    }
  }

  /// Whether a field takes the cell, in the spelling of the field.
  package static func fits(_ cell: SampledCell, _ field: Field) -> Bool {
    guard let spelling = field.spelling, case .text(var text, let isText) = cell else { return fits(cell, field.type) }
    return text.withUTF8 { bytes in
      var isTaken = true
      _ = spelling.read(field.type, count: 1) { _ in
        (TextSlice(start: bytes.baseAddress, count: bytes.count), false)
      } refuse: { _ in
        isTaken = false
      }
      // A number of JSON is read as JSON has it.
      return isTaken || (!isText && field.type.isNumber && fits(cell, field.type))
    }
  }

  private static func isWhole(_ text: String) -> Bool {
    (text.hasPrefix("-") ? text.dropFirst() : text[...]).utf8.allSatisfy { (0x30...0x39).contains($0) }
  }

  private static func suggests(_ text: String, _ type: ValueType, isText: Bool) -> Bool {
    switch type {
    case _ where text.isEmpty: false
    case .bigint: !isText && fits(.text(text, isText: isText), type)
    // A whole number beyond 64 bits is an identifier, of which a double would lose digits.
    case .double: !isText && fits(.text(text, isText: isText), type) && (!isWhole(text) || fits(.text(text, isText: isText), .bigint))
    case .boolean: !isText && ["true", "false"].contains(text.lowercased())
    default: fits(.text(text, isText: isText), type)
    }
  }
}

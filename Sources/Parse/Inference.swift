import Records

/// Finds columns' types from a sample: the narrowest of bigint, double, boolean, date, timestamp that every value that
/// is not NULL fits, else text; json where a value is an array or object.
public enum Inference {
  public static func schema(of sample: SampledColumns) -> Schema {
    Schema(zip(sample.names, sample.cells).map { Field(name: $0, type: type(of: $1)) })
  }

  static func type(of cells: [SampledCell]) -> ValueType {
    var candidates: [ValueType] = [.bigint, .double, .boolean, .date, .timestamp]
    var seen = false
    for cell in cells {
      switch cell {
      case .null: continue
      case .structure: return .json
      case .text(let text, let isText):
        seen = true
        candidates.removeAll { !fits(text, $0, isText: isText) }
      }
      if candidates.isEmpty { return .text }
    }
    return seen ? candidates.first ?? .text : .text
  }

  private static func fits(_ text: String, _ type: ValueType, isText: Bool) -> Bool {
    var text = text
    return text.withUTF8 { bytes in
      guard let p = bytes.baseAddress, bytes.count > 0 else { return false }
      switch type {
      // A number with leading zeros is a code whose zeros mean something.
      case .bigint: return !isText && NumberText.isInteger(p, bytes.count) && NumberText.isJSONSpelling(p, bytes.count)
      case .double: return !isText && NumberText.double(p, bytes.count)?.isFinite == true && !hasLeadingZero(p, bytes.count)
      case .boolean: return !isText && ["true", "false"].contains(String(decoding: bytes, as: UTF8.self).lowercased())
      case .date: return TimeText.date(p, bytes.count) != nil
      case .timestamp: return TimeText.timestamp(p, bytes.count) != nil
      default: return true
      }
    }
  }

  private static func hasLeadingZero(_ p: UnsafePointer<UInt8>, _ n: Int) -> Bool {
    n > 1 && p[0] == 0x30 && p[1] &- 0x30 <= 9
  }
}

/// Spells a decoded value as SQL does; bytes in base64.
public enum ValueText {
  /// Appends one value of a vector as text.
  ///
  /// - Parameters:
  ///   - i: the row, whose value is not NULL.
  ///   - type: the vector's type, which tells integers, timestamps, dates and times apart.
  @inline(__always)
  public static func write(_ vector: Vector, _ i: Int, _ type: ValueType, to out: ByteBuffer) {
    switch vector {
    case .integers(let v):
      switch type {
      case .timestamp: TimeText.writeTimestamp(v.values[i], to: out)
      case .date: TimeText.writeDate(v.values[i], to: out)
      case .time: TimeText.writeTime(v.values[i], to: out)
      default: NumberText.write(v.values[i], to: out)
      }
    case .decimals(let v):
      if case .decimal(_, let scale) = type { DecimalText.write(v.values[i], scale: scale, to: out) }
    case .doubles(let v): NumberText.write(v.values[i], to: out)
    case .booleans(let v): out.append(v[i] == 1 ? "true" : "false")
    case .text(let v):
      guard let start = v.slices[i].start else { return }
      if type == .bytes { BytesText.write(start, v.slices[i].count, to: out) } else { out.append(start, v.slices[i].count) }
    }
  }
}

/// Spells a decoded value as SQL does.
public enum ValueText {
  /// Appends one value of a vector as text.
  ///
  /// - Parameters:
  ///   - i: the row, whose value is not NULL.
  ///   - type: the vector's type, which tells integers, timestamps and dates apart.
  @inline(__always)
  public static func write(_ vector: Vector, _ i: Int, _ type: ValueType, to out: ByteBuffer) {
    switch vector {
    case .integers(let v):
      switch type {
      case .timestamp: TimeText.writeTimestamp(v.values[i], to: out)
      case .date: TimeText.writeDate(v.values[i], to: out)
      default: NumberText.write(v.values[i], to: out)
      }
    case .doubles(let v): NumberText.write(v.values[i], to: out)
    case .booleans(let v): out.append(v[i] == 1 ? "true" : "false")
    case .text(let v):
      if let start = v.slices[i].start { out.append(start, v.slices[i].count) }
    }
  }
}

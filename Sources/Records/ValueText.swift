/// A decoded value as text, as SQL spells it.
public enum ValueText {
  /// Appends value `i`, which is not NULL, of a vector whose type is `type`.
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

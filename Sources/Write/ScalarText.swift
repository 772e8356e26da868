import Records

/// The spelling of numbers and booleans that came as text. All sinks use it, so they agree on the value.
enum ScalarText {
  /// Appends the value of a field of type bigint, double, decimal or boolean, whose check it has passed. A bigint or double in JSON's spelling
  /// stays as it is, and a decimal gets all digits of its scale.
  static func write(_ p: UnsafePointer<UInt8>, _ n: Int, _ type: ValueType, to out: ByteBuffer) {
    if case .decimal(let precision, let scale) = type {
      if let value = DecimalText.decimal(p, n, precision: precision, scale: scale) { DecimalText.write(value, scale: scale, to: out) }
    } else if type == .boolean {
      if BooleanText.boolean(p, n) == true { out.append(literal: "true") } else { out.append(literal: "false") }
    } else if NumberText.isJSONSpelling(p, n) {
      out.append(p, n)
    } else if let value = NumberText.double(p, n) {
      NumberText.write(value, to: out)
    }
  }
}

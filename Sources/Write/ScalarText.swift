import Records

/// Numbers and truth values that came as text, as every sink spells them: sinks that agree on the spelling agree on the value.
enum ScalarText {
  /// Appends the value of a field of type bigint, double or boolean, which its check has accepted. What is spelled as JSON has it
  /// stays as it is.
  static func write(_ p: UnsafePointer<UInt8>, _ n: Int, _ type: ValueType, to out: ByteBuffer) {
    if type == .boolean {
      out.append(BooleanText.boolean(p, n) == true ? "true" : "false")
    } else if NumberText.isJSONSpelling(p, n) {
      out.append(p, n)
    } else if let value = NumberText.double(p, n) {
      NumberText.write(value, to: out)
    }
  }
}

import CByteScan

/// Reading of decimals, and of values in a spelling of the definition's.
extension FieldViews {
  /// A decimal may stand in quotes in JSON too: many writers put it there, so that no reader makes a double of it.
  func decimals(
    _ rowCount: Int, _ missing: RecordFault.Code?, _ precision: Int, _ scale: Int, _ decoding: Bool,
    _ refuse: (Int, RecordFault.Code) -> Void
  ) -> (NullableVector<Int128>?, isPlain: Bool) {
    var plain = true
    var vector = NullableVector<Int128>(values: decoding ? [Int128](repeating: 0, count: rowCount) : [])
    let places = places
    let views = places.views
    var row = 0
    while true {
      if !decoding { row = sluice_skip_plain_decimals(views, row, rowCount, Int32(precision), Int32(scale), missing == nil ? 1 : 0) }
      guard row < rowCount else { break }
      let (p, n) = places.view(row)
      if isNull(p, n) {
        plain = plain && isPlainNull(n)
        if decoding { vector.setNull(row) }
        if let missing { refuse(row, missing) }
      } else {
        let (inner, count, quoted) = scalar(p, n)
        if let value = DecimalText.decimal(inner, count, precision: precision, scale: scale), NumberText.isPlainNumber(inner, count) {
          plain = plain && !quoted && DecimalText.isCanonical(inner, count, scale: scale)
          if decoding { vector.values[row] = value }
        } else {
          plain = false
          if decoding { vector.setNull(row) }
          refuse(row, .invalidValue)
        }
      }
      row += 1
    }
    return (decoding ? vector : nil, plain)
  }

  /// Reads values in a spelling of the definition's.
  func spelled(
    _ spelling: FieldSpelling, _ type: ValueType, _ rowCount: Int, _ missing: RecordFault.Code?, _ refuse: (Int, RecordFault.Code) -> Void
  ) -> Vector {
    checkPresent(rowCount, missing, refuse)
    var arena = TextArena()
    let vector = spelling.read(type, count: rowCount) { row in
      let slice = text(row, &arena)
      // The views of a record that is refused already may lead anywhere.
      if slice.count < 0 { return (.null, false) }
      return (slice, encoding == .json && view(row).start[0] != 0x22)
    } refuse: {
      refuse($0, .invalidValue)
    }
    return vector
  }
}

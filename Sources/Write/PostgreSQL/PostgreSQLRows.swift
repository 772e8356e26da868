#if canImport(CPostgreSQL)
  import Foundation
  import Records

  /// Rows in the binary form of PostgreSQL's COPY, for the types that the table's columns have. Transform's workers make them, and the commit
  /// only sends them.
  struct PostgreSQLRows: RecordEncoder {
    let layout: PostgreSQLLayout

    func header(_ schema: Schema) -> [UInt8] { [] }

    // MARK: Refusing

    /// Decodes the columns; rows go that have a value which the table's column can't hold.
    func refuse(in batch: inout RecordBatch) {
      let (fields, selected) = (batch.columns.map(\.field), batch.selected)
      let plans = layout.plans(fields)
      batch.decode {
        plans[$0] != nil
      } refusing: { column, values, refuse in
        if let plan = plans[column] { check(values, fields[column].type, plan, selected, refuse) }
      }
    }

    private func check(
      _ values: Vector, _ type: ValueType, _ plan: PostgreSQLLayout.Plan, _ selected: [UInt32], _ refuse: (UInt32, String) -> Void
    ) {
      func each(_ isWrong: (Int) -> Bool, _ reason: @autoclosure () -> String) {
        for row in selected where !values.isNull(Int(row)) && isWrong(Int(row)) { refuse(row, reason()) }
      }
      if let reason = plan.notNull {
        for row in selected where values.isNull(Int(row)) { refuse(row, reason) }
      }
      let shown = plan.shown
      switch (values, plan.coding) {
      case (.integers(let v), .int2):
        each({ Int16(exactly: v.values[$0]) == nil }, "the number is out of the range of \(shown)")
      case (.integers(let v), .int4):
        each({ Int32(exactly: v.values[$0]) == nil }, "the number is out of the range of \(shown)")
      case (.integers(let v), .float8):
        each({ Int64(exactly: Double(v.values[$0])) != v.values[$0] }, "\(shown) does not hold the number exactly")
      case (.doubles(let v), .float4):
        each({ !Float(v.values[$0]).isFinite }, "the number is out of the range of \(shown)")
      case (_, .numeric): checkNumeric(values, type, plan, selected, refuse)
      case (.text(let v), .uuid):
        each({ !Self.uuid(v.slices[$0], to: nil) }, "the text is no uuid")
      case (.text(let v), .text), (.text(let v), .cast), (.text(let v), .json), (.text(let v), .jsonb):
        each({ Self.hasNUL(v.slices[$0]) }, "the text has a NUL, which \(shown) can't hold")
        guard plan.modifier > 4, plan.coding == .text else { return }
        let most = plan.modifier - 4
        each({ v.slices[$0].count > most && Self.isLonger(v.slices[$0], than: most) }, "the text is longer than \(shown)")
      default: return
      }
    }

    private static func hasNUL(_ text: TextSlice) -> Bool { text.start.map { memchr($0, 0, text.count) != nil } ?? false }

    /// Whether a text has more characters than `most`, without the blanks that the server cuts off.
    private static func isLonger(_ text: TextSlice, than most: Int) -> Bool {
      var end = text.count
      while end > 0, text.bytes[end - 1] == 0x20 { end -= 1 }
      var count = 0
      for byte in text.bytes[..<end] where byte & 0xC0 != 0x80 { count += 1 }
      return count > most
    }

    private func checkNumeric(
      _ values: Vector, _ type: ValueType, _ plan: PostgreSQLLayout.Plan, _ selected: [UInt32], _ refuse: (UInt32, String) -> Void
    ) {
      let isText = if case .text = values { true } else { false }
      guard isText || plan.modifier >= 4 else { return }
      let packed = plan.modifier - 4
      let (precision, scale) = ((packed >> 16) & 0xFFFF, ((packed & 0x7FF) ^ 1024) - 1024)
      // Most columns have room for all that the field can hold.
      if case .decimal(let most, let digits) = type, digits <= scale, most - digits <= precision - scale { return }
      let isDouble = if case .doubles = values { true } else { false }
      let text = ByteBuffer(capacity: 64)
      for row in selected where !values.isNull(Int(row)) {
        text.count = 0
        Self.spell(values, type, Int(row), to: text)
        guard let number = PostgreSQLNumeric(text.bytes, text.count) else {
          refuse(row, "the text is no number")
          continue
        }
        if plan.modifier >= 4, !number.fits(precision: precision, scale: scale, mayRound: isDouble) {
          refuse(row, "\(plan.shown) does not hold the number")
        }
      }
    }

    /// Spells a value as the server reads it.
    private static func spell(_ values: Vector, _ type: ValueType, _ row: Int, to out: ByteBuffer) {
      ValueText.write(values, row, type, to: out)
    }

    // MARK: Encoding

    /// A column's values, ready to be sized and copied.
    private enum Cells {
      case integers(NullableVector<Int64>, width: Int, offset: Int64)
      case doubles(NullableVector<Double>, width: Int)
      case booleans([UInt8])
      /// - mark: a byte before each text, as jsonb has it.
      case texts([TextSlice], mark: UInt8?)
      case spelled(SpelledValues)
      case nulls
    }

    func encode(_ batch: RecordBatch, to out: ByteBuffer) {
      let rows = batch.selected
      guard !rows.isEmpty else { return }
      let plans = layout.plans(batch.columns.map(\.field))
      let cells = zip(batch.columns, plans).compactMap { column, plan in plan.map { self.cells(column, $0, rows) } }
      let fieldCount = Int16(truncatingIfNeeded: cells.count).bigEndian
      RowBlock.append(batch, rows, head: 2, to: out) { sizes in
        for cell in cells { Self.measure(cell, rows, &sizes) }
      } fill: { places, base in
        for place in places { base.storeBytes(of: fieldCount, toByteOffset: Int(place) - 2, as: Int16.self) }
        for cell in cells { Self.write(cell, rows, &places, to: base) }
      }
    }

    private func cells(_ column: Column, _ plan: PostgreSQLLayout.Plan, _ rows: [UInt32]) -> Cells {
      guard let values = column.values else { return .nulls }
      switch (values, plan.coding) {
      case (.integers(let v), .int2): return .integers(v, width: 2, offset: 0)
      case (.integers(let v), .int4): return .integers(v, width: 4, offset: 0)
      case (.integers(let v), .int8): return .integers(v, width: 8, offset: 0)
      case (.integers(let v), .time): return .integers(v, width: 8, offset: 0)
      // PostgreSQL counts from 2000-01-01.
      case (.integers(let v), .instant): return .integers(v, width: 8, offset: -946_684_800_000_000)
      case (.integers(let v), .date): return .integers(v, width: 4, offset: -10_957)
      case (.integers(let v), .float8):
        return .doubles(NullableVector(values: v.values.map { Double($0) }, nulls: v.nulls), width: 8)
      case (.doubles(let v), .float8): return .doubles(v, width: 8)
      case (.doubles(let v), .float4): return .doubles(v, width: 4)
      case (.booleans(let v), .boolean): return .booleans(v)
      case (.text(let v), .text), (.text(let v), .cast), (.text(let v), .json), (.text(let v), .bytes):
        return .texts(v.slices, mark: nil)
      case (.text(let v), .jsonb): return .texts(v.slices, mark: 1)
      case (_, .numeric):
        let text = ByteBuffer(capacity: 64)
        return spelled(values, rows) { row, out in
          text.count = 0
          Self.spell(values, column.field.type, row, to: text)
          PostgreSQLNumeric(text.bytes, text.count)?.write(to: out)
        }
      case (.text(let v), .uuid): return spelled(values, rows) { row, out in _ = Self.uuid(v.slices[row], to: out) }
      default: return spelled(values, rows) { row, out in Self.spell(values, column.field.type, row, to: out) }
      }
    }

    private func spelled(_ values: Vector, _ rows: [UInt32], _ spell: (Int, ByteBuffer) -> Void) -> Cells {
      .spelled(SpelledValues(rows, isNull: values.isNull, spell))
    }

    /// Adds the bytes that each row's cell takes.
    private static func measure(_ cells: Cells, _ rows: [UInt32], _ places: inout [UInt32]) {
      places.withUnsafeMutableBufferPointer { places in
        rows.withUnsafeBufferPointer { rows in
          func fixed(_ width: Int, _ nulls: [UInt8]) {
            if nulls.isEmpty {
              for i in places.indices { places[i] += UInt32(4 + width) }
            } else {
              nulls.withUnsafeBufferPointer { nulls in
                for i in places.indices { places[i] += nulls[Int(rows[i])] != 0 ? 4 : UInt32(4 + width) }
              }
            }
          }
          switch cells {
          case .integers(let v, let width, _): fixed(width, v.nulls)
          case .doubles(let v, let width): fixed(width, v.nulls)
          case .booleans(let v):
            v.withUnsafeBufferPointer { v in for i in places.indices { places[i] += v[Int(rows[i])] == 2 ? 4 : 5 } }
          case .texts(let slices, let mark):
            let extra = mark == nil ? 0 : 1
            slices.withUnsafeBufferPointer { slices in
              for i in places.indices {
                let slice = slices[Int(rows[i])]
                places[i] += UInt32(4 + (slice.start == nil ? 0 : slice.count + extra))
              }
            }
          case .spelled(let values):
            for i in places.indices { places[i] += UInt32(4 + values.count(i)) }
          case .nulls: for i in places.indices { places[i] += 4 }
          }
        }
      }
    }

    /// Writes each row's cell at its place, and moves the place behind it.
    private static func write(_ cells: Cells, _ rows: [UInt32], _ places: inout [UInt32], to out: UnsafeMutableRawPointer) {
      places.withUnsafeMutableBufferPointer { places in
        rows.withUnsafeBufferPointer { rows in
          func head(_ i: Int, _ length: Int) -> UnsafeMutableRawPointer {
            let at = out + Int(places[i])
            at.storeBytes(of: Int32(truncatingIfNeeded: length).bigEndian, as: Int32.self)
            places[i] += UInt32(4 + max(length, 0))
            return at + 4
          }
          func fixed(_ width: Int, _ nulls: [UInt8], _ store: (Int, UnsafeMutableRawPointer) -> Void) {
            nulls.withUnsafeBufferPointer { nulls in
              for i in places.indices {
                let row = Int(rows[i])
                if !nulls.isEmpty, nulls[row] != 0 { _ = head(i, -1) } else { store(row, head(i, width)) }
              }
            }
          }
          switch cells {
          case .integers(let v, let width, let offset):
            v.values.withUnsafeBufferPointer { values in
              switch width {
              case 8: fixed(8, v.nulls) { $1.storeBytes(of: (values[$0] &+ offset).bigEndian, as: Int64.self) }
              case 4: fixed(4, v.nulls) { $1.storeBytes(of: Int32(truncatingIfNeeded: values[$0] &+ offset).bigEndian, as: Int32.self) }
              default: fixed(2, v.nulls) { $1.storeBytes(of: Int16(truncatingIfNeeded: values[$0]).bigEndian, as: Int16.self) }
              }
            }
          case .doubles(let v, let width):
            v.values.withUnsafeBufferPointer { values in
              if width == 8 {
                fixed(8, v.nulls) { $1.storeBytes(of: values[$0].bitPattern.bigEndian, as: UInt64.self) }
              } else {
                fixed(4, v.nulls) { $1.storeBytes(of: Float(values[$0]).bitPattern.bigEndian, as: UInt32.self) }
              }
            }
          case .booleans(let v):
            v.withUnsafeBufferPointer { v in
              for i in places.indices {
                let value = v[Int(rows[i])]
                if value == 2 { _ = head(i, -1) } else { head(i, 1).storeBytes(of: value, as: UInt8.self) }
              }
            }
          case .texts(let slices, let mark):
            slices.withUnsafeBufferPointer { slices in
              for i in places.indices {
                let slice = slices[Int(rows[i])]
                guard let start = slice.start else {
                  _ = head(i, -1)
                  continue
                }
                var at = head(i, slice.count + (mark == nil ? 0 : 1))
                if let mark {
                  at.storeBytes(of: mark, as: UInt8.self)
                  at += 1
                }
                at.copyMemory(from: start, byteCount: slice.count)
              }
            }
          case .spelled(let values):
            for i in places.indices {
              if values.nulls[i] != 0 {
                _ = head(i, -1)
                continue
              }
              head(i, values.count(i)).copyMemory(from: values.bytes.bytes + values.start(i), byteCount: values.count(i))
            }
          case .nulls: for i in places.indices { _ = head(i, -1) }
          }
        }
      }
    }

    /// Reads a uuid, 32 hexadecimal digits with hyphens or without, and appends its 16 bytes where `out` is there.
    private static func uuid(_ text: TextSlice, to out: ByteBuffer?) -> Bool {
      var count = 0
      var high: UInt8 = 0
      for (i, byte) in text.bytes.enumerated() {
        let digit: UInt8
        switch byte {
        case 0x30...0x39: digit = byte - 0x30
        case 0x41...0x46: digit = byte - 0x41 + 10
        case 0x61...0x66: digit = byte - 0x61 + 10
        case 0x2D where text.count == 36 && [8, 13, 18, 23].contains(i): continue
        default: return false
        }
        if count % 2 == 0 { high = digit << 4 } else { out?.append(high | digit) }
        count += 1
      }
      return count == 32
    }
  }
#endif

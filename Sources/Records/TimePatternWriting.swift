extension TimePattern {
  /// Appends a date and time in the pattern's spelling.
  ///
  /// - Parameters:
  ///   - parts: the date and time of the clocks; the year must be from 0 to 9999. Without an offset they stand at UTC.
  ///   - abbreviation: the name of the clocks' zone, for `%Z`.
  public func write(_ parts: Parts, abbreviation: String = "UTC", to out: ByteBuffer) {
    let (year, month, day) = TimeText.civil(parts.days)
    let seconds = Int(parts.micros / 1_000_000)
    func number(_ value: Int, _ width: Int, _ isPadded: Bool) {
      if isPadded { TimeText.pad(value, width, to: out) } else { NumberText.write(Int64(value), to: out) }
    }
    for item in items {
      switch item {
      case .literal(let byte): out.append(byte)
      case .blank: out.append(0x20)
      case .field(let directive, let isPadded):
        switch directive {
        case .year: number(year, 4, isPadded)
        case .yearOfCentury: number(year % 100, 2, isPadded)
        case .month: number(month, 2, isPadded)
        case .monthName: out.append(TimeNames.months[month - 1])
        case .monthShort: out.append(TimeNames.months[month - 1].prefix(3))
        case .day: number(day, 2, isPadded)
        case .dayOfYear: number(Int(parts.days - TimeText.daysSinceEpoch(year: year, month: 1, day: 1)) + 1, 3, isPadded)
        case .hour: number(seconds / 3600, 2, isPadded)
        case .hourOfHalf: number((seconds / 3600 + 11) % 12 + 1, 2, isPadded)
        case .half: out.append(seconds < 12 * 3600 ? "AM" : "PM")
        case .minute: number(seconds / 60 % 60, 2, isPadded)
        case .second: number(seconds % 60, 2, isPadded)
        case .fraction: number(Int(parts.micros % 1_000_000), 6, isPadded)
        case .weekday: number(TimeText.weekday(parts.days), 1, isPadded)
        case .weekdayName: out.append(TimeNames.weekdays[TimeText.weekday(parts.days) - 1])
        case .weekdayShort: out.append(TimeNames.weekdays[TimeText.weekday(parts.days) - 1].prefix(3))
        case .isoYear: number(TimeText.isoWeek(parts.days).year, 4, isPadded)
        case .isoWeek: number(TimeText.isoWeek(parts.days).week, 2, isPadded)
        case .offset: TimeText.writeOffset(parts.offset ?? 0, to: out)
        case .zone: out.append(abbreviation)
        case .epoch:
          let moment = parts.days * 86_400 + Int64(seconds - (parts.offset ?? 0))
          NumberText.write(moment, to: out)
        }
      }
    }
  }
}

/// English names of months and weekdays.
enum TimeNames {
  static let months = [
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December",
  ].map { Array($0.utf8) }
  static let weekdays = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"].map { Array($0.utf8) }
}

import Foundation

/// Sizes as people read them.
package enum SizeText {
  /// A number of bytes in units of 1000: `3.4 MB`.
  package static func of(_ bytes: Int) -> String {
    let units = ["B", "KB", "MB", "GB", "TB"]
    var value = Double(bytes)
    var unit = 0
    while value >= 1000, unit < units.count - 1 {
      value /= 1000
      unit += 1
    }
    return unit == 0 ? "\(bytes) B" : String(format: "%.1f %@", value, units[unit] as NSString)
  }
}

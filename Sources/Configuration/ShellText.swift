import Foundation

/// Words as a shell takes them.
package enum ShellText {
  /// A word in single quotes where it needs some.
  package static func word(_ text: String) -> String {
    let isPlain =
      !text.isEmpty
      && text.utf8.allSatisfy { byte in
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
        default: "_-./=:@%+,".utf8.contains(byte)
        }
      }
    return isPlain ? text : "'" + text.replacingOccurrences(of: "'", with: "'\\''") + "'"
  }
}

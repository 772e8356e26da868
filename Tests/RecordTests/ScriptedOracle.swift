import Foundation

/// A Python program as an oracle: it gets a text on stdin and answers on stdout.
enum Oracle {
  /// The Python that Scripts/test has given DuckDB.
  static let duckdbPython =
    (ProcessInfo.processInfo.environment["SLUICE_TOOLS"]
      ?? URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().path
      + "/.build-tools") + "/venv/bin/duckdb-python"

  static func ask(_ script: String, _ input: String, python: String = "python3") throws -> String {
    let folder = NSTemporaryDirectory() + "sluice-oracle-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try input.write(toFile: folder + "/in", atomically: false, encoding: .utf8)
    try script.write(toFile: folder + "/script.py", atomically: false, encoding: .utf8)
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/sh")
    process.arguments = ["-c", "exec '\(python)' \(folder)/script.py < \(folder)/in > \(folder)/out"]
    let ended = DispatchSemaphore(value: 0)
    process.terminationHandler = { _ in ended.signal() }
    try process.run()
    ended.wait()
    return try String(contentsOfFile: folder + "/out", encoding: .utf8)
  }
}

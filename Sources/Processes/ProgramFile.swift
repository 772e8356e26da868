import Foundation

/// Finds the file of a program as exec does (execvp(3)), without running it.
package enum ProgramFile {
  /// Returns the path of the file that a command's first word names.
  ///
  /// - Parameter folder: the folder that the program would start in, which relative paths begin at.
  /// - Throws: ``StartFailure`` where there is no such file, or it, or the interpreter that its first line names, can't be executed.
  package static func find(_ program: String, in folder: String) throws(StartFailure) -> String {
    let folders =
      program.contains("/")
      ? [program.hasPrefix("/") ? "" : folder]
      : (ProcessInfo.processInfo.environment["PATH"] ?? "/bin:/usr/bin").split(separator: ":", omittingEmptySubsequences: false).map {
        $0.hasPrefix("/") ? String($0) : folder + "/" + $0
      }
    var code = ENOENT
    for place in folders {
      let path = place.isEmpty ? program : place + "/" + program
      var status = stat()
      guard stat(path, &status) == 0 else { continue }
      guard status.st_mode & S_IFMT == S_IFREG, access(path, X_OK) == 0 else {
        code = EACCES
        continue
      }
      try checkInterpreter(of: path, program, in: folder)
      return path
    }
    throw StartFailure(command: program, code: code)
  }

  /// Looks for the interpreter of a script, which its first line names.
  private static func checkInterpreter(of path: String, _ program: String, in folder: String) throws(StartFailure) {
    guard let beginning = try? FileHandle(forReadingAtPath: path)?.read(upToCount: 256), beginning.starts(with: Array("#!".utf8)) else {
      return
    }
    let line = String(decoding: beginning.dropFirst(2).prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
    let words = line.split(whereSeparator: \.isWhitespace).map(String.init)
    guard let interpreter = words.first else { return }
    // env looks for its first argument on the PATH.
    let isEnvironment = interpreter.hasSuffix("/env") && words.count > 1 && !words[1].hasPrefix("-") && !words[1].contains("=")
    for wanted in [interpreter] + (isEnvironment ? [words[1]] : []) {
      do throws(StartFailure) {
        _ = try find(wanted, in: folder)
      } catch {
        throw StartFailure(command: "\(program), whose first line names \(wanted)", code: error.code)
      }
    }
  }
}

import CSQLite
import Configuration
import Files
import Foundation
import Records

/// A look at a table and at the file of its database, without a byte written (`sluice doctor`).
struct SQLiteExamination {
  private let target: TableTarget
  /// The definition's folder.
  private let folder: String
  /// The absolute path of the database's file; where a link stands there, that of the file behind it.
  private let path: String

  init(_ target: TableTarget, in folder: String) {
    self.target = target
    self.folder = folder
    let path = DefinitionPath.absolute(target.database, in: folder)
    self.path = (try? OutputPlace.of(path)) ?? path
  }

  private var name: String { target.database }

  /// Looks at the folder, the file, who writes to it, and the table, as far as each lets it go on.
  ///
  /// - Parameter schema: the fields of the output; nil where no record could be seen.
  func findings(_ schema: Schema?) -> [Finding] {
    let folder = SystemCall.folder(of: path)
    // A journal or a log is made beside the file.
    var findings = [Finding.folder(folder, shown: DefinitionPath.relative(folder, to: self.folder), of: name)]
    guard FileManager.default.fileExists(atPath: path) else {
      findings.append(Finding("\(name): a run makes the database, and in it the table \(target.table)"))
      return findings
    }
    let header = (try? FileHandle(forReadingAtPath: path)?.read(upToCount: 100)).map { Array($0) } ?? []
    if let trouble = trouble(header) { return findings + [trouble] }
    // The file format's read version (sqlite.org/fileformat.html §1.3.3).
    let hasLog = header.count > 19 && header[19] == 2
    // Before the database is opened: to close its file would let the connection's own locks go.
    if let writer = Self.writer(of: hasLog ? path + "-shm" : path, hasLog: hasLog) {
      findings.append(
        Finding(
          name, problem: "\(writer) is writing to it", remedy: "wait for that to end; a run waits 30 s for it, and then ends with 74"))
    }
    return findings + table(schema, hasLog: hasLog)
  }

  // MARK: The file

  private func trouble(_ header: [UInt8]) -> Finding? {
    do throws(SystemFailure) {
      if let kind = try FileStatus.of(path)?.kind, kind != .regular {
        return Finding(name, problem: "it is \(kind.words)", remedy: "give write.database the path of a file")
      }
    } catch {
      return Finding(name, problem: String(cString: strerror(error.code)))
    }
    if access(path, R_OK | W_OK) != 0 {
      let reason = String(cString: strerror(errno))
      return Finding(name, problem: "it can't be written to: \(reason)", remedy: "make it writable for the user that runs sluice")
    }
    // SQLite takes an empty file for an empty database.
    guard header.isEmpty || header.starts(with: Array("SQLite format 3\0".utf8)) else {
      return Finding(name, problem: "it is no SQLite database", remedy: "give write.database another name")
    }
    return nil
  }

  /// The process that has a lock by which SQLite writes, in words; nil where there is none.
  ///
  /// - Parameter hasLog: whether the locks are those of the WAL's index (sqlite.org/walformat.html §2.3), else those of the database
  ///   (sqlite.org/lockingv3.html).
  private static func writer(of file: String, hasLog: Bool) -> String? {
    let descriptor = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var lock = flock()
    // A lock for reading would be kept waiting by one for writing, and by no other.
    lock.l_type = Int16(F_RDLCK)
    lock.l_whence = Int16(SEEK_SET)
    (lock.l_start, lock.l_len) = hasLog ? (120, 1) : (0x4000_0000, 512)
    guard fcntl(descriptor, F_GETLK, &lock) == 0, lock.l_type != Int16(F_UNLCK) else { return nil }
    guard lock.l_pid > 0 else { return "another process" }
    let program = try? String(contentsOfFile: "/proc/\(lock.l_pid)/comm", encoding: .utf8).trimmingCharacters(in: .newlines)
    return "the process \(lock.l_pid)\(program.map { " (\($0))" } ?? "")"
  }

  // MARK: The table

  private func table(_ schema: Schema?, hasLog: Bool) -> [Finding] {
    do {
      return try Self.reading(path, hasLog: hasLog) { try look($0, schema) }
    } catch let failure as SQLiteConnection.Failure {
      // A process that was killed has left its journal, and only a writer may work that off.
      if failure.code == Self.readOnlyRollback {
        return [Finding("\(name): a process was killed while it wrote to it; a run takes back first what that had begun")]
      }
      return [Finding(name, problem: SQLiteDatabase.words(failure))]
    } catch {
      return [Finding(name, problem: "\(error)")]
    }
  }

  /// SQLITE_READONLY_ROLLBACK, a macro that Swift does not import.
  private static let readOnlyRollback: Int32 = SQLITE_READONLY | (3 << 8)

  /// Opens the database so that not even the files beside it are touched: one with a log is read with the index that is there, or as one
  /// that does not change.
  private static func reading<T>(_ path: String, hasLog: Bool, _ body: (SQLiteConnection) throws -> T) throws -> T {
    func isThere(_ ending: String) -> Bool { FileManager.default.fileExists(atPath: path + ending) }
    guard hasLog else { return try body(SQLiteConnection(reading: path)) }
    if isThere("-wal"), isThere("-shm"), let shared = try? body(SQLiteConnection(reading: path, "&readonly_shm=1")) { return shared }
    return try body(SQLiteConnection(reading: path, "&immutable=1"))
  }

  private func look(_ connection: SQLiteConnection, _ schema: Schema?) throws -> [Finding] {
    let described = try SQLiteTable.read(target.table, connection)
    // Without a record the key's fields are all that is known.
    let known = schema ?? Schema(target.key.map { Field(name: $0, type: .text) })
    if !known.fields.isEmpty, let problem = SQLiteTable.problem(described, target, known) {
      return [Finding("\(name): the table \(target.table)", problem: problem)]
    }
    guard described != nil else { return [Finding("\(name): a run makes the table \(target.table)")] }
    let table = "\(name): the table \(target.table)"
    guard let schema else { return [Finding("\(table) is there; its columns can't be compared, since no record could be read")] }
    // A row's number is given by SQLite where the output has none.
    let wanted = try connection.names(
      """
      SELECT name FROM pragma_table_info(?)
      WHERE "notnull" AND dflt_value IS NULL AND NOT (pk = 1 AND upper(type) = 'INTEGER')
      """, target.table)
    let given = Set(schema.fields.map { $0.name.lowercased() })
    if let column = wanted.first(where: { !given.contains($0.lowercased()) }) {
      return [
        Finding(
          table, problem: "its column “\(column)” is NOT NULL without a default, and the output has no such field",
          remedy: "give the column a default, or the output the field by a derive step")
      ]
    }
    let count = schema.fields.count
    let key = target.key.isEmpty ? "" : ", and has a unique index on \(target.key.joined(separator: ", "))"
    return [Finding("\(table) takes the output's \(count) field\(count == 1 ? "" : "s")\(key)")]
  }
}

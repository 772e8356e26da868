import Foundation
import Testing

/// The result of a program.
struct Outcome {
  var status: Int32
  var stdout: String
  var stderr: String

  /// stdout as one JSON object.
  var json: [String: Any] {
    (try? JSONSerialization.jsonObject(with: Data(stdout.utf8))) as? [String: Any] ?? [:]
  }

  /// `read`, `written`, `filtered`, `dead_lettered` of a run's result.
  var records: [String: Int] { json["records"] as? [String: Int] ?? [:] }
  var items: [String: Int] { json["items"] as? [String: Int] ?? [:] }
}

/// A child process. (`Process.waitUntilExit()` wants a run loop, which test threads have not.)
final class Child {
  private let process = Process()
  private let ended = DispatchSemaphore(value: 0)

  init(_ program: String, _ arguments: [String], folder: String, environment: [String: String], stdout: FileHandle, stderr: FileHandle)
    throws
  {
    process.executableURL = URL(fileURLWithPath: program)
    process.arguments = arguments
    process.currentDirectoryURL = URL(fileURLWithPath: folder)
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = stdout
    process.standardError = stderr
    let ended = ended
    process.terminationHandler = { _ in ended.signal() }
    // Foundation's Process holds them for good, and a test process has so many. Its own standard streams it keeps.
    defer { for handle in [stdout, stderr] where handle.fileDescriptor > STDERR_FILENO { try? handle.close() } }
    try process.run()
  }

  var pid: Int32 { process.processIdentifier }

  /// Waits for its end; gives its exit status.
  @discardableResult
  func wait() -> Int32 {
    ended.wait()
    ended.signal()
    return process.terminationStatus
  }

  var isRunning: Bool { process.isRunning }

  /// The children that it has now.
  var children: [Int32] {
    let text = (try? String(contentsOfFile: "/proc/\(pid)/task/\(pid)/children", encoding: .utf8)) ?? ""
    let main = text.split(separator: " ").compactMap { Int32($0) }
    // A child belongs to the thread that started it.
    let threads = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/task")) ?? []
    return threads.reduce(into: main) { all, thread in
      let text = (try? String(contentsOfFile: "/proc/\(pid)/task/\(thread)/children", encoding: .utf8)) ?? ""
      for child in text.split(separator: " ").compactMap({ Int32($0) }) where !all.contains(child) { all.append(child) }
    }
  }

  /// Waits, two minutes at most, for the engine that it has under it, other than `before`.
  func engine(other before: Int32? = nil) throws -> Int32 {
    for _ in 0..<24_000 {
      if let engine = children.first, engine != before { return engine }
      usleep(5000)
    }
    throw Missing(what: "the engine of \(pid)")
  }

  struct Missing: Error { let what: String }

  /// Sends a signal and waits for the end.
  @discardableResult
  func stop(_ number: Int32) -> Int32 {
    kill(pid, number)
    return wait()
  }
}

/// A folder of a test's own, removed with it, and the built binary run in it.
final class Workshop {
  let folder: String

  init() throws {
    folder = NSTemporaryDirectory() + "sluice-test-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: folder) }

  static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().path
  static let sampleData = root + "/sample-data"
  static let servers = root + "/Tests/SluiceTests/Servers"

  /// The product: what Scripts/test built, or the debug build beside the tests.
  static var binary: String {
    ProcessInfo.processInfo.environment["SLUICE_BINARY"] ?? root + "/.build/debug/sluice"
  }

  /// The debug build beside the tests: it has failpoints.
  static let failpointBinary = root + "/.build/debug/sluice"

  /// Where Scripts/test has put programs that only tests need.
  static let tools = ProcessInfo.processInfo.environment["SLUICE_TOOLS"] ?? root + "/.build-tools"

  /// The corpora, or nil where the folder is absent.
  static var corpora: String? {
    let path = ProcessInfo.processInfo.environment["SLUICE_CORPORA"] ?? root + "/../shared/corpora"
    return FileManager.default.fileExists(atPath: path) ? path : nil
  }

  func path(_ name: String) -> String { folder + "/" + name }

  @discardableResult
  func write(_ name: String, _ text: String) throws -> String { try write(name, Data(text.utf8)) }

  @discardableResult
  func write(_ name: String, _ data: Data) throws -> String {
    let path = path(name)
    try FileManager.default.createDirectory(atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
    try data.write(to: URL(fileURLWithPath: path))
    return path
  }

  func read(_ name: String) -> String { FileManager.default.contents(atPath: path(name)).map { String(decoding: $0, as: UTF8.self) } ?? "" }
  func data(_ name: String) -> Data? { FileManager.default.contents(atPath: path(name)) }
  func exists(_ name: String) -> Bool { FileManager.default.fileExists(atPath: path(name)) }

  /// Waits, two minutes at most, until a file is there and holds something.
  func await(_ name: String) throws {
    for _ in 0..<24_000 {
      if let data = data(name), !data.isEmpty { return }
      usleep(5000)
    }
    Issue.record("\(name) did not appear")
  }

  /// The lines of a file, as JSON objects.
  func records(_ name: String) -> [[String: Any]] {
    read(name).split(separator: "\n").compactMap { try? JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any] }
  }

  func start(
    _ program: String, _ arguments: [String], environment: [String: String] = [:], stdout: FileHandle = .nullDevice,
    stderr: FileHandle = .nullDevice
  ) throws -> Child {
    try Child(program, arguments, folder: folder, environment: environment, stdout: stdout, stderr: stderr)
  }

  func run(_ program: String, _ arguments: [String], environment: [String: String] = [:]) throws -> Outcome {
    let id = UUID().uuidString
    let outPath = try write(".\(id).out", "")
    let errPath = try write(".\(id).err", "")
    let out = try #require(FileHandle(forWritingAtPath: outPath))
    let err = try #require(FileHandle(forWritingAtPath: errPath))
    let process = try start(program, arguments, environment: environment, stdout: out, stderr: err)
    let status = process.wait()
    defer {
      unlink(outPath)
      unlink(errPath)
    }
    return Outcome(status: status, stdout: read(".\(id).out"), stderr: read(".\(id).err"))
  }

  @discardableResult
  func sluice(_ arguments: String..., environment: [String: String] = [:]) throws -> Outcome {
    try run(Self.binary, arguments, environment: environment)
  }

  /// Runs a pipeline and gives its result as JSON.
  func runPipeline(_ path: String = "pipeline.yaml", _ more: String..., environment: [String: String] = [:]) throws -> Outcome {
    try run(Self.binary, ["run", path, "--output", "json", "--progress", "none"] + more, environment: environment)
  }

  /// Runs pipeline.yaml; gives the most memory too that one of its processes took, in kilobytes.
  func runMeasured() throws -> (outcome: Outcome, kilobytes: Int) {
    let outcome = try run(
      "/usr/bin/env",
      [
        "python3", "-c",
        """
        import resource, subprocess, sys
        code = subprocess.call(sys.argv[1:])
        print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)
        sys.exit(code)
        """, Self.binary, "run", "pipeline.yaml", "--progress", "none",
      ])
    return (outcome, Int(outcome.stderr.split(separator: "\n").last ?? "") ?? .max)
  }

  func python(_ script: String, _ arguments: String...) throws -> Outcome {
    let outcome = try run("/usr/bin/env", ["python3", "-c", script] + arguments)
    #expect(outcome.status == 0, "python: \(outcome.stderr)")
    return outcome
  }

  /// Every file below the folder with its content's hash, for "nothing was written".
  func tree() throws -> String {
    try python(
      "import os,hashlib,sys\nfor d,_,fs in sorted(os.walk('.')):\n  for f in sorted(fs):\n    p=os.path.join(d,f)\n    if '.out' in f or '.err' in f: continue\n    print(p,hashlib.sha256(open(p,'rb').read()).hexdigest())"
    ).stdout
  }
}

/// Asks that a run that was told to end came to its end by itself, and was not cut off when the grace was over: then it says in the ledger
/// when it ended. (That a run whose process is gone is interrupted, `status` says too.)
func expectEnded(_ shop: Workshop, _ status: Int32, _ place: SourceLocation = #_sourceLocation) throws {
  let told = try shop.sluice("status", "pipeline.yaml", "--output", "json").json
  #expect(told["status"] as? String == (status == 0 ? "done" : "interrupted") && told["ended_at"] is String, sourceLocation: place)
}

/// A definition of the flights pipeline, with what a test wants changed.
enum Flights {
  static let fields = """
      year: bigint not null
      month: bigint not null
      day: bigint not null
      dep_time: bigint
      sched_dep_time: bigint not null
      dep_delay: double
      arr_time: bigint
      sched_arr_time: bigint not null
      arr_delay: double
      carrier: text not null
      flight: bigint not null
      tailnum: text
      origin: text not null
      dest: text not null
      air_time: double
      distance: double not null
      hour: bigint
      minute: bigint
      time_hour: timestamp not null
    """

  static func definition(from: String, path: String, fetch: String = "", extra: String = "", writeExtra: String = "") -> String {
    """
    pipeline: flights
    fetch:
      from: \(from)
    \(fetch)
    parse:
      format: csv
      fields:
    \(fields.split(separator: "\n").map { "  " + $0 }.joined(separator: "\n"))
    transform:
      - filter: air_time IS NOT NULL AND distance >= 500
      - derive: {miles_per_hour: distance / (air_time / 60)}
      - select: [time_hour, carrier, flight, tailnum, origin, dest, dep_delay, arr_delay, air_time, distance, miles_per_hour]
    write:
      path: \(path)
    \(writeExtra)
    \(extra)
    """
  }

  /// The same by Python's csv and json, one list of records a file.
  static let oracle = """
    import csv, gzip, json, sys
    def number(text, kind): return None if text == '' else kind(text)
    for path in sys.argv[1:]:
        for row in csv.DictReader(gzip.open(path, 'rt', newline='')):
            air = number(row['air_time'], float); distance = float(row['distance'])
            if air is None or not distance >= 500: continue
            print(json.dumps([row['time_hour'], row['carrier'], int(row['flight']), row['tailnum'] or None, row['origin'], row['dest'],
                number(row['dep_delay'], float), number(row['arr_delay'], float), air, distance, distance / (air / 60)]))
    """
  static let compare = """
    import json, sys
    got = [list(json.loads(line).values()) for path in sys.argv[2:] for line in open(path)]
    want = [json.loads(line) for line in open(sys.argv[1])]
    assert len(got) == len(want), (len(got), len(want))
    for a, b in zip(got, want): assert a == b, (a, b)
    print(len(got))
    """

  static let months = (1...12).map { Workshop.sampleData + String(format: "/flights-2013-%02d.csv.gz", $0) }
}

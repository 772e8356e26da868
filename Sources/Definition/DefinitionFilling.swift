import Configuration
import Decompress
import Fetch
import Foundation
import Parse
import Processes
import Records
import Supervision
import Transform

/// Putting read values where the definition has them; each already fits its shape.
extension PipelineDefinition {
  mutating func fill(_ value: Value, _ reader: inout DefinitionReader) {
    name = value["pipeline"]?.text ?? ""
    policy = value["supervise"].map { policy($0, RestartPolicy()) } ?? RestartPolicy()
    if let crashes = value["supervise"]?["poison_after"]?.text.flatMap({ Int($0) }) { poisonAfter = crashes }
    let cores = max(1, ProcessInfo.processInfo.activeProcessorCount)
    for stageName in StageName.allCases {
      let section = value[stageName.rawValue]
      let usual =
        switch stageName {
        case .fetch, .decompress, .write: 4
        case .parse, .transform: cores
        }
      stages[stageName] = stage(section, workers: usual, policy)
    }
    if let fetch = value["fetch"] { fillFetch(fetch, &reader) }
    if let decompress = value["decompress"] { fillDecompress(decompress) }
    if let parse = value["parse"] { fillParse(parse, &reader) }
    if let transform = value["transform"] { fillTransform(transform["steps"] ?? transform, &reader) }
    if let write = value["write"] { fillWrite(write, &reader) }
    if let limits = value["limits"] {
      if let share = limits["dead_letters"]?.text.flatMap(Scalars.share) { deadLetterLimit = share }
      if let exceed = limits["on_exceed"]?.text.flatMap(OnExceed.init) { onExceed = exceed }
      if let bytes = limits["memory"]?.text.flatMap(Scalars.byteCount) { memory = bytes }
      if let bytes = limits["process_memory"]?.text.flatMap(Scalars.byteCount) { processMemory = bytes }
      if let count = limits["failed_items"]?.text.flatMap({ Int($0) }) { failedItemLimit = count }
    }
    if let list = value["tests"] { tests = list.elements.filter(\.isRead).map { DefinitionTest($0, &reader) } }
    if let notify = value["notify"] {
      notifyRules = notify.elements.filter(\.isRead).map { NotifyRule($0, &reader) }
    }
    for section in ["decompress", "parse", "transform", "write"] {
      fingerprintText += "\(section): \(value[section].map(Self.plain) ?? "")\n"
    }
  }

  /// A value without its positions; what only says how work is done, not what comes out, is left away.
  private static func plain(_ value: Value) -> String {
    switch value {
    case .scalar(let text, _): "\(text.debugDescription)"
    case .null, .unread: "null"
    case .list(let elements, _): "[\(elements.map(plain).joined(separator: ","))]"
    case .map(let entries, _):
      "{\(entries.filter { !["workers", "buffer", "retry", "supervise", "checkpoint"].contains($0.key) }.map { "\($0.key.debugDescription):\(plain($0.value))" }.joined(separator: ","))}"
    }
  }

  private func policy(_ value: Value, _ base: RestartPolicy) -> RestartPolicy {
    var policy = base
    if let restart = value["restart"]?.text.flatMap(RestartPolicy.Restart.init) { policy.restart = restart }
    if let most = value["max_restarts"]?.text.flatMap({ Int($0) }) { policy.maxRestarts = most }
    if let within = value["within"]?.text.flatMap(Scalars.duration) { policy.within = within }
    if let (first, longest) = value["backoff"]?.text.flatMap(Scalars.durationRange) {
      policy.backoff = Backoff(first: first, longest: longest)
    }
    if let strategy = value["strategy"]?.text.flatMap(RestartPolicy.Strategy.init) { policy.strategy = strategy }
    if let watchdog = value["watchdog"]?.text.flatMap(Scalars.duration) {
      policy.watchdog = watchdog
      policy.grace = min(policy.grace, watchdog)
    }
    return policy
  }

  private func stage(_ section: Value?, workers: Int, _ shared: RestartPolicy) -> Stage {
    var stage = Stage(workers: PoolSize(min: workers, max: workers), buffer: 8, attempts: 5, policy: shared)
    if let count = section?["workers"]?.text.flatMap({ Int($0) }) { stage.workers = PoolSize(min: count, max: count) }
    if let bounds = section?["workers"], let most = bounds["max"]?.text.flatMap({ Int($0) }) {
      stage.workers = PoolSize(min: bounds["min"]?.text.flatMap { Int($0) } ?? 1, max: most)
    }
    if let count = section?["buffer"]?.text.flatMap({ Int($0) }) { stage.buffer = count }
    if let count = section?["retry"]?["attempts"]?.text.flatMap({ Int($0) }) { stage.attempts = count }
    if let own = section?["supervise"] { stage.policy = policy(own, shared) }
    return stage
  }

  private mutating func fillFetch(_ fetch: Value, _ reader: inout DefinitionReader) {
    if let timeout = fetch["timeout"] {
      if let connect = timeout["connect"]?.text.flatMap(Scalars.duration) { timeouts.connect = connect }
      if let idle = timeout["idle"]?.text.flatMap(Scalars.duration) { timeouts.idle = idle }
      if let total = timeout["total"]?.text.flatMap(Scalars.duration) { timeouts.total = total }
    }
    fetchRetry.attempts = stage(.fetch).attempts
    if let (first, longest) = fetch["retry"]?["backoff"]?.text.flatMap(Scalars.durationRange) {
      fetchRetry.backoff = Backoff(first: first, longest: longest)
    }
    let shared = connection(fetch, HTTPConnection(), &reader)
    for element in fetch["from"]?.elements ?? [] {
      let url = element["url"] ?? element
      guard var pattern = url.text else { continue }
      var source = url.position.source ?? SourcePattern(pattern)
      let headers = element["headers"]?.entries.map { HTTPHeader(name: $0.key, value: $0.value.text ?? "") } ?? []
      if pattern.hasPrefix("file://") {
        source = source.dropping("file://")
        pattern = source.value
      }
      // A value with braces stands for many addresses, and one with a star for many files.
      var entry = Entry(
        source: source.spellingOutPatterns(of: HTTPAddress.isOne(pattern) ? "{}" : "{}*?["),
        headers: headers,
        sha256: element["sha256"]?.text?.lowercased())
      entry.connection = connection(element, shared, &reader)
      if entry.isHTTP { checkAddresses(entry, at: url.position, &reader) }
      if !entry.isHTTP, let scheme = pattern.range(of: "://") {
        reader.report(
          url.position.diagnostic("“\(pattern[..<scheme.lowerBound])” is no scheme that can be fetched; there are http and https"))
      }
      if let sum = entry.sha256, sum.count != 64 || !sum.allSatisfy(\.isHexDigit) {
        reader.report(
          (element["sha256"] ?? element).position.diagnostic("a SHA-256 has 64 hexadecimal digits, and this has \(sum.count) characters"))
      }
      if headers.contains(where: { ($0.name + $0.value).contains { $0 == "\n" || $0 == "\r\n" || $0 == "\r" } }) {
        reader.report(element.position.diagnostic("a header can't hold a line end"))
      }
      entries.append(entry)
    }
    if let from = fetch["from"], from.elements.isEmpty {
      reader.report(from.position.diagnostic("the list is empty; name at least one path or address"))
    }
  }

  private mutating func fillDecompress(_ value: Value) {
    if let format = value["format"]?.text.flatMap(CompressionFormat.init) { compression = format }
    if let damage = value["on_error"]?.text.flatMap(OnDamage.init) { onDamage = damage }
    if let ratio = value["limits"]?["ratio"]?.text.flatMap({ Int($0) }) { decompressLimits.ratio = ratio }
    if let bytes = value["limits"]?["bytes"]?.text.flatMap(Scalars.byteCount) { decompressLimits.bytes = bytes }
  }

  private mutating func fillParse(_ value: Value, _ reader: inout DefinitionReader) {
    parseFormat = value["format"]?.text.flatMap(ParseFormat.init)
    if let bad = value["on_bad_record"]?.text.flatMap(OnBadRecord.init) { onBadRecord = bad }
    onSchemaChange = value["on_schema_change"]?.text.flatMap(OnSchemaChange.init)
    if let limit = value["limits"]?["record"]?.text.flatMap(Scalars.byteCount) { recordLimit = limit }
    if let entry = value["encoding"], let name = entry.text {
      if let known = TextEncoding(named: name) {
        encoding = known
      } else {
        let near = Spelling.nearest(to: name.lowercased(), among: TextEncoding.usualNames).map { "; did you mean \($0)?" }
        reader.report(
          entry.position.diagnostic(
            "“\(name)” is no character encoding that is known here\(near ?? "; iconv -l lists what this system knows")"))
      }
    }
    if let list = value["fields"], list.isRead {
      fields = schema(list)
      unreadFields = Set(list.entries.filter { !$0.value.isRead }.map(\.key))
      if list.entries.isEmpty { reader.report(list.position.diagnostic("the map is empty; leave fields away to have them inferred")) }
    }
    if parseFormat == .exec {
      fillParser(value, &reader)
    } else if let entry = value.entries.first(where: { $0.key == "exec" }) {
      reader.report(entry.at.diagnostic("exec is for format exec"))
    }
    fillDialect(value, &reader)
  }

  /// A program that parses is the first step: what it is sent has no fields.
  private mutating func fillParser(_ value: Value, _ reader: inout DefinitionReader) {
    guard let exec = value["exec"], value["fields"] != nil else {
      reader.report((value["format"] ?? value).position.diagnostic("format exec needs exec, the program, and fields, what it answers with"))
      return
    }
    guard let fields else { return }
    var options = program(exec, at: exec.position, &reader)
    options.takesText = true
    steps.append(.program(options, fields: fields))
    stepPositions.append([])
    self.fields = Schema([])
  }

  private mutating func fillDialect(_ value: Value, _ reader: inout DefinitionReader) {
    if parseFormat == .jsonl || parseFormat == .exec {
      for key in [
        "header", "on_empty", "columns", "delimiter", "quote", "escape", "stray_quotes", "skip_lines", "skip_footer_lines", "comment",
        "null_values",
        "null_values_in_text",
        "trim", "ragged",
        "record_delimiter",
      ] {
        if let entry = value.entries.first(where: { $0.key == key }) {
          reader.report(entry.at.diagnostic("\(key) is for csv and tsv, and the format is \(parseFormat == .exec ? "exec" : "jsonl")"))
        }
      }
    }
    switch value["header"]?.text {
    case "true"?, nil: dialect.headerLines = 1
    case "false"?: dialect.headerLines = 0
    case let lines?: dialect.headerLines = Int(lines) ?? 1
    }
    if let list = value["columns"], list.isRead { fillColumns(list, value["fields"], &reader) }
    if let delimiter = value["delimiter"], delimiter.text == "whitespace" {
      dialect.delimiter = [0x20]
      dialect.isDelimitedByBlanks = true
    } else if let delimiter = value["delimiter"], delimiter.isRead {
      dialect.delimiter = Array((delimiter.text ?? "").utf8)
      if dialect.delimiter.isEmpty || dialect.delimiter.contains(0x0A) || dialect.delimiter.contains(0x0D) {
        reader.report(delimiter.position.diagnostic("a delimiter is one or more characters, and no line end"))
        dialect.delimiter = [0x2C]
      }
    }
    dialect.quote = byte(value["quote"], "quote", default: 0x22, &reader)
    dialect.escape = byte(value["escape"], "escape", default: dialect.quote, &reader)
    dialect.acceptsEmpty = value["on_empty"]?.text == OnEmpty.accept.rawValue
    if let stray = value["stray_quotes"]?.text.flatMap(CSVDialect.StrayQuotes.init) { dialect.strayQuotes = stray }
    if let lines = value["skip_lines"]?.text.flatMap({ Int($0) }) { dialect.skipLines = lines }
    if let lines = value["skip_footer_lines"]?.text.flatMap({ Int($0) }) { dialect.skipFooterLines = lines }
    if let comment = value["comment"]?.text, !comment.isEmpty { dialect.comment = Array(comment.utf8) }
    if let nulls = value["null_values"] {
      dialect.nullValues = nulls.elements.compactMap { $0.text.map { Array($0.utf8) } }.filter { !$0.isEmpty }
    }
    if let inText = value["null_values_in_text"]?.text { dialect.hasNullsInText = inText == "true" }
    if let trim = value["trim"]?.text { dialect.trim = trim == "true" }
    if let delimiter = value["record_delimiter"]?.text.flatMap(CSVDialect.RecordDelimiter.init) { dialect.recordDelimiter = delimiter }
    if let ragged = value["ragged"]?.text.flatMap(CSVDialect.Ragged.init) { dialect.ragged = ragged }
  }

  private mutating func fillColumns(_ list: Value, _ fields: Value?, _ reader: inout DefinitionReader) {
    let names = list.elements.compactMap(\.text)
    dialect.columns = names
    if names.isEmpty { reader.report(list.position.diagnostic("the list is empty; leave columns away to take them from the header")) }
    for (i, element) in list.elements.enumerated() where names.prefix(i).contains(element.text ?? "") {
      reader.report(element.position.diagnostic("“\(element.text ?? "")” stands twice; each column needs a name of its own"))
    }
    for entry in fields?.entries ?? [] where !names.contains(entry.key) {
      let near = Spelling.nearest(to: entry.key, among: names).map { "; did you mean \($0)?" } ?? ""
      reader.report(entry.at.diagnostic("parse.columns has no “\(entry.key)”\(near)"))
    }
  }

  private func byte(_ value: Value?, _ key: String, default usual: UInt8?, _ reader: inout DefinitionReader) -> UInt8? {
    guard let value else { return usual }
    guard case .scalar(let text, let place) = value else { return nil }
    if text.utf8.count != 1 { reader.report(place.diagnostic("\(key) is one ASCII character, or null for none")) }
    return text.utf8.first
  }

  private mutating func fillTransform(_ value: Value, _ reader: inout DefinitionReader) {
    for step in value.elements {
      // A step that was not read whole is followed by one of which nothing is known.
      defer {
        if !step.isWhole {
          steps.append(.unread)
          stepPositions.append([])
        }
      }
      guard let entry = step.entries.first, entry.value.isRead else { continue }
      let pairs = entry.value.entries.filter(\.value.isRead)
      let texts = pairs.map { (name: $0.key, expression: $0.value.text ?? "") }
      var places = pairs.map { (name: $0.at, value: $0.value.position) }
      switch entry.key {
      case "filter":
        steps.append(.filter(entry.value.text ?? ""))
        places = [(entry.at, entry.value.position)]
      case "derive": steps.append(.derive(texts))
      case "rename": steps.append(.rename(texts.map { (from: $0.name, to: $0.expression) }))
      case "expect": steps.append(.expect(texts))
      case "exec":
        steps.append(.program(program(entry.value, at: entry.at, &reader), fields: entry.value["fields"].map(schema)))
      case "cast":
        steps.append(.cast(texts.compactMap { pair in FieldType.parse(pair.expression).map { (name: pair.name, type: $0.type) } }))
      case "select", "drop":
        let names = entry.value.elements.compactMap(\.text)
        steps.append(entry.key == "select" ? .select(names) : .drop(names))
        places = entry.value.elements.filter(\.isRead).map { ($0.position, $0.position) }
      default: continue
      }
      stepPositions.append(places)
    }
  }

  private func program(_ value: Value, at place: Position, _ reader: inout DefinitionReader) -> ProgramOptions {
    var options = ProgramOptions()
    let command = value["command"]?.elements.compactMap(\.text) ?? []
    if let shell = value["shell"]?.text { options.command = ["/bin/sh", "-c", shell] } else { options.command = command }
    if value.isWhole, (value["command"] == nil) == (value["shell"] == nil) || options.command.first?.isEmpty != false {
      reader.report(place.diagnostic("a program is a command, which is a list of the program and its arguments, or a shell command"))
    }
    options.softLimit = value["timeout"]?["soft"]?.text.flatMap(Scalars.duration)
    options.hardLimit = value["timeout"]?["hard"]?.text.flatMap(Scalars.duration)
    options.recycleUnits = value["recycle"]?["units"]?.text.flatMap { Int($0) }
    options.recycleMemory = value["recycle"]?["memory"]?.text.flatMap(Scalars.byteCount)
    options.memory = value["memory"]?.text.flatMap(Scalars.byteCount)
    return options
  }

  private func schema(_ list: Value) -> Schema {
    Schema(
      list.entries.map { entry in
        entry.value.text.flatMap(FieldType.parse).map { Field(name: entry.key, type: $0.type, nullable: $0.nullable) }
          ?? Field(name: entry.key, type: .text)
      })
  }

  /// Why a file of this name would not hold what the name says; nil for others.
  private static func misnamed(_ path: String, hasFormat: Bool) -> String? {
    let name = path.lowercased()
    if let ending = [".zst", ".bz2", ".xz", ".lz4", ".br", ".zip", ".z", ".7z"].first(where: name.hasSuffix) {
      return "nothing is written as \(ending); a name in .gz is compressed"
    }
    let bare = name.hasSuffix(".gz") ? String(name.dropLast(3)) : name
    if !hasFormat,
      let ending = [".tsv", ".xlsx", ".xls", ".parquet", ".avro", ".orc", ".db", ".sqlite", ".xml"].first(where: bare.hasSuffix)
    {
      return "nothing is written as \(ending): .jsonl and .csv are; or say with write.format what the file is to hold"
    }
    return nil
  }

  private mutating func fillWrite(_ value: Value, _ reader: inout DefinitionReader) {
    writePath = value["path"]?.text ?? ""
    if let rule = value["checkpoint"] {
      if let every = rule["every"]?.text.flatMap(Scalars.duration) { checkpoint.every = every }
      if let records = rule["records"]?.text.flatMap({ Int($0) }) { checkpoint.records = records }
      if let bytes = rule["bytes"]?.text.flatMap(Scalars.byteCount) { checkpoint.bytes = bytes }
    }
    let bare = writePath.hasSuffix(".gz") ? String(writePath.dropLast(3)) : writePath
    if let format = value["format"]?.text.flatMap(WriteFormat.init) {
      writeFormat = format
    } else {
      writeFormat = bare.hasSuffix(".csv") ? .csv : .jsonl
    }
    guard let path = value["path"], path.isRead else { return }
    writePathPosition = path.position
    if writePath.isEmpty || writePath.hasSuffix("/") { reader.report(path.position.diagnostic("write.path is a file, and this is none")) }
    if let reason = Self.misnamed(writePath, hasFormat: value["format"] != nil) { reader.report(path.position.diagnostic(reason)) }
    var rest = writePath[...]
    while let open = rest.firstIndex(of: "{") {
      guard let close = rest[open...].firstIndex(of: "}") else { break }
      let word = String(rest[rest.index(after: open)..<close])
      let known = ["item.stem", "item.name", "run.id", "run.date"]
      if !known.contains(word) {
        let near =
          Spelling.nearest(to: word, among: known).map { "; did you mean {\($0)}?" } ?? "; there are {\(known.joined(separator: "}, {"))}"
        reader.report(path.position.diagnostic("“{\(word)}” stands for nothing\(near)"))
      }
      rest = rest[rest.index(after: close)...]
    }
  }
}

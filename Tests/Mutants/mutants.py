"""Mutants: each takes a rule or a mechanism out, and the test that shows it must fail. mutants.py ROOT [OPTION...] [WORD...]"""
import argparse
import collections
import concurrent.futures
import glob
import os
import re
import shutil
import signal
import subprocess
import sys

POOL = "Sources/Supervision/PoolState.swift"
SHELL = "Sources/Supervision/WorkerPool.swift"
POLICY = "Sources/Supervision/RestartPolicy.swift"
PROGRAM = "Sources/Processes/Program.swift"
PROGRAMS = "Sources/Dataflow/Programs.swift"

SPOOL = "Sources/Fetch/Spool.swift"
DOWNLOAD = "Sources/Fetch/Download.swift"
HTTP = "Sources/Fetch/HTTPSource.swift"
ANSWER = "Sources/Fetch/HTTP/HTTPAnswer.swift"
INIT = "Sources/Operations/Init/"

# Test, what is taken out, file, text, what stands there instead.
MUTANTS = [
    ("kotlinSiblingsSurvive", "a failure stays with its worker", POLICY, "case .oneForOne: other == failed", "case .oneForOne: true",
     POOL, "if strategy != .oneForOne {", "if true {"),
    ("rustClosingTheChannelEndsTheWorkers", "the channel's end ends the pool", POOL, "    isClosed = true\n", "    isClosed = false\n"),
    ("goEveryResultIsCollected", "the run waits for what is in work", POOL, "    if isAtWork { return nil }\n", "    _ = isAtWork\n"),
    ("cIdleRunUsesNoCPU", "what waits sleeps", "Sources/Dataflow/Flow.swift", "try? await Task.sleep(for: .milliseconds(100))",
     "try? await Task.sleep(for: .microseconds(50))"),
    ("cppStopWakesAndJoinsAll", "a stop tells the workers", POOL, "return tellAll(but: nil) + schedule(now)", "return schedule(now)"),
    ("csharpIntakeClosesWhileDraining", "a finished channel takes nothing in", "Sources/Supervision/Channel.swift", "{ throw Closed() }", "{}"),
    ("typescriptIdleWorkerTakesTheNextUnit", "an idle worker is given work at once", POOL,
     "    workers[worker] = .idle(since: now)\n    return [.forget(delivery)]",
     "    workers[worker] = .resting(until: now + .seconds(1))\n    return [.forget(delivery)]"),
    ("typescriptEventsAreTold", "a stall is told", POOL, "[.tell(worker: worker, .stalled(for: policy.watchdog)), .cancel(held)]", "[.cancel(held)]"),
    ("typescriptEventsAreSeen", "events go to the ledger", "Sources/Dataflow/Reporter.swift", "    journal.add(happened)\n", "      _ = journal\n"),
    ("javascriptErrorReachesItsItem", "an error keeps its stage", "Sources/Decompress/DecompressError.swift",
     "package var stage: Stage { .decompress }", "package var stage: Stage { .parse }"),
    ("pythonCrashedProcessTakesNothingWithIt", "a record that a process dies of is found", PROGRAMS,
     "      answers.refuse(at,", "      if at >= 0 { throw ProgramBroken(command: \"\", last: failure) }\n      answers.refuse(at,"),
    ("javaBlockedWorkerIsInterrupted", "a worker that waits is interrupted", SHELL, "shell.withLock { $0.hands[delivery.id]?.tell() }?.cancel()",
     "_ = shell.withLock { $0.hands[delivery.id]?.tell() }"),
    ("javaBlockedInAProgram", "a stop reaches programs", "Sources/Dataflow/Flow.swift", "    programs.interrupt()\n", ""),
    ("javaBlockedInARead", "a stop reaches transfers", "Sources/Dataflow/FetchStage.swift", "    } onCancel: {\n      work.cancel()\n", "    } onCancel: {\n",
     "Sources/Dataflow/FetchStage.swift", "task.onEnd { work.cancel() }", "task.onEnd {}"),
    ("failedItemsServer", "a failed item's transfer ends", "Sources/Dataflow/FetchStage.swift", "task.onEnd { work.cancel() }", "task.onEnd {}"),
    ("kubernetesPoolComesBackToItsSize", "a worker that is lost is replaced", POOL,
     "isServing, workerCount < size.min {",
     "isServing, workerCount < 0 {"),
    ("kubernetesBackoffResets", "a healthy period ends the backoff", POLICY, "now - last >= policy.within { streak = 0 }", "now - last >= policy.within {}"),
    ("kubernetesFailureLimits", "failed items are limited", "Sources/Dataflow/RunControl.swift", "if hasTooManyFailedItems { stop() }", ""),
    ("celeryRecycling", "a worn process is replaced", PROGRAM, "batches.withLock({ $0 }) >= units { return true }", "batches.withLock({ $0 }) >= units {}"),
    ("celeryTimeLimits", "the soft limit tells the process", PROGRAM, "      progress.wasTold = true\n      process.signal(SIGTERM)\n",
     "      progress.wasTold = true\n"),
    ("systemdIsNotified", "the service manager is told", "Sources/Isolation/ParentProcess.swift", "{ sluice_notify(socket, text) }", "{}"),
    ("erlangStrategiesOfWorkers", "rest_for_one takes the rest", POLICY, "case .restForOne: other >= failed", "case .restForOne: other == failed"),
    ("erlangStrategiesOfStages", "one_for_all takes all", POLICY, "case .oneForAll: true", "case .oneForAll: other == failed"),
    ("erlangEscalation", "too many failures go up", POLICY, "if failures.count > policy.maxRestarts { return .giveUp }", ""),
    ("poison", "what killed the engine is tried alone", "Sources/Isolation/Suspects.swift",
     "      return suspect.crashes >= poisonAfter && unit.item", "      return suspect.crashes >= .max && unit.item"),
    ("parentKilled", "an engine dies with its parent", "Sources/CProcess/CProcess.c", "  prctl(PR_SET_PDEATHSIG, SIGKILL);\n", ""),
    ("controlCharactersAreEscaped", "a return that ends no record is looked for", "Sources/Parse/CSVIndexer.swift",
     "return isOfLineEnds ? kinds & ~UInt32(SLUICE_HAS_CONTROL) : kinds", "_ = isOfLineEnds\n    return kinds & ~UInt32(SLUICE_HAS_CONTROL)"),
    ("jsonStaysOnItsLine", "JSON is written on one line", "Sources/Write/JSONLinesEncoder.swift", "start[i] = max(p[i], 0x20)", "start[i] = p[i]"),
    ("writersAgreeOnNumbers", "what a number would lose is refused", "Sources/Records/NumberText.swift",
     "if i >= count || p[i] == 0x2B { return false }\n    return p[i] != 0x30 || i + 1 >= count || p[i + 1] &- 0x30 > 9", "return i < count"),
    ("tooManyDigits", "a decimal is not rounded in silence", "Sources/Records/DecimalText.swift", "guard rounds, digits <= mostDigits else", "guard digits <= mostDigits else"),
    ("zones", "a local time that clocks skip is no moment", "Sources/Records/FieldSpelling.swift", "guard let side else { return nil }", "let side = side ?? .earlier"),
    ("everyZone", "a zone's last rule goes on", "Sources/Records/ZoneRules.swift", "? ((moment - last) / Self.cycle + 1) * Self.cycle : 0", "? 0 : 0"),
    ("refusalsSayWhatToDo", "a refusal has a hint", "Sources/Parse/FaultReason.swift", "(digits(excerpt, field.type) ?? hint(excerpt, field.type)).map { \"\\(reason); \\($0)\" } ?? reason", "reason"),
    ("nullWordsInText", "null words leave text alone", "Sources/Parse/CSVRewriter.swift", "dialect.hasNullsInText && !cell.quoted", "!cell.quoted"),
    ("quotedEmptyCells", "a quoted empty cell is NULL where the field is not text", "Sources/Records/RecordBatch.swift", "(isText ? 0 : 2, 0x22)",
     "(0, 0x22)"),
    ("nothingNewAfterFailure", "a run that failed for its dead letters can be closed", "Sources/Runs/Closing.swift",
     "guard isUnfinished || record.status == .failed else", "guard isUnfinished else"),
    ("loneSurrogates", "CSV refuses half of a surrogate pair", "Sources/Write/CSVEncoder.swift", "if views.isText(Int(row)) {", "if true {"),
    ("overflowIsADeadLetter", "arithmetic out of range is told", "Sources/Transform/Evaluation.swift",
     "{ fail(rows[i], Self.outOfDouble) }", "{}"),
    ("overflowIsADeadLetter", "functions out of range are told", "Sources/Transform/Call.swift", "if value?.isInfinite == true {", "if false {"),
    ("roundIsDecimal", "round goes by decimal digits", "Sources/Transform/NumberFunctions.swift", "sluice_round_double(value, $0)",
     "(value * pow(10, Double($0))).rounded(.toNearestOrAwayFromZero) / pow(10, Double($0))"),
    ("oneNotionOfCase", "case is of all letters", "Sources/Transform/Scalars.swift", "return foldedLong(scalar)", "return scalar"),
    ("backtrackingPatternsEnd", "patterns have a bound of their own", "Sources/Transform/PatternFunctions.swift",
     "pcre2_set_match_limit_8(context, Self.steps(text.count))", "_ = Self.steps"),
    ("deepExpressions", "trees have a greatest height", "Sources/Transform/ExpressionSyntax.swift", "if place.height > Syntax.greatestHeight {", "if false {"),
    ("deepExpressions", "nesting is bounded", "Sources/Transform/ExpressionSyntax.swift", "if depth > Syntax.greatestNesting {", "if false {"),
    ("growingValues", "texts have a greatest length", "Sources/Transform/TextWriter.swift", "if built + count > bounds.textBytes {", "if false {"),
    ("checksWithoutFields", "a definition without fields is checked", "Sources/Definition/PipelineDefinition.swift",
     "for diagnostic in diagnostics { reader.report(diagnostic) }",
     "if definition.parse.fields != nil { for diagnostic in diagnostics { reader.report(diagnostic) } }"),
    ("allErrorsAtOnce", "what follows a step that was not read is not judged", "Sources/Transform/TransformSection.swift", "if !element.isWhole {", "if false {"),
    ("supervisorHistories", "a unit goes back when its worker is told to end", POOL, "      again.insert(delivery, at: 0)\n      return schedule(now)\n",
     "      return schedule(now)\n"),
    ("supervisorHistories", "a worker that does not end keeps its unit", POOL,
     "    var actions: [Action] = [.tell(worker: worker, .stuck), .exhausted(delivery, error)]",
     "    again.append(delivery)\n    var actions: [Action] = [.tell(worker: worker, .stuck)]\n    _ = error"),
    ("foreignFormatsAreNamed", "foreign formats are known by their bytes", "Sources/Dataflow/RecordChunker.swift",
     "if let foreign = ForeignFormat.of(head) {", "if let foreign = ForeignFormat.of(head), false {"),
    ("documentsAreNoTables", "documents are known by how they begin", "Sources/Dataflow/RecordChunker.swift",
     "if let document = TextDocument.of(buffer, isWhole: isFinal), ", "if let document = TextDocument.of(buffer, isWhole: isFinal), false, "),
    ("foreignFormatsAreNamed", "NUL bytes are no text", "Sources/Decompress/ForeignFormat.swift", "    return count >= 4 && ",
     "    return count < 0 && "),
    ("documentsAreNoTables", "an array is no JSON Lines", "Sources/Parse/JSONLines.swift",
     "document == .webPage || (!hasFields && (document", "document == .webPage || (false && (document"),
    ("textsLikeMarksAreRead", "letters alone are no mark", "Sources/Decompress/Mark.swift", "return !isText\n", "return isText\n"),
    ("typesComeFromTheFirstRecords", "types come from records", "Sources/Planning/Sampler.swift",
     "if columns.cells.contains(where: { !$0.isEmpty }) {", "if !columns.cells.isEmpty {"),
    ("changedTypesAreTold", "a change of inferred types is told", "Sources/Runs/Runner.swift", "if !changes.isEmpty {", "if false {"),
    ("foreignItemsFailForThemselves", "items that are something else fail for themselves", "Sources/Runs/Runner.swift",
     "if inferred.isForeign, (try?", "if false, (try?"),
    ("invalidBytesAreDeadLetters", "what stands for nothing is marked", "Sources/Parse/Iconv.swift", "        out.append(0xFF)\n", ""),
    ("cutCharactersAreRead", "a cut character is kept for the next piece", "Sources/Parse/Transcoder.swift", "    held = (taken..<bytes.byteCount).map { bytes.byte($0) }\n", ""),
    ("unknownEncodingsAreTold", "an encoding that is none is an error", "Sources/Parse/ParseSection.swift",
     "if let known = TextEncoding(named: name) {", "if let known = TextEncoding(named: name) ?? .some(.utf8) {"),
    ("standardOutputFails", "a failed write counts", "Sources/sluice/StandardStreams.swift", "failure.withLock { $0 = code } }", "_ = code }"),
    ("standardOutputIsClosed", "closed descriptors are taken", "Sources/sluice/Sluice.swift", "    StandardStreams.prepare()\n", ""),
    ("readerGoes", "a reader may go", "Sources/sluice/StandardStreams.swift", ", reason != EPIPE else", ", reason != 0 else"),
    ("controlCharacters", "control characters are spelled out", "Sources/Configuration/ShownText.swift",
     "    guard text.unicodeScalars.contains(where: isHarmful) else { return text }\n    var out",
     "    guard text.unicodeScalars.contains(where: isHarmful), false else { return text }\n    var out"),
    ("longValues", "names in messages are cut", "Sources/Records/Excerpt.swift", "names.prefix(most)", "names.prefix(.max)"),
    ("logFile", "a log file that can't be written is told of", "Sources/sluice/Console.swift", "      if isFirst {", "      if isFirst, false {"),
    ("cutsAndPaths", "a cut secret is found", "Sources/Configuration/Redactor.swift", "Self.cut.areIn(text) ? withoutBeginnings(text) : text", "text"),
    ("echoed", "records are shown without secrets", "Sources/sluice/Options.swift",
     "      console.hide(PipelineDefinition.redactor(text: record.definition, path: record.definitionPath, variables: record.variables))\n", "      _ = record\n",
     "Sources/sluice/Console.swift", "environment: ProcessInfo.processInfo.environment)", "environment: [:])"),
    ("scheduledWords", "a crontab's backslashes are kept apart", "Sources/Operations/ServiceUnits.swift", ".replacing(\"\\\\%\", with: \"\\\\''%\")", ""),
    ("engineVariables", "an engine knows its parent", "Sources/Isolation/EngineRole.swift", "parent == getppid()", "parent != 0"),
    ("marksTellTheEncoding", "a mark tells the encoding", "Sources/Parse/Transcoder.swift", "    reader = mark.reader\n", ""),
    ("unaskedNotModified", "a 304 counts only where it was asked for", HTTP, "case 304 where !conditions.isEmpty: return .notModified", "case 304: return .notModified"),
    ("foreignParts", "a part is of the total that was known", ANSWER, "let known = request.total, total != known { throw",
     "let known = request.total, total != known, known < 0 { throw"),
    ("validators", "a date that may be weak is not strong", "Sources/Fetch/HTTP/HTTPVersion.swift", "answered > changed ? lastModified", "answered >= changed ? lastModified"),
    ("causes", "an item that can't be gone on with begins anew for the connection's sake", DOWNLOAD,
     "if error.isTransient, delivered > first, spool.token == nil { throw end(error, failures, beginsAnew: true) }",
     "if error.isTransient, delivered > first, spool.token == nil { throw end(.changed, failures, beginsAnew: true) }"),
    ("refusedRanges", "a range that is refused is not the end", HTTP, "case 416 where asked.offset > 0:", "case 416 where asked.offset > .max - 1:"),
    ("retryAfter", "no wait is longer than the longest", "Sources/Fetch/Fetcher.swift", "where asked > retry.backoff.longest: throw FetchError.comeAgain(code, after: asked)",
     "where asked > retry.backoff.longest: wait = retry.backoff.longest"),
    ("webPages", "a web page is no table", "Sources/Fetch/ExpectedContent.swift", "UInt8(ascii: \"<\") where mediaType == \"text/html\"", "UInt8(ascii: \"<\") where mediaType == \"text/htm\""),
    ("codings", "what is no coding is none", "Sources/Fetch/HTTP/HTTPHead.swift", '"aws-chunked",', '"aws",'),
    ("codings", "codings are looked at", DOWNLOAD, "        try expected.check(codings: head.codings)\n", ""),
    ("lengths", "lengths have to agree", SPOOL, "if let end = state.head?.end, state.length != end {", "if let end = state.head?.end, end < 0 {",
     "Sources/Fetch/HTTP/HTTPHead.swift", "guard texts.count == 1, first", "guard texts.count >= 1, first"),
    ("unasked", "what is known stays where a server can't be asked", "Sources/Planning/ItemPlanner.swift", "let problem, problem.mayPass || !definition.sinks.allSatisfy({ $0.sink.grouping == .item }) {", "let problem, isFull, problem.mayPass {"),
    ("gone", "one output is not made again without what is gone", "Sources/Planning/ItemPlanner.swift", "problem.mayPass || !definition.sinks.allSatisfy({ $0.sink.grouping == .item })", "problem.mayPass"),
    ("mended", "content that failed is not believed", "Sources/Dataflow/FetchStage.swift", "task.planned.failedBefore ? .partial : .all", "task.planned.failedBefore ? .all : .all"),
    ("stopped", "a stop does not wait for servers", "Sources/Planning/ItemPlanner.swift", "          group.cancelAll()\n          continue\n", "          continue\n"),
    ("refusedHead", "a server that refuses HEAD is asked by GET", HTTP, "guard case .status(let code, _) = error, !error.isTransient, code >= 400 else { throw error }", "throw error"),
    ("nothingReplaces", "nothing does not replace something", "Sources/Runs/RunEnding.swift", "if isWhole, failed == 0 || (totals.items[.done] ?? 0) > 0 {", "if isWhole {"),
    ("idle", "silence ends a transfer", "Sources/Fetch/HTTP/HTTPClient.swift", "if limit <= now {", "if limit <= now - .seconds(60) {"),
    ("addresses", "what can't stand in an address is encoded", "Sources/Fetch/HTTP/HTTPTransfer.swift",
     "CURLOPT_URL, try HTTPAddress.normal(request.url))", "CURLOPT_URL, request.url + (try HTTPAddress.normal(request.url)).prefix(0))"),
    ("wrongAddresses", "check looks at addresses", HTTP, "      HTTPSettings.checkAddresses(entry.pattern.value, at: entry.position, &reader)\n", ""),
    ("shortPasswords", "passwords are found by where they stand", "Sources/Configuration/Redactor.swift", "return Self.hidingPasswords(", "return ("),
    ("certificates", "an authority takes the system's place", "Sources/Fetch/HTTP/HTTPTransfer.swift",
     "    set(connection.authorities, file: CURLOPT_CAINFO, text: CURLOPT_CAINFO_BLOB)\n", ""),
    ("proxies", "the environment's exceptions are not the definition's", "Sources/Fetch/HTTP/HTTPTransfer.swift",
     '      _ = sluice_curl_set_string(handle, CURLOPT_NOPROXY, "")\n', ""),
    ("doctorWritesNothing", "a database with a log is read as one that does not change", "Sources/Write/SQLite/SQLiteExamination.swift",
     '(SQLiteConnection(reading: path, "&immutable=1"))', "(SQLiteConnection(reading: path))"),
    ("doctorNamesTheWriter", "locks for writing are asked for", "Sources/Write/SQLite/SQLiteExamination.swift",
     "lock.l_type != Int16(F_UNLCK) else", "lock.l_type == Int16(F_RDLCK) else"),
    ("doctorProvesFolders", "rights are asked for", "Sources/Files/FolderLook.swift", "if access(existing, W_OK | X_OK) != 0", "if access(existing, F_OK) != 0"),
    ("doctorProvesTables", "columns that every row needs are looked for", "Sources/Write/SQLite/SQLiteExamination.swift",
     "if let column = wanted.first", "if wanted.count > 9, let column = wanted.first"),
    ("doctorPassesOverOutputs", "own outputs are left out", "Sources/Planning/SourceExamination.swift",
     "found = try await own.without(", "found = try await OwnFiles.none.without("),
    ("databaseIsFull", "a commit is one transaction", "Sources/Write/SQLite/SQLiteDatabase.swift",
     "      try connection.transaction {\n", "      try ({ (body: () throws -> Void) in try body() }) {\n"),
    ("fewerRowsThanPrepared", "a commit looks whether all rows are there", "Sources/Write/Tables/TableSession.swift",
     "known != nil || find(token) == .whole else", "known != nil || find(token) != .altered else"),
    ("rowsThatSQLiteRefuses", "refused rows are known by their records", "Sources/Write/SQLite/SQLiteLoad.swift",
     "record: place.firstRecord + block.record(row)", "record: block.record(row)"),
    ("findsRefusedRows", "rows behind a refused one are tried too", "Sources/Write/Tables/RowHunt.swift", "      next += 1\n", "      next += 2\n"),
    ("damaged", "damage that is passed over counts", "Sources/Dataflow/ItemWriter.swift", "(counts.read, counts.deadLettered) = (1, 1)", "counts.read = 1"),
    ("fileIsTakenAway", "what is gone is closed", "Sources/Runs/Closing.swift", "let isOver = if isEdited { true } else { try await isGone(item.key) }", "let isOver = isEdited"),
    ("definitionNamesOthers", "what an edited definition does not name is closed", "Sources/Runs/Closing.swift", "let isOver = if isEdited { true } else { try await isGone(item.key) }",
     "let isOver = try await isGone(item.key)"),
    ("counts", "done items that are gone count", "Sources/Runs/RunEnding.swift", "max(snapshot.itemsTotal, done + failed + left)", "snapshot.itemsTotal"),
    ("staysInSight", "a run goes on only where all of it is found", "Sources/Runs/Runner.swift", "open.contains(run) {", "open.contains(run), run.value < 0 {"),
    ("noticeNamesTheRun", "a notice names the run", "Sources/Operations/RunNotice.swift",
     "if let run { return", "if let run, run.value < 0 { return"),
    ("nothingBegun", "a ledger is made beside its place", "Sources/Ledger/SQLite/SQLiteLedger.swift", "    let new = \"\\(path).new-\\(getpid())\"\n", "    let new = path\n",
     "Sources/Ledger/SQLite/SQLiteLedger.swift", "    remove()\n    defer { remove() }\n", ""),
    ("oldNumbers", "an old number is told from one that never was", "Sources/Ledger/SQLite/SQLiteDeadLetters.swift",
     "return (1...max(1, last)).contains(id) && last > 0", "return last < 0"),
    ("valuesOfAnotherType", "rows are read without trust", "Sources/Ledger/SQLite/Rows.swift", "    do { return try decode(T.self, forColumn: column) } catch { throw DamagedValue(column) }\n",
     "    self[column]\n"),
    ("impossibleValues", "dates are looked at", "Sources/Ledger/SQLite/Rows.swift", "guard (0..<longest).contains(seconds) else", "guard seconds == seconds else"),
    ("notNew", "an empty ledger is none", "Sources/Ledger/SQLite/SQLiteLedger.swift", "if status.st_size == 0 {", "if status.st_size < 0 {"),
    ("damagedContinuation", "a reading state has a checksum", "Sources/Ledger/SQLite/SQLiteItems.swift",
     "Self.checksum(of: bytes) == Array(kept.suffix(4)) ? bytes : nil", "bytes"),
    ("pruneShrinks", "prune gives room back", "Sources/Ledger/SQLite/SQLitePrune.swift", "?? 0 > 0 {", "?? 0 < 0 {"),
    ("doubledQuotesBesideAnEscape", "doubled quotes are one beside an escape", "Sources/Parse/CSVScanner.swift",
     "if escape >= 0, i + 1 < n, Int(p[i + 1]) == quote {\n          escaped", "if escape == quote, i + 1 < n, Int(p[i + 1]) == quote {\n          escaped"),
    ("columnsOverrideTheHeader", "columns name the columns", "Sources/Parse/CSVFramer.swift", "header: dialect.columns ?? header", "header: header"),
    ("headersAreWatchedUnderColumns", "the header that stands there is watched", "Sources/Parse/CSVFramer.swift",
     "if dialect.columns != nil { prologue.found = header }", ""),
    ("returnsBeforeReturns", "returns before a line feed are of the line end", "Sources/Parse/CSVFramer.swift",
     "if !isFeed || end > i + 1 {", "if !isFeed {"),
    ("otherDelimiters", "runs of blanks are one delimiter", "Sources/Parse/CSVScanner.swift",
     "dialect.isDelimitedByBlanks ? blanks(p, i, n) : dialect.delimiter.count", "dialect.delimiter.count"),
    ("strayQuotesAreKept", "stray quotes are kept on demand", "Sources/Parse/CSVScanner.swift",
     "guard dialect.strayQuotes == .keep else { return false }", "guard dialect.strayQuotes == .keep, width < 0 else { return false }"),
    ("namesOfAnyCharacters", "a U+FEFF that a name begins with is kept", "Sources/Configuration/DefinitionReader.swift",
     'return begins && scalar.string', 'return begins && scalar.string.isEmpty && scalar.string'),
    ("emptyItemsAreToldOrAccepted", "an empty item is accepted on demand", "Sources/Parse/CSVFramer.swift",
     "guard dialect.acceptsEmpty else {", "guard dialect.acceptsEmpty, false else {"),
    ("stemsAreWithoutEndings", "a stem is without its format's ending", "Sources/Decompress/NameEndings.swift",
     "return String(without(stem, inner) ?? without(stem, formats) ?? stem)", "return String(stem)"),
    ("descriptors", "few descriptors are told before the work begins", "Sources/Files/ProcessLimits.swift", "if !hasRoom() {", "if !hasRoom(), false {"),
    ("memory", "little memory is told before the work begins", "Sources/Files/ProcessLimits.swift", "most < addressSpaceBytes {", "most < 1 {"),
    ("replacesWhatItMayNot", "an output that is a source is refused", "Sources/Planning/OutputGuard.swift",
     "if FileStatus(source).identity == replaced {", "if FileStatus(source).identity == replaced, path.isEmpty {"),
    ("replacesWhatAPatternFinds", "check looks at what patterns find", "Sources/Planning/OutputGuard.swift",
     "let matched = await discovery.files(most: 1000, ofPatterns: true)", "let matched = await discovery.files(most: 0, ofPatterns: true)"),
    ("variablesInPaths", "a date is no secret", "Sources/Configuration/EnvironmentSecret.swift", "isDate(value) && !Redactor", "isDate(value) && Redactor"),
    ("anotherItemsSource", "an item's output is held against all sources", "Sources/Planning/RunPlanner.swift",
     "          let position = replaced[FileStatus(status).identity]\n", "          let position = [replaced.first?.key: 0][FileStatus(status).identity], position < 0\n"),
    ("onlyFilesAreReplaced", "what is no file is refused", "Sources/Planning/OutputGuard.swift",
     "if let there, there.kind != .regular {", "if let there, there.kind == .folder {"),
    ("smallFilesLeaveDataAlone", "a report replaces only a report", "Sources/Files/SmallFile.swift", "!expected.shows(head) {", "!expected.shows(head), false {"),
    ("wordsOfNamesStandForThemselves", "names are no templates", "Sources/Write/FileSink.swift", "        filled += value\n        rest = rest.dropFirst(word.count)",
     "        rest = Substring(value) + rest.dropFirst(word.count)"),
    ("linkAndModeAreKept", "a link as output is followed", "Sources/Write/FileSink.swift", "let target = (try? OutputPlace.of(absolute)) ?? absolute", "let target = absolute"),
    ("plantedPart", "a part is made anew", "Sources/Write/PartFile.swift", "O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW,", "O_RDWR | O_CREAT,"),
    ("oneBadName", "a bad name fails its item alone", "Sources/Dataflow/WriteStage.swift", "where error.concernsOneOutput || error.isTransient {", "where error.isTransient {",
     "Sources/Planning/OutputGuard.swift", "guard trouble.concernsOneOutput else {", "guard trouble.concernsOneOutput, false else {"),
    ("othersOutputs", "another's output is refused", "Sources/Planning/RunPlanner.swift", "try await checkOwners(entry, work, Array(replaced.values), refuse)", "_ = checkOwners"),
    ("replayNames", "a replay's name is free", "Sources/Runs/Replay.swift", "taken.contains($0) ||", "taken.isEmpty && false ||"),
    ("spellings", "a path has one normal form", "Sources/Fetch/File/GlobWalk.swift", 'if part.value == "." || part.value.isEmpty { continue }', "if part.value.isEmpty { continue }"),
    ("patternsFirst", "brackets may be a name", "Sources/Fetch/FileSource.swift",
     "guard !isFound, SourceFile.status(place.path) != nil else {", "guard !isFound, !place.isGlob, SourceFile.status(place.path) != nil else {"),
    ("ownOutputs", "outputs are no items", "Sources/Planning/OwnFiles.swift", "if let ledger { try await mark(", "if let ledger, false { try await mark("),
    ("environment", "a key holds no inherited value", "Sources/Fetch/FileSource.swift",
     "key: key, name: Sources.itemName(path: match.path)", "key: redactor.redact(key), name: Sources.itemName(path: match.path)"),
    ("formerKeys", "what an earlier build called an item is looked for", "Sources/Planning/RunPlanner.swift",
     "let keys = batch.map { [$0.item.key] + $0.item.formerKeys }", "let keys = batch.map { [$0.item.key] }"),
    ("unlistedOutputs", "outputs of an older ledger are listed", "Sources/Runs/Recovery.swift", "    try await listOutputs()\n", ""),
    ("noFiles", "a source is a file", "Sources/Fetch/File/SourceFile.swift", "guard kind == .regular else {", "guard kind != .folder else {"),
    ("namesOfBytes", "a name's bytes are kept", "Sources/Configuration/FileName.swift", 'guard holds(path, 0xF4) else {', 'guard path.isEmpty else {'),
    ("spoolOfDoneItem", "recovery removes downloads", "Sources/Runs/Recovery.swift", "    try await removeSpools()\n", ""),
    ("recordsAlone", "standard output carries records", "Sources/sluice/RunSession.swift",
     "if definition.isStreaming { StandardStreams.divertResults() }", ""),
    ("readerGoesAway", "a reader that went away is no failure to write", "Sources/Write/WriteError.swift", "code == EPIPE", "code == -1"),
    ("jsonRecords", "strings hold no brackets", "Sources/CByteScan/include/CByteScan.h", "    closing &= ~inside;\n", ""),
    ("jsonResumes", "a checkpoint keeps where the scanner is", "Sources/Parse/JSON.swift", "    scanner.resume(kept)\n", "    _ = kept\n"),
    ("jsonNothingSelected", "a path that selects nothing is told", "Sources/Parse/JSONScanner.swift",
     "guard let path, state.hasDocument, !state.hasReached else", "guard let path, state.hasDocument, !state.hasReached, false else"),
    ("jsonDamage", "a document that ends too early is told", "Sources/Parse/JSONScanner.swift",
     "    if state.expected != .document {", "    if state.expected != .document, false {"),
    ("jsonDamage", "the sound records of a damaged document are kept", "Sources/Dataflow/DecompressStage.swift", "where error.isDamage && definition", "where false && definition"),
    ("jsonDeadLetters", "records' lines are counted", "Sources/Parse/JSON.swift", "      line += sluice_count(p + at, Int(start) - at, 0x0A)\n", ""),
    ("blankLinesAreCounted", "blank lines are counted", "Sources/Parse/CSVIndexer.swift", "    places.blankLineCount = rows.blank.count\n", ""),
    ("blankLinesAreCountedOnce", "blank lines are in the checkpoint", "Sources/Ledger/SQLite/Rows.swift",
     "      point.counts.blankLines = try columns.count()\n", "      _ = try columns.count()\n"),
    ("misspeltOnce", "a misspelt key is not missing too", "Sources/Configuration/DefinitionReader.swift", "if let near { meant.insert(near) }", "if let near { meant.insert(near + \"?\") }"),
    ("misnamedOutput", "an output's name is looked at", "Sources/Write/FileFormat.swift", "if let place = write[\"path\"], let reason", "if format.name.isEmpty, let place = write[\"path\"], let reason"),
    ("otherLanguages", "a text in double quotes is told of", "Sources/Transform/Expression.swift", "near == nil && place.length > name.utf8.count", "near == nil && place.length < 0"),
    ("killedRun", "a holder that is gone is seen", "Sources/sluice/Status.swift", "record.status == .running, let process", "record.status == .closed, let process"),
    ("deadLettersOfADraft", "init runs what it wrote", INIT + "DraftTrial.swift",
     "        trial.take(format.parse(chunk, found)", "        if lines >= 0 { return }\n        trial.take(format.parse(chunk, found)"),
    ("later", "init mends types that records do not fit", INIT + "DefinitionDraft.swift", "if wrong.isEmpty || pass >= Self.passes {", "if pass >= 0 {"),
    ("later", "init looks at the end of a file", INIT + "SourceLook.swift", "wholeBytes = 16 << 20", "wholeBytes = 64 << 10",
     INIT + "SourceLook.swift", "size > stored.count {", "size < stored.count {"),
    ("kind", "init escapes names with control characters", INIT + "YAMLText.swift",
     "guard text.unicodeScalars.contains(where: mustBeEscaped) else { return \"'\"", "guard text.isEmpty else { return \"'\""),
    ("kind", "init keeps null words in text", INIT + "DefinitionWriter.swift", "if !dialect.hasNullsInText { add(", "if dialect.headerLines > 9 { add("),
    ("hints", "init quotes names in expressions", INIT + "YAMLText.swift", "return isWord ? name", "return isWord || true ? name"),
    ("refused", "init knows foreign formats", INIT + "SourceLook.swift", "if let foreign = ForeignFormat.of(text) {", "if let foreign = ForeignFormat.of(text), false {"),
    ("noEncoding", "init says that no encoding fits", "Sources/Parse/Sniffing/EncodingSearch.swift", "best.score >= 0.5,", "best.score >= -9,"),
    ("numbersOfADirectory", "a member's place is within the archive", "Sources/Decompress/Zip/ZipDirectory.swift",
     "offset: offset < 0 || place.overflow ? -1 : place.partialValue", "offset: offset < 0 ? -1 : archiveStart + offset"),
    ("numbersOfADirectory", "sizes that others tell have a sum", "Sources/Configuration/Scalars.swift",
     "sum.addingReportingOverflow(size)", "(sum + size, false)"),
    ("numbersOfADefinition", "durations are bounded", "Sources/Configuration/Scalars.swift", "$0 <= longest ? .milliseconds", "$0 <= .infinity ? .milliseconds"),
    ("numbersOfADefinition", "numbers are bounded", "Sources/Configuration/DefinitionReader.swift", "(least...most).contains($0)", "$0 >= least && most > 0"),
    ("numbersOfTheCommandLine", "a count is none below zero", "Sources/sluice/Options.swift", "let value = Int(argument), value >= 0 else", "let value = Int(argument) else"),
    ("numbersOfTheCommandLine", "a step of cron begins within its part", "Sources/Operations/CronSchedule.swift",
     "guard let only = ends[0], part.range.contains(only) else", "guard let only = ends[0] else"),
    ("tooManyBraces", "ranges of braces are bounded", "Sources/Fetch/SourceExpansion.swift", "(b - a).magnitude < mostChoices", "(b - a).magnitude < .max"),
    ("tooManyBraces", "braces together are bounded", "Sources/Fetch/SourceExpansion.swift", "guard count(segments, most: most) != nil else", "guard most > 0 else"),
    ("tooManyBraces", "braces nest so deep", "Sources/Fetch/SourceExpansion.swift", "guard depth <= deepest else", "guard depth <= .max else"),
    ("caretOfAnOutput", "a secret's place keeps its length", "Sources/Configuration/Redactor.swift",
     "String(repeating: \"*\", count: $1.value.count)", "\"***\""),
    ("closedClient", "a closed client takes no request", "Sources/Fetch/HTTP/HTTPClient.swift", "    if isClosed { continuation.finish", "    if isClosed, false { continuation.finish"),
    ("stopsAtOnce", "a share stops a run", "Sources/Dataflow/RunControl.swift", "guard counts.deadLettered > 0, let deadLetterLimit,",
     "guard counts.deadLettered > 0, let deadLetterLimit, case .count = deadLetterLimit,"),
    ("stopsAtOnce", "a share is one of many records", "Sources/Dataflow/RunControl.swift", "max(state.counts.read, Self.leastRead)", "state.counts.read"),
    ("onlyTheChecksum", "bytes before damage count", "Sources/Dataflow/FetchStage.swift", "error.isDamage && definition.decompress.onDamage", "!error.isDamage && definition.decompress.onDamage"),
    ("namesHaveNoCase", "tables' names have no case", "Sources/Write/SQLite/SQLiteConnection.swift", " COLLATE NOCASE", ""),
    ("dropsInSilence", "rows that a table ignores are missed", "Sources/Write/SQLite/SQLiteLoad.swift", "if ignored > 0,", "if ignored < 0,"),
    ("archivesOfBadServers", "an archive that can't be had is an item", "Sources/Planning/MemberSource.swift", "if error.lacksDescriptors { throw error }", "if true { throw error }"),
    ("mendedArchive", "a mended archive is no item", "Sources/Runs/Closing.swift", "    if definition.isArchive(item) { return true }\n", ""),
    ("absentFieldsOfAHalf", "half a run says nothing of absent fields", "Sources/Runs/Runner.swift", "if continuing == nil, round == 1 { flow.tellAbsentFields() }", "flow.tellAbsentFields()"),
    ("unknownKey", "a key is looked for among the fields", "Sources/Definition/PipelineDefinition.swift", "where output.position(of: field.name) == nil {", "where output.position(of: field.name) == -1 {"),
    ("absentFields", "a field that no record has is told", "Sources/Parse/JSONObjects.swift", "    batch.absentFields = absentFields\n", ""),
    ("misspeltSubjects", "a run that is not there is told", "Sources/sluice/Options.swift", "    if let run { _ = try await requireRun(run, ledger) }\n", ""),
    ("tinyLetters", "many letters are made as they are put in", "Sources/Dataflow/ChunkLetters.swift",
     "if source.faults.count * Self.bytesOfFew < source.raw.count {", "if source.faults.count >= 0 {"),
]


Mutant = collections.namedtuple("Mutant", "test what edits")
# Where in the file's own text an edit is, and what stands there instead.
Edit = collections.namedtuple("Edit", "file begin end new")


def located(root):
    """The mutants, each edit in its place, and the files' texts. What no longer fits the sources or the tests is told, all of it."""
    texts, mutants, wrong = {}, [], []
    tests = collections.Counter()
    for path in glob.glob(root + "/Tests/*Tests/**/*.swift", recursive=True):
        with open(path) as source:
            for part in re.split(r"^  @Test\b", source.read(), flags=re.MULTILINE)[1:]:
                tests.update(re.findall(r"^  (?:\w+ )*func (\w+)\(", part, re.MULTILINE)[:1])
    for test, what, *edits in MUTANTS:
        if tests[test] != 1:
            wrong.append("%s: %d functions of the tests are called so" % (test, tests[test]))
        places = []
        for file, old, new in zip(edits[0::3], edits[1::3], edits[2::3]):
            if file not in texts:
                with open(root + "/" + file) as source:
                    texts[file] = source.read()
            if texts[file].count(old) != 1:
                wrong.append("%s: the text to take out is not once in %s: %s" % (test, file, old))
            begin = texts[file].find(old)
            places.append(Edit(file, begin, begin + len(old), new))
        mutants.append(Mutant(test, what, places))
    if wrong:
        sys.exit("\n".join(wrong))
    return mutants, texts


# With one of these no run comes to its end: what the tests of others say beside it shows nothing.
ALONE = ["rustClosingTheChannelEndsTheWorkers"]


def groups(mutants, most):
    """Mutants that may be tried in one build: each has a test of its own, and no two of them change the same place.

    Neighbours in the list, which are of one subject, go to different groups: so they meddle less with each other's tests."""
    alone = [[mutant] for mutant in mutants if mutant.test in ALONE]
    mutants = [mutant for mutant in mutants if mutant.test not in ALONE]
    found = [[] for _ in range(-(-len(mutants) // most))]
    for i, mutant in enumerate(mutants):
        at = i % len(found)
        for group in found[at:] + found[:at]:
            edits = [edit for other in group for edit in other.edits]
            if len(group) < most and all(other.test != mutant.test for other in group) and not any(
                a.file == b.file and a.begin < b.end and b.begin < a.end for a in edits for b in mutant.edits
            ):
                group.append(mutant)
                break
        else:
            found.append([mutant])
    return [group for group in found + alone if group]


class Copy:
    """A copy of the checkout, in which mutants are built and their tests run."""

    def __init__(self, root, folder, texts):
        self.folder, self.texts = folder, texts
        self.now = dict(texts)
        shutil.rmtree(folder + "/Sources", ignore_errors=True)
        os.makedirs(folder, exist_ok=True)
        for name in ["Sources", "Tests", "Package.swift", "pipelines", "sample-data"]:
            if os.path.isdir(root + "/" + name):
                shutil.copytree(root + "/" + name, folder + "/" + name, dirs_exist_ok=True)
            else:
                shutil.copy2(root + "/" + name, folder + "/" + name)
        # What a mutant leaves unused is no reason not to build it.
        with open(folder + "/Package.swift") as package:
            text = package.read().replace(".treatAllWarnings(as: .error), ", "")
        with open(folder + "/Package.swift", "w") as package:
            package.write(text)

    def put(self, group):
        """Writes the sources with the group's mutants; files that are as they should be are left alone, for the build's sake."""
        wanted = dict(self.texts)
        for edit in sorted((edit for mutant in group for edit in mutant.edits), key=lambda edit: edit.begin, reverse=True):
            text = wanted[edit.file]
            wanted[edit.file] = text[: edit.begin] + edit.new + text[edit.end :]
        for file, text in wanted.items():
            if text != self.now[file]:
                with open(self.folder + "/" + file, "w") as source:
                    source.write(text)
        self.now = wanted

    def build(self, group):
        """Builds with the group's mutants, without those that do not build; returns the two lots."""
        broken = []
        while True:
            self.put(group)
            status, said = self.call("build", ["swift", "build", "--build-tests"], 2400)
            if status == 0:
                return group, broken
            errors = [line for line in said.split("\n") if "error:" in line]
            these = [mutant for mutant in group if any(edit.file + ":" in line for edit in mutant.edits for line in errors)]
            if not these:
                self.put([])
                sys.exit(said[-3000:] + "\nthe build fails, and not at a mutant's place")
            print("\n".join(dict.fromkeys(errors)), flush=True)
            broken += these
            group = [mutant for mutant in group if mutant not in these]

    def fails(self, mutant):
        """Whether the mutant's test fails, and how."""
        # What swift test runs, without its ten seconds of looking at the package.
        bundle = self.folder + "/.build/debug/sluicePackageTests.xctest"
        status, said = self.call(mutant.test, [bundle, "--testing-library", "swift-testing", "--filter", "/%s\\(" % mutant.test], 120)
        said = re.sub(r"\033\[[0-9;]*m", "", said)
        if status == "hung":
            return True, "it did not end"
        if status == 0 or "Test run with 1 test " not in said:
            return False, ""
        why = re.search(r"recorded an issue.*", said)
        return True, why.group()[18:158] if why else said.strip()[-140:]

    def call(self, what, command, limit):
        mark = "%d-%s" % (os.getpid(), what)
        environment = dict(os.environ, SLUICE_BINARY=self.folder + "/.build/debug/sluice", SLUICE_MUTANT=mark)
        process = subprocess.Popen(
            command, cwd=self.folder, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, errors="replace")
        try:
            said, _ = process.communicate(timeout=limit)
            status = process.returncode
        except subprocess.TimeoutExpired:
            process.kill()
            said, status = "", "hung"
        self.end(mark)
        process.wait()
        return status, said

    @staticmethod
    def end(mark):
        """Ends what is left of a call, whoever is its parent by now: it has the mark in its environment."""
        for path in glob.glob("/proc/[0-9]*"):
            try:
                with open(path + "/environ", "rb") as environment:
                    if b"SLUICE_MUTANT=" + mark.encode() in environment.read().split(b"\0"):
                        os.kill(int(path[6:]), signal.SIGKILL)
            except OSError:
                pass


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("root")
    parser.add_argument("words", nargs="*")
    parser.add_argument("--together", type=int, default=1)
    parser.add_argument("--check", action="store_true")
    options = parser.parse_intermixed_args()
    # All are looked up before the first is tried: a text that has changed is to be seen at once.
    mutants, texts = located(options.root)
    if options.check:
        print("mutants that fit the sources and the tests: %d" % len(mutants))
        return
    everyone = mutants
    if options.words:
        mutants = [mutant for mutant in mutants if any(word in mutant.test for word in options.words)]
    copy = Copy(options.root, os.environ.get("MUTANTS_FOLDER") or options.root.rstrip("/") + "/.build-mutants", texts)
    survived = 0
    left = groups(mutants, max(1, options.together))
    while left:
        group = left.pop(0)
        built, broken = copy.build(group)
        survived += len(broken)
        for mutant in broken:
            print("BAD  %s: without “%s” it does not build" % (mutant.test, mutant.what), flush=True)
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            # Tests of others pass mostly, or a mutant breaks more than its own rule and nothing is shown by what fails.
            others = [mutant for mutant in everyone if len(built) > 1 and all(mutant.test != own.test for own in group)]
            controls = others[:: max(1, len(others) // 3)][:3]
            failing = sum(fails for fails, _ in pool.map(copy.fails, controls))
            if failing > 1:
                print("%d of %d tests of other mutants fail beside these %d: fewer together" % (failing, len(controls), len(built)), flush=True)
                left[:0] = [half for half in (built[: len(built) // 2], built[len(built) // 2 :]) if half]
                continue
            for mutant, (fails, why) in zip(built, pool.map(copy.fails, built)):
                survived += not fails
                print("%s %s: without “%s” %s" % (
                    "ok  " if fails else "BAD ", mutant.test, mutant.what, "it fails: " + why if fails else "it passes"), flush=True)
    copy.put([])
    print("mutants that survived: %d" % survived)
    sys.exit(1 if survived else 0)


main()

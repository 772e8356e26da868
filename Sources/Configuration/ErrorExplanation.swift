/// The meaning of an error and its remedy, as `sluice explain` and the reference show it.
public struct ErrorExplanation: Sendable {
  /// The error in a few words, without a full stop.
  public let title: String
  /// The events behind the error, and how they can come about. Whole sentences.
  public let cause: String
  /// The user's next step. Whole sentences.
  public let remedy: String

  /// Makes an explanation from its three texts.
  package init(_ title: String, cause: String, remedy: String) {
    self.title = title
    self.cause = cause
    self.remedy = remedy
  }
}

extension ErrorCode {
  /// The explanation of this code. Every code has one of its own, except ``bug``, which takes what is left.
  public var explanation: ErrorExplanation {
    switch rawValue.dropFirst(3).first {
    case "1": definitionExplanation
    case "2", "3": sourceExplanation
    case "4", "5": recordExplanation
    default: runExplanation
    }
  }

  private var definitionExplanation: ErrorExplanation {
    switch self {
    case .unknownKey:
      .init(
        "there is no such key",
        cause: "The definition has a key that means nothing where it stands. A misspelt key would otherwise be passed over in silence.",
        remedy: "Take the key that the message proposes. “sluice schema” prints all keys as JSON Schema, which editors complete by.")
    case .missingKey:
      .init(
        "a key is missing", cause: "A definition needs pipeline, fetch.from and write.path, and some maps need keys of their own.",
        remedy: "Add the key that the message names.")
    case .wrongShape:
      .init(
        "a value is of another kind",
        cause:
          "A value does not have the form that its key asks for: text where a number is expected, a duration without a unit, a list for a map.",
        remedy: "Write it as the message says: durations as 500ms, 10s, 5m, 1h; sizes as 256MB or 1GiB; shares as 0.1%.")
    case .notYAML:
      .init(
        "the file is not YAML",
        cause:
          "The file can't be read as YAML: an indent that fits nothing, a tab, a colon or a brace inside an unquoted value, a quote that is not closed.",
        remedy: "Look at the place and the line above it. Values with : { } [ ] # or that begin with * & ! % @ ` need quotes.")
    case .duplicateKey:
      .init(
        "a key stands twice", cause: "YAML's maps have each key once, and which of two values is meant nobody can say.",
        remedy: "Take one of the two away.")
    case .unsetVariable:
      .init(
        "a variable is not set",
        cause: "The definition asks for ${NAME}, and there is neither --var NAME=VALUE nor an environment variable NAME.",
        remedy:
          "Set it, or give it a default with ${NAME:-default}. cron starts programs with next to no environment: see “sluice schedule --environment-file”."
      )
    case .wrongVariable:
      .init(
        "what stands between ${ and } is no variable",
        cause: "It is neither NAME, NAME:-default, NAME:?message nor file:PATH, the brace is not closed, or the file can't be read.",
        remedy: "Write the variable as one of these. A value that is to hold ${ as it is has to come from a variable.")
    case .wrongExpression:
      .init(
        "a transform step does not fit its records",
        cause:
          "An expression is not SQL, names a field or function that there is not, or joins types that do not go together; or a step names a field that is not there any more.",
        remedy:
          "The caret stands under the place. Fields are those of parse.fields, as changed by the steps above. CAST(x AS type) changes a type."
      )
    case .invalidSetting:
      .init(
        "a setting can't be as it is", cause: "A value is of the right kind, and still makes no sense where it stands.",
        remedy: "The message says what the key takes.")
    case .noDefinition:
      .init(
        "there is no such definition", cause: "The file is not there, or may not be read.",
        remedy: "Check the path. “sluice init” writes a definition from a look at data.")
    case .sameOutput:
      .init(
        "two items would be written to one file",
        cause: "write.path names items, and gives two of them the same name, so that one would take the other's place.",
        remedy:
          "Where only the endings differ, put {item.name} in the place of {item.stem}. Items of one name in several folders can't have a file each in one pipeline: give each folder a pipeline of its own, or take {item.…} out of the path to write one file for the run."
      )
    case .wrongSchedule:
      .init(
        "a schedule that is none", cause: "--cron takes five parts, as crontab(5) writes them, or a name as @daily.",
        remedy: "For three in the morning each day: '0 3 * * *'. Every quarter of an hour on workdays: '*/15 * * * mon-fri'.")
    case .unreachableStep:
      .init(
        "no record ever comes to a step", cause: "A filter above it is false or NULL whatever the record holds.",
        remedy: "Mend the filter, or take the steps below it away.")
    case .failedTest:
      .init(
        "a test of the definition fails",
        cause: "“sluice test” took a test's input through parse and transform, and something else came out than the test expects.",
        remedy:
          "The difference is shown record by record, - for what was expected and + for what came out. Mend the definition or the test.")
    case .unusableFile:
      .init(
        "a step can't use the file that it names",
        cause: "A step loads a file before a run: it is not there, has not what the step takes of it, or takes more memory than it may.",
        remedy: "The message names the file and, where something is wrong in it, the line. Paths are relative to the definition.")
    default: runExplanation
    }
  }

  private var sourceExplanation: ErrorExplanation {
    switch self {
    case .noSource:
      .init(
        "a source matches nothing", cause: "fetch.from names a path, or a pattern of paths, and no file is there.",
        remedy: "Relative paths begin at the definition's folder, not where you are. “sluice run PIPELINE --dry-run” lists what is found.")
    case .unreadableFile:
      .init(
        "a file can't be read", cause: "The system refuses: it is gone, a folder, or not for this user.",
        remedy: "Look at it with ls -l as the user that runs sluice, then resume.")
    case .refusedByServer:
      .init(
        "a server answers with an error",
        cause:
          "401 and 403: it wants credentials, or others. 404 and 410: nothing is there. 429 and 5xx: it can't now, and was asked fetch.retry.attempts times, or asks by Retry-After for a longer wait than the longest of fetch.retry.backoff.",
        remedy: "Try the address with curl -I. Credentials go into fetch.from's headers, from ${NAME}. Then “sluice resume”.")
    case .brokenConnection:
      .init(
        "a connection fails",
        cause:
          "The name is not found, nobody listens, the connection breaks or is silent for fetch.timeout.idle; all attempts are used up.",
        remedy: "Try the address with curl. “sluice resume” goes on where the download broke off, if the server can do that.")
    case .wrongAddress:
      .init(
        "an address can't be used",
        cause: "It is no http or https address, its certificate is not to be trusted, or it redirects without end or to another scheme.",
        remedy:
          "Mend the address. A certificate of your own authority goes into fetch.tls.ca, or into the system's store (update-ca-certificates)."
      )
    case .wrongChecksum:
      .init(
        "the content is not what the definition says",
        cause: "Its SHA-256 differs from fetch.from's sha256: another version, or damage on the way.",
        remedy: "If the source was changed on purpose, take the new sum, which the message has. If not, ask whoever offers it.")
    case .changedSource:
      .init(
        "a source changed while it was read",
        cause: "What was read and what is still to come are of two versions, and are not put together.",
        remedy: "It is fetched again by itself. If it happens each time, the source is written while it is offered: fetch it later.")
    case .noSample:
      .init(
        "there is nothing to go by",
        cause: "Without parse.fields, types are inferred from a sample of the first item, and that can't be had.",
        remedy: "Mend the item, or write parse.fields, which a definition should have anyway.")
    case .unusableAnswer:
      .init(
        "what a server sends can't be used",
        cause:
          "Its answer contradicts itself or what was asked for, is compressed in a way that was not asked for, or is a web page or an error in JSON with a status of success.",
        remedy: "Look at it with curl -i. A sign-in page wants credentials in fetch.from's headers. Then “sluice resume”.")
    case .truncatedStream:
      .init(
        "a compressed item ends too early", cause: "The stream has no end: the file was cut, or is still being written.",
        remedy:
          "Get it anew. decompress.on_error: keep_records writes the whole records before the cut, and keeps the damage as a dead letter.")
    case .damagedStream:
      .init(
        "a compressed item is damaged",
        cause: "Bytes do not make sense, do not fit the checksum, or something else follows the stream's end.",
        remedy:
          "gzip -t or zstd -t checks it too. Get it anew. decompress.on_error: keep_records writes the records before the place where the damage shows; bytes may have been changed before it, which only the checksum at the end tells."
      )
    case .inflatesTooFar:
      .init(
        "an item inflates beyond its limits",
        cause:
          "It may be a bomb: a small file that fills the disk. Or it wants more memory than a stream may take, as zstd --long=31 makes it.",
        remedy: "If it is right that it is so large, raise what the message names: decompress.limits.ratio, .bytes or .window.")
    case .wrongFormat:
      .init(
        "an item is in a format that is not read",
        cause:
          "Its first bytes are those of a compression, an archive, a binary file, a web page or a JSON document, which are never read as lines of text; or decompress.format says one thing and the bytes another.",
        remedy: "The message names what it is. Unpack or export it before, take the right file or address, or say parse.format.")
    case .unreadableMember:
      .init(
        "a member of an archive can't be read",
        cause: "It is encrypted, compressed in a way that is not read here, or its name leads out of the archive or stands twice.",
        remedy: "The other members are read. Unpack this one first and fetch the file, or leave it out with decompress.members.")
    default: runExplanation
    }
  }

  private var recordExplanation: ErrorExplanation {
    switch self {
    case .recordTooLong:
      .init(
        "a record is longer than allowed", cause: "Most often a quote that is never closed makes the rest of the file one record.",
        remedy: "Look at the byte that the message names. If records are that long, raise parse.limits.record.")
    case .missingColumn:
      .init(
        "a header lacks a column",
        cause: "parse.fields names a column that this item does not have: the source changed, or it is another file.",
        remedy: "Compare parse.fields with the header that the message shows; then “sluice resume”, or run again with the new definition.")
    case .missingHeader:
      .init(
        "an item has no header", cause: "It is empty, or shorter than parse.skip_lines and parse.header say.",
        remedy:
          "If empty items are to count as items without records, say parse.on_empty: accept. If items have no header, say parse.header: false."
      )
    case .badRecord:
      .init(
        "a record can't be read, and that fails its item", cause: "parse.on_bad_record is fail.",
        remedy: "Mend the record at the place named; or say on_bad_record: dead_letter, which keeps it and goes on.")
    case .damagedDocument:
      .init(
        "a document is damaged", cause: "It breaks the rules of its format between two records, or ends too early.",
        remedy:
          "Look at the line, column and byte that the message names. Get the item anew, or keep what stands before that place with decompress.on_error: keep_records."
      )
    case .nothingSelected:
      .init(
        "a document has nothing where the records are to be", cause: "parse.records names a place that is in no document of the item.",
        remedy: "The message names what is there instead. Mend parse.records.")
    case .schemaChanged:
      .init(
        "the source's columns changed",
        cause:
          "An item has columns that the item before did not have, or lacks some, or has them in another order, or most values of one are of another type.",
        remedy:
          "The message names every change, and “sluice status PIPELINE” repeats it. To take it as it is: “sluice resume --accept-schema-changes”, or parse.on_schema_change: evolve. Name new columns in parse.fields."
      )
    case .raggedRecord:
      .init(
        "a record has more or fewer fields than the header",
        cause: "A delimiter inside a value that is not quoted, or a line break in one.",
        remedy: "“sluice dead-letters show ID” shows it with what stands around. parse.ragged: pad fills short ones with NULL.")
    case .brokenQuote:
      .init(
        "a quote is not closed, or something follows it",
        cause: "RFC 4180 has a quote inside quotes doubled, and nothing after the last one.",
        remedy: "If the source escapes by a backslash, say parse.escape: \"\\\\\". If quotes mean nothing in it, say parse.quote: null.")
    case .invalidEncoding:
      .init(
        "bytes are no text", cause: "They are not UTF-8, or not what parse.encoding says.",
        remedy: "Western files that are not UTF-8 are most often windows-1252 or latin-1: say so in parse.encoding.")
    case .invalidValue:
      .init(
        "a value does not fit its type", cause: "A letter in a number, a date that is none, a number beyond 64 bits.",
        remedy:
          "Words that stand for NULL go into parse.null_values. If it is right as it is, make the field text, and CAST it where it can be.")
    case .missingValue:
      .init(
        "a value is missing", cause: "The field is “not null”, and the record has nothing there.",
        remedy: "Take “not null” away, or have the source mended.")
    case .invalidJSON:
      .init(
        "a line is no JSON object", cause: "JSON Lines has one whole object a line (RFC 8259).",
        remedy: "If the file is one large array, take it apart first: jq -c '.[]'.")
    case .evaluationFailed:
      .init(
        "an expression has no value for a record", cause: "A CAST of something that does not fit, a number beyond 64 bits.",
        remedy: "Guard it with CASE or nullif, or filter such records before.")
    case .expectationFailed:
      .init(
        "a record is not as transform.expect says", cause: "The expectation is false for it.",
        remedy:
          "“sluice dead-letters list” counts them. After a change of the definition, “sluice dead-letters replay” takes them through it.")
    case .noMatch:
      .init(
        "a table has no row for a record", cause: "A lookup with on_missing: dead_letter found no row that has the record's keys.",
        remedy: "The reason names the keys. Add them to the table; then “sluice dead-letters replay” takes the records through it.")
    case .programFailed:
      .init(
        "a program failed at a record",
        cause: "It ended, was killed, took too long, or answered with what can't be used, whenever it was sent this record.",
        remedy: "“sluice dead-letters show ID” shows the record and the program's last words. Try the program on it by hand.")
    case .programRefused:
      .init("a program refused a record", cause: "It answered with an error instead of a record.", remedy: "Its words stand in the reason.")
    case .unusableProgram:
      .init(
        "a program can't be used",
        cause: "It can't be started, ends by itself, or does not answer each batch with as many lines and its mark.",
        remedy: "Try it by hand: it reads JSON lines and a line {\"@batch\":1}, and is to print as many lines and that line again, at once."
      )
    default: runExplanation
    }
  }

  private var runExplanation: ErrorExplanation {
    switch self {
    case .cannotWrite:
      .init(
        "output can't be written", cause: "The disk is full, the folder may not be written to, or the disk fails.",
        remedy: "Make room or rights, then “sluice resume”: it goes on from the last checkpoints, and no reader has seen half a file.")
    case .refusedRecord:
      .init(
        "a table refused a record",
        cause: "The row broke a constraint of the table, or a value does not fit its column. All other rows are in the table.",
        remedy:
          "The reason has the database's words. Mend the table or the definition; then “sluice dead-letters replay” takes the records through it."
      )
    case .ledger:
      .init(
        "the ledger can't be read or written",
        cause:
          "The state folder is on a full, read-only or failing disk, a newer sluice wrote it, or it was damaged, emptied or cut short.",
        remedy:
          "Mend that, then “sluice resume”. The ledger is SQLite: sqlite3 .sluice/ledger.sqlite 'PRAGMA integrity_check' looks it over. A damaged one comes back from a backup; without one, move it away with its -wal and run with --full."
      )
    case .locked:
      .init(
        "the pipeline is running already", cause: "One run at a time works on a pipeline and state folder; another process holds the lock.",
        remedy: "Wait for it (--wait 10m), look at it (“sluice status --watch”), or stop it by its pid, which the message has.")
    case .nothingToResume:
      .init(
        "there is nothing to resume", cause: "No run of that name or number is unfinished.",
        remedy: "“sluice runs” lists them. “sluice run” works on what is new.")
    case .processLimit:
      .init(
        "the process may have too little",
        cause: "The shell or the service that started it limits its open files or its memory to less than a run takes.",
        remedy:
          "Raise the limit that the message names: ulimit -n 1024, ulimit -v unlimited, LimitNOFILE= in a systemd unit. Then “sluice resume”."
      )
    case .workerFailed:
      .init(
        "a worker failed at an item", cause: "It threw, or made no progress for supervise.watchdog, at each of the item's attempts.",
        remedy: "The reason says at what. “sluice resume” tries again; a slow source may need a longer watchdog.")
    case .stageGaveUp:
      .init(
        "a stage gave up", cause: "Its workers had to be restarted more than supervise.max_restarts times within supervise.within.",
        remedy: "“sluice status” lists what they failed of. Then “sluice resume”, which goes on from the last checkpoints.")
    case .engineDied:
      .init(
        "the engine's process dies again and again",
        cause: "It was killed, for example for want of memory, or trapped, more often than supervise.max_restarts.",
        remedy: "Look at the log and at dmesg. limits.memory and fewer workers take less memory. Then “sluice resume”.")
    case .poison:
      .init(
        "the engine's process died of it", cause: "Each time that this was in work the process died, at last when it was in work alone.",
        remedy: "“sluice dead-letters show ID” has what was found of the crash. Please report it, with the item if you can.")
    case .tooManyDeadLetters:
      .init(
        "more dead letters than limits.dead_letters",
        cause: "All good records are written; the bad ones are kept in the ledger, each with its place and reason.",
        remedy:
          "“sluice dead-letters list PIPELINE” counts them by reason. Mend the definition and “sluice dead-letters replay” them, or raise the limit."
      )
    case .failedItems:
      .init(
        "items failed", cause: "Each of them used up its attempts; the rest is written.",
        remedy: "Their reasons are in the log and in “sluice status”. “sluice resume” tries them again, and nothing else.")
    case .tooManyFailedItems:
      .init(
        "more items failed than limits.failed_items", cause: "The run stopped, as something that all items need is likely to be broken.",
        remedy: "Mend it, then “sluice resume”.")
    case .interrupted:
      .init(
        "the run was interrupted", cause: "A signal, or --max-duration, stopped it; what was under way is checkpointed.",
        remedy: "“sluice resume” finishes it, as does the next “sluice run”.")
    case .notAsked:
      .init(
        "servers could not be asked whether items that are done are new",
        cause: "The request failed fetch.retry.attempts times. What is known of these items, and their outputs, stay as they are.",
        remedy: "The reasons stand in the log. The next “sluice run” asks again.")
    case .failedAgain:
      .init(
        "replayed dead letters failed again", cause: "The definition as it is now refuses them too.",
        remedy: "“sluice dead-letters list” shows why, attempt by attempt.")
    default:
      .init(
        "a bug in sluice", cause: "Something happened that its authors thought can't.",
        remedy: "Please report it with the whole message. Outputs and ledger are as they were at the last checkpoints: “sluice resume”.")
    }
  }
}

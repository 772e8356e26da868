import Configuration
import Decompress
import Parse
import Supervision

/// Every key that a definition may have.
enum Declarations {
  static let pipeline: Shape = Shape.object([
    Key("pipeline", .name, "The pipeline's name: what the ledger knows it by.", required: true),
    Key("description", .text, "What it is for."),
    Key("fetch", .object(fetch), "Where the items come from.", required: true),
    Key("decompress", .object(decompress), "How items are compressed."),
    Key("parse", .object(parse), "How items' records are read."),
    Key("transform", transform, "What is done to each record, step by step."),
    Key("write", .object(write), "Where records go.", required: true),
    Key("limits", .object(limits), "How much may go wrong, and how much memory may be used."),
    Key("supervise", supervise, "How workers that fail are restarted."),
    Key("notify", .either([.list(NotifyRule.shape), NotifyRule.shape], "a map, or a list of maps"), "Who is told how a run ended."),
    Key("tests", .list(DefinitionTest.shape), "What should come of some records; sluice test runs them."),
  ])

  static let stage: [Key] = [
    Key(
      "workers",
      .either(
        [
          .integer(atLeast: 1),
          .object([
            Key("min", .integer(atLeast: 1), "The least (default 1)."),
            Key("max", .integer(atLeast: 1), "The most: it grows while its input is full and its output is not.", required: true),
          ]),
        ], "a whole number from 1 up, or a map with max"), "How many workers serve the stage."),
    Key("buffer", .integer(atLeast: 1), "How many messages may wait before the stage."),
    Key("retry", retry, "How often a unit of work is tried, and the waits between."),
    Key("supervise", supervise, "How this stage's workers that fail are restarted."),
  ]

  static let retry: Shape = Shape.object([
    Key("attempts", .integer(atLeast: 1), "Tries in all (default 5)."),
    Key("backoff", .durationRange, "The first and the longest wait (default 500ms..60s): they double, with full jitter."),
  ])

  static let supervise: Shape = Shape.object([
    Key("restart", .choice(RestartPolicy.Restart.allCases.map(\.rawValue)), "When a worker is restarted (default on_failure)."),
    Key(
      "strategy", .choice(RestartPolicy.Strategy.allCases.map(\.rawValue)),
      "Who is restarted with one that failed: it alone, those after it too, or all (default one_for_one)."),
    Key("max_restarts", .integer(atLeast: 0), "Restarts within the period, past which the stage gives up (default 10)."),
    Key("within", .duration, "The period (default 60s)."),
    Key("backoff", .durationRange, "The first and the longest wait before a restart (default 100ms..30s)."),
    Key("watchdog", .duration, "Without progress for so long, a unit is taken from its worker (default 60s)."),
    Key(
      "poison_after", .integer(atLeast: 1),
      "What was in work when the engine's process died so often is tried once more, alone, and then a dead letter (default 2)."),
  ])

  static let source: Shape = Shape.object(
    [
      Key("url", .text, "An http or https address; {a,b} and {01..12} stand for many.", required: true),
      Key("headers", .map(.text), "HTTP headers to send."),
      Key("sha256", .text, "The SHA-256 that the content must have."),
    ] + connection)

  static let fetch: [Key] =
    [
      Key(
        "from",
        .either(
          [.list(.either([.text, source], "a path, an address, or a map with url")), .text, source], "a path, an address, or a list of them"
        ), "Paths, globs and addresses.", required: true),
      Key(
        "timeout",
        .object([
          Key("connect", .duration, "To connect (default 10s)."), Key("idle", .duration, "Without a byte, once connected (default 30s)."),
          Key("total", .duration, "For a whole transfer (default 1h)."),
        ]), "HTTP's time limits."),
    ] + connection + stage

  static let decompress: [Key] =
    [
      Key("format", .choice(CompressionFormat.allCases.map(\.rawValue)), "auto (by magic bytes, then by name), gzip, zlib or none."),
      Key(
        "on_error", .choice(OnDamage.allCases.map(\.rawValue)),
        "fail_item: a damaged item fails whole (default). keep_records: its whole records up to the damage are written, and the damage is a dead letter: its rest counts as one record."
      ),
      Key(
        "limits",
        .object([
          Key("ratio", .integer(atLeast: 1), "How many times its size a stream may inflate to (default 1000)."),
          Key("bytes", .byteCount, "How many bytes an item may inflate to (default 1TB)."),
        ]), "Limits of inflation."),
    ] + stage

  static let parse: [Key] =
    [
      Key(
        "format", .choice(ParseFormat.allCases.map(\.rawValue)), "csv, tsv, jsonl, or exec for a program (default: by the items' names)."),
      Key("exec", .object(program), "With format exec: the program that reads a line as a record."),
      Key(
        "header", .either([.boolean, .integer(atLeast: 0)], "true, false, or the number of header lines"),
        "Whether columns are named by a header (default true)."),
      Key(
        "on_bad_record", .choice(OnBadRecord.allCases.map(\.rawValue)), "What becomes of a record that can't be read (default dead_letter)."
      ),
      Key(
        "on_schema_change", .choice(OnSchemaChange.allCases.map(\.rawValue)),
        "What becomes of an item whose columns are other than those of the item before: fail (the run stops, resumable), dead_letter (the item is set aside, the rest is written) or evolve (what went is NULL, what is new is left out). Without it new columns are told of, and a missing one fails its item."
      ),
      Key("fields", .map(.fieldType), "The fields and their types; without them they are inferred from a sample."),
      Key(
        "on_empty", .choice(OnEmpty.allCases.map(\.rawValue)),
        "What becomes of an item of csv or tsv without a byte, where a header is to be: fail (default), or accept it as one without records."
      ),
      Key(
        "columns", .list(.text),
        "The columns' names in their order, whatever the header says: for a header that is narrower or wider than the records, or none."),
      Key(
        "delimiter", .text,
        "What stands between fields, one or more characters (default a comma); the word whitespace is any run of blanks and tabs, as in aligned columns."
      ),
      Key("quote", .either([.text, .null], "one character, or null"), "What quotes a field, or null for nothing."),
      Key(
        "escape", .either([.text, .null], "one character, or null"),
        "What makes the next character literal, beside doubled quotes (default: they alone)."),
      Key(
        "stray_quotes", .choice(CSVDialect.StrayQuotes.allCases.map(\.rawValue)),
        "A record in which a quote is not closed, or more than a delimiter follows it: reject makes it a dead letter (default); keep makes that quote a character of its value, where the record has as many fields then as it should."
      ),
      Key("skip_lines", .integer(atLeast: 0), "Lines before the header to pass over."),
      Key("skip_footer_lines", .integer(atLeast: 0), "Lines at the end to pass over."),
      Key("comment", .text, "What begins a line to pass over."),
      Key(
        "null_values", .list(.text),
        "What else than nothing is NULL, in every field; in quotes, as nothing in quotes, only where the field is not text."),
      Key("null_values_in_text", .boolean, "Whether null_values are NULL in fields of text too (default true)."),
      Key("trim", .boolean, "Whether blanks around fields go (default false)."),
      Key(
        "encoding", .text,
        "The character encoding (default utf-8; a byte order mark is honoured): any that iconv knows, by any of its names, as utf-16le, ascii, latin-1, iso-8859-2, windows-1251, cp850, shift_jis, gb18030, big5, euc-kr, koi8-r, macroman."
      ),
      Key("record_delimiter", .choice(CSVDialect.RecordDelimiter.allCases.map(\.rawValue)), "What ends a record (default auto)."),
      Key(
        "ragged", .choice(CSVDialect.Ragged.allCases.map(\.rawValue)),
        "reject records of another width (default), or pad short ones with NULL."),
      Key("limits", .object([Key("record", .byteCount, "How long a record may be (default 16MB).")]), "Limits of parsing."),
    ] + stage

  static let steps: Shape = Shape.list(
    .step([
      Key("filter", .expression, "Keeps the records for which it is true."),
      Key("derive", .map(.expression), "Adds fields, or gives them new values."),
      Key("rename", .map(.text), "Old name: new name."),
      Key("select", .list(.text), "Keeps these fields, in this order."),
      Key("drop", .list(.text), "Takes these fields away."),
      Key("cast", .map(.fieldType), "Gives fields another type."),
      Key(
        "expect", .map(.expression),
        "A record for which one is false is a dead letter; NULL passes, as in SQL's CHECK: ask with IS NOT NULL too."),
      Key(
        "exec",
        .object(
          program + [
            Key("fields", .map(.fieldType), "The fields of what it answers, and their types (default: those that it is sent).")
          ]), "Sends records through a program, as JSON Lines."),
    ]))

  /// A program of the user's.
  static let program: [Key] = [
    Key("command", .list(.text), "The program and its arguments; it runs in the definition's folder, without a shell."),
    Key("shell", .text, "Instead: a command for sh."),
    Key(
      "timeout",
      .object([
        Key("soft", .duration, "After so long with a batch it is told to end."),
        Key("hard", .duration, "After so long it is killed."),
      ]), "Time limits of a batch (default: none but the watchdog)."),
    Key(
      "recycle",
      .object([
        Key("units", .integer(atLeast: 1), "After so many batches."), Key("memory", .byteCount, "When it holds more than so much."),
      ]), "When it is replaced by a new one."),
    Key("memory", .byteCount, "What it may allocate."),
  ]

  static let transform: Shape = Shape.either(
    [steps, .object([Key("steps", steps, "The steps.", required: true)] + stage)], "a list of steps, or a map with steps")

  static let write: [Key] =
    [
      Key("format", .choice(WriteFormat.allCases.map(\.rawValue)), "jsonl or csv (default: by the path's name)."),
      Key(
        "path", .text,
        "The file, relative to the definition: {item.stem}, {item.name}, {run.id}, {run.date}. A name in .gz is compressed. - is standard output.",
        required: true),
      Key(
        "checkpoint",
        .object([
          Key("every", .duration, "Time between checkpoints (default 5s)."),
          Key("records", .integer(atLeast: 1), "Records between checkpoints."),
          Key("bytes", .byteCount, "Bytes of output between checkpoints (default 32MB)."),
        ]), "How much work a crash can cost."),
    ] + stage

  static let limits: [Key] = [
    Key("dead_letters", .share, "More dead letters than this and the run exits 65 (default 0)."),
    Key(
      "on_exceed", .choice(OnExceed.allCases.map(\.rawValue)), "finish: write all that is good first (default). stop: at once, resumable."),
    Key("memory", .byteCount, "What the channels may hold together (default 256MB)."),
    Key(
      "process_memory", .byteCount,
      "What the engine's process may allocate; one that wants more is started anew (default half of the machine's, at least 2GB)."),
    Key("failed_items", .integer(atLeast: 0), "More failed items than this and the run stops, resumable (default: no limit)."),
  ]
}

/// The formats that `parse.format` names. To add one: a case here, and its format in ``PipelineDefinition/ParseSection``.
public enum ParseFormat: String, Sendable, CaseIterable, Codable { case csv, tsv, jsonl, exec }
/// The formats that `write.format` names.
public enum WriteFormat: String, Sendable, CaseIterable, Codable { case jsonl, csv }
/// What becomes of a record that can't be read (`parse.on_bad_record`).
public enum OnBadRecord: String, Sendable, CaseIterable, Codable {
  case deadLetter = "dead_letter"
  case skip, fail
}

/// What becomes of an item of csv or tsv without a byte (`parse.on_empty`).
public enum OnEmpty: String, Sendable, CaseIterable, Codable { case fail, accept }
/// What becomes of an item whose compression is damaged (`decompress.on_error`): it fails, or what was whole of it is kept.
public enum OnDamage: String, Sendable, CaseIterable, Codable {
  case failItem = "fail_item"
  case keepRecords = "keep_records"
}

/// What becomes of an item whose columns are other than those before (`parse.on_schema_change`).
public enum OnSchemaChange: String, Sendable, CaseIterable, Codable {
  case fail
  case deadLetter = "dead_letter"
  case evolve
}

/// What a run does that has more dead letters than `limits.dead_letters` (`limits.on_exceed`): it goes on to its end, or stops at once.
public enum OnExceed: String, Sendable, CaseIterable, Codable { case finish, stop }

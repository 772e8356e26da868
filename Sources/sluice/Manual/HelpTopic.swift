import Configuration
import Definition
import Dataflow
import Isolation
import Operations
import Planning
import Runs
import Transform

/// A subject beyond commands, for `sluice help TOPIC`; the same pages are `docs/reference/`. Those that list something are made of the
/// declarations that the product itself goes by.
struct HelpTopic {
  let name: String
  let title: String
  /// Markdown without its title.
  let body: String

  var markdown: String { "# \(title)\n\n\(body)\n" }

  static let all: [HelpTopic] = [
    HelpTopic(name: "definition", title: "The keys of a definition", body: definition),
    HelpTopic(name: "types", title: "Types of fields", body: types),
    HelpTopic(name: "components", title: "What a definition can name", body: ComponentReference.index),
    HelpTopic(name: "expressions", title: "Expressions", body: expressions),
    HelpTopic(name: "functions", title: "Functions of expressions", body: functions),
    HelpTopic(name: "programs", title: "Programs of your own", body: programs),
    HelpTopic(name: "notices", title: "Who is told how a run ended", body: notices),
    HelpTopic(name: "environment", title: "Environment variables", body: environment),
    HelpTopic(name: "exit-codes", title: "Exit codes", body: exitCodes),
    HelpTopic(name: "errors", title: "Errors", body: errors),
  ]

  static var list: String {
    let width = all.map(\.name.count).max() ?? 0
    let lines = all.map { "  sluice help \($0.name.padding(toLength: width, withPad: " ", startingAt: 0))  \($0.title)" }
    return (["Subjects beyond commands:", ""] + lines).joined(separator: "\n")
  }

  private static let definition = """
    A definition is a YAML file. Durations are `500ms`, `10s`, `5m`, `1h`, `2d`; sizes are `256MB`, `1GiB`, or a number of bytes; two durations
    are `500ms..60s`. Types of fields are bigint, double, decimal, boolean, text, timestamp, date, time, bytes and json, with their spellings
    and `not null` behind them: `sluice help types`.

    In every text, `${NAME}` is the value that `--var NAME=VALUE` gives, or else the environment's; `${NAME:-otherwise}` has a value for where
    there is none, and `${NAME:?message}` an error of yours; `${env:NAME}` is the environment's whatever `--var` says, and
    `${file:/run/secrets/name}` is what a file holds. Values of the environment and of files are secrets: they are shown and kept nowhere,
    but for dates.
    What a value holds is taken as it is, so variables can't go round in circles. `$${` stands for `${`.

    Paths are relative to the definition. `sluice check` names everything that is wrong, with its place; `sluice schema` prints the same keys
    as JSON Schema, for editors.

    \(DefinitionReference.markdown)
    """

  private static let expressions = """
    Expressions are SQL's, over a record's fields, with three-valued logic: what has NULL in it is NULL, and a filter keeps what is true.

    | what | how |
    |---|---|
    | literals | `1`, `2.5`, `'text'` (a quote inside is doubled), `TRUE`, `FALSE`, `NULL`, `DATE '2013-08-09'`, `TIMESTAMP '2013-08-09 17:45:00'`, `TIME '17:45'` |
    | fields | by name; in double quotes where a name is no plain word: `"Unique Carrier"` |
    | arithmetic | `+ - * / %`, on numbers; division by zero is NULL, as in SQLite. Of decimals the result is an exact decimal: `sluice help types` |
    | text | `a || b` |
    | comparison | `= <> != < <= > >=`, `IS NULL`, `IS NOT NULL`, `IS DISTINCT FROM`, `IS TRUE`, `BETWEEN a AND b`, `IN (…)` |
    | patterns | `LIKE` and `ILIKE` with `%` and `_` and `ESCAPE`; `~` and `!~` with regular expressions (PCRE2), `~*` and `!~*` whatever the case |
    | logic | `NOT`, `AND`, `OR` |
    | choice | `CASE WHEN … THEN … ELSE … END`, `CASE x WHEN 1 THEN … END` |
    | types | `CAST(x AS bigint)`, `x::decimal(12,2)`; `TRY_CAST` is NULL where `CAST` is an error |
    | times | `EXTRACT(year FROM t)`; `t + INTERVAL '2 days'`, `t - INTERVAL 90 minute`, `t + INTERVAL (n) month`, which give a timestamp, or of a time a time; `date + 1`, `date - 1`, the days of `date - date`, `date + time`; `t AT TIME ZONE 'Europe/Berlin'` |
    | JSON | `j -> 'member'`, `j -> 0`, `j -> '$.a.b[0]'` give JSON; `->>` gives text |

    A value that can't be computed makes its record a dead letter, and no other: a cast that fails, a result out of its type's range, a text
    longer than parse.limits.record, a regular expression that takes too much work (it grows faster than with the square of its text). The texts that one expression makes of a batch of records may be as long together as limits.memory.
    Parentheses, calls and CASEs may be nested 200 deep; an expression may have 500 levels and 100,000 parts.

    Where case is ignored (ILIKE, ~*) it is by Unicode's simple mappings, as lower and upper have it: Ä is ä, and ß, whose upper case is two
    letters, is itself. In expect NULL passes, as in SQL's CHECK.
    Text is compared by its bytes. Functions: `sluice help functions`.
    """

  private static var functions: String {
    let tables = FunctionReference.kinds.map { kind in
      let rows = kind.functions.map { function -> [String] in
        let also = function.aliases.isEmpty ? "" : " Also \(function.aliases.map { "`\($0)`" }.joined(separator: ", "))."
        return ["`\(function.usage)`", function.summary + also, "`\(function.example.expression)`", "`\(function.example.value)`"]
      }
      let lines = ["## \(kind.title)", ""] + MarkdownTable.lines(["function", "what it gives", "example", "gives"], rows)
      return lines.joined(separator: "\n")
    }
    return "A NULL among the arguments gives NULL, where nothing else is said.\n\n" + tables.joined(separator: "\n\n")
  }

  private static let programs = """
    The transform step `exec` sends records through a program of any language, and `parse: {format: exec}` reads lines by one.

    A transform's program gets each record as a line of JSON, and answers each with one line, in order:

    | answer | what becomes of the record |
    |---|---|
    | a JSON object | the record that goes on |
    | `null` | left out, and counted as filtered |
    | `{"@error": "why"}` | a dead letter with that reason |

    A line `{"@batch": N}` ends a batch. It is to be printed again, and flushed, when all before it is answered; nothing of a batch counts before.
    A parser's program gets each line of the item as a JSON string instead of an object.

    Each worker has a process of its own, in the definition's folder, with the environment that `sluice` has. What it prints to stderr goes to
    the log. It is asked to end by the end of its input. One that dies, hangs or answers wrongly is started again, and the batch is
    narrowed down to the record at fault, which becomes a dead letter.
    """

  private static let notices = """
    `notify:` is a map, or a list of maps. Each has one of:

    | key | what is done |
    |---|---|
    | `url` | an HTTP POST with a body of JSON, and `headers` of yours |
    | `command`, `shell` | a program, with the same JSON on its stdin and `SLUICE_…` in its environment |
    | `ping` | a monitor in the manner of healthchecks: `URL/start`, then `URL` where all is well or `URL/fail`; the notice's text is the body |

    `on` says when: `failure`, `recovery` (the first good run after a bad one), `success` (default: failure and recovery); a ping is told of
    every run. The JSON has `event` (failure, recovery or success), `pipeline`, `definition`, `run`, `status`, `exit_code`, `problem`, `code`
    (as `sluice explain` takes it), `next` (the command to type next), `items`, `records`, `failed_items`, `seconds`, `ended_at`, `host`, and
    `text`, which is the paragraph that `--quiet` prints. A notice that can't be delivered is tried again, and then told of as a warning; it
    changes nothing of the run.

    A definition that is wrong can't say who is to be told: that is what cron's mail is for.
    """

  private static let environment = """
    | variable | what for |
    |---|---|
    | any that a definition names as `${NAME}` | its value there, secret |
    | `http_proxy`, `https_proxy`, `all_proxy`, `no_proxy` | proxies of HTTP, as curl has them |
    | `NO_COLOR` | no colours |
    | `OTEL_EXPORTER_OTLP_ENDPOINT` | where traces and metrics go, over OTLP/HTTP; also `…_TRACES_ENDPOINT`, `…_METRICS_ENDPOINT` |
    | `OTEL_EXPORTER_OTLP_HEADERS` | headers to send with them, as `name=value,name=value`; secret |
    | `OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES`, `OTEL_SDK_DISABLED` | as OpenTelemetry has them |
    | `NOTIFY_SOCKET`, `WATCHDOG_USEC` | set by systemd for units of `Type=notify` |

    Programs of yours (`exec`, `notify.command`) have the same environment. Notices' programs have `SLUICE_PIPELINE`, `SLUICE_STATUS` and
    `SLUICE_EXIT_CODE` besides.
    """

  private static var exitCodes: String {
    let rows = ExitStatus.allCases.map { ["\($0.rawValue)", $0.meaning, $0.remedy] }
    return MarkdownTable.lines(["exit", "meaning", "what to do"], rows).joined(separator: "\n")
  }

  private static var errors: String {
    let parts = ErrorCode.allCases.map { code in
      let explanation = code.explanation
      let word = code.deadLetterCode.map { " In dead letters: `\($0)`." } ?? ""
      return "## \(code.rawValue): \(explanation.title)\n\n\(explanation.cause)\(word)\n\n*What to do:* \(explanation.remedy)"
    }
    return "The code stands in brackets behind an error's message; `sluice explain CODE` prints what is here.\n\n"
      + parts.joined(separator: "\n\n")
  }
}

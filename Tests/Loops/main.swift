import Parse
import Records
import Transform
import Write

// loops NAME: does one hot loop once, on an input that is always the same, inside the function `hotLoop`. It is for counting
// instructions (Scripts/instructions): so it has one thread and no tasks.

/// Numbers that look random and are always the same (Numerical Recipes' generator).
struct Sequence32 {
  private var state: UInt32 = 1
  mutating func below(_ n: Int) -> Int {
    state = state &* 1_664_525 &+ 1_013_904_223
    return Int(state >> 8) % n
  }
}

func field(_ name: String, _ type: ValueType) -> Field { Field(name: name, type: type, nullable: true) }

let fields = [
  field("at", .timestamp), field("carrier", .text), field("flight", .bigint), field("delay", .double), field("minutes", .double),
  field("distance", .bigint),
]

/// Two thousand flights, with a value missing here and there.
func flights(_ write: (inout String, [String]) -> Void) -> ByteBuffer {
  var dice = Sequence32()
  var text = ""
  func two(_ n: Int) -> String { n < 10 ? "0\(n)" : "\(n)" }
  for _ in 0..<2000 {
    let at = "2013-\(two(dice.below(12) + 1))-\(two(dice.below(28) + 1))T\(two(dice.below(24))):00:00Z"
    let delay = dice.below(20) == 0 ? "" : "\(dice.below(400) - 60).\(dice.below(10))"
    write(
      &text, [at, ["UA", "AA", "B6", "DL"][dice.below(4)], "\(dice.below(9000))", delay, "\(dice.below(600) + 20)", "\(dice.below(4000))"])
  }
  let buffer = ByteBuffer(capacity: text.utf8.count)
  buffer.append(text)
  return buffer
}

let csv = flights { $0 += $1.joined(separator: ",") + "\n" }
let quoted = flights { text, cells in
  text += "\(cells[0]),\"He said \"\"\(cells[1])\"\", and\nleft\",\(cells[2]),\(cells[3]),\(cells[4]),\(cells[5])\n"
}
let json = flights { text, cells in
  text += "{\"at\":\"\(cells[0])\",\"carrier\":\"\(cells[1])\",\"flight\":\(cells[2]),\"delay\":\(cells[3].isEmpty ? "null" : cells[3]),"
  text += "\"minutes\":\(cells[4]),\"distance\":\(cells[5])}\n"
}

let document = flights { text, cells in
  text +=
    "\(text.isEmpty ? "[" : ",\n"){ \"at\": \"\(cells[0])\", \"carrier\": \"\(cells[1])\", \"more\": [\(cells[2]), {\"minutes\": \(cells[4])}] }"
}

var dialect = CSVDialect()
dialect.headerLines = 0
let csvFormat = CSV(dialect, recordLimit: 1 << 20)
let schema = Schema(fields)

func mapping(_ steps: [any Step] = []) -> ColumnMapping {
  let decoded = TransformPlan.compile(steps, input: schema).plan.decoded
  return ColumnMapping(schema: schema, columnCount: fields.count, columns: Array(fields.indices), decoded: decoded)
}

func batch(_ format: any RecordFormat, _ buffer: ByteBuffer, _ steps: [any Step] = []) -> RecordBatch {
  format.parse(RecordChunk(buffer: buffer, offset: 0, sequence: 0), mapping(steps))
}

func encoding(_ encoder: any RecordEncoder, _ batch: RecordBatch) -> () -> Int {
  let out = ByteBuffer(capacity: 1 << 20)
  return {
    encoder.encode(batch, to: out)
    return out.count
  }
}

func applying(_ steps: [any Step]) -> () -> Int {
  let plan = TransformPlan.compile(steps, input: schema).plan
  let batch = batch(csvFormat, csv, steps)
  return { (try? plan.apply(batch).selectedCount) ?? 0 }
}

func parsing(_ format: any RecordFormat, _ buffer: ByteBuffer) -> () -> Int {
  let mapping = mapping()
  return { format.parse(RecordChunk(buffer: buffer, offset: 0, sequence: 0), mapping).rowCount }
}

let arithmetic: [any Step] = [
  FilterStep("minutes IS NOT NULL AND distance >= 500"), DeriveStep([(name: "speed", expression: "distance / (minutes / 60)")]),
]
let functions: [any Step] = [
  DeriveStep([
    (name: "united", expression: "carrier LIKE 'U%'"), (name: "even", expression: "regexp_like(carrier, '^[A-M]+$')"),
    (name: "late", expression: "CASE WHEN delay > 60 THEN 'very' WHEN delay > 0 THEN 'late' ELSE 'good' END"),
    (name: "hour", expression: "date_part('hour', at)"), (name: "route", expression: "lower(carrier) || '-' || upper(carrier)"),
  ])
]

let loops: [String: () -> () -> Int] = [
  "csv boundary": {
    var framer = csvFormat.makeFramer()
    return { (try? quoted.withSpan { try framer.boundary($0, isFinal: false).end }) ?? 0 }
  },
  "csv parse": { parsing(csvFormat, csv) },
  "csv parse, quoted": { parsing(csvFormat, quoted) },
  "json document boundary": {
    var framer = JSON().makeFramer()
    return { (try? document.withSpan { try framer.boundary($0, isFinal: false).records?.starts.count }) ?? 0 }
  },
  "json parse": { parsing(JSONLines(), json) },
  "filter and arithmetic": { applying(arithmetic) },
  "functions": { applying(functions) },
  "json encode, copied": { encoding(JSONLinesEncoder(), batch(csvFormat, csv)) },
  "json encode, quoted": { encoding(JSONLinesEncoder(), batch(csvFormat, quoted)) },
  "json encode, computed": {
    let parsed = batch(csvFormat, csv, functions)
    return encoding(JSONLinesEncoder(), (try? TransformPlan.compile(functions, input: schema).plan.apply(parsed)) ?? parsed)
  },
  "csv encode": { encoding(CSVEncoder(), batch(csvFormat, csv)) },
]

@inline(never)
func hotLoop(_ loop: () -> Int) -> Int { loop() }

if let name = CommandLine.arguments.dropFirst().first, let make = loops[name] {
  // Once before, for what is done once in a process.
  _ = make()()
  print(hotLoop(make()))
} else {
  print(loops.keys.sorted().joined(separator: "\n"))
}

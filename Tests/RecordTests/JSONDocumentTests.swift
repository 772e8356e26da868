import Foundation
import Parse
import Records
import Testing

/// The scanner of JSON documents against Python's json.
@Suite("JSON documents against Python's json")
struct JSONDocumentTests {
  /// Random documents with a path each, and what Python's json finds there; some are spoiled. A line each: the document and the
  /// path as hexadecimal digits, whether it is JSON, and the records in a form of their own.
  private static let makeDocuments = """
    import json, random, sys
    seed, count = int(sys.stdin.readline()), int(sys.stdin.readline())
    random.seed(seed)
    names = ['a', 'b', 'a b', 'é', "it's", 'x-1', '$', 'a"b', 'a\\\\b']
    def text():
        return ''.join(random.choice(['x', '{', '}', '[', ']', ',', ':', '"', '\\\\', '\\n', 'é', '😀', ' ', '\\\\"', '\\u001e', '/']) for _ in range(random.randrange(7)))
    def value(depth):
        kind = random.randrange(9 if depth < 4 else 6)
        if kind < 2: return random.choice([0, -1, 1.5, 1e300, -2.5e-7, 12345678901234567890])
        if kind < 4: return text()
        if kind < 6: return random.choice([None, True, False])
        if kind < 7: return [value(depth + 1) for _ in range(random.randrange(4))]
        return {random.choice(names): value(depth + 1) for _ in range(random.randrange(4))}
    def space(): return random.choice(['', '', '', ' ', '\\n', '\\t ', '\\r\\n'])
    def spelled(text):
        out = json.dumps(text, ensure_ascii=random.random() < .3)
        if random.random() < .2: out = '"' + ''.join('\\\\u%04x' % ord(c) if ord(c) < 0x10000 else c for c in text) + '"'
        return out
    def written(v):
        if isinstance(v, dict): return '{' + space() + (space() + ',' + space()).join(spelled(k) + space() + ':' + space() + written(x) for k, x in v.items()) + space() + '}'
        if isinstance(v, list): return '[' + space() + (space() + ',' + space()).join(written(x) for x in v) + space() + ']'
        if isinstance(v, str): return spelled(v)
        return json.dumps(v)
    def select(v, steps):
        if not steps: return [v]
        step, rest = steps[0], steps[1:]
        if step == '*': children = list(v.values()) if isinstance(v, dict) else v if isinstance(v, list) else []
        elif isinstance(step, int): children = [v[step]] if isinstance(v, list) and step < len(v) else []
        else: children = [v[step]] if isinstance(v, dict) and step in v else []
        return [r for c in children for r in select(c, rest)]
    def path(v):
        steps = []
        while isinstance(v, (dict, list)) and v and random.random() < .75:
            if isinstance(v, dict):
                k = random.choice(list(v)); steps.append('*' if random.random() < .2 else k); v = v[k]
            else:
                i = random.randrange(len(v)); steps.append('*' if random.random() < .6 else i); v = v[i]
        return steps
    def shown(steps):
        out = '$'
        for s in steps:
            if s == '*': out += random.choice(['[*]', '.*'])
            elif isinstance(s, int): out += '[%d]' % s
            elif s.isalpha() and random.random() < .7: out += '.' + s
            elif random.random() < .5: out += "['" + s.replace('\\\\', '\\\\\\\\').replace("'", "\\\\'") + "']"
            else: out += '["' + s.replace('\\\\', '\\\\\\\\').replace('"', '\\\\"') + '"]'
        return out
    def constant(x): raise ValueError(x)
    class Double(Exception): pass
    def pairs(members):
        # Of a name that comes twice Python takes the last.
        if len(dict(members)) < len(members): raise Double()
        return dict(members)
    decoder = json.JSONDecoder(parse_constant=constant, object_pairs_hook=pairs)
    def documents(text):
        found, at, end = [], 0, -1
        while True:
            while at < len(text) and text[at] in ' \\t\\n\\r\\x1e': at += 1
            if at == len(text): return found
            if at == end: raise ValueError('not parted')
            v, at = decoder.raw_decode(text, at)
            end = at
            found.append(v)
    def form(v): return json.dumps(v, sort_keys=True)
    for i in range(count):
        values = [value(0) for _ in range(random.choice([1, 1, 1, 2, 3]))]
        steps = path(values[0])
        source = random.choice(['\\n', ' ', '\\n\\x1e']).join(written(v) for v in values)
        if random.random() < .5 and source:
            for _ in range(random.randrange(1, 3)):
                at = random.randrange(len(source) + 1)
                source = source[:at] + random.choice(['', *'{}[]:,"\\\\ \\n0-.eutx']) + source[at + random.randrange(2):]
        try:
            found, good = documents(source), True
            records = [form(r) for v in found for r in select(v, steps)]
        except ValueError: records, good = [], False
        except Double: records, good = [], 2
        print(source.encode().hex() or '-', shown(steps).encode().hex(), int(good), json.dumps(records).encode().hex())
    """

  /// Each line: whether Python read the document, what it found, and what was found here; what differs is printed.
  private static let compare = """
    import json, sys
    def constant(x): raise ValueError(x)
    def form(text):
        try: return json.dumps(json.loads(text, parse_constant=constant), sort_keys=True)
        except ValueError: return None
    for line in sys.stdin:
        number, good, wanted, failure, *raws = line.rstrip('\\n').split(' ')
        if good == '2': continue
        found = [form(bytes.fromhex(r).decode()) for r in raws]
        wanted = json.loads(bytes.fromhex(wanted))
        if good == '1':
            if failure == '-' and found != wanted: print(number, 'found', found, 'wanted', wanted)
            # What selects arrays one by one, or nothing, is told of.
            if failure == 'damage': print(number, 'is JSON, and is said to be damaged')
            if failure == 'nothing' and wanted and not any(w.startswith('[') for w in wanted): print(number, 'nothing is found of', wanted)
        elif failure == '-' and None not in found: print(number, 'is no JSON, and is taken')
    """

  private struct Reading {
    var raws: [[UInt8]] = []
    var failure = "-"
  }

  private static func read(_ text: [UInt8], _ path: String, cuts: [Int]) -> Reading {
    var reading = Reading()
    let section = FormatSample.section("{format: json, on_empty: accept, records: '\(path.replacingOccurrences(of: "'", with: "''"))'}")
    var item = FormatReading(section.recordFormat(itemName: ""), Schema([]))
    do {
      var at = 0
      for cut in cuts + [text.count] {
        try item.take(text[at..<cut], isFinal: cut == text.count)
        at = cut
      }
    } catch ParseError.nothingSelected {
      reading.failure = "nothing"
    } catch ParseError.damagedDocument(_, let line, let column, let offset) {
      reading.failure = "damage"
      // The place is told in two ways, which are one.
      let before = text.prefix(offset)
      let start = before.lastIndex(of: 0x0A).map { $0 + 1 } ?? 0
      if line != before.count(where: { $0 == 0x0A }) + 1 || column != offset - start + 1 { reading.failure = "place" }
    } catch {
      reading.failure = "\(error)".replacingOccurrences(of: " ", with: "_")
    }
    reading.raws = item.records.map(\.raw)
    return reading
  }

  private static func bytes(_ digits: Substring) -> [UInt8] {
    var digits = digits
    var bytes: [UInt8] = []
    while digits.count > 1 {
      bytes.append(UInt8(digits.prefix(2), radix: 16) ?? 0)
      digits = digits.dropFirst(2)
    }
    return bytes
  }

  private static func digits(_ bytes: [UInt8]) -> String { bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined() }

  @Test("a record with a backslash outside of its texts ends where it did, wherever the text is cut")
  func strayBackslashes() {
    for stray in [#"\{"#, #"\}"#, #"\\{"#, #"\"{"#, #"\["x"]"#] {
      let text = Array((#"[{"a":1},{"b":"# + stray + String(repeating: " ", count: 70) + #"},{"c":3}, {"d":"x"}]"#).utf8)
      let whole = Self.read(text, "$[*]", cuts: [])
      for cut in 1..<text.count {
        let parts = Self.read(text, "$[*]", cuts: [cut])
        #expect(parts.raws == whole.raws && parts.failure == whole.failure, "\(stray), cut at \(cut)")
      }
    }
  }

  @Test("random documents, good and spoiled, with a path each: the records that Python finds, wherever the text is cut")
  func agree() throws {
    let seed = Int.random(in: 0..<1_000_000)
    let lines = try Oracle.ask(Self.makeDocuments, "\(seed)\n400\n").split(separator: "\n")
    #expect(lines.count == 400)
    var told = ""
    for (number, line) in lines.enumerated() {
      let fields = line.split(separator: " ")
      let text = fields[0] == "-" ? [] : Self.bytes(fields[0])
      let path = String(decoding: Self.bytes(fields[1]), as: UTF8.self)
      let whole = Self.read(text, path, cuts: [])
      for cut in stride(from: 0, to: text.count, by: max(1, text.count / 40)) {
        let parts = Self.read(text, path, cuts: [cut])
        // Where it breaks off, as many records are out before as there are whole ones.
        #expect(
          parts.raws == whole.raws && parts.failure == whole.failure,
          "seed \(seed), document \(number), \(path), cut at \(cut): \(String(decoding: text, as: UTF8.self))")
      }
      told +=
        "\(number) \(fields[2]) \(fields[3]) \(whole.failure) \(whole.raws.map(Self.digits).joined(separator: " "))".trimmingCharacters(
          in: .whitespaces) + "\n"
    }
    let differences = try Oracle.ask(Self.compare, told)
    let first = differences.split(separator: "\n").first.map(String.init) ?? ""
    let number = Int(first.prefix { $0 != " " }) ?? 0
    let fields = lines[number].split(separator: " ")
    #expect(
      differences.isEmpty,
      "seed \(seed): \(first)\n\(String(decoding: Self.bytes(fields[1]), as: UTF8.self)) of \(String(decoding: Self.bytes(fields[0]), as: UTF8.self))"
    )
  }
}

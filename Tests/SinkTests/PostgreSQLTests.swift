#if canImport(CPostgreSQL)
  import Configuration
  import Definition
  import Files
  import Foundation
  import Parse
  import Records
  import Testing

  @testable import Write

  @Suite("PostgreSQL", .enabled(if: PostgreSQLServer.isThere), .serialized)
  struct PostgreSQLTests {
    private static let modes = ["append": "mode: append", "replace": "mode: replace", "merge": "mode: merge, key: [n]"]

    @Test("the sink keeps what a sink has to", arguments: modes.keys.sorted(), [false, true])
    func conformance(_ mode: String, _ isThere: Bool) throws {
      let server = try PostgreSQLServer.shared.get()
      let name = "conformance_\(mode)_\(isThere)"
      _ = try server.database(name)
      let address = server.address(name)
      @Sendable func connect() throws -> PostgreSQLConnection { try PostgreSQLConnection(PostgreSQLAddress(address), settings: []) }
      var suite = SinkConformance(write: "table: t, database: '\(address)', \(Self.modes[mode] ?? "")") { _ in
        let connection = try connect()
        guard try connection.rows("SELECT to_regclass('t')")[0][0] != nil else { return nil }
        let rows = try connection.rows(
          "SELECT format('{\"n\":%s,\"s\":%s}', n, coalesce(to_json(s)::text, 'null')) FROM t ORDER BY n"
        ).compactMap { $0[0] }
        // A table that was there before can't tell by itself whether an output without rows was committed.
        let hasCommits = try !connection.rows("SELECT 1 FROM sluice_commits").isEmpty
        return isThere && rows.isEmpty && !hasCommits ? nil : rows
      }
      suite.clearing = {
        let connection = try connect()
        try connection.run(
          "DROP TABLE IF EXISTS t, sluice_commits; CREATE TABLE sluice_commits (id text PRIMARY KEY, owner text NOT NULL, at timestamptz NOT NULL DEFAULT now())"
        )
        // Other types than Sluice would take, so that rows are spelled for them.
        if isThere { try connection.run("CREATE TABLE t (id serial, s varchar(20), n int NOT NULL, PRIMARY KEY (n))") }
      }
      for (check, found) in try suite.failures() { Issue.record("\(name): \(check): \(found.joined(separator: "; "))") }
    }

    // MARK: Values

    private static let values: [(field: String, type: ValueType, json: String, column: String, text: String?)] = [
      ("a", .bigint, "-9223372036854775808", "bigint", "-9223372036854775808"), ("b", .bigint, "2147483647", "integer", "2147483647"),
      ("c", .bigint, "-32768", "smallint", "-32768"), ("d", .bigint, "1234567890123", "numeric", "1234567890123"),
      ("e", .bigint, "7", "double precision", "7"), ("f", .double, "0.1", "double precision", "0.1"),
      ("g", .double, "-1.5", "real", "-1.5"), ("h", .double, "12345.678", "numeric(10,2)", "12345.68"),
      ("i", .double, "1e-7", "numeric", "0.0000001"), ("j", .double, "1e20", "numeric", "100000000000000000000"),
      ("k", .boolean, "true", "boolean", "true"), ("l", .boolean, "false", "text", "false"),
      ("m", .text, "\"Zürich \\\"x\\\"\"", "text", "Zürich \"x\""),
      ("n", .text, "\"abc\"", "varchar(3)", "abc"), ("o", .text, "\"äöü  \"", "varchar(3)", "äöü"), ("p", .text, "\"x\"", "char(3)", "x"),
      ("q", .text, "\"00012.3400\"", "numeric", "12.3400"), ("r", .text, "\"-0.00001\"", "numeric(12,6)", "-0.000010"),
      ("s", .text, "\"A0EEBC99-9C0B-4ef8-bb6d-6bb9bd380a11\"", "uuid", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
      ("t", .text, "\"10.1.2.3/24\"", "inet", "10.1.2.3/24"), ("u", .text, "\"{1,2,NULL}\"", "int[]", "{1,2,NULL}"),
      ("v", .text, "\"2 days\"", "interval", "2 days"), ("w", .text, "\"happy\"", "mood", "happy"), ("x", .text, "\"7\"", "positive", "7"),
      ("y", .timestamp, "\"2013-03-31T02:30:00.123456Z\"", "timestamptz", "2013-03-31 02:30:00.123456+00"),
      ("z", .timestamp, "\"1969-12-31T23:59:59Z\"", "timestamp", "1969-12-31 23:59:59"),
      ("ba", .date, "\"0001-01-01\"", "date", "0001-01-01"), ("bb", .date, "\"2024-02-29\"", "text", "2024-02-29"),
      ("bc", .json, "{\"a\": [1, null]}", "jsonb", "{\"a\": [1, null]}"), ("bd", .json, "{\"b\":  1}", "json", "{\"b\":  1}"),
      ("be", .json, "[1,2]", "text", "[1,2]"), ("bf", .text, "null", "text", nil), ("bg", .bigint, "null", "integer", nil),
      ("bh", .text, "null", "inet", nil), ("bi", .double, "null", "numeric", nil), ("bj", .boolean, "null", "boolean", nil),
      ("bk", .text, "\"k\"", "email", "k"), ("bl", .timestamp, "\"2020-02-02T02:02:02Z\"", "text", "2020-02-02 02:02:02"),
    ]

    @Test("each value is read back as it was, whatever type its column has", arguments: ["append", "merge", "absent"])
    func values(_ way: String) throws {
      let server = try PostgreSQLServer.shared.get()
      let connection = try server.database("values_\(way)")
      try connection.run(
        "SET TimeZone = 'UTC'; CREATE TYPE mood AS ENUM ('sad', 'happy'); CREATE DOMAIN positive AS int CHECK (VALUE > 0); CREATE DOMAIN email AS varchar(20)"
      )
      // Arrays and the like are only read by the server, from a temporary table. Without them the rows go straight into the table.
      let cast = ["inet", "int[]", "interval", "positive"]
      let values = Self.values.filter { way == "merge" || !cast.contains($0.column) }
      if way != "absent" {
        try connection.run(
          "CREATE TABLE t (key bigint PRIMARY KEY, \(values.map { "\"\($0.field)\" \($0.column)" }.joined(separator: ", ")))")
      }
      let schema = Schema([Field(name: "key", type: .bigint, nullable: false)] + values.map { Field(name: $0.field, type: $0.type) })
      let write = "table: t, database: '\(server.address("values_\(way)"))'" + (way == "merge" ? ", mode: merge, key: [key]" : "")
      let output = try TableBench(write)
      defer { output.remove() }
      let lines = (0..<1000).map { n in "{\"key\":\(n),\(values.map { "\"\($0.field)\":\($0.json)" }.joined(separator: ","))}" }
      let (refusals, faults) = try output.write(lines, schema)
      #expect(refusals.isEmpty && faults.isEmpty, "\(refusals) \(faults)")
      #expect(try connection.rows("SELECT count(*), count(DISTINCT key), min(key), max(key) FROM t")[0] == ["1000", "1000", "0", "999"])
      for value in values {
        let got = try connection.rows("SELECT DISTINCT \"\(value.field)\"::text FROM t").map { $0[0] }
        let want = way == "absent" ? try Self.own(value, connection) : value.text
        #expect(got == [want], "\(value.field) \(value.column): \(got)")
      }
    }

    /// A value as the server shows it in a column of the type that Sluice makes.
    private static func own(
      _ value: (field: String, type: ValueType, json: String, column: String, text: String?), _ connection: PostgreSQLConnection
    ) throws -> String? {
      return try connection.rows("SELECT ($1::jsonb #>> '{}')::\(PostgreSQLType.own(value.type))::text", value.json)[0][0]
    }

    @Test("a decimal number keeps its digits", arguments: 0..<8)
    func numeric(_ seed: Int) throws {
      let server = try PostgreSQLServer.shared.get()
      let connection = try PostgreSQLConnection(PostgreSQLAddress(server.address("postgres")), settings: [])
      var random = SystemRandomNumberGenerator()
      for _ in 0..<100 {
        var text = (0..<Int.random(in: 1...30, using: &random)).map { _ in "\(Int.random(in: 0...9, using: &random) % (seed + 2))" }
          .joined()
        if Bool.random(using: &random) {
          text.insert(".", at: text.index(text.startIndex, offsetBy: Int.random(in: 0...text.count, using: &random)))
        }
        if text == "." { continue }
        if Bool.random(using: &random) { text += "e\(Int.random(in: -30...30, using: &random))" }
        if Bool.random(using: &random) { text = "-" + text }
        let want = try connection.rows("SELECT $1::numeric::text, encode(numeric_send($1::numeric), 'hex')", text)[0]
        let bytes = ByteBuffer(capacity: 64)
        let source = ByteBuffer(capacity: 64)
        source.append(text)
        let number = try #require(PostgreSQLNumeric(source.bytes, source.count), "\(text)")
        number.write(to: bytes)
        let hex = bytes.copy(0..<bytes.count).map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
        // The server reads spare zeros too; it sends none.
        try connection.run("CREATE TEMPORARY TABLE IF NOT EXISTS numbers (n numeric); TRUNCATE numbers")
        let row = [0, 1] + [0, 0, 0, UInt8(bytes.count)] + bytes.copy(0..<bytes.count)
        _ = try connection.copy(into: "numbers", "COPY numbers FROM STDIN (FORMAT binary)") { send in
          _ = try row.withUnsafeBufferPointer { try $0.baseAddress.map { try send($0, row.count) } }
        }
        #expect(try connection.rows("SELECT n::text FROM numbers")[0][0] == want[0], "\(text): \(hex), the server has \(want[1] ?? "")")
      }
    }

    // MARK: Rows that the table refuses

    @Test(
      "rows that the table refuses are told one by one, by the number of their record, in the server's words",
      arguments: modes.keys.sorted())
    func refusedRows(_ mode: String) throws {
      let server = try PostgreSQLServer.shared.get()
      let connection = try server.database("refused_\(mode)")
      try connection.run(
        """
        CREATE TABLE other (id bigint PRIMARY KEY); INSERT INTO other SELECT generate_series(0, 9);
        CREATE TABLE t (n bigint PRIMARY KEY CHECK (n <> 777), s text, u bigint UNIQUE, o bigint REFERENCES other (id));
        """)
      if mode == "append" { try connection.run("INSERT INTO t VALUES (500, 'there', -1, 1)") }
      let output = try TableBench("table: t, database: '\(server.address("refused_\(mode)"))', \(Self.modes[mode] ?? "")")
      defer { output.remove() }
      let schema = Schema([
        Field(name: "n", type: .bigint), Field(name: "s", type: .text), Field(name: "u", type: .bigint), Field(name: "o", type: .bigint),
      ])
      // A key that is there, a check, a value that another row has, and a row of another table that is not there.
      var lines = (0..<3000).map { n in
        "{\"n\":\(n),\"s\":\"x\",\"u\":\([1200, 1201, 1202].contains(n) ? 5 : n),\"o\":\(n == 2222 ? 99 : n % 10)}"
      }
      let want = (mode == "append" ? [500] : []) + [777, 1200, 1201, 1202, 2222]
      let (refusals, faults) = try output.write(lines, schema)
      #expect(faults.isEmpty)
      let refusal = try #require(refusals.first)
      #expect(try connection.rows("SELECT count(*) FROM t")[0][0] == (mode == "append" ? "1" : "0"))
      if mode == "replace" {
        #expect(refusal.rows.isEmpty && refusal.reason.contains("violates check constraint"), "\(refusal)")
        return
      }
      #expect(refusal.rows.map(\.record) == want, "\(refusal)")
      for (word, row) in [("check constraint", 777), ("duplicate key", 1200), ("foreign key", 2222)] {
        #expect(refusal.rows.first { $0.record == row }?.reason.contains(word) == true, "\(row): \(refusal)")
      }
      for row in want.reversed() { lines.remove(at: row) }
      #expect(try output.write(lines, schema).refusals.isEmpty)
      #expect(try connection.rows("SELECT count(*) FROM t")[0][0] == "\(3000 - want.count + (mode == "append" ? 1 : 0))")
    }

    @Test("rows that can't be in their columns are dead letters before they are sent")
    func faults() throws {
      let server = try PostgreSQLServer.shared.get()
      let connection = try server.database("faults")
      try connection.run("CREATE TABLE t (a int, b varchar(3), c numeric(5,2), d text NOT NULL, e uuid)")
      let output = try TableBench("table: t, database: '\(server.address("faults"))'")
      defer { output.remove() }
      let schema = Schema([
        Field(name: "a", type: .bigint), Field(name: "b", type: .text), Field(name: "c", type: .text), Field(name: "d", type: .text),
        Field(name: "e", type: .text),
      ])
      let good = "{\"a\":1,\"b\":\"äöü \",\"c\":\"999.990\",\"d\":\"\",\"e\":null}"
      let bad = [
        ("a", "{\"a\":2147483648,\"d\":\"\"}", "out of the range of integer"),
        ("b", "{\"b\":\"abcd\",\"d\":\"\"}", "longer than character varying(3)"),
        ("c", "{\"c\":\"1000\",\"d\":\"\"}", "numeric(5,2) does not hold"),
        ("c", "{\"c\":\"0.001\",\"d\":\"\"}", "numeric(5,2) does not hold"),
        ("c", "{\"c\":\"x\",\"d\":\"\"}", "no number"), ("d", "{\"a\":1}", "NOT NULL"), ("d", "{\"d\":\"a\\u0000b\"}", "NUL"),
        ("e", "{\"e\":\"x\",\"d\":\"\"}", "no uuid"),
      ]
      let (refusals, faults) = try output.write([good] + bad.map(\.1) + [good], schema)
      #expect(refusals.isEmpty)
      #expect(faults.count == bad.count)
      for (i, (field, line, words)) in bad.enumerated() {
        let fault = faults.first { $0.record == i + 1 }
        #expect(fault?.field == field && fault?.reason.contains(words) == true, "\(line): \(String(describing: fault))")
      }
      #expect(try connection.rows("SELECT a, b, c, d, e FROM t") == [["1", "äöü", "999.99", "", nil], ["1", "äöü", "999.99", "", nil]])
    }

    // MARK: The table

    @Test("of rows with one key the last counts, and a merge leaves other rows alone")
    func merge() throws {
      let server = try PostgreSQLServer.shared.get()
      let connection = try server.database("merging")
      try connection.run(
        "CREATE SCHEMA sales; CREATE TABLE sales.t (n bigint, s text, kept text DEFAULT 'k', UNIQUE (n)); INSERT INTO sales.t VALUES (1, 'old', 'z'), (-1, 'stays', 'z')"
      )
      let output = try TableBench("table: sales.t, database: '\(server.address("merging"))', mode: merge, key: [n]")
      defer { output.remove() }
      let refusals = try output.write((0..<1000).map { "{\"n\":\($0 % 100),\"s\":\"v\($0)\"}" }, Bench.schema).refusals
      #expect(refusals.isEmpty)
      #expect(
        try connection.rows("SELECT count(*), count(*) FILTER (WHERE s = 'v' || (900 + n)), max(kept) FILTER (WHERE n = 1) FROM sales.t")[0]
          == ["101", "100", "z"])
    }

    @Test("a field that the table has no column for fails, is added or is left out", arguments: ["fail", "add", "ignore"])
    func newColumn(_ rule: String) throws {
      let server = try PostgreSQLServer.shared.get()
      let connection = try server.database("columns_\(rule)")
      try connection.run("CREATE TABLE t (n bigint)")
      let output = try TableBench("table: t, database: '\(server.address("columns_\(rule)"))', on_new_column: \(rule)")
      defer { output.remove() }
      if rule == "fail" {
        let error = #expect(throws: WriteError.self) { try output.write(["{\"n\":1,\"s\":\"x\"}"], Bench.schema) }
        #expect(error?.description.contains("no column “s”") == true, "\(String(describing: error))")
        return
      }
      #expect(try output.write(["{\"n\":1,\"s\":\"x\"}"], Bench.schema).refusals.isEmpty)
      let table = try #require(try PostgreSQLTable.read("t", connection))
      #expect(table.columns.map(\.name) == (rule == "add" ? ["n", "s"] : ["n"]))
      #expect(try connection.rows("SELECT * FROM t") == [rule == "add" ? ["1", "x"] : ["1"]])
    }

    @Test("with provenance the rows of an item that is written again take the place of its earlier ones, and no others'")
    func provenance() throws {
      let server = try PostgreSQLServer.shared.get()
      let connection = try server.database("provenance")
      let output = try TableBench("table: t, database: '\(server.address("provenance"))', provenance: true")
      defer { output.remove() }
      for (item, rows) in [("a", 0..<10), ("b", 5..<8), ("a", 3..<5)] {
        #expect(try output.write(rows.map { "{\"n\":\($0),\"s\":null}" }, Bench.schema, item: item).refusals.isEmpty)
      }
      #expect(
        try connection.rows("SELECT _item, n, _run FROM t ORDER BY 1, 2") == [
          ["a", "3", "1"], ["a", "4", "1"], ["b", "5", "1"], ["b", "6", "1"], ["b", "7", "1"],
        ])
    }

    @Test(
      "a table that does not fit is told with what to do",
      arguments: [
        ("CREATE VIEW t AS SELECT 1::bigint AS n, ''::text AS s", "", "is no table there"),
        ("CREATE TABLE t (n timestamptz, s text)", "", "the column “n” is timestamp with time zone, and the field is bigint"),
        ("CREATE TABLE t (n bigint, s text, x int NOT NULL)", "", "“x” is NOT NULL without a default"),
        ("CREATE TABLE t (n bigint, s text)", ", mode: merge, key: [n]", "CREATE UNIQUE INDEX ON \"t\" (\"n\")"),
        ("CREATE TABLE t (n bigint, s text GENERATED ALWAYS AS ('x') STORED)", "", "computed by the table"),
        ("CREATE TABLE t (n bigint, s text)", ", provenance: true", "ADD COLUMN _item text"),
      ])
    func misfits(_ made: String, _ more: String, _ words: String) throws {
      let server = try PostgreSQLServer.shared.get()
      try server.database("misfits").run(made)
      let output = try TableBench("table: t, database: '\(server.address("misfits"))'\(more)")
      defer { output.remove() }
      let error = #expect(throws: WriteError.self) { try output.write(["{\"n\":1,\"s\":null}"], Bench.schema) }
      #expect(error?.description.contains(words) == true, "\(String(describing: error))")
    }

    // MARK: Connections

    @Test("a connection that the server cuts is no lasting error: the commit is repeated, and done once")
    func cutConnection() throws {
      let server = try PostgreSQLServer.shared.get()
      let connection = try server.database("cut")
      let output = try TableBench("table: t, database: '\(server.address("cut"))'")
      defer { output.remove() }
      let session = try output.bench.session()
      for round in 0..<5 {
        let writer = try session.open(output.bench.slot("\(round)"), Bench.schema, at: .start)
        try writer.append(SinkChunk(output.bench.records(round * 100, 100).bytes))
        try session.prepare([writer])
        let committable = try #require(writer.committable)
        try connection.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'cut' AND pid <> pg_backend_pid()")
        do {
          _ = try session.commit([committable], forgetting: [])
        } catch let error as WriteError {
          #expect(error.isTransient, "\(error)")
        }
        for _ in 0..<2 { #expect(try session.commit([committable], forgetting: []).isEmpty) }
      }
      #expect(try connection.rows("SELECT count(*), count(DISTINCT n) FROM t")[0] == ["500", "500"])
    }

    @Test("committables and messages hold no password, and committers take it from the definition's sink")
    func passwords() throws {
      let server = try PostgreSQLServer.shared.get()
      _ = try server.database("secrets")
      let output = try TableBench("table: t, database: '\(server.address("secrets").replacing("tests@", with: "tests:t0ps3cret@"))'")
      defer { output.remove() }
      let session = try output.bench.session()
      let writer = try session.open(output.bench.slot(), Bench.schema, at: .start)
      try writer.append(SinkChunk(output.bench.records(0, 10).bytes))
      try session.prepare([writer])
      let committable = try #require(writer.committable)
      for text in [committable.name, committable.target, committable.token] { #expect(!text.contains("t0ps3cret"), "\(text)") }
      #expect(try PostgreSQLSink.committer(in: output.bench.folder, known: [output.bench.sink]).inspect(committable) == .whole)
      let address = PostgreSQLAddress("postgres://u:p%40ss@h1:5432,h2/db?sslmode=require&password=x&application_name=y")
      #expect(
        address.bare == "postgres://u@h1:5432,h2/db?sslmode=require&application_name=y" && address.shown == "postgres://u@h1:5432,h2/db")
      #expect(address.hasSecretParameter)
    }

    @Test("a row's place in the server's context is found in any language")
    func context() {
      #expect(PostgreSQLConnection.row(inContext: "COPY t, line 17, column a: \"x\"", of: "t") == 17)
      #expect(PostgreSQLConnection.row(inContext: "COPY t1, Zeile 4", of: "t1") == 4)
      #expect(PostgreSQLConnection.row(inContext: "PL/pgSQL function f() line 3 at RAISE\nCOPY a, 5, line 9", of: "a, 5") == 9)
      #expect(PostgreSQLConnection.row(inContext: "SQL statement \"…\"", of: "t") == nil)
    }
  }
#endif

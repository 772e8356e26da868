import Configuration
import Foundation
import Testing

@testable import Fetch

@Suite("S3")
struct S3Tests {
  /// Keys with all that addresses and signatures write otherwise.
  private static let oddNames = [
    "a b.csv", "c=d.csv", "e+f.csv", "g:h.csv", "zażółć/żółw.csv", "日本/☃.csv", "p%41.csv", "x&y#z.csv", "(1)~!*'.csv", "d.;,@$.csv",
  ]

  private static func definition(_ from: String, _ more: String = "", write: String = "path: 'out.jsonl'") -> String {
    "pipeline: p\nfetch: {from: \(from), retry: {attempts: 3, backoff: 1ms..5ms}}\nparse: {fields: {n: bigint}}\nwrite: {\(write)}\n\(more)"
  }

  private static func servers(_ shop: Workshop) throws -> [any S3Server] { [try MotoServer(shop), try RcloneServer(shop)] }

  // No settings of the user who runs the tests.
  static let bareEnvironment = [
    "HOME": "/nonexistent", "AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_SESSION_TOKEN": "", "AWS_PROFILE": "",
    "AWS_CONFIG_FILE": "", "AWS_SHARED_CREDENTIALS_FILE": "", "AWS_ENDPOINT_URL": "", "AWS_ENDPOINT_URL_S3": "", "AWS_REGION": "",
    "AWS_DEFAULT_REGION": "",
  ]

  private static func numbers(_ shop: Workshop) -> [Int] { shop.records("out.jsonl").compactMap { $0["n"] as? Int }.sorted() }

  // MARK: Signatures

  struct Vector: Sendable {
    var name: String
    var method = "GET"
    var path = "/"
    var query: [(name: String, value: String)] = []
    var headers: [(name: String, value: String)] = []
    var signature: String
  }

  /// Of AWS's Signature Version 4 test suite, with its key, day and service.
  private static let vectors = [
    Vector(
      name: "get-vanilla-query-order-key-case", query: [("Param2", "value2"), ("Param1", "value1")],
      signature: "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"),
    Vector(
      name: "get-utf8", path: "/" + S3Signature.encoded("ሴ"),
      signature: "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"),
    Vector(
      name: "get-space", path: S3Signature.encoded("/example space/", keeping: "/"),
      signature: "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741"),
    Vector(
      name: "get-vanilla-utf8-query", query: [("ሴ", "bar")],
      signature: "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04"),
    Vector(
      name: "get-vanilla-query-unreserved",
      query: [
        (
          "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
          "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
        )
      ], signature: "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197"),
    Vector(
      name: "get-header-value-trim", headers: [("My-Header1", " value1"), ("My-Header2", " \"a   b   c\"")],
      signature: "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"),
    Vector(
      name: "post-sts-header-before", method: "POST",
      headers: [
        (
          "X-Amz-Security-Token",
          "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA=="
        )
      ], signature: "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead"),
  ]

  @Test("signatures are those of AWS's test suite", arguments: vectors.indices)
  func testSuite(_ number: Int) {
    let vector = Self.vectors[number]
    let credentials = S3Credentials(accessKey: "AKIDEXAMPLE", secretKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", origin: "")
    let text = S3Signature(credentials: credentials, region: "us-east-1", service: "service").authorization(
      vector.method, path: vector.path, query: vector.query,
      headers: [("Host", "example.amazonaws.com"), ("X-Amz-Date", "20150830T123600Z")] + vector.headers, date: "20150830T123600Z")
    #expect(text.hasSuffix("Signature=\(vector.signature)"), "\(vector.name): \(text)")
  }

  @Test("signatures are those of the examples in S3's reference")
  func reference() {
    let credentials = S3Credentials(accessKey: "AKIAIOSFODNN7EXAMPLE", secretKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", origin: "")
    let host = [
      (name: "host", value: "examplebucket.s3.amazonaws.com"), (name: "x-amz-date", value: "20130524T000000Z"),
      (name: "x-amz-content-sha256", value: S3Signature.emptyPayload),
    ]
    func sign(_ path: String, _ query: [(name: String, value: String)], _ headers: [(name: String, value: String)]) -> String {
      S3Signature(credentials: credentials, region: "us-east-1").authorization(
        "GET", path: path, query: query, headers: host + headers, date: "20130524T000000Z")
    }
    let object = sign("/test.txt", [], [("Range", "bytes=0-9")])
    #expect(
      object
        == "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
    )
    #expect(sign("/", [("lifecycle", "")], []).hasSuffix("=fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"))
    #expect(
      sign("/", [("max-keys", "2"), ("prefix", "J")], []).hasSuffix("=34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"))
    #expect(S3Signature.date(Date(timeIntervalSince1970: 1_369_353_600)) == "20130524T000000Z")
  }

  @Test("a key is sent as it is: dots, blanks and signs are its own")
  func s3Addresses() {
    var place = S3Place()
    place.endpoint = "http://127.0.0.1:9000/base/"
    #expect(place.request(S3Object("s3://b/a/../c d=+:?#%é")).url == "http://127.0.0.1:9000/base/b/a/../c%20d%3D%2B%3A%3F%23%25%C3%A9")
    place.isPathStyle = false
    #expect(place.request(S3Object("s3://b/k")).url == "http://b.127.0.0.1:9000/base/k")
    (place.endpoint, place.isPathStyle, place.region) = (nil, nil, "eu-west-1")
    #expect(place.request(S3Object("s3://b/k")).url == "https://b.s3.eu-west-1.amazonaws.com/k")
    #expect(place.request(S3Object("s3://b.c/k")).url == "https://s3.eu-west-1.amazonaws.com/b.c/k")
  }

  // MARK: Listings

  @Test("a listing's XML is read strictly")
  func xml() {
    func parse(_ text: String) -> S3XML? { S3XML.parse(Array(text.utf8)) }
    let page = parse("<?xml version=\"1.0\"?>\n<!-- c --><a:R xmlns='x'><K>a&amp;b&#x26;&#38;&lt;</K><E/><C><![CDATA[<&]]></C>\n</a:R>\n")
    #expect(page?.name == "R" && page?["K"] == "a&b&&<" && page?["E"]?.isEmpty == true && page?["C"] == "<&")
    for wrong in [
      "", "<a>", "<a></b>", "<a></a>x", "<a>&b;</a>", "<!DOCTYPE a><a/>", "<a><![CDATA[x]]</a>", "<a b=c/>", "<a>&#xD800;</a>",
      String(repeating: "<a>", count: 40),
    ] { #expect(parse(wrong) == nil, "\(wrong)") }
  }

  @Test(
    "a pattern matches keys step by step",
    arguments: [
      ("a/*.csv", "a/b.csv", true), ("a/*.csv", "a/b/c.csv", false), ("a/**/*.csv", "a/c.csv", true), ("a/**/*.csv", "a/b/d/c.csv", true),
      ("**", "a/b", true), ("a/**", "a/b", true), ("a/?.csv", "a/b.csv", true), ("a/[xy].csv", "a/y.csv", true), ("*", ".hidden", true),
      ("a//*.csv", "a//b.csv", true), ("a/*.csv", "a//b.csv", false), ("**/x", "x", true), ("**/x", "a/y", false),
    ])
  func globs(_ pattern: String, _ key: String, _ isMatch: Bool) {
    #expect(S3Glob(pattern).matches(key) == isMatch)
    #expect(!isMatch || key.hasPrefix(S3Glob(pattern).prefix))
  }

  @Test("odd keys are listed, read, known again, and read again only where they change")
  func oddKeys() throws {
    let shop = try Workshop()
    for server in try Self.servers(shop) {
      try? FileManager.default.removeItem(atPath: shop.path(".sluice"))
      for (number, name) in Self.oddNames.enumerated() { try server.put("odd/\(name)", "n\n\(number)\n") }
      try server.put("odd/other.txt", "no")
      try server.put("outside.csv", "n\n99\n")
      try shop.write("p.yaml", Self.definition(server.entry("s3://data/odd/**/*.csv"), write: "path: 'out/{item.stem}.csv'"))
      let first = try shop.runPipeline("p.yaml")
      #expect(first.status == 0 && first.records["written"] == Self.oddNames.count, "\(server.url): \(first.stderr)")
      let again = try shop.runPipeline("p.yaml")
      #expect(again.status == 0 && again.records["read"] == 0, "\(again.stdout)")
      try server.put("odd/a b.csv", "n\n100\n200\n")
      let changed = try shop.runPipeline("p.yaml")
      #expect(changed.status == 0 && changed.records["read"] == 2, "\(changed.stdout) \(changed.stderr)")
      #expect(shop.read("out/a b.csv") == "n\n100\n200\n")
      // Named one by one, and a name that looks like a pattern.
      try server.put("one/x[1].csv", "n\n5\n")
      try shop.write(
        "one.yaml", Self.definition("[\(server.entry("s3://data/odd/{c=d,e+f}.csv")), \(server.entry("s3://data/one/x[1].csv"))]"))
      let named = try shop.runPipeline("one.yaml", "--full")
      #expect(named.status == 0, "\(named.stderr)")
      #expect(Self.numbers(shop) == [1, 2, 5])
    }
  }

  @Test("ten thousand keys are listed, page by page")
  func manyKeys() throws {
    let shop = try Workshop()
    let moto = try MotoServer(shop)
    try moto.fill("many/", 10_000)
    try shop.write("p.yaml", Self.definition(moto.entry("s3://data/many/*.csv")))
    let outcome = try shop.sluice("run", "p.yaml", "--dry-run", "--output", "json")
    #expect(outcome.status == 0, "\(outcome.stderr)")
    #expect(outcome.stdout.contains("10000"), "\(outcome.stdout.prefix(2000))")
  }

  // MARK: Refusals

  @Test("a wrong key, a bucket that is not there and a pattern that finds nothing are told in plain words, with what to do")
  func refusals() throws {
    let shop = try Workshop()
    for server in try Self.servers(shop) {
      try server.put("a.csv", "n\n1\n")
      func run(_ from: String) throws -> Outcome {
        try? FileManager.default.removeItem(atPath: shop.path(".sluice"))
        try shop.write("p.yaml", Self.definition(from))
        return try shop.runPipeline("p.yaml", environment: Self.bareEnvironment)
      }
      for address in ["s3://data/a.csv", "s3://data/*.csv"] {
        let wrong = try run(server.entry(address, secret: "wrong-secret-key"))
        #expect(wrong.status != 0 && wrong.stderr.contains("403 SignatureDoesNotMatch"), "\(server.url): \(wrong.stderr)")
        #expect(wrong.stderr.contains("the secret key of the definition does not fit its access key"))
        #expect(!(wrong.stderr + wrong.stdout).contains("wrong-secret-key"))
      }
      let unknown = try run(server.entry("s3://data/a.csv").replacing(server.accessKey, with: "AKIANOBODY"))
      #expect(unknown.stderr.contains("InvalidAccessKeyId: it does not know the access key of the definition"), "\(unknown.stderr)")
      for address in ["s3://none/a.csv", "s3://none/*.csv"] {
        let none = try run(server.entry(address))
        #expect(none.status != 0 && none.stderr.contains("there is no bucket “none” at \(server.url)"), "\(server.url): \(none.stderr)")
      }
      let key = try run(server.entry("s3://data/none.csv"))
      #expect(key.status != 0 && key.stderr.contains("there is no such object"), "\(server.url): \(key.stderr)")
      let nothing = try run(server.entry("s3://data/none/*.csv"))
      #expect(nothing.status == 66 && nothing.stderr.contains("s3://data/none/*.csv"), "\(nothing.status) \(nothing.stderr)")
    }
  }

  @Test("a wrong region, a clock that is wrong and a server that is busy are known by what S3 answers")
  func answers() throws {
    let shop = try Workshop()
    func error(_ code: String, _ more: String = "") -> String { "<Error><Code>\(code)</Code><Message>Its words.</Message>\(more)</Error>" }
    let server = try ScriptServer(
      shop,
      answers: [
        "/b/moved.csv": [["status": 301, "headers": [["x-amz-bucket-region", "eu-west-3"]], "body": error("PermanentRedirect")]],
        "/b/endpoint.csv": [["status": 301, "body": error("PermanentRedirect", "<Endpoint>b.s3-eu-west-1.amazonaws.com</Endpoint>")]],
        "/b/malformed.csv": [["status": 400, "body": error("AuthorizationHeaderMalformed", "<Region>ap-south-1</Region>")]],
        "/b/away.csv": [["status": 307, "headers": [["Location", "http://127.0.0.1:1/"]], "body": error("TemporaryRedirect")]],
        "/b/clock.csv": [["status": 403, "body": error("RequestTimeTooSkewed")]],
        "/b/expired.csv": [["status": 400, "body": error("ExpiredToken")]],
        "/b/denied.csv": [["status": 403, "body": error("AccessDenied")]],
        "/b/busy.csv": [
          ["status": 503, "body": error("SlowDown")], ["status": 503, "body": error("SlowDown")],
          ["body": "n\n7\n", "headers": [["ETag", "\"1\""]]],
        ],
        "/b": [["body": "<html>a web page</html>"]],
      ])
    func run(_ key: String) throws -> Outcome {
      try? FileManager.default.removeItem(atPath: shop.path(".sluice"))
      try shop.write("p.yaml", Self.definition("{url: 's3://b/\(key)', endpoint: '\(server.url)', access_key: k, secret_key: secret}"))
      return try shop.runPipeline("p.yaml", environment: Self.bareEnvironment)
    }
    for (key, words) in [
      ("moved.csv", "is in the region eu-west-3, and was asked for in us-east-1; write region: eu-west-3"),
      ("endpoint.csv", "is in the region eu-west-1"), ("malformed.csv", "is in the region ap-south-1"),
      ("away.csv", "is somewhere else than at"),
      ("clock.csv", "the clock of this machine is wrong"), ("expired.csv", "the session token of the definition has expired"),
      ("denied.csv", "may not do this; they need s3:ListBucket on the bucket “b”"), ("*.csv", "is no listing of S3's; check the endpoint"),
    ] {
      let outcome = try run(key)
      #expect(outcome.status != 0 && outcome.stderr.contains(words), "\(key): \(outcome.stderr)")
    }
    let busy = try run("busy.csv")
    #expect(busy.status == 0 && Self.numbers(shop) == [7], "\(busy.stderr)")
  }

  // MARK: Credentials

  @Test("credentials come from the definition, the environment and the CLI's files, and are in nothing that is written")
  func credentials() throws {
    let shop = try Workshop()
    let moto = try MotoServer(shop)
    try moto.put("a.csv", "n\n1\n")
    let role = moto.role
    let (roleKey, roleSecret, token) = (role["access_key"] ?? "", role["secret_key"] ?? "", role["session_token"] ?? "")
    try shop.write(
      "home/.aws/credentials",
      "[default]\naws_access_key_id = \(moto.accessKey)\naws_secret_access_key = \(moto.secretKey)\n[role]\naws_access_key_id=\(roleKey)\naws_secret_access_key=\(roleSecret)\naws_session_token=\(token)\n[broken]\naws_access_key_id = AKIABROKEN\naws_secret_access_key = broken-secret\n"
    )
    try shop.write("home/.aws/config", "[default]\nregion = us-east-1\n[profile sso]\nsso_session = x\n")
    let keys = ["AWS_ACCESS_KEY_ID": moto.accessKey, "AWS_SECRET_ACCESS_KEY": moto.secretKey]
    let wrongKeys = ["AWS_ACCESS_KEY_ID": "AKIANOBODY", "AWS_SECRET_ACCESS_KEY": "nobodys-secret"]
    let home = ["HOME": shop.path("home")]
    let at = "endpoint: '\(moto.url)'"
    let temporary = "access_key: '\(roleKey)', secret_key: '${ROLE_SECRET}', session_token: '${ROLE_TOKEN}'"
    let cases: [(String, String, [String: String])] = [
      ("keys", "\(at), access_key: \(moto.accessKey), secret_key: '${PLANTED}'", wrongKeys.merging(["PLANTED": moto.secretKey]) { $1 }),
      ("a session's keys", "\(at), \(temporary)", ["ROLE_SECRET": roleSecret, "ROLE_TOKEN": token]), ("the environment", at, keys),
      (
        "a session of the environment", at, ["AWS_ACCESS_KEY_ID": roleKey, "AWS_SECRET_ACCESS_KEY": roleSecret, "AWS_SESSION_TOKEN": token]
      ),
      ("the default profile", at, home), ("AWS_PROFILE", at, home.merging(["AWS_PROFILE": "role"]) { $1 }),
      ("the environment before AWS_PROFILE", at, home.merging(keys) { $1 }.merging(["AWS_PROFILE": "broken"]) { $1 }),
      ("profile before the environment", "\(at), profile: role", home.merging(wrongKeys) { $1 }),
      ("files elsewhere", "\(at), profile: role", ["AWS_SHARED_CREDENTIALS_FILE": shop.path("home/.aws/credentials")]),
      ("an endpoint of the environment", "region: us-east-1", keys.merging(["AWS_ENDPOINT_URL": moto.url]) { $1 }),
    ]
    for (place, entry, environment) in cases {
      try? FileManager.default.removeItem(atPath: shop.path(".sluice"))
      try shop.write("p.yaml", Self.definition("{url: 's3://data/*.csv', \(entry)}"))
      let outcome = try shop.runPipeline("p.yaml", "--log-file", "log", environment: Self.bareEnvironment.merging(environment) { $1 })
      #expect(outcome.status == 0 && Self.numbers(shop) == [1], "\(place): \(outcome.stderr)")
      let files = FileManager.default.enumerator(atPath: shop.folder)?.compactMap { $0 as? String } ?? []
      for file in files where file.hasPrefix(".sluice") || file == "log" || file == "out.jsonl" {
        let bytes = shop.data(file) ?? Data()
        for secret in [moto.secretKey, roleSecret, token] { #expect(bytes.range(of: Data(secret.utf8)) == nil, "\(place): \(file)") }
      }
    }
    for (entry, environment, words) in [
      ("\(at), profile: none", home, "there is no profile “none” in \(shop.path("home"))/.aws/credentials"),
      ("\(at), profile: sso", home, "gets its credentials by sso_session, which sluice does not do"),
      ("\(at), access_key: x", [:], "access_key and secret_key belong together"),
      ("endpoint: 'nowhere'", [:], "the endpoint is no address"),
      ("\(at), headers: {a: b}", [:], "headers is for http, and the source is s3"),
      (at, ["AWS_ACCESS_KEY_ID": "x"], "belong together, and the environment has one of them only"),
    ] {
      try shop.write("p.yaml", Self.definition("{url: 's3://data/*.csv', \(entry)}"))
      let outcome = try shop.run(
        Workshop.binary, ["check", "p.yaml"], environment: Self.bareEnvironment.merging(environment) { $1 })
      #expect(outcome.status == 78 && outcome.stderr.contains(words), "\(words): \(outcome.stderr)")
    }
    for (address, words) in [
      ("s3://data", "this names no object"), ("s3://data/x/", "name those below it: s3://data/x/**"),
      ("s3://d*/x", "a bucket's name is written out"),
    ] {
      try shop.write("p.yaml", Self.definition("'\(address)'"))
      let outcome = try shop.run(Workshop.binary, ["check", "p.yaml"], environment: Self.bareEnvironment)
      #expect(outcome.status == 78 && outcome.stderr.contains(words), "\(words): \(outcome.stderr)")
    }
  }

  // MARK: Runs that are disturbed

  /// Objects of which one takes many requests' time, and what must come of them.
  private func large(_ server: any S3Server) throws -> [Int] {
    for item in 0..<12 {
      try server.put("large/\(item).csv", "n\n" + (0..<30_000).map { "\(item * 100_000 + $0)" }.joined(separator: "\n") + "\n")
    }
    return (0..<12).flatMap { item in (0..<30_000).map { item * 100_000 + $0 } }
  }

  @Test("killed at any moment, a run resumes with nothing lost and nothing doubled")
  func killed() throws {
    let shop = try Workshop()
    let server = try RcloneServer(shop)
    let want = try large(server)
    try shop.write("p.yaml", Self.definition(server.entry("s3://data/large/*.csv"), write: "path: out.jsonl, checkpoint: {every: 20ms}"))
    for moment in 1...6 {
      try? FileManager.default.removeItem(atPath: shop.path(".sluice"))
      try? FileManager.default.removeItem(atPath: shop.path("out.jsonl"))
      let process = try shop.start(Workshop.binary, ["run", "p.yaml", "--progress", "none"])
      usleep(UInt32(moment * 150_000))
      process.stop(SIGKILL)
      var resumed = try shop.sluice("resume", "p.yaml")
      if resumed.status == 64 { resumed = try shop.runPipeline("p.yaml") }
      #expect(resumed.status == 0, "\(resumed.stderr)")
      #expect((Self.numbers(shop) == want) as Bool, "moment \(moment)")
    }
  }

  @Test("a server that goes away in the middle of a run and comes again costs nothing")
  func restarted() throws {
    let shop = try Workshop()
    let server = try RcloneServer(shop)
    let want = try large(server)
    try shop.write(
      "p.yaml",
      "pipeline: p\nfetch: {from: \(server.entry("s3://data/large/*.csv")), workers: 1, retry: {attempts: 100, backoff: 50ms..100ms}}\nparse: {fields: {n: bigint}}\nwrite: {path: 'out/{item.stem}.jsonl'}\n"
    )
    let process = try shop.start(Workshop.binary, ["run", "p.yaml", "--progress", "none"])
    try shop.await("out/0.jsonl")
    server.kill()
    usleep(300_000)
    try server.restart()
    #expect(process.wait() == 0)
    let got = (0..<12).flatMap { shop.records("out/\($0).jsonl").compactMap { $0["n"] as? Int } }
    #expect((got == want) as Bool)
  }
}

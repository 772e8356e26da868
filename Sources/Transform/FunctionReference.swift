/// The reference entry of one function of expressions. A test checks that every function has one, and computes every example.
public struct FunctionReference: Sendable {
  /// The name, in lower case, as expressions call it.
  public let name: String
  /// Other names for the same function, sorted.
  public var aliases: [String] { Functions.aliases.filter { $0.value == name }.map(\.key).sorted() }
  /// The call with its arguments, optional ones in brackets: `trim(text[, characters])`.
  public let usage: String
  /// One or two sentences on the result.
  public let summary: String
  /// An expression that reads no field, and its value as JSON.
  public let example: (expression: String, value: String)

  private init(_ usage: String, _ summary: String, _ expression: String, _ value: String) {
    name = String(usage.prefix { $0 != "(" })
    self.usage = usage
    self.summary = summary
    example = (expression, value)
  }

  /// All functions by kind, in the order of the reference.
  public static let kinds: [(title: String, functions: [FunctionReference])] = [
    ("Text", text), ("Patterns", patterns), ("Numbers", numbers), ("Dates and times", times), ("JSON", json),
    ("Hashes and encodings", encodings), ("Choice", choices), ("Provenance", origins),
  ]

  /// Every name that an expression may call, sorted.
  static var callable: [String] { Functions.names.sorted() }

  private static let text: [FunctionReference] = [
    .init("lower(text)", "The text in lower case.", "lower('Ürümqi')", #""ürümqi""#),
    .init("upper(text)", "The text in upper case.", "upper('zürich')", #""ZÜRICH""#),
    .init("length(text)", "How many characters (Unicode scalars) it has.", "length('Zürich')", "6"),
    .init("trim(text[, characters])", "Without blanks, or these characters, at both ends.", "trim('--x-', '-')", #""x""#),
    .init("ltrim(text[, characters])", "The same at the left end only.", "ltrim('  x ')", #""x ""#),
    .init("rtrim(text[, characters])", "The same at the right end only.", "rtrim('  x ')", #""  x""#),
    .init(
      "substr(text, start[, length])", "From a character on, counted from 1. A negative length is an error.", "substr('Zürich', 2, 3)",
      #""üri""#),
    .init("left(text, count)", "The first characters; all but the last −count where it is negative.", "left('abcde', 2)", #""ab""#),
    .init("right(text, count)", "The last characters; all but the first −count where it is negative.", "right('abcde', 2)", #""de""#),
    .init("replace(text, from, to)", "Every “from” replaced.", "replace('a-b-c', '-', '+')", #""a+b+c""#),
    .init("concat(value, …)", "The values as text, joined; NULLs are passed over.", "concat('a', 1, NULL, 'b')", #""a1b""#),
    .init("strpos(text, wanted)", "Where “wanted” begins, counted from 1; 0 where it is not.", "strpos('Zürich', 'r')", "3"),
    .init("starts_with(text, start)", "Whether it begins so.", "starts_with('ABC', 'AB')", "true"),
    .init("ends_with(text, end)", "Whether it ends so.", "ends_with('ABC', 'AB')", "false"),
    .init("contains(text, wanted)", "Whether “wanted” is in it.", "contains('ABC', 'B')", "true"),
    .init(
      "split_part(text, by, number)", "The part of that number, counted from 1, of the text split at “by”; empty where there are fewer.",
      "split_part('2013-01-31', '-', 2)", #""01""#),
    .init(
      "lpad(text, length[, fill])",
      "Filled up on the left to so many characters with blanks, or this text; cut on the right where it has more.",
      "lpad('7', 3, '0')", #""007""#),
    .init("rpad(text, length[, fill])", "The same filled up on the right.", "rpad('ab', 5, '.-')", #""ab.-.""#),
    .init("reverse(text)", "The characters (Unicode scalars) in reverse.", "reverse('Zürich')", #""hcirüZ""#),
  ]

  private static let patterns: [FunctionReference] = [
    .init(
      "regexp_like(text, pattern[, flags])", "Whether the regular expression matches somewhere: text ~ pattern. Flag i: whatever the case.",
      "regexp_like('N14228', '^n[0-9]+$', 'i')", "true"),
    .init(
      "regexp_extract(text, pattern[, group])", "What the first match, or that group of it, holds; empty where nothing matches.",
      "regexp_extract('gate B42', '([A-Z])([0-9]+)', 2)", #""42""#),
    .init(
      "regexp_replace(text, pattern, to[, flags])",
      #"The first match replaced; \1 to \9 are its groups. Flags: g every match, i whatever the case."#,
      #"regexp_replace('a1b2', '([0-9])', '<\1>', 'g')"#, #""a<1>b<2>""#),
    .init(
      "regexp_split(text, pattern[, flags])",
      "The texts between the matches, as a JSON array. Flag i: whatever the case. An empty match parts characters, and nothing at either end.",
      "regexp_split('a, b;c', '[,;] *')", #"["a","b","c"]"#),
  ]

  private static let numbers: [FunctionReference] = [
    .init("abs(number)", "Without its sign; an error for the least bigint.", "abs(-3)", "3"),
    .init("floor(number)", "The whole number below.", "floor(-1.5)", "-2.0"),
    .init("ceil(number)", "The whole number above.", "ceil(1.2)", "2.0"),
    .init("trunc(number)", "Without its fraction.", "trunc(-1.5)", "-1.0"),
    .init("sign(number)", "−1, 0 or 1.", "sign(-7)", "-1"),
    .init("round(number[, digits])", "Rounded to so many digits as it is written, halves away from zero.", "round(2.345, 1)", "2.3"),
    .init("sqrt(number)", "The square root; NULL of less than 0.", "sqrt(9)", "3.0"),
    .init("exp(number)", "e to that power; out of a double's range it is an error.", "exp(0)", "1.0"),
    .init("ln(number)", "The natural logarithm; NULL of 0 and less.", "ln(1)", "0.0"),
    .init("log10(number)", "The logarithm to base 10; NULL of 0 and less.", "log10(1000)", "3.0"),
    .init(
      "power(base, exponent)", "The base to that power; NULL where that is no number, an error out of a double's range.", "power(2, 10)",
      "1024.0"),
    .init("mod(a, b)", "The remainder of a by b, with the sign of a; NULL where b is 0.", "mod(-7, 3)", "-1"),
  ]

  private static let times: [FunctionReference] = [
    .init("year(time)", "The year of a date or timestamp.", "year(DATE '2013-08-09')", "2013"),
    .init("quarter(time)", "The quarter, 1 to 4.", "quarter(DATE '2013-08-09')", "3"),
    .init("month(time)", "The month, 1 to 12.", "month(DATE '2013-08-09')", "8"),
    .init("day(time)", "The day of the month.", "day(DATE '2013-08-09')", "9"),
    .init("hour(time)", "The hour of a timestamp or time, 0 to 23.", "hour(TIMESTAMP '2013-08-09 17:45:00')", "17"),
    .init("minute(time)", "The minute.", "minute(TIMESTAMP '2013-08-09 17:45:00')", "45"),
    .init("second(time)", "The second, whole.", "second(TIMESTAMP '2013-08-09 17:45:06.5')", "6"),
    .init(
      "date_part(part, time)",
      "A part by name, as EXTRACT(part FROM time) does: year, month, day, hour, minute, second, dow (Sunday is 0), isodow (Sunday is 7), doy, quarter, week (ISO 8601), isoyear (the year of that week), epoch, millisecond and microsecond (seconds included).",
      "date_part('doy', DATE '2013-02-01')", "32"),
    .init(
      "date_trunc(part, time)", "Cut down to the begin of its year, quarter, month, week (Monday), day, hour, minute or second.",
      "date_trunc('month', DATE '2013-08-09')", #""2013-08-01 00:00:00""#),
    .init(
      "date_add(time, interval)",
      "The time an interval later, as time + INTERVAL '…'. Months come first, then days, then the rest; of a day that the month does not have, its last day is taken.",
      "date_add(DATE '2024-01-31', INTERVAL '1 month')", #""2024-02-29 00:00:00""#),
    .init(
      "date_diff(part, from, to)",
      "How many times a year, quarter, month, day, hour, minute, second, millisecond or microsecond begins after the one up to the other. A week is 7 days between their dates.",
      "date_diff('month', DATE '2013-01-31', DATE '2013-03-01')", "2"),
    .init(
      "strptime(text, pattern[, zone[, side]])",
      "The timestamp that a text spells by a pattern of strptime(3); an error where it does not. Its clock stands in the zone (UTC without one) where the text has no offset. A local time that the zone's clocks skip or show twice is an error, but for the side: earlier or later.",
      "strptime('09.08.2013 17:45', '%d.%m.%Y %H:%M', 'Europe/Berlin')", #""2013-08-09 15:45:00""#),
    .init(
      "try_strptime(text, pattern[, zone[, side]])", "The same; NULL where the text does not fit.", "try_strptime('soon', '%d.%m.%Y')",
      "null"),
    .init(
      "strftime(time, pattern[, zone])",
      "A date or timestamp spelled by a pattern of strftime(3), on the clocks of the zone (UTC without one).",
      "strftime(TIMESTAMP '2013-08-09 15:45:00', '%a %d %b %Y, %H:%M %z', 'Europe/Berlin')", #""Fri 09 Aug 2013, 17:45 +0200""#),
    .init(
      "at_time_zone(time, zone)", "What the zone's clocks show at that time. time AT TIME ZONE 'zone' is the same.",
      "at_time_zone(TIMESTAMP '2013-08-09 15:45:00', 'Europe/Berlin')", #""2013-08-09 17:45:00""#),
    .init(
      "to_timestamp(seconds)", "The time so many seconds after 1970, in the years 0 to 9999.", "to_timestamp(1)", #""1970-01-01 00:00:01""#),
  ]

  private static let json: [FunctionReference] = [
    .init(
      "json_extract(json, path)",
      "A value in JSON, as JSON; NULL where it is not there, or is null. The path is one of JSONPath that names places (`$.a.b[0]`), a member's name, or an element's number (from 0; −1 is the last). json -> path is the same.",
      #"json_extract('{"a": {"b": [1, 2]}}', '$.a.b')"#, "[1, 2]"),
    .init(
      "json_extract_text(json, path)", "The same as text: a JSON text without its quotes and escapes. json ->> path is the same.",
      #"json_extract_text('{"city": "Z\u00fcrich"}', 'city')"#, #""Zürich""#),
  ]

  private static let encodings: [FunctionReference] = [
    .init(
      "md5(bytes)", "The MD5 of bytes, or of a text's UTF-8, in hexadecimal digits.", "md5('abc')", #""900150983cd24fb0d6963f7d28e17f72""#),
    .init(
      "sha256(bytes)", "The SHA-256 of bytes, or of a text's UTF-8, in hexadecimal digits.", "sha256('abc')",
      #""ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad""#),
    .init(
      "uuid5(namespace, value, …)",
      "The UUID of version 5 (RFC 9562) of a value as text; the same for the same values, in every run. The namespace is a UUID, or dns, url, oid or x500. Each value after the first is a name in the namespace that the values before it make.",
      "uuid5('dns', 'www.example.com')", #""2ed6657d-e927-568b-95e1-2665a8aea6a2""#),
    .init("hex(bytes)", "Bytes, or a text's UTF-8, in hexadecimal digits.", "hex('Zü')", #""5AC3BC""#),
    .init("unhex(text)", "The bytes of hexadecimal digits; an error where they are none.", "CAST(unhex('5ac3bc') AS text)", #""Zü""#),
    .init("base64(bytes)", "Bytes, or a text's UTF-8, in base64 (RFC 4648), padded.", "base64('Zürich')", #""WsO8cmljaA==""#),
    .init(
      "from_base64(text)", "The bytes of base64, padded or not; an error where it is none.", "CAST(from_base64('WsO8') AS text)", #""Zü""#),
    .init(
      "url_encode(text)", "For a part of an address: all but letters, digits, - . _ and ~ as %XX.", "url_encode('a b&c')", #""a%20b%26c""#),
    .init("url_decode(text)", "Every %XX as its byte, and all else as it is; + stays +.", "url_decode('a%20b%26c')", #""a b&c""#),
  ]

  /// The examples are of a record that stands in line 2 of `in.csv`, behind a header of two bytes.
  private static let origins: [FunctionReference] = [
    .init("item_key()", "The key of the item that the record is of, as the ledger and messages have it.", "item_key()", #""in.csv""#),
    .init("item_name()", "The last part of the item's path or address.", "item_name()", #""in.csv""#),
    .init("member_name()", "The path of the item in its archive; NULL where it is in none.", "member_name()", "null"),
    .init("record_number()", "The record's number in its item, from 1, as dead letters have it.", "record_number()", "1"),
    .init("record_line()", "The line where the record begins, from 1.", "record_line()", "2"),
    .init(
      "record_offset()", "How many bytes of the item stand before the record, once it is decompressed and in UTF-8.", "record_offset()", "2"
    ),
    .init("run_id()", "The number of the run that reads the record. A run that is resumed keeps its number.", "run_id()", "1"),
    .init(
      "run_started_at()", "When that run began first; a resume does not change it.", "run_started_at() > TIMESTAMP '2020-01-01 00:00:00'",
      "true"),
  ]

  private static let choices: [FunctionReference] = [
    .init("coalesce(value, …)", "The first that is not NULL.", "coalesce(NULL, 'a', 'b')", #""a""#),
    .init("ifnull(value, instead)", "coalesce of two.", "ifnull(NULL, 0)", "0"),
    .init("nullif(value, other)", "The value; NULL where it equals the other.", "nullif('NA', 'NA')", "null"),
    .init("iif(condition, then, else)", "CASE in short.", "iif(2 > 1, 'yes', 'no')", #""yes""#),
    .init("greatest(value, value, …)", "The greatest; NULLs are passed over.", "greatest(1, NULL, 3)", "3"),
    .init("least(value, value, …)", "The least; NULLs are passed over.", "least(2, 1, 3)", "1"),
    .init("is_same(a, b)", "a IS NOT DISTINCT FROM b: whether they are equal, where two NULLs are.", "is_same(NULL, NULL)", "true"),
  ]
}

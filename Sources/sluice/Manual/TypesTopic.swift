import Records

extension HelpTopic {
  /// The page of types, which `parse.fields`, `cast`, `CAST` and the fields of lookups and programs name.
  static let types = """
    A field of `parse.fields` has a type, perhaps the spelling of its values, and perhaps `not null`: `decimal(12,2) '1.234,56' not null`.
    A value that does not fit is a dead letter with its reason; no value is guessed, cut or rounded.

    | type | values | read from text | written |
    |---|---|---|---|
    | `bigint` | whole numbers of 64 bits | `-12`; no `+`, no leading zero, which belong to codes | as it came |
    | `double` | finite numbers of binary64 | `1.5`, `1e3` | as it came; computed, the shortest digits that are the same number |
    | `decimal(p,s)` | exact numbers of at most p digits (1 to \(DecimalText.mostDigits)), s of them behind the point; `decimal(p)` has none there | `12.5`, `1e3`, in JSON also `"12.50"` | with all s digits: `12.50` |
    | `boolean` | true and false | `true`, `t`, `yes`, `y`, `on`, `1` and their opposites, in any case; in JSON `true` and `false` | `true`, `false` |
    | `text` | text | as it stands | as it came |
    | `timestamp` | moments of UTC to the microsecond, years 0 to 9999 | `2024-02-29 17:45:00.5+01:00`; without an offset it is UTC | as it came; computed or spelled otherwise, `2024-02-29 16:45:00.5` |
    | `date` | days | `2024-02-29` | `2024-02-29` |
    | `time` | times of day to the microsecond | `17:45`, `17:45:00.5` | as it came; computed or spelled otherwise, `17:45:00.5` |
    | `bytes` | bytes of any kind | base64 (RFC 4648 §4), with or without `=` | base64 |
    | `json` | any JSON value | JSON | as it came |

    Nothing at all is NULL; `""` is an empty text or no bytes, and NULL in a column of another type. In a map of braces a type with a comma or with quotes wants quotes of its own: `{total: "decimal(12,2)"}`.

    ## Spellings

    | type | spelling | example |
    |---|---|---|
    | `timestamp`, `date`, `time` | a pattern of directives | `date '%d.%m.%Y'` |
    | `timestamp` | `in` the zone whose clocks it shows, behind a pattern or alone | `timestamp '%d/%m/%Y %H:%M' in 'Europe/Berlin'` |
    | `double`, `decimal`, `bigint` | the number 1234.56, or 1234, with the source's marks | `double '1.234,56'`, `bigint '1,234'` |
    | `bytes` | `'base64'` or `'hex'` | `bytes 'hex'` |

    | directive | stands for |
    |---|---|
    | `%Y`, `%y` | the year with four digits; with two, 69 to 99 of the 20th century and 00 to 68 of the 21st |
    | `%m`, `%b` or `%B` | the month as a number; as its English name, whole or by three letters, in any case |
    | `%d` or `%e`, `%j` | the day of the month; of the year |
    | `%H`; `%I` with `%p` | the hour of 24; of 12 with AM or PM |
    | `%M`, `%S`, `%f` | minute; second; up to nine digits of its fraction, of which six are kept |
    | `%a` or `%A`, `%u` | the weekday by name; as 1 (Monday) to 7. It must be that of the date |
    | `%G`, `%V` | year and week of ISO 8601 |
    | `%z`, `%Z` | the offset from UTC (`+0130`, `+01:30`, `Z`); `UTC` or `GMT`. Such a text is not moved by the field's zone |
    | `%s` | seconds since 1970 in UTC |
    | `%F`, `%T`, `%R`, `%D` | `%Y-%m-%d`, `%H:%M:%S`, `%H:%M`, `%m/%d/%y` |
    | `%%`, a blank | a percent sign; one or more blanks |

    Numbers of a text may leave their leading zeros out. All of the text must be what the pattern says.

    A number may leave out all marks between thousands, and not some of them. A bare number of JSON is read as JSON has it.

    ## Zones

    A zone is a name of the system's time zone database (package tzdata; `TZDIR` names another folder), or an offset as `+02:00`. Where clocks are put forward they skip local times, and where they are put back they show some
    twice. Both are dead letters, unless the definition takes a side: `in 'Europe/Berlin' earlier` or `later`. Of a time that is shown twice that is the first or the second moment. A time that is skipped is read by the offset behind the change for `earlier`, and by the offset before it for `later`.

    ## Decimals

    Decimals never pass through a double. A decimal is written with all digits of its scale, so `1.5` as `decimal(12,2)` comes out as `1.50`, and `1e3` as `1000.00`; what is spelled so already is copied. Zeros at the end of a
    fraction are no digits: `1.500` fits `decimal(12,2)`, and `1.239` is a dead letter.

    Results have types of their own, with \(DecimalText.mostDigits) digits at most. The rules are those of SQL as DuckDB has them for sums and products, and as SQL Server has them for quotients:

    | expression | digits behind the point | digits in all |
    |---|---|---|
    | `a + b`, `a - b` | max(s1, s2) | max(p1-s1, p2-s2) + digits behind the point + 1 |
    | `a * b` | s1 + s2 | p1 + p2 |
    | `a / b` | max(6, s1 + p2 + 1); less where that would be more than \(DecimalText.mostDigits) in all, but not less than 6 | p1 - s1 + s2 + digits behind the point |
    | `a % b` | max(s1, s2) | min(p1-s1, p2-s2) + digits behind the point |
    | `round(a, n)` | n, or s where that is less | p - s + n + 1 |
    | `round`, `floor`, `ceil`, `trunc` of `a` | 0 | p - s + 1 |
    | `coalesce`, `CASE`, `greatest`, `least` | max(s1, s2) | max(p1-s1, p2-s2) + digits behind the point |

    A bigint counts as `decimal(19,0)`. A number that is written out has the digits that it is written with, also where it would be a double elsewhere: `total * 1.19` is exact. A result with more digits than its type is a dead
    letter, never a wrong value; a product of more than \(DecimalText.mostDigits) digits behind the point is an error of the definition. A quotient is rounded once, halves away from zero, as `round` and `CAST` of a number to fewer digits do. Division by zero is NULL.

    A decimal and a double do not mix: `CAST` one of them. `CAST` of a text to a decimal rounds nothing. Comparisons of decimals are exact whatever their digits.

    ## In tables

    In SQLite a decimal is TEXT with all digits of its scale, since SQLite has no exact numbers with a fraction; `CAST(total AS REAL)` computes with it there. `decimal(p)` with p up to 18 is INTEGER. Times are TEXT, bytes are BLOB.
    """
}

"""The bench's jobs: what Sluice, Polars and DuckDB are asked to do, the same in each one's words."""
import data

TYPES = dict(zip(data.COLUMNS, "I I I I I D I I D T I T T T D D I I S".split()))
SLUICE_TYPES = {"I": "bigint", "D": "double", "T": "text", "S": "timestamp"}
SQL_TYPES = {"I": "BIGINT", "D": "DOUBLE", "T": "VARCHAR", "S": "TIMESTAMP"}
SELECT = "scheduled_at carrier flight tailnum origin dest dep_delay arr_delay air_time distance miles_per_hour".split()
SUMS = ["flight", "arr_delay", "air_time", "distance", "miles_per_hour"]

POLARS_TYPES = "{name: {'I': pl.Int64, 'D': pl.Float64}.get(kind, pl.String) for name, kind in %r.items()}" % TYPES
POLARS_STEPS = """
def steps(frame):
    frame = frame.with_columns(pl.col('time_hour').str.to_datetime('%%Y-%%m-%%dT%%H:%%M:%%SZ'))
    frame = frame.filter(pl.col('air_time').is_not_null() & (pl.col('distance') >= 500))
    frame = frame.with_columns((pl.col('distance') / (pl.col('air_time') / 60)).alias('miles_per_hour')).rename({'time_hour': 'scheduled_at'})
    return frame.select(%r)
""" % SELECT
POLARS = "import polars as pl\ntypes = " + POLARS_TYPES + POLARS_STEPS
SQL_COLUMNS = "{" + ", ".join("'%s': '%s'" % (name, SQL_TYPES[kind]) for name, kind in TYPES.items()) + "}"
SQL_STEPS = ("select time_hour as scheduled_at, carrier, flight, tailnum, origin, dest, dep_delay, arr_delay, air_time, distance, "
             "distance / (air_time / 60) as miles_per_hour from %s where air_time is not null and distance >= 500")
STEPS = """
  - filter: air_time IS NOT NULL AND distance >= 500
  - derive: {miles_per_hour: distance / (air_time / 60)}
  - rename: {time_hour: scheduled_at}
  - select: [%s]
""" % ", ".join(SELECT)
EXPRESSIONS = {
    "is_united": ("carrier LIKE 'U%'", "pl.col('carrier').str.starts_with('U')"),
    "is_numbered": ("regexp_like(tailnum, '^N[0-9]+$')", "pl.col('tailnum').str.contains('^N[0-9]+$')"),
    "lateness": ("CASE WHEN arr_delay > 60 THEN 'very' WHEN arr_delay > 0 THEN 'late' ELSE 'good' END",
                 "pl.when(pl.col('arr_delay') > 60).then(pl.lit('very')).when(pl.col('arr_delay') > 0).then(pl.lit('late')).otherwise(pl.lit('good'))"),
    "at_hour": ("date_part('hour', time_hour)", "pl.col('time_hour').dt.hour()"),
    "route": ("lower(origin) || '-' || upper(dest)", "pl.col('origin').str.to_lowercase() + '-' + pl.col('dest').str.to_uppercase()"),
}


def fields(types=TYPES):
    return "{" + ", ".join("%s: %s" % (name, SLUICE_TYPES[kind]) for name, kind in types.items()) + "}"


def definition(source, out, steps, parse="fields: " + fields(), limits=""):
    return "pipeline: bench\nfetch: {from: '%s'}\nparse: {%s}\ntransform:%s\nwrite: {path: '%s'}\n%s" % (source, parse, steps, out, limits)


def duckdb(query, out, form, before=""):
    return "import duckdb\nduckdb.sql('SET enable_progress_bar = false')\n%sduckdb.sql(%r)\n" % (
        before, "copy (%s) to '%s' (format %s)" % (query, out, form))


def read_csv(source, more=""):
    return "read_csv('%s', columns=%s, header=true%s)" % (source, SQL_COLUMNS, more)


class Job:
    """`sums` are the columns whose sums must be everybody's; `outs` are the outputs' patterns by tool."""

    def __init__(self, name, what, source, ending, sums, sluice, polars, sql):
        self.name, self.what, self.source, self.ending, self.sums = name, what, source, ending, sums
        self.sluice, self.polars, self.sql = sluice, polars, sql


def simple(name, what, source, ending):
    form = {"jsonl": "json", "csv": "csv"}[ending]
    return Job(
        name, what, source, ending, SUMS,
        lambda out: definition(source, out + "." + ending, STEPS),
        lambda out: POLARS + "steps(pl.scan_csv(%r, schema=types)).sink_%s(%r)\n" % (source, {"json": "ndjson", "csv": "csv"}[form], out + "." + ending),
        lambda out: duckdb(SQL_STEPS % read_csv(source), out + "." + ending, form))


def jobs(root, home, size, items, served):
    """All jobs; `served` is an address that the home folder is to be had at."""
    def j1():
        return simple("J1", "csv.gz to JSON Lines", data.flights(root, home, size, ".csv.gz"), "jsonl")

    def j2():
        return simple("J2", "csv.gz to CSV", data.flights(root, home, size, ".csv.gz"), "csv")

    def j3():
        folder = data.many(root, home, 64, size // 64)
        urls = "%s/%s/part-{00000..00063}.csv.gz" % (served, folder.split("/")[-1])
        each = ["%s/%s/part-%05d.csv.gz" % (served, folder.split("/")[-1], i) for i in range(64)]
        loop = "for i, url in enumerate(%r):\n    steps(pl.read_csv(url, schema=types).lazy()).sink_ndjson(%r %% i)\n"
        return Job(
            "J3", "64 csv.gz over HTTP to JSON Lines, a file each", urls, "jsonl", SUMS,
            lambda out: definition(urls, out + "-{item.stem}.jsonl", STEPS), lambda out: POLARS + loop % (each, out + "-%05d.jsonl"),
            lambda out: "import duckdb\nduckdb.sql('SET enable_progress_bar = false')\nfor i, url in enumerate(%r):\n    duckdb.sql(%r %% (url, i))\n" % (
                each, "copy (%s) to '%s' (format json)" % (SQL_STEPS % read_csv("%s"), out + "-%05d.jsonl")))

    def j4():
        source = data.flights_as_json(root, home, size)
        steps = "\n  - filter: distance >= 1000\n  - select: [carrier, flight, origin, dest, distance, arr_delay]\n"
        sql = ("select carrier, flight, origin, dest, distance, arr_delay from read_json('%s', columns=%s, format='newline_delimited') "
               "where distance >= 1000" % (source, SQL_COLUMNS))
        return Job(
            "J4", "jsonl.gz to CSV", source, "csv", ["flight", "distance", "arr_delay"],
            lambda out: definition(source, out + ".csv", steps),
            lambda out: POLARS + "pl.scan_ndjson(%r, schema=types).filter(pl.col('distance') >= 1000).select(%r).sink_csv(%r)\n" % (
                source, "carrier flight origin dest distance arr_delay".split(), out + ".csv"),
            lambda out: duckdb(sql, out + ".csv", "csv"))

    def j5a():
        folder = data.many(root, home, items, 20_000)
        glob = folder + "/part-*.csv.gz"
        return Job(
            "J5a", "%d csv.gz of 20 KB to one JSON Lines" % items, glob, "jsonl", SUMS, lambda out: definition(glob, out + ".jsonl", STEPS),
            lambda out: POLARS + "steps(pl.scan_csv(%r, schema=types)).sink_ndjson(%r)\n" % (glob, out + ".jsonl"),
            lambda out: duckdb(SQL_STEPS % read_csv(glob), out + ".jsonl", "json"))

    def j5b():
        folder = data.many(root, home, items, 20_000)
        urls = "%s/%s/part-{00000..%05d}.csv.gz" % (served, folder.split("/")[-1], items - 1)
        each = ["%s/%s/part-%05d.csv.gz" % (served, folder.split("/")[-1], i) for i in range(items)]
        query = SQL_STEPS % read_csv("URLS").replace("'URLS'", "%r" % each)
        return Job(
            "J5b", "the same over HTTP", urls, "jsonl", SUMS, lambda out: definition(urls, out + ".jsonl", STEPS), None,
            lambda out: duckdb(query, out + ".jsonl", "json"))

    def j6():
        source = data.malformed(root, home, size)
        return Job(
            "J6", "1 record in 10,000 malformed", source, "jsonl", SUMS,
            lambda out: definition(source, out + ".jsonl", STEPS, limits="limits: {dead_letters: 1%}\n"),
            lambda out: POLARS + "steps(pl.scan_csv(%r, schema=types, ignore_errors=True)).sink_ndjson(%r)\n" % (source, out + ".jsonl"),
            lambda out: duckdb(SQL_STEPS % read_csv(source, ", store_rejects=true"), out + ".jsonl", "json"))

    def j7():
        source = data.wide(home, size)
        names = ["c%03d" % i for i in range(500)]
        chosen = ["c007", "c111", "c222", "c333", "c499"]
        columns = "{" + ", ".join("'%s': 'BIGINT'" % name for name in names) + "}"
        return Job(
            "J7", "500 columns, 5 of them", source, "jsonl", chosen,
            lambda out: definition(source, out + ".jsonl", "\n  - filter: c007 >= 0\n", parse="fields: {%s}" % ", ".join(c + ": bigint" for c in chosen)),
            lambda out: "import polars as pl\npl.scan_csv(%r).select(%r).sink_ndjson(%r)\n" % (source, chosen, out + ".jsonl"),
            lambda out: duckdb("select %s from read_csv('%s', columns=%s, header=true)" % (", ".join(chosen), source, columns), out + ".jsonl", "json"))

    def j8():
        source = data.texts(home, size)
        types = {"id": "I", "score": "D", "note": "T"}
        columns = "{'id': 'BIGINT', 'score': 'DOUBLE', 'note': 'VARCHAR'}"
        return Job(
            "J8", "long quoted text with line ends", source, "jsonl", ["id", "score"],
            lambda out: definition(source, out + ".jsonl", "\n  - filter: score >= 20\n", parse="fields: " + fields(types)),
            lambda out: "import polars as pl\npl.scan_csv(%r).filter(pl.col('score') >= 20).sink_ndjson(%r)\n" % (source, out + ".jsonl"),
            lambda out: duckdb("select * from read_csv('%s', columns=%s, header=true) where score >= 20" % (source, columns), out + ".jsonl", "json"))

    def j9():
        source = data.flights(root, home, size, ".csv.gz")
        names = list(EXPRESSIONS)
        steps = "\n  - derive:\n" + "".join('      %s: "%s"\n' % (name, sql) for name, (sql, _) in EXPRESSIONS.items())
        steps += "  - select: [flight, %s]\n" % ", ".join(names)
        polars = ", ".join("(%s).alias(%r)" % (code, name) for name, (_, code) in EXPRESSIONS.items())
        sql = ", ".join("%s as %s" % (text.replace("regexp_like", "regexp_matches"), name) for name, (text, _) in EXPRESSIONS.items())
        return Job(
            "J9", "LIKE, regular expression, CASE, date part, text", source, "jsonl", ["flight", "at_hour"],
            lambda out: definition(source, out + ".jsonl", steps),
            lambda out: POLARS + "frame = pl.scan_csv(%r, schema=types).with_columns(pl.col('time_hour').str.to_datetime('%%Y-%%m-%%dT%%H:%%M:%%SZ'))\n" % source
            + "frame.with_columns(%s).select(%r).sink_ndjson(%r)\n" % (polars, ["flight"] + names, out + ".jsonl"),
            lambda out: duckdb("select flight, %s from %s" % (sql, read_csv(source)), out + ".jsonl", "json"))

    def j10():
        return simple("J10", "CSV, not compressed, to JSON Lines", data.flights(root, home, size, ".csv"), "jsonl")

    def j11():
        source = data.random_numbers(home, size)
        types = dict(zip(data.RANDOM_COLUMNS, "IIDDTTDI"))
        columns = "{" + ", ".join("'%s': '%s'" % (name, SQL_TYPES[kind]) for name, kind in types.items()) + "}"
        polars_types = "{" + ", ".join("%r: pl.%s" % (name, {"I": "Int64", "D": "Float64", "T": "String"}[kind]) for name, kind in types.items()) + "}"
        return Job(
            "J11", "random numbers and words, gzip -1", source, "jsonl", ["count", "price", "total"],
            lambda out: definition(
                source, out + ".jsonl", "\n  - filter: count >= 250000\n  - derive: {total: price * 2}\n  - select: [id, count, price, code, total]\n",
                parse="fields: " + fields(types)),
            lambda out: "import polars as pl\nframe = pl.scan_csv(%r, schema=%s).filter(pl.col('count') >= 250000)\n" % (source, polars_types)
            + "frame.with_columns((pl.col('price') * 2).alias('total')).select('id', 'count', 'price', 'code', 'total').sink_ndjson(%r)\n" % (out + ".jsonl"),
            lambda out: duckdb(
                "select id, count, price, code, price * 2 as total from read_csv('%s', columns=%s, header=true) where count >= 250000" % (source, columns),
                out + ".jsonl", "json"))

    return {"J1": j1, "J2": j2, "J3": j3, "J4": j4, "J5a": j5a, "J5b": j5b, "J6": j6, "J7": j7, "J8": j8, "J9": j9, "J10": j10, "J11": j11}

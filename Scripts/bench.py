"""The measuring half of Scripts/bench."""
import glob
import gzip
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time

root, home = sys.argv[1:3]
quick = "--quick" in sys.argv
size = 200_000_000 if quick else 1_000_000_000
rounds = 3 if quick else 5
source = os.path.join(home, "flights-%d.csv.gz" % size)


def make_data():
    """The real months over and over, each record under a new flight number and tail number."""
    rows = []
    for path in sorted(glob.glob(root + "/sample-data/flights-2013-*.csv.gz")):
        header, *lines = gzip.open(path, "rt").read().splitlines()
        rows += lines
    written = count = 0
    with gzip.open(source + ".part", "wt", compresslevel=6) as out:
        out.write(header + "\n")
        while written < size:
            block = []
            for line in rows:
                cells = line.split(",")
                cells[10] = str(count % 9000 + 1)
                cells[11] = "N%05d" % (count % 99999) if cells[11] else ""
                count += 1
                block.append(",".join(cells) + "\n")
                written += len(block[-1])
                if written >= size:
                    break
            out.write("".join(block))
    os.rename(source + ".part", source)


columns = ("year month day dep_time sched_dep_time dep_delay arr_time sched_arr_time arr_delay carrier flight tailnum origin dest "
           "air_time distance hour minute time_hour").split()
types = dict(zip(columns, "I I I I I D I I D T I T T T D D I I S".split()))
select = "scheduled_at carrier flight tailnum origin dest dep_delay arr_delay air_time distance miles_per_hour".split()

duckdb_job = """
import duckdb
duckdb.sql("SET enable_progress_bar = false")
types = %r
duckdb.sql("copy (select time_hour as scheduled_at, carrier, flight, tailnum, origin, dest, dep_delay, arr_delay, air_time, distance, "
           "distance / (air_time / 60) as miles_per_hour from read_csv('%s', columns=%%s, header=true) "
           "where air_time is not null and distance >= 500) to '%s' (format json)" %% types)
"""
polars_job = """
import polars as pl
types = {name: {'I': pl.Int64, 'D': pl.Float64}.get(kind, pl.String) for name, kind in %r.items()}
frame = pl.scan_csv('%s', schema=types).with_columns(pl.col('time_hour').str.to_datetime('%%Y-%%m-%%dT%%H:%%M:%%SZ'))
frame = frame.filter(pl.col('air_time').is_not_null() & (pl.col('distance') >= 500))
frame = frame.with_columns((pl.col('distance') / (pl.col('air_time') / 60)).alias('miles_per_hour')).rename({'time_hour': 'scheduled_at'})
frame.select(%r).sink_ndjson('%s')
"""


def commands():
    definition = open(root + "/pipelines/quickstart.yaml").read()
    definition = definition.replace("../sample-data/flights-2013-*.csv.gz", source).replace("../out/quickstart/{item.stem}.jsonl", home + "/sluice.jsonl")
    path = home + "/bench.yaml"
    open(path, "w").write(definition)
    names = {"I": "BIGINT", "D": "DOUBLE", "T": "VARCHAR", "S": "TIMESTAMP"}
    sql = {name: names[kind] for name, kind in types.items()}
    return {
        "sluice": [root + "/.build-release/release/sluice", "run", path, "--full", "--quiet", "--state", home + "/state"],
        "polars": [sys.executable, "-c", polars_job % (types, source, select, home + "/polars.jsonl")],
        "duckdb": [sys.executable, "-c", duckdb_job % (sql, source, home + "/duckdb.jsonl")],
    }


def measure(command):
    os.sync()
    begun = time.monotonic()
    process = subprocess.Popen(command)
    _, status, used = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit("failed: %s" % command[:2])
    return {"wall": time.monotonic() - begun, "cpu": used.ru_utime + used.ru_stime, "memory": used.ru_maxrss * 1024}


def summary(path):
    """Count and column sums: the same records give the same, in whatever order and spelling of numbers."""
    count, sums = 0, [0.0] * 5
    for line in open(path, "rb"):
        record = json.loads(line)
        count += 1
        for i, name in enumerate(("flight", "arr_delay", "air_time", "distance", "miles_per_hour")):
            sums[i] += record[name] or 0
    return count, [float("%.9g" % value) for value in sums]


if not os.path.exists(source):
    make_data()
jobs = commands()
results = {name: [] for name in jobs}
for _ in range(rounds):
    for name, command in jobs.items():
        for old in glob.glob(home + "/" + name + ".jsonl"):
            os.remove(old)
        results[name].append(measure(command))
summaries = {name: summary("%s/%s.jsonl" % (home, name)) for name in jobs}
same = len({str(value) for value in summaries.values()}) == 1
medians = {name: {key: statistics.median(run[key] for run in runs) for key in runs[0]} for name, runs in results.items()}
print("%s, %d cores, %s, %d rounds; the same %d records from each: %s" % (
    platform.machine(), os.cpu_count(), time.strftime("%Y-%m-%d"), rounds, summaries["sluice"][0], same))
print("| tool | wall | CPU | peak memory | Sluice is faster by |\n|---|---|---|---|---|")
for name, m in medians.items():
    ratio = m["wall"] / medians["sluice"]["wall"]
    print("| %s | %.2f s | %.2f s | %.0f MB | %s |" % (name, m["wall"], m["cpu"], m["memory"] / 1e6, "" if name == "sluice" else "%.1f times" % ratio))
json.dump({"bytes": size, "same": same, "medians": medians, "runs": results}, open(home + "/bench.json", "w"), indent=1)
sys.exit(0 if same else 1)

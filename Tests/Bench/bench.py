"""The measuring half of Scripts/bench.

Each job is measured three ways, since a tool that leaves its output in the page cache has not done what one that waits for the disk has done:

    memory    output, ledger and spool in memory (a tmpfs): what the tools compute, without a disk
    disk      output on the disk, as each tool does it by default: Sluice waits until it is durable, the others do not
    durable   output on the disk and durable: the others are followed by `sync -f` of their output, within the measured time

Sluice's own default is durable: one run serves `disk` and `durable`.
"""
import argparse
import glob
import json
import os
import platform
import shutil
import statistics
import sys
import tempfile
import time

import duckdb
import polars

from jobs import jobs
from measure import measure
from served import Nginx

parser = argparse.ArgumentParser(prog="Scripts/bench", description="Sluice beside its peers, each job interleaved.")
parser.add_argument("root")
parser.add_argument("home")
parser.add_argument("--quick", action="store_true", help="a tenth of the data, three rounds, jobs J1, J2, J4, J10, J11")
parser.add_argument("--jobs", help="some jobs only: J1,J5a")
parser.add_argument("--rounds", type=int)
options = parser.parse_args()
root, home = options.root, options.home
size, items = (100_000_000, 2_000) if options.quick else (1_000_000_000, 20_000)
rounds = options.rounds or (3 if options.quick else 5)


def summary(pattern, ending, sums):
    """Count and column sums, as DuckDB reads them: the same records give the same, in whatever order and spelling of numbers."""
    reader = "read_csv('%s', header=true, max_line_size=20000000)" if ending == "csv" else "read_json('%s', format='newline_delimited')"
    columns = ", ".join("sum(%s)" % name for name in sums)
    row = duckdb.sql("select count(*), %s from %s" % (columns, reader % pattern)).fetchall()[0]
    return row[0], [float("%.9g" % (value or 0)) for value in row[1:]]


def commands(job, folder, way):
    """Each tool's command for a job whose output goes below a folder."""
    made = {}
    base = "%s/%s-%s" % (home, job.name, way)
    out = "%s/out/%s-" % (folder, job.name)
    if way != "durable":
        with open(base + ".yaml", "w") as file:
            file.write(job.sluice(out + "sluice"))
        made["sluice"] = [root + "/.build-release/release/sluice", "run", base + ".yaml", "--full", "--quiet", "--state", folder + "/state"]
    for peer, python, program in (
            ("polars", sys.executable, job.polars), ("duckdb-2.0", sys.executable, job.sql), ("duckdb-1.5", home + "/duckdb15/bin/python", job.sql)):
        # The older DuckDB is there for HTTP, which the newer one has no package for.
        if not program or (peer == "duckdb-1.5") != job.source.startswith("http") and peer != "polars":
            continue
        script = "%s-%s.py" % (base, peer)
        with open(script, "w") as file:
            file.write("" if peer != "duckdb-1.5" else "from duckdb_extensions import import_extension\nimport_extension('httpfs')\n")
            file.write(program(out + peer))
        made[peer] = [python, script] if way != "durable" else ["sh", "-c", '"$@" && sync -f "$0"', folder + "/out", python, script]
    if job.name == "J1" and way == "memory":
        made["igzip -dc"] = ["sh", "-c", "igzip -dc %s > /dev/null" % job.source]
    return made


def play(job, memory):
    folders = {"memory": memory, "disk": home, "durable": home}
    tools = [(way, name, command) for way, folder in folders.items() for name, command in commands(job, folder, way).items()]
    results = {}
    cannot = {}
    for _ in range(rounds):
        for way, name, command in tools:
            if name in cannot:
                continue
            folder = folders[way]
            for old in glob.glob("%s/out/%s-%s*" % (folder, job.name, name)):
                os.remove(old)
            # Each run is the first of its pipeline, as it is for the others.
            shutil.rmtree(folder + "/state", ignore_errors=True)
            result, why = measure(command, home)
            if result:
                results.setdefault((name, way), []).append(result)
            elif name == "sluice":
                sys.exit("%s: sluice failed: %s" % (job.name, why))
            else:
                cannot[name] = why.strip().split("\n")[-1]
    if ("sluice", "disk") in results:
        results["sluice", "durable"] = results["sluice", "disk"]
    names = list(dict.fromkeys(name for _, name, _ in tools))
    compared = [name for name in names if name not in cannot and name != "igzip -dc"]
    summaries = {
        (name, way): summary("%s/out/%s-%s*.%s" % (folders[way], job.name, name, job.ending), job.ending, job.sums)
        for name in compared for way in ("memory", "disk")}
    same = len({str(value) for value in summaries.values()}) == 1
    medians = {key: {figure: statistics.median(run[figure] for run in runs) for figure in runs[0]} for key, runs in results.items()}
    records = summaries["sluice", "disk"][0]
    print("\n%s: %s (%d records%s)\n" % (job.name, job.what, records, "" if same else "; NOT THE SAME: %s" % summaries))
    print("| tool | %s | CPU | peak memory |\n|---|%s---|---|" % (" | ".join(folders), "---|" * len(folders)))
    for name in names:
        if name in cannot:
            print("| %s | cannot: %s | | | | |" % (name, cannot[name][:100]))
            continue
        cells = []
        for way in folders:
            m, own = medians.get((name, way)), medians.get(("sluice", way))
            ratio = "" if name == "sluice" or not m else " (%.1f times)" % (m["wall"] / own["wall"])
            cells.append("%.2f s%s" % (m["wall"], ratio) if m else "")
        first = medians.get((name, "disk")) or medians[name, "memory"]
        print("| %s | %s | %.2f s | %.0f MB |" % (name, " | ".join(cells), first["cpu"], first["memory"] / 1e6))
    sys.stdout.flush()
    for folder in set(folders.values()):
        for old in glob.glob("%s/out/%s-*" % (folder, job.name)):
            os.remove(old)
    by_tool = {name: {way: medians[name, way] for way in folders if (name, way) in medians} for name in names}
    return {"what": job.what, "same": same, "records": records, "medians": by_tool, "cannot": cannot}


def overview(report):
    """One line a job: how many times as long as Sluice each peer takes, in each way."""
    peers = list(dict.fromkeys(name for job in report.values() for name in job["medians"] if name not in ("sluice", "igzip -dc")))
    print("\nWall seconds of Sluice, and how many times as long the others take: in memory / to the disk by default / durable\n")
    print("| job | Sluice | memory | %s |\n|---|---|---|%s" % (" | ".join("%s | memory" % peer for peer in peers), "---|---|" * len(peers)))
    for name, job in report.items():
        own = job["medians"]["sluice"]
        cells = ["%s %s" % (name, job["what"]), "%.2f / %.2f s" % (own["memory"]["wall"], own["disk"]["wall"]), "%.0f MB" % (own["disk"]["memory"] / 1e6)]
        for peer in peers:
            theirs = job["medians"].get(peer)
            if not theirs or peer in job["cannot"]:
                cells += ["cannot" if peer in job["cannot"] else "", ""]
                continue
            cells += [" / ".join("%.1f" % (theirs[way]["wall"] / own[way]["wall"]) for way in theirs), "%.0f MB" % (theirs["disk"]["memory"] / 1e6)]
        print("| %s |" % " | ".join(cells))


def machine():
    """What was measured on: the processor, and what the disk takes of one file that is written and synced."""
    with open("/proc/cpuinfo") as file:
        model = next((line.split(":")[1].strip() for line in file if line.startswith("model name")), platform.machine())
    path, size = home + "/disk-speed", 1 << 30
    block = os.urandom(1 << 22)
    os.sync()
    begun = time.monotonic()
    with open(path, "wb", buffering=0) as file:
        for _ in range(size // len(block)):
            file.write(block)
        os.fsync(file.fileno())
    seconds = time.monotonic() - begun
    os.remove(path)
    return "%s, %d cores; the disk takes %.0f MB/s of one file, synced" % (model, os.cpu_count(), size / seconds / 1e6)


os.makedirs(home + "/out", exist_ok=True)
memory = tempfile.mkdtemp(prefix="sluice-bench-", dir="/dev/shm")
os.makedirs(memory + "/out")
nginx = Nginx(home)
try:
    known = jobs(root, home, size, items, "http://127.0.0.1:%d" % nginx.port)
    chosen = options.jobs.split(",") if options.jobs else ["J1", "J2", "J4", "J10", "J11"] if options.quick else list(known)
    made = {name: known[name]() for name in chosen}
    where = machine()
    print("%s; %s, %d rounds, %d MB of CSV, DuckDB %s, Polars %s" % (
        where, time.strftime("%Y-%m-%d"), rounds, size // 1_000_000, duckdb.__version__, polars.__version__))
    report = {name: play(job, memory) for name, job in made.items()}
    overview(report)
finally:
    nginx.stop()
    shutil.rmtree(memory, ignore_errors=True)
with open(home + "/bench.json", "w") as file:
    json.dump({"machine": where, "bytes": size, "rounds": rounds, "jobs": report}, file, indent=1)
sys.exit(0 if all(job["same"] for job in report.values()) else 1)

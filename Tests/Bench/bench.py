"""The measuring half of Scripts/bench."""
import argparse
import glob
import json
import os
import platform
import shutil
import socket
import statistics
import subprocess
import sys
import time

import duckdb
import polars

from jobs import jobs
from measure import measure

parser = argparse.ArgumentParser(prog="Scripts/bench", description="Sluice beside its peers, each job interleaved.")
parser.add_argument("root")
parser.add_argument("home")
parser.add_argument("--quick", action="store_true", help="a tenth of the data, three rounds, jobs J1, J2, J4, J10")
parser.add_argument("--jobs", help="some jobs only: J1,J5a")
parser.add_argument("--rounds", type=int)
options = parser.parse_args()
root, home = options.root, options.home
size, items = (100_000_000, 2_000) if options.quick else (1_000_000_000, 20_000)
rounds = options.rounds or (3 if options.quick else 5)


class Nginx:
    """nginx on loopback, serving the data; stopped by its pid."""

    def __init__(self):
        with socket.socket() as found:
            found.bind(("127.0.0.1", 0))
            self.port = found.getsockname()[1]
        with open(home + "/nginx.conf", "w") as file:
            file.write("pid %s/nginx.pid; error_log %s/nginx.error; daemon off; master_process off; events { worker_connections 512; }\n"
                       "http { access_log off; keepalive_requests 100000; %s server { listen 127.0.0.1:%d; root %s; } }\n" % (
                           home, home, "".join("%s_temp_path %s/%s;" % (kind, home, kind) for kind in "client_body proxy fastcgi uwsgi scgi".split()),
                           self.port, home))
        self.process = subprocess.Popen(["/usr/sbin/nginx", "-c", home + "/nginx.conf", "-p", home])
        time.sleep(0.5)


def summary(pattern, ending, sums):
    """Count and column sums, as DuckDB reads them: the same records give the same, in whatever order and spelling of numbers."""
    reader = "read_csv('%s', header=true, max_line_size=20000000)" if ending == "csv" else "read_json('%s', format='newline_delimited')"
    columns = ", ".join("sum(%s)" % name for name in sums)
    row = duckdb.sql("select count(*), %s from %s" % (columns, reader % pattern)).fetchall()[0]
    return row[0], [float("%.9g" % (value or 0)) for value in row[1:]]


def commands(job):
    made = {}
    path = "%s/%s.yaml" % (home, job.name)
    with open(path, "w") as file:
        file.write(job.sluice("%s/out/%s-sluice" % (home, job.name)))
    made["sluice"] = [root + "/.build-release/release/sluice", "run", path, "--full", "--quiet", "--state", home + "/state"]
    for peer, python, program in (
            ("polars", sys.executable, job.polars), ("duckdb-2.0", sys.executable, job.sql), ("duckdb-1.5", home + "/duckdb15/bin/python", job.sql)):
        if program and not (options.quick and peer == "duckdb-1.5"):
            script = "%s/%s-%s.py" % (home, job.name, peer)
            with open(script, "w") as file:
                # What reads over HTTP is an extension, which 1.5 has as a package.
                file.write("" if peer != "duckdb-1.5" else "from duckdb_extensions import import_extension\nimport_extension('httpfs')\n")
                file.write(program("%s/out/%s-%s" % (home, job.name, peer)))
            made[peer] = [python, script]
    if job.name == "J1":
        made["igzip -dc"] = ["sh", "-c", "igzip -dc %s > /dev/null" % job.source]
    return made


def play(job):
    tools = commands(job)
    results = {name: [] for name in tools}
    cannot = {}
    for _ in range(rounds):
        for name, command in tools.items():
            if name in cannot:
                continue
            for old in glob.glob("%s/out/%s-%s*" % (home, job.name, name)):
                os.remove(old)
            # Each run is the first of its pipeline, as it is for the others.
            shutil.rmtree(home + "/state", ignore_errors=True)
            result, why = measure(command, home)
            if result:
                results[name].append(result)
            elif name == "sluice":
                sys.exit("%s: sluice failed: %s" % (job.name, why))
            else:
                cannot[name] = why.strip().split("\n")[-1]
    compared = [name for name in tools if name not in cannot and name != "igzip -dc"]
    summaries = {name: summary("%s/out/%s-%s*.%s" % (home, job.name, name, job.ending), job.ending, job.sums) for name in compared}
    same = len({str(value) for value in summaries.values()}) == 1
    medians = {name: {key: statistics.median(run[key] for run in runs) for key in runs[0]} for name, runs in results.items() if runs}
    print("\n%s: %s (%d records%s)\n" % (job.name, job.what, summaries["sluice"][0], "" if same else "; NOT THE SAME: %s" % summaries))
    print("| tool | wall | CPU | peak memory | Sluice is faster by |\n|---|---|---|---|---|")
    for name, m in medians.items():
        ratio = "" if name == "sluice" else "%.2f times" % (m["wall"] / medians["sluice"]["wall"])
        print("| %s | %.2f s | %.2f s | %.0f MB | %s |" % (name, m["wall"], m["cpu"], m["memory"] / 1e6, ratio))
    for name, why in cannot.items():
        print("| %s | cannot: %s | | | |" % (name, why[:100]))
    sys.stdout.flush()
    for old in glob.glob("%s/out/%s-*" % (home, job.name)):
        os.remove(old)
    return {"what": job.what, "same": same, "records": summaries["sluice"][0], "medians": medians, "runs": results, "cannot": cannot}


os.makedirs(home + "/out", exist_ok=True)
nginx = Nginx()
try:
    known = jobs(root, home, size, items, "http://127.0.0.1:%d" % nginx.port)
    chosen = options.jobs.split(",") if options.jobs else ["J1", "J2", "J4", "J10"] if options.quick else list(known)
    print("%s, %d cores, %s, %d rounds, %d MB of CSV, DuckDB %s, Polars %s" % (
        platform.machine(), os.cpu_count(), time.strftime("%Y-%m-%d"), rounds, size // 1_000_000, duckdb.__version__, polars.__version__))
    report = {name: play(known[name]()) for name in chosen}
finally:
    nginx.process.terminate()
    nginx.process.wait()
with open(home + "/bench.json", "w") as file:
    json.dump({"bytes": size, "rounds": rounds, "jobs": report}, file, indent=1)
sys.exit(0 if all(job["same"] for job in report.values()) else 1)

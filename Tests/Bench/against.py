"""This build of Sluice beside another, as the commit before a change: what the change costs, job by job.

    against.py ROOT HOME OTHER [--quick] [--jobs J1,J5a] [--rounds N]

Runs are interleaved, the order turned each round, with output, ledger and spool in memory, so that no disk is measured. It prints the ratios of
this build's figures to the other's: medians of wall and CPU seconds and of peak memory, and the least CPU seconds, which a busy machine
touches least. The outputs must be the same, byte for byte.
"""
import argparse
import glob
import hashlib
import os
import shutil
import statistics
import sys
import tempfile
import time

from jobs import jobs
from measure import measure
from served import Nginx

parser = argparse.ArgumentParser(prog="Scripts/bench --against")
parser.add_argument("root")
parser.add_argument("home")
parser.add_argument("other", help="the other build's sluice")
parser.add_argument("--quick", action="store_true", help="a tenth of the data")
parser.add_argument("--jobs", default="J1,J2,J4,J5a,J5b")
parser.add_argument("--rounds", type=int, default=9)
options = parser.parse_args()
root, home = options.root, options.home
size, items = (100_000_000, 2_000) if options.quick else (1_000_000_000, 20_000)
builds = {"this": root + "/.build-release/release/sluice", "other": os.path.abspath(options.other)}


def run(build, job, folder):
    """The figures of one run, and a digest of what it wrote."""
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder + "/out")
    definition = "%s/against-%s.yaml" % (home, job.name)
    with open(definition, "w") as file:
        file.write(job.sluice(folder + "/out/" + job.name))
    figures, why = measure([builds[build], "run", definition, "--full", "--quiet", "--state", folder + "/state"], home)
    if not figures:
        sys.exit("%s: %s failed: %s" % (job.name, builds[build], why))
    digest = hashlib.blake2b()
    for path in sorted(glob.glob(folder + "/out/*")):
        with open(path, "rb") as file:
            while piece := file.read(1 << 24):
                digest.update(piece)
    return figures, digest.hexdigest()


def compare(job, folder):
    """Prints a job's row; whether both builds wrote the same."""
    figures, digests = {name: [] for name in builds}, set()
    for number in range(options.rounds):
        for build in list(builds)[:: 1 if number % 2 else -1]:
            found, digest = run(build, job, folder)
            figures[build].append(found)
            digests.add(digest)

    def ratio(figure, choose=statistics.median):
        this, other = (choose([run[figure] for run in figures[build]]) for build in ("this", "other"))
        return this / other if other else 1.0

    medians = {figure: statistics.median(run[figure] for run in figures["this"]) for figure in ("wall", "cpu", "memory")}
    print("| %s %s | %.2f s | %.3f | %.2f s | %.3f | %.3f | %.0f MB | %.3f | %s |" % (
        job.name, job.what, medians["wall"], ratio("wall"), medians["cpu"], ratio("cpu"), ratio("cpu", min), medians["memory"] / 1e6,
        ratio("memory"), "same" if len(digests) == 1 else "OTHER OUTPUT"), flush=True)
    return len(digests) == 1


folder = tempfile.mkdtemp(prefix="sluice-bench-", dir="/dev/shm")
nginx = Nginx(home)
try:
    known = jobs(root, home, size, items, "http://127.0.0.1:%d" % nginx.port)
    made = [known[name]() for name in options.jobs.split(",")]
    print("%s, %d rounds, %d MB of CSV, %d cores: this build, and its ratio to %s" % (
        time.strftime("%Y-%m-%d"), options.rounds, size // 1_000_000, os.cpu_count(), options.other))
    print("| job | wall | ratio | CPU | ratio | ratio of the least | peak memory | ratio | output |\n|---|---|---|---|---|---|---|---|---|", flush=True)
    same = [compare(job, folder + "/run") for job in made]
finally:
    nginx.stop()
    shutil.rmtree(folder, ignore_errors=True)
sys.exit(0 if all(same) else 1)

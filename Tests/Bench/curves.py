"""How Sluice's cost grows: one thing is varied, all else stays. Prints the tables of Sources/PERFORMANCE.md.

    curves.py ROOT HOME [--rounds N] [--only NAME,...]
"""
import argparse
import os
import statistics

import data
from jobs import STEPS, definition
from measure import measure

parser = argparse.ArgumentParser()
parser.add_argument("root")
parser.add_argument("home")
parser.add_argument("--rounds", type=int, default=3)
parser.add_argument("--only")
options = parser.parse_args()
root, home = options.root, options.home
os.makedirs(home + "/out", exist_ok=True)


def run(text):
    """The medians of some runs of a definition."""
    with open(home + "/curve.yaml", "w") as file:
        file.write(text)
    command = [root + "/.build-release/release/sluice", "run", home + "/curve.yaml", "--full", "--quiet", "--state", home + "/state"]
    runs = []
    for _ in range(options.rounds):
        result, why = measure(command, home)
        if not result:
            raise SystemExit(why)
        runs.append(result)
    for name in os.listdir(home + "/out"):
        os.remove(home + "/out/" + name)
    return {key: statistics.median(one[key] for one in runs) for key in runs[0]}


def table(title, unit, points, per=None):
    print("\n%s\n\n| %s | wall | CPU | peak memory%s |\n|---|---|---|---|%s" % (title, unit, " | CPU for each" if per else "", "---|" if per else ""))
    for name, count, text in points:
        m = run(text)
        each = " | %.1f µs" % (m["cpu"] / count * 1e6) if per else ""
        print("| %s | %.2f s | %.2f s | %.0f MB%s |" % (name, m["wall"], m["cpu"], m["memory"] / 1e6, each), flush=True)


def flights(size, checkpoint=""):
    gigabytes = size // 1_000_000_000
    source = data.flights_again(root, home, 1_000_000_000, gigabytes) if gigabytes > 1 else data.flights(root, home, size, ".csv.gz")
    text = definition(source, home + "/out/curve.jsonl", STEPS)
    return text.replace("curve.jsonl'}", "curve.jsonl'%s}" % (", checkpoint: " + checkpoint if checkpoint else ""))


def records():
    sizes = [10_000_000, 100_000_000, 1_000_000_000, 10_000_000_000]
    table("J1 by size", "CSV", [("%g GB" % (size / 1e9), size, flights(size)) for size in sizes])


def columns():
    points = []
    for count in [1, 5, 20, 100, 500]:
        names = ["c%03d" % i for i in range(count)]
        text = definition(
            data.wide(home, 300_000_000), home + "/out/curve.jsonl", "\n  - filter: c000 >= 0\n",
            parse="fields: {%s}" % ", ".join(name + ": bigint" for name in names))
        points.append((str(count), count, text))
    table("Columns taken of the 500 that 300 MB of CSV have", "columns", points)


def items():
    folder = data.many(root, home, 20_000, 20_000)
    patterns = {100: "000??", 1_000: "00???", 5_000: "0[0-4]???", 20_000: "?????"}
    points = [
        (str(count), count, definition("%s/part-%s.csv.gz" % (folder, pattern), home + "/out/curve.jsonl", STEPS)) for count, pattern in patterns.items()]
    table("Items of 20 KB of CSV into one output", "items", points, per="item")


def workers():
    def worked(count):
        before, steps = flights(1_000_000_000).replace("parse: {", "parse: {workers: %d, " % count).split("transform:")
        steps, after = steps.split("write:")
        return "%stransform:\n  workers: %d\n  steps:%swrite:%s" % (before, count, steps.replace("\n  - ", "\n    - "), after)
    table("Workers of parse and of transform, 1 GB", "workers of each", [(str(count), count, worked(count)) for count in [1, 2, 4, 8]])


def checkpoints():
    sizes = ["100GB", "256MB", "32MB", "8MB", "2MB"]
    points = [("none" if size == "100GB" else size, 0, flights(1_000_000_000, "{every: 1h, bytes: %s}" % size)) for size in sizes]
    table("Output between two checkpoints, 1 GB", "output", points)


print("# %d cores, %d rounds" % (os.cpu_count(), options.rounds))
curves = {"records": records, "columns": columns, "items": items, "workers": workers, "checkpoints": checkpoints}
for name in options.only.split(",") if options.only else curves:
    curves[name]()

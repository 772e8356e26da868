"""A million known items: the ledger's size, and the time and memory of a run that finds nothing new. million.py BINARY [N...]"""
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time

binary = os.path.abspath(sys.argv[1])
sizes = [int(n) for n in sys.argv[2:]] or [100_000, 1_000_000]


def measure(command, folder):
    """Seconds, and peak memory in MB. The kernel's own record of a child counts what its parent held when it forked too."""
    begun = time.monotonic()
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL)
    peak = 0
    while process.poll() is None:
        with open("/proc/%d/status" % process.pid) as status:
            peak = max([peak] + [int(line.split()[1]) for line in status if line.startswith("VmHWM")])
        time.sleep(0.05)
    if process.returncode != 0:
        sys.exit("failed: %s" % command)
    return time.monotonic() - begun, peak / 1024


for size in sizes:
    folder = tempfile.mkdtemp(prefix="sluice-million-")
    os.mkdir(folder + "/in")
    with open(folder + "/in/station-0000000.csv", "w") as file:
        file.write("n\n1\n")
    with open(folder + "/p.yaml", "w") as file:
        file.write("pipeline: stations\nfetch: {from: in/*.csv}\nparse: {fields: {n: bigint}}\nwrite: {path: 'out/{item.stem}.jsonl'}\n")
    # One item by Sluice itself; the others are entered as it was, so that a million files need not be ingested first.
    measure([binary, "run", "p.yaml", "--quiet"], folder)
    names = ["station-%07d.csv" % i for i in range(1, size)]
    versions = {}
    for name in names:
        path = folder + "/in/" + name
        with open(path, "w") as file:
            file.write("n\n1\n")
        status = os.stat(path)
        versions[name] = "file:%d.%d:%d" % (status.st_mtime_ns // 10**9, status.st_mtime_ns % 10**9, status.st_size)
    ledger = sqlite3.connect(folder + "/.sluice/ledger.sqlite")
    columns = [row[1] for row in ledger.execute("PRAGMA table_info(items)")]
    one = dict(zip(columns, ledger.execute("SELECT * FROM items").fetchone()))
    marks = ", ".join("?" * len(columns))
    ledger.executemany("INSERT INTO items VALUES (%s)" % marks, (
        [{**one, "id": i + 2, "key": "in/" + name, "ordinal": i + 1, "version": versions[name]}[column] for column in columns]
        for i, name in enumerate(names)))
    points = [row[1] for row in ledger.execute("PRAGMA table_info(checkpoints)")]
    point = ledger.execute("SELECT * FROM checkpoints").fetchone()
    ledger.executemany(
        "INSERT INTO checkpoints VALUES (%s)" % ", ".join("?" * len(points)), ((i + 2,) + point[1:] for i in range(len(names))))
    ledger.commit()
    ledger.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    ledger.close()
    length = os.path.getsize(folder + "/.sluice/ledger.sqlite")
    runs = [measure([binary, "run", "p.yaml", "--quiet"], folder) for _ in range(3)]
    seconds, memory = min(run[0] for run in runs), max(run[1] for run in runs)
    print("%d items: ledger %d bytes an item; a run that finds nothing new: %.1f s (%.1f µs an item), peak memory %.0f MB" % (
        size, length / size, seconds, seconds / size * 1e6, memory), flush=True)
    shutil.rmtree(folder)

"""Counts the instructions of each hot loop, and holds them against the record beside this file.

    instructions.py LOOPS [--record]    LOOPS is the program of that name

A loop that takes over 5 % more than its record fails; one that takes over 5 % less is to be recorded, so that it can't grow back
unseen. With --record all are recorded. Counts are callgrind's, which are the same in every run; another processor's C library may
choose other routines, so the record has a section for each architecture.
"""
import concurrent.futures
import json
import os
import platform
import re
import subprocess
import sys
import tempfile

program, isRecording = sys.argv[1], "--record" in sys.argv
path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "instructions.json")
allowed = 0.05


def count(loop):
    # Valgrind can't read the debug information that Swift writes.
    command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", "--toggle-collect=*hotLoop*", stripped, loop]
    ran = subprocess.run(command, capture_output=True, text=True)
    found = re.search(r"Collected : (\d+)", ran.stderr)
    if ran.returncode != 0 or not found or int(found[1]) == 0:
        sys.exit("counting %s failed:\n%s" % (loop, ran.stderr[-2000:]))
    return int(found[1])


with tempfile.TemporaryDirectory() as folder:
    stripped = os.path.join(folder, "loops")
    subprocess.run(["strip", "--strip-debug", "-o", stripped, program], check=True)
    loops = subprocess.run([stripped], capture_output=True, text=True, check=True).stdout.split("\n")[:-1]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        counts = dict(zip(loops, pool.map(count, loops)))

with open(path) as file:
    record = json.load(file)
known = record.setdefault(platform.machine(), {})
grown = []
for loop, now in counts.items():
    before = known.get(loop)
    change = now / before - 1 if before else None
    print("%-24s %10d  %s" % (loop, now, "not recorded" if change is None else "%+.1f %%" % (100 * change)))
    if change is None or abs(change) > allowed:
        grown.append("%s: %s" % (loop, "not recorded" if change is None else "%d instructions, recorded are %d" % (now, before)))
if isRecording:
    record[platform.machine()] = counts
    with open(path, "w") as file:
        json.dump(record, file, indent=1, sort_keys=True)
        file.write("\n")
elif grown:
    sys.exit("hot loops that changed by more than 5 %:\n  " + "\n  ".join(grown)
             + "\nmake them as fast as they were, or, where the change is meant: Scripts/instructions --record")

"""A JSON document of several gigabytes with one array, read in bounded memory: json_memory.py SLUICE [GIGABYTES]

Makes the document in a folder of its own under TMPDIR, which it takes away again, reads it, and ends with 1 where a process took 200 MB or more,
or where a record is missing. Not a part of Scripts/test: it takes a minute, and as much disk as the document.
"""
import os
import subprocess
import sys
import tempfile
import time

program, size = os.path.abspath(sys.argv[1]), int(float(sys.argv[2] if len(sys.argv) > 2 else 5) * 1e9)
most = 200_000_000

# A megabyte or so of records that is written again and again; ids say nothing, so that the document is made as fast as the disk takes it.
records = [
    '{"id": %d, "name": "n%d", "price": %.2f, "tags": ["a", {"b": "]}"}], "note": "%s",\n "at": "2026-11-%02d 12:00:00"}'
    % (i, i, i / 7, "x" * (i % 90), i % 28 + 1) for i in range(6000)
]
block = (",\n".join(records)).encode()


def peak(command, folder):
    """Exit, what it prints, and the most memory that one of its processes took, in bytes."""
    ran = subprocess.run(["/usr/bin/time", "-q", "-f", "%M", "-o", folder + "/peak"] + command, cwd=folder, capture_output=True, text=True)
    with open(folder + "/peak") as file:
        return ran, int(file.read().split()[-1]) * 1024


with tempfile.TemporaryDirectory() as folder:
    count = 0
    with open(folder + "/big.json", "wb") as file:
        # What stands before the array is passed over, and takes a part of the document.
        file.write(b'{"made": "2026", "skipped": [')
        while file.tell() < size // 10:
            file.write(block + b", ")
        file.write(b'null], "data": [')
        while file.tell() < size:
            file.write((b",\n" if count else b"") + block)
            count += len(records)
        file.write(b'], "total": %d}' % count)
    with open(folder + "/big.yaml", "w") as file:
        file.write(
            "pipeline: big\nfetch: {from: big.json}\nparse:\n  records: $.data[*]\n  fields: {id: bigint not null, name: text, price: double, tags: json, at: timestamp}\n"
            "transform: [{filter: id = 7}]\nwrite: {path: out.jsonl}\n")
    began = time.monotonic()
    ran, memory = peak([program, "run", "big.yaml", "--progress", "none"], folder)
    took = time.monotonic() - began
    print(ran.stdout + ran.stderr, end="")
    print("%.1f GB, %d records, %.1f s, %d MB at most" % (os.path.getsize(folder + "/big.json") / 1e9, count, took, memory / 1e6))
    read = "{:,} read".format(count) in ran.stdout
    if ran.returncode != 0 or not read or memory >= most:
        sys.exit("it should have read %d records in less than %d MB" % (count, most / 1e6))

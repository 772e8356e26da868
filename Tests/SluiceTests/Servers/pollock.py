"""Pollock's simple score of a sluice binary, with each file's parameters: the sum of the means of ten measures.

Success, and precision, recall and F1 of the header's cells, of the records and of the cells, as multisets after trimming.
A record that sluice keeps as a dead letter counts by its raw bytes, cut at the delimiter, as a ragged record's cells do.

Files with the same parameters go through one run.
"""
import collections
import csv
import io
import json
import os
import subprocess
import sys

binary, folder, work = sys.argv[1:4]
os.makedirs(work, exist_ok=True)
names = sorted(os.listdir(os.path.join(folder, "csv")))
groups = collections.defaultdict(list)
for name in names:
    with open(os.path.join(folder, "parameters", name + "_parameters.json")) as f:
        groups[f.read()].append(name)


def clean(name):
    with open(os.path.join(folder, "clean", name), newline="", encoding="utf-8") as f:
        return [[cell.strip() for cell in row] for row in csv.reader(f)]


def measures(got, want):
    got, want = collections.Counter(got), collections.Counter(want)
    common = sum((got & want).values())
    if not got and not want:
        return [1.0, 1.0, 1.0]
    precision = common / sum(got.values()) if got else 0.0
    recall = common / sum(want.values()) if want else 0.0
    both = precision + recall
    return [precision, recall, 2 * precision * recall / both if both else 0.0]


def load(text, names_of_group, number):
    p = json.loads(text)
    header_lines, columns = int(p["header_lines"]), p["column_names"]
    parse = {"format": "csv", "header": header_lines, "skip_lines": int(p["preamble_lines"]), "ragged": "pad", "stray_quotes": "keep",
             "encoding": p["encoding"],
             "record_delimiter": {"\r\n": "auto", "\r": "cr", "\n": "lf"}.get(p["row_delimiter"], "auto"),
             "quote": p["quotechar"] or None, "escape": p["escapechar"] or None}
    if p["delimiter"]:
        parse["delimiter"] = p["delimiter"]
    if columns:
        unique = []
        for i, column in enumerate(columns):
            column = column.strip() or "column_%d" % (i + 1)
            unique.append(column if column not in unique else "%s_%d" % (column, i))
        if header_lines == 0:
            unique = ["column_%d" % (i + 1) for i in range(int(p["n_columns"]))]
        # The parameters name the columns, as every other tool of the benchmark is given them.
        parse["columns"] = unique
        parse["fields"] = {column: "text" for column in unique}
    home = os.path.join(work, "g%d" % number)
    os.makedirs(home, exist_ok=True)
    definition = {"pipeline": "p", "fetch": {"from": [os.path.join(folder, "csv", n) for n in names_of_group]}, "parse": parse,
                  "write": {"path": home + "/out/{item.name}", "format": "csv"}, "limits": {"dead_letters": "100%"}}
    path = os.path.join(home, "p.yaml")
    with open(path, "w") as f:
        json.dump(definition, f)
    run = subprocess.run([binary, "run", path, "--quiet"], capture_output=True, text=True)
    export = subprocess.run([binary, "dead-letters", "export", path], capture_output=True, text=True)
    letters = collections.defaultdict(list)
    for line in export.stdout.splitlines():
        letter = json.loads(line)
        if letter["record"] is not None and "raw" in letter:
            letters[os.path.basename(letter["item"])].append(letter)
    loaded = {}
    for name in names_of_group:
        out = os.path.join(home, "out", name)
        if not os.path.exists(out):
            continue
        with open(out, newline="", encoding="utf-8") as f:
            rows = [[cell.strip() for cell in row] for row in csv.reader(f)]
        head, records = rows[:1], rows[1:]
        if header_lines == 0:
            head = []
        for letter in letters[name]:
            raw = next(csv.reader(io.StringIO(letter["raw"]), delimiter=(p["delimiter"] or ",")[0], quotechar=p["quotechar"] or '"'), [])
            records.append([cell.strip() for cell in raw])
        loaded[name] = head + records
    return loaded, run


totals = [0.0] * 10
worst = []
for number, (text, group) in enumerate(sorted(groups.items())):
    p = json.loads(text)
    loaded, run = load(text, group, number)
    for name in group:
        want = clean(name)
        header = 1 if int(p["header_lines"]) > 0 else 0
        got = loaded.get(name)
        if got is None and not want:
            got = []
        if got is None:
            worst.append((0, name, run.stderr.strip()[-200:]))
            continue
        cells = lambda rows: [cell for row in rows for cell in row]
        row = [1.0]
        row += measures(cells(got[:header]), cells(want[:header]))
        row += measures([tuple(r) for r in got[header:]], [tuple(r) for r in want[header:]])
        row += measures(cells(got[header:]), cells(want[header:]))
        totals = [a + b for a, b in zip(totals, row)]
        if sum(row) < 9.5:
            worst.append((round(sum(row), 3), name, [round(v, 3) for v in row]))
means = [total / len(names) for total in totals]
print(json.dumps({"score": sum(means), "files": len(names), "means": [round(m, 4) for m in means], "worst": sorted(worst, key=str)[:12]}))

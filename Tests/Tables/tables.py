#!/usr/bin/env python3
"""Reads public tables by `sluice init` and `sluice run`, by DuckDB's read_csv, and by Python's csv with the parameters that a person would choose.

usage: tables.py SLUICE FOLDER [--most N] [--bytes N]

Every .csv, .tsv, .tab, .dat and .txt below FOLDER, compressed by gzip or not, that holds a table is read once for each content. A table is
read right where all cells are those of Python's csv: the same records in the same order, numbers equal as numbers, an empty cell or a word
for "missing" equal to NULL. A table that no parameters read is left out and counted.
"""
import argparse, csv, gzip, hashlib, io, json, os, re, subprocess, sys, tempfile

csv.field_size_limit(1 << 30)
ENDINGS = (".csv", ".tsv", ".tab", ".dat", ".txt", ".csv.gz")
MISSING = {"", "NA", "N/A", "n/a", "NULL", "null", "\\N", "NaN", "nan", "None", "none", "-", "--", "?", ".", "..", "...", "na", "<NA>", "#N/A", "Null", "nil"}


def text_of(path):
    data = gzip.open(path).read() if path.endswith(".gz") else open(path, "rb").read()
    for encoding in ("utf-8-sig", "cp1252", "latin-1"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            pass


def is_value(cell):
    return bool(re.fullmatch(r"[-+]?[0-9.,]*[0-9][0-9.,]*([eE][-+]?[0-9]+)?|\d{4}-\d\d-\d\d.*", cell.strip()))


def rows_of(text, delimiter):
    lines = re.split(r"\r\n|\n|\r", text) if delimiter == "blanks" else None
    if lines is not None:
        return [line.split() if '"' not in line else next(csv.reader([re.sub(r"[ \t]+", " ", line.strip())], delimiter=" ")) for line in lines if line.strip()]
    blank = delimiter in ",;|" and len(re.findall(re.escape(delimiter) + ' "', text[:100000])) > 0
    return [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=blank, strict=False) if row]


def reference(path, text):
    """The records that a person would read, or None where it is no table: the delimiter by which nearly all lines are as wide as each other."""
    best = None
    body = text.lstrip("\n")
    comments = "#" if body.startswith("#") and not body.startswith("#,") else "%" if body.startswith("%") else None
    if comments:
        kept = [line for line in body.split("\n") if not line.startswith(comments)]
        body = "\n".join(kept)
    for delimiter in (",", "\t", ";", "|", "blanks"):
        try:
            rows = rows_of(body, delimiter)
        except csv.Error:
            continue
        if not rows:
            continue
        widths = {}
        for row in rows:
            widths[len(row)] = widths.get(len(row), 0) + 1
        width = max((w for w in widths if w > 1), key=lambda w: widths[w], default=1)
        share = widths.get(width, 0) / len(rows)
        if width > 1 and share >= 0.9 and (best is None or share > best[0] + (0.005 if delimiter != "blanks" else 0.05)):
            best = (share, width, rows)
    if best is None:
        lines = [line for line in body.split("\n") if line.strip()]
        if len(lines) > 1 and all(is_value(line) for line in lines[1:]):
            best = (1.0, 1, [[line.strip("\r")] for line in lines])
        else:
            return None
    share, width, rows = best
    # A title above the table, and notes below it.
    while rows and len(rows[0]) not in (width, width - 1) and len(rows) > 2:
        rows = rows[1:]
    while len(rows) > 2 and len(rows[-1]) == 1 and width > 1:
        rows = rows[:-1]
    if any(len(row) > width for row in rows):
        return None
    rows = [row + [""] * (width - len(row)) if i else row for i, row in enumerate(rows)]
    if len(rows) < 2:
        return None
    header = rows[0]
    values = [sum(is_value(row[j]) or row[j].strip() in MISSING for row in rows[1:200]) * 10 >= 9 * len(rows[1:200]) for j in range(width)]
    if len(header) == width - 1:
        return rows[1:]
    named = any(v and not is_value(h) and h.strip() not in MISSING for h, v in zip(header, values))
    numbers = any(v and is_value(h) for h, v in zip(header, values))
    ints = [int(h) for h, v in zip(header, values) if v and re.fullmatch(r"\d+", h)]
    counted = len(ints) > 2 and len({b - a for a, b in zip(ints, ints[1:])}) == 1 and ints[1] != ints[0]
    if named or counted or not (numbers or header[0] in {row[0] for row in rows[1:]}):
        return rows[1:]
    return rows


def same(a, b):
    a = "" if a is None else a
    if isinstance(a, bool):
        return str(a).lower() == b.strip().lower() or b.strip() in ("T", "F", "t", "f")
    if str(a).strip() == b.strip() or (str(a).strip() in MISSING and b.strip() in MISSING):
        return True
    try:
        x, y = float(a), float(b)
        return x == y or abs(x - y) <= 1e-12 * abs(y)
    except (ValueError, TypeError):
        pass
    squeeze = lambda t: re.sub(r"\s+", " ", str(t).strip()).replace("T", " ").removesuffix("Z").removesuffix(" 00:00:00")
    return squeeze(a) == squeeze(b)


def differs(got, want):
    if len(got) != len(want):
        return "%d records, not %d" % (len(got), len(want))
    for i, (a, b) in enumerate(zip(got, want)):
        if len(a) < len(b) or any(c is not None for c in a[len(b):]):
            return "record %d has %d fields, not %d" % (i + 1, len(a), len(b))
        for j, cell in enumerate(b):
            if not same(a[j], cell):
                return "record %d, field %d is %r, not %r" % (i + 1, j + 1, a[j], cell)
    return None


def by_sluice(sluice, path):
    with tempfile.TemporaryDirectory() as folder:
        name = "t" + os.path.basename(path)
        os.symlink(os.path.abspath(path), os.path.join(folder, name))
        call = lambda *words: subprocess.run([sluice, *words], cwd=folder, capture_output=True, text=True, errors="replace", timeout=120)
        made = call("init", name, "--name", "p", "--to", "p.yaml")
        if made.returncode:
            return None, "init: " + made.stderr.strip()[:160]
        run = call("run", "p.yaml", "--progress", "none", "--output", "json")
        if run.returncode:
            return None, "run: " + (run.stderr.strip().split("\n") or [""])[0][:160]
        out = [os.path.join(folder, "out", f) for f in os.listdir(os.path.join(folder, "out"))]
        rows = [list(json.loads(line).values()) for line in open(out[0], encoding="utf-8")] if out else []
        return rows, None


def by_duckdb(path):
    import duckdb
    try:
        with duckdb.connect() as connection:
            relation = connection.execute("SELECT * FROM read_csv(?)", [path])
            rows = relation.fetchall()
        return [[None if c is None else c if isinstance(c, (bool, int, float)) else str(c) for c in row] for row in rows], None
    except Exception as error:
        return None, str(error).split("\n")[0][:160]


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("sluice")
    arguments.add_argument("folder")
    arguments.add_argument("--most", type=int, default=1000)
    arguments.add_argument("--bytes", type=int, default=3_000_000)
    options = arguments.parse_args()
    options.sluice = os.path.abspath(options.sluice)
    paths = sorted(os.path.join(d, f) for d, _, fs in os.walk(options.folder) for f in fs if f.lower().endswith(ENDINGS) and not f.startswith("._"))
    seen, tables, left, counts = set(), 0, 0, {"sluice": 0, "duckdb": 0}
    packages, misses = {}, []
    # The packages take turns, so that one with many tables is not all that is read.
    groups = {}
    for path in paths:
        groups.setdefault(os.path.relpath(path, options.folder).split(os.sep)[0], []).append(path)
    turns = [path for i in range(max(map(len, groups.values()), default=0)) for group in groups.values() if i < len(group) for path in [group[i]]]
    for path in turns:
        if tables >= options.most:
            break
        if os.path.getsize(path) > options.bytes:
            continue
        data = open(path, "rb").read()
        digest = hashlib.sha256(data).digest()
        if digest in seen or ".dist-info" in path:
            continue
        seen.add(digest)
        want = reference(path, text_of(path))
        if not want:
            left += 1
            continue
        tables += 1
        package = os.path.relpath(path, options.folder).split(os.sep)[0]
        packages[package] = packages.get(package, 0) + 1
        for name, (rows, problem) in (("sluice", by_sluice(options.sluice, path)), ("duckdb", by_duckdb(path))):
            problem = problem or differs(rows, want)
            if problem is None:
                counts[name] += 1
            else:
                misses.append((name, os.path.relpath(path, options.folder), problem))
    print("tables  " + ", ".join("%s %d" % p for p in sorted(packages.items())) + "; left out as no tables: %d" % left)
    for name in counts:
        print("%-7s %d of %d read right: %.1f %%" % (name, counts[name], tables, 100 * counts[name] / max(tables, 1)))
    for miss in sorted(misses, reverse=True):
        print("  %-7s %s: %s" % miss)


main()

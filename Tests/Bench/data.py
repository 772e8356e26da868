"""What the bench's jobs read, made from the real months: the same for everybody, from one seed."""
import csv
import glob
import gzip
import os
import random
import shutil
import subprocess

COLUMNS = ("year month day dep_time sched_dep_time dep_delay arr_time sched_arr_time arr_delay carrier flight tailnum origin dest "
           "air_time distance hour minute time_hour").split()


def rows(root):
    found = []
    for path in sorted(glob.glob(root + "/sample-data/flights-2013-*.csv.gz")):
        header, *lines = gzip.open(path, "rt").read().splitlines()
        found += lines
    return header, found


def blocks(root, size):
    """The real months over and over, each record under a new flight number and tail number, in text of some size."""
    header, lines = rows(root)
    yield header + "\n"
    written = count = 0
    while written < size:
        block = []
        for line in lines:
            cells = line.split(",")
            cells[10] = str(count % 9000 + 1)
            cells[11] = "N%05d" % (count % 99999) if cells[11] else ""
            count += 1
            block.append(",".join(cells) + "\n")
            written += len(block[-1])
            if written >= size:
                break
        yield "".join(block)


def write(path, texts, level=6):
    """A file, through gzip where its name says so; in its place only when it is whole."""
    if os.path.exists(path):
        return path
    os.makedirs(os.path.dirname(path), exist_ok=True)
    if path.endswith(".gz"):
        with open(path + ".part", "wb") as out:
            packer = subprocess.Popen(["gzip", "-%d" % level], stdin=subprocess.PIPE, stdout=out)
            for text in texts:
                packer.stdin.write(text.encode())
            packer.stdin.close()
            if packer.wait() != 0:
                raise SystemExit("gzip failed")
    else:
        with open(path + ".part", "w") as out:
            for text in texts:
                out.write(text)
    os.rename(path + ".part", path)
    return path


def flights(root, home, size, ending):
    return write("%s/flights-%d%s" % (home, size, ending), blocks(root, size))


def flights_again(root, home, size, times):
    """`times` the flights of `size`, as one gzip file of many members below one header."""
    source = flights(root, home, size, ".csv.gz")
    path = "%s/flights-%d-times-%d.csv.gz" % (home, size, times)
    if not os.path.exists(path):
        body = home + "/body.gz"
        subprocess.run("zcat %s | tail -n +2 | gzip -6 > %s" % (source, body), shell=True, check=True)
        with open(path + ".part", "wb") as out:
            out.write(gzip.compress((rows(root)[0] + "\n").encode()))
            for _ in range(times):
                with open(body, "rb") as part:
                    shutil.copyfileobj(part, out)
        os.remove(body)
        os.rename(path + ".part", path)
    return path


def flights_as_json(root, home, size):
    def texts():
        for i, block in enumerate(blocks(root, size)):
            if i == 0:
                continue
            out = []
            for row in csv.reader(block.splitlines()):
                cells = []
                for name, value in zip(COLUMNS, row):
                    text = name in ("carrier", "tailnum", "origin", "dest", "time_hour")
                    cells.append('"%s":%s' % (name, "null" if value == "" else '"%s"' % value if text else value))
                out.append("{" + ",".join(cells) + "}\n")
            yield "".join(out)
    return write("%s/flights-%d.jsonl.gz" % (home, size), texts())


def many(root, home, count, size):
    """A folder of `count` csv.gz of about so many bytes each, before they are compressed."""
    folder = "%s/many-%d-%d" % (home, count, size)
    if os.path.exists(folder + "/done"):
        return folder
    os.makedirs(folder, exist_ok=True)
    header, lines = rows(root)
    each = size // 100
    for i in range(count):
        start = i * each % (len(lines) - each)
        with gzip.open("%s/part-%05d.csv.gz" % (folder, i), "wt", compresslevel=1) as out:
            out.write("\n".join([header] + lines[start:start + each]) + "\n")
    open(folder + "/done", "w").close()
    return folder


def malformed(root, home, size):
    """One record in ten thousand has a word where a number should be."""
    dice = random.Random(7)

    def texts():
        for i, block in enumerate(blocks(root, size)):
            if i == 0:
                yield block
                continue
            lines = block.split("\n")
            for at in range(len(lines) - 1):
                if dice.random() < 0.0001:
                    cells = lines[at].split(",")
                    cells[15] = "far"
                    lines[at] = ",".join(cells)
            yield "\n".join(lines)
    return write("%s/malformed-%d.csv.gz" % (home, size), texts())


def wide(home, size):
    dice = random.Random(8)
    names = ["c%03d" % i for i in range(500)]

    def texts():
        yield ",".join(names) + "\n"
        pool = ["%d" % dice.randrange(100000) for _ in range(5000)]
        written = 0
        while written < size:
            start = dice.randrange(4500)
            line = ",".join(pool[start:start + 500]) + "\n"
            written += len(line)
            yield line
    return write("%s/wide-%d.csv.gz" % (home, size), texts())


def texts(home, size):
    """Long quoted text with commas, quotes and line ends."""
    dice = random.Random(9)
    words = "the flight was late, and the crew said “sorry”;\nnobody knew why \"\"it\"\" had to wait so long at the gate".split(" ")

    def made():
        yield "id,score,note\n"
        written = i = 0
        while written < size:
            block = []
            for _ in range(1000):
                note = " ".join(dice.choices(words, k=dice.randrange(20, 120)))
                block.append('%d,%.2f,"%s"\n' % (i, dice.random() * 100, note))
                i += 1
            text = "".join(block)
            written += len(text)
            yield text
    return write("%s/texts-%d.csv.gz" % (home, size), made())


RANDOM_COLUMNS = "id count price weight code note ratio serial".split()


def random_numbers(home, size):
    """Records of which no two are alike: random numbers and words, packed in haste. Nothing repeats, as it does in the flights."""
    dice = random.Random(10)
    letters = "abcdefghijklmnopqrstuvwxyz"

    def made():
        yield ",".join(RANDOM_COLUMNS) + "\n"
        written = i = 0
        while written < size:
            block = []
            for _ in range(5000):
                bits = dice.getrandbits(120)
                code = "".join(letters[bits >> shift & 15] for shift in range(0, 48, 4))
                block.append("%d,%d,%.2f,%.6f,%s,%s %s,%r,%d\n" % (
                    i, bits % 1_000_000, bits % 99_999_983 / 100, bits % 999_983 / 7, code, code[:5], code[7:], bits % 10_000_019 / 10_000_019, bits >> 60))
                i += 1
            text = "".join(block)
            written += len(text)
            yield text
    return write("%s/random-%d.csv.gz" % (home, size), made(), level=1)

"""Damages a ledger at many seeded places and runs every command that reads one: damage.py SLUICE FIRST LAST. Prints each exit that is not
one of the documented ones, and each that is a signal."""
import os, random, shutil, subprocess, sys

sluice, first, last = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
every = len(sys.argv) > 4
codes = {0, 64, 65, 66, 69, 70, 74, 75, 78} - {70}
commands = ["runs", "status p.yaml", "report p.yaml", "report p.yaml --html r.html", "dead-letters list p.yaml", "dead-letters export p.yaml",
    "dead-letters show 1 p.yaml", "dead-letters replay p.yaml", "dead-letters drop p.yaml --id 1", "prune p.yaml --older-than 0s",
    "runs close 1 p.yaml", "resume p.yaml -q", "run p.yaml --dry-run", "run p.yaml -q --progress none"]


def damage(path, r):
    with open(path, "r+b") as file:
        data = bytearray(file.read())
        kind = r.randrange(10)
        if kind < 5:
            for _ in range(r.choice((1, 1, 4, 40))):
                data[r.randrange(100 if r.randrange(4) else 0, len(data))] ^= 1 << r.randrange(8)
        elif kind < 7:
            for _ in range(r.choice((1, 8))):
                data[r.randrange(len(data))] = r.randrange(256)
        elif kind == 7:
            data = data[:r.randrange(len(data))]
        elif kind == 8:
            page = r.randrange(len(data) // 4096) * 4096
            data[page:page + 4096] = bytes(4096)
        else:
            a, b = (r.randrange(len(data) // 4096) * 4096 for _ in range(2))
            data[a:a + 4096] = data[b:b + 4096]
        file.seek(0)
        file.truncate()
        file.write(data)


os.makedirs("in", exist_ok=True)
with open("in/a.csv", "w") as file:
    file.write("id,n\n" + "".join("%d,%s\n" % (i, i if i % 3 else "x") for i in range(60)))
with open("in/b.csv", "w") as file:
    file.write("other\n1\n")
with open("p.yaml", "w") as file:
    file.write("pipeline: p\nfetch: {from: in/*.csv}\nparse: {fields: {id: bigint, n: bigint}}\nwrite: {path: 'out/{item.stem}.jsonl'}\n"
        "limits: {dead_letters: 100%}\nsupervise: {backoff: 1ms..2ms}\n")
assert subprocess.run([sluice, "run", "p.yaml", "-q"], capture_output=True).returncode == 69
shutil.rmtree("good", ignore_errors=True)
shutil.move(".sluice", "good")
wrong = 0
seen = {}
for seed in range(first, last):
    r = random.Random(seed)
    chosen = commands if every else r.sample(commands, 5)
    for command in chosen:
        shutil.rmtree(".sluice", ignore_errors=True)
        shutil.copytree("good", ".sluice")
        damage(".sluice/ledger.sqlite", random.Random(seed))
        try:
            done = subprocess.run([sluice] + command.split(), capture_output=True, timeout=60)
            code, said = done.returncode, done.stderr
        except subprocess.TimeoutExpired:
            code, said = "did not end", b""
        seen[code] = seen.get(code, 0) + 1
        text = said.decode(errors="replace")
        if code not in codes or "Fatal" in text or "is started again" in text or (code == 74 and "SL-701" not in text):
            wrong += 1
            print("seed %d: %s: exit %s: %s" % (seed, command, code, text[-300:]))
print("tried", seen)
sys.exit(1 if wrong else 0)

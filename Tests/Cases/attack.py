"""What somebody means ill with: names, values, folders, ledgers, patterns."""
import gzip
import os
import random
import re
import shutil
import signal
import stat
import subprocess
import time

from box import Wrong, collect, equal, expect

CASES = []
case = collect(CASES, "attack")

SECRET = "qW8-planted-5xZ"


@case("damaged-ledger", "a damaged ledger is exit 74 with the remedy, in every command")
def damaged(box):
    box.write("a.csv", "id,n\n1,5\n2,z\n3,6\n")
    box.pipeline("fetch: {from: a.csv}\nparse: {fields: {id: bigint, n: bigint}}\nwrite: {path: o.jsonl}\nlimits: {dead_letters: 10}\n")
    box.run()
    good = box.read(".sluice/ledger.sqlite")
    for seed in range(12):
        chance = random.Random(seed)
        data = bytearray(good)
        for _ in range(chance.choice((1, 4, 40))):
            data[chance.randrange(100, len(data))] ^= 1 << chance.randrange(8)
        shutil.rmtree(box.path(".sluice"))
        box.write(".sluice/ledger.sqlite", bytes(data))
        for command in ("runs", "status p.yaml", "dead-letters list p.yaml", "report p.yaml", "run p.yaml --progress none"):
            ran = box.sluice(*command.split(), timeout=20)
            expect(ran.status in (0, 64, 65, 66, 69, 70, 74, 75, 78), "seed %d: %s: exit %d" % (seed, command, ran.status))


@case("deep-expression", "an expression that is too deep is SL-108")
def deep(box):
    box.write("a.csv", "id\n1\n")
    for expression in ("(" * 9000 + "id" + ")" * 9000, "NOT " * 100000 + "id = 1"):
        box.pipeline('fetch: {from: a.csv}\nparse: {fields: {id: bigint}}\ntransform: [{derive: {x: "%s"}}]\nwrite: {path: o.jsonl}\n' % expression)
        checked = box.sluice("check", "p.yaml")
        expect(checked.status == 78 and "SL-108" in checked.text, "exit %d: %s" % (checked.status, checked.text[:200]))


@case("key-and-environment", "an item is the same whatever the environment holds")
def key(box):
    box.write("production/a.csv", "id,name\n1,a\n")
    box.pipeline("fetch: {from: 'production/*'}\nwrite: {path: 'out/{item.stem}-{run.id}.jsonl'}\n")
    box.run(environment={"DB_PASSWORD": "production"})
    box.run()
    equal(os.listdir(box.path("out")), ["a-1.jsonl"], "outputs:")


@case("tiny-dead-letters", "many tiny dead letters stay within the memory (300,000: under 200 MB)")
def tiny(box):
    box.write("a.csv", "id,v\n" + "x,1\n" * 300000)
    box.pipeline("fetch: {from: a.csv}\nparse: {fields: {id: bigint, v: text}}\nwrite: {path: o.jsonl}\nlimits: {dead_letters: 100000000, memory: 64MB}\n")
    ran = box.command(["python3", "-c", "import resource,subprocess,sys; subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL); print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)",
                       box.binary, "run", "p.yaml", "--quiet", "--no-supervisor"], timeout=120)
    expect(int(ran.stdout) < 200_000, "%d MB" % (int(ran.stdout) // 1000))


@case("one-bad-name", "a name too long, or a folder in an output's place, fails its item alone")
def bad_name(box):
    for i in range(6):
        box.write("in/f%d.csv" % i, "id\n1\n")
    box.write("in/%s.csv" % ("k" * 245), "id\n1\n")
    os.makedirs(box.path("out/f3.jsonl"))
    box.pipeline("fetch: {from: 'in/*.csv', retry: {attempts: 1}}\nwrite: {path: 'out/{item.stem}.jsonl'}\n")
    ran = box.run()
    written = [name for name in os.listdir(box.path("out")) if os.path.isfile(box.path("out/" + name)) and not name.startswith(".")]
    expect(ran.status == 69 and len(written) == 5, "exit %d, %d written" % (ran.status, len(written)))


@case("part-is-a-link", "a planted link is not followed")
def planted(box):
    box.write("victim", "precious\n")
    os.mkdir(box.path("out"))
    os.symlink("../victim", box.path("out/.a.jsonl.sluice-part"))
    box.write("hard", "precious\n")
    os.link(box.path("hard"), box.path("out/.b.jsonl.sluice-part"))
    for name in "ab":
        box.write("in/%s.csv" % name, "id\n1\n")
    box.pipeline("fetch: {from: 'in/*'}\nwrite: {path: 'out/{item.stem}.jsonl'}\n")
    box.run()
    equal((box.text("victim"), box.text("hard")), ("precious\n", "precious\n"))
    expect(not os.path.islink(box.path("out/a.jsonl")), "the output is a link")


@case("pattern-that-backtracks", "a pattern that backtracks is stopped by SIGTERM in 8 s")
def backtracks(box):
    box.write("a.csv", "id,v\n" + "".join("%d,%s!\n" % (i, "a" * 40) for i in range(2000)))
    box.pipeline("fetch: {from: a.csv}\nparse: {fields: {id: bigint, v: text}}\ntransform: [{filter: \"v ~ '^(a+)+$'\"}]\nwrite: {path: o.jsonl}\n")
    process = subprocess.Popen([box.binary, "run", "p.yaml", "--quiet"], cwd=box.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(2)
    process.send_signal(signal.SIGTERM)
    try:
        status = process.wait(timeout=8)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise Wrong("SIGTERM does not end it in 8 s")
    expect(status in (0, 65, 75), "exit %d" % status)


@case("replay-over-an-item", "a replay takes no name that is taken")
def replayed(box):
    box.write("in/a.csv", "id,n\n1,5\n2,z\n")
    box.write("in/a.replay-1.csv", "id,n\n7,7\n")
    text = "fetch: {from: 'in/*.csv'}\nparse: {fields: {id: bigint, n: %s}}\nwrite: {path: 'out/{item.stem}.jsonl'}\nlimits: {dead_letters: 10}\n"
    box.pipeline(text % "bigint")
    box.run()
    before = box.text("out/a.replay-1.jsonl")
    box.pipeline(text % "text")
    box.sluice("dead-letters", "replay", "p.yaml")
    equal(box.text("out/a.replay-1.jsonl"), before)


@case("schedule-line-ends", "schedule refuses line ends")
def lines(box):
    box.write("a.csv", "id\n1\n")
    box.pipeline("fetch: {from: a.csv}\nwrite: {path: o.jsonl}\n")
    ran = box.sluice("schedule", "p.yaml", "--cron", "@daily", "--var", "X=a\nExecStartPost=/bin/evil")
    expect(ran.status == 64 and not re.search("^ExecStartPost", ran.text, re.M), "exit %d: %s" % (ran.status, ran.stdout[-200:]))
    expect(box.sluice("schedule", "p.yaml", "--cron", "@daily", "--var", "D=$(date)").status == 64, "$(date) is taken")


@case("secret-cut", "no beginning of a secret stays where a reason is cut")
def cut(box):
    box.write("a.csv", "id,v\n1,a\n")
    for length in (48, 54, 58, 74, 78):
        box.pipeline('fetch: {from: a.csv}\nparse: {fields: {id: bigint, v: text}}\ntransform: [{derive: {s: "CAST(\'%s${API_TOKEN}\' AS bigint)"}}]\nwrite: {path: o.jsonl}\n' % ("b" * length))
        said = box.run("p", "--full", environment={"API_TOKEN": SECRET}).text + box.sluice("dead-letters", "list", "p.yaml").text
        expect(SECRET[:5] not in said and SECRET[:5].encode() not in box.read(".sluice/ledger.sqlite"), "its beginning is shown or kept")


@case("secret-in-the-source", "a secret in a record is not shown; the state is its owner's alone")
def echoed(box):
    box.write("a.csv", "id,v\n1,a\n%s,b\n" % SECRET)
    box.pipeline("fetch: {from: a.csv}\nparse: {fields: {id: bigint, v: text}}\nwrite: {path: o.jsonl}\n")
    environment = {"API_TOKEN": SECRET}
    box.run(environment=environment)
    for command in (("dead-letters", "show", "1", "p.yaml"), ("dead-letters", "list", "p.yaml"), ("report", "p.yaml", "--html", "-")):
        expect(SECRET not in box.sluice(*command, environment=environment).text, " ".join(command))
    for name, mode in ((".sluice", 0o700), (".sluice/ledger.sqlite", 0o600)):
        equal(oct(stat.S_IMODE(os.stat(box.path(name)).st_mode)), oct(mode), name)


@case("secret-in-a-path", "a secret in write.path is not shown where it can't be written")
def in_path(box):
    box.write("a.csv", "id,v\n1,a\n")
    box.pipeline('fetch: {from: a.csv}\nparse: {fields: {id: bigint, v: text}}\nwrite: {path: "/proc/${API_TOKEN}/o.jsonl"}\n')
    ran = box.run("p", "--log-file", "log", environment={"API_TOKEN": SECRET})
    expect(SECRET not in ran.text + box.text("log"), ran.stderr)


@case("terminal-escapes", "names and values can't act on a terminal or forge a line of a log")
def escapes(box):
    box.write("in/e\x1b[31mred.csv", "id,v\nx\x1b]0;title\x07,b\n")
    box.write("in/a\n2026-01-01T00:00:00Z error: forged.csv", "nope\n1\n")
    box.pipeline("fetch: {from: 'in/*', retry: {attempts: 1}}\nparse: {format: csv, fields: {id: bigint, v: text}}\nwrite: {path: 'out/{item.stem}.jsonl'}\n")
    texts = [box.run("p", "--log-file", "log").text, box.text("log")]
    texts += [box.sluice(*words).text for words in (("status", "p.yaml"), ("dead-letters", "list", "p.yaml"), ("report", "p.yaml"))]
    for text in texts:
        expect("\x1b" not in text and "\x07" not in text, repr(text))
        expect(not re.search("^2026-01-01", text, re.M), "a forged line: " + text)


@case("spool-left-behind", "a later run takes away what is left of a done item's download")
def spool(box):
    box.write("a.csv", "id\n1\n")
    box.pipeline("fetch: {from: a.csv}\nwrite: {path: o.jsonl}\n")
    box.run()
    for ending in (".a", ".json"):
        box.write(".sluice/spool/p/%s%s" % ("0" * 40, ending), "left\n")
    box.run()
    expect(not os.listdir(box.path(".sluice/spool/p")), "it stays")

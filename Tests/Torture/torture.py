"""Kills a pipeline at every step of its commit protocol and at random moments, resumes it, and compares.

    torture.py BINARY [--seconds N] [--random N] [--seed S] [--only CASE] [--jobs N] [--shape SHAPE] [--s3 | --zip]

BINARY has failpoints. Every passage of every failpoint is one crash by `kill` and, where a system call can fail, one by an
errno; writes also come out short, and steps throw or stand still. Then there are N kills at random moments. A resume is often
crashed as well, several deep. In the end each case's outputs are those of a run that was never interrupted, byte for byte
(compressed ones decompressed), its dead letters the same set, and its counts add up. With --seconds only what fits into that
time is done, in an order that the seed gives. With --s3 the files are objects of a bucket, which rclone serves; with --zip they are
members of an archive. `engine` kills the engine under its parent, which starts it again.
"""
import argparse
import atexit
import collections
import glob
import gzip
import hashlib
import http.server
import json
import multiprocessing
import os
import random
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import zipfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../SluiceTests/Servers"))
import postgres  # noqa: E402
import ranges  # noqa: E402

ERRNOS = ["ENOSPC", "EIO", "EDQUOT", "EMFILE", "EACCES"]
# What the process could not go on without is not in a case's power to fail.
ENVIRONMENT = {key: value for key, value in os.environ.items() if not key.startswith("SLUICE_")}


# The sources: files, and addresses of a server that cuts every third answer in half.

class Server(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    folder = ""
    answers = 0

    def log_message(self, *arguments):
        pass

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        with open(os.path.join(self.folder, os.path.basename(self.path)), "rb") as file:
            body = file.read()
        etag = '"%s"' % hashlib.md5(body).hexdigest()
        breaks = False
        if self.command == "GET":
            Server.answers += 1
            breaks = Server.answers % 3 == 0 and len(body) > 1000
        try:
            ranges.answer(self, body, etag, (lambda length: length // 2) if breaks else None)
        except OSError:
            pass


def make_sources(folder):
    """Items of all sizes, with bad records; returns what must come of their records."""
    made = random.Random(1)
    counts = collections.Counter()
    for number, rows in enumerate([90000, 5, 40000, 0, 70000, 30, 55000, 999, 9000, 20000, 60000, 1]):
        lines = ["n,x,s"]
        for i in range(rows):
            n = number * 1000000 + i
            bad = made.randrange(997) == 0
            lines.append("%d,%s,%s" % (n, "bad" if bad else made.randrange(10**6) / 8, "text %d" % made.randrange(1000)))
            counts["read"] += 1
            counts["dead_lettered" if bad else "filtered" if n % 3 == 0 else "written"] += 1
        text = ("\n".join(lines) + "\n").encode()
        name = "%s%02d.csv" % ("h" if number % 3 == 2 else "f", number)
        if number % 4 == 0:
            with open(os.path.join(folder, name), "wb") as file:
                file.write(text)
        else:
            with open(os.path.join(folder, name + ".gz"), "wb") as file:
                file.write(gzip.compress(text, 1))
    return counts


DEFINITION = """
pipeline: torture
fetch:
  from:
    - %(sources)s
%(addresses)s
  workers: 3
  retry: {attempts: 20, backoff: 1ms..10ms}
parse: {fields: {n: bigint not null, x: double, s: text}}
transform: [{filter: n %% 3 <> 0}, {derive: {y: x * 2}}]
write: {%(write)s, workers: 3, checkpoint: {every: 15ms, bytes: 100KB}}
supervise: {backoff: 1ms..5ms, max_restarts: 100}
limits: {dead_letters: 2%%}
%(letters)s
"""
# The shapes of output; %(postgres)s is the server's database, %(table)s the case's own table in it.
SHAPES = {
    "each": "path: 'out/{item.stem}.csv.gz'", "one": "path: out/all.jsonl", "append": "table: all, database: out/all.db",
    "replace": "table: all, database: out/all.db, mode: replace", "merge": "table: all, database: out/all.db, mode: merge, key: [n]",
    # Two that commit with each item, and one that commits with the run.
    "pg_append": "table: %(table)s, database: '%(postgres)s'",
    "pg_merge": "table: %(table)s, database: '%(postgres)s', mode: merge, key: [n]",
    "pg_replace": "table: %(table)s, database: '%(postgres)s', mode: replace",
    "pg_provenance": "table: %(table)s, database: '%(postgres)s', provenance: true",
    "three": "sinks: [{table: %(table)s, database: '%(postgres)s', when: x > 60000}, {table: all, database: out/all.db}, {path: out/all.csv}]",
    "several": "sinks: [{path: 'out/{item.stem}.csv', when: x > 60000}, {table: all, database: out/all.db}, {path: out/all.jsonl.gz}]",
}
LETTERS = {"several": "dead_letters: {path: 'out/bad/{item.stem}.jsonl'}"}


class Case:
    """A folder of its own with a definition, and what has become of it."""

    def __init__(self, torture, shape, port=None):
        self.folder = tempfile.mkdtemp(prefix="case-", dir=torture.home)
        self.binary = torture.binary
        self.shape = shape
        self.server = torture.postgres if "%(postgres)s" in SHAPES[shape] else None
        self.table = os.path.basename(self.folder).replace("-", "_")
        self.log = []
        with open(self.folder + "/p.yaml", "w") as file:
            file.write(torture.definition(shape, self.table, port))

    def start(self, verb, points="", log=None):
        environment = dict(ENVIRONMENT, SLUICE_FAILPOINTS=points)
        if log:
            environment["SLUICE_FAILPOINTS_LOG"] = log
        # A file, not a pipe: nobody reads while a kill is waited for.
        self.errors = open(self.folder + "/stderr", "w+")
        return subprocess.Popen(
            # The parent would start an engine that a failpoint killed again, to be killed again.
            [self.binary, verb, "p.yaml", "--output", "json", "--progress", "none"] + ["--no-supervisor"] * bool(points or log),
            cwd=self.folder, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=self.errors)

    def run(self, verb, points="", log=None, kill_after=None, engine=False, server_away=None):
        """Runs sluice; after a while kills it, or with `engine` its engine, which it is then to start again by itself; or with
        `server_away` the database server, which is away for so long."""
        process = self.start(verb, points, log)
        if server_away is not None:
            time.sleep(kill_after)
            self.server.restart(server_away)
            kill_after = None
        if engine:
            time.sleep(kill_after)
            for child in children(process.pid):
                os.kill(child, signal.SIGKILL)
            kill_after = None
        try:
            status = process.wait(timeout=kill_after if kill_after is not None else 120)
        except subprocess.TimeoutExpired:
            process.kill()
            status = process.wait()
            if kill_after is None:
                status = "hung"
        self.errors.seek(0)
        self.log.append("%s %s -> %s %s" % (verb, points or kill_after or "", status, self.errors.read()[-300:].strip()))
        self.errors.close()
        return status

    def finish(self):
        """Resumes until all is done; says what is wrong, or None."""
        for _ in range(4 if self.server is None else 12):
            status = self.run("resume")
            if status == 64:
                # Killed before the run was in the ledger, or after its end was: a run finds out.
                status = self.run("run")
            if status == 0:
                return None
            # The server may be away for another case's sake.
            time.sleep(0.5 if self.server and status == 74 else 0)
        return "not done after four resumes: %s" % status

    def outcome(self):
        found = outcome(self.binary, self.folder)
        if self.server:
            rows = self.server.query('COPY (SELECT * FROM "%s" t ORDER BY t::text) TO STDOUT' % self.table, "torture")
            if self.shape == "pg_provenance":
                rows = b"\n".join(line.rsplit(b"\t", 1)[0] for line in rows.splitlines())
            found[0]["the table in the server"] = rows
            # Nothing is left on either side of what waited for its commit.
            notes = self.server.query("SELECT id FROM sluice_commits WHERE owner LIKE '%s:%%'" % self.folder, "torture")
            parts = [path for path in glob.glob(self.folder + "/.sluice/rows/**", recursive=True) if os.path.isfile(path)]
            if notes or parts:
                found[0]["left behind"] = notes + "\n".join(parts).encode()
        return found

    def remove(self):
        if self.server:
            self.server.query('DROP TABLE IF EXISTS "%s"' % self.table, "torture")
        shutil.rmtree(self.folder, ignore_errors=True)


def children(pid):
    found = []
    for task in glob.glob("/proc/%d/task/*/children" % pid):
        try:
            with open(task) as file:
                found += [int(word) for word in file.read().split()]
        except OSError:
            pass
    return found


def outcome(binary, folder):
    """Outputs, dead letters and counts of the pipeline in a folder."""
    def ask(*arguments):
        return subprocess.run([binary, *arguments], cwd=folder, env=ENVIRONMENT, capture_output=True).stdout

    files = {}
    for path in sorted(glob.glob(folder + "/out/**", recursive=True) + glob.glob(folder + "/out/.*")):
        if path.endswith(".db"):
            files.update(tables(path))
        elif os.path.isfile(path) and not path.endswith(".db-journal"):
            with open(path, "rb") as file:
                data = file.read()
            files[os.path.relpath(path, folder)] = gzip.decompress(data) if path.endswith(".gz") else data
    found = collections.Counter()
    for line in ask("dead-letters", "export", "p.yaml").splitlines():
        letter = json.loads(line)
        found[tuple(str(letter[key]) for key in ("item", "record", "line", "offset", "code", "field", "raw"))] += 1
    report = json.loads(ask("status", "p.yaml", "--output", "json"))
    return files, found, report["records"], {item["item"]: item["records"] for item in report["items"]}


def tables(path):
    """The tables of a database, each as its rows in the order of their bytes. Tables of our own must be empty or gone by now."""
    files = {}
    database = sqlite3.connect(path)
    for (name,) in database.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall():
        rows = sorted(repr(row).encode() for row in database.execute('SELECT * FROM "%s"' % name))
        if rows or name != "sluice_commits":
            files["%s in the database" % name] = b"\n".join(rows)
    database.close()
    return files


def difference(want, got):
    """(lost, doubled, differing, words): records that are missing, records too many, and anything else."""
    words = []
    lost = doubled = differing = 0
    for name in sorted(set(want[0]) | set(got[0])):
        a, b = want[0].get(name), got[0].get(name)
        if a == b:
            continue
        have = collections.Counter((a or b"").splitlines())
        is_now = collections.Counter((b or b"").splitlines())
        missing, extra = sum((have - is_now).values()), sum((is_now - have).values())
        lost += missing
        doubled += extra
        if not missing and not extra or a is None:
            differing += 1
        words.append("%s: %d records missing, %d too many" % (name, missing, extra))
    missing, extra = sum((want[1] - got[1]).values()), sum((got[1] - want[1]).values())
    lost += missing
    doubled += extra
    if missing or extra:
        words.append("dead letters: %d missing, %d too many" % (missing, extra))
    if want[2] != got[2] or want[3] != got[3]:
        differing += 1
        words.append("counts: %s, not %s" % (got[2], want[2]))
    for counts in [got[2]] + list(got[3].values()):
        if counts["read"] != counts["written"] + counts["filtered"] + counts["dead_lettered"]:
            differing += 1
            words.append("counts do not add up: %s" % counts)
    return lost, doubled, differing, words


def serve_s3(folder):
    """Serves the folders of a folder as buckets, until this process ends. Returns the address."""
    rclone = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../.build-tools/venv/bin/rclone")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    owner = os.getpid()
    server = subprocess.Popen(
        [rclone, "serve", "s3", "--addr", "127.0.0.1:%d" % port, "--auth-key", "torture,torture-secret", folder],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=dict(ENVIRONMENT, RCLONE_CONFIG="/dev/null"))
    # Cases are played in forks of this process.
    atexit.register(lambda: server.kill() if os.getpid() == owner else None)
    for _ in range(600):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return "http://127.0.0.1:%d" % port
        except OSError:
            time.sleep(0.1)
    sys.exit("rclone did not start")


class Torture:
    def __init__(self, binary, seed, s3=False, archive=False):
        self.binary = os.path.abspath(binary)
        self.seed = seed
        self.home = tempfile.mkdtemp(prefix="sluice-torture-")
        self.sources = self.home + "/sources"
        os.mkdir(self.sources)
        self.expected = make_sources(self.sources)
        Server.folder = self.sources
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
        self.server.handle_error = lambda *arguments: None  # Clients are killed.
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.files = self.sources + "/f*"
        if s3:
            self.files = "{url: 's3://%s/f*', endpoint: '%s', access_key: torture, secret_key: torture-secret}" % (
                os.path.basename(self.sources), serve_s3(self.home))
        if archive:
            self.files = self.sources + "/archive.zip"
            with zipfile.ZipFile(self.files, "w") as members:
                for path in sorted(glob.glob(self.sources + "/f*")):
                    members.write(path, os.path.basename(path), zipfile.ZIP_DEFLATED if path.endswith(".csv") else zipfile.ZIP_STORED)
        self.postgres = None
        if any("%(postgres)s" in write for write in SHAPES.values()):
            self.postgres = postgres.Server()
            self.postgres.query("CREATE DATABASE torture")
        self.want, self.passages, self.seconds, self.messages = {}, {}, {}, {}

    def definition(self, shape, table, port):
        write = SHAPES[shape]
        if "%(postgres)s" in write:
            write = write % {"postgres": self.postgres.address("torture", port), "table": table}
        addresses = "\n".join(
            "    - http://127.0.0.1:%d/%s" % (self.server.server_address[1], os.path.basename(path))
            for path in sorted(glob.glob(self.sources + "/h*")))
        return DEFINITION % {"sources": self.files, "addresses": addresses, "write": write, "letters": LETTERS.get(shape, "")}

    def measure(self):
        """A run of each shape that nobody disturbs: what must come out, and how often it passes each failpoint."""
        for shape in SHAPES:
            proxy = postgres.Proxy(self.postgres.port) if "%(postgres)s" in SHAPES[shape] else None
            case = Case(self, shape, proxy and proxy.port)
            log = case.folder + "/passages"
            begun = time.monotonic()
            if case.run("run", log=log) != 0:
                sys.exit("the undisturbed run failed: %s" % case.log)
            self.seconds[shape] = time.monotonic() - begun
            self.want[shape] = case.outcome()
            if proxy:
                self.messages[shape] = proxy.messages
                proxy.close()
            with open(log) as file:
                self.passages[shape] = collections.Counter(file.read().split())
            counts = {key: self.want[shape][2][key] for key in self.expected}
            if counts != dict(self.expected):
                sys.exit("the undisturbed run's counts are wrong: %s, not %s" % (counts, dict(self.expected)))
            case.remove()

    def cases(self, random_kills):
        cases = []
        for shape, passages in self.passages.items():
            for name, count in sorted(passages.items()):
                point, moment = name.split("/")
                for passage in range(1, count + 1):
                    cases.append((shape, name, "kill", passage))
                    if moment == "before" and point not in ("ledger.sync", "table.sync"):
                        cases.append((shape, name, ERRNOS[passage % len(ERRNOS)], passage))
                        if point in ("part.write", "spool.write", "spool.description_write"):
                            cases.append((shape, name, "short", passage))
                for passage in {1, (count + 1) // 2, count}:
                    cases.append((shape, name, "throw", passage))
                cases.append((shape, name, "stall", (count + 1) // 2))
        for shape, messages in self.messages.items():
            cases += [(shape, "connection", "cut", message) for message in range(1, messages + 1)]
            cases += [(shape, "server", "kill", number + 1) for number in range(random_kills // 10)]
        for number in range(random_kills):
            cases.append((sorted(SHAPES)[number % len(SHAPES)], "engine" if number % 5 == 4 else "random", "kill", number + 1))
        return cases

    def play(self, what):
        """Plays one case. Returns the crashes it took and what is wrong with what came out."""
        shape, name, action, passage = what
        dice = random.Random("%s %s" % (self.seed, what))
        proxy = postgres.Proxy(self.postgres.port, passage) if name == "connection" else None
        case = Case(self, shape, proxy and proxy.port)
        crashes = 1
        if name == "connection":
            case.run("run")
        elif name == "server":
            case.run("run", kill_after=dice.random() * self.seconds[shape], server_away=dice.choice([0, 0.3, 2]))
        elif name == "engine":
            case.run("run", kill_after=dice.random() * self.seconds[shape], engine=True)
        elif name == "random":
            case.run("run", kill_after=dice.random() * self.seconds[shape])
        elif action == "stall":
            case.run("run", "%s=stall@%d" % (name, passage), kill_after=2 * self.seconds[shape] + 0.5)
        else:
            case.run("run", "%s=%s@%d" % (name, action, passage))
        while dice.random() < 0.4 and crashes < 6:
            crashes += 1
            if dice.random() < 0.5:
                case.run("resume", kill_after=dice.random() * self.seconds[shape])
            else:
                other = dice.choice(sorted(self.passages[shape]))
                case.run("resume", "%s=kill@%d" % (other, 1 + dice.randrange(self.passages[shape][other])))
        problem = case.finish()
        if problem:
            result = (0, 0, 1, [problem])
        else:
            result = difference(self.want[shape], case.outcome())
        if any(result[:3]):
            kept = "%s: %s\n  %s" % (what, "; ".join(result[3]), "\n  ".join(case.log))
        else:
            kept = None
            case.remove()
        return what, crashes, result[:3], kept


torture = None


def play(what):
    return torture.play(what)


def end_strays(home):
    """Ends the runs that stand still in a case which was cut off as the time was over."""
    for path in glob.glob("/proc/[0-9]*"):
        try:
            if os.readlink(path + "/cwd").startswith(home + "/"):
                os.kill(int(path[6:]), signal.SIGKILL)
        except OSError:
            pass


def main():
    global torture
    parser = argparse.ArgumentParser()
    parser.add_argument("binary")
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--random", type=int, default=500)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--shape", choices=sorted(SHAPES), help="one kind of output")
    parser.add_argument("--only", help="one case, as a failure names it")
    sources = parser.add_mutually_exclusive_group()
    sources.add_argument("--s3", action="store_true", help="the files come from an S3 server")
    sources.add_argument("--zip", action="store_true", help="the files are members of an archive")
    parser.add_argument("--jobs", type=int, default=2 * (os.cpu_count() or 2))
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else random.randrange(10**6)
    if options.shape:
        for shape in set(SHAPES) - {options.shape}:
            del SHAPES[shape]
    torture = Torture(options.binary, seed, options.s3, options.zip)
    torture.measure()
    cases = torture.cases(options.random)
    random.Random(seed).shuffle(cases)
    if options.only:
        cases = [case for case in cases if str(case) == options.only]
    table = collections.defaultdict(lambda: [0, 0, 0, 0, 0])
    failures = []
    begun = time.monotonic()
    # Forked, so that they have the server's address; the server itself stays here.
    with multiprocessing.get_context("fork").Pool(options.jobs) as pool:
        for what, crashes, (lost, doubled, differing), kept in pool.imap_unordered(play, cases):
            row = table[what[1]]
            row[0] += 1
            row[1] += crashes
            for i, n in enumerate((lost, doubled, differing)):
                row[2 + i] += n
            if kept:
                failures.append(kept)
                print("FAILED " + kept, flush=True)
            if options.seconds and time.monotonic() - begun > options.seconds:
                pool.terminate()
                break
    end_strays(torture.home)
    print("| failpoint | cases | crashes | lost | doubled | differing |\n|---|---|---|---|---|---|")
    for name in sorted(table):
        print("| %s | %s |" % (name, " | ".join(str(n) for n in table[name])))
    total = [sum(row[i] for row in table.values()) for i in range(5)]
    print("seed %d: cases %d of %d, crashes %d, lost %d, doubled %d, differing %d" % (seed, total[0], len(cases), *total[1:]))
    if not failures:
        shutil.rmtree(torture.home, ignore_errors=True)
    sys.exit(1 if failures or total[0] == 0 else 0)


if __name__ == "__main__":
    main()

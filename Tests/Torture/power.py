"""Takes the power away at every step of a run: what was not synced is gone, and resuming must still lose and double nothing.

    power.py BINARY RECORDER [--states N] [--seed S] [--without SYNC]

BINARY has failpoints; RECORDER is recorder.c as a shared object. A run is recorded, call by call. For a moment in it the
folder is made as a disk may hold it then: files with the bytes that were synced, folders with the names that were synced
(`strict`), or with names, or bytes, or both, ahead of their syncs, unsynced bytes being gone or zero. Then the run is
resumed and compared. Each sync is also left out in turn, and then some moment must show it: a sync that nothing misses
is not needed, or not tested. After A. Pillai et al., All File Systems Are Not Created Equal, OSDI 2014.
"""
import argparse
import http.server
import json
import os
import random
import shutil
import struct
import subprocess
import sys
import tempfile
import threading

import torture
from torture import ranges

VARIANTS = ["strict", "names", "bytes", "zeros", "mixed"]
OUTPUT_SYNCS = ["part.sync", "part.final_sync", "part.name_sync", "target.name_sync", "folder.sync", "ledger.sync"]
SPOOL_SYNCS = ["spool.sync", "spool.description_sync", "spool.name_sync"]


class Disk:
    """What was written and what was synced, of the files below a folder."""

    def __init__(self, root):
        self.root = root
        # Folder: {name: file, or None for a folder}, as it is and as it was synced.
        self.names, self.synced_names = {root: {}}, {root: {}}
        self.files = {}  # By inode: [bytes, synced bytes].

    def apply(self, op, inode, offset, data):
        if op in "crum":
            paths = [part.decode() for part in data.split(b"\0")]
            folder, name = os.path.split(paths[0])
        if op == "c":
            # An inode that was used before is another file now.
            self.files[inode] = self.names[folder][name] = [bytearray(), b""]
        elif op == "m":
            self.names[folder][name] = None
            self.names[paths[0]], self.synced_names[paths[0]] = {}, {}
        elif op == "u":
            self.names[folder].pop(name, None)
        elif op == "r":
            target, new = os.path.split(paths[1])
            self.names[target][new] = self.names[folder].pop(name)
        elif op == "w":
            content = self.files[inode][0]
            content.extend(bytes(max(0, offset - len(content))))
            content[offset:offset + len(data)] = data
        elif op == "t":
            content = self.files[inode][0]
            del content[offset:]
            content.extend(bytes(offset - len(content)))
        elif op == "s" and inode in self.files:
            self.files[inode][1] = bytes(self.files[inode][0])
        elif op == "D":
            folder = data.decode()
            if folder in self.names:
                self.synced_names[folder] = dict(self.names[folder])

    def restore(self, variant, dice):
        """Makes the folder as the disk may be after the power is back."""
        shutil.rmtree(self.root, ignore_errors=True)
        os.mkdir(self.root)
        self.restore_folder(self.root, variant, dice)

    def restore_folder(self, folder, variant, dice):
        kind = dice.choice(VARIANTS[:4]) if variant == "mixed" else variant
        for name, file in (self.names if kind in ("names", "zeros") else self.synced_names)[folder].items():
            path = os.path.join(folder, name)
            if file is None:
                os.mkdir(path)
                self.restore_folder(path, variant, dice)
            elif not name.endswith("-shm"):  # Memory that processes share; SQLite makes it anew.
                how = dice.choice(VARIANTS[:4]) if variant == "mixed" else variant
                content = bytes(file[0]) if how == "bytes" else file[1]
                if how == "zeros":
                    content += bytes(max(0, len(file[0]) - len(content)))
                with open(path, "wb") as out:
                    out.write(content)


def read_log(path):
    with open(path, "rb") as file:
        log = file.read()
    at = 0
    while at < len(log):
        op, inode, offset, length = struct.unpack_from("<cQqI", log, at)
        at += 21
        yield op.decode(), inode, offset, log[at:at + length]
        at += length


class Scene:
    """A pipeline in a folder, a recorded run of it, and what must come out."""

    def __init__(self, binary, recorder, without, checkpoint="every: 10ms, bytes: 100KB"):
        self.binary, self.recorder, self.without = binary, recorder, without
        self.home = tempfile.mkdtemp(prefix="sluice-power-")
        self.folder = self.home + "/work"
        self.checkpoint = checkpoint
        os.mkdir(self.home + "/in")

    def definition(self):
        raise NotImplementedError

    def call(self, *arguments, points="", recorded=False):
        environment = dict(torture.ENVIRONMENT, SLUICE_FAILPOINTS=points)
        if recorded:
            environment.update(
                LD_PRELOAD=self.recorder, RECORDER_LOG=self.home + "/log", RECORDER_ROOT=self.folder,
                SLUICE_FAILPOINTS_LOG=self.folder + "/passages")
        return subprocess.run(
            [self.binary, *arguments, *["--no-supervisor"] * (arguments[0] in ("run", "resume")), "--state", self.folder + "/.sluice"], cwd=self.home, env=environment, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=120)

    def outcome(self):
        shutil.copy(self.home + "/p.yaml", self.folder + "/p.yaml")
        return torture.outcome(self.binary, self.folder)

    def record(self):
        os.makedirs(self.folder)
        with open(self.home + "/p.yaml", "w") as file:
            file.write(self.definition())
        points = "%s=skip@*" % self.without if self.without else ""
        self.status = self.call("run", self.home + "/p.yaml", points=points, recorded=True).returncode
        return list(read_log(self.home + "/log"))

    def resume(self):
        for _ in range(3):
            got = self.call("resume", self.home + "/p.yaml")
            if got.returncode == 64:
                got = self.call("run", self.home + "/p.yaml")
            if got.returncode == 0:
                return got
        return got

    def close(self):
        shutil.rmtree(self.home, ignore_errors=True)


class OutputScene(Scene):
    """Files in, several checkpoints an item: parts, folders and the ledger."""

    def __init__(self, shape, *arguments):
        super().__init__(*arguments)
        self.path = "work/out/deep/{item.stem}.csv.gz" if shape == "each" else "work/out/deep/all.jsonl"
        made = random.Random(2)
        for number, rows in enumerate([60000, 3, 90000, 800]):
            with open(self.home + "/in/%d.csv" % number, "w") as file:
                file.write("n,x,s\n")
                for i in range(rows):
                    file.write("%d,%s,text %d\n" % (number * 10**6 + i, "bad" if made.randrange(997) == 0 else i / 8, made.randrange(1000)))

    def definition(self):
        text = torture.DEFINITION % {"sources": self.home + "/in/*", "addresses": "", "letters": "", "write": "path: '%s'" % self.path}
        return text.replace("every: 15ms, bytes: 100KB", self.checkpoint)

    def states(self, log, count, dice):
        """Moments at which the power may go: the end, and `count` others, at names and syncs rather than at writes."""
        steps = [i + 1 for i, entry in enumerate(log) if entry[0] != "w"]
        chosen = set(dice.sample(steps, min(count, len(steps)))) | {len(log)}
        return {i: VARIANTS if i == len(log) else [dice.choice(VARIANTS), "strict"] for i in chosen}

    def judge(self, want, disk, at, end):
        """What is wrong with the folder as it stands, or None."""
        # What readers may have seen and taken away must be known as done, or it would be made again.
        seen = [name for name in disk.names.get(self.folder + "/out/deep", {}) if not name.startswith(".")]
        if seen:
            told = self.call("status", self.home + "/p.yaml", "--output", "json")
            report = json.loads(told.stdout) if told.returncode == 0 else {"items": []}
            done = {os.path.basename(item["item"]).split(".")[0] for item in report["items"] if item["status"] == "done"}
            if not {name.split(".")[0] for name in seen} - {"all"} <= done or "all.jsonl" in seen and report.get("status") != "done":
                return "readers saw an output that the ledger does not know: %s" % seen
        if at == end:
            # The run had told that it was done.
            told = self.call("status", self.home + "/p.yaml", "--output", "json")
            if told.returncode != 0 or json.loads(told.stdout)["status"] != "done":
                return "the ledger does not know that the run is done"
            words = torture.difference(want, self.outcome())
            if any(words[:3]):
                return "after the end: " + "; ".join(words[3])
        got = self.resume()
        if got.returncode != 0:
            return "resume: %s: %s" % (got.returncode, got.stderr[-300:])
        if "starts over" in got.stderr:
            return "what the ledger spoke of was not on the disk: " + got.stderr.strip()
        words = torture.difference(want, self.outcome())
        return "; ".join(words[3]) if any(words[:3]) else None


class Dripping(http.server.BaseHTTPRequestHandler):
    """Serves one body; while `is_broken`, no more than some of it."""
    protocol_version = "HTTP/1.1"
    body, is_broken, ranges = b"", False, []

    def log_message(self, *arguments):
        pass

    def do_GET(self):
        self.ranges.append(int(self.headers["Range"].split("=")[1].split("-")[0]) if self.headers.get("Range") else 0)
        try:
            ranges.answer(self, self.body, '"one"', (lambda length: len(self.body) * 3 // 5) if self.is_broken else None)
        except OSError:
            pass


class SpoolScene(Scene):
    """A download that breaks off: what was synced of it need not be fetched again, and is what the server sent."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        made = random.Random(3)
        Dripping.body = ("n,x,s\n" + "".join("%d,%s,text %d\n" % (i, i / 8, made.randrange(10**9)) for i in range(80000))).encode()
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Dripping)
        self.server.handle_error = lambda *arguments: None
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def definition(self):
        # One attempt, and nothing of it is written before the download ends: the spool alone is looked at.
        text = torture.DEFINITION % {
            "letters": "",
            "sources": self.home, "write": "path: work/all.jsonl", "addresses": "    - http://127.0.0.1:%d/h.csv" % self.server.server_address[1]}
        text = text.replace("    - %s\n" % self.home, "").replace("attempts: 20", "attempts: 1")
        return text.replace("every: 15ms, bytes: 100KB", self.checkpoint)

    def record(self):
        Dripping.is_broken = True
        log = super().record()
        Dripping.is_broken = False
        return log

    def states(self, log, count, dice):
        """Moments after a sync of the spool that has surely ended: the next has begun."""
        begun = [i for i, entry in enumerate(log) if entry[0] == "w" and entry[3] == b"spool.sync/before\n"]
        if len(begun) < 2:
            sys.exit("the spool was synced only %d times" % len(begun))
        later = list(range(begun[1], len(log) + 1))
        return {i: VARIANTS[:4] for i in dice.sample(later, min(count, len(later)))}

    def judge(self, want, disk, at, end):
        Dripping.ranges.clear()
        got = self.resume()
        if got.returncode != 0:
            return "resume: %s: %s" % (got.returncode, got.stderr[-300:])
        if not Dripping.ranges or Dripping.ranges[0] == 0:
            return "what was synced of the download was fetched again"
        words = torture.difference(want, self.outcome())
        return "; ".join(words[3]) if any(words[:3]) else None

    def close(self):
        self.server.shutdown()
        super().close()


def play(scene, count, seed, stops):
    """Records a run and takes the power away `count` times; returns (crashes, what was wrong)."""
    dice = random.Random(seed)
    log = scene.record()
    wrong = []
    crashes = 0
    want = whole(scene)
    states = scene.states(log, count, dice)
    disk = Disk(scene.folder)
    for at in range(len(log) + 1):
        for variant in states.get(at, []):
            disk.restore(variant, dice)
            crashes += 1
            problem = scene.judge(want, disk, at, len(log))
            if problem:
                wrong.append("call %d of %d, %s: %s" % (at, len(log), variant, problem))
                if stops:
                    return crashes, wrong
        if at < len(log):
            disk.apply(*log[at])
    return crashes, wrong


def whole(scene):
    """What comes of a run that nobody disturbs."""
    shutil.rmtree(scene.folder)
    os.mkdir(scene.folder)
    got = scene.call("run", scene.home + "/p.yaml")
    if got.returncode != 0:
        sys.exit("the undisturbed run failed: %s" % got.stderr)
    return scene.outcome()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary")
    parser.add_argument("recorder")
    parser.add_argument("--states", type=int, default=150)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--without", choices=OUTPUT_SYNCS + SPOOL_SYNCS, help="only leave this sync out")
    parser.add_argument("--all-syncs", action="store_true", help="leave no sync out")
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else random.randrange(10**6)
    binary, recorder = os.path.abspath(options.binary), os.path.abspath(options.recorder)
    scenes = [
        ("an output an item", lambda without: OutputScene("each", binary, recorder, without), OUTPUT_SYNCS),
        ("one output", lambda without: OutputScene("one", binary, recorder, without), OUTPUT_SYNCS),
        ("a download", lambda without: SpoolScene(binary, recorder, without), SPOOL_SYNCS)]
    failed = False
    total = 0
    if not options.without:
        for name, make, _ in scenes:
            scene = make(None)
            crashes, wrong = play(scene, options.states, seed, False)
            scene.close()
            total += crashes
            failed = failed or bool(wrong)
            for line in wrong[:10]:
                print("FAILED %s: %s" % (name, line))
            print("%s: power lost %d times, wrong %d" % (name, crashes, len(wrong)), flush=True)
    missed = {}
    for name, make, syncs in scenes if not options.all_syncs else []:
        for sync in syncs if not options.without else [options.without] if options.without in syncs else []:
            scene = make(sync)
            crashes, wrong = play(scene, 60, seed, True)
            scene.close()
            total += crashes
            missed.setdefault(sync, [])
            if options.without:
                print(name, crashes, wrong[:1])
            if wrong:
                missed[sync].append("%s, %s" % (name, wrong[0][:160]))
    if missed:
        print("| sync left out | shown by |\n|---|---|")
    for sync, where in missed.items():
        print("| %s | %s |" % (sync, where[0].replace("\n", " ") if where else "NOTHING"))
        failed = failed or not where
    print("seed %d: power lost %d times%s" % (
        seed, total, "; each of %d syncs is needed: %s" % (len(missed), all(missed.values())) if missed else ""))
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()

"""Runs every command and checks every definition of the README and of docs/: docs.py check|update ROOT BINARY [PAGE...]

A page is a session of one shell, in a folder of its own that has the repository's sample-data and pipelines. In a block of `console` a line
that begins with `$ ` is a command; the lines below are what it prints, where `…` stands for anything. A command fails the page when its exit is not
0 and no `echo $?` follows. In a block of `yaml` a whole definition is checked by `sluice check`, and a part of one within a whole; where the
first line is a comment with a file's name, the file is written. Blocks of other names with such a line are written too.
Blocks of `sh` change the machine: crontab and systemctl are stand-ins (bin/) that refuse what the true ones would, and folders as /etc are the
page's own. Only what builds and installs the product itself is left out, and counted.

Times, rates, hosts and folders are compared as such, whatever they are. `update` writes what commands print into the pages.
"""
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile

COMMENTED = re.compile(r"^# (\S+\.(?:yaml|csv|py|sh|jsonl|env|txt))$")


def blocks(lines):
    """(language, first line's index, lines) of each fenced block."""
    start = language = None
    for i, line in enumerate(lines):
        if start is None and line.startswith("```") and len(line) > 3:
            start, language = i + 1, line[3:].strip()
        elif start is not None and line == "```":
            yield language, start, lines[start:i]
            start = None


STAND_INS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "bin")


class Shell:
    def __init__(self, folder, binary, machine):
        environment = {k: v for k, v in os.environ.items() if not k.startswith("SLUICE_")}
        environment["PATH"] = STAND_INS + ":" + os.path.dirname(binary) + ":" + environment["PATH"]
        environment["SLUICE_DOCS_MACHINE"] = machine
        environment.update(NO_COLOR="1", HOME=folder, LC_ALL="C.UTF-8", no_proxy="127.0.0.1")
        self.process = subprocess.Popen(
            ["bash", "--norc"], cwd=folder, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def run(self, command):
        mark = "\x01end\x01"
        # What it prints goes where the shell's goes; its exit is kept for a following `echo $?`.
        self.process.stdin.write(f"{command}\n__code=$?; echo; echo '{mark}'$__code; (exit $__code)\n")
        self.process.stdin.flush()
        lines = []
        for line in self.process.stdout:
            line = line.rstrip("\n")
            if line.startswith(mark):
                if lines and lines[-1] == "":
                    lines.pop()
                return lines, int(line[len(mark):])
            lines.append(line)
        raise SystemExit(f"the shell ended at: {command}")

    def close(self):
        self.process.stdin.close()
        self.process.wait()


class Page:
    def __init__(self, path, root, binary):
        self.path, self.binary = path, binary
        self.lines = open(os.path.join(root, path)).read().split("\n")
        self.folder = tempfile.mkdtemp(prefix="sluice-docs-")
        for name in ("sample-data", "pipelines"):
            shutil.copytree(os.path.join(root, name), os.path.join(self.folder, name))
        self.machine = tempfile.mkdtemp(prefix="sluice-docs-machine-")
        os.makedirs(os.path.join(self.machine, "etc/systemd/system"))
        with open(os.path.join(self.machine, "crontab"), "w") as file:
            file.write("# The reader's own.\n0 5 * * * /usr/bin/backup\n")
        self.shell = Shell(self.folder, binary, self.machine)
        self.counts = {"commands": 0, "definitions": 0, "files": 0, "of the machine": 0, "not run": 0}
        self.failures, self.updated = [], []

    def close(self):
        self.shell.close()
        shutil.rmtree(self.folder)
        shutil.rmtree(self.machine)

    def shown(self, line):
        line = line.replace(os.path.realpath(self.folder), "/home/you/flights").replace(self.folder, "/home/you/flights")
        # Where it would be installed.
        line = line.replace(os.path.realpath(self.binary), "/usr/local/bin/sluice")
        return re.sub(r"\bon %s\b" % re.escape(socket.gethostname()), "on host", line).rstrip()

    @staticmethod
    def pattern(line):
        """What a line is compared by: without what differs from run to run."""
        line = re.sub(r"\b20(2[4-9]|[3-9]\d)-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?Z?", "TIME", line)
        line = re.sub(r"\b\d+(\.\d+)? (ms|s|min|h|d)( \d+ (s|min))?\b", "DURATION", line)
        line = re.sub(r"\b[\d,.]+( [KMG]?B)?/s", "RATE", line)
        line = re.sub(r"\b(engine|process|pid) \d+", r"\1 N", line)
        line = re.sub(r"\bfailed on \S+ at\b", "failed on host at", line)
        line = re.sub(r"line \d+: +\d+ Killed +", "line N: N Killed ", line)
        line = re.sub(r"(_seconds\{.*\}) [\d.]+", r"\1 N", line)
        return re.sub(r" {2,}", "  ", line)

    def matches(self, wanted, got):
        """Whether lines are as wanted, in which a line `…` stands for any lines, and `…` within one for any text."""
        if not wanted:
            return not got
        if wanted[0].strip() == "…":
            return any(self.matches(wanted[1:], got[i:]) for i in range(len(got) + 1))
        if not got:
            return False
        expression = ".*".join(re.escape(part) for part in self.pattern(wanted[0]).split("…"))
        return re.fullmatch(expression, self.pattern(got[0])) is not None and self.matches(wanted[1:], got[1:])

    def fail(self, index, what):
        self.failures.append(f"{self.path}:{index + 1}: {what}")

    def run(self):
        at = 0
        for language, start, lines in list(blocks(self.lines)):
            self.updated += self.lines[at:start]
            at = start + len(lines)
            name = COMMENTED.match(lines[0]) if lines else None
            if language == "console":
                self.updated += self.console(start, lines)
                continue
            self.updated += lines
            if language == "sh":
                self.change(start, lines)
                continue
            if name:
                self.write(name[1], lines[1:])
            if language == "yaml":
                self.definition(start, lines, name and name[1])
        self.updated += self.lines[at:]

    def change(self, start, lines):
        """Runs what changes the machine, where that is the page's own."""
        for i, line in enumerate(lines):
            if not line or line.startswith("#"):
                continue
            if line.startswith("Scripts/"):
                self.counts["not run"] += 1
                continue
            got, code = self.shell.run(re.sub(r"(?<=[ =])/(etc|var|usr/local)/", self.machine + r"/\1/", line))
            self.counts["of the machine"] += 1
            if code != 0:
                self.fail(start + i, f"{line}\nexits {code}:\n" + "\n".join(got))

    def write(self, name, lines):
        path = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write("\n".join(lines) + "\n")
        self.counts["files"] += 1

    def definition(self, start, lines, name):
        self.counts["definitions"] += 1
        text = "\n".join(lines)
        # The first line says that it is meant to be wrong.
        if any(line.startswith("# wrong") for line in lines[:2]):
            return
        keys = set(re.findall(r"^(\w+):", text, re.M))
        if not name:
            # A part of a definition is put within a whole one.
            rest = {"pipeline": "pipeline: part", "fetch": "fetch: {from: sample-data/airports.csv}", "write": "write: {path: out/part.jsonl}"}
            text += "\n" + "\n".join(value for key, value in rest.items() if key not in keys) + "\n"
            name = "part.yaml"
            with open(os.path.join(self.folder, name), "w") as file:
                file.write(text)
        environment = {n: "value-of-" + n for n in re.findall(r"\$\{(?:env:)?([A-Z_]+)\}", text)}
        for secret in re.findall(r"\$\{file:([^}]+)\}", text):
            if not os.path.exists(os.path.join(self.folder, secret)) and not secret.startswith("/"):
                self.write(secret, ["value"])
        outcome = subprocess.run(
            [self.binary, "check", name], cwd=self.folder, env=os.environ | environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if outcome.returncode != 0:
            self.fail(start, f"the definition is wrong:\n{outcome.stdout}")

    def console(self, start, lines):
        out, i = [], 0
        while i < len(lines):
            if not lines[i].startswith("$ "):
                self.fail(start + i, f"no command before: {lines[i]}")
                return lines
            first, command = i, lines[i][2:]
            i += 1
            while lines[i - 1].endswith("\\"):
                command += "\n" + lines[i].removeprefix("> ")
                i += 1
            wanted = []
            while i < len(lines) and not lines[i].startswith("$ "):
                wanted.append(lines[i].rstrip())
                i += 1
            got, code = self.shell.run(command)
            got = [self.shown(line) for line in got]
            self.counts["commands"] += 1
            out += lines[first:i - len(wanted)]
            if self.matches(wanted, got):
                out += wanted
            else:
                out += got
                self.fail(start + first, f"{command}\nshould print:\n" + "\n".join(wanted) + "\nand prints:\n" + "\n".join(got))
            if code != 0 and not (i < len(lines) and lines[i].startswith("$ echo $?")):
                self.fail(start + first, f"{command}\nexits {code}:\n" + "\n".join(got))
        return out


def main():
    mode, root, binary, *pages = sys.argv[1:]
    if not pages:
        pages = ["README.md"] + sorted(
            os.path.relpath(os.path.join(folder, name), root)
            for folder, _, names in os.walk(os.path.join(root, "docs")) for name in names
            if name.endswith(".md") and os.path.basename(folder) != "reference")
    counts, failures = {}, []
    for path in pages:
        page = Page(path, root, os.path.abspath(binary))
        try:
            page.run()
        finally:
            page.close()
        if mode == "update":
            with open(os.path.join(root, path), "w") as file:
                file.write("\n".join(page.updated))
        failures += page.failures
        counts[path] = page.counts
    print(json.dumps({"pages": counts, "failures": failures, "sum": {
        key: sum(each[key] for each in counts.values()) for key in ("commands", "definitions", "files", "of the machine", "not run")}}))
    if mode == "update":
        print("\n\n".join(failures), file=sys.stderr)


main()

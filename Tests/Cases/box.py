"""What a case is and what it works with."""
import http.server
import json
import os
import signal
import subprocess
import threading


class Wrong(Exception):
    """The binary did what is not right; the text says what."""


class Skipped(Exception):
    """The case can't be tried here; the text says why."""


class Case:
    def __init__(self, name, right, run):
        self.name, self.right, self.run = name, right, run


def collect(cases, group):
    """A decorator that adds a function to `cases`."""
    def named(name, right):
        def add(function):
            cases.append(Case(group + "/" + name, right, function))
            return function
        return add
    return named


class Outcome:
    def __init__(self, status, stdout, stderr):
        self.status, self.bytes, self.stderr = status, stdout, stderr
        self.stdout = stdout.decode("utf-8", "replace")
        self.text = self.stdout + stderr


class Box:
    """A folder, a binary, and servers that end with it."""

    def __init__(self, folder, binary):
        self.folder, self.binary, self.servers = folder, binary, []

    def close(self):
        for server in self.servers:
            server.shutdown()
            server.server_close()

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, data):
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(data.encode() if isinstance(data, str) else data)

    def read(self, name):
        with open(self.path(name), "rb") as file:
            return file.read()

    def text(self, name):
        return self.read(name).decode("utf-8", "replace")

    def exists(self, name):
        return os.path.lexists(self.path(name))

    def command(self, words, environment={}, timeout=60, stdin=None):
        process = subprocess.Popen(
            words, cwd=self.folder, env=os.environ | environment, stdin=stdin or subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, start_new_session=True)
        try:
            out, err = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            # An engine has a group of its own and dies with its parent.
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            raise
        return Outcome(process.returncode, out, err.decode("utf-8", "replace"))

    def sluice(self, *words, **more):
        return self.command([self.binary, *words], **more)

    def shell(self, script, **more):
        return self.command(["bash", "-c", script], environment={"SLUICE": self.binary} | more.pop("environment", {}), **more)

    def pipeline(self, text, name="p"):
        self.write(name + ".yaml", "pipeline: %s\n%s" % (name, text))

    def run(self, name="p", *words, **more):
        return self.sluice("run", name + ".yaml", "--progress", "none", *words, **more)

    def records(self, name):
        """Records of JSON Lines."""
        return [json.loads(line) for line in self.text(name).split("\n") if line]

    def serve(self, answer):
        """A server of its own; `answer` gets the request's handler. Returns its address."""
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                answer(self)

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        self.servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return "http://127.0.0.1:%d" % server.server_address[1]


def reply(handler, status, body=b"", **headers):
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    if "Content_Length" not in headers and status != 304:
        handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def expect(condition, words):
    if not condition:
        raise Wrong(words)


def equal(found, wanted, what=""):
    if found != wanted:
        raise Wrong("%s%r" % (what and what + " ", found))

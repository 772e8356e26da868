"""A PostgreSQL server in a folder of its own, on a port of this machine.

As a program: postgres.py serves until its standard input ends; it prints its address, without a database, when it is ready. A line `kill` kills the
server as a loss of power would, `start` starts it again; each is answered by a line.
"""
import atexit
import fcntl
import glob
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time


def programs():
    """The folder of the newest server's programs; None where this machine has no server."""
    found = glob.glob("/usr/lib/postgresql/*/bin/postgres")
    return os.path.dirname(max(found, key=lambda path: int(path.split("/")[4]))) if found else None


class Server:
    """Processes that were forked from the one that made it may use it too."""

    def __init__(self, settings=()):
        self.bin = programs()
        if self.bin is None:
            sys.exit("there is no PostgreSQL server on this machine; Scripts/test installs one")
        self.folder = tempfile.mkdtemp(prefix="sluice-pg-", dir="/tmp")
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            self.port = taken.getsockname()[1]
        if os.getuid() == 0:
            shutil.chown(self.folder, "postgres", "postgres")
        self.settings = ["-c", "listen_addresses=127.0.0.1", "-c", "max_connections=100"] + [
            word for setting in settings for word in ("-c", setting)]
        self.sudo(["initdb", "-D", self.folder + "/data", "-U", "tests", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "-N"])
        owner = os.getpid()
        atexit.register(lambda: self.remove() if os.getpid() == owner else None)
        self.start()

    def sudo(self, command, **options):
        """Runs a program of the server. The server refuses to be root."""
        words = [self.bin + "/" + command[0]] + command[1:]
        if os.getuid() == 0:
            words = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] + words
        return subprocess.run(words, check=True, cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **options)

    def start(self):
        self.sudo(
            ["pg_ctl", "-D", self.folder + "/data", "-l", self.folder + "/data/log", "-w", "-t", "60", "-o",
             " ".join(["-p %d -k %s" % (self.port, self.folder)] + self.settings), "start"])

    def kill(self):
        """Kills all of its processes at once."""
        try:
            with open(self.folder + "/data/postmaster.pid") as file:
                pid = int(file.readline())
        except (OSError, ValueError):
            return
        pids = [pid]
        try:
            with open("/proc/%d/task/%d/children" % (pid, pid)) as file:
                pids += [int(word) for word in file.read().split()]
        except OSError:
            pass
        for process in pids:
            try:
                os.kill(process, signal.SIGKILL)
            except OSError:
                pass
        while any(os.path.exists("/proc/%d" % process) and state(process) != "Z" for process in pids):
            time.sleep(0.01)
        # A process that is dead and that nothing has waited for yet would pass for a server at work.
        for path in ["/data/postmaster.pid", "/.s.PGSQL.%d.lock" % self.port]:
            os.unlink(self.folder + path)

    def restart(self, after=0.0):
        """Kills it and starts it again, one process at a time."""
        with open(self.folder + "/restart", "a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self.kill()
            time.sleep(after)
            self.start()

    def remove(self):
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def address(self, database="", port=None):
        return "postgres://tests@127.0.0.1:%d/%s" % (port or self.port, database)

    def query(self, sql, database="postgres"):
        """The rows of a query as COPY writes them."""
        last = None
        for _ in range(300):
            last = subprocess.run(["psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-c", sql, self.address(database)], capture_output=True)
            if last.returncode == 0:
                return last.stdout
            # Another case may just have killed it.
            if last.returncode != 2 and b"server closed" not in last.stderr and b"starting up" not in last.stderr:
                break
            time.sleep(0.1)
        raise RuntimeError(last.stderr.decode())


def state(pid):
    try:
        with open("/proc/%d/stat" % pid) as file:
            return file.read().rsplit(")", 1)[1].split()[0]
    except OSError:
        return "Z"


class Proxy:
    """Stands before a server, counts the messages of both sides, and cuts a connection before one of them."""

    def __init__(self, port, cut_before=None):
        self.target, self.cut_before, self.messages = port, cut_before, 0
        self.lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
                server = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                if self.listener.fileno() < 0:
                    return
                client.close()
                continue
            for one, other, begins in ((client, server, True), (server, client, False)):
                threading.Thread(target=self.pump, args=(one, other, begins), daemon=True).start()

    def pump(self, one, other, begins):
        """Hands on whole messages (protocol version 3: a letter, a length, a content; the first of a client has no letter)."""
        def take(count):
            data = b""
            while len(data) < count:
                piece = one.recv(count - len(data))
                if not piece:
                    raise OSError
                data += piece
            return data

        try:
            while True:
                letter = b"" if begins else take(1)
                length = take(4)
                content = take(struct.unpack("!I", length)[0] - 4)
                # A request for TLS is answered by a letter alone: refused here, as this server does.
                if begins and len(content) == 4 and content in (b"\x04\xd2\x16\x2f", b"\x04\xd2\x16\x30"):
                    one.sendall(b"N")
                    continue
                begins = False
                with self.lock:
                    self.messages += 1
                    if self.messages == self.cut_before:
                        raise OSError
                other.sendall(letter + length + content)
        except OSError:
            pass
        for end in (one, other):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def close(self):
        self.listener.close()


def main():
    server = Server()
    print(server.address(), flush=True)
    for line in sys.stdin:
        {"kill": server.kill, "start": server.start}[line.strip()]()
        print("done", flush=True)


if __name__ == "__main__":
    main()

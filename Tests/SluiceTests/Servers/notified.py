"""Stands where systemd does: runs sluice as a unit of Type=notify and prints what it is told. notified.py SECONDS COMMAND..."""
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time

path = tempfile.mkdtemp() + "/notify"
server = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
server.bind(path)
server.settimeout(0.1)
process = subprocess.Popen(
    sys.argv[2:], env=dict(os.environ, NOTIFY_SOCKET=path, WATCHDOG_USEC="3000000"), stdout=subprocess.DEVNULL)
begun = time.monotonic()
stopped = False
while process.poll() is None:
    if not stopped and time.monotonic() - begun > float(sys.argv[1]):
        process.send_signal(signal.SIGTERM)
        stopped = True
    try:
        print(server.recv(4096).decode(), flush=True)
    except socket.timeout:
        pass
print("exit %d" % process.returncode)

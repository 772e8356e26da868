"""Stands where systemd does: runs sluice as a unit of Type=notify, stops it when it has heard enough, and prints what it was told.
notified.py COMMAND..."""
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
    sys.argv[1:], env=dict(os.environ, NOTIFY_SOCKET=path, WATCHDOG_USEC="3000000"), stdout=subprocess.DEVNULL)
begun = time.monotonic()
beats = 0
stopped = False
while process.poll() is None:
    # Who is never heard of is stopped all the same.
    if not stopped and (beats > 3 or time.monotonic() - begun > 120):
        process.send_signal(signal.SIGTERM)
        stopped = True
    try:
        told = server.recv(4096).decode()
        beats += "WATCHDOG=1" in told
        print(told, flush=True)
    except socket.timeout:
        pass
print("exit %d" % process.returncode)

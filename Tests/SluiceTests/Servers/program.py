"""A program that records go through: program.py BEHAVIOUR. What it does wrong, it does at records whose n ends in 999."""
import json
import os
import signal
import sys
import time

behaviour = sys.argv[1] if len(sys.argv) > 1 else "good"
if behaviour == "broken":
    sys.exit("this program is broken")
if behaviour == "deaf":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


def answer(record):
    n = record["n"] if isinstance(record, dict) else int(record.split()[0])
    if behaviour == "floods" and n % 100 == 0:
        sys.stderr.write(("noise %d " % n * 200 + "\n") * 20)
    if n % 1000 == 999:
        if behaviour == "dies":
            sys.stderr.write("dying at %d\n" % n)
            sys.stderr.flush()
            os._exit(3)
        if behaviour in ("hangs", "deaf", "sleeps"):
            time.sleep(3600)
        if behaviour == "garbage":
            return "\x00 what is this"
        if behaviour == "few":
            return None
        if behaviour == "many":
            return json.dumps({"n": n}) + "\n" + json.dumps({"n": n})
        if behaviour == "eats":
            hoard = []
            while True:
                hoard.append(bytearray(16 << 20))
        if behaviour == "refuses":
            return json.dumps({"@error": "I will not have %d" % n})
        if behaviour == "filters":
            return "null"
        if behaviour == "mistypes":
            return json.dumps({"n": n, "square": "a lot"})
    return json.dumps({"n": n, "square": n * n, "pid": os.getpid()})


for line in sys.stdin:
    record = json.loads(line)
    if isinstance(record, dict) and "@batch" in record:
        print(line, end="", flush=True)
    else:
        text = answer(record)
        if text is not None:
            print(text)

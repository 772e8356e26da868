"""What a command takes."""
import os
import subprocess


def measure(command, home):
    """Wall and CPU seconds and peak memory in bytes, or nothing and why. `time` stands between: the kernel counts as a child's
    memory what its parent held when it forked."""
    os.sync()
    figures = home + "/figures"
    process = subprocess.run(
        ["/usr/bin/time", "-q", "-f", "%e %U %S %M", "-o", figures] + command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    if process.returncode != 0:
        return None, process.stderr[-300:]
    with open(figures) as file:
        wall, user, system, memory = (float(word) for word in file.read().split()[-4:])
    return {"wall": wall, "cpu": user + system, "memory": memory * 1024}, ""

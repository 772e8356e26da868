"""A terminal for a test: terminal.py STEPS PROGRAM ARGUMENT...

Runs the program in a pseudoterminal and prints, as JSON, what stands on its screen after each step. Steps are separated by commas:
30x6 resizes to 30 columns and 6 rows, q presses a key, TERM sends a signal, =2 waits two seconds, and . takes the screen as it is.
A program that writes past an edge scrolls or wraps here as it would on a real one, and that is counted.
"""
import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import time


class Screen:
    def __init__(self):
        self.columns, self.rows, self.alternate, self.hidden, self.overflows = 100, 30, False, False, 0
        self.clear()

    def clear(self):
        self.cells, self.x, self.y = [[" "] * self.columns for _ in range(self.rows)], 0, 0

    def resize(self, columns, rows):
        self.columns, self.rows = columns, rows
        self.clear()

    def feed(self, text):
        for part in re.findall(r"\x1b\[[?0-9;]*[A-Za-z]|[^\x1b]+|\x1b", text):
            if part[0] == "\x1b":
                self.control(part)
            else:
                for c in part:
                    self.put(c)

    def control(self, part):
        if part == "\x1b[H":
            self.x = self.y = 0
        elif part == "\x1b[K":
            self.cells[self.y][self.x:] = [" "] * (self.columns - self.x)
        elif part == "\x1b[J":
            self.cells[self.y][self.x:] = [" "] * (self.columns - self.x)
            for y in range(self.y + 1, self.rows):
                self.cells[y] = [" "] * self.columns
        elif part == "\x1b[2J":
            self.cells = [[" "] * self.columns for _ in range(self.rows)]
        elif part in ("\x1b[?1049h", "\x1b[?1049l"):
            self.alternate = part.endswith("h")
            self.clear()
        elif part in ("\x1b[?25h", "\x1b[?25l"):
            self.hidden = part.endswith("l")

    def put(self, c):
        if c == "\r":
            self.x = 0
        elif c == "\n":
            self.y += 1
            if self.y == self.rows:
                self.overflows += self.alternate
                self.cells = self.cells[1:] + [[" "] * self.columns]
                self.y -= 1
        else:
            if self.x == self.columns:
                self.overflows += self.alternate
                self.put("\r")
                self.put("\n")
            self.cells[self.y][self.x] = c
            self.x += 1

    def lines(self):
        return ["".join(row).rstrip() for row in self.cells]


def main():
    screen, text, frames, ended = Screen(), b"", [], False
    child, terminal = pty.fork()
    if child == 0:
        os.environ["TERM"] = "xterm-256color"
        os.execvp(sys.argv[2], sys.argv[2:])

    def size():
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", screen.rows, screen.columns, 0, 0))

    def drain(seconds):
        # However slow the machine is: it counts from when something comes.
        nonlocal text, ended
        if not ended:
            select.select([terminal], [], [], 60)
        until = time.monotonic() + seconds
        while not ended and (left := until - time.monotonic()) > 0:
            if select.select([terminal], [], [], left)[0]:
                try:
                    read = os.read(terminal, 65536)
                except OSError:
                    read = b""
                ended = not read
                text += read
                # Only whole characters and sequences are shown.
                whole = text
                cut = whole.rfind(b"\x1b")
                if cut >= 0 and not re.match(rb"\x1b\[[?0-9;]*[A-Za-z]", whole[cut:]):
                    whole = whole[:cut]
                try:
                    shown = whole.decode()
                except UnicodeDecodeError as error:
                    shown = whole[: error.start].decode()
                    whole = whole[: error.start]
                screen.feed(shown)
                text = text[len(whole):]

    size()
    for step in sys.argv[1].split(","):
        if step == ".":
            attributes = termios.tcgetattr(terminal)
            frames.append({
                "lines": screen.lines(), "alternate": screen.alternate, "cursor": not screen.hidden, "overflows": screen.overflows,
                "canonical": bool(attributes[3] & termios.ICANON),
            })
        elif step[0] == "=":
            drain(float(step[1:]))
        elif "x" in step:
            screen.resize(*map(int, step.split("x")))
            size()
        elif len(step) > 1:
            os.kill(child, getattr(signal, "SIG" + step))
        else:
            os.write(terminal, step.encode())
    drain(10)
    _, status = os.waitpid(child, 0)
    print(json.dumps({"frames": frames, "status": os.waitstatus_to_exitcode(status)}))


main()

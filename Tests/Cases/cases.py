"""Inputs that once went wrong, each made here, and what is right for it: cases.py BINARY [BINARY] [--only WORD]

Prints a table with a row for each case: `right`, or what was wrong, for each binary. A case works in a folder of its own. Those that touch
devices do so in a /dev of their own and are left out where that is not possible. Exits 1 where the last binary is wrong somewhere.
"""
import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import traceback

import attack
import files
import reports
from box import Box, Skipped, Wrong


def attempt(case, binary):
    folder = tempfile.mkdtemp(prefix="sluice-case-")
    box = Box(folder, binary)
    try:
        case.run(box)
        return "right"
    except Wrong as wrong:
        return "wrong: " + str(wrong)
    except Skipped as skipped:
        return "left out: " + str(skipped)
    except subprocess.TimeoutExpired:
        return "wrong: it hangs"
    except Exception as error:
        # Output that is not what the case expects, such as a file that is not there.
        return "wrong: %s (%s)" % (error, traceback.extract_tb(error.__traceback__)[-1].name)
    finally:
        box.close()
        shutil.rmtree(folder, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary", nargs="+")
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    binaries = [os.path.abspath(binary) for binary in options.binary]
    cases = [case for module in (files, reports, attack) for case in module.CASES if options.only in case.name]
    names = ["before", "after"] if len(binaries) == 2 else [os.path.basename(os.path.dirname(b)) or "result" for b in binaries]
    print("| case | what is right | %s |" % " | ".join(names))
    print("|---|---|%s" % ("---|" * len(binaries)))
    counts = [0] * len(binaries)
    tried = [0] * len(binaries)
    for case in cases:
        results = [attempt(case, binary) for binary in binaries]
        for i, result in enumerate(results):
            counts[i] += result == "right"
            tried[i] += not result.startswith("left out")
        shown = [" ".join(result.split())[:160].replace("|", "\\|") for result in results]
        print("| %s | %s | %s |" % (case.name, case.right, " | ".join(shown)), flush=True)
    print("| **%d cases** | | %s |" % (len(cases), " | ".join("**%d of %d right**" % pair for pair in zip(counts, tried))))
    sys.exit(counts[-1] != tried[-1])


main()

#!/usr/bin/env python3
"""Plants every fault into a list of calls, and expects tools/check_preload_calls.py to name it.

    preload_calls_test.py CHECKER LIBRARY

LIBRARY is of planted/preload_names.c: it exports read, close and a name of our own.
"""
import pathlib
import subprocess
import sys
import tempfile

# (the list, the only words to be expected; none for a list that is right)
PLANTS = [
    ("# a head\nclose watched ends waits\nfutex complete caught\nread parked until there are bytes\n", ""),
    ("close watched ends waits\n", "exported, but not listed: read"),
    ("close watched ends waits\nread parked bytes\nwrite parked room\n", "listed as parked, but not exported: write"),
    ("close watched ends waits\nread complete bytes\n", "listed as complete, but exported: read"),
    ("close not-covered ends waits\nread parked bytes\n", "listed as not-covered, but exported: close"),
    ("close watched ends waits\nread parked bytes\nread parked bytes\n", "calls.txt:3: read is listed twice"),
    ("read parked bytes\nclose watched ends waits\n", "calls.txt:2: close is not in its place, before read"),
    ("close watched ends waits\nread parked bytes\nwait waiting long\n", "calls.txt:3: wait: no such treatment: waiting"),
    ("close watched ends waits\nread parked bytes\nwait complete\n", "calls.txt:3: not 'name treatment remark': 'wait complete'"),
    ("close watched ends waits\nread parked bis Daten da sind, höchstens\n", "calls.txt:2: read: a remark is plain English"),
    ("# only a head\n", "nothing was compared: 2 exported names, 0 listed"),
]


def main():
    checker, library = sys.argv[1:]
    wrong = 0
    with tempfile.TemporaryDirectory() as scratch:
        calls = pathlib.Path(scratch) / "calls.txt"
        for text, expected in PLANTS:
            calls.write_text(text, encoding="utf-8")
            done = subprocess.run([sys.executable, checker, library, calls], capture_output=True, text=True, check=False)
            found = done.stdout.strip() + done.stderr
            if found != expected or done.returncode != (1 if expected else 0):
                wrong += 1
                print(f"expected {expected!r}, got {found!r} and exit status {done.returncode}")
    print(f"{len(PLANTS) - wrong} of {len(PLANTS)} lists judged right")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

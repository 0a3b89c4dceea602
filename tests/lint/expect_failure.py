#!/usr/bin/env python3
"""Passes when a command fails, and says why in the expected words.

    expect_failure.py REGEX -- COMMAND...

A planted fault is caught only if the command exits non-zero *and* its output
matches REGEX. The second half matters: a gate that fails for another reason,
such as a missing file, proves nothing.
"""
import re
import subprocess
import sys

TIME_LIMIT_S = 300


def main() -> int:
    if len(sys.argv) < 4 or sys.argv[2] != "--":
        print(__doc__, file=sys.stderr)
        return 2
    pattern, command = sys.argv[1], sys.argv[3:]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          errors="replace", timeout=TIME_LIMIT_S, check=False)
    print(done.stdout, end="")
    if done.returncode == 0:
        print("the planted fault was not caught: the command succeeded")
        return 1
    if not re.search(pattern, done.stdout):
        print(f"the command failed (exit {done.returncode}), but not in the expected words: {pattern}")
        return 1
    print(f"caught, as expected (exit {done.returncode})")
    return 0


if __name__ == "__main__":
    sys.exit(main())

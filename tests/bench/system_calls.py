#!/usr/bin/env python3
"""Counts the system calls that our echo server makes for each message, besides waiting: two are what it takes.

It runs under strace, with a number of messages and with twice as many; the difference is free of what starting and
ending costs. The clients are not traced.
"""

import argparse
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

UNABLE = 77
WAITING = re.compile(r"epoll_p?wait2?")


def calls(program, connections, total):
    """How many system calls one run makes, but those that wait for news."""
    with tempfile.NamedTemporaryFile(mode="r", encoding="utf-8") as summary:
        subprocess.run(["strace", "-c", "-o", summary.name, str(program), "--of", "ours", "--connections",
                        str(connections), "--total", str(total)], check=True, stdout=subprocess.DEVNULL)
        # % time, seconds, usecs/call, calls, errors if there are any, name
        lines = [line.split() for line in summary.read().splitlines()]
    counted = {words[-1]: int(words[3]) for words in lines if len(words) >= 5 and words[3].isdigit()}
    return sum(count for name, count in counted.items() if name != "total" and not WAITING.fullmatch(name))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("programs", type=pathlib.Path, help="the folder with the built benchmark programs")
    parser.add_argument("--connections", type=int, default=50)
    parser.add_argument("--total", type=int, default=20_000)
    options = parser.parse_args()
    if not shutil.which("strace"):
        print("strace is not installed", file=sys.stderr)
        return UNABLE
    program = options.programs.resolve() / "echo_bench"
    once, twice = (calls(program, options.connections, total) for total in (options.total, 2 * options.total))
    print(f"ours {(twice - once) / options.total:.3f} calls/message")
    return 0


if __name__ == "__main__":
    sys.exit(main())

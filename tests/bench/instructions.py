#!/usr/bin/env python3
"""Counts instructions per yield and per spawn + join under Valgrind's callgrind, and those of a raw switch.

Instruction counts repeat where times do not: two commits can be compared on a busy machine. Each program runs twice,
with a fixed number of operations and with twice as many; the difference is free of what starting and ending costs.
"""

import argparse
import pathlib
import re
import shutil
import subprocess
import sys

SKIPPED = 77  # what Meson calls a skipped test
OPERATIONS = 20_000

# Title, program, arguments, operations counted for each step of --count.
COUNTED = (
    ("raw switch", "yield_bench", ("--of", "floor"), 1),
    ("yield, 2 tasks", "yield_bench", ("--tasks", "2"), 2),
    ("yield, 1,000 tasks", "yield_bench", ("--tasks", "1000"), 1000),
    ("spawn + join, from a task", "spawn_join_bench", ("--from", "task"), 1),
    ("spawn + join, from the root", "spawn_join_bench", ("--from", "root"), 1),
)


def instructions(command):
    done = subprocess.run(["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", *command],
                          capture_output=True, text=True, timeout=300, check=False)
    found = re.search(r"Collected\s*:\s*(\d+)", done.stderr)
    if done.returncode != 0 or found is None:
        sys.exit(f"{' '.join(command)}\nended with {done.returncode} under Valgrind\n{done.stderr}")
    return int(found.group(1))


def per_operation(directory, program, arguments, operations_each):
    count = max(1, OPERATIONS // operations_each)
    command = [str(directory / program), *arguments, "--count"]
    once, twice = instructions([*command, str(count)]), instructions([*command, str(2 * count)])
    return (twice - once) / (count * operations_each)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("programs", type=pathlib.Path, help="the folder with the built benchmark programs")
    parser.add_argument("--unfit", default="", help="why this build says nothing about speed; skips the run")
    options = parser.parse_args()
    unfit = options.unfit or ("" if shutil.which("valgrind") else "Valgrind is not installed")
    if unfit:
        print(f"not counted: {unfit}")
        return SKIPPED

    floor = None
    for title, program, arguments, operations_each in COUNTED:
        value = per_operation(options.programs.resolve(), program, arguments, operations_each)
        floor = floor or value
        print(f"{title:28} {value:8.1f} instructions = {value / floor:5.2f} x raw switch")
    return 0


if __name__ == "__main__":
    sys.exit(main())

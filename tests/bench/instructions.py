#!/usr/bin/env python3
"""Counts instructions per operation under Valgrind's callgrind, and compares them with the committed figures.

    instructions.py PROGRAMS                     count and print
    instructions.py PROGRAMS --against FILE      the same, and fail where a figure has grown by more than 3 %
    instructions.py PROGRAMS --update FILE       the same, and write the figures into the file

Instruction counts repeat where times do not: two commits can be compared on a busy machine. Each program runs twice,
with a fixed number of operations and with twice as many; the difference is free of what starting and ending costs.

Another compiler, optimisation, C library or processor family gives other counts, so the file names its own, and a
build made with others is skipped, not judged.
"""

import argparse
import os
import pathlib
import platform
import re
import shutil
import subprocess
import sys

SKIPPED = 77  # what Meson calls a skipped test
TOLERANCE = 0.03
OPERATIONS = 4_000
MADE_WITH = "made with: "
HEAD = ("# Instructions per operation; compared by the test 'instructions'. After a change that is meant:\n"
        "#     tests/bench/instructions.py build/gcc/tests/bench --optimization 2 --update tests/bench/instructions.txt\n")

# Title, program, arguments, operations counted for each step of --count.
COUNTED = (
    ("raw switch", "yield_bench", ("--of", "floor"), 1),
    ("yield, 2 tasks", "yield_bench", ("--tasks", "2"), 2),
    ("yield, 1,000 tasks", "yield_bench", ("--tasks", "1000"), 1000),
    ("spawn + join, from a task", "spawn_join_bench", ("--from", "task"), 1),
    ("spawn + join, from the root", "spawn_join_bench", ("--from", "root"), 1),
    ("lock + unlock", "sync_bench", ("--work", "lock"), 1),
    ("hop by notify", "sync_bench", ("--work", "notify"), 1),
    ("hop by channel of 1", "sync_bench", ("--work", "channel"), 1),
    ("hop by mutex", "sync_bench", ("--work", "mutex"), 1),
    ("hop by condition variable", "sync_bench", ("--work", "condition"), 1),
    ("wake from another thread", "waits_count", ("--work", "wake"), 1),
    ("spawn + sleep + join", "waits_count", ("--work", "sleep"), 1),
)


def instructions(command):
    # Nothing from outside: the length of the environment moves the stack, and the loader reads variables.
    done = subprocess.run([shutil.which("valgrind"), "--tool=callgrind", "--callgrind-out-file=/dev/null", *command],
                          capture_output=True, text=True, timeout=300, check=False, env={})
    found = re.search(r"Collected\s*:\s*(\d+)", done.stderr)
    if done.returncode != 0 or found is None:
        sys.exit(f"{' '.join(command)}\nended with {done.returncode} under Valgrind\n{done.stderr}")
    return int(found.group(1))


def per_operation(directory, program, arguments, operations_each):
    count = max(1, OPERATIONS // operations_each)
    command = [str(directory / program), *arguments, "--count"]
    once, twice = instructions([*command, str(count)]), instructions([*command, str(2 * count)])
    return (twice - once) / (count * operations_each)


def count_all(directory):
    figures = {}
    for title, program, arguments, operations_each in COUNTED:
        figures[title] = value = per_operation(directory, program, arguments, operations_each)
        floor = figures["raw switch"]
        print(f"{title:28} {value:8.1f} instructions = {value / floor:5.2f} x raw switch", flush=True)
    return figures


def origin(directory, optimization):
    """What has a say in the counts: the compiler that made the programs, its optimisation, the C library, the processor."""
    comment = subprocess.run(["readelf", "-p", ".comment", directory / "yield_bench"], capture_output=True, text=True,
                             check=True).stdout
    compiler = " and ".join(sorted(set(re.findall(r"^\s*\[[^]]*\]\s*(.+)$", comment, re.MULTILINE))))
    return f"{compiler}, -O{optimization}, {os.confstr('CS_GNU_LIBC_VERSION')}, {platform.machine()}"


def written(figures, made_with):
    return HEAD + f"{MADE_WITH}{made_with}\n" + "".join(f"{value:8.1f}  {name}\n" for name, value in figures.items())


def read(text):
    """What the file was made with, and its figures by name."""
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    figures = {name: float(value) for value, name in (line.split(None, 1) for line in lines[1:])}
    return lines[0].removeprefix(MADE_WITH), figures


def compare(committed, counted):
    """The faults, which fail, and the remarks, which do not."""
    faults = [f"{name}: in the file and not counted" for name in committed if name not in counted]
    remarks = []
    for name, value in counted.items():
        if name not in committed:
            faults.append(f"{name}: not in the file")
            continue
        change = value / committed[name] - 1
        said = f"{name}: {committed[name]:.1f} -> {value:.1f} instructions, {change:+.1%}"
        if change > TOLERANCE:
            faults.append(said)
        elif change < -TOLERANCE:
            remarks.append(f"{said}: fewer; commit the new figure (--update)")
    return faults, remarks


def judge(text, figures):
    faults, remarks = compare(read(text)[1], figures)
    for line in [*remarks, *(f"GROWN or unknown: {fault}" for fault in faults)]:
        print(line)
    print(f"{len(figures)} figures, {len(faults)} faults (more than {TOLERANCE:.0%} above the committed figure)")
    return 1 if faults else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("programs", type=pathlib.Path, help="the folder with the built benchmark programs")
    parser.add_argument("--unfit", default="", help="why this build says nothing about speed; skips the run")
    parser.add_argument("--optimization", default="?", help="what the programs were built with, as in -O2")
    parser.add_argument("--against", type=pathlib.Path, help="the committed figures")
    parser.add_argument("--update", type=pathlib.Path, help="where to write the figures")
    options = parser.parse_args()
    unfit = options.unfit or ("" if shutil.which("valgrind") else "Valgrind is not installed")
    if unfit:
        print(f"not counted: {unfit}")
        return SKIPPED

    directory = options.programs.resolve()
    made_with = origin(directory, options.optimization)
    if options.against:
        text = options.against.read_text(encoding="utf-8")
        if read(text)[0] != made_with:
            print(f"not compared: the figures were {MADE_WITH}{read(text)[0]}; this is {made_with}")
            return SKIPPED
    figures = count_all(directory)
    if options.update:
        options.update.write_text(written(figures, made_with), encoding="utf-8")
    return judge(text, figures) if options.against else 0


if __name__ == "__main__":
    sys.exit(main())

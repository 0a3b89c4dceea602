#!/usr/bin/env python3
"""Plants changes of speed and expects tests/bench/instructions.py to judge each of them rightly.

    instructions_test.py BENCH_FOLDER
"""
import contextlib
import io
import pathlib
import sys
import tempfile
from unittest import mock

sys.path.insert(0, sys.argv[1])
sys.dont_write_bytecode = True
import instructions  # noqa: E402  (its folder is only known now)

COMMITTED = {"raw switch": 20.0, "yield, 2 tasks": 100.0}
# (what, the figures counted now, the compiler of now, exit code, a word of what is said)
PLANTS = [
    ("as committed", COMMITTED, "GCC", 0, "0 faults"),
    ("5 % more", {**COMMITTED, "yield, 2 tasks": 105.0}, "GCC", 1, "yield, 2 tasks: 100.0 -> 105.0"),
    ("2 % more", {**COMMITTED, "yield, 2 tasks": 102.0}, "GCC", 0, "0 faults"),
    ("5 % fewer", {**COMMITTED, "yield, 2 tasks": 95.0}, "GCC", 0, "commit the new figure"),
    ("one not in the file", {**COMMITTED, "new": 1.0}, "GCC", 1, "new: not in the file"),
    ("one no longer counted", {"raw switch": 20.0}, "GCC", 1, "yield, 2 tasks: in the file"),
    ("another compiler", {**COMMITTED, "yield, 2 tasks": 200.0}, "Clang", instructions.SKIPPED,
     "not compared: the figures were made with: GCC; this is Clang"),
]


def verdict(figures, compiler):
    said = io.StringIO()
    with tempfile.TemporaryDirectory() as scratch:
        file = pathlib.Path(scratch) / "figures.txt"
        file.write_text(instructions.written(COMMITTED, "GCC"), encoding="utf-8")
        with mock.patch.object(instructions, "origin", lambda *_: compiler), \
             mock.patch.object(instructions, "count_all", lambda _: figures), \
             mock.patch.object(instructions.shutil, "which", lambda _: "valgrind"), \
             mock.patch.object(sys, "argv", ["instructions.py", scratch, "--against", str(file)]), \
             contextlib.redirect_stdout(said):
            return instructions.main(), said.getvalue()


def main():
    wrong = 0
    for what, figures, compiler, expected, word in PLANTS:
        code, said = verdict(figures, compiler)
        good = code == expected and word in said
        print(f"{what}: {code}{'' if good else f' -- WRONG, expected {expected} and {word!r}: {said}'}")
        wrong += not good
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

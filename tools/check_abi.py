#!/usr/bin/env python3
"""Fails when the layout or the signatures behind the exported names changed since the baseline.

    check_abi.py LIBRARY HEADERS BASELINE           compare
    check_abi.py --update LIBRARY HEADERS BASELINE  write the baseline anew

Sees what a list of names cannot: sizes, offsets, virtual slots, enumerators.
HEADERS is the folder of the public headers: what is declared elsewhere is
private and may change, and so is what tests/abi/private.suppr names. Names
that were added are left to check_symbols.py.
The library must have debug information, and come from the compiler that the
baseline came from (GCC), for two compilers describe one type differently.
"""
import pathlib
import subprocess
import sys

PRIVATE = str(pathlib.Path(__file__).resolve().parent.parent / "tests/abi/private.suppr")


def run(command):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)


def has_debug_information(library):
    return ".debug_info" in run(["readelf", "-SW", library]).stdout


def update(library, headers, baseline):
    # File names without their folders (--short-locs), so that the baseline does
    # not tell where it was made. Not --no-show-locs: with it abidiff takes every
    # type for private and passes everything.
    done = run(["abidw", "--suppressions", PRIVATE, "--exported-interfaces-only", "--drop-undefined-syms",
                "--headers-dir", headers, "--drop-private-types", "--no-corpus-path", "--no-comp-dir-path",
                "--short-locs", "--out-file", baseline, library])
    print(done.stdout, end="")
    return done.returncode


def compare(library, headers, baseline):
    done = run(["abidiff", "--suppressions", PRIVATE, "--headers-dir2", headers, "--drop-private-types",
                "--no-added-syms", baseline, library])
    print(done.stdout, end="")
    if done.returncode & 3:
        print(f"abidiff could not compare (exit {done.returncode})")
    elif done.returncode:
        print("the binary interface changed: see the report above; "
              "if that is meant, tools/check_abi.py --update writes the baseline anew")
    return done.returncode


def main():
    updating = sys.argv[1:2] == ["--update"]
    arguments = sys.argv[2:] if updating else sys.argv[1:]
    if len(arguments) != 3:
        print(__doc__, file=sys.stderr)
        return 2
    if not has_debug_information(arguments[0]):
        print(f"{arguments[0]} has no debug information: no layout could be compared")
        return 2
    return (update if updating else compare)(*arguments)


if __name__ == "__main__":
    sys.exit(main())

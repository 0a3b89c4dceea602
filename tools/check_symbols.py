#!/usr/bin/env python3
"""Fails when the shared library exports other names than the list in the repository says.

    check_symbols.py LIBRARY LIST           compare
    check_symbols.py --update LIBRARY LIST  write the list anew, to be reviewed like code

One demangled name a line. A name that is gone breaks programs that exist; a
new one is a promise for the life of the soname.
"""
import pathlib
import subprocess
import sys

HEAD = """\
# Every name that libruntime.so exports, demangled; held by `meson test --suite abi`.
# Written by tools/check_symbols.py --update, and reviewed like code.
"""


def exported(library):
    out = subprocess.run(["nm", "-DC", "--defined-only", library], check=True, capture_output=True, text=True).stdout
    names = set()
    for line in out.splitlines():
        _, kind, name = line.split(maxsplit=2)
        if kind != "A":  # A: the version node itself
            names.add(name.split("@@")[0])
    return names


def listed(listing):
    lines = listing.read_text(encoding="utf-8").splitlines()
    return {line for line in lines if line and not line.startswith("#")}


def main():
    updating = sys.argv[1:2] == ["--update"]
    arguments = sys.argv[2:] if updating else sys.argv[1:]
    if len(arguments) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    found, listing = exported(arguments[0]), pathlib.Path(arguments[1])
    if not found:
        print(f"{arguments[0]} exports nothing at all")
        return 1
    if updating:
        listing.write_text(HEAD + "".join(f"{name}\n" for name in sorted(found)), encoding="utf-8")
        print(f"{listing}: {len(found)} names")
        return 0
    promised = listed(listing)
    for name in sorted(found - promised):
        print(f"new, not in {listing.name}: {name}")
    for name in sorted(promised - found):
        print(f"gone, a break of the binary interface: {name}")
    return 1 if found != promised else 0


if __name__ == "__main__":
    sys.exit(main())

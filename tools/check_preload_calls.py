#!/usr/bin/env python3
"""Fails when libruntime_preload.so exports other names than src/preload/calls.txt says, or that list is not in order.

    check_preload_calls.py LIBRARY CALLS

Users read the list, and runtime-run --check answers from it: a call that it
calls parked and that the library does not wrap would hold up a thread in silence.
Names of our own (runtime_*) are not its matter.
"""
import pathlib
import re
import subprocess
import sys

EXPORTED = {"parked", "offloaded", "kept", "watched"}
TREATMENTS = EXPORTED | {"complete", "not-covered"}
LINE = re.compile(r"([A-Za-z_][A-Za-z0-9_]*) ([a-z-]+) (\S.*\S)$")


def exported(library):
    out = subprocess.run(["nm", "-D", "--defined-only", library], check=True, capture_output=True, text=True).stdout
    fields = [line.split(maxsplit=2) for line in out.splitlines()]
    names = {name for _, kind, name in fields if kind != "A"}  # A: a version node
    return {name for name in names if not name.startswith("runtime_")}


def listed(listing):
    """Reads the list: ({name: treatment}, faults of its form)."""
    calls, faults, before = {}, [], ""
    for number, line in enumerate(listing.read_text(encoding="utf-8").splitlines(), 1):
        if not line or line.startswith("#"):
            continue
        match = LINE.match(line)
        if not match:
            faults.append(f"{number}: not 'name treatment remark': {line!r}")
            continue
        name, treatment, remark = match.groups()
        if treatment not in TREATMENTS:
            faults.append(f"{number}: {name}: no such treatment: {treatment}")
        if name in calls:
            faults.append(f"{number}: {name} is listed twice")
        elif name < before:
            faults.append(f"{number}: {name} is not in its place, before {before}")
        if not remark.isascii() or not remark.isprintable():
            faults.append(f"{number}: {name}: a remark is plain English")
        calls[name] = treatment
        before = max(before, name)
    return calls, faults


def differences(found, calls):
    for name in sorted(found | calls.keys()):
        treatment = calls.get(name)
        if treatment is None:
            yield f"exported, but not listed: {name}"
        elif name in found and treatment not in EXPORTED:
            yield f"listed as {treatment}, but exported: {name}"
        elif name not in found and treatment in EXPORTED:
            yield f"listed as {treatment}, but not exported: {name}"


def main():
    if len(sys.argv) != 3:
        print(__doc__, file=sys.stderr)
        return 2
    library, listing = sys.argv[1], pathlib.Path(sys.argv[2])
    found = exported(library)
    calls, faults = listed(listing)
    if not found or not calls:
        print(f"nothing was compared: {len(found)} exported names, {len(calls)} listed")
        return 1
    faults = [f"{listing.name}:{fault}" for fault in faults] + list(differences(found, calls))
    for fault in faults:
        print(fault)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())

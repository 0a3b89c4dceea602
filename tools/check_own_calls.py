#!/usr/bin/env python3
"""Fails where libruntime.so calls what libruntime_preload.so intercepts by an instruction that does not say so.

    check_own_calls.py LIBRARY CALLS

The preload library leaves calls of libruntime itself alone, and knows them by the calling instruction
(src/preload/start.cpp). A compiler that fetches the function's address first, and calls it from a register, would have
libruntime's own waits parked: in the middle of what must not be interrupted.

Jumps are passed over: they are entries of the linkage table, and tail calls, which are the caller's where it is a program
that calls runtime_*.
"""
import pathlib
import re
import subprocess
import sys

WAITING = {"parked", "offloaded"}
SLOT = re.compile(r"([0-9a-f]+) +[0-9a-f]+ +R_X86_64_(?:GLOB_DAT|JUMP_SLO\w*) +[0-9a-f]+ +([A-Za-z_][A-Za-z0-9_]*)")
FUNCTION = re.compile(r"[0-9a-f]+ <(.+)>:$")
USE = re.compile(r" +[0-9a-f]+:\t(?:bnd )?(\S+) +(\S+) +# ([0-9a-f]+)\b")


def output_of(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()


def waiting_calls(listing):
    lines = (line.split() for line in listing.read_text(encoding="utf-8").splitlines() if not line.startswith("#"))
    return {fields[0] for fields in lines if len(fields) > 1 and fields[1] in WAITING}


def slots(library, names):
    """{address: name} of the words through which the library reaches these functions."""
    found = (SLOT.match(line) for line in output_of("readelf", "-rW", library))
    return {int(match[1], 16): match[2] for match in found if match and match[2] in names}


def uses(library, slots_of):
    """(function, name, whether it is a call that says what it calls) for each instruction that names a slot."""
    function, lines = "", output_of("objdump", "-dC", "--no-show-raw-insn", library)
    for line, following in zip(lines, [*lines[1:], ""]):
        head = FUNCTION.match(line)
        if head:
            function = head[1]
        use = USE.match(line)
        name = use and slots_of.get(int(use[3], 16))
        if not name:
            continue
        instruction, operand = use[1], use[2]
        by_accumulator = operand.endswith(",%rax") and re.search(r"\tcall +\*%rax", following)
        yield function, name, instruction in ("call", "jmp") or (instruction == "mov" and by_accumulator)


def main():
    library, listing = sys.argv[1:]
    seen, faults = 0, 0
    for function, name, says_so in uses(library, slots(library, waiting_calls(pathlib.Path(listing)))):
        seen += 1
        if not says_so:
            faults += 1
            print(f"{name}() is not called by name in {function}: the preload library takes the call for the program's")
    if seen == 0:
        print("nothing was looked at: no use of a function that waits", file=sys.stderr)
    return 1 if faults or seen == 0 else 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""Lists the blocking calls of a program, and of each library it loads, with what libruntime_preload.so does with them.

    list_preload_calls.py [--complete] CALLS PROGRAM

CALLS is src/preload/calls.txt. runtime-run --check calls this with an ELF file
that it has looked at. Exit status: 0: all calls are covered in this mode;
1: some in complete mode only; 2: some in no mode; 3: the question could not be answered.

The libraries are those that the dynamic loader names with --list. That is the
loader itself, with its caches, paths and preloads, and it runs none of their code.
ELF files are read by readelf.
"""
import collections
import os
import pathlib
import re
import subprocess
import sys

COVERED = {"parked", "offloaded", "kept", "watched"}
# What is said of a treatment, worst first.
WORDS = {"not-covered": "not covered", "complete": "complete mode only", "parked": "parked", "offloaded": "offloaded",
         "kept": "kept", "watched": "watched"}

# Not asked: glibc, whose own calls never go through names, and ourselves with what only we need.
GLIBC = re.compile(r"(ld-linux.*|ld64|ld|lib(c|m|mvec|dl|pthread|rt|resolv|util|anl|nss_dns|nss_files))\.so")
OURS = re.compile(r"libruntime(_preload)?\.so")
LOADED = re.compile(r"(?m)^\t(?:\S+ => )?(/.*) \(0x[0-9a-f]+\)$")
NEEDED = re.compile(r"\(NEEDED\) .*\[(?:.*/)?(.*)\]")
IO_URING = re.compile(r"io_uring_")


class Trouble(Exception):
    """Says, in a sentence, why there is no answer."""


Library = collections.namedtuple("Library", "path needs calls io_uring go plugins")


def output(command):
    """What a tool prints, in plain English; if it fails, its own words are the trouble."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="surrogateescape", check=False,
                              env=dict(os.environ, LC_ALL="C"))
    except FileNotFoundError as error:
        raise Trouble(f"{command[0]} is missing: {error.strerror} (readelf: Debian package binutils)") from error
    if done.returncode != 0:
        raise Trouble(f"{command[0]} failed: {done.stderr.strip() or f'exit status {done.returncode}'}")
    return done.stdout


def treatments(listing):
    """{name: (treatment, remark)} of the list of calls."""
    lines = pathlib.Path(listing).read_text(encoding="utf-8").splitlines()
    fields = [line.split(" ", 2) for line in lines if line and not line.startswith("#")]
    return {name: (treatment, remark) for name, treatment, remark in fields}


def interpreter(path):
    found = re.search(r"\[Requesting program interpreter: (.*)\]", output(["readelf", "-lW", path]))
    return found[1] if found else None


def loaded(program):
    """The files that the loader would map, in its order of looking names up."""
    loader = interpreter(program) or interpreter("/proc/self/exe")  # a library is asked for with our own loader
    return LOADED.findall(output([loader, "--list", program]))


def inspect(path, known):
    """What of interest one file imports."""
    tables = output(["readelf", "-dSW", "--dyn-syms", path])
    imports = {line.split()[7].split("@")[0] for line in tables.splitlines() if re.search(r" UND \S", line)}
    return Library(path, needs=set(NEEDED.findall(tables)), calls=sorted(imports & known.keys()),
                   io_uring=any(map(IO_URING.match, imports)), go=".note.go.buildid" in tables,
                   plugins=bool(imports & {"dlopen", "dlmopen"}))


def reachable(files, start):
    """Names of the libraries that these files need, and those in turn, without a way that leads through ours."""
    found, todo = set(), list(start)
    while todo:
        new = {name for name in files[todo.pop()].needs & files.keys() - found if not OURS.match(name)}
        found |= new
        todo += new
    return found


def asked(program, order, known):
    """The program and those of its libraries that are of interest, inspected."""
    named = {"": program, **{os.path.basename(path): path for path in order}}
    files = {name: inspect(path, known) for name, path in named.items() if not GLIBC.match(name)}
    ours = set(filter(OURS.match, files))
    skipped = ours | (reachable(files, ours) - reachable(files, [""]))
    return [file for name, file in files.items() if name not in skipped]


def name_of(library):
    return os.path.basename(library.path)


def print_calls(library, known, complete):
    print(library.path)
    words = dict(WORDS, complete="caught") if complete else WORDS
    order = list(WORDS)
    for call in sorted(library.calls, key=lambda call: (order.index(known[call][0]), call)):
        treatment, remark = known[call]
        print(f"  {call:<28} {words[treatment]:<18} {remark}")
    print()


def warnings(libraries, order):
    """Sentences about what a list of names cannot show."""
    def those(chosen):
        return ", ".join(name_of(library) for library in libraries if chosen(library))

    contenders = [name for name in map(os.path.basename, order) if re.match(r"(libc|libruntime_preload)\.so", name)]
    if len(contenders) > 1 and contenders[0].startswith("libc."):
        yield (f"WARNING: {contenders[1]} comes after libc in lookup order, so without runtime-run it wraps nothing."
               " Link the program itself with $(pkg-config --libs runtime-preload)")
    if found := those(lambda library: library.io_uring):
        yield f"use io_uring, which no mode covers: {found}"
    if found := those(lambda library: library.go):
        yield f"written in Go, which makes system calls of its own: {found}"
    if found := those(lambda library: "syscall" in library.calls):
        yield f"make system calls by number (syscall), covered like the calls of that name: {found}"
    if found := those(lambda library: library.plugins):
        yield f"load plugins while they run (dlopen), to be checked by themselves: {found}"
    if found := those(lambda library: not library.calls):
        yield f"import none of these calls: {found}"


def summary(libraries, known, complete):
    """Prints how many calls are treated how; returns the exit status."""
    calls = {call for library in libraries for call in library.calls}
    count = collections.Counter(known[call][0] for call in calls)
    words = ", ".join(f"{count[treatment]} {words}" for treatment, words in WORDS.items() if count[treatment])
    print(f"{len(calls)} calls of {len(libraries)} files: {words or 'nothing to cover'}")
    if count["not-covered"] or any(library.io_uring or library.go for library in libraries):
        print("Some calls hold up the thread in both modes.")
        return 2
    if count["complete"] and not complete:
        print("Some calls are covered in complete mode only (runtime-run --complete).")
        return 1
    print(f"All are covered in {'complete' if complete else 'symbols'} mode.")
    return 0


def main():
    arguments = sys.argv[1:]
    complete = arguments[:1] == ["--complete"]
    if len(arguments) != 2 + complete:
        print(__doc__, file=sys.stderr)
        return 3
    listing, program = arguments[complete:]
    try:
        known = treatments(listing)
        order = loaded(program)
        libraries = asked(program, order, known)
    except (Trouble, OSError, ValueError) as error:
        print(f"runtime-run: {error}", file=sys.stderr)
        return 3
    for library in libraries:
        if library.calls:
            print_calls(library, known, complete)
    for sentence in warnings(libraries, order):
        print(sentence)
    return summary(libraries, known, complete)


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""Fails when a file includes what its floor may not know.

    check_layers.py ROOT              check the tree at ROOT, or at the parent of
                                      ROOT when that is called src
    check_layers.py --self-test ROOT  plant one fault of each kind in a copy of
                                      the tree and expect it to be reported

The table is ARCHITECTURE.md's: a new edge is a change here, seen in review.
A public header below include/runtime/X/ belongs to the folder X; those at the
top and in detail/ only declare, and any folder may use them.
"""
import pathlib
import re
import shutil
import sys
import tempfile

ROOMS = "net fs process signal"  # kernel objects with a blocking-style face
BELOW_POSIX = f"base metrics fiber task driver blocking context time sync io {ROOMS}"
MAY_INCLUDE = {
    "base": "",
    "metrics": "base",
    "fiber": "base metrics",
    "task": "base metrics fiber",
    "driver": "base metrics task",
    "blocking": "base metrics task",
    "context": "base task driver blocking",
    "scheduler": "base metrics fiber task driver context",
    "time": "base task driver context",
    "sync": "base task time",
    "io": "base task driver blocking context time",
    "net": "base task io time context blocking driver",
    "fs": "base task io time context blocking driver",
    "process": "base task io time context blocking driver",
    "signal": "base task io time context blocking driver",
    "posix": BELOW_POSIX,
    "runtime": f"{BELOW_POSIX} scheduler posix",
    "preload": "",  # a client of the public headers
}

# Foreign headers that have one home in the house.
HOME = {
    r"ev(\+\+)?\.h$|libev/": ("driver", "libev"),
    r"boost/context/": ("fiber", "Boost.Context"),
}

# What an installed header may include beside <runtime/...>: C++ headers have
# neither a dot nor a slash, the rest is C and POSIX.
SYSTEM_HEADERS = re.compile(
    r"[a-z_]+$"
    r"|(assert|ctype|errno|fcntl|float|inttypes|limits|locale|math|netdb|poll|pthread|sched|semaphore"
    r"|setjmp|signal|spawn|stdarg|stdbool|stddef|stdint|stdio|stdlib|string|strings|time|unistd|wchar)\.h$"
    r"|sys/(epoll|file|ioctl|mman|resource|select|sendfile|socket|stat|time|timerfd|types|uio|un|wait)\.h$"
    r"|(netinet/(in|tcp)|arpa/inet|net/if)\.h$")

# Programs outside the house: they see the public headers only.
OUTSIDE = ["tests/api", "tests/stress", "tests/death", "tests/preload", "tests/examples", "tests/bench", "tools"]

INCLUDE = re.compile(r'\s*#\s*include(?:_next)?\s*(["<])([^">]+)[">]')
SUFFIXES = {".h", ".hpp", ".c", ".cpp", ".hh", ".inc"}


def includes(file):
    """Yields (line number, '"' or '<', name) for each #include of a file."""
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        match = INCLUDE.match(line)
        if match:
            yield number, match[1], match[2]


def sources(folder):
    return sorted(p for p in folder.rglob("*") if p.suffix in SUFFIXES)


def owner_of_public(name):
    """The folder that a header named <runtime/...> belongs to, or None."""
    parts = name.split("/")
    return parts[1] if len(parts) > 2 and parts[1] in MAY_INCLUDE else None


def check_src(file, folder):
    if folder not in MAY_INCLUDE:
        yield 1, f"src/{folder}/ is not in the table of tools/check_layers.py"
        return
    allowed = {folder, *MAY_INCLUDE[folder].split()}
    for number, quote, name in includes(file):
        if quote == '"':
            target, slash, _ = name.partition("/")
            if not slash or target == "..":
                yield number, f'write "folder/file", not "{name}"'
            elif target not in allowed:
                yield number, f"{folder}/ may not include {target}/"
            continue
        owner = owner_of_public(name) if name.startswith("runtime/") else None
        if owner is not None and owner not in allowed and folder != "preload":
            yield number, f"{folder}/ may not include <{name}>, which belongs to {owner}/"
        for pattern, (home, library) in HOME.items():
            if re.match(pattern, name) and folder != home:
                yield number, f"only {home}/ may include {library}: <{name}>"
        if name.startswith("boost/") and not name.startswith("boost/context/"):
            yield number, f"of Boost only Boost.Context is used: <{name}>"


def check_public(file):
    for number, quote, name in includes(file):
        if quote == '"':
            yield number, f'a public header includes <runtime/...>, not "{name}"'
        elif not name.startswith("runtime/") and not SYSTEM_HEADERS.match(name):
            yield number, f"a public header includes only <runtime/...>, the standard library and POSIX: <{name}>"


def check_outside(file, root):
    for number, quote, name in includes(file):
        first = name.split("/")[0]
        if quote == '"' and first in MAY_INCLUDE and not (file.parent / name).exists():
            yield number, f'a program outside the house includes <runtime/...> only, not "{name}"'
        if quote == '"' and (file.parent / name).resolve().is_relative_to((root / "src").resolve()):
            yield number, f'a program outside the house may not reach into src/: "{name}"'


def check(root):
    """All faults of the tree, each as 'file:line: what is wrong'."""
    found = []
    for file in sources(root / "src"):
        folder = file.relative_to(root / "src").parts[0]
        found += [(file, *fault) for fault in check_src(file, folder)]
    for file in sources(root / "include"):
        found += [(file, *fault) for fault in check_public(file)]
    for place in OUTSIDE:
        for file in sources(root / place):
            found += [(file, *fault) for fault in check_outside(file, root)]
    return [f"{file.relative_to(root)}:{number}: {what}" for file, number, what in found]


# (file to plant, its text, words of the report)
PLANTS = [
    ("src/base/planted.hpp", '#include "task/task.hpp"', "base/ may not include task/"),
    ("src/metrics/planted.cpp", '#include "fiber/fiber.hpp"', "metrics/ may not include fiber/"),
    ("src/task/planted.cpp", '# include "scheduler/loop.hpp"', "task/ may not include scheduler/"),
    ("src/posix/planted.cpp", '#include "scheduler/loop.hpp"', "posix/ may not include scheduler/"),
    ("src/io/planted.hpp", '#include "runtime/inner.hpp"', "io/ may not include runtime/"),
    ("src/preload/planted.cpp", '#include "base/error.hpp"', "preload/ may not include base/"),
    ("src/task/planted.hpp", '#include "park.hpp"', 'write "folder/file"'),
    ("src/task/planted.hpp", '#include "../fiber/fiber.hpp"', 'write "folder/file"'),
    ("src/attic/planted.cpp", "", "src/attic/ is not in the table"),
    ("src/io/planted.cpp", "#include <ev.h>", "only driver/ may include libev"),
    ("src/scheduler/planted.cpp", "#include <boost/context/fiber.hpp>", "only fiber/ may include Boost.Context"),
    ("src/fiber/planted.cpp", "#include <boost/intrusive/list.hpp>", "of Boost only Boost.Context"),
    ("src/base/planted.cpp", "#include <runtime/sync/mutex.hpp>", "belongs to sync/"),
    ("include/runtime/planted.hpp", "#include <ev.h>", "a public header includes only"),
    ("include/runtime/planted.hpp", "#include <boost/context/fiber.hpp>", "a public header includes only"),
    ("include/runtime/detail/planted.hpp", '#include "task/task.hpp"', "a public header includes <runtime/...>"),
    ("tests/api/planted_test.cpp", '#include "task/task.hpp"', "a program outside the house"),
    ("tests/preload/planted_test.cpp", '#include "preload/call.hpp"', "a program outside the house"),
    ("tests/stress/planted_test.cpp", '#include "../../src/task/task.hpp"', "may not reach into src/"),
]


def self_test(root):
    """Plants each fault alone; returns what was not reported as it should be."""
    wrong = []
    with tempfile.TemporaryDirectory() as scratch:
        copy = pathlib.Path(scratch) / "tree"
        for part in ["src", "include", "tests", "tools"]:
            shutil.copytree(root / part, copy / part)
        clean = check(copy)
        for name, text, words in PLANTS:
            planted = copy / name
            new_folder = not planted.parent.exists()
            planted.parent.mkdir(parents=True, exist_ok=True)
            planted.write_text(text + "\n", encoding="utf-8")
            report = [line for line in check(copy) if line not in clean]
            if len(report) != 1 or not report[0].startswith(f"{name}:1: ") or words not in report[0]:
                wrong.append(f"planted {text!r} in {name}, expected {words!r}, got {report}")
            planted.unlink()
            if new_folder:
                planted.parent.rmdir()
    print(f"{len(PLANTS) - len(wrong)} of {len(PLANTS)} planted faults caught")
    return wrong


def main():
    planting = sys.argv[1:2] == ["--self-test"]
    arguments = sys.argv[2:] if planting else sys.argv[1:]
    if len(arguments) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    root = pathlib.Path(arguments[0]).resolve()
    if root.name == "src" and not (root / "src").is_dir():
        root = root.parent
    if not sources(root / "src"):
        print(f"no sources below {root}/src: nothing was checked")
        return 2
    faults = self_test(root) if planting else check(root)
    for fault in faults:
        print(fault)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())

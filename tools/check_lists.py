#!/usr/bin/env python3
"""Fails when a file is in no list of the build, so that nobody compiles, installs or runs it.

    check_lists.py ROOT              check the tree at ROOT
    check_lists.py --self-test ROOT  plant one forgotten file of each kind in a
                                     copy of the tree and expect it to be reported

Meson has no wildcards, on purpose; this is the other half of that bargain. (The
reverse, a name in a list without its file, stops Meson itself.)
"""
import pathlib
import re
import shutil
import sys
import tempfile

# Folders whose *.cpp stand in the meson.build beside them, with or without the end of their names.
PROGRAMS = ["tests/api", "tests/stress", "tests/death", "tests/preload", "tests/examples", "tests/bench",
            "tests/clients"]


def quoted(meson_file):
    """All strings of a meson.build, comments left out."""
    if not meson_file.exists():
        return set()
    text = re.sub(r"(?m)#.*$", "", meson_file.read_text(encoding="utf-8"))
    return set(re.findall(r"'([^'\n]*)'", text))


def missing(folder, pattern, listed_as):
    """Files of `folder` for which none of the names that `listed_as` gives is in its meson.build."""
    strings = quoted(folder / "meson.build")
    for file in sorted(folder.rglob(pattern)):
        if strings.isdisjoint(listed_as(file.relative_to(folder))):
            yield file, folder / "meson.build"


def unlisted_sources(root):
    folders = sorted({file.relative_to(root / "src").parts[0] for file in (root / "src").rglob("*.cpp")})
    for name in folders:
        folder = root / "src" / name
        if name not in quoted(root / "src/meson.build"):
            yield folder, root / "src/meson.build"
        yield from missing(folder, "*.cpp", lambda path: {str(path)})


def unlisted_unit_tests(root):
    unit = root / "tests/unit"
    text = (unit / "meson.build").read_text(encoding="utf-8")
    lists = {folder: set(re.findall(r"'([^']*)'", names))
             for folder, names in re.findall(r"'([a-z_]+)'\s*:\s*\[([^\]]*)\]", text)}
    for file in sorted(unit.rglob("*.cpp")):
        path = file.relative_to(unit)
        if "/".join(path.parts[1:]) not in lists.get(path.parts[0], set()):
            yield file, unit / "meson.build"


def program_names(path):
    """The names a list may have for a program: its file, or that without the end that its suite adds."""
    stem = str(path.with_suffix(""))
    return {str(path), stem, stem.removesuffix("_bench"), stem.removesuffix("_test"), stem.removesuffix("_victim")}


def check(root):
    found = list(unlisted_sources(root))
    found += missing(root / "include", "*.h*", lambda path: {str(path)})
    found += unlisted_unit_tests(root)
    for place in PROGRAMS:
        found += missing(root / place, "*.cpp", program_names)
    return [f"{file.relative_to(root)}: not in {listing.relative_to(root)}" for file, listing in found]


PLANTS = ["src/task/planted.cpp", "src/attic/planted.cpp", "include/runtime/planted.hpp",
          "include/runtime/detail/planted.hpp", "include/runtime/planted.h", "tests/unit/task/planted_test.cpp",
          "tests/unit/attic/planted_test.cpp", "tests/api/planted_test.cpp", "tests/stress/planted_test.cpp",
          "tests/death/planted_test.cpp", "tests/preload/planted_test.cpp",
          "tests/clients/planted.cpp"]


def self_test(root):
    wrong = []
    with tempfile.TemporaryDirectory() as scratch:
        copy = pathlib.Path(scratch) / "tree"
        for part in ["src", "include", "tests"]:
            shutil.copytree(root / part, copy / part)
        clean = check(copy)
        for name in PLANTS:
            planted = copy / name
            planted.parent.mkdir(parents=True, exist_ok=True)
            planted.touch()
            report = [line for line in check(copy) if line not in clean]
            if not any(line.startswith(f"{name}: ") for line in report):
                wrong.append(f"planted {name}, got {report}")
            planted.unlink()
    print(f"{len(PLANTS) - len(wrong)} of {len(PLANTS)} planted faults caught")
    return wrong


def main():
    planting = sys.argv[1:2] == ["--self-test"]
    arguments = sys.argv[2:] if planting else sys.argv[1:]
    if len(arguments) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    root = pathlib.Path(arguments[0]).resolve()
    faults = self_test(root) if planting else check(root)
    for fault in faults:
        print(fault)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())

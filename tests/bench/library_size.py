#!/usr/bin/env python3
"""How large the shared library is without symbols, and which libraries it needs that nobody expects of it."""

import argparse
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

UNABLE = 77
# libm, libgcc_s and the loader come with libstdc++ and libc.
EXPECTED = ("libboost_context", "libev", "libstdc++", "libc", "libm", "libgcc_s", "ld-linux", "libpthread")


def library_beside(directory):
    """The library of the build in which `directory` is."""
    for folder in (directory, *directory.parents):
        found = [path for path in sorted(folder.glob("src/libruntime.so*")) if path.is_file() and not path.is_symlink()]
        if found:
            return found[0]
    return None


def needed(library):
    shown = subprocess.run(["readelf", "--dynamic", "--wide", str(library)], capture_output=True, text=True, check=True)
    return re.findall(r"\(NEEDED\).*\[(.+)\]", shown.stdout)


def stripped_bytes(library):
    with tempfile.TemporaryDirectory() as scratch:
        copy = pathlib.Path(scratch) / library.name
        subprocess.run(["strip", "--strip-unneeded", "-o", str(copy), str(library)], check=True)
        return copy.stat().st_size


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("programs", type=pathlib.Path, help="the folder with the built benchmark programs")
    directory = parser.parse_args().programs.resolve()
    library = library_beside(directory)
    if library is None:
        print(f"no src/libruntime.so above {directory}", file=sys.stderr)
        return 1
    if not shutil.which("strip") or not shutil.which("readelf"):
        print("strip and readelf are not installed (binutils)", file=sys.stderr)
        return UNABLE
    foreign = [name for name in needed(library) if re.split(r"[-.]so|\.so|-x86", name)[0] not in EXPECTED]
    if foreign:
        print(f"needs {' '.join(foreign)}", file=sys.stderr)
    print(f"ours {stripped_bytes(library) / 1024:.1f} KiB")
    print(f"foreign {len(foreign)} libraries")
    return 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""Changes a small interface in every way that matters and expects tools/check_abi.py to tell break from growth.

    planted_layouts.py CHECK_ABI PLANTED_FOLDER COMPILER...
"""
import pathlib
import subprocess
import sys
import tempfile

BREAKS = ["GROWN_CLASS", "GROWN_STRUCT", "NEW_VIRTUAL", "RENUMBERED_ENUM", "CHANGED_SIGNATURE"]
GROWTH = ["ADDED_FUNCTION", "APPENDED_ENUMERATOR", "GROWN_IMPL", "GROWN_PRIVATE"]


def build(compiler, folder, library, macro):
    subprocess.run([*compiler, "-shared", "-fPIC", "-g", "-std=c++20", "-fvisibility=hidden", "-I", folder, *macro,
                    folder / "layout.cpp", "-o", library], check=True)


def main():
    check_abi, folder, compiler = sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3:]
    wrong = 0
    with tempfile.TemporaryDirectory() as scratch:
        library, baseline = pathlib.Path(scratch) / "liblayout.so", pathlib.Path(scratch) / "layout.abi"
        build(compiler, folder, library, [])
        subprocess.run([sys.executable, check_abi, "--update", library, folder, baseline], check=True)
        for macro in ["UNCHANGED", *GROWTH, *BREAKS]:
            build(compiler, folder, library, ["-D" + macro])
            done = subprocess.run([sys.executable, check_abi, library, folder, baseline], capture_output=True,
                                  text=True, check=False)
            reported = "the binary interface changed" in done.stdout
            right = (done.returncode != 0 and reported) if macro in BREAKS else done.returncode == 0
            print(f"{macro}: {'break reported' if reported else 'let pass'}{'' if right else ' -- WRONG'}")
            if not right:
                print(done.stdout + done.stderr)
                wrong += 1
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""Plants every way in which a run can go wrong into a small project, and expects tools/run_suites.py to count it.

    run_suites_test.py TOOLS_FOLDER
"""
import contextlib
import io
import pathlib
import sys
import tempfile

sys.path.insert(0, sys.argv[1])
sys.dont_write_bytecode = True
import run_suites  # noqa: E402  (its folder is only known now)

PROJECT = "project('planted', 'c', default_options : ['werror=true'])\nprogram = find_program('sh')\n"
TESTS = {
    "passes": "args : ['-c', 'true']",
    "fails": "args : ['-c', 'echo the reason; false']",
    "is killed": "args : ['-c', 'kill -9 $$']",
    "hangs": "args : ['-c', 'sleep 60'], timeout : 1",
    "is skipped": "args : ['-c', 'exit 77']",
    "should fail and does not": "args : ['-c', 'true'], should_fail : true",
}
# (what, its meson.build, the closing line to be expected)
PLANTS = [
    ("one test of each kind",
     PROJECT + "".join(f"test('{name}', program, {what})\n" for name, what in TESTS.items()),
     "1 passed, 4 failed, 1 skipped"),
    ("no test at all", PROJECT, "0 passed, 1 failed"),
    ("a build that cannot be configured", PROJECT + "error('planted')\n", "0 passed, 1 failed"),
    ("a source that does not compile", PROJECT + "executable('broken', 'broken.c')\n", "0 passed, 1 failed"),
    ("only good tests", PROJECT + "test('passes', program, args : ['-c', 'true'])\n", "1 passed, 0 failed"),
]


# A build's log, whose fault is far above its end, and what is to be shown of it.
LOG = "".join(["[1/99] Compiling good.o\n", "FAILED: broken.o\n", "broken.c:1: error: nothing\n",
               *(f"[{number}/99] Compiling good.o\n" for number in range(2, 99)), "ninja: build stopped\n"])
SHOWN = "   | FAILED: broken.o\n   | broken.c:1: error: nothing\n"


def closing_line(meson_build):
    """What the runner's last line would be for a project of this meson.build."""
    with tempfile.TemporaryDirectory() as scratch:
        root = pathlib.Path(scratch)
        (root / "meson.build").write_text(meson_build, encoding="utf-8")
        (root / "broken.c").write_text("int broken(void) { return nothing; }\n", encoding="utf-8")
        run_suites.ROOT, run_suites.BUILD, run_suites.count = root, root / "build", run_suites.Count()
        run_suites.BUILD.mkdir()
        with contextlib.redirect_stdout(io.StringIO()):
            if run_suites.build("planted", []):
                run_suites.test("planted", "planted", [])
        return run_suites.count.closing_line()


def main():
    wrong = 0
    for what, meson_build, expected in PLANTS:
        found = closing_line(meson_build)
        print(f"{what}: {found}{'' if found == expected else f' -- WRONG, expected {expected}'}")
        wrong += found != expected
    for what, log, expected in [("a fault far from the end", LOG, SHOWN), ("no fault named", "the end\n", "   | the end\n")]:
        found = run_suites.complaints(log)
        print(f"{what}: {'shown' if found == expected else f'WRONG: {found!r}'}")
        wrong += found != expected
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

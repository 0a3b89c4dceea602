#!/usr/bin/env python3
"""Builds the project in each of its ways and runs the suites there; tools/test calls this.

    run_suites.py [--quick | STEP...]

Counts what Meson's own test logs say, one for each test. A build that fails,
a suite that runs no test and a run that ends early are failures of their own.
The last line is `N passed, N failed`, with `, N skipped` if there are any.
"""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"
EVERYTHING = ["-Dpreload=true", "-Dtests=true", "-Dexamples=true", "-Dbenchmarks=true"]
GOOD = {"OK", "EXPECTEDFAIL"}


class Count:
    """What passed, failed and was skipped, over all steps."""

    def __init__(self):
        self.passed, self.skipped, self.failures = 0, [], []

    def fail(self, what):
        self.failures.append(what)
        print(f"   FAILED: {what}", flush=True)

    def skip(self, what):
        self.skipped.append(what)
        print(f"   SKIPPED: {what}", flush=True)

    def closing_line(self):
        skipped = f", {len(self.skipped)} skipped" if self.skipped else ""
        return f"{self.passed} passed, {len(self.failures)} failed{skipped}"


count = Count()


def run(command, log, env=None):
    """Runs a command with its output in a log; true if it succeeded."""
    with open(log, "ab") as out:
        out.write(f"$ {' '.join(map(str, command))}\n".encode())
        out.flush()
        done = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
                              env=env, check=False)
    return done.returncode == 0


def tail(text, lines=40):
    return "".join(f"   | {line}\n" for line in text.splitlines()[-lines:])


def complaints(text, lines=60):
    """What a build's log says from each failed target on, without the targets that went well; else its last lines."""
    said, telling = [], False
    for line in text.splitlines():
        if line.startswith("FAILED: "):
            telling = True
        elif re.match(r"\[\d+/\d+\] ", line):
            telling = False
        if telling:
            said.append(f"   | {line}\n")
    return "".join(said[:lines]) or tail(text)


def build(name, options, compilers=None, everything=True):
    """Configures and compiles build/NAME; true if that went well. Without `everything`, compiling is left to test()."""
    folder, log = BUILD / name, BUILD / f"{name}.log"
    log.unlink(missing_ok=True)
    again = ["--reconfigure"] if (folder / "build.ninja").exists() else []
    if not again:
        shutil.rmtree(folder, ignore_errors=True)  # what an interrupted setup left
    env = dict(os.environ, **(compilers or {}))
    configured = run(["meson", "setup", *again, folder, ROOT, *options], log, env)
    if configured and (not everything or run(["ninja", "-k0", "-C", folder], log)):
        return True
    count.fail(f"{name}: the build (see {log.relative_to(ROOT)})")
    print(complaints(log.read_text(errors="replace")), end="")
    return False


def without_random_addresses():
    """A prefix for programs whose sanitizer wants memory where it expects it; empty where that is not allowed."""
    prefix = ["setarch", "-R"]
    allowed = shutil.which("setarch") and subprocess.run([*prefix, "true"], stderr=subprocess.DEVNULL, check=False)
    return prefix if allowed and allowed.returncode == 0 else []


def test(step, folder, choice, setup=None, slower=1, prefix=()):
    """Runs the chosen suites of build/FOLDER, first compiling what they lack, and counts the results."""
    log = BUILD / f"{folder}.log"
    json_log = BUILD / folder / "meson-logs" / (f"testlog-{setup}.json" if setup else "testlog.json")
    json_log.unlink(missing_ok=True)
    command = [*prefix, "meson", "test", "-C", BUILD / folder, "-t", str(slower), *choice]
    succeeded = run(command + (["--setup", setup] if setup else []), log)
    lines = json_log.read_text(encoding="utf-8").splitlines() if json_log.exists() else []
    failed = 0
    for result in map(json.loads, lines):
        name, verdict = f"{step}: {result['name']}", result["result"]
        if verdict in GOOD:
            count.passed += 1
        elif verdict == "SKIP":
            count.skip(name)
        else:
            failed += 1
            count.fail(f"{name} ({verdict})")
            print(tail((result.get("stdout") or "") + (result.get("stderr") or "")), end="")
    if not lines:
        count.fail(f"{step}: no test ran (see build/{folder}.log)")
        print(tail(log.read_text(errors="replace")), end="")
    elif not succeeded and failed == 0:
        count.fail(f"{step}: meson test ended early (see build/{folder}.log)")


def gcc(quick=False):
    if build("gcc", EVERYTHING, {"CC": "gcc", "CXX": "g++"}):
        test("gcc", "gcc", ["--no-suite", "consumer"] if quick else [])


def clang():
    if build("clang", EVERYTHING, {"CC": "clang", "CXX": "clang++"}):
        test("clang", "clang", ["--no-suite", "consumer"])


def asan():
    # Not optimised: instrumented code takes the compiler long, the tests themselves take seconds.
    options = ["-Dpreload=true", "-Dtests=true", "-Dexamples=true", "-Db_sanitize=address,undefined", "-Doptimization=0"]
    if build("asan", options, {"CC": "gcc", "CXX": "g++"}, everything=False):
        test("asan", "asan", ["--no-suite", "headers", "--no-suite", "abi"], slower=4,
             prefix=without_random_addresses())


def tsan():
    if build("tsan", ["-Dtests=true", "-Db_sanitize=thread"], {"CC": "gcc", "CXX": "g++"}, everything=False):
        test("tsan", "tsan", ["--suite", "api", "--suite", "stress", "--suite", "lint"], slower=8,
             prefix=without_random_addresses())


def valgrind():
    if build("gcc", EVERYTHING, {"CC": "gcc", "CXX": "g++"}):
        test("valgrind", "gcc", ["--suite", "unit"], setup="valgrind")


def wraps():
    """The libraries from source archives instead of the system's; skipped, and said, if they cannot be had."""
    log = BUILD / "fetch-wraps.log"
    log.unlink(missing_ok=True)
    if not run([ROOT / "tools/fetch-wraps"], log):
        print(tail(log.read_text(errors="replace")), end="")
        count.skip("wraps: the source archives could not be fetched, so the fallback was NOT tried")
        return
    options = ["-Dtests=true", "--wrap-mode=forcefallback", "-Doptimization=0"]
    if not build("wraps", options, {"CC": "gcc", "CXX": "g++"}, everything=False):
        return
    # The code is the same as in the other steps: what could differ is what it is linked with. So the parts that are next
    # to Boost.Context and libev, and then the whole library under load.
    test("wraps", "wraps", ["fiber", "driver", "scheduler"])
    test("wraps", "wraps", ["--suite", "stress"])
    library = BUILD / "wraps/src/libruntime.so"
    dynamic = subprocess.run(["readelf", "-dW", library], capture_output=True, text=True, check=False)
    for system_library in ["libboost_context", "libev"]:
        if dynamic.returncode != 0 or system_library in dynamic.stdout:
            count.fail(f"wraps: the library still needs the system's {system_library}, or was not built")


STEPS = {"gcc": gcc, "clang": clang, "asan": asan, "tsan": tsan, "valgrind": valgrind, "wraps": wraps}


def main():
    names = sys.argv[1:] or list(STEPS)
    steps = {"gcc": lambda: gcc(quick=True)} if names == ["--quick"] else {n: STEPS.get(n) for n in names}
    if None in steps.values():
        print(__doc__, file=sys.stderr)
        return 2
    BUILD.mkdir(exist_ok=True)
    for name, step in steps.items():
        began, before = time.monotonic(), count.passed
        print(f"== {name}", flush=True)
        step()
        print(f"   {count.passed - before} passed, {time.monotonic() - began:.0f} s", flush=True)
    for failure in count.failures:
        print(f"failed: {failure}")
    for skipped in count.skipped:
        print(f"skipped: {skipped}")
    print(count.closing_line())
    return 1 if count.failures else 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""Prints the table of the README that says which libraries and programs run in fibers unmodified, and how fast.

    compatibility.py BUILD [--update README.md] [--only NAME[,NAME...]]

Starts the servers on loopback, runs each library in many fibers of one thread with BUILD's client_work, and psql,
redis-cli and curl under tools/runtime-run. With --update the table replaces what stands between these two lines:

    <!-- compatibility table: begin (tests/clients/compatibility.py) -->
    <!-- compatibility table: end -->

Ends with 1 if anything came back wrong; then nothing is updated.
"""

import argparse
import contextlib
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

from client_test import GREAT, SMALL, fan_out, options

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.append(str(ROOT / "tests" / "support"))
import marked_part  # noqa: E402

BEGIN = "<!-- compatibility table: begin (tests/clients/compatibility.py) -->"
END = "<!-- compatibility table: end -->"
HEAD = ["Library, program", "Version", "What was run", "n", "In fibers", "One after the other", "Verdict"]
DEADLINE = 60  # seconds, for a program under runtime-run

# Mode of client_work, name, what it does, how many at a time.
LIBRARIES = [
    ("postgres", "libpq", "connect, `select pg_sleep(0.5)`", 200),
    ("redis", "hiredis", "connect, `BLPOP` of what comes 0.5 s later", 200),
    ("mariadb", "libmariadb", "connect, `SELECT SLEEP(0.5)`", 200),
    ("http", "libcurl, HTTP", "easy download from an nginx that waits 0.2 s, SHA-256 compared", 500),
    ("https", "libcurl, HTTPS", "easy download from an nginx that waits 0.2 s, SHA-256 compared", 500),
    ("openssl", "OpenSSL", "blocking socket BIO: TLS, `GET`, as above", 100),
    ("ssh", "libssh2", "log in, exec `sleep 0.5; echo`", 20),
    ("ldap", "libldap", "bind, search, each answer 0.2 s away", 100),
    ("cares", "c-ares", "lookup, driven by `select`, the answer 0.2 s away", 200),
    ("sqlite", "SQLite", "writers of one database, busy handler", 2),
]


class Wrong(Exception):
    """An answer that is not the expected one."""


def seconds(value):
    return f"{value:.2f} s"


def row(*cells):
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def library_rows(client_work, words, only):
    for mode, name, what, count in LIBRARIES:
        if only and mode not in only:
            continue
        result = fan_out(client_work, words, mode, count)
        version = result.names.split()[-1]
        verdict = f"{result.right} of {result.count} right"
        yield row(name, version, what, count, seconds(result.took), seconds(result.serial), verdict)


def programs(servers):
    """Name, command, what it must print, and what the table calls it."""
    postgres, redis, web = servers["postgres"], servers["redis"], servers["web"]
    path, content = web.files[0]
    download = ["curl", "-sS", "--noproxy", "*", "--cacert", web.ca, web.https + path]
    return [
        ("psql", ["psql", "--no-psqlrc", "-At", "-c", "select 6 * 7", postgres.conninfo()], b"42\n", "`select 6 * 7`"),
        ("redis-cli", ["redis-cli", "-p", str(redis.port), "ECHO", "as ever"], b"as ever\n", "`ECHO`"),
        ("curl", download, content, "HTTPS download"),
    ]


def version_of(program):
    said = subprocess.run([program, "--version"], capture_output=True, timeout=DEADLINE, check=True, text=True).stdout
    return re.search(r"\d+(\.\d+)+", said)[0]


def run_program(command, runner, environment):
    """What it prints, and how long it takes."""
    start = time.monotonic()
    done = subprocess.run(
        [*runner, *command],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=DEADLINE,
        check=False,
        env=environment,
    )
    took = time.monotonic() - start
    if done.returncode != 0 or done.stderr:
        raise Wrong(f"{command[0]} ends with {done.returncode}: {done.stderr.decode(errors='replace')}")
    return done.stdout, took


def run_in_both_modes(command, expected, build):
    """Runs a program under runtime-run; returns the seconds of the slower mode."""
    # An installed library is found without our help; one that is still where it was built is not.
    preload = os.path.join(build, "src", "preload", "libruntime_preload.so")
    environment = {**os.environ, "RUNTIME_PRELOAD_LIBRARY": preload}
    times = []
    for mode in ([], ["--complete"]):
        output, took = run_program(command, [str(ROOT / "tools" / "runtime-run"), *mode], environment)
        if output != expected:
            raise Wrong(f"{command[0]} under runtime-run prints {output[:200]!r}")
        times.append(took)
    return max(times)


def program_rows(servers, build, only):
    for name, command, expected, what in programs(servers):
        if only and name not in only:
            continue
        took = run_in_both_modes(command, expected, build)
        _, alone = run_program(command, [], None)
        what = f"{what}, under `runtime-run`; without it"
        yield row(f"`{name}`", version_of(name), what, 1, seconds(took), seconds(alone), "same output, both modes")


def make_table(build, only):
    with contextlib.ExitStack() as stack:
        directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="libruntime-test-"))
        servers = {kind: stack.enter_context(make()) for kind, make in {**GREAT, **SMALL}.items()}
        words = options(sqlite=os.path.join(directory, "notes"), **servers)
        client_work = os.path.join(build, "tests", "clients", "client_work")
        rows = [*library_rows(client_work, words, only), *program_rows(servers, build, only)]
    return "\n".join([row(*HEAD), row(*["---"] * len(HEAD)), *rows])


def main():
    parser = argparse.ArgumentParser(description="Prints the compatibility table of the README.")
    parser.add_argument("build", help="a build directory with -Dpreload=true -Dtests=true")
    parser.add_argument("--update", type=pathlib.Path, metavar="README.md", help="the file to put it into")
    parser.add_argument("--only", type=lambda names: names.split(","), help="some of the modes and programs")
    arguments = parser.parse_args()
    if arguments.update and arguments.only:
        parser.error("a part of the table cannot update the README")
    try:
        table = make_table(os.path.abspath(arguments.build), arguments.only)
        print(table)
        if arguments.update:
            marked_part.replace(arguments.update, BEGIN, END, table)
    except (Wrong, marked_part.Misplaced, AssertionError) as error:
        print(f"compatibility.py: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

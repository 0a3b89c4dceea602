#!/usr/bin/env python3
"""Tests of what judges the benchmarks: that a missed goal is seen, a hanging program ended, a peer's failure told.

The programs are scripts that print what they are told to; nothing is measured.
"""

import json
import pathlib
import subprocess
import sys
import tempfile
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent


def is_running(process):
    """False also for one that has ended and that nobody has asked after yet."""
    try:
        status = pathlib.Path(f"/proc/{process}/stat").read_text(encoding="utf-8")
    except FileNotFoundError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


class Programs:
    """A folder of programs that stand in for the built ones."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)

    def add(self, name, body):
        path = self.folder / name
        path.write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
        path.chmod(0o755)

    def add_peer(self, name, work, body):
        self.add(name, f'if [ "$2" = list ]; then echo {work}; exit 0; fi\n{body}')

    def run(self, *arguments):
        file = self.folder / "figures.json"
        command = [sys.executable, str(HERE / "run.py"), str(self.folder), "--rounds", "1", "--json", str(file),
                   *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        works = json.loads(file.read_text(encoding="utf-8"))["groups"][0]["works"] if file.exists() else []
        return done, works


class RunTest(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.programs = Programs(scratch.name)

    def figures(self, ours, jump):
        # Nothing is judged by the floor: the first round's is memory.
        return f"echo ours {ours} ns/task; echo floor 1 ns/task; echo ratio 1 x; echo jump {jump} ns"

    def test_a_time_is_judged_by_the_raw_jump_of_its_own_run(self):
        # The goal is 80 ns where a jump takes 5.1: 150 ns are too much there, and little where it takes twice as long.
        for jump, met in ((5.1, False), (10.2, True)):
            self.programs.add("spawn_batch_bench", self.figures(150, jump))
            done, works = self.programs.run("spawn_batch")
            self.assertEqual(works[0]["goal"]["met"], met, done.stdout + done.stderr)
            self.assertAlmostEqual(works[0]["goal"]["value"], 150 * 5.1 / jump)

    def test_a_missed_goal_fails_the_run_only_when_asked_to(self):
        self.programs.add("spawn_batch_bench", self.figures(150, 5.1))
        done, _ = self.programs.run("spawn_batch")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("MISSED by", done.stdout)
        self.assertEqual(self.programs.run("spawn_batch", "--strict")[0].returncode, 1)

    def test_peers_are_asked_what_they_do(self):
        self.programs.add("spawn_batch_bench", self.figures(50, 5.1))
        self.programs.add_peer("go_peer", "spawn_batch", "echo peer 25 ns/task")
        self.programs.add_peer("uv_peer", "sleep", "exit 1")
        self.programs.add_peer("pth_peer", "spawn_batch", "echo so many threads >&2; exit 77")
        done, works = self.programs.run("spawn_batch")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        peers = works[0]["peers"]
        self.assertEqual(peers["Go"], {"values": [25.0]})
        self.assertEqual(peers["libuv"], {"absent": "has none"})
        self.assertEqual(peers["GNU Pth"], {"absent": "has none"})
        self.assertEqual(peers["Tokio"], {"absent": "not installed"})
        self.assertIn("Go (0.50 x ours)", done.stdout)

    def test_a_peer_that_fails_is_told_and_fails_the_run(self):
        self.programs.add("spawn_batch_bench", self.figures(50, 5.1))
        for body in ("echo broken >&2; exit 3", "echo what is this", "true", "echo peer -5 ns/task"):
            self.programs.add_peer("go_peer", "spawn_batch", body)
            done, works = self.programs.run("spawn_batch")
            self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
            self.assertIn("FAILED: spawn 100,000, join all: first: Go", done.stdout)
            self.assertIn("absent", works[0]["peers"]["Go"])

    def test_a_program_that_hangs_is_ended_with_what_it_has_started(self):
        child = self.programs.folder / "child"
        self.programs.add("spawn_batch_bench", self.figures(50, 5.1))
        self.programs.add_peer("go_peer", "spawn_batch", f"sleep 60 & echo $! > '{child}'; wait")
        done, works = self.programs.run("spawn_batch", "--limit", "3")
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertEqual(works[0]["peers"]["Go"], {"absent": "did not end in 3 s"})
        deadline = time.monotonic() + 10
        while is_running(int(child.read_text(encoding="utf-8"))):
            self.assertLess(time.monotonic(), deadline, "the child of the program that hung goes on")
            time.sleep(0.01)

    def test_only_rows_of_the_same_run_share_it(self):
        # Each run prints its number. Of spawn_blocking two rows differ in nothing but the processors they may use; those
        # of skynet are about two figures of one run.
        runs = self.programs.folder / "runs"
        count = f"echo >> '{runs}'; number=$(wc -l < '{runs}')"
        for name in ("spawn_blocking_bench", "skynet_bench"):
            self.programs.add(name, f"{count}; echo ours $number ns/job; echo floor 5 ns/job; echo jump 5 ns; echo peak 1 MiB")
        self.programs.add_peer("go_peer", "spawn_blocking", f"{count}; echo peer $number ns/job")
        done, works = self.programs.run("spawn_blocking")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual([work["ours"] for work in works], [[1.0], [3.0], [5.0], [7.0]])
        self.assertEqual([work["peers"]["Go"]["values"] for work in works], [[2.0], [4.0], [6.0], [8.0]])
        runs.unlink()
        done, works = self.programs.run("skynet")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual(runs.read_text(encoding="utf-8"), "\n")

    def test_an_unfit_build_is_skipped(self):
        done, _ = self.programs.run("yield", "--unfit", "the build is not optimised")
        self.assertEqual(done.returncode, 77)

    def test_our_own_failure_ends_the_run(self):
        self.programs.add("spawn_batch_bench", "exit 1")
        self.assertEqual(self.programs.run("spawn_batch")[0].returncode, 1)


if __name__ == "__main__":
    unittest.main()

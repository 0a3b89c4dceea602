#!/usr/bin/env python3
"""Runs benchmark programs in interleaved rounds and prints what they show, as ratios.

In each round every program of a work runs once, ours and the peers', one after the other, so that all meet the same
state of the machine. Ours measures its floor within its own process. The table shows medians over the rounds, with
the minimum in brackets; a ratio is the median of the rounds' own ratios. Ends with 1 if a demanded ratio is missed.
"""

import argparse
import os
import pathlib
import statistics
import subprocess
import sys

import works

SKIPPED = 77  # what Meson calls a skipped test


def run_program(command, one_processor, limit):
    """The figures a program printed, by name, and the unit of each."""
    allowed = os.sched_getaffinity(0)
    if one_processor:
        # Children inherit it. The last processor, because interrupts tend to go to the first.
        os.sched_setaffinity(0, {max(allowed)})
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=limit, check=False)
    finally:
        os.sched_setaffinity(0, allowed)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}\nended with {done.returncode}\n{done.stdout}{done.stderr}")
    lines = [line.split() for line in done.stdout.splitlines()]
    return {name: float(value) for name, value, unit in lines}, {name: unit for name, value, unit in lines}


def installed_peers(directory):
    return [peer for peer in works.PEERS if (directory / works.PEER_PROGRAMS[peer]).exists()]


class Result:
    """The figures of one work, round by round."""

    def __init__(self, work):
        self.work = work
        self.ours = []
        self.units = {}
        self.peers = {peer: [] for peer in works.PEERS}

    def measure_round(self, directory, peers, limit):
        figures, self.units = run_program(self.work.command(directory), self.work.one_processor, limit)
        self.ours.append(figures)
        for peer in peers if self.work.peers else ():
            command = self.work.peer_command(directory, peer)
            self.peers[peer].append(run_program(command, self.work.one_processor, limit)[0]["peer"])

    def values(self, name):
        return [figures[name] for figures in self.ours]

    def against(self, peer):
        """Ours as a multiple of the peer's, the median over the rounds; None if the peer did not run."""
        pairs = zip(self.values("ours"), self.peers[peer])
        ratios = [ours / theirs for ours, theirs in pairs]
        return statistics.median(ratios) if ratios else None

    def misses(self):
        """What was demanded and not reached, in words."""
        for name, limit in self.work.demands.items():
            median = statistics.median(self.values(name))
            if median > limit:
                yield f"{name} {median:.4g} {self.units[name]} > {limit:g}"
        for peer in works.PEERS:
            ratio = self.against(peer)
            if ratio is not None and self.work.against_peers is not None and ratio > self.work.against_peers:
                yield f"{ratio:.2f} x {peer}"


def median_and_minimum(values):
    return f"{statistics.median(values):,.4g} ({min(values):,.4g})" if values else "-"


def row(result, peers):
    unit = result.units["ours"]
    cells = [result.work.title, median_and_minimum(result.values("ours")) + " " + unit,
             median_and_minimum(result.values("floor")), f"{statistics.median(result.values('ratio')):.2f}"]
    for peer in works.PEERS:
        if not result.work.peers:
            cells.append("not run")
        elif peer not in peers:
            cells.append("not installed")
        else:
            cells.append(f"{median_and_minimum(result.peers[peer])} = {1 / result.against(peer):.2f} x ours")
    missed = list(result.misses())
    judged = result.work.demands or (result.work.peers and peers and result.work.against_peers is not None)
    verdict = "MISSED: " + "; ".join(missed) if missed else "as demanded" if judged else "not judged"
    return [*cells, result.work.goal, verdict]


def print_table(rows):
    widths = [max(len(cells[i]) for cells in rows) for i in range(len(rows[0]))]
    for cells in rows:
        print(" | ".join(cell.ljust(width) for cell, width in zip(cells, widths)).rstrip())


def print_details(result):
    """What a table of times has no column for: bytes, mappings, the way there and back."""
    in_table = ("ours", "floor", "ratio")
    others = [name for name in result.units if name not in in_table]
    if others:
        texts = [f"{name} {statistics.median(result.values(name)):,.4g} {result.units[name]}" for name in others]
        print(f"  {result.work.title}: " + ", ".join(texts))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("programs", type=pathlib.Path, help="the folder with the built benchmark programs")
    parser.add_argument("group", choices=works.GROUPS, nargs="+")
    parser.add_argument("--rounds", type=int, default=7, help="at least 1; 5 and more for a claim (default 7)")
    parser.add_argument("--limit", type=float, default=120, help="seconds one program may take (default 120)")
    parser.add_argument("--unfit", default="", help="why this build says nothing about speed; skips the run")
    options = parser.parse_args()
    if options.unfit:
        print(f"not measured: {options.unfit}")
        return SKIPPED
    if options.rounds < 1:
        parser.error("--rounds must be at least 1")

    programs = options.programs.resolve()
    peers = installed_peers(programs)
    missed = False
    for group in options.group:
        results = [Result(work) for work in works.GROUPS[group]]
        for number in range(options.rounds):
            for result in results:
                if number < min(options.rounds, result.work.rounds or options.rounds):
                    result.measure_round(programs, peers, options.limit)
        print(f"{group}: median (minimum) of {len(results[0].ours)} interleaved rounds")
        print_table([["work", "ours", "floor", "ours/floor", *works.PEERS, "goal", "demanded by the issue"],
                     *(row(result, peers) for result in results)])
        for result in results:
            print_details(result)
        print()
        missed = missed or any(list(result.misses()) for result in results)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""Runs benchmark programs in interleaved rounds and prints what they show, as ratios.

In each round every program of a work runs once, ours and the peers', one after the other, so that all meet the same
state of the machine. Ours measures its floor within its own process. The tables show medians over the rounds, with
the minimum in brackets; a ratio is the median of the rounds' own ratios. Goals are judged, and what is missed is
said; the exit status is 1 for it only with --strict. It is 1, too, when a peer that is installed gave no figures.
"""

import argparse
import pathlib
import sys

import record
import rounds
import table
import works
from goals import judge
from programs import installed_peers

SKIPPED = 77  # what Meson calls a skipped test


def chosen_options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("programs", type=pathlib.Path, help="the folder with the built benchmark programs")
    parser.add_argument("group", nargs="*", help=f"what to measure, of {' '.join(works.GROUPS)} (default: all)")
    parser.add_argument("--rounds", type=int, default=7, help="at least 1; 5 and more for a claim (default 7)")
    parser.add_argument("--limit", type=float, default=120, help="seconds one program may take (default 120)")
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE", help="write every figure there as well")
    parser.add_argument("--strict", action="store_true", help="end with 1 when a goal is missed")
    parser.add_argument("--unfit", default="", help="why this build says nothing about speed; skips the run")
    options = parser.parse_intermixed_args()  # the groups may stand behind the options
    unknown = [name for name in options.group if name not in works.GROUPS]
    if unknown:
        parser.error(f"no such group: {' '.join(unknown)}; there are {' '.join(works.GROUPS)}")
    if options.rounds < 1:
        parser.error("--rounds must be at least 1")
    return options


def missed(groups):
    """Titles of the works whose goals were judged and missed."""
    results = [result for _, _, group in groups for result in group if result.work.goal]
    return [result.work.title for result in results if judge(result.work.goal, result).met is False]


def built(names, directory):
    """Those whose programs are there: the preload library's is a matter of how the project was configured."""
    for name in names:
        lacking = {str(work.path(directory)) for work in works.GROUPS[name].works if not work.path(directory).exists()}
        if lacking:
            print(f"{name}: not measured, as it was not built: {' '.join(sorted(lacking))}\n")
        else:
            yield name


def main():
    options = chosen_options()
    if options.unfit:
        print(f"not measured: {options.unfit}")
        return SKIPPED
    directory = options.programs.resolve()
    peers = installed_peers(directory)
    groups = []
    for name in built(options.group or works.GROUPS, directory):
        group = works.GROUPS[name]
        measured = rounds.measure(group.works, peers, directory, options.rounds, options.limit)
        results = [result for result in measured if result.unable is None]
        for result in measured:
            if result.unable is not None:
                print(f"{name}: \"{result.work.title}\" is not measured: {result.unable}")
        if not results:
            continue
        table.print_group(name, results)
        groups.append((name, group.title, results))
    if options.json:
        record.write(options.json, directory, options.rounds, groups)

    failures = [failure for _, _, results in groups for result in results for failure in result.failures]
    for failure in failures:
        print(f"FAILED: {failure}")
    not_reached = missed(groups)
    for title in not_reached:
        print(f"MISSED: {title}")
    return 1 if failures or (options.strict and not_reached) else 0


if __name__ == "__main__":
    sys.exit(main())

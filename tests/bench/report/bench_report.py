#!/usr/bin/env python3
"""Measures everything and writes the report: report.html (one page that needs nothing else), report.md, report.json.

    bench_report.py PROGRAMS [--quick] [--rounds N] [--output DIR] [--update-readme] [--memory MIB]
                    [--only NAME[,NAME...]]
    bench_report.py --from report.json [--output DIR] [--update-readme]

tools/bench-report builds the programs and calls this. With --from nothing is measured: the pages are made of an earlier
run. --update-readme puts the table of all works into README.md, between these two lines:

    <!-- bench:begin -->
    <!-- bench:end -->
"""

import argparse
import json
import pathlib
import re
import sys

import markdown
import page

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent.parent
sys.path.append(str(ROOT / "tests" / "support"))
import marked_part  # noqa: E402


def half_of_the_free_memory():
    """In MiB. The other half is for what else runs; a curve ends where it would need more."""
    meminfo = pathlib.Path("/proc/meminfo").read_text(encoding="ascii")
    return int(re.search(r"MemAvailable:\s*(\d+) kB", meminfo).group(1)) // 2048


def chosen_options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("programs", type=pathlib.Path, nargs="?", help="the folder with the built benchmark programs")
    parser.add_argument("--quick", action="store_true", help="two rounds, short curves, without what takes minutes")
    parser.add_argument("--rounds", type=int, help="of every work (default 7; quick: 2)")
    parser.add_argument("--output", type=pathlib.Path, default=pathlib.Path("bench-report"), help="the folder to write to")
    parser.add_argument("--memory", type=int, help="MiB one program of a curve may take (default: half of what is free)")
    parser.add_argument("--only", type=lambda names: names.split(","), default=[], metavar="NAME[,NAME...]",
                        help="groups of run.py, and curves, of these names")
    parser.add_argument("--update-readme", action="store_true", help="replace the table in README.md")
    parser.add_argument("--from", dest="record", type=pathlib.Path, metavar="report.json", help="measure nothing")
    options = parser.parse_args()
    if (options.programs is None) == (options.record is None):
        parser.error("give either the folder of the programs or --from")
    if options.only and options.update_readme:
        parser.error("a part of the table cannot update the README")
    if options.rounds is not None and options.rounds < 1:
        parser.error("--rounds must be at least 1")
    if options.memory is not None and options.memory < 1:
        parser.error("--memory must be at least 1")
    return options


def measured(options):
    import collect  # only here: the rest needs no programs, and none of run.py's modules

    programs = options.programs.resolve()
    memory = options.memory or half_of_the_free_memory()
    suite = collect.suite(programs, options.rounds or (2 if options.quick else 7), options.quick, options.output,
                          options.only)
    growth = collect.growth(programs, options.quick, 1 if options.quick else 3, memory, options.only)
    return {"suite": suite, "growth": growth, "jump": collect.jumps(suite)}


def write(report, output):
    (output / "report.html").write_text(page.make(report), encoding="utf-8")
    (output / "report.md").write_text(markdown.make(report), encoding="utf-8")
    (output / "report.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


def main():
    options = chosen_options()
    options.output.mkdir(parents=True, exist_ok=True)
    if options.record:
        report = json.loads(options.record.read_text(encoding="utf-8"))
    else:
        report = measured(options)
    write(report, options.output)
    print(f"written: {options.output / 'report.html'}, report.md, report.json")
    if report["suite"]["failed"]:
        print(f"without figures: {', '.join(report['suite']['failed'])}", file=sys.stderr)
        return 1
    if options.update_readme:
        try:
            marked_part.replace(ROOT / "README.md", markdown.BEGIN, markdown.END, markdown.readme_table(report))
        except marked_part.Misplaced as error:
            print(f"bench_report.py: {error}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

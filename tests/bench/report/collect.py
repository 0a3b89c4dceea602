"""Runs what is to be reported: run.py with all its groups, and the curves; everything comes back as JSON has it."""

import json
import pathlib
import subprocess
import sys

import bends
import curves
from figures import OURS, median

BENCH = pathlib.Path(__file__).resolve().parent.parent
sys.path.append(str(BENCH))
import works  # noqa: E402  (its folder is only known now)
from programs import Failed, Unable, installed_peers, run_program  # noqa: E402

# Minutes, gigabytes, or both: not what a quick run is for.
NOT_QUICK = ("skynet", "parked_1000000", "yield_100000")
LIMIT = 300  # seconds, for one program of a curve


def measured_group(name, programs, rounds, path):
    """What run.py wrote of one group; None: nothing, and it has said why."""
    path.unlink(missing_ok=True)
    command = [sys.executable, str(BENCH / "run.py"), str(programs), name, "--rounds", str(rounds), "--json", str(path)]
    status = subprocess.run(command, check=False).returncode
    if not path.is_file():
        print(f"{name}: run.py ended with {status} and wrote no figures", file=sys.stderr, flush=True)
        return None
    record = json.loads(path.read_text(encoding="utf-8"))
    path.unlink()
    return record


def suite(programs, rounds, quick, output, only):
    """What run.py measured, group by group, so that one that fails does not take an hour's figures with it."""
    unknown = set(only) - set(works.GROUPS) - {curve.name for curve in curves.CURVES}
    if unknown:
        sys.exit(f"no such group or curve: {' '.join(sorted(unknown))}; there are {' '.join(works.GROUPS)} and the curves "
                 f"{' '.join(curve.name for curve in curves.CURVES)}")
    names = [name for name in works.GROUPS if (name in only if only else not (quick and name in NOT_QUICK))]
    records = {name: measured_group(name, programs, rounds, output / "group.json") for name in names}
    good = [record for record in records.values() if record]
    if not good:
        sys.exit(f"none of these groups gave any figures: {' '.join(names) or 'none was named'}")
    groups = [group for record in good for group in record["groups"]]
    return {**good[0], "groups": groups, "failed": [name for name, record in records.items() if not record],
            "unable": [name for name, record in records.items() if record and not record["groups"]]}


class Series:
    """One program over all numbers; its figures by name, as far as it came."""

    def __init__(self, curve, program, peer=None):
        self.curve, self.program, self.peer = curve, program, peer
        self.points, self.units, self.stopped = {}, {}, None

    def measure(self, count, rounds, memory):
        if self.stopped:
            return
        if self.peer and count > curves.PEERS_UP_TO:
            self.stopped = {"at": count, "why": f"peers are measured up to {curves.PEERS_UP_TO:,}, for want of memory"}
            return
        command = self.curve.command(self.program, count, peer=self.peer is not None)
        if self.curve.program == "growth_bench" and not self.peer:
            command += ["--memory", str(memory)]
        try:
            measured = [run_program(command, self.curve.one_processor, LIMIT) for _ in range(rounds)]
        except (Failed, Unable) as error:
            self.stopped = {"at": count, "why": " ".join(str(error).split())}
            print(f"  {self.peer or OURS}: stops before {count:,}: {self.stopped['why']}", flush=True)
            return
        for name, (_, unit) in measured[0].items():
            self.units[name] = unit
            # The least of what one thread did, as everywhere: noise only ever adds.
            self.points.setdefault(name, []).append([count, min(figures[name][0] for figures in measured)])

    def described(self):
        """As many series as the program has figures."""
        names = {"peer": self.peer} if self.peer else self.curve.figures
        for name, called in names.items():
            yield {"name": called, "unit": self.units.get(name, self.curve.unit), "points": self.points.get(name, []),
                   "drawn": name not in self.curve.only_in_table, "stopped": self.stopped if name in ("ours", "peer") else None}


def measure_curve(curve, programs, peers, numbers, rounds, memory):
    print(f"{curve.title}: {numbers[0]:,} to {numbers[-1]:,}", flush=True)
    able = [peer for peer in peers.values() if curve.peer_work in peer.works]
    all_series = [Series(curve, programs / curve.program),
                  *(Series(curve, peer.program, peer.name) for peer in able)]
    # Ours and the peers in turn for each number, so that drift of the machine hits all alike.
    for count in (number for number in numbers if number >= curve.least):
        for series in all_series:
            series.measure(count, rounds, memory)
    return {"name": curve.name, "title": curve.title, "number_of": curve.number_of, "unit": curve.unit, "remark": curve.remark,
            "series": [described for series in all_series for described in series.described()],
            "edges": bends.edges(curve.lines_each, bends.caches())}


def growth(programs, quick, rounds, memory, only):
    """All curves, or those named; `memory` is how many MiB one program may take."""
    peers = installed_peers(programs)
    numbers = curves.QUICK_NUMBERS if quick else curves.NUMBERS
    chosen = [curve for curve in curves.CURVES if not only or curve.name in only]
    return {"memory_mib": memory, "rounds": rounds, "machine": bends.caches(),
            "curves": [measure_curve(curve, programs, peers, numbers, rounds, memory) for curve in chosen]}


def jumps(suite_record):
    """The median raw jump over all works that have one: what the reader compares machines by."""
    values = [value for group in suite_record["groups"] for work in group["works"] for value in work["jump"] or ()]
    return median(values) if values else None

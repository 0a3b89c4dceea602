"""The figures of one work, round by round, ours and the peers'."""

import sys

from programs import PEERS, Failed, Unable, run_program


class Result:
    def __init__(self, work, peers):
        self.work = work
        self._peers = peers
        self._rounds = []
        self._others = {name: [] for name in PEERS}
        self._absent = {name: self._why_absent(name) for name in PEERS}
        self.failures = []
        self.unable = None  # why our own program cannot do it here

    def _why_absent(self, name):
        if name not in self._peers:
            return "not installed"
        return None if self.work.work in self._peers[name].works else "has none"

    def measure_round(self, directory, limit, cache):
        """One run of each program. `cache` holds what the same commands, on as many processors, have shown in this
        round: two rows may be about two figures of one run."""
        def figures_of(command):
            key = (command, self.work.one_processor)
            if key not in cache:
                cache[key] = run_program(list(command), self.work.one_processor, limit)
            return cache[key]

        command = self.work.command(directory)
        try:
            self._rounds.append(figures_of(command))
        except Unable as unable:
            self.unable = str(unable)
            return
        except Failed as failure:
            sys.exit(f"{' '.join(command)}\n{failure}")
        for name, peer in self._peers.items():
            if self._absent[name] is None:
                self._measure_peer(name, lambda: figures_of(self.work.peer_command(peer)))

    def _measure_peer(self, name, measure):
        try:
            value = measure()[self.work.peer_figure][0]
            if not value >= 0:  # NaN is not, either
                raise Failed(f"says {value:g}: what it measured is not what it was to measure")
            self._others[name].append(value)
        except Unable:
            self._absent[name] = "has none"
            self._others[name].clear()
        except KeyError:
            self._fail(name, f"prints no figure \"{self.work.peer_figure}\"")
        except Failed as failure:
            self._fail(name, str(failure))

    def _fail(self, name, why):
        """The others go on without it; the run says so at its end."""
        self._absent[name] = why.splitlines()[0]
        self._others[name].clear()
        self.failures.append(f"{self.work.title}: {name} {why}")

    def names(self):
        return list(self._rounds[0])

    def values(self, name):
        return [figures[name][0] for figures in self._rounds]

    def unit(self, name):
        return self._rounds[0][name][1]

    @property
    def rounds(self):
        return len(self._rounds)

    @property
    def ours(self):
        return self.values(self.work.figure)

    @property
    def floor(self):
        return self.values("floor") if self.work.floor and "floor" in self.names() else []

    @property
    def jump(self):
        """The raw jump of each round; some programs have it as their floor."""
        if "jump" in self.names():
            return self.values("jump")
        return self.values("floor") if self.work.floor == "raw jump" else []

    def peer(self, name):
        return self._others[name]

    def absent(self, name):
        """Why there is no figure of this peer; None: there is."""
        return self._absent[name]

    def others(self):
        """What a table of times has no column for: bytes, mappings, the way there and back."""
        return {name: self.values(name) for name in self.names()
                if name not in ("ours", "floor", "ratio", "jump", self.work.figure)}


def measure(group, peers, directory, rounds, limit):
    """Results of all works of a group: in each round every program runs once, so that drift hits all alike."""
    results = [Result(work, peers) for work in group]
    for number in range(rounds):
        cache = {}
        for result in results:
            if result.unable is None and number < min(rounds, result.work.rounds or rounds):
                result.measure_round(directory, limit, cache)
    return results

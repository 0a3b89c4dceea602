"""What is measured: which program does it, with which peers, what is demanded of it and what is aimed at."""

from dataclasses import dataclass, field

PEERS = ("Boost.Fiber", "State Threads")
PEER_PROGRAMS = {"Boost.Fiber": "boost_fiber_peer", "State Threads": "state_threads_peer"}


@dataclass(frozen=True)
class Work:
    title: str
    program: str
    # Arguments of our program, and those of the peers where they differ; a work no peer can do has peers=False.
    arguments: dict
    peer_arguments: dict = field(default_factory=dict)
    peers: bool = True
    # The highest median each figure may have before the run counts as failed.
    demands: dict = field(default_factory=dict)
    # The highest median of ours / peer; None: shown, not judged.
    against_peers: float | None = 1.0
    goal: str = ""
    # One processor for what has one thread; None lets the kernel place the threads.
    one_processor: bool = True
    # Bytes repeat from run to run, so a few rounds tell all; times need more.
    rounds: int | None = None

    def command(self, directory):
        return [str(directory / self.program), *flags(self.arguments)]

    def peer_command(self, directory, peer):
        work = self.program.removesuffix("_bench")
        known = ("tasks", "total", "round", "state", "in_flight", "threads")
        shared = {name: value for name, value in self.arguments.items() if name in known}
        return [str(directory / PEER_PROGRAMS[peer]), "--work", work, *flags({**shared, **self.peer_arguments})]


def flags(arguments):
    return [word for name, value in arguments.items() for word in ("--" + name, str(value))]


def yield_of(tasks, goal, stacks="small", demands=None):
    # The default stacks are larger than those the peers are given: not the same work, so shown and not judged.
    return Work(f"yield, {tasks:,} tasks, {stacks} stacks", "yield_bench",
                {"tasks": tasks, "total": 400_000, "stacks": stacks}, demands=demands or {},
                against_peers=1.0 if stacks == "small" else None, goal=goal)


def parked_of(tasks, state, goal, peers=True, demands=None, rounds=5, end="unwind"):
    # The peers' stacks have no guard, and their fibers are on one from the start: not the same work.
    return Work(f"{tasks:,} tasks, {state}", "parked_bench", {"tasks": tasks, "state": state, "end": end}, peers=peers,
                demands=demands or {}, against_peers=None, goal=goal, rounds=rounds)


def blocking_of(title, in_flight, total, one_processor, goal):
    # Neither peer has a pool: both run on the floor's own. Most of the figure is the kernel waking threads, which
    # differs by more than the runtimes do, so it stands beside ours and is not judged.
    return Work(title, "spawn_blocking_bench", {"in_flight": in_flight, "total": total, "threads": 4},
                against_peers=None, goal=goal, one_processor=one_processor)


def observed_of(title, program, arguments, observe):
    # No peer has hooks or histograms: what they cost is shown beside the same floor, and not judged.
    return Work(f"{title}, {observe} on", program, {**arguments, "observe": observe}, peers=False, against_peers=None)


OBSERVED = ("hooks", "histograms", "all")

def sync_of(title, work, goal):
    return Work(title, "sync_bench", {"work": work, "total": 400_000}, peers=False, goal=goal)


def echo_of(connections, total, goal):
    # The server and its clients are on a processor each: the program sees to that itself.
    return Work(f"echo, {connections:,} connections", "echo_bench", {"connections": connections, "total": total},
                peers=False, goal=goal, one_processor=False)


MILLION = {"resident_all": 4.4, "mappings": 63}

GROUPS = {
    "yield": [
        yield_of(2, "<= 3 x raw jump", demands={"ratio": 3.0}),
        yield_of(1_000, "<= 4 x raw jump"),
        yield_of(10_000, "<= 60 ns where raw jump is 5 (12 x)"),
        yield_of(10_000, "<= 100 ns where raw jump is 5 (20 x)", stacks="default"),
        *(observed_of("yield, 1,000 tasks", "yield_bench", {"tasks": 1_000, "total": 400_000}, what) for what in OBSERVED),
    ],
    "yield_100000": [
        yield_of(100_000, "<= 130 ns where raw jump is 5 (26 x)"),
        yield_of(100_000, "<= 220 ns where raw jump is 5 (44 x)", stacks="default"),
    ],
    "spawn_join": [
        Work("spawn + join, from a task", "spawn_join_bench", {"total": 100_000, "from": "task"},
             demands={"ratio": 16.0}, goal="<= 50 ns where raw jump is 5 (10 x)"),
        Work("spawn + join, from the root", "spawn_join_bench", {"total": 100_000, "from": "root"},
             demands={"ratio": 16.0}, goal="<= 50 ns where raw jump is 5 (10 x)"),
        *(observed_of("spawn + join, from a task", "spawn_join_bench", {"total": 100_000, "from": "task"}, what)
          for what in OBSERVED),
    ],
    "spawn_batch": [
        Work("spawn 100,000, join all: first", "spawn_batch_bench", {"tasks": 100_000, "round": "first"},
             goal="<= 80 ns where raw jump is 5 (16 x)"),
        Work("spawn 100,000, join all: warm", "spawn_batch_bench", {"tasks": 100_000, "round": "warm"},
             goal="<= 80 ns where raw jump is 5 (16 x)"),
    ],
    "parked": [
        parked_of(1_000, "chain", "<= 4,352 B"),
        parked_of(100_000, "chain", "<= 4,352 B"),
        parked_of(100_000, "sleep", "<= 4,352 B and a timer"),
        parked_of(100_000, "unstarted", "<= 256 B", demands={"ours": 256}),
    ],
    "parked_1000000": [
        parked_of(1_000_000, "chain", "<= 4.4 GiB, < 64 mappings", peers=False, demands=MILLION, rounds=3,
                  end="exit"),
        parked_of(1_000_000, "sleep", "<= 4.4 GiB, < 64 mappings", peers=False, demands=MILLION, rounds=3,
                  end="exit"),
        parked_of(1_000_000, "unstarted", "<= 256 B", peers=False, demands={"ours": 256}, rounds=3),
    ],
    "spawn_blocking": [
        blocking_of("one at a time, one processor", 1, 5_000, True, "<= 1.1 x raw"),
        blocking_of("one at a time, any processor", 1, 5_000, False, "<= 1.1 x raw"),
        blocking_of("1,000 in flight, one processor", 1_000, 50_000, True, "as many a second as libuv"),
        blocking_of("1,000 in flight, any processor", 1_000, 50_000, False, "as many a second as libuv"),
    ],
    "preload": [
        Work("a call outside fibers, through the preload library", "preload_bench", {"work": "outside", "total": 2_000_000},
             peers=False, goal="<= 3 ns more than the C library's own"),
        Work("send and receive a byte, on a fiber", "preload_bench", {"work": "fiber", "total": 40_000}, peers=False,
             goal="no goal: what a call costs that need not park"),
    ],
    "sync": [
        sync_of("mutex nobody else wants", "lock", "<= 10 ns where raw jump is 5 (2 x)"),
        sync_of("notify, per hop", "notify", "<= 25 ns where raw jump is 5 (5 x)"),
        sync_of("channel of capacity 1, per hop", "channel", "<= 35 ns where raw jump is 5 (7 x)"),
        sync_of("mutex, per hop", "mutex", "<= 35 ns where raw jump is 5 (7 x)"),
        sync_of("condition variable, per hop", "condition", "<= 35 ns where raw jump is 5 (7 x)"),
    ],
    "mpsc": [
        Work("unbounded, from another thread", "mpsc_bench", {"total": 1_000_000}, peers=False, one_processor=False,
             goal="<= 50 ns (>= 20 M/s)"),
    ],
    "echo": [
        echo_of(1, 20_000, "none"),
        echo_of(50, 100_000, "<= 1.03 x the epoll loop"),
        echo_of(1_000, 100_000, "<= 1.15 x the epoll loop"),
        echo_of(10_000, 100_000, "none"),
    ],
}

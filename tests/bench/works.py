"""What is measured: which program does it, what its peers call it, and which goal it has."""

import pathlib
import sys
from dataclasses import dataclass, field

from goals import Goal

HERE = pathlib.Path(__file__).resolve().parent


@dataclass(frozen=True)
class Work:
    title: str
    program: str
    arguments: dict = field(default_factory=dict)
    # What it is called when a peer is asked for it; None: nobody else has it.
    work: str | None = None
    # Which figure of our program, and of the peers', stands in the table.
    figure: str = "ours"
    peer_figure: str = "peer"
    # What the floor is, in words; None: there is none.
    floor: str | None = "raw jump"
    goal: Goal | None = None
    # False: the peers' figures stand beside ours for orientation, but they were given something else to do.
    same_work: bool = True
    # One processor for what has one thread; otherwise the kernel places the threads.
    one_processor: bool = True
    # Bytes repeat from run to run, so a few rounds tell all; times need more.
    rounds: int | None = None

    def path(self, directory):
        return HERE / self.program if self.program.endswith(".py") else directory / self.program

    def command(self, directory):
        if self.program.endswith(".py"):
            return (sys.executable, str(self.path(directory)), str(directory), *flags(self.arguments))
        return (str(self.path(directory)), *flags(self.arguments))

    def peer_command(self, peer):
        shared = {name: value for name, value in self.arguments.items() if name not in ("work", "stacks")}
        return (str(peer.program), "--work", self.work, *flags(shared))


@dataclass(frozen=True)
class Group:
    title: str
    works: list


def flags(arguments):
    return tuple(word for name, value in arguments.items() for word in ("--" + name, str(value)))


def within(limit, of="jump", figure="ours", unit="ns"):
    """A goal, in the words of what it is measured by."""
    texts = {"jump": f"<= {limit:g} {unit}", "floor": f"<= {limit:g} x floor", "value": f"<= {limit:,g} {unit}"}
    return Goal(texts.get(of, f"<= {limit:g} x {of.removeprefix('peer ')}"), limit, of, figure)


def yield_of(tasks, goal, stacks="small"):
    # Default stacks are larger than those the peers are given.
    return Work(f"yield, {tasks:,} tasks, {stacks} stacks", "yield_bench",
                {"tasks": tasks, "total": 400_000, "stacks": stacks}, work="yield", goal=goal,
                same_work=stacks == "small")


def spawn_join_from(where):
    return Work(f"spawn + join, from {'a task' if where == 'task' else 'the root'}", "spawn_join_bench",
                {"total": 100_000, "from": where}, work="spawn_join", goal=within(50))


def spawn_batch_of(which, floor):
    return Work(f"spawn 100,000, join all: {which}", "spawn_batch_bench", {"tasks": 100_000, "round": which},
                work="spawn_batch", floor=floor, goal=within(80))


def skynet_of(title, **more):
    return Work(title, "skynet_bench", {"leaves": 1_000_000}, work="skynet", rounds=3, **more)


def sync_of(title, work, limit):
    return Work(title, "sync_bench", {"work": work, "total": 400_000}, work=work, goal=within(limit))


def sync_beside_a_thread(title, work):
    # No peer is measured so.
    return Work(f"{title}, a second thread in the process", "sync_bench",
                {"work": work, "total": 400_000, "threads": 2})


def observed_of(title, program, arguments, observe):
    # No peer has hooks or histograms.
    return Work(f"{title}, {observe} on", program, {**arguments, "observe": observe})


def parked_of(tasks, state, **more):
    # The peers' stacks have no guard, and their fibers are on one from the start: not the same work.
    more = {"work": "parked", "rounds": 5, "goal": within(4352, "value", "resident", "B"), **more}
    title = f"{tasks:,} tasks, {state}" + (": page tables" if more.get("figure") == "page_tables" else "")
    floor = None if more.get("figure") == "page_tables" else "one page"
    return Work(title, "parked_bench", {"tasks": tasks, "state": state}, floor=floor, same_work=False, **more)


def million_of(title, state, end, **more):
    floor = None if "figure" in more else "one page"
    return Work(f"1,000,000 tasks, {title}", "parked_bench", {"tasks": 1_000_000, "state": state, "end": end},
                floor=floor, rounds=3, same_work=False, **more)


def blocking_of(title, in_flight, total, one_processor, goal):
    return Work(title, "spawn_blocking_bench", {"in_flight": in_flight, "total": total, "threads": 4},
                work="spawn_blocking", floor="raw pool and eventfd", goal=goal, one_processor=one_processor)


def echo_of(connections, total, goal=None):
    # The server and its clients are on a processor each: the programs see to that themselves.
    return Work(f"echo, {connections:,} connections", "echo_bench", {"connections": connections, "total": total},
                work="echo", floor="epoll loop", goal=goal, one_processor=False)


OBSERVED = ("hooks", "histograms", "all")
UNSTARTED = within(256, "value", unit="B")
MAPPINGS = within(64, "value", "mappings", "more")

GROUPS = {
    "yield": Group("Give way", [
        yield_of(2, within(3, "floor")),
        yield_of(1_000, within(4, "floor")),
        yield_of(10_000, within(60)),
        yield_of(10_000, within(100), stacks="default"),
        yield_of(100_000, within(130)),
        yield_of(100_000, within(220), stacks="default"),
        *(observed_of("yield, 1,000 tasks", "yield_bench", {"tasks": 1_000, "total": 400_000}, what)
          for what in OBSERVED),
    ]),
    "spawn_join": Group("Spawn and join, one at a time", [
        spawn_join_from("task"),
        spawn_join_from("root"),
        *(observed_of("spawn + join, from a task", "spawn_join_bench", {"total": 100_000, "from": "task"}, what)
          for what in OBSERVED),
    ]),
    "spawn_batch": Group("Spawn many, join them all", [
        spawn_batch_of("first", "first touch of huge pages"),
        spawn_batch_of("warm", "raw jump"),
    ]),
    "skynet": Group("A million tasks in a tree", [
        skynet_of("skynet, 1,000,000 leaves", floor="bare contexts, depth first", goal=within(350, unit="ms")),
        skynet_of("skynet, peak memory", figure="peak", peer_figure="peak", floor=None,
                  goal=within(1024, "value", "peak", "MiB")),
    ]),
    "sync": Group("Wait for one another", [
        sync_of("mutex nobody else wants", "lock", 10),
        sync_of("notify, per hop", "notify", 25),
        # No peer is measured so: what the processor mispredicts here is the same for all.
        Work("notify, per hop, each side with code of its own", "sync_bench",
             {"work": "notify_two_codes", "total": 400_000}),
        sync_of("channel of capacity 1, per hop", "channel", 35),
        sync_of("mutex, per hop", "mutex", 35),
        sync_of("condition variable, per hop", "condition", 35),
        *(sync_beside_a_thread(title, work) for title, work in (
            ("mutex nobody else wants", "lock"), ("notify, per hop", "notify"),
            ("channel of capacity 1, per hop", "channel"), ("mutex, per hop", "mutex"),
            ("condition variable, per hop", "condition"))),
    ]),
    "spawn_blocking": Group("To a pool thread and back", [
        blocking_of("one at a time, one processor", 1, 5_000, True, within(1.1, "floor")),
        blocking_of("one at a time, any processor", 1, 5_000, False, within(1.1, "floor")),
        blocking_of("1,000 in flight, one processor", 1_000, 50_000, True, within(1, "peer libuv")),
        blocking_of("1,000 in flight, any processor", 1_000, 50_000, False, within(1, "peer libuv")),
    ]),
    "mpsc": Group("Messages from another thread", [
        Work("unbounded, from another thread", "mpsc_bench", {"total": 1_000_000}, work="mpsc",
             floor="lock-free list and eventfd", goal=within(50), one_processor=False),
    ]),
    "sleep": Group("Sleeps, armed and fired", [
        Work("100,000 sleeps", "sleep_bench", {"tasks": 100_000}, work="sleep", floor="libev timers",
             goal=within(1_500), rounds=3),
    ]),
    "echo": Group("TCP echo of 64 bytes", [
        echo_of(1, 20_000),
        echo_of(50, 50_000, within(1.03, "floor")),
        echo_of(1_000, 50_000, within(1.15, "floor")),
        echo_of(10_000, 50_000),
        Work("system calls a message, besides epoll_wait", "system_calls.py", {"connections": 50, "total": 20_000},
             floor=None, goal=Goal("2.0 calls", 2.04, "value"), one_processor=False, rounds=1),
    ]),
    "preload": Group("Through the preload library", [
        Work("a call outside fibers", "preload_bench", {"work": "outside", "total": 2_000_000},
             floor="the C library's own", goal=Goal("<= 3 ns more", 3, "jump", "more")),
        Work("send and receive a byte, on a fiber", "preload_bench", {"work": "fiber", "total": 40_000},
             floor="the C library's own"),
    ]),
    "parked": Group("Memory of a parked task", [
        parked_of(1_000, "chain"),
        parked_of(100_000, "chain"),
        # 8 bytes for each page of a stack with its guard: five. And a few for the tables above them.
        parked_of(100_000, "chain", figure="page_tables", peer_figure="page_tables",
                  goal=within(42, "value", "page_tables", "B")),
        parked_of(100_000, "sleep"),
        parked_of(100_000, "unstarted", goal=UNSTARTED),
    ]),
    "parked_1000000": Group("A million parked tasks", [
        million_of("chain", "chain", "exit", figure="resident_all", goal=within(4.4, "value", "resident_all", "GiB")),
        million_of("chain: mappings", "chain", "exit", figure="mappings", goal=MAPPINGS),
        million_of("sleep", "sleep", "exit", figure="resident_all", goal=within(4.4, "value", "resident_all", "GiB")),
        million_of("sleep: mappings", "sleep", "exit", figure="mappings", goal=MAPPINGS),
        million_of("unstarted", "unstarted", "unwind", goal=UNSTARTED),
    ]),
    "library": Group("The shared library", [
        Work("size, stripped", "library_size.py", floor=None, rounds=1, goal=within(512, "value", unit="KiB")),
        Work("libraries it needs besides its four", "library_size.py", figure="foreign", floor=None, rounds=1,
             goal=within(0, "value", "foreign", "libraries")),
    ]),
}

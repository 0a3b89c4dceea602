"""What is measured as it grows: which program does it, for which numbers, and which of its figures are drawn."""

from dataclasses import dataclass, field

NUMBERS = tuple(10 ** exponent for exponent in range(7))
# Enough to see whether a curve bends in the caches, and done in a minute.
QUICK_NUMBERS = tuple(10 ** exponent for exponent in range(5))
# The peers' stacks have no guard and are whole pages more: a million of them is more memory than most machines have.
PEERS_UP_TO = 100_000


@dataclass(frozen=True)
class Curve:
    name: str
    title: str
    number_of: str
    unit: str
    program: str
    # Arguments beside the number, which `number` names; and what peers call the same work, if any does.
    arguments: dict
    number: str = "count"
    peer_work: str | None = None
    # Figures of our program: {name: what the report calls it}; the first is the curve itself.
    figures: dict = field(default_factory=dict)
    # Figures that only the table has: other units, or so far away that they would flatten the rest.
    only_in_table: tuple = ("memory", "dump_memory")
    # Cache lines that one operation touches of the task it is about, counted by cachegrind (tests/bench/README.md, "As
    # it grows"), beside one page of stack; None: operations touch the same few lines, however many tasks there are.
    lines_each: int | None = None
    one_processor: bool = True
    # The least number that says something: a clock is read around all, which takes some hundred nanoseconds.
    least: int = 1
    # What the shape of the curve does not say by itself.
    remark: str = ""

    def command(self, program, count, peer=False):
        shared = {"tasks" if peer else self.number: count} | {name: value for name, value in self.arguments.items() if name != "work"}
        work = self.peer_work if peer else self.arguments.get("work")
        words = [str(program), *(["--work", work] if work else [])]
        return words + [word for name, value in shared.items() for word in ("--" + name, str(value))]


def growth(name, title, number_of, unit, total, figures, **others):
    return Curve(name, title, number_of, unit, "growth_bench", {"work": name, "total": total}, figures=figures, **others)


CURVES = (
    growth("yield", "Give way among N ready tasks", "ready tasks", "ns/yield", 400_000,
           {"ours": "libruntime", "jump": "raw jump"}, peer_work="yield", lines_each=5,
           remark="One task has nobody to give way to, so nothing is switched."),
    growth("wake", "Wake one of N parked tasks, which runs and parks again", "parked tasks", "ns/wake", 100_000,
           {"ours": "random order", "in_order": "in order of making", "jump": "raw jump", "memory": "memory"},
           lines_each=15, remark="The same instructions for any number; the rest is waiting for memory, and in order of "
           "making the processor fetches ahead."),
    growth("spawn", "Spawn and join one task while N are parked", "parked tasks", "ns/task", 100_000,
           {"ours": "libruntime", "jump": "raw jump", "memory": "memory"}),
    Curve("batch", "Spawn N tasks, then join them all", "tasks", "ns/task", "spawn_batch_bench", {}, number="tasks",
          peer_work="spawn_batch", figures={"ours": "libruntime", "floor": "raw jump"}, least=1_000),
    growth("timer", "A timer among N armed ones", "armed timers", "ns", 100_000,
           {"ours": "armed and disarmed", "fire": "spawned, armed, fired, joined", "jump": "raw jump",
            "memory": "memory"}),
    growth("connection", "Echo on one of N open connections, 50 of them busy", "open connections", "us/message", 5_000,
           {"ours": "libruntime", "floor": "epoll loop", "memory": "memory", "jump": "raw jump"},
           only_in_table=("memory", "jump"), one_processor=False,
           remark="With fewer than 50 connections the server sleeps between messages: going to sleep and waking is most of "
           "the cost. The epoll loop shows what the kernel's sockets alone add as their number grows."),
    growth("dump", "Dump N parked tasks, for each of them", "parked tasks", "ns/task", 20_000,
           {"ours": "libruntime", "dump_memory": "memory of the dump", "memory": "memory of the task",
            "jump": "raw jump"}, only_in_table=("memory", "dump_memory", "jump")),
    growth("touch", "What the machine itself charges for one cache line of N", "lines", "ns/line", 1_000_000,
           {"ours": "each on a page of its own", "packed": "packed", "jump": "raw jump"}, only_in_table=("jump",), lines_each=1,
           remark="No code of ours: a ring of N lines is followed in random order. A stack is a page of its own, so this is "
           "the price of each line of a task that no cache holds any more."),
)

"""What a figure has to reach, as GOALS says it, and whether it did.

A goal is one of four kinds, by what it is measured `of`:

    floor       ours / floor of the same run, at most `limit`
    jump        a time that was set where a raw jump took 5.1 ns: the run's own raw jump scales it
    peer NAME   ours / that peer's figure of the same round, at most `limit`
    value       the figure itself, at most `limit`: bytes, counts
"""

import statistics
from dataclasses import dataclass

# What a raw jump_fcontext took on the machine, and in the hour, in which the times of the goals were set.
REFERENCE_JUMP = 5.1


@dataclass(frozen=True)
class Goal:
    text: str
    limit: float
    of: str
    # The figure of our program that is judged.
    figure: str = "ours"


@dataclass(frozen=True)
class Verdict:
    goal: Goal
    value: float | None  # in the terms of the goal: a ratio, or a time at the reference jump; None: nothing to judge by
    met: bool | None
    words: str


def _each_over(values, others):
    return statistics.median(value / other for value, other in zip(values, others))


def _judged(goal, value, words):
    met = value <= goal.limit
    return Verdict(goal, value, met, f"met: {words}" if met else f"MISSED by {_excess(goal, value)}: {words}")


def _excess(goal, value):
    return f"{100 * (value / goal.limit - 1):.0f} %" if goal.limit > 0 else f"{value:g}"


def _judge_by_jump(goal, values, jumps, unit):
    if not jumps:
        raise ValueError(f"the program prints no raw jump to judge \"{goal.text}\" by")
    value = REFERENCE_JUMP * _each_over(values, jumps)
    jump = statistics.median(jumps)
    here = goal.limit * jump / REFERENCE_JUMP
    return _judged(goal, value, f"{statistics.median(values):.4g} of {here:.4g} {unit} where a jump takes {jump:.3g} ns"
                                f" = {value:.4g} of {goal.limit:g} where it takes {REFERENCE_JUMP} ns")


def judge(goal, result):
    """`result` has values(name), unit(name), floor, jump and peer(name), each a list with one figure a round."""
    values = result.values(goal.figure)
    if goal.of == "jump":
        return _judge_by_jump(goal, values, result.jump, result.unit(goal.figure))
    if goal.of == "value":
        value = statistics.median(values)
        return _judged(goal, value, f"{value:.5g} of {goal.limit:g} {result.unit(goal.figure)}")
    if goal.of == "floor":
        value = _each_over(values, result.floor)
        return _judged(goal, value, f"{value:.3g} x the floor, of {goal.limit:g}")
    name = goal.of.removeprefix("peer ")
    others = result.peer(name)
    if not others:
        return Verdict(goal, None, None, f"not judged: no figure of {name}")
    value = _each_over(values, others)
    return _judged(goal, value, f"{value:.3g} x {name}, of {goal.limit:g}")

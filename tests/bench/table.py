"""The tables: ours against floor and goal, and the peers beside us."""

import statistics

from goals import judge
from programs import PEERS


def median_and_minimum(values):
    return f"{statistics.median(values):,.4g} ({min(values):,.4g})" if values else "-"


def against(result, peer):
    """The peer's figure as a multiple of ours, the median over the rounds; below 1 the peer is ahead."""
    return statistics.median(theirs / ours for ours, theirs in zip(result.ours, result.peer(peer)))


def ahead_of_us(result):
    """Peers that did the same work for less."""
    if not result.work.same_work:
        return "not the same work"
    found = [f"{peer} ({against(result, peer):.2f} x ours)" for peer in PEERS
             if result.peer(peer) and against(result, peer) < 1]
    return ", ".join(found) or ("none" if any(result.peer(peer) for peer in PEERS) else "-")


def our_row(result):
    floor = result.floor
    ratio = f"{statistics.median(o / f for o, f in zip(result.ours, floor)):.3g}" if floor else "-"
    goal = result.work.goal
    return [result.work.title, median_and_minimum(result.ours) + " " + result.unit(result.work.figure),
            median_and_minimum(floor), ratio, goal.text if goal else "none",
            judge(goal, result).words if goal else "", ahead_of_us(result)]


def peer_cell(result, peer):
    if result.peer(peer):
        return f"{median_and_minimum(result.peer(peer))} = {against(result, peer):.2f} x"
    return result.absent(peer) or "-"


def print_table(rows):
    widths = [max(len(cells[i]) for cells in rows) for i in range(len(rows[0]))]
    for cells in rows:
        print(" | ".join(cell.ljust(width) for cell, width in zip(cells, widths)).rstrip())


def print_peers(results):
    """A line for each peer, a column for each work: there are more peers than a screen is wide."""
    if not any(result.work.work for result in results):
        return
    print()
    works = [result for result in results if result.work.work]
    print_table([["peer", *(result.work.title for result in works)],
                 *([peer, *(peer_cell(result, peer) for result in works)] for peer in PEERS)])


def print_others(result):
    others = result.others()
    if others:
        texts = [f"{name} {statistics.median(values):,.4g} {result.unit(name)}" for name, values in others.items()]
        print(f"  {result.work.title}: " + ", ".join(texts))


def print_group(name, results):
    print(f"{name}: median (minimum) of {max(result.rounds for result in results)} interleaved rounds")
    print_table([["work", "ours", "floor", "ours/floor", "goal", "reached", "peers ahead of us"],
                 *(our_row(result) for result in results)])
    print_peers(results)
    for result in results:
        print_others(result)
    print(flush=True)

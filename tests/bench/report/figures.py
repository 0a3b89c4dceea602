"""What the rounds of one work say: medians, and ratios of what was measured in the same round."""

import statistics

# What a reader sees first: ours, then the floor, then the peers.
OURS = "libruntime"


def median(values):
    return statistics.median(values)


def ratio(values, others):
    """The median of the rounds' own ratios; None where one of the two was not measured."""
    pairs = [(value, other) for value, other in zip(values or (), others or ()) if other > 0]
    return statistics.median(value / other for value, other in pairs) if pairs else None


def number(value):
    """Three digits that count, as a person would write them."""
    if value == 0:
        return "0"
    if abs(value) >= 1e15 or abs(value) < 1e-4:
        return f"{value:.2e}"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def times(value):
    return "–" if value is None else f"{number(value)} ×"


def median_and_minimum(values):
    return f"{number(median(values))} ({number(min(values))})"


def floor_name(work):
    return f"floor: {work['floor_name']}" if work["floor_name"] else "floor"


def measured_peers(work):
    """{name: values} of those that have any."""
    return {name: peer["values"] for name, peer in work["peers"].items() if peer.get("values")}


def absent_peers(work):
    """In words, each with the reason; empty if all were measured."""
    return ", ".join(f"{name} ({peer['absent']})" for name, peer in work["peers"].items() if not peer.get("values"))


def best_peer(work):
    """(name, its median), or None. All figures are costs: the least is the best."""
    medians = {name: median(values) for name, values in measured_peers(work).items()}
    return min(medians.items(), key=lambda pair: pair[1]) if medians else None


def best_peer_words(work):
    """The best peer's figure, and how many times ours it is: above 1 we are ahead."""
    peer = best_peer(work)
    if peer is None:
        return "–"
    multiple = ratio(work["peers"][peer[0]]["values"], work["ours"])
    return f"{peer[0]} {number(peer[1])}" + (f" = {times(multiple)} ours" if multiple else "")


def verdict(goal):
    """(words, "met" | "missed" | "unjudged") of a work's goal."""
    if goal is None:
        return "no goal", "unjudged"
    if goal["met"] is None or goal["value"] is None:
        return "not judged", "unjudged"
    words = "met" if goal["met"] else "missed"
    return f"{words}: {number(goal['value'])} of {number(goal['limit'])}", words


def tally(suite):
    """How many goals were (met, missed, not judged)."""
    verdicts = [verdict(work["goal"])[1] for group in suite["groups"] for work in group["works"] if work["goal"]]
    return tuple(verdicts.count(kind) for kind in ("met", "missed", "unjudged"))

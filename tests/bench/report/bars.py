"""One work as horizontal bars: ours, its floor, and every peer that was measured."""

from figures import OURS, floor_name, measured_peers, median, number
from svg import WIDTH, LinearScale, LogScale, figure, line, short, text
from markup import tag

BAR, GAP, TOP, LEFT, RIGHT = 18, 10, 22, 118, 70
# Beyond this the shorter bars of a linear scale cannot be told apart.
LINEAR_UP_TO = 20


def bars_of(work):
    """(name, median, class) from top to bottom."""
    bars = [(OURS, median(work["ours"]), "ours")]
    if work["floor"]:
        bars.append(("floor", median(work["floor"]), "floor"))
    peers = sorted(measured_peers(work).items(), key=lambda pair: median(pair[1]))
    return bars + [(name, median(values), "peer") for name, values in peers]


def chart(name, work):
    bars = bars_of(work)
    values = [value for _, value, _ in bars if value > 0] or [1.0]
    logarithmic = max(values) / min(values) > LINEAR_UP_TO
    # A bar of the least value must still have a length.
    scale = (LogScale(min(values) / 2, max(values), LEFT, WIDTH - RIGHT) if logarithmic
             else LinearScale(max(values), LEFT, WIDTH - RIGHT))
    bottom = TOP + len(bars) * (BAR + GAP)
    content = []
    for tick in scale.ticks():
        content.append(line(scale(tick), TOP - 4, scale(tick), bottom, "grid"))
        content.append(text(scale(tick), TOP - 8, short(tick), "middle", "tick"))
    for i, (label, value, kind) in enumerate(bars):
        y = TOP + i * (BAR + GAP) + GAP / 2
        end = scale(value) if value > 0 else LEFT
        content.append(text(LEFT - 6, y + BAR - 5, label, "end"))
        content.append(tag("rect", x=LEFT, y=f"{y:.1f}", width=f"{max(end - LEFT, 1):.1f}", height=BAR, class_=kind))
        content.append(text(max(end, LEFT) + 5, y + BAR - 5, number(value)))
    unit = work["unit"] + (", logarithmic" if logarithmic else "")
    content.append(text(WIDTH - 4, bottom + 14, unit, "end", "tick"))
    said = "; ".join(f"{label} {number(value)}" for label, value, _ in bars)
    return figure(name, work["title"], f"{unit}: {said}.", bottom + 22, *content)


def rows(work):
    """What the chart shows and more, as the table beside it."""
    ours = median(work["ours"])

    def row(label, values):
        multiple = f"{number(median(values) / ours)} ×" if ours > 0 else "–"
        return [label, number(median(values)), number(min(values)), multiple]

    found = [row(OURS, work["ours"])]
    for label, values in ((floor_name(work), work["floor"]), ("raw jump (ns)", work["jump"])):
        if values and (values is work["floor"] or values != work["floor"]):
            found.append(row(label, values))
    return found + [row(label, values) for label, values in measured_peers(work).items()]

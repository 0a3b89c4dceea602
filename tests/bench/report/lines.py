"""A curve of cost against number, both logarithmic: a slope of nought is a cost that does not grow."""

from figures import number
from markup import tag
from svg import WIDTH, LogScale, figure, line, short, text

HEIGHT, TOP, LEFT, RIGHT, BOTTOM, LEGEND = 250, 26, 46, 14, 40, 16


def drawn(curve):
    """The series that are in the chart and have points."""
    return [series for series in curve["series"] if series["points"] and series["drawn"]]


def path(points, x, y, class_):
    steps = " ".join(f"{'M' if i == 0 else 'L'}{x(n):.1f} {y(value):.1f}" for i, (n, value) in enumerate(points))
    return tag("path", d=steps, class_=f"curve {class_}")


def edges(curve, x):
    """Upright lines at the numbers from which on a cache cannot hold what is touched."""
    most = max(n for series in drawn(curve) for n, _ in series["points"])
    inside = [edge for edge in curve["edges"] if 1 <= edge["at"] <= most]
    for i, edge in enumerate(inside):
        at = x(edge["at"])
        yield line(at, TOP, at, HEIGHT - BOTTOM, "edge")
        # In turn above and below, so that neighbours do not cover each other.
        yield text(at, TOP - 4 - 10 * (i % 2), edge["name"], "middle", "tick")


def legend(shown):
    for i, series in enumerate(shown):
        y = HEIGHT + i * LEGEND
        yield line(LEFT, y, LEFT + 24, y, f"curve s{i}")
        yield tag("circle", cx=LEFT + 12, cy=y, r=3, class_=f"dot s{i}")
        yield text(LEFT + 32, y + 4, series["name"])


def chart(name, curve):
    shown = drawn(curve)
    points = [point for series in shown for point in series["points"]]
    x = LogScale(1, max(n for n, _ in points), LEFT, WIDTH - RIGHT)
    y = LogScale(min(value for _, value in points), max(value for _, value in points), HEIGHT - BOTTOM, TOP)
    content = []
    for tick in x.ticks():
        content.append(line(x(tick), TOP, x(tick), HEIGHT - BOTTOM, "grid"))
        content.append(text(x(tick), HEIGHT - BOTTOM + 14, short(tick), "middle", "tick"))
    for tick in y.ticks():
        content.append(line(LEFT, y(tick), WIDTH - RIGHT, y(tick), "grid"))
        content.append(text(LEFT - 5, y(tick) + 4, short(tick), "end", "tick"))
    content.extend(edges(curve, x))
    for i, series in enumerate(shown):
        content.append(path(series["points"], x, y, f"s{i}"))
        content += [tag("circle", cx=f"{x(n):.1f}", cy=f"{y(value):.1f}", r=3, class_=f"dot s{i}")
                    for n, value in series["points"]]
    content.append(text((LEFT + WIDTH) / 2, HEIGHT - BOTTOM + 28, curve["number_of"], "middle", "tick"))
    content.append(text(2, 10, curve["unit"], "start", "tick"))
    content.extend(legend(shown))
    said = "; ".join(f"{series['name']} from {number(series['points'][0][1])} at {short(series['points'][0][0])} to "
                     f"{number(series['points'][-1][1])} at {short(series['points'][-1][0])}" for series in shown)
    return figure(name, curve["title"], f"{curve['unit']} against the number of {curve['number_of']}: {said}.",
                  HEIGHT + len(shown) * LEGEND, *content)


def rows(curve):
    """(head, rows) of the table: a row for each number, a column for each series."""
    counts = sorted({n for series in curve["series"] for n, _ in series["points"]})
    columns = [dict(map(tuple, series["points"])) for series in curve["series"]]
    head = [curve["number_of"], *(f"{series['name']}, {series['unit']}" for series in curve["series"])]
    return head, [[f"{n:,}", *(number(column[n]) if n in column else "–" for column in columns)] for n in counts]

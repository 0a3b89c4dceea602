"""What every chart is made of: a frame with a title, scales, a grid. Colours are classes of page.css, for light and dark."""

import math

from markup import tag

WIDTH = 440  # in the units of the drawing; small, so that its letters can still be read on a phone


def figure(name, title, description, height, *content):
    """`name` is unique in the page: it joins the drawing with its title and its description for who cannot see it."""
    return tag("svg", tag("title", title, id=f"{name}-title"), tag("desc", description, id=f"{name}-desc"), *content,
               xmlns="http://www.w3.org/2000/svg", viewBox=f"0 0 {WIDTH} {height}", role="img",
               aria_labelledby=f"{name}-title {name}-desc")


def text(x, y, words, anchor="start", class_="label"):
    return tag("text", words, x=f"{x:.1f}", y=f"{y:.1f}", text_anchor=anchor, class_=class_)


def line(x1, y1, x2, y2, class_):
    return tag("line", x1=f"{x1:.1f}", y1=f"{y1:.1f}", x2=f"{x2:.1f}", y2=f"{y2:.1f}", class_=class_)


class LinearScale:
    """From nought to `most`, onto start … end."""

    def __init__(self, most, start, end):
        self.most, self.start, self.end = most or 1.0, start, end

    def __call__(self, value):
        return self.start + (self.end - self.start) * value / self.most

    def ticks(self):
        step = 10 ** math.floor(math.log10(self.most))
        step = next(size for size in (step / 5, step / 2, step, step * 2) if self.most / size <= 5)
        return [step * i for i in range(int(self.most / step) + 1)]


class LogScale:
    """Whole decades around least … most, onto start … end."""

    def __init__(self, least, most, start, end):
        self.low = math.floor(math.log10(least))
        self.high = max(self.low + 1, math.ceil(math.log10(most)))
        self.start, self.end = start, end

    def __call__(self, value):
        share = (math.log10(value) - self.low) / (self.high - self.low)
        return self.start + (self.end - self.start) * share

    def ticks(self):
        return [10.0 ** exponent for exponent in range(self.low, self.high + 1)]


def short(value):
    """A number of a scale: 1, 100, 10k, 1M."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}"

"""HTML and SVG as nested calls: what is not Markup already is text, and is escaped. The result is well-formed XML too."""

from xml.sax.saxutils import escape, quoteattr

# HTML's own empty elements, and those SVG elements that have no content here.
EMPTY = {"meta", "br", "rect", "line", "path", "circle"}


class Markup(str):
    """Text that is markup already."""


def fragment(*children):
    return Markup("".join(child if isinstance(child, Markup) else escape(str(child)) for child in children))


def tag(name, *children, **attributes):
    """<name …>children</name>. `class_` stands for class, and an underscore for the hyphen SVG likes in names."""
    words = "".join(f" {key.rstrip('_').replace('_', '-') if key != 'viewBox' else key}={quoteattr(str(value))}"
                    for key, value in attributes.items())
    if name in EMPTY:
        return Markup(f"<{name}{words}/>")
    return Markup(f"<{name}{words}>{fragment(*children)}</{name}>")


def table(caption, head, rows):
    """A table in a box that scrolls by itself, so that a phone need not. The first cell of a row names it."""
    body = [tag("tr", tag("th", row[0], scope="row"), *(tag("td", cell) for cell in row[1:])) for row in rows]
    return tag("div", tag("table", tag("caption", caption),
                          tag("thead", tag("tr", *(tag("th", cell, scope="col") for cell in head))),
                          tag("tbody", *body)),
               class_="scroll", tabindex="0", role="region", aria_label=caption)

"""A part of a text file that a program writes: what stands between two lines, each of which is in the file once."""


class Misplaced(Exception):
    """The file does not have the two lines."""


def replace(path, begin, end, part):
    """A file without the two lines is left as it is."""
    text = path.read_text(encoding="utf-8")
    if text.count(begin) != 1 or text.count(end) != 1 or text.index(begin) > text.index(end):
        raise Misplaced(f"{path} does not have the two lines {begin} and {end} once each, in this order")
    before, rest = text.split(begin)
    path.write_text(f"{before}{begin}\n{part}\n{end}{rest.split(end)[1]}", encoding="utf-8")

"""Where a curve bends, and what of the machine ends there."""

import pathlib
import re

from figures import number
from svg import short

# A step of ten that costs this much more is a bend; less is noise, or a logarithm.
BEND = 1.4
PAGE = 4096


def _bytes(text):
    return int(text.rstrip("KM")) * {"K": 1024, "M": 1024 ** 2}.get(text[-1], 1)


def caches(root=pathlib.Path("/sys/devices/system/cpu/cpu0/cache"), cpuinfo=pathlib.Path("/proc/cpuinfo")):
    """What the kernel tells: data caches by name, in bytes; the size of a line; and what the TLB reaches, if told."""
    found, size_of_line = {}, 64
    for index in sorted(root.glob("index*")):
        if (index / "type").read_text(encoding="ascii").strip() != "Instruction":
            level = (index / "level").read_text(encoding="ascii").strip()
            found[f"L{level}"] = _bytes((index / "size").read_text(encoding="ascii").strip())
            size_of_line = int((index / "coherency_line_size").read_text(encoding="ascii"))
    tlb = re.search(r"(?m)^TLB size\s*:\s*(\d+) 4K pages", cpuinfo.read_text(encoding="utf-8"))
    return {"bytes": found, "line": size_of_line, "tlb_pages": int(tlb.group(1)) if tlb else None}


def edges(lines_each, found):
    """[{"name", "at", "why"}]: the numbers from which on a cache, or the TLB, cannot hold what a round touches."""
    if lines_each is None:
        return []
    each = lines_each * found["line"]
    result = [{"name": name, "at": size / each,
               "why": f"{name} ({size // 1024:,} KiB) holds what {size // each:,} of them touch, {each} B each"}
              for name, size in found["bytes"].items()]
    if found["tlb_pages"]:
        result.append({"name": "TLB", "at": found["tlb_pages"],
                       "why": f"the TLB reaches {found['tlb_pages']:,} pages, and each of them has one of its own"})
    return sorted(result, key=lambda edge: edge["at"])


def _near(curve, low, high):
    """Edges within the step, or a little beside it: a cache begins to fail before it is full, as others use it, too."""
    return [edge["why"] for edge in curve["edges"] if low / 2 <= edge["at"] < 1.5 * high]


def notes(curve):
    """One sentence for each bend of the first series, or one that there is none; and why a series ends early."""
    first = curve["series"][0]
    if curve["remark"]:
        yield curve["remark"]
    steps = [(low, high) for low, high in zip(first["points"], first["points"][1:]) if high[1] > BEND * low[1]]
    for (low, cost), (high, more) in steps:
        reasons = _near(curve, low, high)
        yield (f"From {short(low)} to {short(high)} the cost grows by {number(more / cost)} ×"
               + (": " + "; ".join(reasons) + "." if reasons else "."))
    if not steps and len(first["points"]) > 1:
        costs = [cost for _, cost in first["points"]]
        yield f"No step of ten costs more than {BEND} times the one before: {number(min(costs))} to {number(max(costs))}."
    for series in curve["series"]:
        if series["stopped"]:
            yield f"{series['name']} ends before {short(series['stopped']['at'])}: {series['stopped']['why']}."

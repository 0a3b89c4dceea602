"""The report as one page that needs nothing but itself."""

import pathlib

import bars
import bends
import lines
from figures import (absent_peers, best_peer_words, floor_name, median, median_and_minimum, number, ratio, tally, times, verdict)
from markup import Markup, fragment, table, tag

STYLE = pathlib.Path(__file__).with_name("page.css")
MARKS = {"met": "met", "missed": "missed"}

METHOD = (
    "Every program of a work runs once in each round, ours and the peers', one after the other, so that drift of the "
    "machine hits all alike. Figures are medians over the rounds with the minimum in brackets; a ratio is the median of "
    "the ratios of the rounds.",
    "Our programs measure their floor, the least code that could do the work, in the same process, in five slices in "
    "turn with it. What one thread does is timed by that thread's processor time, and the least slice counts; what "
    "several threads do is timed by the clock on the wall, and the median slice counts.",
    "A goal is a ratio to the floor, to the raw jump of the same run, or to a peer; times were set where a raw jump took "
    "5.1 ns, and are scaled by the run's own. Peers are given their best documented way, in optimised builds.",
    "Curves show the least of their rounds. A dashed upright line stands where the data that one round of operations "
    "touches outgrows a cache, or the number of stacks what the TLB reaches.",
)


def summary(suite):
    """One row for each work of all groups."""
    rows = []
    for group in suite["groups"]:
        for work in group["works"]:
            words, kind = verdict(work["goal"])
            rows.append([work["title"], f"{median_and_minimum(work['ours'])} {work['unit']}",
                         median_and_minimum(work["floor"]) if work["floor"] else "–", times(ratio(work["ours"], work["floor"])),
                         best_peer_words(work),
                         tag("span", words, class_=MARKS.get(kind, "unjudged"))])
    head = ["work", "ours", "floor", "ours / floor", "best peer", "goal"]
    return table("All works: median (minimum) of the rounds", head, rows)


def goal_line(work):
    if work["goal"] is None:
        return tag("p", "No goal.", class_="goal")
    words, kind = verdict(work["goal"])
    return tag("p", f"Goal: {work['goal']['text']} – ", tag("span", words, class_=MARKS.get(kind, "unjudged")),
               class_="goal")


def others_line(work):
    others = [f"{name} {number(median(values))}" for name, values in work["others"].items() if values]
    absent = absent_peers(work)
    return fragment(tag("p", f"Also: {', '.join(others)}.") if others else Markup(),
                    tag("p", f"Not measured: {absent}.", class_="absent") if absent else Markup())


def work_section(name, work):
    ours_to_floor = ratio(work["ours"], work["floor"])
    head = ["", f"median, {work['unit']}", "minimum", "× ours"]
    caption = f"{work['title']}, {len(work['ours'])} rounds"
    return tag("section", tag("h3", work["title"]), goal_line(work),
               tag("p", f"{times(ours_to_floor)} the {floor_name(work)}.") if ours_to_floor else Markup(),
               tag("div", bars.chart(name, work), table(caption, head, bars.rows(work)), class_="pair"), others_line(work))


def curve_section(name, curve):
    head, rows = lines.rows(curve)
    notes = tag("ul", *(tag("li", note) for note in bends.notes(curve)))
    drawing = lines.chart(name, curve) if lines.drawn(curve) else tag("p", "Nothing was measured.")
    return tag("section", tag("h3", curve["title"]),
               tag("div", drawing, table(f"{curve['title']}: cost against number", head, rows), class_="pair"), notes)


def machine_table(suite):
    rows = [[name, str(value)] for name, value in {**suite["machine"], **suite["versions"]}.items()]
    return table("Machine and versions", ["what", "which"], rows)


def heading(report):
    suite = report["suite"]
    met, missed, unjudged = tally(suite)
    jump = f" A raw jump took {number(report['jump'])} ns." if report["jump"] else ""
    left_out = [tag("p", f"{why}: {', '.join(names)}.", class_="missed")
                for why, names in (("Without figures, as run.py failed", suite["failed"]),
                                   ("Not built, or more than this machine can do", suite["unable"])) if names]
    return fragment(
        tag("h1", "libruntime: what it costs"),
        tag("p", f"Measured {suite['made']} on {suite['machine']['processor']}, {suite['machine']['processors']} "
                 f"processors, Linux {suite['machine']['kernel']}; {suite['rounds']} rounds.{jump}"),
        tag("p", f"Goals: {met} met, {missed} missed, {unjudged} not judged."),
        *left_out,
        tag("p", "A time alone says little: machines differ, and so do hours. Read the ratios, to the floor and to the "
                 "peers of the same round. All figures are costs: less is better."))


def make(report):
    """`report`: {"suite": what run.py writes, "growth": what collect.growth() gives, "jump": a number or None}."""
    suite, curves = report["suite"], report["growth"]["curves"]
    parts = [(f"group-{group['name']}", group["title"],
              [work_section(f"{group['name']}-{i}", work) for i, work in enumerate(group["works"])])
             for group in suite["groups"]]
    parts.append(("growth", "As it grows", [curve_section(f"curve-{curve['name']}", curve) for curve in curves]))
    parts.append(("method", "Method", [tag("p", sentence) for sentence in METHOD]))
    parts.append(("machine", "Machine and versions", [machine_table(suite)]))
    links = tag("nav", tag("ul", *(tag("li", tag("a", title, href=f"#{name}")) for name, title, _ in parts)),
                aria_label="Contents")
    sections = [tag("section", tag("h2", title, id=name), *content) for name, title, content in parts]
    # In a style element, > and & mean themselves to HTML; the style sheet has neither, so XML agrees.
    head = tag("head", tag("meta", charset="utf-8"),
               tag("meta", name_="viewport", content="width=device-width, initial-scale=1"),
               tag("title", "libruntime: benchmarks"), tag("style", Markup(STYLE.read_text(encoding="utf-8"))))
    body = tag("body", tag("header", heading(report)), links, tag("main", summary(suite), *sections))
    return f"<!DOCTYPE html>\n{tag('html', head, body, lang='en')}\n"

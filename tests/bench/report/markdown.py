"""The report as Markdown, and the README's table in its place."""

import bends
import lines
from figures import best_peer_words, floor_name, median, number, ratio, tally, times, verdict

BEGIN = "<!-- bench:begin -->"
END = "<!-- bench:end -->"


def plain(text):
    """Text that Markdown takes for nothing else."""
    return str(text).replace("&", "&amp;").replace("<", "&lt;").replace("|", "\\|")


def row(cells):
    return "| " + " | ".join(plain(cell) for cell in cells) + " |"


def table(head, rows):
    return "\n".join([row(head), row(["---", *["---:"] * (len(head) - 1)]), *map(row, rows)])


def works_table(suite):
    rows = []
    for group in suite["groups"]:
        for work in group["works"]:
            rows.append([work["title"], f"{number(median(work['ours']))} {work['unit']}",
                         f"{times(ratio(work['ours'], work['floor']))} {work['floor_name'] or ''}".strip(),
                         best_peer_words(work), verdict(work["goal"])[0]])
    return table(["Work", "libruntime", "to its floor", "Best peer", "Goal"], rows)


def provenance(report):
    suite = report["suite"]
    met, missed, unjudged = tally(suite)
    return plain(f"Medians of {suite['rounds']} rounds, {suite['made'][:10]}, {suite['machine']['processor']}, Linux "
                 f"{suite['machine']['kernel']}, {suite['machine']['compiler']}. Goals: {met} met, {missed} missed, "
                 f"{unjudged} not judged. `tools/bench-report` makes this table and the whole report.")


def readme_table(report):
    return f"{works_table(report['suite'])}\n\n{provenance(report)}"


def curve_part(curve):
    head, rows = lines.rows(curve)
    notes = "\n".join(f"- {note}" for note in bends.notes(curve))
    return f"### {curve['title']}\n\n{table(head, rows)}\n\n{notes}"


def peers_part(suite):
    names = sorted({name for group in suite["groups"] for work in group["works"] for name in work["peers"]})
    rows = []
    for group in suite["groups"]:
        for work in group["works"]:
            cells = [number(median(work["peers"][name]["values"])) if work["peers"].get(name, {}).get("values")
                     else work["peers"].get(name, {}).get("absent", "–") for name in names]
            rows.append([work["title"], work["unit"], number(median(work["ours"])),
                         f"{number(median(work['floor']))} ({floor_name(work)})" if work["floor"] else "–", *cells])
    return table(["Work", "unit", "libruntime", "floor", *names], rows)


def make(report):
    suite = report["suite"]
    machine = table(["What", "Which"], [[name, value] for name, value in {**suite["machine"], **suite["versions"]}.items()])
    parts = ["# libruntime: what it costs", provenance(report), "## All works", works_table(suite), "## Every peer",
             peers_part(suite), "## As it grows", *(curve_part(curve) for curve in report["growth"]["curves"]),
             "## Machine and versions", machine]
    return "\n\n".join(parts) + "\n"

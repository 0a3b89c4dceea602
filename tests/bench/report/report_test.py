#!/usr/bin/env python3
"""Makes the report of fixture.json and reads it back as a browser would: nothing lost, nothing foreign, nothing invented."""

import json
import pathlib
import re
import sys
import tempfile
import unittest
import xml.etree.ElementTree as ElementTree

sys.dont_write_bytecode = True

import bends  # noqa: E402
import curves  # noqa: E402
import figures  # noqa: E402
import markdown  # noqa: E402
import page  # noqa: E402
from svg import LinearScale, LogScale  # noqa: E402

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent.parent / "support"))
import marked_part  # noqa: E402

FIXTURE = pathlib.Path(__file__).with_name("fixture.json")
SVG = "{http://www.w3.org/2000/svg}"


def words(element):
    return " ".join("".join(element.itertext()).split())


def attributes(root):
    return [(element.tag, name, value) for element in root.iter() for name, value in element.attrib.items()]


def foreign(root):
    """What a page would fetch from elsewhere: every address but those of places within the page."""
    fetched = [value for _, name, value in attributes(root)
               if name in ("href", "src", "srcset", "data", "action", "poster", "xlink:href") and not value.startswith("#")]
    styles = [text for element in root.iter() if element.tag == "style" for text in re.findall(r"url\(|@import", words(element))]
    scripts = [element.tag for element in root.iter() if element.tag in ("script", "link", "iframe", "object", "img")]
    return fetched + styles + scripts


class ReportTest(unittest.TestCase):
    def setUp(self):
        self.report = json.loads(FIXTURE.read_text(encoding="utf-8"))
        self.works = [work for group in self.report["suite"]["groups"] for work in group["works"]]
        self.text = page.make(self.report)
        self.root = ElementTree.fromstring(self.text)  # fails if it is not well-formed
        self.titles = {element.findtext("h3"): element for element in self.root.iter("section") if element.find("h3") is not None}

    def test_every_work_and_every_curve_has_a_section_with_its_table(self):
        for title in [work["title"] for work in self.works] + [curve["title"] for curve in self.report["growth"]["curves"]]:
            self.assertIsNotNone(self.titles[title].find(".//table"), title)

    def test_medians_and_minima_are_those_of_the_json(self):
        self.assertIn(["libruntime", "11.8", "11.2", "1 ×"], self.rows_of("yield, 2 tasks"))
        self.assertIn(["Boost.Fiber", "94.5", "93.5", "8.04 ×"], self.rows_of("yield, 2 tasks"))
        self.assertIn(["libruntime", "4,332", "4,331", "1 ×"], self.rows_of("100,000 tasks, chain"))
        self.assertIn(["100", "11.2", "–", "–"], self.rows_of("Give way among N ready tasks"))

    def test_a_ratio_is_the_median_of_the_rounds_own(self):
        self.assertAlmostEqual(figures.ratio([1.0, 4.0, 9.0], [1.0, 2.0, 3.0]), 2.0)
        self.assertIn("2.17 × the floor: raw jump.", words(self.titles["yield, 2 tasks"]))

    def test_absent_peers_are_named_with_the_reason(self):
        self.assertIn("Not measured: Tokio (not installed), libuv (has none).", words(self.titles["yield, 2 tasks"]))
        self.assertNotIn("Not measured", words(self.titles["nothing to judge"]))

    def test_goals_are_told_as_they_were_judged(self):
        self.assertEqual(figures.tally(self.report["suite"]), (1, 1, 1))
        self.assertIn("Goals: 1 met, 1 missed, 1 not judged.", words(self.root))
        self.assertIn("missed: 6.27 of 4", words(self.titles["yield, 1,000 tasks"]))
        self.assertIn("No goal.", words(self.titles["nothing to judge"]))

    def test_a_group_without_figures_is_not_passed_over(self):
        self.assertIn("Without figures, as run.py failed: skynet.", words(self.root))
        self.assertIn("Not built, or more than this machine can do: preload, library.", words(self.root))
        self.report["suite"]["failed"] = []
        self.assertNotIn("Without figures", page.make(self.report))

    def test_nothing_comes_from_elsewhere(self):
        self.assertEqual(foreign(self.root), [])
        self.assertNotIn("http://", self.text.replace("http://www.w3.org/2000/svg", ""))
        self.assertNotIn("https://", self.text)

    def test_what_comes_from_elsewhere_would_be_seen(self):
        for planted in ('<img src="x.png"/>', '<a href="//x.example">x</a>', "<style>@import 'x';</style>",
                        "<script>x</script>"):
            self.assertNotEqual(foreign(ElementTree.fromstring(f"<html>{planted}</html>")), [], planted)

    def test_each_drawing_has_a_title_and_a_description_of_its_own(self):
        drawings = list(self.root.iter(f"{SVG}svg"))
        self.assertEqual(len(drawings), len(self.works) + 1)  # a curve without a point has no drawing
        ids = [value for _, name, value in attributes(self.root) if name == "id"]
        self.assertEqual(len(ids), len(set(ids)))
        for drawing in drawings:
            for name in drawing.get("aria-labelledby").split():
                self.assertIn(name, ids)
            self.assertTrue(words(drawing.find(f"{SVG}title")) and words(drawing.find(f"{SVG}desc")))

    def test_a_bar_is_as_long_as_its_figure(self):
        bars = [float(bar.get("width")) for bar in self.titles["yield, 1,000 tasks"].iter(f"{SVG}rect")]
        self.assertEqual(len(bars), 3)
        self.assertAlmostEqual(bars[2] / bars[0], 70.5 / 33.5, delta=0.02)

    def test_a_curve_goes_through_its_points(self):
        drawing = self.titles["Give way among N ready tasks"].find(f".//{SVG}svg")
        drawn = [[tuple(map(float, step[1:].split())) for step in re.findall(r"[ML][^ML]+", path.get("d"))]
                 for path in drawing.iter(f"{SVG}path")]
        dots = [(float(dot.get("cx")), float(dot.get("cy"))) for dot in drawing.iter(f"{SVG}circle")]
        self.assertEqual([len(points) for points in drawn], [4, 2])  # memory has another unit, and is in the table only
        for point in drawn[0] + drawn[1]:
            self.assertIn(point, dots)
        steps = [(right[0] - left[0], left[1] - right[1]) for left, right in zip(drawn[0], drawn[0][1:])]
        self.assertAlmostEqual(steps[0][0], steps[2][0], delta=0.2)  # each step is one of ten
        # Upwards by the logarithm of the cost: 6.25 to 10.75 is less of a step than 11.25 to 25.5.
        self.assertAlmostEqual(steps[2][1] / steps[0][1], 0.8183 / 0.5423, delta=0.02)

    def test_a_scale_is_logarithmic_only_where_bars_would_vanish(self):
        self.assertNotIn("logarithmic", words(self.titles["yield, 2 tasks"].find(f".//{SVG}svg")))
        self.works[0]["peers"]["Go"]["values"] = [5000.0, 5000.0, 5000.0]
        self.assertEqual(page.make(self.report).count("logarithmic: libruntime"), 1)

    def test_scales_keep_their_ends(self):
        self.assertEqual([LinearScale(8, 100, 300)(value) for value in (0, 4, 8)], [100, 200, 300])
        self.assertEqual([LogScale(1, 100, 0, 200)(value) for value in (1, 10, 100)], [0, 100, 200])
        self.assertEqual(LogScale(1, 1000, 0, 1).ticks(), [1, 10, 100, 1000])

    def test_bends_are_named_with_what_ends_there_and_ends_with_the_reason(self):
        notes = list(bends.notes(self.report["growth"]["curves"][0]))
        self.assertEqual(len([note for note in notes if note.startswith("From")]), 2)
        self.assertEqual(notes[0], "One task has nobody to give way to.")
        self.assertIn("From 100 to 1k the cost grows by 2.27 ×: L1 (32 KiB)", notes[2])
        self.assertIn("Boost.Fiber ends before 100: peers are measured", notes[-1])
        self.assertIn("needs about 5.3 GiB", words(self.titles["Dump N parked tasks, for each of them"]))

    def test_edges_are_where_what_is_touched_outgrows_a_cache(self):
        edges = bends.edges(5, self.report["growth"]["machine"])
        self.assertEqual([(edge["name"], int(edge["at"])) for edge in edges], [("L1", 102), ("L2", 3276), ("TLB", 3584)])
        self.assertEqual(bends.edges(None, self.report["growth"]["machine"]), [])

    def test_peers_are_asked_for_the_same_work_in_their_own_words(self):
        by_name = {curve.name: curve for curve in curves.CURVES}
        self.assertEqual(by_name["wake"].command("w", 10), ["w", "--work", "wake", "--count", "10", "--total", "100000"])
        self.assertEqual(by_name["yield"].command("p", 10, peer=True),
                         ["p", "--work", "yield", "--tasks", "10", "--total", "400000"])
        self.assertEqual(by_name["batch"].command("b", 1000), ["b", "--tasks", "1000"])
        self.assertEqual(by_name["batch"].command("p", 1000, peer=True), ["p", "--work", "spawn_batch", "--tasks", "1000"])

    def test_markdown_has_every_work_and_every_peer(self):
        text = markdown.make(self.report)
        for work in self.works:
            self.assertIn(f"| {work['title']} |", text)
        for name in ("Boost.Fiber", "Go", "Tokio", "libuv", "threads"):
            self.assertIn(f"| {name} |", text)

    def test_a_file_changes_between_its_two_lines_and_nowhere_else(self):
        begin, end = markdown.BEGIN, markdown.END
        with tempfile.TemporaryDirectory() as scratch:
            readme = pathlib.Path(scratch) / "README.md"
            readme.write_text(f"before\n{begin}\nold\nolder\n{end}\nafter\n", encoding="utf-8")
            marked_part.replace(readme, begin, end, "| new |")
            self.assertEqual(readme.read_text(encoding="utf-8"), f"before\n{begin}\n| new |\n{end}\nafter\n")

    def test_a_file_without_its_two_lines_is_left_alone(self):
        begin, end = markdown.BEGIN, markdown.END
        with tempfile.TemporaryDirectory() as scratch:
            readme = pathlib.Path(scratch) / "README.md"
            for text in ("no such lines\n", f"{end}\n{begin}\n", f"{begin}\n{begin}\n{end}\n"):
                readme.write_text(text, encoding="utf-8")
                self.assertRaises(marked_part.Misplaced, marked_part.replace, readme, begin, end, "new")
                self.assertEqual(readme.read_text(encoding="utf-8"), text)

    def rows_of(self, title):
        return [[words(cell) for cell in row] for row in self.titles[title].iter("tr")]


if __name__ == "__main__":
    unittest.main()

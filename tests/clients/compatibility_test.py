"""psql, redis-cli and curl under runtime-run, unchanged; and how the table of the README is replaced."""

import pathlib
import tempfile
import unittest

import client_test  # noqa: F401  finds the modules of tests/examples
from compatibility import BEGIN, END, Wrong, program_rows, update
from databases import PostgreSQL, Redis
from example_support import programs_from_command_line
from web_server import WebServers

BUILD = programs_from_command_line(1)


class ProgramsUnderRuntimeRun(unittest.TestCase):
    def test_they_print_what_they_print_alone_in_both_modes(self):
        with PostgreSQL() as postgres, Redis() as redis, WebServers() as web:
            rows = list(program_rows({"postgres": postgres, "redis": redis, "web": web}, BUILD, None))
        self.assertEqual([row.split("`")[1] for row in rows], ["psql", "redis-cli", "curl"])


class Readme(unittest.TestCase):
    def setUp(self):
        directory = self.enterContext(tempfile.TemporaryDirectory(prefix="libruntime-test-"))
        self.readme = pathlib.Path(directory) / "README.md"

    def test_the_table_replaces_what_stands_between_the_marks(self):
        self.readme.write_text(f"before\n{BEGIN}\nold\nolder\n{END}\nafter\n", encoding="utf-8")
        update(self.readme, "| new |")
        self.assertEqual(self.readme.read_text(encoding="utf-8"), f"before\n{BEGIN}\n| new |\n{END}\nafter\n")

    def test_a_file_without_the_marks_is_left_alone(self):
        for text in ("no marks\n", f"{END}\n{BEGIN}\n", f"{BEGIN}\n{BEGIN}\n{END}\n"):
            self.readme.write_text(text, encoding="utf-8")
            with self.assertRaises(Wrong):
                update(self.readme, "| new |")
            self.assertEqual(self.readme.read_text(encoding="utf-8"), text)


if __name__ == "__main__":
    unittest.main()

"""psql, redis-cli and curl under runtime-run, unchanged."""

import unittest

import client_test  # noqa: F401  finds the modules of tests/examples
from compatibility import program_rows
from databases import PostgreSQL, Redis
from example_support import programs_from_command_line
from web_server import WebServers

BUILD = programs_from_command_line(1)


class ProgramsUnderRuntimeRun(unittest.TestCase):
    def test_they_print_what_they_print_alone_in_both_modes(self):
        with PostgreSQL() as postgres, Redis() as redis, WebServers() as web:
            rows = list(program_rows({"postgres": postgres, "redis": redis, "web": web}, BUILD, None))
        self.assertEqual([row.split("`")[1] for row in rows], ["psql", "redis-cli", "curl"])


if __name__ == "__main__":
    unittest.main()

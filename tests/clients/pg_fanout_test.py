"""The example pg_fanout: 200 queries that sleep half a second each, on one thread of the client."""

import re
import unittest

from client_test import run
from databases import PostgreSQL
from example_support import programs_from_command_line

PG_FANOUT = programs_from_command_line(1)


class PgFanout(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.postgres = cls.enterClassContext(PostgreSQL())

    def test_two_hundred_queries_take_a_small_part_of_the_time_they_sleep(self):
        done = run(PG_FANOUT, "--count", "200", "--seconds", "0.5", self.postgres.conninfo())
        print(done.stdout, end="", flush=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        found = re.fullmatch(r"200 of 200 right in ([\d.]+) s, threads (\d+); .*sleep 100\.0 s\n", done.stdout)
        self.assertTrue(found, done.stdout)
        self.assertLess(float(found[1]), 10)
        self.assertEqual(found[2], "1")
        print("within 1 s:", "yes" if float(found[1]) <= 1 else "no")

    def test_a_server_that_is_not_there_is_an_error_for_every_query(self):
        done = run(PG_FANOUT, "--count", "3", "host=127.0.0.1 port=1")
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stderr.count("Connection refused"), 3, done.stderr)
        self.assertIn("0 of 3 right", done.stdout)


if __name__ == "__main__":
    unittest.main()

"""Calls of unmodified libraries that are ended in the middle: they fail as if the network had, and a new one works."""

import unittest

from client_test import ClientTest
from example_support import programs_from_command_line, run

CLIENT_WORK = programs_from_command_line(1)
LIBRARIES = ["postgres", "redis", "mariadb", "http", "https", "openssl"]


class Interrupted(ClientTest):
    def check(self, mode):
        for library in LIBRARIES:
            with self.subTest(library=library):
                done = run(CLIENT_WORK, *self.words, mode, library)
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
                self.assertIn("usable afterwards", done.stdout)
                print(done.stdout, end="", flush=True)

    def test_a_cancelled_call_ends_with_an_error(self):
        self.check("cancel")

    def test_a_timeout_ends_a_call(self):
        self.check("timeout")


if __name__ == "__main__":
    unittest.main()

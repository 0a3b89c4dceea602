"""embed_poll, embed_glib, embed_libuv: tasks make progress inside a loop of the program's own, which does not spin."""

import re
import unittest

from example_support import programs_from_command_line, run

PROGRAM = programs_from_command_line(1)


class Embedding(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.result = run(PROGRAM)

    def number(self, pattern):
        found = re.search(pattern, self.result.stdout)
        self.assertIsNotNone(found, self.result.stdout)
        return int(found.group(1))

    def test_all_tasks_come_to_their_end(self):
        self.assertEqual(self.result.returncode, 0, self.result.stderr)
        self.assertEqual(self.result.stderr, "")
        for line in ("ticks: 10", "echo: one two three", "sum from the pool: 500500"):
            self.assertIn(line + "\n", self.result.stdout)

    def test_the_loop_wakes_for_work_and_for_nothing_else(self):
        wakes = self.number(r"woke (\d+) times")
        resumes = self.number(r"for (\d+) resumes")
        # Starts, ticks, the three words there and back, the end of the stream, the pool.
        self.assertLessEqual(resumes, 4 + 10 + 3 * 3 + 1 + 1)
        self.assertGreater(wakes, 5)
        # The pool may be done before its task could begin to wait: its wake finds nobody then. And a timer may fall due
        # just after descriptors woke the loop, which takes it along; its own wake comes all the same.
        in_vain = self.number(r"(\d+) times in vain")
        self.assertLessEqual(in_vain, 3)
        self.assertLessEqual(wakes, resumes + in_vain)

    def test_the_loops_own_timer_goes_on_meanwhile(self):
        self.assertGreaterEqual(self.number(r"went off (\d+) times"), 2)


if __name__ == "__main__":
    unittest.main()

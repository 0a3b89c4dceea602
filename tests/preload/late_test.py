"""The library says when nobody can find its names: late_test.py LATE LIBRARY USES_LATE."""

import os
import subprocess
import sys
import unittest

PROGRAM, LIBRARY, USES_LATE = sys.argv[1:4]
del sys.argv[1:4]


def run(command, **environment):
    return subprocess.run(command, capture_output=True, encoding="utf-8", timeout=60, check=False,
                          env={**os.environ, **environment})


class Late(unittest.TestCase):
    def test_a_library_that_comes_after_the_c_library_says_so_and_what_to_do(self):
        for mode in ("symbols", "complete"):
            done = run([PROGRAM, LIBRARY], RUNTIME_PRELOAD=mode)
            self.assertEqual((done.returncode, done.stdout), (0, "loaded\n"), done.stderr)
            self.assertIn("libruntime_preload: loaded too late: poll() is the C library's own", done.stderr)
            self.assertIn("runtime-run", done.stderr)

    def test_so_does_one_that_only_a_library_of_the_program_is_linked_with(self):
        for mode in ("symbols", "complete"):
            done = run([USES_LATE], RUNTIME_PRELOAD=mode)
            self.assertEqual((done.returncode, done.stdout), (0, "42\n"), done.stderr)
            self.assertIn("libruntime_preload: loaded too late: poll() is the C library's own", done.stderr)

    def test_one_that_comes_before_says_nothing(self):
        done = run([PROGRAM, LIBRARY], LD_PRELOAD=os.path.abspath(LIBRARY))
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "loaded\n", ""))

    def test_a_mode_that_is_none_is_told(self):
        done = run([PROGRAM, LIBRARY], LD_PRELOAD=os.path.abspath(LIBRARY), RUNTIME_PRELOAD="half")
        self.assertEqual((done.returncode, done.stdout), (0, "loaded\n"))
        self.assertIn('neither "symbols" nor "complete"', done.stderr)


if __name__ == "__main__":
    unittest.main()

"""fetch_all says how far it is: in a log line by line, on a terminal in one line."""

import os
import pty
import subprocess
import unittest

from example_support import DEADLINE, ExampleTest, ScriptedServer, programs_from_command_line, run

FETCH_ALL = programs_from_command_line(1)

BODY = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + b"x" * 1000


class Progress(ExampleTest):
    def test_progress_is_a_line_a_second_in_a_log(self):
        with ScriptedServer({"/x": [2.5, BODY]}) as server:
            done = run(FETCH_ALL, "-o", self.directory, stdin=server.url("/x"))
        self.assertEqual(done.returncode, 0)
        self.assertRegex(done.stderr, r"^0 of 1 done, 0 failed, 0\.0 MiB, \d+\.\d s\n")
        self.assertNotIn("\r", done.stderr)

    def test_progress_is_one_line_on_a_terminal(self):
        terminal, its_end = pty.openpty()
        with ScriptedServer({"/x": [1, BODY]}) as server:
            command = [FETCH_ALL, "-o", self.directory, self.write("urls", server.url("/x") + "\n" + server.url("/y"))]
            done = subprocess.run(
                command, stdout=subprocess.PIPE, stderr=its_end, timeout=DEADLINE, check=False, encoding="utf-8"
            )
        os.close(its_end)
        shown = os.read(terminal, 65536).decode()
        os.close(terminal)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(shown, r"\r\x1b\[K1 of 2 done, 1 failed, 0\.0 MiB, \d+\.\d s\r\x1b\[K")
        self.assertRegex(shown, r"\r\x1b\[Kfailed: http://127\.0\.0\.1:\d+/y: the server answered 404 Not Found\r\n")
        self.assertTrue(shown.endswith("\r\x1b[K"), repr(shown))
        self.assertEqual(shown.count("\n"), 1, repr(shown))


if __name__ == "__main__":
    unittest.main()

"""demo: the table has its rows and they are true, and a download that fails makes it fail."""

import os
import re
import socket
import unittest

from example_support import ExampleTest, ScriptedServer, programs_from_command_line, run

DEMO, MOST_THREADS = programs_from_command_line(2)

ROW = re.compile(r"^(?P<way>\S.*?)  +(?P<seconds>[\d.]+) s[* ] +(?P<threads>[\d,]+) +(?P<mebibytes>[\d.]+) MiB$", re.M)


class Demo(ExampleTest):
    def demo(self, *arguments):
        return run(DEMO, *arguments, env={**os.environ, "TMPDIR": self.directory})

    def tearDown(self):
        self.assertEqual(os.listdir(self.directory), [], "the demo left files behind")

    def test_the_table_is_printed_and_fibers_need_one_thread(self):
        done = self.demo("-n", "60")
        self.assertEqual(done.returncode, 0, done.stderr)
        rows = {row["way"]: row for row in ROW.finditer(done.stdout)}
        self.assertEqual(list(rows), ["one after the other", "60 threads", "60 fibers on one thread"], done.stdout)
        for way in ("one after the other", "60 fibers on one thread"):
            self.assertIn(int(rows[way]["threads"]), range(1, int(MOST_THREADS) + 1))
        self.assertGreater(int(rows["60 threads"]["threads"]), int(MOST_THREADS) + 1)
        for row in rows.values():
            self.assertGreater(float(row["mebibytes"]), 0.5)
            self.assertGreaterEqual(float(row["seconds"]), 0.1)  # nobody is faster than the server
        self.assertGreaterEqual(float(rows["one after the other"]["seconds"]), 6.0)
        self.assertIn("* extrapolated from 20 downloads", done.stdout)
        self.assertRegex(done.stdout, r"Every file had the right content\. The fibers were .* one after the other,")

        port = int(re.search(r"http://127\.0\.0\.1:(\d+)", done.stdout)[1])
        with self.assertRaises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port))

    def test_downloads_that_fail_make_it_fail(self):
        with socket.create_server(("127.0.0.1", 0)) as unused:
            port = unused.getsockname()[1]
        done = self.demo("-n", "5", "--server", f"http://127.0.0.1:{port}")
        self.assertEqual(done.returncode, 1)
        sentence = f"http://127.0.0.1:{port}/item/0: cannot connect to 127.0.0.1 port {port}: Connection refused"
        for way in ("one after the other", "5 threads", "5 fibers on one thread"):
            self.assertRegex(done.stderr, f"demo: {way}: 5 failed, the first one so: ")
        self.assertIn(sentence, done.stderr)
        self.assertNotIn("right content", done.stdout)

    def test_wrong_content_makes_it_fail(self):
        answer = [b"HTTP/1.1 200 OK\r\nContent-Length: 4096\r\n\r\n" + b"x" * 4096]
        with ScriptedServer({f"/item/{item}": answer for item in range(5)}) as server:
            done = self.demo("-n", "5", "--server", server.url(""))
        self.assertEqual(done.returncode, 1)
        for way in ("one after the other", "5 threads", "5 fibers on one thread"):
            self.assertIn(f"demo: {way}: 5 files have the wrong content\n", done.stderr)
        self.assertNotIn("right content", done.stdout)

    def test_bad_options_are_refused(self):
        for arguments, sentence in {
            ("-n", "0"): "-n takes a number from 1 to 10000",
            ("--size", "-1"): "--size takes a number from 0 to 1000000",
            ("x",): 'what is "x"? try --help',
        }.items():
            with self.subTest(arguments=arguments):
                done = self.demo(*arguments)
                self.assertEqual((done.returncode, done.stdout), (2, ""))
                self.assertIn(sentence, done.stderr)
        self.assertIn("usage: demo", self.demo("--help").stdout)


if __name__ == "__main__":
    unittest.main()

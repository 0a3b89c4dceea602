"""fetch_all where something is scarce: descriptors, room for files, a server that answers, a name that exists."""

import ctypes
import os
import resource
import signal
import socket
import unittest

from example_support import ExampleTest, ScriptedServer, programs_from_command_line, run

FETCH_ALL = programs_from_command_line(1)

BODY = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + b"x" * 1000


def with_few_descriptors():
    """Runs in the child: 40 descriptors, and without root's right to have more."""
    if os.geteuid() == 0:
        pr_capbset_drop, cap_sys_resource = 24, 24
        if ctypes.CDLL(None, use_errno=True).prctl(pr_capbset_drop, cap_sys_resource, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl(PR_CAPBSET_DROP)")
    resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))


def with_small_files():
    """Runs in the child: no file may grow beyond 100 bytes, and the write says so instead of killing."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))


class ScarceMachine(ExampleTest):
    def setUp(self):
        super().setUp()
        self.output = self.make_directory("output")
        self.server = ScriptedServer({f"/{name}": [0.05, BODY] for name in range(30)})
        self.listing = "".join(self.server.url(f"/{name}\n") for name in range(30))

    def fetch(self, *arguments, **options):
        with self.server:
            return run(FETCH_ALL, "-o", self.output, *arguments, stdin=self.listing, **options)

    def test_fewer_fibers_do_the_work_when_descriptors_are_few(self):
        done = self.fetch("-n", "30", preexec_fn=with_few_descriptors)
        self.assertIn("only 40 descriptors may be open (ulimit -n): 4 fibers instead of 30", done.stderr)
        self.assertIn("30 of 30 downloaded, 0 failed", done.stdout)
        self.assertEqual(done.returncode, 0)

    def test_a_file_that_cannot_be_written_is_reported_and_not_left_behind(self):
        done = self.fetch("-n", "30", preexec_fn=with_small_files)
        self.assertEqual(done.stderr.count(".part: File too large"), 30, done.stderr)
        self.assertIn("0 of 30 downloaded, 30 failed", done.stdout)
        self.assertEqual(done.returncode, 1)
        self.assertEqual(os.listdir(self.output), [])

    def test_a_file_that_cannot_be_opened_is_reported(self):
        os.mkdir(os.path.join(self.output, "0007-6.part"))
        done = self.fetch()
        self.assertIn("0007-6.part: Is a directory", done.stderr)
        self.assertIn("29 of 30 downloaded, 1 failed", done.stdout)
        self.assertEqual(done.returncode, 1)


class SlowNetwork(ExampleTest):
    def test_a_connection_that_nobody_takes_times_out(self):
        # The queue of a listener that never accepts is full after two; Linux drops who comes next without a word.
        with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
            address = listener.getsockname()
            fillers = [socket.socket() for _ in range(4)]
            for filler in fillers:
                filler.setblocking(False)
                filler.connect_ex(address)
            done = run(FETCH_ALL, "-o", self.directory, "--timeout", "0.2", stdin=f"http://127.0.0.1:{address[1]}/\n")
            for filler in fillers:
                filler.close()
        self.assertIn(f"cannot connect to 127.0.0.1 port {address[1]}: Connection timed out", done.stderr)
        self.assertEqual(done.returncode, 1)

    def test_a_name_is_looked_up(self):
        with ScriptedServer({"/x": [BODY]}) as server:
            listing = f"http://localhost:{server.port}/x\nhttp://no-such-host.invalid/\n"
            done = run(FETCH_ALL, "-o", self.directory, stdin=listing)
        self.assertIn("1 of 2 downloaded, 1 failed", done.stdout)
        self.assertIn('http://no-such-host.invalid/: cannot find the host "no-such-host.invalid": ', done.stderr)


if __name__ == "__main__":
    unittest.main()

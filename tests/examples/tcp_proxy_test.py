"""tcp_proxy: what goes in comes out, both ways; how connections end; Ctrl-C."""

import contextlib
import hashlib
import random
import socket
import threading
import unittest

from example_support import DEADLINE, ExampleTest, ListeningProgram, programs_from_command_line, reset, run

TCP_PROXY = programs_from_command_line(1)
MIB = 1 << 20


class Target:
    """Listens where the proxy connects to; each connection is given to `serve` in a thread of its own."""

    def __init__(self, serve):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.name = "127.0.0.1:%d" % self.listener.getsockname()[1]
        self.serve = serve
        self.thread = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.thread.join(DEADLINE)
        self.listener.close()

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return  # shut down by __exit__
            connection.settimeout(DEADLINE)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        # Connections that the test, or the proxy, breaks on purpose; what should have come, the client checks.
        with connection, contextlib.suppress(ConnectionError):
            self.serve(connection)


def read_to_end(connection):
    pieces = []
    while piece := connection.recv(65536):
        pieces.append(piece)
    return b"".join(pieces)


def echo(connection):
    while piece := connection.recv(65536):
        connection.sendall(piece)


def answer_at_the_end(connection):
    asked = read_to_end(connection)
    connection.sendall(hashlib.sha256(asked).hexdigest().encode())


class Proxy(ExampleTest):
    def test_megabytes_pass_both_ways_at_once(self):
        data = random.Random(1).randbytes(8 * MIB)
        with Target(echo) as target, ListeningProgram(TCP_PROXY, target.name) as proxy, proxy.connect() as client:

            def send():
                client.sendall(data)
                client.shutdown(socket.SHUT_WR)

            sender = threading.Thread(target=send)
            sender.start()
            self.assertEqual(read_to_end(client), data)
            sender.join(DEADLINE)
            self.assertEqual(proxy.interrupt(), 0)
            self.assertEqual(proxy.errors(), "")

    def test_the_end_of_one_direction_is_passed_on_while_the_other_goes_on(self):
        question = b"how much is this?" * 1000
        with Target(answer_at_the_end) as target, ListeningProgram(TCP_PROXY, target.name) as proxy:
            with proxy.connect() as client:
                client.sendall(question)
                client.shutdown(socket.SHUT_WR)
                self.assertEqual(read_to_end(client).decode(), hashlib.sha256(question).hexdigest())
            self.assertEqual(proxy.interrupt(), 0)

    def test_a_target_that_refuses_is_reported_and_the_proxy_goes_on(self):
        with socket.create_server(("127.0.0.1", 0)) as nobody:
            name = "127.0.0.1:%d" % nobody.getsockname()[1]
        with ListeningProgram(TCP_PROXY, name) as proxy:
            for _ in range(2):
                with proxy.connect() as client:
                    mine = "127.0.0.1:%d" % client.getsockname()[1]
                    self.assertEqual(client.recv(1), b"")
                    proxy.wait_for_error(f"{mine}: ")
            self.assertIn("Connection refused", proxy.errors())
            self.assertEqual(proxy.interrupt(), 0)

    def test_many_at_once_and_no_more_than_wanted(self):
        with Target(echo) as target, ListeningProgram(TCP_PROXY, "--most", "50", target.name) as proxy:
            with contextlib.ExitStack() as stack:
                clients = [stack.enter_context(proxy.connect()) for _ in range(51)]
                for place, client in enumerate(clients):
                    client.sendall(b"%d\n" % place)
                for place, client in enumerate(clients[:50]):
                    self.assertEqual(client.recv(100), b"%d\n" % place)
                clients[50].settimeout(0.05)
                with self.assertRaises(TimeoutError):
                    clients[50].recv(1)  # connected by the kernel, and waits for a place
                clients[7].close()
                clients[50].settimeout(DEADLINE)
                self.assertEqual(clients[50].recv(100), b"50\n")
            self.assertEqual(proxy.interrupt(), 0)

    def test_a_reset_is_reported_and_ends_both_sides(self):
        gone = threading.Event()

        def serve(connection):
            connection.sendall(b"hello")
            with contextlib.suppress(ConnectionError):
                read_to_end(connection)
            gone.set()

        with Target(serve) as target, ListeningProgram(TCP_PROXY, target.name) as proxy:
            client = proxy.connect()
            self.assertEqual(client.recv(5), b"hello")
            reset(client)
            self.assertTrue(gone.wait(DEADLINE))
            proxy.wait_for_error("reset by peer")
            self.assertEqual(proxy.interrupt(), 0)

    def test_ctrl_c_in_the_middle_of_a_transfer_ends_it_cleanly(self):
        started = threading.Event()

        def pour(connection):
            while True:
                connection.sendall(b"x" * MIB)
                started.set()

        with Target(pour) as target, ListeningProgram(TCP_PROXY, target.name) as proxy:
            with proxy.connect() as reading, proxy.connect() as stuck:
                self.assertTrue(reading.recv(65536))
                self.assertTrue(started.wait(DEADLINE))
                self.assertEqual(proxy.interrupt(), 0)
                for client in (reading, stuck):
                    with contextlib.suppress(ConnectionResetError):
                        read_to_end(client)
                with self.assertRaises(ConnectionRefusedError):
                    proxy.connect()
                self.assertEqual(proxy.errors(), "")

    def test_it_says_how_it_is_used(self):
        self.assertIn("usage: tcp_proxy", run(TCP_PROXY, "--help").stdout)
        for arguments, sentence in {
            (): "one TARGET:PORT, please",
            ("a:1", "b:2"): "one TARGET:PORT, please",
            ("--most", "0", "a:1"): "--most takes a number from 1",
            ("--listen", "nonsense", "a:1"): "nonsense",
            ("--bogus",): "try --help",
        }.items():
            with self.subTest(arguments=arguments):
                done = run(TCP_PROXY, *arguments)
                self.assertEqual((done.returncode, done.stdout), (2, ""))
                self.assertIn(sentence, done.stderr)


if __name__ == "__main__":
    unittest.main()

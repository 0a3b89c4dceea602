"""slow_server: what it answers, that it serves many at once, and how it ends."""

import contextlib
import http.client
import socket
import subprocess
import unittest
from urllib.parse import urlsplit

from example_support import DEADLINE, ExampleTest, programs_from_command_line, run

SLOW_SERVER = programs_from_command_line(1)


def slow_body(path, size):
    """What the program's slow_body() says, once more."""
    body, line = "", 0
    while len(body) < size:
        body += f"{path} line {line}\n"
        line += 1
    return body[:size].encode()


class Server:
    def __init__(self, *arguments):
        self.process = subprocess.Popen(
            [SLOW_SERVER, "--until-eof", *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8"
        )
        self.url = self.process.stdout.readline().strip()
        self.address = (urlsplit(self.url).hostname, urlsplit(self.url).port)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()

    def end(self):
        """Closes its standard input; returns its exit status."""
        self.process.stdin.close()
        return self.process.wait(timeout=DEADLINE)

    def connect(self):
        return socket.create_connection(self.address, timeout=DEADLINE)

    def exchange(self, connection, request):
        """Sends the request and returns all that comes until the server closes."""
        answer = b""
        try:
            connection.sendall(request)
            while more := connection.recv(65536):
                answer += more
        except (BrokenPipeError, ConnectionResetError):
            pass  # it has closed without reading all that was sent
        return answer

    def answer_to(self, request):
        with self.connect() as connection:
            return self.exchange(connection, request)


class Answers(ExampleTest):
    def test_a_get_gets_the_body_of_its_path(self):
        with Server("--size", "5000", "--delay", "0") as server:
            for path in ("/", "/item/7", "/a?b=c"):
                client = http.client.HTTPConnection(*server.address, timeout=DEADLINE)
                client.request("GET", path)
                response = client.getresponse()
                self.assertEqual((response.status, response.read()), (200, slow_body(path, 5000)))
                client.close()
            self.assertEqual(server.end(), 0)

    def test_other_requests_are_refused_and_the_server_goes_on(self):
        with Server("--delay", "0") as server:
            self.assertTrue(server.answer_to(b"PUT / HTTP/1.1\r\n\r\n").startswith(b"HTTP/1.1 405 "))
            self.assertTrue(server.answer_to(b"hello\r\n\r\n").startswith(b"HTTP/1.1 400 "))
            self.assertTrue(server.answer_to(b"GET / SMTP\r\n\r\n").startswith(b"HTTP/1.1 400 "))
            self.assertEqual(server.answer_to(b"GET /" + b"x" * 20000), b"")  # a head without an end
            self.assertTrue(server.answer_to(b"GET / HTTP/1.1\r\n\r\n").startswith(b"HTTP/1.1 200 "))
            self.assertEqual(server.end(), 0)

    def test_many_are_served_at_once(self):
        # All are connected before the first asks, and the last is answered first: no one waits for another.
        with Server("--size", "10", "--delay", "1") as server, contextlib.ExitStack() as connections:
            clients = [connections.enter_context(server.connect()) for _ in range(300)]
            for place, client in reversed(list(enumerate(clients))):
                path = f"/{place}"
                answer = server.exchange(client, f"GET {path} HTTP/1.1\r\n\r\n".encode())
                self.assertTrue(answer.endswith(slow_body(path, 10)), answer)
            self.assertEqual(server.end(), 0)

    def test_open_connections_do_not_keep_it(self):
        with Server("--delay", "5000") as server, server.connect() as silent, server.connect() as waiting:
            waiting.sendall(b"GET / HTTP/1.1\r\n\r\n")
            # The server takes connections in their order: once this one is refused, it has the other two.
            self.assertEqual(server.answer_to(b"x" * 10000), b"")
            self.assertEqual(server.end(), 0)
            self.assertEqual(silent.recv(1), b"")

    def test_bad_options_are_refused(self):
        for arguments, sentence in {
            ("--port", "70000"): "--port takes a number from 0 to 65535",
            ("--delay", "soon"): "--delay takes a number from 0 to 60000",
            ("--bogus",): "try --help",
            ("x",): 'what is "x"? try --help',
        }.items():
            with self.subTest(arguments=arguments):
                done = run(SLOW_SERVER, *arguments)
                self.assertEqual((done.returncode, done.stdout), (2, ""))
                self.assertIn(sentence, done.stderr)

    def test_a_port_that_is_taken_is_reported(self):
        with Server() as server:
            done = run(SLOW_SERVER, "--port", str(server.address[1]))
            self.assertEqual(done.returncode, 2)
            self.assertIn("cannot listen on 127.0.0.1: Address already in use", done.stderr)


if __name__ == "__main__":
    unittest.main()

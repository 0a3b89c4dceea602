"""What the tests of the example programs share: running a program with a deadline, and a server that says what it is
told to. Python's standard library only."""

import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest

DEADLINE = 120  # seconds; none of the programs needs them, so whoever does hangs


def programs_from_command_line(count):
    """Takes the first arguments away from unittest: the programs to test."""
    if len(sys.argv) < count + 1:
        sys.exit(f"usage: {sys.argv[0]} PROGRAM... [unittest's options]: {count} to be tested")
    taken = sys.argv[1 : count + 1]
    del sys.argv[1 : count + 1]
    return taken if count > 1 else taken[0]


def run(*command, stdin="", **options):
    """Runs to the end, at most DEADLINE seconds; returns the CompletedProcess with texts."""
    return subprocess.run(
        command, input=stdin, capture_output=True, encoding="utf-8", timeout=DEADLINE, check=False, **options
    )


def thread_count(pid):
    """How many threads the process has; 0 once it is a zombie."""
    with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as status:
        for line in status:
            if line.startswith("Threads:"):
                return int(line.split()[1])
    return 0


def run_and_count_threads(*command):
    """As run(), and how many threads the program had at most."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        program = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err)
        try:
            most, end = 0, time.monotonic() + DEADLINE
            while program.poll() is None:
                most = max(most, thread_count(program.pid))
                if time.monotonic() > end:
                    raise AssertionError(f"{command[0]} is not done after {DEADLINE} s")
                time.sleep(0.002)
        finally:
            if program.poll() is None:
                program.kill()
                program.wait()
        texts = []
        for file in (out, err):
            file.seek(0)
            texts.append(file.read().decode())
        return subprocess.CompletedProcess(command, program.returncode, *texts), most


class ListeningProgram:
    """A program of ours that prints "listening on HOST:PORT" and ends at Ctrl-C."""

    def __init__(self, program, *arguments):
        self.stderr = tempfile.TemporaryFile()
        # AddressSanitizer keeps what was freed, by default 256 MiB of it, which resident_bytes() would count.
        options = [os.environ.get("ASAN_OPTIONS"), "quarantine_size_mb=1", "thread_local_quarantine_size_kb=64"]
        environment = {**os.environ, "ASAN_OPTIONS": ":".join(filter(None, options))}
        self.process = subprocess.Popen(
            [program, *arguments], stdout=subprocess.PIPE, stderr=self.stderr, env=environment
        )
        line = self.process.stdout.readline().decode()
        if not line.startswith("listening on "):
            raise AssertionError(f"{program} said {line!r}; {self.errors()}")
        host, port = line.split()[-1].rsplit(":", 1)
        self.address = (host, int(port))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.stderr.close()

    def connect(self):
        return socket.create_connection(self.address, timeout=DEADLINE)

    def interrupt(self):
        """Ctrl-C; returns the exit status."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(timeout=DEADLINE)

    def errors(self):
        """What it has written to stderr until now."""
        self.stderr.seek(0)
        return self.stderr.read().decode(errors="replace")

    def wait_for_error(self, words):
        end = time.monotonic() + DEADLINE
        while words not in self.errors():
            if time.monotonic() > end:
                raise AssertionError(f"no {words!r} in {self.errors()!r}")
            time.sleep(0.002)

    def resident_bytes(self):
        with open(f"/proc/{self.process.pid}/statm", encoding="ascii") as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def reset(connection):
    """Closes it so that the other side gets ECONNRESET."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


class ScriptedServer:
    """Listens on 127.0.0.1 and answers each path with what `script` has for it: a list of bytes to send, pauses in
    seconds, and at the end perhaps "reset". Other paths get a 404."""

    def __init__(self, script):
        self.script = script
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self._accept, daemon=True)

    def url(self, path):
        return f"http://127.0.0.1:{self.port}{path}"

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.thread.join(DEADLINE)
        self.listener.close()

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return  # shut down by __exit__
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        with connection:
            request = b""
            while b"\r\n\r\n" not in request:
                more = connection.recv(4096)
                if not more:
                    return
                request += more
            path = request.split(b" ")[1].decode()
            try:
                for step in self.script.get(path, [b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"]):
                    if step == "reset":
                        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    elif isinstance(step, bytes):
                        connection.sendall(step)
                    else:
                        time.sleep(step)
            except (BrokenPipeError, ConnectionResetError):
                pass  # the client had enough; whether it was right to go, its test decides


class ExampleTest(unittest.TestCase):
    """A test with a directory of its own for files, removed afterwards."""

    maxDiff = 4000

    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="libruntime-test-")
        self.addCleanup(directory.cleanup)
        self.directory = directory.name

    def write(self, name, content):
        path = os.path.join(self.directory, name)
        mode = "wb" if isinstance(content, bytes) else "w"
        with open(path, mode, encoding=None if mode == "wb" else "utf-8") as file:
            file.write(content)
        return path

    def make_directory(self, name):
        path = os.path.join(self.directory, name)
        os.mkdir(path)
        return path

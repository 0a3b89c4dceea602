"""A program that serves a port of 127.0.0.1: started, waited for until it answers, and ended."""

import signal
import socket
import subprocess
import time


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


class ServerOnAPort:
    """A base class: launch() starts the program on self.port, log() is what it has said by then."""

    name = "a server"
    start_deadline = 60  # seconds, for a machine that does other things too
    stop_deadline = 30
    stop_signal = signal.SIGTERM

    def __init__(self):
        self.port = 0
        self.process = None

    def launch(self):
        raise NotImplementedError

    def log(self):
        raise NotImplementedError

    def is_ready(self):
        """Whether it answers; by default, whether it accepts a connection."""
        socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        return True

    def start(self):
        # Between the choice of a port and the server's bind another program may take it: then with another one.
        failure = ""
        for _ in range(3):
            self.port = free_port()
            self.process = self.launch()
            failure = self._wait_until_ready()
            if not failure:
                return
        raise RuntimeError(f"{self.name} does not start: {failure}")

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(self.stop_signal)
        try:
            self.process.wait(timeout=self.stop_deadline)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def _wait_until_ready(self):
        """Returns what went wrong, or nothing once the server answers."""
        end = time.monotonic() + self.start_deadline
        while time.monotonic() < end and self.process.poll() is None:
            try:
                if self.is_ready():
                    return ""
            except OSError:
                pass  # not yet
            time.sleep(0.02)
        self.stop()
        return self.log() or f"no answer after {self.start_deadline} s"

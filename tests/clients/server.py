"""A server of Debian's on loopback, in a temporary directory of its own, for the length of a `with`.

What every server has in common: a directory that its user owns, a port, a process that is waited for until it
answers, and an end. The servers themselves are in databases.py, web_server.py and small_servers.py.
"""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "examples"))
from nginx import free_port  # noqa: E402

START_DEADLINE = 60  # seconds, for a machine that does other things too
STOP_DEADLINE = 30


def find_program(name, package, folders=()):
    """The path of a program, which is looked for in `folders`, on the PATH and where Debian keeps its servers."""
    path = os.pathsep.join([*folders, os.environ.get("PATH", ""), "/usr/local/sbin", "/usr/sbin", "/sbin"])
    found = shutil.which(name, path=path)
    if not found:
        raise RuntimeError(f"{name} is missing: this test needs the Debian package {package}")
    return found


def run_to_end(command, what, **options):
    """Runs a step of the preparation; its output is in the error if it fails."""
    done = subprocess.run(
        command,
        stdin=options.pop("stdin", subprocess.DEVNULL),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=START_DEADLINE,
        check=False,
        **options,
    )
    if done.returncode != 0:
        raise RuntimeError(f"{what} fails ({done.returncode}): {done.stdout.decode(errors='replace')}")


class Server:
    """A base class: prepare() makes the files once, command() is run until is_ready(), stop_signal ends it."""

    name = "a server"
    stop_signal = signal.SIGTERM
    as_nobody = True  # where the tests run as root: some servers refuse root, and none but sshd needs it

    def __init__(self):
        self.directory = None
        self.port = 0
        self.process = None

    def prepare(self):
        """Writes the files that do not depend on the port."""

    def command(self):
        raise NotImplementedError

    def is_ready(self):
        """Whether it answers; by default, whether it accepts a connection."""
        socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        return True

    def path(self, *names):
        return os.path.join(self.directory, *names)

    def write(self, name, content, mode=0o600):
        """A file of the server's own user."""
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(content)
        os.chmod(self.path(name), mode)
        self._give(self.path(name))
        return self.path(name)

    def user(self):
        """The options of subprocess that make a child run as the server's user."""
        if not self._is_nobody():
            return {}
        nobody = pwd.getpwnam("nobody")
        return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}

    def environment(self):
        """Ours, without what would reach into the server: a library to preload, and the home directory of another."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("LD_", "RUNTIME_", "PG"))}
        return {**kept, "HOME": self.directory, "LC_ALL": "C"}

    def __enter__(self):
        self.directory = tempfile.mkdtemp(prefix=f"libruntime-{self.name}-")
        try:
            self._give(self.directory)
            self.prepare()
            # Between the choice of a port and the server's bind another program may take it: then with another one.
            failure = ""
            for _ in range(3):
                self.port = free_port()
                failure = self._start()
                if not failure:
                    return self
            raise RuntimeError(f"{self.name} does not start: {failure}")
        except BaseException:
            shutil.rmtree(self.directory)
            raise

    def __exit__(self, *_):
        self._stop()
        shutil.rmtree(self.directory)

    def _is_nobody(self):
        return self.as_nobody and os.geteuid() == 0

    def _give(self, path):
        if self._is_nobody():
            nobody = pwd.getpwnam("nobody")
            os.chown(path, nobody.pw_uid, nobody.pw_gid)

    def _start(self):
        """Returns what went wrong, or nothing once the server answers."""
        with open(self.path("log"), "wb") as log:
            self.process = subprocess.Popen(
                self.command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.directory,
                env=self.environment(),
                **self.user(),
            )
        end = time.monotonic() + START_DEADLINE
        while time.monotonic() < end and self.process.poll() is None:
            try:
                if self.is_ready():
                    return ""
            except OSError:
                pass  # not yet
            time.sleep(0.02)
        self._stop()
        return self.log() or f"no answer after {START_DEADLINE} s"

    def log(self):
        with open(self.path("log"), encoding="utf-8", errors="replace") as file:
            return file.read()

    def _stop(self):
        if self.process.poll() is None:
            self.process.send_signal(self.stop_signal)
        try:
            self.process.wait(timeout=STOP_DEADLINE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

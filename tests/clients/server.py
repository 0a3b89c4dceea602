"""A server of Debian's on loopback, in a temporary directory of its own, for the length of a `with`.

What every server has in common: a directory that its user owns, a port, a process that is waited for until it
answers, and an end. The servers themselves are in databases.py, web_server.py and small_servers.py.
"""

import os
import pwd
import shutil
import subprocess
import sys
import tempfile

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "examples"))
from server_on_a_port import ServerOnAPort  # noqa: E402

PREPARATION_DEADLINE = 60  # seconds, for a machine that does other things too


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
        timeout=PREPARATION_DEADLINE,
        check=False,
        **options,
    )
    if done.returncode != 0:
        raise RuntimeError(f"{what} fails ({done.returncode}): {done.stdout.decode(errors='replace')}")


class Server(ServerOnAPort):
    """A base class: prepare() makes the files once, command() is run until is_ready(), stop_signal ends it."""

    as_nobody = True  # where the tests run as root: some servers refuse root, and none but sshd needs it

    def __init__(self):
        super().__init__()
        self.directory = None

    def prepare(self):
        """Writes the files that do not depend on the port."""

    def command(self):
        raise NotImplementedError

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
            self.start()
            return self
        except BaseException:
            shutil.rmtree(self.directory)
            raise

    def __exit__(self, *_):
        self.stop()
        shutil.rmtree(self.directory)

    def _is_nobody(self):
        return self.as_nobody and os.geteuid() == 0

    def _give(self, path):
        if self._is_nobody():
            nobody = pwd.getpwnam("nobody")
            os.chown(path, nobody.pw_uid, nobody.pw_gid)

    def launch(self):
        with open(self.path("log"), "wb") as log:
            return subprocess.Popen(
                self.command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.directory,
                env=self.environment(),
                **self.user(),
            )

    def log(self):
        with open(self.path("log"), encoding="utf-8", errors="replace") as file:
            return file.read()

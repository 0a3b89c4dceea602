"""nginx from Debian on loopback, in a directory of its own, for the length of a `with`."""

import os
import pwd
import socket
import subprocess
import time

BINARY = "/usr/sbin/nginx"
START_DEADLINE = 30  # seconds

CONFIGURATION = """
daemon off;
worker_processes 1;
{user}
pid {directory}/nginx.pid;
error_log {directory}/error.log;
events {{ worker_connections 2048; }}
http {{
  access_log off;
  sendfile on;
  default_type application/octet-stream;
  client_body_temp_path {directory}/client_body;
  proxy_temp_path {directory}/proxy;
  fastcgi_temp_path {directory}/fastcgi;
  uwsgi_temp_path {directory}/uwsgi;
  scgi_temp_path {directory}/scgi;
  server {{
    listen 127.0.0.1:{port} backlog=1024{tls};
    root {root};
    {settings}
  }}
}}
"""


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


class Nginx:
    """Serves the files under `root`; keeps its own files in `directory`."""

    scheme = "http"
    tls = ""  # what its `listen` says of TLS
    settings = ""  # more lines of its `server`

    def __init__(self, directory, root):
        if not os.access(BINARY, os.X_OK):
            raise RuntimeError(f"{BINARY} is missing: this test needs the Debian package nginx (apt-get install nginx)")
        self.directory = directory
        self.root = root
        self.port = 0
        self.process = None

    def url(self, path):
        return f"{self.scheme}://127.0.0.1:{self.port}{path}"

    def __enter__(self):
        # Between the choice of a port and nginx's bind another program may take it: then with another one.
        failure = ""
        for _ in range(3):
            self.port = free_port()
            failure = self._start()
            if not failure:
                return self
        raise RuntimeError(f"nginx does not start: {failure}")

    def __exit__(self, *_):
        self._stop()

    def _start(self):
        """Returns what went wrong, or nothing once nginx answers."""
        # Started by root, the workers would become a user who may not read a temporary directory.
        user = f"user {pwd.getpwuid(0).pw_name};" if os.geteuid() == 0 else ""
        configuration = os.path.join(self.directory, "nginx.conf")
        with open(configuration, "w", encoding="utf-8") as file:
            own = {"directory": self.directory, "root": self.root, "tls": self.tls, "settings": self.settings}
            file.write(CONFIGURATION.format(user=user, port=self.port, **own))
        log = os.path.join(self.directory, "error.log")
        self.process = subprocess.Popen(
            [BINARY, "-c", configuration, "-p", self.directory, "-e", log], stdin=subprocess.DEVNULL
        )
        end = time.monotonic() + START_DEADLINE
        while time.monotonic() < end and self.process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return ""
            except OSError:
                time.sleep(0.02)
        self._stop()
        with open(log, encoding="utf-8", errors="replace") as file:
            return file.read() or f"no answer after {START_DEADLINE} s"

    def _stop(self):
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.process.wait(timeout=START_DEADLINE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

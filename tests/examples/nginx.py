"""nginx from Debian on loopback, in a directory of its own, for the length of a `with`."""

import os
import pwd
import subprocess

from server_on_a_port import ServerOnAPort

BINARY = "/usr/sbin/nginx"

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


class Nginx(ServerOnAPort):
    """Serves the files under `root`; keeps its own files in `directory`."""

    name = "nginx"
    scheme = "http"
    tls = ""  # what its `listen` says of TLS
    settings = ""  # more lines of its `server`

    def __init__(self, directory, root):
        if not os.access(BINARY, os.X_OK):
            raise RuntimeError(f"{BINARY} is missing: this test needs the Debian package nginx (apt-get install nginx)")
        super().__init__()
        self.directory = directory
        self.root = root

    def url(self, path):
        return f"{self.scheme}://127.0.0.1:{self.port}{path}"

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def launch(self):
        # Started by root, the workers would become a user who may not read a temporary directory.
        user = f"user {pwd.getpwuid(0).pw_name};" if os.geteuid() == 0 else ""
        configuration = os.path.join(self.directory, "nginx.conf")
        with open(configuration, "w", encoding="utf-8") as file:
            own = {"directory": self.directory, "root": self.root, "tls": self.tls, "settings": self.settings}
            file.write(CONFIGURATION.format(user=user, port=self.port, **own))
        command = [BINARY, "-c", configuration, "-p", self.directory, "-e", self._log_file()]
        return subprocess.Popen(command, stdin=subprocess.DEVNULL)

    def log(self):
        with open(self._log_file(), encoding="utf-8", errors="replace") as file:
            return file.read()

    def _log_file(self):
        return os.path.join(self.directory, "error.log")

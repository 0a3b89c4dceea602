"""nginx for the tests: files whose digests are known, over HTTP and over TLS with a certificate made here."""

import contextlib
import hashlib
import os
import random
import tempfile

from distance import SlowPermission
from server import find_program, run_to_end
from nginx import Nginx

SIZES = [1, 1000, 4096, 16383, 16384, 16385, 65536, 200000, 524288, 1048576]

# Every file is served after a permission that takes DELAY seconds. Below /slow/ a file takes minutes, too: for calls
# that are ended in the middle.
SETTINGS = """
    auth_request /permission;
    location = /permission {{ internal; proxy_pass http://127.0.0.1:{permission}; }}
    location /slow/ {{ limit_rate 1k; }}
"""


class WebServers:
    """Two nginx over the same files. `files` has pairs of path and content, `manifest` is a file that lists them: path,
    SHA-256, size; `ca` is the file of the authority."""

    def __init__(self):
        self.directory = None
        self.files = []
        self.servers = []
        self.stack = contextlib.ExitStack()

    def __enter__(self):
        with self.stack:  # which closes what is open already if something fails
            self.directory = self.stack.enter_context(tempfile.TemporaryDirectory(prefix="libruntime-web-"))
            permission = self.stack.enter_context(SlowPermission())
            settings = SETTINGS.format(permission=permission.port)
            self._make_files()
            self._make_certificate()
            for server in (PlainNginx, TlsNginx):
                own = self.path(server.scheme)
                os.mkdir(own)
                self.servers.append(self.stack.enter_context(server(own, self.root, self.directory, settings)))
            self.stack = self.stack.pop_all()
        return self

    def __exit__(self, *_):
        self.stack.close()

    @property
    def http(self):
        return self.servers[0].url("")

    @property
    def https(self):
        return self.servers[1].url("")

    def path(self, name):
        return os.path.join(self.directory, name)

    def _make_files(self):
        self.root = self.path("root")
        self.manifest = self.path("manifest")
        os.makedirs(os.path.join(self.root, "slow"))
        chance = random.Random(5)
        with open(self.manifest, "w", encoding="ascii") as manifest:
            for number, size in enumerate(SIZES):
                content = chance.randbytes(size)
                self.files.append((f"/file-{number}", content))
                with open(os.path.join(self.root, f"file-{number}"), "wb") as file:
                    file.write(content)
                manifest.write(f"/file-{number} {hashlib.sha256(content).hexdigest()} {size}\n")
        with open(os.path.join(self.root, "slow", "file"), "wb") as file:
            file.write(bytes(1048576))

    def _make_certificate(self):
        self.ca = self.path("certificate.pem")
        openssl = find_program("openssl", "openssl")
        subject = ["-subj", "/CN=libruntime test", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"]
        key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", self.path("key.pem")]
        run_to_end([openssl, "req", "-x509", "-days", "2", *key, *subject, "-out", self.ca], "openssl req")


class PlainNginx(Nginx):
    scheme = "http"

    def __init__(self, directory, root, _, settings):
        super().__init__(directory, root)
        self.settings = settings


class TlsNginx(Nginx):
    """Signs with the certificate and the key that stand in `keys`."""

    scheme = "https"
    tls = " ssl"

    def __init__(self, directory, root, keys, settings):
        super().__init__(directory, root)
        self.settings = (
            f"ssl_certificate {keys}/certificate.pem; ssl_certificate_key {keys}/key.pem;"
            f" ssl_session_cache none; ssl_session_tickets off; {settings}"
        )

"""nginx for the tests: files whose digests are known, over HTTP and over TLS with a certificate made here."""

import hashlib
import os
import random
import shutil
import tempfile

from server import find_program, run_to_end
from nginx import Nginx

SIZES = [1, 1000, 4096, 16383, 16384, 16385, 65536, 200000, 524288, 1048576]

# Below this path a file takes minutes: for calls that are ended in the middle.
SLOW = "location /slow/ { limit_rate 1k; }"


class WebServers:
    """Two nginx over the same files. `files` has pairs of path and content, `manifest` is a file that lists them: path,
    SHA-256, size; `ca` is the file of the authority."""

    def __init__(self):
        self.directory = None
        self.files = []
        self.servers = []

    def __enter__(self):
        self.directory = tempfile.mkdtemp(prefix="libruntime-web-")
        try:
            self._make_files()
            self._make_certificate()
            for server in (PlainNginx, TlsNginx):
                own = os.path.join(self.directory, server.scheme)
                os.mkdir(own)
                self.servers.append(server(own, self.root, self.directory).__enter__())
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        while self.servers:
            self.servers.pop().__exit__()
        shutil.rmtree(self.directory)

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
    settings = SLOW

    def __init__(self, directory, root, _):
        super().__init__(directory, root)


class TlsNginx(Nginx):
    """Signs with the certificate and the key that stand in `keys`."""

    scheme = "https"
    tls = " ssl"

    def __init__(self, directory, root, keys):
        super().__init__(directory, root)
        self.settings = (
            f"ssl_certificate {keys}/certificate.pem; ssl_certificate_key {keys}/key.pem;"
            f" ssl_session_cache none; ssl_session_tickets off; {SLOW}"
        )

"""fetch_all against nginx: 1,000 files of 1 byte to 10 MiB, every digest compared; and good URLs among bad ones."""

import hashlib
import os
import random
import unittest

from example_support import ExampleTest, programs_from_command_line, run, run_and_count_threads
from nginx import Nginx
from server_on_a_port import free_port

FETCH_ALL, MOST_THREADS = programs_from_command_line(2)

FILES = 1000
MEBIBYTE = 1024 * 1024
LARGEST = 10 * MEBIBYTE
FIBERS = 200


def sizes():
    """Even on a log scale, most up to 1 MiB and some above; both ends, and the sizes around that of a buffer."""
    chance = random.Random(2)
    edges = [1, 2, 4095, 4096, 4097, 16383, 16384, 16385, 65536, LARGEST - 1, LARGEST]
    large = [int(MEBIBYTE * 10 ** chance.random()) for _ in range(25)]
    small = [int(MEBIBYTE ** chance.random()) for _ in range(FILES - len(edges) - len(large))]
    mixed = edges + large + small
    chance.shuffle(mixed)
    return mixed


def digest(content):
    return hashlib.sha256(content).hexdigest()


class FetchFromNginx(ExampleTest):
    def setUp(self):
        super().setUp()
        self.root = self.make_directory("root")
        self.output = self.make_directory("output")
        self.nginx = Nginx(self.make_directory("nginx"), self.root)

    def make_files(self, all_sizes):
        """Returns the digest of each file. Each is another slice of one block: cheap, and no two are alike."""
        chance = random.Random(3)
        block = chance.randbytes(LARGEST + 65536)
        digests = {}
        for number, size in enumerate(all_sizes):
            start = chance.randrange(65536)
            content = block[start : start + size]
            name = f"file-{number}.bin"
            self.write(os.path.join("root", name), content)
            digests[name] = digest(content)
        return digests

    def digests_of_output(self):
        digests = {}
        for name in os.listdir(self.output):
            with open(os.path.join(self.output, name), "rb") as file:
                digests[name] = digest(file.read())
        return digests

    def test_a_thousand_files_arrive_whole_on_one_thread(self):
        all_sizes = sizes()
        total = sum(all_sizes)
        self.assertLess(total, 300 * MEBIBYTE)
        digests = self.make_files(all_sizes)
        with self.nginx:
            listing = self.write("urls", "".join(self.nginx.url("/" + name) + "\n" for name in digests))
            done, threads = run_and_count_threads(FETCH_ALL, "-n", str(FIBERS), "-o", self.output, listing)
        self.assertEqual(done.returncode, 0, done.stderr)
        expected = {f"{place:04}-{name}": value for place, (name, value) in enumerate(digests.items(), 1)}
        self.assertEqual(self.digests_of_output(), expected)
        self.assertIn(f"1,000 of 1,000 downloaded, 0 failed, {total / MEBIBYTE:.1f} MiB in ", done.stdout)
        self.assertIn(threads, range(1, int(MOST_THREADS) + 1))

    def test_bad_urls_are_reported_and_the_others_fetched(self):
        digests = self.make_files([100, 5000, 70000])
        refused = free_port()
        with self.nginx:
            good = [self.nginx.url("/" + name) for name in digests]
            bad = {
                self.nginx.url("/not-there"): "the server answered 404 Not Found",
                f"http://127.0.0.1:{refused}/": f"cannot connect to 127.0.0.1 port {refused}: Connection refused",
                "http://not..a.host/": '"not..a.host" is not a host name',
                "http://host:port/": '"port" is not a port',
                "https://127.0.0.1/": "https:// needs TLS",
                "/just/a/path": "the URL does not begin with http://",
            }
            urls = [good[0], *list(bad)[:3], good[1], *list(bad)[3:], good[2]]
            listing = "# a list with a comment\n\n" + "\n".join(urls) + "\n"
            done = run(FETCH_ALL, "-n", "3", "-o", self.output, "-", stdin=listing)
        self.assertEqual(done.returncode, 1)
        for url, sentence in bad.items():
            self.assertIn(f"failed: {url}: {sentence}", done.stderr)
        self.assertEqual(done.stderr.count("failed: "), len(bad), done.stderr)
        expected = {
            f"{urls.index(url) + 1:04}-{name}": value for url, (name, value) in zip(good, digests.items(), strict=True)
        }
        self.assertEqual(self.digests_of_output(), expected)
        self.assertIn("3 of 9 downloaded, 6 failed", done.stdout)


if __name__ == "__main__":
    unittest.main()

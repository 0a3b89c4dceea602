"""fetch_all with input it cannot use, or only some of."""

import os
import socket
import unittest

from example_support import ExampleTest, ScriptedServer, programs_from_command_line, run

FETCH_ALL = programs_from_command_line(1)

BODY = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + b"x" * 1000


class UnusableInput(ExampleTest):
    def assert_refused(self, done, sentence):
        self.assertEqual(done.returncode, 2)
        self.assertIn(sentence, done.stderr)
        self.assertEqual(done.stdout, "")

    def test_help_is_printed(self):
        for option in ("-h", "--help"):
            done = run(FETCH_ALL, option)
            self.assertEqual(done.returncode, 0)
            self.assertIn("usage: fetch_all", done.stdout)

    def test_options_are_checked(self):
        for arguments, sentence in {
            ("-n", "0"): "-n takes a number from 1 to 100000, not \"0\"",
            ("-n", "ten"): "not \"ten\"",
            ("-n", "100001"): "not \"100001\"",
            ("--timeout", "0"): "--timeout takes seconds from 0.001 to 86400, not \"0\"",
            ("--timeout", "nan"): "not \"nan\"",
            ("--timeout", "1s"): "not \"1s\"",
            ("--bogus",): "try --help",
            ("-o",): "try --help",
            ("one", "two"): "one list of URLs at a time",
        }.items():
            with self.subTest(arguments=arguments):
                self.assert_refused(run(FETCH_ALL, *arguments), sentence)

    def test_a_list_without_urls_is_refused(self):
        self.assert_refused(run(FETCH_ALL), "there is no URL in standard input")
        comments = self.write("comments", "# nothing\n\n   \n")
        self.assert_refused(run(FETCH_ALL, comments), f"there is no URL in {comments}")

    def test_a_list_that_cannot_be_read_is_refused(self):
        missing = os.path.join(self.directory, "missing")
        self.assert_refused(run(FETCH_ALL, missing), f"cannot read the URLs from {missing}: No such file or directory")
        sentence = f"cannot read the URLs from {self.directory}: Is a directory"
        self.assert_refused(run(FETCH_ALL, self.directory), sentence)

    def test_a_directory_without_room_for_files_is_refused(self):
        urls = self.write("urls", "http://127.0.0.1:9/\n")
        for directory in (urls, os.path.join(self.directory, "missing"), "/proc"):
            with self.subTest(directory=directory):
                done = run(FETCH_ALL, "-o", directory, urls)
                self.assert_refused(done, f"cannot make files in the directory {directory}: ")


class Urls(ExampleTest):
    def test_each_bad_url_is_reported_with_what_is_wrong(self):
        sentences = {
            "https://host/": "https:// needs TLS",
            "ftp://host/": "the URL does not begin with http://",
            "host/path": "the URL does not begin with http://",
            "http://": "the URL names no host",
            "http:///path": "the URL names no host",
            "http://ho st/": "the URL has a blank, a control byte or a letter outside ASCII in it",
            "http://host/\x01": "the URL has a blank, a control byte or a letter outside ASCII in it",
            "http://höst/": "the URL has a blank, a control byte or a letter outside ASCII in it",
            "http://ho!st/": '"ho!st" is not a host name',
            "http://-host/": '"-host" is not a host name',
            "http://a..b/": '"a..b" is not a host name',
            "http://" + "a" * 300 + "/": "the host name is longer than 253 characters",
            "http://user@host/": "user names and passwords in a URL are not supported",
            "http://host:/": '"" is not a port',
            "http://host:0/": '"0" is not a port',
            "http://host:65536/": '"65536" is not a port',
            "http://host:+80/": '"+80" is not a port',
            "http://[::1/": "the ']' of the IPv6 address is missing",
            "http://[]/": '"" in brackets is not an IPv6 address',
            "http://[::1]80/": "after ']' only a ':' and a port may follow",
        }
        done = run(FETCH_ALL, "-o", self.directory, stdin="\n".join(sentences) + "\n")
        reports = [line for line in done.stderr.splitlines() if line.startswith("failed: ")]
        self.assertEqual(len(reports), len(sentences), done.stderr)
        for url, sentence in sentences.items():
            with self.subTest(url=url):
                shown = url.replace("\x01", "?")[:200]
                self.assertTrue(
                    any(line.startswith(f"failed: {shown}") and sentence in line for line in reports), done.stderr
                )
        self.assertEqual(done.returncode, 1)
        self.assertEqual(os.listdir(self.directory), [])

    def test_path_query_and_fragment_go_where_they_belong(self):
        with ScriptedServer({"/?q=1": [BODY], "/": [BODY], "/a/b?c/d": [BODY]}) as server:
            base = f"HTTP://127.0.0.1:{server.port}"
            listing = f"{base}?q=1\n{base}\n{base}#part\n {base}/a/b?c/d#e?f \r\n"
            done = run(FETCH_ALL, "-o", self.directory, stdin=listing)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        names = ["0001-index.html", "0002-index.html", "0003-index.html", "0004-b"]
        self.assertEqual(sorted(os.listdir(self.directory)), names)

    def test_an_ipv6_address_is_taken_in_brackets(self):
        try:
            probe = socket.create_server(("::1", 0), family=socket.AF_INET6)
        except OSError:
            self.skipTest("this machine has no IPv6 loopback")
        with probe:
            port = probe.getsockname()[1]
        done = run(FETCH_ALL, "-o", self.directory, stdin=f"http://[::1]:{port}/\n")
        self.assertIn(f"cannot connect to ::1 port {port}: Connection refused", done.stderr)


if __name__ == "__main__":
    unittest.main()

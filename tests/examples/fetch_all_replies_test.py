"""fetch_all against servers that answer in every way a server may, and in many that it may not."""

import os
import unittest

from example_support import ExampleTest, ScriptedServer, programs_from_command_line, run

FETCH_ALL = programs_from_command_line(1)

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"


def one_by_one(answer):
    """The answer a byte at a time, so that it is cut in every place."""
    steps = []
    for byte in answer:
        steps += [bytes([byte]), 0.0005]
    return steps


LONG = bytes(range(256)) * 1000

# What is sent, and the body that must be in the file.
GOOD = {
    "length": ([OK + b"Content-Length: 5\r\n\r\nhello"], b"hello"),
    "length-in-pieces": (one_by_one(OK + b"content-LENGTH:  5 \r\n\r\nhello"), b"hello"),
    "length-twice-the-same": ([OK + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\nhi"], b"hi"),
    "length-zero": ([OK + b"Content-Length: 0\r\n\r\n"], b""),
    "more-than-length": ([OK + b"Content-Length: 2\r\n\r\nhi, and what was not asked for"], b"hi"),
    "long": ([OK + b"Content-Length: %d\r\n\r\n" % len(LONG), LONG[:7], 0.01, LONG[7:]], LONG),
    "until-close": ([b"HTTP/1.0 200 OK\r\n\r\n", b"to the ", 0.01, b"end"], b"to the end"),
    "chunks": ([CHUNKED + b"5\r\nhello\r\nA;name=value\r\n, chunked!\r\n0\r\n\r\n"], b"hello, chunked!"),
    "chunks-in-pieces": (one_by_one(CHUNKED + b"1\r\na\r\n2 \r\nbc\r\n0\r\nTrailer: x\r\n\r\n"), b"abc"),
    "chunks-before-length": (
        [OK + b"Content-Length: 3\r\nTransfer-Encoding: Chunked\r\n\r\n4\r\nfour\r\n0\r\n\r\n"],
        b"four",
    ),
    "chunk-that-is-long": ([CHUNKED + b"%x\r\n" % len(LONG), LONG, b"\r\n0\r\n\r\n"], LONG),
    "no-chunk": ([CHUNKED + b"0\r\n\r\n"], b""),
    "bare-newlines": ([b"HTTP/1.1 200 OK\nContent-Length: 2\n\nhi"], b"hi"),
    "no-reason": ([b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nhi"], b"hi"),
    "continue-first": ([b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: x\r\n\r\n" + OK + b"\r\nhi"], b"hi"),
    "no-content": ([b"HTTP/1.1 204 No Content\r\nContent-Length: 7\r\n\r\n"], b""),
}

# What is sent, and what the report must say.
BAD = {
    "not-found": ([b"HTTP/1.1 404 Not Found\r\n\r\n"], "the server answered 404 Not Found"),
    "moved": ([b"HTTP/1.1 301 Moved\r\nLocation: /\r\n\r\n"], "the server answered 301 Moved"),
    "broken": ([b"HTTP/1.1 500 \r\n\r\n"], "the server answered 500"),
    "short": ([OK + b"Content-Length: 10\r\n\r\nabc"], "the body ended early: 3 of 10 bytes came"),
    "short-chunk": ([CHUNKED + b"8\r\nabc"], "the body ended early: 3 of 8 bytes came"),
    "no-last-chunk": ([CHUNKED + b"3\r\nabc\r\n"], "closed the connection before its answer was complete"),
    "chunk-of-words": ([CHUNKED + b"three\r\nabc\r\n"], 'a chunk of the size "three"'),
    "chunk-below-zero": ([CHUNKED + b"-1\r\nabc\r\n"], 'a chunk of the size "-1"'),
    "chunk-beyond-numbers": ([CHUNKED + b"1" + b"0" * 16 + b"\r\nabc"], "a chunk of the size"),
    "chunk-too-long": ([CHUNKED + b"3\r\nabcdef\r\n0\r\n\r\n"], "a chunk of the body is longer than it says"),
    "endless-trailers": ([CHUNKED + b"0\r\n" + b"A: b\r\n" * 300 + b"\r\n"], "more than 200 trailers"),
    "other-coding": ([OK + b"Transfer-Encoding: gzip\r\n\r\n"], 'the transfer encoding "gzip"'),
    "two-lengths": ([OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nhi"], "two different Content-Lengths"),
    "length-of-words": ([OK + b"Content-Length: two\r\n\r\nhi"], 'the Content-Length "two" is not a number'),
    "not-http": ([b"SSH-2.0-OpenSSH_9\r\n\r\n"], 'not HTTP/1: it begins with "SSH-2.0-OpenSSH_9"'),
    "escape": ([b"\x1b[2J\x07 200 OK\r\n\r\n"], 'not HTTP/1: it begins with "?[2J? 200 OK"'),
    "http2": ([b"HTTP/2 200\r\n\r\n"], "the answer is not HTTP/1"),
    "status-of-words": ([b"HTTP/1.1 abc OK\r\n\r\n"], "the answer is not HTTP/1"),
    "no-colon": ([OK + b"this is no header\r\n\r\n"], 'a line "this is no header" where a header should be'),
    "nothing": ([b""], "closed the connection before its answer was complete"),
    "half-a-head": ([OK + b"Content-"], "closed the connection before its answer was complete"),
    "long-line": ([OK + b"X: " + b"x" * 20000 + b"\r\n\r\n"], "a line of more than 8 KiB"),
    "endless-head": ([OK + b"A: b\r\n" * 300 + b"\r\n"], "more than 200 headers"),
    "endless-announcements": ([b"HTTP/1.1 100 Continue\r\n\r\n" * 300], "announces an answer over and over"),
    "reset": ([OK + b"Content-Length: 10\r\n\r\nabc", "reset"], "the connection broke: Connection reset by peer"),
    "silent": ([6], "the server fell silent: timed out"),
    "silent-in-the-body": ([OK + b"Content-Length: 10\r\n\r\nabc", 6], "the server fell silent: timed out"),
}


class Replies(ExampleTest):
    def setUp(self):
        super().setUp()
        self.server = ScriptedServer({"/" + name: steps for name, (steps, _) in {**GOOD, **BAD}.items()})
        self.output = self.make_directory("output")

    def test_every_good_answer_is_saved_and_every_bad_one_reported(self):
        with self.server:
            names = [*GOOD, *BAD]
            listing = "".join(self.server.url("/" + name) + "\n" for name in names)
            done = run(FETCH_ALL, "-n", "20", "-o", self.output, "--timeout", "2", stdin=listing)

        reports = {}
        for line in done.stderr.splitlines():
            if line.startswith("failed: "):
                url, sentence = line[len("failed: ") :].split(": ", 1)
                reports[url.rsplit("/", 1)[1]] = sentence
        self.assertEqual(set(reports), set(BAD), done.stderr)
        for name, (_, expected) in BAD.items():
            with self.subTest(bad=name):
                self.assertIn(expected, reports[name])

        # Each good body under its name, and nothing else: no empty file, no half of one.
        names_of_files = {f"{place:04}-{name}": name for place, name in enumerate(names, 1) if name in GOOD}
        self.assertEqual(set(os.listdir(self.output)), set(names_of_files))
        for file_name, name in names_of_files.items():
            with self.subTest(good=name), open(os.path.join(self.output, file_name), "rb") as file:
                self.assertEqual(file.read(), GOOD[name][1])

        self.assertIn(f"{len(GOOD)} of {len(names)} downloaded, {len(BAD)} failed", done.stdout)
        self.assertEqual(done.returncode, 1)


if __name__ == "__main__":
    unittest.main()

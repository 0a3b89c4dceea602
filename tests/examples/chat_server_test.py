"""chat_server: who hears what, who is shown out, and Ctrl-C."""

import contextlib
import socket
import time
import unittest

from example_support import DEADLINE, ExampleTest, ListeningProgram, programs_from_command_line, reset, run

CHAT_SERVER = programs_from_command_line(1)


class Person:
    """Somebody with a line-wise view of his connection."""

    def __init__(self, server, nick=None, receive_buffer=None):
        self.socket = socket.socket()
        if receive_buffer is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(DEADLINE)
        self.socket.connect(server.address)
        self.file = self.socket.makefile("rb")
        self.nick = nick
        if nick is not None:
            self.send(nick)
            self.wait_for(f"* {nick} is here. now: ")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()
        self.socket.close()

    def send(self, line):
        self.socket.sendall((line if isinstance(line, bytes) else line.encode()) + b"\n")

    def hear(self):
        """The next line; an empty text at the end."""
        return self.file.readline().decode(errors="surrogateescape").rstrip("\n")

    def wait_for(self, words):
        """The next line that begins with the words; all lines before it are dropped."""
        while line := self.file.readline():
            if line.decode(errors="surrogateescape").startswith(words):
                return line.decode(errors="surrogateescape").rstrip("\n")
        raise AssertionError(f"{self.nick} was never told {words!r}")

    def rest(self):
        return self.file.read().decode(errors="surrogateescape")


class Room(ExampleTest):
    def end(self, server, *people):
        """Ctrl-C once these have gone, so that nobody has to be waited for."""
        for person in people:
            person.__exit__()
        self.assertEqual(server.interrupt(), 0)

    def test_everybody_hears_everybody_and_each_speaker_in_order(self):
        people, lines = 20, 50
        with ListeningProgram(CHAT_SERVER, "--patience", "60000") as server, contextlib.ExitStack() as stack:
            room = [stack.enter_context(Person(server, f"nick-{i}")) for i in range(people)]
            for person in room:
                person.socket.sendall(b"".join(b"line %d\n" % i for i in range(lines)))
            for listener in room:
                next_of = {person.nick: 0 for person in room}
                while min(next_of.values()) < lines:
                    line = listener.hear()
                    self.assertTrue(line)
                    if line.startswith("* "):
                        continue
                    nick, text = line.split(": ", 1)
                    self.assertEqual(text, f"line {next_of[nick]}")
                    next_of[nick] += 1
            for person in room:  # so that nobody is spoken to who has gone
                person.socket.shutdown(socket.SHUT_WR)
            for person in room:
                person.rest()
            self.end(server, *room)
            self.assertEqual(server.errors(), "")

    def test_coming_and_going_is_told(self):
        with ListeningProgram(CHAT_SERVER) as server, Person(server, "ann") as ann:
            with Person(server) as bob:
                self.assertEqual(bob.hear(), "* your name?")
                bob.send("bob")
                self.assertEqual(bob.hear(), "* bob is here. now: ann, bob")
                self.assertEqual(ann.hear(), "* bob is here. now: ann, bob")
            self.assertEqual(ann.hear(), "* bob has gone")
            with Person(server, "bob"):  # the name is free again
                pass
            self.end(server, ann)

    def test_what_was_said_still_comes_to_one_who_only_listens_any_more(self):
        # As `printf ... | nc -N` does it.
        with ListeningProgram(CHAT_SERVER) as server, Person(server) as ann:
            ann.socket.sendall(b"ann\r\nlast words\r\nunended")
            ann.socket.shutdown(socket.SHUT_WR)
            self.assertEqual(
                ann.rest(), "* your name?\n* ann is here. now: ann\nann: last words\nann: unended\n"
            )
            self.end(server, ann)

    def test_a_name_is_asked_for_until_it_is_a_free_one(self):
        with ListeningProgram(CHAT_SERVER) as server, Person(server, "ann") as ann, Person(server) as other:
            self.assertEqual(other.hear(), "* your name?")
            other.send("ann")
            self.assertEqual(other.hear(), "* that name is taken. your name?")
            for bad in ("", "a b", "x" * 17, b"\xff\xfe", b"a\x1b[31m"):
                other.send(bad)
                self.assertIn("a name is 1 to 16 letters", other.hear())
            other.send("x" * 16)
            self.assertIn(" is here", other.hear())
            self.end(server, ann, other)

    def test_a_line_that_is_too_long_ends_the_visit(self):
        with ListeningProgram(CHAT_SERVER) as server, Person(server, "ann") as ann, Person(server, "bob") as bob:
            bob.send("y" * 1024)
            self.assertEqual(ann.wait_for("bob: "), "bob: " + "y" * 1024)
            with contextlib.suppress(ConnectionError):  # the server may have gone before the last of it
                bob.socket.sendall(b"z" * 100_000)
            self.assertEqual(ann.hear(), "* bob has gone: a line that was too long")
            self.assertIn("* a line has at most 1024 bytes", bob.rest())
            with Person(server) as nobody:
                nobody.socket.sendall(b"n" * 1025)
                self.assertIn("* a line has at most 1024 bytes", nobody.rest())
            self.end(server, ann, bob)

    def test_bytes_that_are_no_text_pass_and_control_bytes_do_not(self):
        with ListeningProgram(CHAT_SERVER) as server, Person(server, "ann") as ann, Person(server, "bob") as bob:
            bob.send(b"\xff\xfe \x00\x1b[31m\x7f gr\xc3\xbc\xc3\x9fe")
            heard = ann.wait_for("bob: ")
            self.assertEqual(heard.encode(errors="surrogateescape"), b"bob: \xff\xfe ??[31m? gr\xc3\xbc\xc3\x9fe")
            self.end(server, ann, bob)

    def test_a_reader_who_stands_still_is_dropped_and_the_others_lose_nothing(self):
        with ListeningProgram(CHAT_SERVER, "--patience", "100") as server:
            with Person(server, "ann") as ann, Person(server, "bob") as bob, Person(server, "sloth", 4096) as sloth:
                before = server.resident_bytes()
                said, heard, notice = 0, 0, None
                # Until the kernel's buffers for sloth, some MiB, and his mailbox are full.
                while notice is None:
                    self.assertLess(said, 100_000)
                    bob.socket.sendall(b"".join(b"%d %s\n" % (said + i, b"x" * 1000) for i in range(100)))
                    said += 100
                    for listener in (ann, bob):
                        spoken = said - 100
                        while spoken < said:
                            line = listener.hear()
                            if line.startswith("* sloth has gone"):
                                notice = line
                            elif line.startswith("bob: "):
                                self.assertTrue(line.startswith(f"bob: {spoken} "), line[:40])
                                spoken += 1
                                heard += 1
                self.assertEqual(notice, "* sloth has gone: too slow, dropped")
                self.assertEqual(heard, 2 * said)
                # 64 lines of 1 KiB wait for sloth, in one copy for all.
                self.assertLess(server.resident_bytes() - before, 4 << 20)
                # He was told as well if he reads by now; in any case he gets the end.
                with contextlib.suppress(ConnectionResetError):
                    sloth.rest()
                ann.send("still here")
                bob.wait_for("ann: still here")
                self.end(server, ann, bob, sloth)

    def test_one_who_was_dropped_is_told_if_he_reads_again(self):
        with ListeningProgram(CHAT_SERVER, "--patience", "100") as server:
            with Person(server, "bob") as bob, Person(server, "sloth", 4096) as sloth:
                bob.socket.settimeout(0.01)
                end = time.monotonic() + DEADLINE
                while b"* sloth has gone" not in self.pump(bob):
                    self.assertLess(time.monotonic(), end)
                text = sloth.rest()
                self.assertTrue(text.endswith("\n* you do not read: you were dropped\n"), text[-100:])
                self.end(server, bob, sloth)

    @staticmethod
    def pump(person):
        """Says much, and gives what is heard meanwhile."""
        person.socket.setblocking(True)
        person.socket.sendall((b"x" * 1000 + b"\n") * 20)
        person.socket.setblocking(False)
        heard = b""
        with contextlib.suppress(BlockingIOError):
            while piece := person.socket.recv(65536):
                heard += piece
        return heard

    def test_a_reset_is_told_to_the_others(self):
        with ListeningProgram(CHAT_SERVER) as server, Person(server, "ann") as ann:
            bob = Person(server, "bob")
            bob.file.close()
            reset(bob.socket)
            self.assertEqual(ann.wait_for("* bob has gone"), "* bob has gone: connection lost")
            server.wait_for_error("Connection reset by peer")
            self.end(server, ann)

    def test_ctrl_c_is_told_to_all_and_ends_it(self):
        with ListeningProgram(CHAT_SERVER) as server, contextlib.ExitStack() as stack:
            room = [stack.enter_context(Person(server, f"nick-{i}")) for i in range(50)]
            unnamed = stack.enter_context(Person(server))
            self.assertEqual(unnamed.hear(), "* your name?")
            self.assertEqual(server.interrupt(), 0)
            for person in (*room, unnamed):
                self.assertTrue(person.rest().endswith("\n* the server is closing\n"))
            with self.assertRaises(ConnectionRefusedError):
                server.connect()
            self.assertEqual(server.errors(), "")

    def test_ctrl_c_while_much_is_said_and_somebody_does_not_read(self):
        with ListeningProgram(CHAT_SERVER, "--patience", "60000") as server:
            with Person(server, "sloth", 4096), Person(server, "bob") as bob:
                bob.socket.settimeout(0.3)
                with self.assertRaises(TimeoutError):  # the room waits for sloth, and so bob is not read
                    while True:
                        bob.socket.sendall((b"x" * 1000 + b"\n") * 100)
                self.assertEqual(server.interrupt(), 0)

    def test_it_says_how_it_is_used(self):
        self.assertIn("usage: chat_server", run(CHAT_SERVER, "--help").stdout)
        for arguments, sentence in {
            ("--patience", "0"): "--patience takes a number from 1",
            ("--listen", "127.0.0.1"): "127.0.0.1",
            ("x",): 'what is "x"? try --help',
            ("--bogus",): "try --help",
        }.items():
            with self.subTest(arguments=arguments):
                done = run(CHAT_SERVER, *arguments)
                self.assertEqual((done.returncode, done.stdout), (2, ""))
                self.assertIn(sentence, done.stderr)


if __name__ == "__main__":
    unittest.main()

"""Unmodified client libraries in many fibers of one thread: every answer is right, they wait at the same time, and a
call that is ended in the middle leaves its library usable."""

import os
import tempfile
import unittest

from client_test import SMALL, ClientTest, fan_out, options
from example_support import programs_from_command_line, run

CLIENT_WORK, CLIENT_WORK_BLOCKING = programs_from_command_line(2)
GREAT = ["postgres", "redis", "mariadb", "http", "https", "openssl"]
COMPLETE = {**os.environ, "RUNTIME_PRELOAD": "complete"}
LOOKUPS = 4  # threads of the pool, at most: users and names are asked for there
OTHERS = ["ssh", "ldap", "cares", "sqlite"]


def interrupt(mode, words, libraries, environment=None):
    """Ends a call of each in the middle: it fails as if the network had, and a new one works."""
    done = run(CLIENT_WORK, *words, mode, ",".join(libraries), env=environment)
    print(done.stdout, end="", flush=True)
    ended = sorted(line.split(":")[0] for line in done.stdout.splitlines() if line.endswith("usable afterwards"))
    if done.returncode != 0 or ended != sorted(libraries):
        raise AssertionError(f"{mode} ends with {done.returncode}: {done.stdout}{done.stderr}")


def fan_out_that_waits(words, mode, count, program=CLIENT_WORK):
    """A tenth of the time in a row is far above what it takes, and far below what it would if they blocked."""
    result = fan_out(program, words, mode, count)
    if result.took > result.serial / 10 or result.threads > 1 + LOOKUPS:
        raise AssertionError(f"{mode}: {result.took} s on {result.threads} threads, in a row {result.serial} s")
    return result


class GreatLibraries(ClientTest):
    def test_200_times_libpq(self):
        fan_out_that_waits(self.words, "postgres", 200)

    def test_200_times_hiredis(self):
        fan_out_that_waits(self.words, "redis", 200)

    def test_200_times_libmariadb(self):
        fan_out_that_waits(self.words, "mariadb", 200)

    def test_500_downloads_with_libcurl_over_tls(self):
        fan_out_that_waits(self.words, "https", 500)

    def test_100_downloads_with_openssl_alone(self):
        fan_out_that_waits(self.words, "openssl", 100)

    def test_all_of_them_in_one_process(self):
        result = fan_out_that_waits(self.words, "mixed", 100)
        self.assertEqual(result.count, 400)

    def test_all_of_them_in_complete_mode(self):
        result = fan_out(CLIENT_WORK, self.words, "mixed", 20, COMPLETE)
        # More than one thread: what reads a file inside of libc takes a pool thread in this mode.
        self.assertLess(result.took, result.serial / 10)

    def test_a_cancelled_call_ends_with_an_error_in_complete_mode(self):
        interrupt("cancel", self.words, GREAT, COMPLETE)

    def test_10000_requests_cost_no_more_than_on_threads(self):
        done = run(CLIENT_WORK, *self.words, "cost", "10000")
        print(done.stdout, end="", flush=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        # No more, with room for a machine that does other things too; the figure itself is printed.
        self.assertLess(float(done.stdout.split()[-1]), 1.5)

    def test_without_the_library_the_same_program_waits_in_a_row(self):
        with self.assertRaisesRegex(AssertionError, "in a row"):
            fan_out_that_waits(self.words, "postgres", 3, CLIENT_WORK_BLOCKING)

    def test_a_cancelled_call_ends_with_an_error(self):
        interrupt("cancel", self.words, GREAT)

    def test_a_timeout_ends_a_call(self):
        interrupt("timeout", self.words, GREAT)

    def test_a_round_that_is_cancelled_at_any_moment_ends(self):
        interrupt("sweep", self.words, GREAT)


class StateOfThreads(unittest.TestCase):
    def test_an_error_of_openssl_is_found_by_the_fiber_that_made_it(self):
        done = run(CLIENT_WORK, "errors", "20")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_without_the_library_fibers_find_the_errors_of_others(self):
        done = run(CLIENT_WORK_BLOCKING, "errors", "20")
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)


class SmallLibraries(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        directory = cls.enterClassContext(tempfile.TemporaryDirectory(prefix="libruntime-test-"))
        servers = {kind: cls.enterClassContext(make()) for kind, make in SMALL.items()}
        cls.words = options(sqlite=os.path.join(directory, "notes"), **servers)

    def test_libssh2(self):
        fan_out(CLIENT_WORK, self.words, "ssh", 8)  # each is a process and a key exchange of the server's

    def test_100_times_libldap(self):
        fan_out_that_waits(self.words, "ldap", 100)

    def test_200_times_c_ares(self):
        fan_out_that_waits(self.words, "cares", 200)

    def test_two_writers_of_one_sqlite_database(self):
        fan_out(CLIENT_WORK, self.words, "sqlite", 2)  # they wait for one another, and may use the pool

    def test_a_cancelled_call_ends_with_an_error(self):
        interrupt("cancel", self.words, OTHERS)

    def test_a_timeout_ends_a_call(self):
        interrupt("timeout", self.words, OTHERS)

    def test_a_round_that_is_cancelled_at_any_moment_ends(self):
        interrupt("sweep", self.words, OTHERS)


if __name__ == "__main__":
    unittest.main()

"""Unmodified client libraries in many fibers of one thread: every answer is right, and they wait at the same time."""

import os
import tempfile
import unittest

from client_test import ClientTest, fan_out, options
from example_support import programs_from_command_line
from small_servers import Dnsmasq, Slapd, Sshd

CLIENT_WORK = programs_from_command_line(1)


class GreatLibraries(ClientTest):
    def fan_out_that_waits(self, mode, count):
        """A tenth of the time in a row is far above what it takes, and far below what it would if they blocked."""
        result = fan_out(CLIENT_WORK, self.words, mode, count)
        self.assertLess(result.took, result.serial / 10)
        return result

    def test_200_times_libpq(self):
        self.fan_out_that_waits("postgres", 200)

    def test_200_times_hiredis(self):
        self.fan_out_that_waits("redis", 200)

    def test_200_times_libmariadb(self):
        self.fan_out_that_waits("mariadb", 200)

    def test_500_downloads_with_libcurl_over_tls(self):
        fan_out(CLIENT_WORK, self.words, "https", 500)  # which is work more than waiting

    def test_openssl_alone(self):
        fan_out(CLIENT_WORK, self.words, "openssl", 50)

    def test_all_of_them_in_one_process(self):
        result = self.fan_out_that_waits("mixed", 100)
        self.assertEqual(result.count, 400)


class SmallLibraries(unittest.TestCase):
    def test_20_times_libssh2(self):
        with Sshd() as sshd:
            fan_out(CLIENT_WORK, options(ssh=sshd), "ssh", 20)

    def test_100_times_libldap(self):
        with Slapd() as slapd:
            fan_out(CLIENT_WORK, options(ldap=slapd), "ldap", 100)

    def test_200_times_c_ares(self):
        with Dnsmasq() as dnsmasq:
            fan_out(CLIENT_WORK, options(dns=dnsmasq), "cares", 200)

    def test_two_writers_of_one_sqlite_database(self):
        with tempfile.TemporaryDirectory(prefix="libruntime-test-") as directory:
            fan_out(CLIENT_WORK, options(sqlite=os.path.join(directory, "notes")), "sqlite", 2)


if __name__ == "__main__":
    unittest.main()

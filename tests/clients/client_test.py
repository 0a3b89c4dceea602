"""What the tests of the client libraries share: running client_work, reading its line of results, the servers."""

import dataclasses
import re
import unittest

import server  # noqa: F401  finds the modules of tests/examples
from databases import MariaDB, PostgreSQL, Redis
from distance import DistantTcp, DistantUdp, distant
from example_support import run
from small_servers import Dnsmasq, Slapd, Sshd
from web_server import WebServers

# Context managers of the servers, by the names that options() takes. What answers at once is put at a distance.
GREAT = {"postgres": PostgreSQL, "redis": Redis, "mariadb": MariaDB, "web": WebServers}
SMALL = {
    "ssh": Sshd,
    "ldap": lambda: distant(Slapd(), DistantTcp),
    "dns": lambda: distant(Dnsmasq(), DistantUdp),
}

RESULT = re.compile(
    r"^(?P<names>.+): (?P<right>\d+) of (?P<count>\d+) right in (?P<took>[\d.]+) s,"
    r" one after the other (?P<serial>[\d.]+) s, threads (?P<threads>\d+), within 1 s: (?P<fast>yes|no)$",
    re.MULTILINE,
)


@dataclasses.dataclass
class Result:
    """What client_work says of a fan-out; times in seconds."""

    names: str
    right: int
    count: int
    took: float
    serial: float
    threads: int


def options(**servers):
    """The words of client_work's command line for the servers that run."""
    words = []
    for kind, one in servers.items():
        words += {
            "postgres": lambda s: [f"--postgres={s.conninfo()}"],
            "redis": lambda s: [f"--redis={s.port}"],
            "mariadb": lambda s: [
                f"--mariadb={s.port}",
                f"--mariadb-user={s.user_name}",
                f"--mariadb-password={s.password}",
            ],
            "web": lambda s: [f"--http={s.http}", f"--https={s.https}", f"--ca={s.ca}", f"--manifest={s.manifest}"],
            "ssh": lambda s: [f"--ssh={s.port}", f"--ssh-user={s.user_name}", f"--ssh-key={s.key}"],
            "ldap": lambda s: [f"--ldap={s.url()}", f"--ldap-base={s.base}"],
            "dns": lambda s: [f"--dns={s.port}"],
            "sqlite": lambda s: [f"--sqlite={s}"],
        }[kind](one)
    return words


def fan_out(program, words, mode, count, environment=None):
    """Runs client_work, shows its output and returns its Result. Any wrong answer is an AssertionError."""
    done = run(program, *words, mode, str(count), env=environment)
    found = RESULT.search(done.stdout)
    if done.returncode != 0 or not found:
        raise AssertionError(f"{mode} {count} ends with {done.returncode}: {done.stdout}{done.stderr}")
    print(done.stdout, end="", flush=True)
    result = Result(
        names=found["names"],
        right=int(found["right"]),
        count=int(found["count"]),
        took=float(found["took"]),
        serial=float(found["serial"]),
        threads=int(found["threads"]),
    )
    if result.right != result.count:
        raise AssertionError(f"{mode}: success in spite of {done.stdout}")
    return result


class ClientTest(unittest.TestCase):
    """Tests with the four great servers, which are started once for the whole class."""

    @classmethod
    def setUpClass(cls):
        cls.words = options(**{kind: cls.enterClassContext(make()) for kind, make in GREAT.items()})

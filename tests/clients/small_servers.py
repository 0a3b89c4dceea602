"""sshd, slapd and dnsmasq for the tests."""

import os
import pwd
import socket
import struct

from server import Server, find_program, run_to_end


class Sshd(Server):
    """Lets the user of this process in with the key at `key`."""

    name = "sshd"
    as_nobody = False  # it becomes the user that logs in

    def prepare(self):
        self.sshd = find_program("sshd", "openssh-server")
        self.user_name = pwd.getpwuid(os.geteuid()).pw_name
        self.key = self.path("user_key")
        keygen = find_program("ssh-keygen", "openssh-client")
        for file in ("host_key", "user_key"):
            # PEM, and a curve of NIST's: what every version of libssh2 reads.
            kind = ["-t", "ecdsa", "-b", "256", "-m", "PEM", "-N", "", "-q"]
            run_to_end([keygen, *kind, "-f", self.path(file)], "ssh-keygen")
        os.rename(self.path("user_key.pub"), self.path("authorized_keys"))
        if os.geteuid() == 0:
            os.makedirs("/run/sshd", mode=0o755, exist_ok=True)  # where Debian's sshd locks its children in
        self.write(
            "sshd_config",
            "ListenAddress 127.0.0.1\n"
            f"HostKey {self.path('host_key')}\n"
            f"AuthorizedKeysFile {self.path('authorized_keys')}\n"
            "StrictModes no\nUsePAM no\nPidFile none\nPasswordAuthentication no\n"
            "KbdInteractiveAuthentication no\nPermitRootLogin prohibit-password\n"
            "MaxStartups 200\nUseDNS no\nPrintMotd no\nLogLevel ERROR\n",
        )

    def command(self):
        return [self.sshd, "-D", "-e", "-f", self.path("sshd_config"), "-p", str(self.port)]


class Slapd(Server):
    """Has entries cn=entry-0 to cn=entry-99 below `base`, each with a description."""

    name = "slapd"
    base = "dc=tests,dc=example"
    root_dn = f"cn=admin,{base}"
    password = "loopback only"
    entries = 100

    def prepare(self):
        self.slapd = find_program("slapd", "slapd")
        os.mkdir(self.path("database"))
        self._give(self.path("database"))
        configuration = self.write(
            "slapd.conf",
            "include /etc/ldap/schema/core.schema\n"
            "modulepath /usr/lib/ldap\nmoduleload back_mdb\n"
            f"pidfile {self.path('slapd.pid')}\n"
            "database mdb\nmaxsize 16777216\ndbnosync\n"
            f'suffix "{self.base}"\nrootdn "{self.root_dn}"\nrootpw "{self.password}"\n'
            f"directory {self.path('database')}\n",
        )
        lines = [f"dn: {self.base}\nobjectClass: dcObject\nobjectClass: organization\no: tests\ndc: tests\n"]
        for number in range(self.entries):
            lines.append(
                f"dn: cn=entry-{number},{self.base}\nobjectClass: organizationalRole\n"
                f"cn: entry-{number}\ndescription: number {number}\n"
            )
        data = self.write("data.ldif", "\n".join(lines))
        slapadd = find_program("slapadd", "slapd")
        run_to_end([slapadd, "-q", "-f", configuration, "-l", data], "slapadd", cwd=self.directory, **self.user())

    def command(self):
        return [self.slapd, "-d", "0", "-h", self.url(), "-f", self.path("slapd.conf")]

    def url(self):
        return f"ldap://127.0.0.1:{self.port}"


class Dnsmasq(Server):
    """Answers host-N.test with 10.1.0.N, for N from 0 to 199; it asks nobody else."""

    name = "dnsmasq"
    hosts = 200

    def prepare(self):
        self.dnsmasq = find_program("dnsmasq", "dnsmasq-base")
        self.write("hosts", "".join(f"10.1.0.{number} host-{number}.test\n" for number in range(self.hosts)))

    def command(self):
        listen = [f"--port={self.port}", "--listen-address=127.0.0.1", "--bind-interfaces"]
        alone = ["--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--local=/test/", "--pid-file="]
        return [self.dnsmasq, "--keep-in-foreground", "--user=", "--log-facility=-", *listen, *alone] + [
            f"--addn-hosts={self.path('hosts')}",
            "--cache-size=1000",
        ]

    def is_ready(self):
        """Whether it answers a question for host-0.test, by UDP."""
        name = b"".join(bytes([len(label)]) + label for label in (b"host-0", b"test")) + b"\0"
        question = struct.pack(">6H", 7, 0x0100, 1, 0, 0, 0) + name + struct.pack(">2H", 1, 1)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as connection:
            connection.settimeout(0.5)
            connection.connect(("127.0.0.1", self.port))
            connection.send(question)
            return connection.recv(512).endswith(bytes([10, 1, 0, 0]))

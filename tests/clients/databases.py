"""PostgreSQL, Redis and MariaDB for the tests: without durability, which nobody here needs."""

import glob
import signal
import socket
import subprocess

from server import Server, find_program, run_to_end


class PostgreSQL(Server):
    name = "postgresql"
    stop_signal = signal.SIGINT  # "fast": sessions are ended, not waited for
    user_name = "tester"

    def prepare(self):
        self.folders = sorted(glob.glob("/usr/lib/postgresql/*/bin"))[-1:]
        self.postgres = find_program("postgres", "postgresql", self.folders)
        self.ready = find_program("pg_isready", "postgresql-client", self.folders)
        initdb = find_program("initdb", "postgresql", self.folders)
        options = ["--no-sync", "--no-instructions", "--auth=trust", "--encoding=UTF8", "--locale=C"]
        run_to_end(
            [initdb, *options, f"--username={self.user_name}", f"--pgdata={self.path('data')}"],
            "initdb",
            cwd=self.directory,
            env=self.environment(),
            **self.user(),
        )

    def command(self):
        settings = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": self.directory,
            "max_connections": 300,
            "shared_buffers": "16MB",
            "fsync": "off",
            "autovacuum": "off",
            "max_wal_senders": 0,
            "wal_level": "minimal",
        }
        chosen = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        return [self.postgres, "-D", self.path("data"), "-p", str(self.port), *chosen]

    def is_ready(self):
        return run_quietly([self.ready, "-q", "-h", "127.0.0.1", "-p", str(self.port)]) == 0

    def conninfo(self):
        return (
            f"host=127.0.0.1 port={self.port} user={self.user_name} dbname=postgres"
            " sslmode=disable gssencmode=disable connect_timeout=30"
        )


class Redis(Server):
    name = "redis"

    def prepare(self):
        self.redis = find_program("redis-server", "redis-server")

    def command(self):
        options = {
            "bind": "127.0.0.1",
            "port": self.port,
            "dir": self.directory,
            "maxclients": 2000,
            "save": "",
            "appendonly": "no",
            "daemonize": "no",
        }
        return [self.redis, *(word for name, value in options.items() for word in (f"--{name}", str(value)))]

    def is_ready(self):
        with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")


class MariaDB(Server):
    name = "mariadb"
    user_name = "tester"
    password = "loopback only"

    def prepare(self):
        self.mariadbd = find_program("mariadbd", "mariadb-server")
        self.admin = find_program("mariadb-admin", "mariadb-client")
        install = find_program("mariadb-install-db", "mariadb-server")
        run_to_end(
            [
                install,
                "--no-defaults",
                f"--datadir={self.path('data')}",
                "--auth-root-authentication-method=normal",
                "--skip-test-db",
                "--skip-name-resolve",
                *self._small(),
            ],
            "mariadb-install-db",
            cwd=self.directory,
            env=self.environment(),
            **self.user(),
        )
        self.write(
            "init.sql",
            "CREATE DATABASE IF NOT EXISTS tests;\n"
            f"CREATE USER IF NOT EXISTS '{self.user_name}'@'%' IDENTIFIED BY '{self.password}';\n"
            f"GRANT ALL ON tests.* TO '{self.user_name}'@'%';\n",
        )

    def command(self):
        return [
            self.mariadbd,
            "--no-defaults",
            f"--datadir={self.path('data')}",
            f"--init-file={self.path('init.sql')}",
            f"--socket={self.path('mariadb.sock')}",
            f"--pid-file={self.path('mariadb.pid')}",
            "--bind-address=127.0.0.1",
            f"--port={self.port}",
            "--max-connections=400",
            "--back-log=400",
            "--skip-name-resolve",
            *self._small(),
        ]

    def is_ready(self):
        ping = [self.admin, "--no-defaults", "--protocol=tcp", "--host=127.0.0.1", f"--port={self.port}"]
        return run_quietly([*ping, f"--user={self.user_name}", f"--password={self.password}", "ping"]) == 0

    @staticmethod
    def _small():
        return [
            "--innodb-buffer-pool-size=8M",
            "--innodb-log-file-size=4M",
            "--innodb-flush-log-at-trx-commit=0",
            "--innodb-fast-shutdown=2",
            "--aria-pagecache-buffer-size=1M",
            "--key-buffer-size=64K",
            "--performance-schema=OFF",
        ]


def run_quietly(command):
    """The exit status of a program that only looks whether a server answers."""
    return subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=30, check=False
    ).returncode

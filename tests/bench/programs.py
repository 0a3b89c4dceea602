"""Running benchmark programs: pinned, with a limit of time, and never one left behind."""

import os
import pathlib
import signal
import subprocess
import sys
from dataclasses import dataclass

# A peer that cannot do a work of this size says so on stderr and ends with this.
NOT_THIS_ONE = 77

# What the table calls them, by the names of their programs. Which works a peer does, it is asked itself.
PEERS = {
    "Boost.Fiber": "boost_fiber_peer",
    "State Threads": "state_threads_peer",
    "GNU Pth": "pth_peer",
    "libuv": "uv_peer",
    "Boost.Asio": "asio_peer",
    "threads": "threads_peer",
    "Go": "go_peer",
    "Tokio": "tokio_peer",
}


class Failed(Exception):
    """A program that gave no figures, and why."""


class Unable(Failed):
    """A peer that says it cannot do this."""


def run_program(command, one_processor, limit):
    """The figures a program printed: {name: (value, unit)}, in its order."""
    allowed = os.sched_getaffinity(0)
    if one_processor:
        # Children inherit it. The last processor, because interrupts tend to go to the first.
        os.sched_setaffinity(0, {max(allowed)})
    try:
        # A session of its own, so that what the program has started ends with it.
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                   start_new_session=True)
    finally:
        os.sched_setaffinity(0, allowed)
    try:
        out, err = process.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        raise Failed(f"did not end in {limit:g} s") from None
    finally:
        end_session(process)
    if process.returncode == NOT_THIS_ONE:
        raise Unable(err.strip())
    if process.returncode != 0:
        raise Failed(f"ended with {process.returncode}: {(out + err).strip()[-500:]}")
    return parsed(out)


def end_session(process):
    """Kills what is left of it; a program that ended well has left nothing."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    process.wait()


def parsed(text):
    figures = {}
    for line in text.splitlines():
        try:
            name, value, unit = line.split()
            figures[name] = (float(value), unit)
        except ValueError:
            raise Failed(f"printed \"{line}\", which is not a name, a number and a unit") from None
    if not figures:
        raise Failed("printed no figures")
    return figures


@dataclass(frozen=True)
class Peer:
    name: str
    program: pathlib.Path
    works: frozenset


def find_program(directory, name):
    """In the folder itself, or in one below it: what Meson did not compile has a folder of its own."""
    if (directory / name).is_file():
        return directory / name
    return next((path for path in sorted(directory.glob(f"peers/**/{name}")) if path.is_file()), None)


def installed_peers(directory):
    """{name: Peer} of those that are there."""
    found = {}
    for name, program in PEERS.items():
        path = find_program(directory, program)
        if path is None:
            continue
        try:
            listed = subprocess.run([str(path), "--work", "list"], capture_output=True, text=True, timeout=30,
                                    check=True)
        except (OSError, subprocess.SubprocessError) as error:
            sys.exit(f"{path} does not tell what it can do: {error}")
        found[name] = Peer(name, path, frozenset(listed.stdout.split()))
    return found

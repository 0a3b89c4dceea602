"""The run as JSON: for tools/bench-report, and to compare runs."""

import datetime
import json
import os
import pathlib
import platform
import re
import shutil
import subprocess

from goals import judge
from programs import PEERS

# Debian's packages, for the versions that a figure depends on.
PACKAGES = {"Boost": "libboost-context-dev", "libev": "libev-dev", "State Threads": "libst-dev",
            "GNU Pth": "libpth-dev", "libuv": "libuv1-dev", "Go": "golang-go", "Tokio": "librust-tokio-dev",
            "Rust": "rustc"}


def _output(command):
    """What it prints, or nothing if it is not there or fails: a version that nobody can tell is left out."""
    if shutil.which(command[0]) is None:
        return ""
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


def _field(path, name):
    found = re.search(rf"(?m)^{name}\s*:\s*(.+)$", pathlib.Path(path).read_text(encoding="utf-8"))
    return found.group(1).strip() if found else "unknown"


def build_folder(directory):
    """Meson's build folder, in which `directory` is; None: the programs were copied elsewhere."""
    return next((folder for folder in (directory, *directory.parents) if (folder / "meson-info").is_dir()), None)


def _introspected(directory, name):
    folder = build_folder(directory)
    path = folder / "meson-info" / name if folder else None
    return json.loads(path.read_text(encoding="utf-8")) if path and path.is_file() else None


def _compiler(directory):
    targets = _introspected(directory, "intro-targets.json") or []
    for target in targets:
        for source in target["target_sources"]:
            if source.get("language") == "cpp":
                return _output([*source["compiler"], "--version"]).partition("\n")[0] or " ".join(source["compiler"])
    return "unknown"


def machine(directory):
    memory_kib = int(_field("/proc/meminfo", "MemTotal").split()[0])
    found = {"processor": _field("/proc/cpuinfo", "model name"), "processors": len(os.sched_getaffinity(0)),
             "memory": f"{memory_kib / 1024 ** 2:.1f} GiB", "kernel": platform.release(),
             "compiler": _compiler(directory)}
    hypervisor = re.search(r"(?m)^Hypervisor vendor:\s*(.+)$", _output(["lscpu"]))
    if hypervisor:
        found["hypervisor"] = hypervisor.group(1)
    return found


def _package_versions():
    if shutil.which("dpkg-query") is None:
        return {}
    # It fails when it does not know one of them, and tells of the others.
    done = subprocess.run(["dpkg-query", "-W", "-f=${Package} ${db:Status-Status} ${Version}\\n", *PACKAGES.values()],
                          capture_output=True, text=True, timeout=30, check=False)
    told = [line.split() for line in done.stdout.splitlines()]
    installed = {words[0]: words[2] for words in told if len(words) == 3 and words[1] == "installed"}
    return {name: installed[package] for name, package in PACKAGES.items() if package in installed}


def versions(directory):
    project = _introspected(directory, "intro-projectinfo.json")
    found = {"libruntime": project["version"]} if project else {}
    return {**found, **_package_versions()}


def _peer(result, name):
    absent = result.absent(name)
    return {"absent": absent} if absent else {"values": result.peer(name)}


def _goal(result):
    goal = result.work.goal
    if goal is None:
        return None
    verdict = judge(goal, result)
    return {"text": goal.text, "limit": goal.limit, "of": goal.of, "value": verdict.value, "met": verdict.met}


def _work(result):
    return {"title": result.work.title, "unit": result.unit(result.work.figure), "floor_name": result.work.floor,
            "ours": result.ours, "floor": result.floor, "jump": result.jump or None,
            "peers": {name: _peer(result, name) for name in PEERS}, "goal": _goal(result), "others": result.others()}


def write(path, directory, rounds, groups):
    """`groups`: (name, title, results) of each."""
    record = {"made": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
              "machine": machine(directory), "versions": versions(directory), "rounds": rounds,
              "groups": [{"name": name, "title": title, "works": [_work(result) for result in results]}
                         for name, title, results in groups]}
    path.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")

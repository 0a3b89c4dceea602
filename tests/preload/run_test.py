#!/usr/bin/env python3
"""Starts, refuses and checks programs with tools/runtime-run, as it stands in the source tree and as it is installed.

    run_test.py RUNTIME_RUN CONFIGURED_RUNTIME_RUN LIBRARY

LIBRARY stands for libruntime_preload.so: what is tested is that it is loaded, not what it does. The folder that
RUN_PROGRAMS names has the programs of tests/preload/run.
"""
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

SOURCE, CONFIGURED, LIBRARY = (pathlib.Path(argument).resolve() for argument in sys.argv[1:4])
PROGRAMS = pathlib.Path(os.environ["RUN_PROGRAMS"])
ROOT = SOURCE.parent.parent
LIMIT_S = 60
# What a user's shell would have: nothing of the build's own environment, such as Meson's or a preload.
PLAIN = {"PATH": os.environ["PATH"], "RUNTIME_PRELOAD_LIBRARY": str(LIBRARY)}


def run(*command, env=None, **more):
    """Runs a command, by default runtime-run's own environment; its streams are bytes."""
    return subprocess.run(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=LIMIT_S,
                          env=PLAIN if env is None else env, check=False, **more)


def runtime_run(*arguments, **more):
    return run(SOURCE, *arguments, **more)


def environment_of(*options, **more):
    """The environment of a program started by runtime-run, name by name."""
    lines = runtime_run(*options, "env", "-0", **more).stdout.split(b"\0")[:-1]
    return dict(line.split(b"=", 1) for line in lines)


class Scratch(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def file(self, name, content, mode=0o755):
        path = self.folder / name
        path.write_bytes(content)
        path.chmod(mode)
        return path


class Starting(Scratch):
    """What the program finds is what it would have found, and the library."""

    def test_the_library_is_loaded(self):
        self.assertIn(bytes(LIBRARY), runtime_run("cat", "/proc/self/maps").stdout)

    def test_arguments_are_passed_on_untouched(self):
        odd = ["--check", "", "two words", "*", "--", "-x", "a'b\"c", "new\nline", "x=y"]
        done = runtime_run("--", "printf", "%s\\0", *odd)
        self.assertEqual(done.stdout.decode().split("\0")[:-1], odd)

    def test_options_after_the_program_are_its_own(self):
        self.assertEqual(runtime_run("echo", "--report").stdout, b"--report\n")

    def test_the_environment_gains_the_preload_and_nothing_else(self):
        given = {**PLAIN, "odd.name": "1", "EMPTY": "", "LINES_": "a\nb", "BASH_FUNC_f%%": "() { :; }", "LC_ALL": "C"}
        found = environment_of(env=given)
        added = {b"LD_PRELOAD": bytes(LIBRARY), b"RUNTIME_PRELOAD": b"symbols"}
        self.assertEqual(found, {**{k.encode(): v.encode() for k, v in given.items()}, **added})

    def test_options_become_variables(self):
        found = environment_of("--complete", "--report")
        self.assertEqual((found[b"RUNTIME_PRELOAD"], found[b"RUNTIME_PRELOAD_REPORT"]), (b"complete", b"1"))

    def test_a_report_file_keeps_its_place_when_the_program_goes_elsewhere(self):
        found = environment_of("--report=here.txt", cwd=self.folder)
        self.assertEqual(found[b"RUNTIME_PRELOAD_REPORT"], bytes(self.folder.resolve() / "here.txt"))

    def test_a_mode_in_the_environment_is_kept(self):
        self.assertEqual(environment_of(env={**PLAIN, "RUNTIME_PRELOAD": "complete"})[b"RUNTIME_PRELOAD"], b"complete")

    def test_an_existing_preload_is_kept_behind_ours(self):
        other = shutil.copy(LIBRARY, self.folder / "other.so")
        found = environment_of(env={**PLAIN, "LD_PRELOAD": other})
        self.assertEqual(found[b"LD_PRELOAD"].decode(), f"{LIBRARY}:{other}")

    def test_streams_are_inherited(self):
        self.assertEqual(runtime_run("cat", input=b"a\0b").stdout, b"a\0b")

    def test_the_exit_status_is_the_programs(self):
        self.assertEqual(runtime_run("sh", "-c", "exit 7").returncode, 7)
        self.assertEqual(runtime_run("sh", "-c", "kill -TERM $$").returncode, -signal.SIGTERM)

    def test_sigpipe_is_what_it_was(self):
        script = ["sh", "-c", "kill -PIPE $$; exit 3"]
        self.assertEqual(runtime_run(*script, restore_signals=True).returncode, -signal.SIGPIPE)
        # Python ignores it, and so does then the child.
        self.assertEqual(runtime_run(*script, restore_signals=False).returncode, 3)

    def test_scripts_run_when_their_interpreter_can(self):
        script = self.file("script", b"#!/bin/sh\necho \"$1\" $LD_PRELOAD\n")
        self.assertEqual(runtime_run(script, "word").stdout.decode(), f"word {LIBRARY}\n")
        script = self.file("by env", b"#!/usr/bin/env -S A=1 sh\necho $A $LD_PRELOAD\n")
        self.assertEqual(runtime_run(script).stdout.decode(), f"1 {LIBRARY}\n")


class Refusing(Scratch):
    """Whatever would run without the library is refused, with a sentence and the status of its kind."""

    def refused(self, status, words, *arguments, **more):
        done = runtime_run(*arguments, **more)
        self.assertEqual((done.returncode, done.stdout), (status, b""), done.stderr)
        self.assertRegex(done.stderr.decode(), f"^runtime-run: .*{words}.*\n$")

    def test_what_is_not_there(self):
        self.refused(127, "not found", "no-such-program")
        self.refused(127, "not found", self.folder / "no-such-program")

    def test_what_is_no_program(self):
        self.refused(126, "is a folder", self.folder)
        self.refused(126, "not executable", self.file("text", b"#!/bin/sh\n", 0o644))
        self.refused(126, "neither a program", self.file("words", b"words\n"))
        self.refused(126, "neither a program", self.file("nothing", b""))
        self.refused(126, "damaged", self.file("damaged", b"\x7fELF" + b"damaged" * 9))

    def test_static_programs_and_what_they_interpret(self):
        static = PROGRAMS / "run-static"
        self.refused(126, "statically linked", static)
        self.refused(126, "statically linked", self.file("script", b"#!" + bytes(static) + b"\n"))
        self.refused(126, "statically linked", "--check", static)

    def test_scripts_without_an_interpreter(self):
        self.refused(126, "interpreter /no/such was not found", self.file("script", b"#!/no/such\n"))
        self.refused(126, "no-such-program: not found", self.file("script", b"#!/usr/bin/env no-such-program\n"))

    def test_other_machines(self):
        content = bytearray((PROGRAMS / "run-still").read_bytes())
        content[18:20] = b"\x28\0"  # e_machine: 32-bit ARM
        self.refused(126, "is for .*ARM.*, the library for ", self.file("foreign", bytes(content)))

    def test_other_c_libraries(self):
        content = (PROGRAMS / "run-still").read_bytes()
        loader = re.search(rb"/lib[^\0]*/ld-linux[^\0]*", content)[0]
        other = b"/lib/ld-musl.so.1".ljust(len(loader), b"\0")
        self.refused(126, "not a program of glibc", self.file("other", content.replace(loader, other)))

    def test_programs_with_the_rights_of_others(self):
        if os.geteuid() == 0:
            program = shutil.copy(PROGRAMS / "run-still", self.folder)
            os.chown(program, 65534, 65534)
            for mode in [0o4755, 0o2755]:
                os.chmod(program, mode)
                self.refused(126, "ignores LD_PRELOAD", program)
        else:
            self.refused(126, "ignores LD_PRELOAD", "su")

    def test_options_it_does_not_know(self):
        self.refused(125, "unknown option --chekc", "--chekc", "true")

    def test_a_library_that_cannot_be_preloaded(self):
        self.refused(125, "not there", "true", env={**PLAIN, "RUNTIME_PRELOAD_LIBRARY": "/no/such"})
        lonely = shutil.copy(PROGRAMS / "librun-legacy.so", self.folder)  # without what it needs
        env = {**PLAIN, "RUNTIME_PRELOAD_LIBRARY": lonely}
        self.refused(125, "libruntime_preload.so: cannot open.*ldconfig", "true", env=env)
        for words, content in [("not a library", b"words"), ("cannot be preloaded", LIBRARY.read_bytes()[:500])]:
            cut = str(self.file("cut.so", content))
            self.refused(125, words, "true", env={**PLAIN, "RUNTIME_PRELOAD_LIBRARY": cut})
        env = {"PATH": PLAIN["PATH"], "PKG_CONFIG_LIBDIR": str(self.folder)}
        self.refused(125, "not installed. .*RUNTIME_PRELOAD_LIBRARY", "true", env=env)
        odd = str(shutil.copy(LIBRARY, self.folder / "a:b"))
        self.refused(125, "no colons", "true", env={**PLAIN, "RUNTIME_PRELOAD_LIBRARY": odd})


class Checking(Scratch):
    """--check names every call of the program and of its libraries, and ends with what that amounts to."""

    def check(self, status, *arguments, **more):
        done = runtime_run("--check", *arguments, **more)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done.stdout.decode() + done.stderr.decode()

    def assertCall(self, text, file, call, treatment):
        part = next(part for part in text.split("\n\n") if part.startswith(f"{file}\n"))
        self.assertRegex(part, rf"(?m)^  {call} +{treatment} ")

    def test_all_covered(self):
        program = PROGRAMS / "run-covered"
        text = self.check(0, program)
        calls = {"read": "parked", "getaddrinfo": "offloaded", "uselocale": "kept", "close": "watched"}
        for call, treatment in calls.items():
            self.assertCall(text, program, call, treatment)
        end = r"4 calls of 1 files: 1 parked, 1 offloaded, 1 kept, 1 watched\nAll .* symbols mode\.\n$"
        self.assertRegex(text, end)

    def test_some_in_complete_mode_only(self):
        program = PROGRAMS / "run-complete-only"
        text = self.check(1, program)
        self.assertCall(text, program, "getpwent", "complete mode only")
        self.assertIn("by number (syscall), covered like the calls of that name: run-complete-only\n", text)
        text = self.check(0, "--complete", program)
        self.assertCall(text, program, "getpwent", "caught")
        self.assertIn("complete mode.", text)

    def test_an_uncovered_call_of_a_library(self):
        for options in [[], ["--complete"]]:
            text = self.check(2, *options, PROGRAMS / "run-spins")
            self.assertCall(text, PROGRAMS / "run-spins", "close", "watched")
            self.assertCall(text, PROGRAMS / "librun-spinning.so", "pthread_spin_lock", "not covered")
            self.assertCall(text, PROGRAMS / "librun-spinning.so", "usleep", "parked")
            self.assertIn("(dlopen), to be checked by themselves: librun-spinning.so\n", text)

    def test_a_library_alone(self):
        self.assertIn("pthread_spin_lock", self.check(2, PROGRAMS / "librun-spinning.so"))

    def test_a_script_stands_for_its_interpreter(self):
        script = self.file("script", b"#!" + bytes(PROGRAMS / "run-covered") + b"\n")
        self.assertIn(f"{script} is a script, run by {PROGRAMS}/run-covered;", self.check(0, script))

    def test_what_only_the_runtime_needs_is_not_listed(self):
        self.assertNotIn("librun-spinning", self.check(0, PROGRAMS / "run-client"))

    def test_what_waits_without_names(self):
        for options in [[], ["--complete"]]:
            text = self.check(2, *options, PROGRAMS / "librun-unnamed.so")
            self.assertIn("use io_uring, which no mode covers: librun-unnamed.so\n", text)
            self.assertIn("written in Go, which makes system calls of its own: librun-unnamed.so\n", text)

    def test_files_that_call_nothing(self):
        self.assertIn("none of these calls: run-still\n", self.check(0, PROGRAMS / "run-still"))

    def test_nothing_is_run_and_no_library_needed(self):
        self.check(0, PROGRAMS / "run-covered", env={"PATH": PLAIN["PATH"]})

    def test_the_preload_library_behind_libc(self):
        warning = r"WARNING: libruntime_preload\.so comes after libc .* \$\(pkg-config --libs runtime-preload\)"
        self.assertRegex(self.check(0, PROGRAMS / "run-uses-legacy"), warning)
        first = {**PLAIN, "LD_PRELOAD": str(LIBRARY)}
        self.assertNotIn("WARNING", self.check(0, PROGRAMS / "run-uses-legacy", env=first))

    def test_a_program_that_would_not_start(self):
        lonely = shutil.copy(PROGRAMS / "run-spins", self.folder)
        self.assertIn("librun-spinning.so: cannot open", self.check(3, lonely))

    def test_without_readelf(self):
        tools = self.folder / "tools"
        tools.mkdir()
        for tool in ["bash", "env", "realpath", "dirname"]:
            (tools / tool).symlink_to(shutil.which(tool))
        env = {**PLAIN, "PATH": str(tools)}
        self.assertIn("(Debian package binutils) is missing", self.check(125, PROGRAMS / "run-still", env=env))
        done = runtime_run(PROGRAMS / "run-still", env=env)
        self.assertEqual(done.returncode, 0)
        self.assertIn(b"not looked whether", done.stderr)


class Installed(Scratch):
    """The program as Meson configures it, its places moved below a folder of the test."""

    def setUp(self):
        super().setUp()
        text = CONFIGURED.read_text(encoding="utf-8")
        places = dict(re.findall(r"(?m)^installed_(library|data)='(/[^']*)'$", text))
        for name in places:
            text = text.replace(f"installed_{name}='", f"installed_{name}='{self.folder}")
        self.program = self.file("runtime-run", text.encode())
        self.library, self.data = (pathlib.Path(f"{self.folder}{places[name]}") for name in ["library", "data"])
        self.library.parent.mkdir(parents=True)
        self.data.mkdir(parents=True)

    def test_it_finds_the_library_and_the_list(self):
        shutil.copy(LIBRARY, self.library)
        shutil.copy(ROOT / "tools/list_preload_calls.py", self.data)
        shutil.copy(ROOT / "src/preload/calls.txt", self.data / "preload-calls.txt")
        env = {"PATH": PLAIN["PATH"]}
        self.assertIn(bytes(self.library), run(self.program, "cat", "/proc/self/maps", env=env).stdout)
        self.assertIn(b"pthread_spin_lock", run(self.program, "--check", PROGRAMS / "run-spins", env=env).stdout)

    def test_it_asks_pkg_config_where_the_library_has_gone(self):
        self.file("runtime-preload.pc", f"libdir={self.folder}\nName: x\nDescription: x\nVersion: 1\n".encode(), 0o644)
        moved = shutil.copy(LIBRARY, self.folder)
        env = {"PATH": PLAIN["PATH"], "PKG_CONFIG_LIBDIR": str(self.folder)}
        self.assertIn(os.fsencode(moved), run(self.program, "cat", "/proc/self/maps", env=env).stdout)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)

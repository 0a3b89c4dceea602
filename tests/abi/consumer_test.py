#!/usr/bin/env python3
"""Installs the library into a temporary prefix and builds a stranger's project with it, in three ways.

    consumer_test.py SOURCE_ROOT CXX...

1. a Meson project with libruntime as its subproject, which is also how the library is installed here;
2. the same project without, which knows `dependency('runtime')` through the installed .pc;
3. the compiler alone, with what `pkg-config --cflags --libs runtime` says.
A build of the library by itself, without any option, must be going to install the very same files; it is configured
and not compiled, for it would be the library once more as the build around this test has it.
Then it breaks the install in ways an installer can, and expects each to show.
"""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

CONSUMER = "tests/abi/consumer"


class Stop(Exception):
    """A step ended other than it should; the text says which and how."""


def run(command, env=None, succeed=True):
    """Runs a command that must succeed, or must fail, and returns what it printed."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                          env=env, check=False)
    if (done.returncode == 0) != succeed:
        verdict = f"failed with {done.returncode}" if succeed else "succeeded, though the install is broken"
        raise Stop(f"{' '.join(map(str, command))}\n{done.stdout}\n{verdict}")
    return done.stdout


def install_as_subproject(root, work, env):
    """Returns the build's folder. What is inside of the library is not the point: it is not optimised."""
    project = work / "with-subproject"
    shutil.copytree(root / CONSUMER, project)
    library = project / "subprojects/runtime"
    library.mkdir(parents=True)
    for part in ["include", "src"]:
        shutil.copytree(root / part, library / part)
    for part in ["meson.build", "meson_options.txt"]:
        shutil.copy(root / part, library / part)
    build = project / "build"
    run(["meson", "setup", build, project, "--prefix", work / "prefix", "--force-fallback-for=runtime",
         "-Doptimization=0", "-Ddebug=false"], env)
    run(["meson", "compile", "-C", build], env)
    run([build / "consumer"])
    run(["meson", "install", "-C", build], env)
    return build


def files_to_install(build):
    return set(json.loads(run(["meson", "introspect", "--installed", build])).values())


def compare(installed, plain):
    if installed != plain:
        raise Stop("the plain build and the subproject do not install the same files:\n" +
                   "\n".join(sorted(installed ^ plain)))


def check_plain_build(root, work, env, installed):
    """`meson setup` with no option but the prefix."""
    run(["meson", "setup", work / "library", root, "--prefix", work / "prefix"], env)
    plain = files_to_install(work / "library")
    compare(installed, plain)
    missing = sorted(file for file in plain if not pathlib.Path(file).exists())
    if missing:
        raise Stop("to be installed, and not there:\n" + "\n".join(missing))
    try:
        compare(installed, plain - {str(work / "prefix/include/runtime/runtime.hpp")})
    except Stop:
        print("ok: caught: a plain build without a header")
    else:
        raise Stop("planted: a plain build without a header would do")


def check_dynamic_section(library):
    text = run(["readelf", "-dW", library])
    for wanted in [r"SONAME.*\[libruntime\.so\.0\.\d+\]", r"FLAGS.*BIND_NOW", r"FLAGS_1.*NOW.*NODELETE"]:
        if not re.search(wanted, text):
            raise Stop(f"readelf -d {library.name} lacks {wanted}\n{text}")
    for unwanted in ["RPATH", "RUNPATH", "TEXTREL"]:
        if unwanted in text:
            raise Stop(f"readelf -d {library.name} has {unwanted}\n{text}")
    print("ok: soname, BIND_NOW and NODELETE are set; no run path, no text relocation")


def build_with_meson(root, work, env):
    # A build folder of its own each time: Meson remembers what it found.
    build = pathlib.Path(tempfile.mkdtemp(dir=work, prefix="meson-"))
    run(["meson", "setup", build, root / CONSUMER], env)
    run(["meson", "compile", "-C", build], env)
    run([build / "consumer"], env)


def build_by_hand(root, work, compiler, env):
    flags = run(["pkg-config", "--cflags", "--libs", "runtime"], env).split()
    program = work / "by-hand"
    run([*compiler, "-std=c++17", "-Wall", "-Wextra", "-Wpedantic", "-Werror", root / CONSUMER / "main.cpp",
         "-o", program, *flags], env)
    run([program], env)


def planted_faults(root, work, compiler, env, library):
    """Each takes one file out of the install, expects the consumer to fail, and puts it back."""
    headers = work / "prefix/include/runtime"
    victims = {
        "a header that was not installed": (headers / "detail/cell.hpp", "detail/cell.hpp.*(No such file|not found)"),
        "no umbrella header": (headers / "runtime.hpp", "runtime.hpp.*(No such file|not found)"),
        "no runtime.pc": (library.parent / "pkgconfig/runtime.pc", "Package runtime was not found"),
        "no libruntime.so for the linker": (library, "-lruntime"),
        "no soname link for the loader": (next(library.parent.glob("libruntime.so.0.?")), "libruntime.so.0|-lruntime"),
    }
    for fault, (victim, words) in victims.items():
        aside = victim.with_name(victim.name + ".aside")
        victim.rename(aside)
        try:
            build_by_hand(root, work, compiler, env)
        except Stop as stop:
            if not re.search(words, str(stop)):
                raise Stop(f"planted: {fault}: failed for another reason\n{stop}") from stop
            print(f"ok: caught: {fault}")
        else:
            raise Stop(f"planted: {fault}: the consumer was built and ran all the same")
        finally:
            aside.rename(victim)


def main():
    root, compiler = pathlib.Path(sys.argv[1]), sys.argv[2:]
    with tempfile.TemporaryDirectory() as scratch:
        work = pathlib.Path(scratch)
        plain_env = dict(os.environ, CXX=" ".join(compiler))
        build = install_as_subproject(root, work, plain_env)
        print("ok: a Meson project with libruntime as a subproject")
        check_plain_build(root, work, plain_env, files_to_install(build))
        print("ok: a plain build would install the same files")
        library = next((work / "prefix").rglob("libruntime.so"))
        env = dict(os.environ, CXX=" ".join(compiler), LD_LIBRARY_PATH=str(library.parent),
                   PKG_CONFIG_PATH=str(library.parent / "pkgconfig"))
        check_dynamic_section(library)
        build_with_meson(root, work, env)
        print("ok: a Meson project against the installed .pc")
        build_by_hand(root, work, compiler, env)
        print("ok: the compiler and pkg-config alone")
        planted_faults(root, work, compiler, env, library)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Stop as stop:
        print(stop)
        sys.exit(1)

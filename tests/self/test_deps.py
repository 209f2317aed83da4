#!/usr/bin/env python3
"""deploy/deps installs nothing if nothing is missing, and prints what it installs otherwise.

Small stand-ins replace Debian's tools and record how they were called. tests/compose/fresh tests
what deploy/deps does as root, on a bare Debian.
"""

import os
import resource
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
import cases

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DEPS = os.path.join(ROOT, "deploy/deps")
# All packages are installed except those in MISSING.
DPKG_QUERY = """for word; do
    case $word in -*|'${'*|$MISSING) ;; *) echo "installed $word" ;; esac
done"""
CALLED = 'echo "${0##*/} $*" >>"$CALLS"'


def deps(*words, missing="", tools=("dpkg-query", "apt-get", "sudo"), user=1000, env=None):
    """Runs deploy/deps with stand-ins; returns (exit code, output, calls)."""
    with tempfile.TemporaryDirectory(prefix="locum-deps-") as folder:
        for name in ("cat", "sed", "sh"):
            os.symlink(shutil.which(name), os.path.join(folder, name))
        for name, body in (("dpkg-query", DPKG_QUERY), ("apt-get", CALLED), ("sudo", CALLED),
                           ("id", f"echo {user}")):
            if name in tools or name == "id":
                path = os.path.join(folder, name)
                with open(path, "w", encoding="ascii") as file:
                    file.write(f"#!/bin/sh\n{body}\n")
                os.chmod(path, 0o755)
        calls = os.path.join(folder, "calls")
        environment = {"PATH": folder, "CALLS": calls, "MISSING": missing or "none", **(env or {})}
        run = subprocess.run(["/bin/sh", DEPS, *words], env=environment, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, text=True)
        called = ""
        if os.path.exists(calls):
            with open(calls, encoding="ascii") as file:
                called = file.read()
        return run.returncode, run.stdout, called


def processor_s():
    """CPU seconds of the ended child processes, which other work on the machine does not affect."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def test_with_all_packages_it_installs_nothing():
    for purpose in ("build", "test", "demo", "bench", "all"):
        begin = processor_s()
        code, output, called = deps(purpose)
        seconds = processor_s() - begin
        assert (code, output, called) == (0, "", ""), (purpose, code, output, called)
        assert seconds < 1.5, f"{purpose} took {seconds:.2f} s"


def test_missing_packages_are_installed_with_sudo_and_explained():
    code, output, called = deps("test", missing="unbound")
    assert code == 0 and "unbound" in output and "resolves as a client" in output, output
    assert called == f"sudo sh {DEPS} --as-root unbound\n", called


def test_each_purpose_has_its_packages():
    assert deps("build", missing="unbound")[1] == ""
    assert deps("demo", missing="libcmocka-dev")[1] == ""
    for purpose in ("build", "test", "demo", "bench", "all"):
        assert "gcc" in deps(purpose, missing="gcc")[1], purpose
    assert "valgrind" in deps("all", missing="valgrind")[1]
    assert "lintian" in deps("deb", missing="lintian")[1]


def test_it_lists_the_packages_of_a_purpose_and_installs_nothing():
    code, output, called = deps("--list", "build", missing="gcc")
    assert code == 0 and called == "" and "gcc" in output.split(), output
    assert "lintian" not in output and "lintian" in deps("--list", "deb")[1].split()


def test_without_sudo_it_prints_the_command_for_root():
    code, output, called = deps("build", missing="gcc", tools=("dpkg-query", "apt-get"))
    assert code == 1 and called == "", (code, called)
    assert "apt-get install --no-install-recommends gcc" in output, output


def test_another_system_gets_a_list_of_packages():
    code, output, called = deps("build", tools=())
    assert code == 1 and "not Debian" in output and "libldns-dev" in output, output
    assert deps("build", tools=(), env={"LOCUM_DEPS": "skip"})[:2] == (0, "")


def test_wrong_arguments_print_the_usage():
    for words in (("everything",), ("build", "test")):
        code, output, _ = deps(*words)
        assert code == 2 and "deploy/deps [build|test" in output, (words, code, output)


cases.run(globals())

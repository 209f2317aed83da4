#!/usr/bin/env python3
"""`make install` and the installed units as read by systemd."""

import ctypes
import glob
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../self"))
import alone
import cases

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
EXPOSURE_MAX = 1.9     # 0.4 of it for asking the kernel about its clock, which takes no capability
USER, GROUP = 64731, 64732  # of nobody on the machine
CLONE_NEWNS = 0x20000


class Installed:
    """with Installed("/usr") as path: path("bin/locum")"""

    def __init__(self, prefix):
        self.prefix = prefix

    def make(self, target):
        environment = {name: value for name, value in os.environ.items()
                       if not name.startswith(("MAKE", "MFLAGS"))}
        # -o all: install the programs built for the tests, whatever their flags.
        run = subprocess.run(["make", "-o", "all", target, f"BUILD={os.environ['BUILD']}",
                              f"DESTDIR={self.destination}", f"PREFIX={self.prefix}"],
                             cwd=ROOT, env=environment, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, text=True, check=False)
        assert run.returncode == 0, run.stdout

    def __enter__(self):
        self.destination = tempfile.mkdtemp(prefix="locum-install-")
        self.make("install")
        return self.path

    def path(self, name):
        return os.path.join(self.destination + self.prefix, name)

    def __exit__(self, *_):
        shutil.rmtree(self.destination)


def files_below(folder):
    return {os.path.relpath(os.path.join(at, name), folder)
            for at, _, names in os.walk(folder) for name in names}


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def test_make_install_installs_everything():
    with Installed("/usr") as path:
        wanted = {"bin/locum", "bin/locum-nsd", "bin/locum-unstick",
                  "lib/systemd/system/locum-unstick.service", "lib/systemd/system/locum.service",
                  "lib/systemd/system/locum-nsd.service", "lib/sysusers.d/locum.conf",
                  "lib/sysusers.d/locum-nsd.conf",
                  "share/bash-completion/completions/locum",
                  "share/bash-completion/completions/locum-nsd",
                  *(f"share/locum/acme/{name}" for name in ("certbot", "dehydrated", "dns_locum.sh"))}
        for page in glob.glob(os.path.join(ROOT, "doc/*.[1-8]")):
            wanted.add(f"share/man/man{page[-1]}/{os.path.basename(page)}")
        for example in glob.glob(os.path.join(ROOT, "deploy/examples/*")) + \
                glob.glob(os.path.join(ROOT, "deploy/redis/*")):
            wanted.add(f"share/doc/locum/examples/{os.path.basename(example)}")
        for example in glob.glob(os.path.join(ROOT, "deploy/prometheus/*")) + \
                glob.glob(os.path.join(ROOT, "deploy/grafana/*")):
            wanted.add("share/doc/locum/examples/" + os.path.relpath(example, ROOT + "/deploy"))
        assert {"share/doc/locum/examples/prometheus/locum-alerts.yml",
                "share/doc/locum/examples/grafana/locum.json"} <= wanted
        for text in ("README.md", "CHANGELOG.md", "SECURITY.md", "doc/*.md", "doc/*.svg", "doc/*.png"):
            wanted.update("share/doc/locum/" + os.path.relpath(file, ROOT)
                          for file in glob.glob(os.path.join(ROOT, text)))
        assert {"share/man/man5/locum.yaml.5", "share/man/man8/locum.8",
                "share/doc/locum/examples/locum.yaml"} <= wanted
        found = files_below(path(""))
        for name in found:
            mode = os.stat(path(name)).st_mode & 0o777
            assert mode == (0o755 if name.startswith(("bin/", "share/locum/acme/")) else 0o644), (name, oct(mode))
        assert found == wanted, found ^ wanted


def test_make_uninstall_removes_everything_and_nothing_else():
    installed = Installed("/usr")
    with installed as path:
        foreign = path("share/doc/locum/examples/mine")
        with open(foreign, "w", encoding="utf-8"):
            pass
        installed.make("uninstall")
        assert files_below(installed.destination) == {"usr/share/doc/locum/examples/mine"}
        os.unlink(foreign)
        installed.make("uninstall")
        assert not os.path.exists(path("share/doc/locum")) and os.path.isdir(path("share/doc"))


def test_a_build_from_git_names_its_commit():
    """In one place, and only if there is git."""
    version = re.search(r'^#define LOCUM_VERSION "(.*)"$', read(os.path.join(
        ROOT, "coordinator/base/version.h")), re.M).group(1)
    assert re.fullmatch(r"\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?", version), version
    commit = read(os.path.join(os.environ["BUILD"], "commit")).strip()
    assert os.path.exists(os.path.join(ROOT, ".git")) or not commit, commit
    for name in ("locum", "locum-nsd"):
        run = subprocess.run([os.path.join(os.environ["BUILD"], name), "version"],
                             capture_output=True, text=True, check=True).stdout
        assert run == f"{name} {version}" + (f" (commit {commit})" if commit else "") + "\n", run
    if commit and shutil.which("git"):
        head = subprocess.run(["git", "-C", ROOT, "rev-parse", "HEAD"], capture_output=True,
                              text=True, check=True).stdout
        assert re.fullmatch("[0-9a-f]{12,}(?:-dirty)?", commit), commit
        print(f"  built from {commit}, HEAD is {head.strip()}")


def test_programs_are_hardened():
    """The default build: PIE, stack protector, FORTIFY, and nothing writable after relocation."""
    for name in ("locum", "locum-nsd"):
        run = subprocess.run(["readelf", "-W", "-h", "-l", "-d", "-s",
                              os.path.join(os.environ["BUILD"], name)],
                             capture_output=True, text=True, check=True).stdout
        for what in (r"Type: +DYN", r"FLAGS_1.*\bNOW\b.*\bPIE\b", r"GNU_RELRO",
                     r"__stack_chk_fail", r"__\w+_chk@", r"GNU_STACK +\S+ \S+ \S+ \S+ \S+ RW "):
            assert re.search(what, run), (name, what)


def test_jumps_are_checked_where_the_compiler_can():
    """In each object file: a program has the mark only if the C library's start files have it too."""
    compiler = shlex.split(read(os.path.join(os.environ["BUILD"], "flags")).partition(" -std=")[0])
    for option, mark in (("-fcf-protection", "x86 feature: IBT, SHSTK"),
                         ("-mbranch-protection=standard", "AArch64 feature: BTI, PAC")):
        if subprocess.run([*compiler, "-Werror", option, "-x", "c", "-fsyntax-only", "/dev/null"],
                          capture_output=True, check=False).returncode == 0:
            notes = subprocess.run(["readelf", "-n", os.path.join(
                os.environ["BUILD"], "coordinator/main.o")], capture_output=True, text=True,
                                   check=True).stdout
            assert mark in notes, notes
            return
    print("SKIP jumps_are_checked: this compiler has no such option for this processor")


def test_a_missing_library_is_answered_by_make_deps():
    with tempfile.TemporaryDirectory(prefix="locum-deps-") as folder:
        environment = {**os.environ, "PKG_CONFIG_LIBDIR": folder}
        environment = {name: value for name, value in environment.items()
                       if not name.startswith(("MAKE", "MFLAGS"))}
        for words in ([], ["CC=no-such-compiler"]):
            run = subprocess.run(["make", f"BUILD={folder}/build", *words], cwd=ROOT,
                                 env=environment, capture_output=True, text=True, check=False)
            assert run.returncode == 2 and "run `make deps`" in run.stderr, run.stderr
            assert "fatal error" not in run.stderr, run.stderr


def test_paths_in_files_use_the_prefix():
    for prefix in ("/usr", "/usr/local", "/opt/locum"):
        with Installed(prefix) as path:
            unit = read(path("lib/systemd/system/locum.service"))
            assert re.findall(r"^Exec\w+=(\S+)", unit, re.M) == [f"{prefix}/bin/locum"] * 2, unit
            assert f"={prefix}/bin/locum-nsd run" in read(path("lib/systemd/system/"
                                                                "locum-nsd.service"))
            page = read(path("share/man/man5/locum.yaml.5"))
            assert f"{prefix}/share/doc/locum/examples/locum.yaml" in page
            if prefix != "/usr/local":
                assert "/usr/local/" not in unit + page


def test_examples_named_in_manual_pages_exist():
    with Installed("/usr") as path:
        named = re.findall(r"/usr/share/doc/locum/\S+", read(path("share/man/man5/locum.yaml.5")))
        assert named and all(os.path.exists(path(name.removeprefix("/usr/"))) for name in named)


def analyze(*words):
    run = subprocess.run(["systemd-analyze", *words], stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT, text=True, check=False)
    return run.returncode, run.stdout


UNITS = ("locum.service", "locum-nsd.service", "locum-unstick.service")


def unit_for_here(path, folder, name):
    """The installed unit with the path of the installed program."""
    unit = os.path.join(folder, name)
    with open(unit, "w", encoding="utf-8") as file:
        file.write(read(path("lib/systemd/system/" + name)).replace("/usr/bin/", path("bin/")))
    return unit


def test_systemd_accepts_the_units():
    with Installed("/usr") as path, tempfile.TemporaryDirectory(prefix="locum-unit-") as folder:
        for name in UNITS:
            unit = unit_for_here(path, folder, name)
            code, output = analyze("verify", "--man=no", unit)
            assert code == 0 and not output.strip(), output
        with open(unit, "a", encoding="utf-8") as file:
            file.write("[Service]\nProtectEverything=yes\n")
        assert "ProtectEverything" in analyze("verify", "--man=no", unit)[1]


def test_the_unit_keeps_as_many_sockets_as_the_program_stores():
    unit = read(os.path.join(ROOT, "deploy/systemd/locum.service"))
    header = read(os.path.join(ROOT, "coordinator/base/sockets.h"))
    kept = re.search(r"^FileDescriptorStoreMax=(\d+)$", unit, re.M)
    assert kept and f"LOCUM_SOCKETS_STORED_MAX = {kept.group(1)}," in header, kept


def test_systemd_rates_the_units_as_safe():
    with Installed("/usr") as path, tempfile.TemporaryDirectory(prefix="locum-unit-") as folder:
        for name in UNITS:
            unit = unit_for_here(path, folder, name)
            code, output = analyze("security", "--offline=true", unit)
            exposure = re.search(r"Overall exposure level for \S+: ([\d.]+)", output)
            assert code == 0 and exposure and float(exposure.group(1)) <= EXPOSURE_MAX, output


def group_of_the_socket(user, script):
    """Group, mode, and the log, where there is a group `locum-admin`, and the program runs as this user."""
    with tempfile.TemporaryDirectory(prefix="locum-group-") as folder:
        os.chmod(folder, 0o755)
        program = shutil.copy(os.environ["LOCUM"], folder)
        with open("/etc/group", encoding="utf-8") as file:
            groups = [line for line in file if not line.startswith("locum")]
        with open(f"{folder}/group", "w", encoding="utf-8") as file:
            file.write("".join(groups) + f"locum-admin:x:{GROUP}:\n")
        with open(f"{folder}/start", "w", encoding="utf-8") as file:
            file.write(f"#!/bin/sh\nmount --bind {folder}/group /etc/group && {script} {program} \"$@\"\n")
        os.chmod(f"{folder}/start", 0o755)

        def give_files():
            for path in (it.folder, *(os.path.join(it.folder, name) for name in os.listdir(it.folder))):
                os.chown(path, user, user)
            assert ctypes.CDLL(None).unshare(CLONE_NEWNS) == 0
            subprocess.run(["mount", "--make-rprivate", "/"], check=True)
        it = alone.Alone(prepare=give_files, program=f"{folder}/start")
        with it:
            it.until("it runs", lambda: it.get("/healthz"))
            status = os.stat(f"{it.folder}/control.sock")
            return status.st_gid, status.st_mode & 0o777, it.text()


def test_the_control_socket_is_of_the_group_locum_admin():
    member = f"exec setpriv --reuid {USER} --regid {USER} --groups {GROUP}"
    group, mode, log = group_of_the_socket(USER, member)
    assert (group, mode) == (GROUP, 0o660) and "event=control" not in log, (group, mode, log)
    other = f"exec setpriv --reuid {USER} --regid {USER} --clear-groups"
    group, mode, log = group_of_the_socket(USER, other)
    assert (group, mode) == (USER, 0o660), (group, mode, log)
    assert "usermod -aG locum-admin" in log, log


if os.geteuid() != 0 or subprocess.run(["unshare", "-m", "true"], check=False,
                                       stderr=subprocess.DEVNULL).returncode != 0:
    print("SKIP test_the_control_socket_is_of_the_group_locum_admin: this needs root")
    del test_the_control_socket_is_of_the_group_locum_admin
if not shutil.which("systemd-analyze"):
    for case in (test_systemd_accepts_the_units, test_systemd_rates_the_units_as_safe):
        print(f"SKIP {case.__name__}: systemd-analyze is not installed")
    del test_systemd_accepts_the_units, test_systemd_rates_the_units_as_safe, case
cases.run(globals())

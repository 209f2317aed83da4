#!/usr/bin/env python3
"""`make install` and the installed units as read by systemd."""

import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../self"))
import cases

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
EXPOSURE_MAX = 1.5


class Installed:
    """with Installed("/usr") as path: path("bin/locum")"""

    def __init__(self, prefix):
        self.prefix = prefix

    def __enter__(self):
        self.destination = tempfile.mkdtemp(prefix="locum-install-")
        environment = {name: value for name, value in os.environ.items()
                       if not name.startswith(("MAKE", "MFLAGS"))}
        # -o all: install the programs built for the tests, whatever their flags.
        run = subprocess.run(["make", "-o", "all", "install", f"BUILD={os.environ['BUILD']}",
                              f"DESTDIR={self.destination}", f"PREFIX={self.prefix}"],
                             cwd=ROOT, env=environment, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, text=True, check=False)
        assert run.returncode == 0, run.stdout
        return self.path

    def path(self, name):
        return os.path.join(self.destination + self.prefix, name)

    def __exit__(self, *_):
        shutil.rmtree(self.destination)


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def test_make_install_installs_everything():
    with Installed("/usr") as path:
        version = subprocess.run([path("bin/locum"), "version"], capture_output=True, text=True,
                                 check=True).stdout
        assert re.match(r"locum \d+\.\d+", version), version
        wanted = {"bin/locum", "bin/locum-nsd", "lib/systemd/system/locum.service",
                  "lib/systemd/system/locum-nsd.service", "lib/sysusers.d/locum.conf"}
        for page in glob.glob(os.path.join(ROOT, "doc/*.[1-8]")):
            wanted.add(f"share/man/man{page[-1]}/{os.path.basename(page)}")
        for example in glob.glob(os.path.join(ROOT, "deploy/examples/*")) + \
                glob.glob(os.path.join(ROOT, "deploy/redis/*")):
            wanted.add(f"share/doc/locum/examples/{os.path.basename(example)}")
        assert {"share/man/man5/locum.yaml.5", "share/man/man8/locum.8",
                "share/doc/locum/examples/locum.yaml"} <= wanted
        found = set()
        for folder, _, files in os.walk(path("")):
            for name in files:
                file = os.path.join(folder, name)
                found.add(os.path.relpath(file, path("")))
                mode = os.stat(file).st_mode & 0o777
                assert mode == (0o755 if "/bin/" in file else 0o644), (file, oct(mode))
        assert found == wanted, found ^ wanted


def test_programs_are_hardened():
    """The default build: PIE, stack protector, FORTIFY, and nothing writable after relocation."""
    for name in ("locum", "locum-nsd"):
        run = subprocess.run(["readelf", "-W", "-h", "-l", "-d", "-s",
                              os.path.join(os.environ["BUILD"], name)],
                             capture_output=True, text=True, check=True).stdout
        for what in (r"Type: +DYN", r"FLAGS_1.*\bNOW\b.*\bPIE\b", r"GNU_RELRO",
                     r"__stack_chk_fail", r"__\w+_chk@", r"GNU_STACK +\S+ \S+ \S+ \S+ \S+ RW "):
            assert re.search(what, run), (name, what)


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


UNITS = ("locum.service", "locum-nsd.service")


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


def test_systemd_rates_the_units_as_safe():
    with Installed("/usr") as path, tempfile.TemporaryDirectory(prefix="locum-unit-") as folder:
        for name in UNITS:
            unit = unit_for_here(path, folder, name)
            code, output = analyze("security", "--offline=true", unit)
            exposure = re.search(r"Overall exposure level for \S+: ([\d.]+)", output)
            assert code == 0 and exposure and float(exposure.group(1)) <= EXPOSURE_MAX, output


if not shutil.which("systemd-analyze"):
    for case in (test_systemd_accepts_the_units, test_systemd_rates_the_units_as_safe):
        print(f"SKIP {case.__name__}: systemd-analyze is not installed")
    del test_systemd_accepts_the_units, test_systemd_rates_the_units_as_safe, case
cases.run(globals())

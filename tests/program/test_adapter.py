#!/usr/bin/env python3
"""locum-nsd alone: its messages and exit codes; its manual page compared with its tables."""

import glob
import os
import re
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../self"))
import cases

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROGRAM = os.path.join(os.environ["BUILD"], "locum-nsd")


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read()


def call(*words):
    run = subprocess.run([PROGRAM, *words], capture_output=True, text=True, check=False, timeout=20)
    return run.returncode, run.stdout, run.stderr


def test_usage_and_version_are_printed():
    assert call()[0] == 2 and "usage: locum-nsd" in call()[2]
    assert call("help")[0] == 0 and "check" in call("help")[1]
    assert call("nonsense")[0] == 2 and "'nonsense'" in call("nonsense")[2]
    assert call("run", "more")[0] == 2
    assert re.fullmatch(r"locum-nsd \d+\.\d+\.\d+(?: \(commit \S+\))?\n",
                        call("version")[1])


# As found in the field.
RELATIVE = """\
server:
  zonesdir: "@DIR@/zones"
remote-control:
  control-enable: yes
  control-interface: /run/nsd.ctl
zone:
  name: "get.example.org"
  zonefile: "get.example.org.zone"
"""


class Site:
    """A folder with an nsd.conf and a locum-nsd.yaml; check() runs locum-nsd check on them."""

    def __init__(self, folder, **options):
        self.folder = folder
        self.options = {"enable": "yes", "interface": f"{folder}/ctl", "zonefile": f"{folder}/%s.z",
                        "pattern": "locum", "zone": "", "zonesdir": "",
                        "own": f"{folder}/get.example.org.z", **options}

    def check(self):
        o = self.options
        return self.check_file(f"server:\n  zonesdir: \"{o['zonesdir']}\"\nremote-control:\n"
                               f"  control-enable: {o['enable']}\n"
                               f"  control-interface: {o['interface']}\n"
                               f"pattern:\n  name: {o['pattern']}\n"
                               f"  zonefile: \"{o['zonefile']}\"\n{o['zone']}")

    def check_file(self, text):
        """Check with this nsd.conf."""
        with open(f"{self.folder}/nsd.conf", "w", encoding="utf-8") as file:
            file.write(text)
        own = self.options["own"]
        with open(f"{self.folder}/a.yaml", "w", encoding="utf-8") as file:
            file.write(f"zone: get.example.org\nnsd: {{config: {self.folder}/nsd.conf"
                       + (f", zonefile: {own}" if own else "") + "}\n")
        return call("check", "-c", f"{self.folder}/a.yaml")


def test_check_finds_errors_in_nsd_conf():
    with tempfile.TemporaryDirectory(prefix="locum-nsd-") as folder:
        code, out, err = Site(folder).check()
        assert code == 0 and f"control by {folder}/ctl" in out, out + err
        code, out, err = Site(folder, interface="127.0.0.1", zonesdir="/etc/nsd").check()
        assert code == 0 and "TLS" in out, out + err
        for options, word in (({"enable": "no"}, "control-enable is"),
                              ({"interface": "eth0"}, "control-interface \"eth0\""),
                              ({"pattern": "other"}, "nor pattern"),
                              ({"zonefile": "/elsewhere/%s"}, "name the same file"),
                              ({"zonefile": "%s"}, "write an absolute path"),
                              ({"enable": "nonsense"}, "nsd-checkconf fails")):
            code, out, err = Site(folder, **options).check()
            assert code == 1 and word in err and "refused" in err, (options, out, err)
        own = f"zone:\n  name: get.example.org\n  zonefile: \"{folder}/get.example.org.z\"\n"
        assert Site(folder, pattern="other", zone=own).check()[0] == 0


def test_nsd_conf_with_zonefile_relative_to_zonesdir():
    """A row of the cases from the field: the most usual nsd.conf."""
    with tempfile.TemporaryDirectory(prefix="locum-nsd-") as folder:
        os.mkdir(f"{folder}/zones")
        os.symlink(f"{folder}/zones", f"{folder}/link")
        text = RELATIVE.replace("@DIR@", folder)
        # The same file by other ways; without nsd.zonefile, what nsd.conf says.
        for own in ("zones/get.example.org.zone", f"{folder}/zones/get.example.org.zone",
                    f"{folder}//zones/./get.example.org.zone", "link/../zones/get.example.org.zone",
                    f"{folder}/link/get.example.org.zone", ""):
            code, out, err = Site(folder, own=own).check_file(text)
            assert code == 0, (own, out, err)
            assert f"zone get.example.org: file {folder}/zones/get.example.org.zone, from " \
                   "`zonefile: get.example.org.zone` of its zone" in out, out
        code, _, err = Site(folder, own=f"{folder}/get.example.org.zone").check_file(text)
        assert code == 1 and f"{folder}/zones/get.example.org.zone" in err, err


def zonefile_of(folder, text):
    """The file that check names, with all of /FOLDER shortened to nothing."""
    code, out, err = Site(folder, own="").check_file(text)
    assert code == 0, (text, out, err)
    return re.search(r"zone get.example.org: file (.*), from", out).group(1).removeprefix(folder)


def test_whatever_nsd_conf_may_contain_is_read():
    control = "remote-control:\n\tcontrol-enable: yes\n\tcontrol-interface: /run/nsd.ctl\n"
    with tempfile.TemporaryDirectory(prefix="locum-nsd-") as folder:
        os.mkdir(f"{folder}/more")
        with open(f"{folder}/more/zone.conf", "w", encoding="utf-8") as file:
            file.write("zone:\n name: get.example.org # ours\n include-pattern: \"of-others\"\n")
        whole = f"{control}server:\n\tzonesdir:\t\"{folder}/z\"\n"
        own = "zone:\n name: {}\n zonefile: {}\n"
        pattern = "pattern:\n name: locum\n zonefile: \"{}\"\n"
        for text, expected in (
                # several server: clauses, comments, tabs, the last zonesdir holds
                (f"server:\n zonesdir: /else # not this one\n{whole}" + pattern.format("%s.zone"),
                 "/z/get.example.org.zone"),
                # include:, include-pattern:
                (whole + "pattern:\n name: of-others\n zonefile: a/%s\n"
                 f"include: \"{folder}/more/*.conf\"\n", "/z/a/get.example.org"),
                # a name as it is written, with capitals and the last dot
                (whole + own.format("\"GET.example.org.\"", "%s"), "/z/GET.example.org."),
                (whole + own.format("get.example.org.", "%z/%y/%x"), "/z/org/example/get"),
                # the other letters of nsd.conf(5)
                (whole + pattern.format("%1/%2/%3/%z/%y/%x/%s"), "/z/g/e/t/org/example/get/get.example.org"),
                (whole + pattern.format("%q%s%"), "/z/%qget.example.org%"),
                # an absolute file; the zone's own before the pattern's
                (whole + pattern.format("%s") + own.format("get.example.org", f"{folder}/abs"), "/abs"),
        ):
            assert zonefile_of(folder, text) == expected, text


def test_zonefile_in_a_chroot_is_written_from_inside_or_outside():
    with tempfile.TemporaryDirectory(prefix="locum-nsd-") as folder:
        def text(zonefile, chroot):
            files = "".join(f" {key}: {folder}/{key}\n" for key in
                            ("pidfile", "database", "xfrdfile", "zonelistfile", "xfrdir"))
            return (f"server:\n chroot: {chroot}\n zonesdir: {folder}/zones\n{files}"
                    "remote-control:\n control-enable: yes\n control-interface: /run/nsd.ctl\n"
                    f"zone:\n name: get.example.org\n zonefile: {zonefile}\n")
        for chroot in (folder, folder + "/"):
            for zonefile in ("get.zone", f"{folder}/zones/get.zone", "/zones/get.zone"):
                assert zonefile_of(folder, text(zonefile, chroot)) == "/zones/get.zone", zonefile


def test_status_reports_what_cannot_be_reached():
    with tempfile.TemporaryDirectory(prefix="locum-nsd-") as folder:
        with open(f"{folder}/a.yaml", "w", encoding="utf-8") as file:
            file.write(f"coordinator: {folder}/none.sock\nzone: get.example.org\n"
                       f"nsd: {{config: {folder}/nsd.conf, address: \"127.0.0.1:1\"}}\n")
        with open(f"{folder}/nsd.conf", "w", encoding="utf-8") as file:
            file.write(f"zone:\n  name: get.example.org\n  zonefile: {folder}/z\n")
        code, out, _ = call("status", "-c", f"{folder}/a.yaml")
        assert code == 3 and "not running" in out and re.search("coordinator +does not answer", out), out
        assert "NSD does not answer at 127.0.0.1:1" in out and f"{folder}/z: " in out, out


def test_manual_page_lists_every_log_word():
    page = read("doc/locum-nsd.8")
    logged = set()
    for path in (*glob.glob(os.path.join(ROOT, "nsd-adapter/*.c")), "coordinator/config/problems.c",
                 "coordinator/base/confine.c"):
        for words in re.findall(r"\bLOCUM_LOG\((.*?)\);", read(path), re.S):
            strings = re.sub(r"LOCUM_LOG_\w+|[?:]", "", words)
            logged.add(re.search(r'"([^"]+)"', strings).group(1))
    section = re.search(r"^\.Sh LOG\n(.*?)^\.Sh ", page, re.M | re.S).group(1)
    listed = {word.removeprefix("Cm ") for line in re.findall(r"^\.It Cm (.*)$", section, re.M)
              for word in line.split(" , ")}
    assert listed == logged, listed ^ logged


cases.run(globals())

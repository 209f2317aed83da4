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
    assert re.fullmatch(r"locum-nsd \d+\.\d+\.\d+\n", call("version")[1])


class Site:
    """A folder with an nsd.conf and a locum-nsd.yaml; check() runs locum-nsd check on them."""

    def __init__(self, folder, **options):
        self.folder = folder
        self.options = {"enable": "yes", "interface": f"{folder}/ctl", "zonefile": f"{folder}/%s.z",
                        "pattern": "locum", "zone": "", **options}

    def check(self):
        o = self.options
        with open(f"{self.folder}/nsd.conf", "w", encoding="utf-8") as file:
            file.write(f"server:\n  zonesdir: \"\"\nremote-control:\n"
                       f"  control-enable: {o['enable']}\n  control-interface: {o['interface']}\n"
                       f"pattern:\n  name: {o['pattern']}\n  zonefile: \"{o['zonefile']}\"\n"
                       f"{o['zone']}")
        with open(f"{self.folder}/a.yaml", "w", encoding="utf-8") as file:
            file.write(f"zone: get.example.org\nnsd: {{config: {self.folder}/nsd.conf, "
                       f"zonefile: {self.folder}/get.example.org.z}}\n")
        return call("check", "-c", f"{self.folder}/a.yaml")


def test_check_finds_errors_in_nsd_conf():
    with tempfile.TemporaryDirectory(prefix="locum-nsd-") as folder:
        code, out, err = Site(folder).check()
        assert code == 0 and f"control by {folder}/ctl" in out, out + err
        code, out, err = Site(folder, interface="127.0.0.1").check()
        assert code == 0 and "TLS" in out, out + err
        for options, word in (({"enable": "no"}, "control-enable"),
                              ({"interface": "eth0"}, "control-interface eth0"),
                              ({"pattern": "other"}, "no pattern"),
                              ({"zonefile": "/elsewhere/%s"}, "must be the same file"),
                              ({"enable": "nonsense"}, "nsd-checkconf fails")):
            code, out, err = Site(folder, **options).check()
            assert code == 1 and word.split()[0] in err and "refused" in err, (options, out, err)
        own = f"zone:\n  name: get.example.org\n  zonefile: \"{folder}/get.example.org.z\"\n"
        assert Site(folder, pattern="other", zone=own).check()[0] == 0


def test_status_reports_what_cannot_be_reached():
    with tempfile.TemporaryDirectory(prefix="locum-nsd-") as folder:
        with open(f"{folder}/a.yaml", "w", encoding="utf-8") as file:
            file.write(f"coordinator: {folder}/none.sock\nzone: get.example.org\n"
                       f"nsd: {{zonefile: {folder}/z, address: \"127.0.0.1:1\"}}\n")
        code, out, _ = call("status", "-c", f"{folder}/a.yaml")
        assert code == 3 and "not running" in out and re.search("coordinator +does not answer", out), out
        assert "NSD does not answer at 127.0.0.1:1" in out and f"{folder}/z: " in out, out


def test_manual_page_lists_every_log_word():
    page = read("doc/locum-nsd.8")
    logged = set()
    for path in (*glob.glob(os.path.join(ROOT, "nsd-adapter/*.c")), "coordinator/config/problems.c"):
        for words in re.findall(r"\bLOCUM_LOG\((.*?)\);", read(path), re.S):
            strings = re.sub(r"LOCUM_LOG_\w+|[?:]", "", words)
            logged.add(re.search(r'"([^"]+)"', strings).group(1))
    section = re.search(r"^\.Sh LOG\n(.*?)^\.Sh ", page, re.M | re.S).group(1)
    listed = {word.removeprefix("Cm ") for line in re.findall(r"^\.It Cm (.*)$", section, re.M)
              for word in line.split(" , ")}
    assert listed == logged, listed ^ logged


cases.run(globals())

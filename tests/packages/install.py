"""install: the package is installed, set up and upgraded as doc/operations.md says. Run by tests/packages/systemd.

dc2 is the package's locum.service; dc3 and ns0 are transient nodes of units.py.
"""

import glob
import os
import re
import subprocess

import units
from units import (CONFIGURATION, NODES, ZONE, as_here, condition, journal, property_of, run, status,
                   wait_ready, write)

import cases
import wire
from load import Load
from page import Page, as_shown
from programs import ROOT, until

FILE = "/etc/locum/locum.yaml"
PAGE = Page(ROOT / "doc/operations.md")
RATE = 1000
# What the text of other pages tells root to do, and what it prints.
COMMANDS_OF_PAGES = (
    ("README.md", "sudo sh -c 'locum keygen --cluster | install -D -o locum -m 400 /dev/stdin /etc/locum/secret'", ""),
    ("README.md", "sudo install -o locum -m 400 /dev/null /etc/locum/redis-password", ""),
    ("README.md", "runuser -u locum -- locum check", r"/etc/locum/locum\.yaml: OK: .*\n"),
    ("doc/security.md", "sudo sh -c 'locum keygen --node | install -D -o locum -m 400 /dev/stdin /etc/locum/key'", ".*"),
    ("doc/security.md", "sudo head -n 1 /etc/locum/key", r"# .*\b[0-9a-f]{64}\n"),
    ("doc/security.md", "sudo sh -c 'locum keygen --node >> /etc/locum/key'", ".*"),
    ("doc/operations.md", "locum check --handover", ".*: OK: .*\nhandover 1\n"),
    ("doc/operations.md", "usermod -aG locum-admin USER", ""),
    ("doc/operations.md", "systemctl show -p LimitNOFILE,TasksMax,MemoryMax locum",
     r"(?=.*LimitNOFILE=8192\n)(?=.*TasksMax=256\n).*MemoryMax=.*"),
)


def follow(begin, folder="/", after=None, before=None):
    """
    Run the commands of a step for dc2 as root, in a folder: what they printed. Only those after or
    before the one that is given; without those that need another host.
    """
    printed, acts = "", [act for act in PAGE.step(begin).forth if act[0] == "run"]
    commands = [command for _, _, command, _ in acts]
    acts = acts[commands.index(after) + 1 if after else 0:commands.index(before) if before else None]
    for _, host, command, shown in acts:
        if host in ("dc2", "each") and not command.startswith("ssh "):
            command, shown, done = as_here(command), [as_here(line) for line in shown], []

            def as_the_page_shows(command=command, shown=shown, done=done):
                done[:] = [subprocess.run(command, shell=True, cwd=folder, text=True, check=False,
                                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)]
                return as_shown(done[0].returncode, done[0].stdout.splitlines(), shown)
            until(command, as_the_page_shows, 20 if shown else 0, seen=lambda done=done: done[0])
            printed += done[0].stdout
            print(f"  # {command}\n{done[0].stdout}", end="", flush=True)
    return printed


def install(which="now"):
    return run("dpkg", "-i", *glob.glob(f"/packages/{which}/locum_*.deb"))


def test_an_installation_starts_nothing():
    said = follow("Install", "/packages/now")
    assert f"not started. Write {FILE}" in said, said
    assert property_of("ActiveState") == "inactive" and property_of("UnitFileState") == "enabled"
    assert run("id", "-un", "locum").strip() == "locum"
    assert os.listdir("/etc/locum") == []
    assert os.path.exists("/usr/share/doc/locum/examples/locum.yaml")
    assert os.path.exists("/usr/share/bash-completion/completions/locum")
    assert "/usr/share/locum/acme/" in open("/usr/share/locum/acme/dehydrated", encoding="ascii").read()
    assert os.access("/usr/share/locum/acme/dehydrated", os.X_OK)
    for page in ("README.md", "CHANGELOG.md", "doc/operations.md", "examples/grafana/locum.json",
                 "examples/prometheus/locum-alerts.yml"):
        assert os.path.exists(f"/usr/share/doc/locum/{page}"), page


def test_the_libraries_are_those_that_the_page_lists():
    version = re.search(r'VERSION_ID="(\d+)"', open("/etc/os-release", encoding="utf-8").read())[1]
    listed = re.search(rf"^\| Debian {version} \| (.*) \|$",
                       (ROOT / "doc/operations.md").read_text(), re.M)[1]
    needed = run("dpkg-query", "-W", "-f", "${Depends}", "locum")
    assert set(listed.replace("`", "").split()) == \
        {name.split()[0] for name in needed.split(", ") if name.startswith("lib")}, (listed, needed)


def test_a_broken_configuration_is_named_and_not_started():
    run("dpkg", "--purge", "locum")
    write(FILE, CONFIGURATION.format(node="dc2") + "ndoes: 1\n")
    said = install()
    assert "ndoes" in said and "not started. Fix the errors above" in said, said
    assert property_of("ActiveState") == "inactive"
    os.unlink(FILE)


def test_it_is_set_up():
    units.set_up_addresses()
    write(FILE, CONFIGURATION.format(node="dc2"))
    for page, command, shown in COMMANDS_OF_PAGES:
        assert command in (ROOT / page).read_text(), command
        printed = run("sh", "-c", command.replace("sudo ", "").replace("USER", "nobody"))
        assert re.fullmatch(shown, printed, re.S), (command, printed)
    os.unlink("/etc/locum/key")
    os.unlink("/etc/locum/redis-password")
    run("gpasswd", "--delete", "nobody", "locum-admin")
    follow("Set up")
    assert property_of("ActiveState") == "active"
    units.set_up()
    until("all nodes are alive", lambda: condition("dc3") == condition("ns0") == "alive", 20)


def test_a_valid_configuration_is_started():
    """As after a purge that left the operator's files."""
    said = run("dpkg", "--purge", "locum")
    assert "not removed: /etc/locum/locum.yaml\n" in said and "/etc/locum/secret\n" in said, said
    install()
    assert property_of("ActiveState") == "active"
    until("dc2 names itself", lambda: wire.ask(NODES["dc2"], 53, ZONE) == [NODES["dc2"]])
    until("all nodes are alive", lambda: condition("dc3") == condition("ns0") == "alive", 20)


def test_an_upgrade_under_load_loses_nothing():
    before, old = property_of("MainPID"), status()["version"]
    suspicions = run("journalctl", "--unit", "ns0", "--output", "cat").count("to=suspect")
    with Load(NODES["dc2"], 53, ZONE, RATE) as load:
        follow("Upgrade", "/packages/next")
    print(f"  upgraded at {RATE} queries/s: {load.result}", flush=True)
    assert load.result["lost"] == 0 and list(load.result["answers"]) == [NODES["dc2"]], load.result
    assert property_of("MainPID") == before and property_of("NRestarts") == "0"
    assert old != "999.0.0" and status()["version"] == "999.0.0", old
    assert f"event=replaced node=dc2 from={old} to=999.0.0" in journal()
    assert run("journalctl", "--unit", "ns0", "--output", "cat").count("to=suspect") == suspicions


def test_an_upgrade_with_a_broken_configuration_changes_nothing():
    before = property_of("MainPID")
    write(FILE, CONFIGURATION.format(node="dc2") + "ndoes: 1\n")
    said = install("next")
    assert "ndoes" in said and "still runs the program from before this upgrade" in said, said
    assert property_of("MainPID") == before and wire.ask(NODES["dc2"], 53, ZONE) == [NODES["dc2"]]
    write(FILE, CONFIGURATION.format(node="dc2"))
    run("locum", "replace")
    wait_ready("")
    assert property_of("MainPID") == before


if __name__ == "__main__":
    cases.run(globals())

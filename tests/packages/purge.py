"""purge: after a boot the node works again; the package is removed and purged. Run by tests/packages/systemd."""

import glob
import os
import pwd
import re

import units
from install import FILE, follow, install
from units import CONFIGURATION, NODES, ZONE, condition, property_of, run, write

import cases
import wire
from programs import until

SECRET = "/etc/locum/secret"
ADAPTER = "/etc/locum/locum-nsd.yaml"
NSD = f"""\
server:
    ip-address: {NODES["dc2"]}
remote-control:
    control-enable: yes
    control-interface: /run/nsd.ctl
zone:
    name: {ZONE}
    zonefile: /var/lib/locum-nsd/%s.zone
"""


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def names_itself():
    return wire.ask(NODES["dc2"], 53, ZONE) == [NODES["dc2"]]


def test_a_boot_starts_it_and_the_drain_goes_on():
    assert property_of("ActiveState") == "active"
    until("all nodes are alive", lambda: condition("dc3") == condition("ns0") == "alive", 20)
    until("dc2 names dc3", lambda: wire.ask(NODES["dc2"], 53, ZONE) == [NODES["dc3"]])
    follow("Drain", after="systemctl reboot")
    until("dc2 names itself", names_itself)


def test_a_removal_stops_it_and_keeps_its_files():
    run("dpkg", "--remove", "locum")
    assert wire.ask(NODES["dc2"], 53, ZONE) is None
    assert os.path.exists("/var/lib/locum/get.state") and os.path.exists(SECRET)
    until("ns0 knows that dc2 left in order", lambda: re.search(
        r"peer=dc2 from=\w+ to=down .*reason=leaving", run(
            "journalctl", "--unit", "ns0", "--boot", "--output", "cat")))
    assert "was not started" in install()
    run("systemctl", "start", "locum")
    until("dc2 names itself", names_itself)


def test_a_purge_removes_what_the_daemon_wrote_and_names_the_rest():
    kept = read(FILE), read(SECRET)
    said = run("dpkg", "--purge", "locum")
    assert f"not removed: {FILE}\n" in said and f"not removed: {SECRET}\n" in said, said
    assert (read(FILE), read(SECRET)) == kept
    assert pwd.getpwnam("locum"), "files left belong to it"
    left = [path for pattern in ("/var/lib/locum*", "/run/locum*", "/usr/share/doc/locum*", "/usr/share/locum*", "/usr/bin/locum*",
                                 "/etc/systemd/system/*/locum*", "/lib/systemd/system/locum*",
                                 "/var/lib/systemd/deb-systemd-helper-enabled/*locum*")
            for path in glob.glob(pattern)]
    assert left == [], left


def test_the_adapter_carries_the_zone():
    """NSD owns port 53; the adapter starts only with its configuration."""
    write("/etc/nsd/nsd.conf", NSD)
    run("systemctl", "unmask", "nsd")
    write(FILE, CONFIGURATION.format(node="dc2") + "listen: {dns: none}\n")
    said = run("dpkg", "-i", *glob.glob("/packages/now/*.deb"))
    assert f"not started. Write {ADAPTER}" in said, said
    write(ADAPTER, "{}\n")
    run("systemctl", "restart", "nsd")
    run("locum-nsd", "check")
    run("systemctl", "start", "locum-nsd")
    until("NSD names dc2", names_itself, 20)
    assert property_of("User", "locum-nsd") == "locum-nsd"
    assert "denied" in units.refused("locum-nsd", "cat", SECRET)


def test_the_adapter_is_upgraded_and_purged():
    before = property_of("MainPID")
    run("dpkg", "-i", *glob.glob("/packages/next/*.deb"))
    assert property_of("MainPID") == before and names_itself()
    assert run("locum-nsd", "version").startswith("locum-nsd 999.0.0")
    until("the adapter is active", lambda: run(
        "systemctl", "is-active", "locum-nsd", check=False).strip() == "active")
    said = run("dpkg", "--purge", "locum-nsd", "locum")
    assert f"not removed: {ADAPTER}\n" in said and f"not removed: {FILE}\n" in said, said
    assert glob.glob("/var/lib/locum*") == [] and glob.glob("/run/locum*") == []


if __name__ == "__main__":
    cases.run(globals())

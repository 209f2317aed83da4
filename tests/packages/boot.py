"""boot: a second cluster beside the first; a drain before a boot, as doc/operations.md says. Run by
tests/packages/systemd, which then boots; purge.py goes on after that.
"""

import os

import units
from install import FILE, PAGE, follow
from units import CONFIGURATION, NODES, as_here, condition, property_of, refused, run, write

import cases
import wire
from programs import until

SHOP = "10.99.0.32"


def test_a_second_cluster_runs_beside_the_first():
    """dc2 alone: the page's unit has its own folders, user and file, and a removal leaves nothing."""
    run("ip", "address", "replace", f"{SHOP}/32", "dev", "lo")
    for kind, _, path, text in PAGE.step("A second cluster").forth:
        if kind == "file":
            write(path, as_here(text).replace('http: {url: "http://127.0.0.1/"}',
                                              'tcp: {address: "10.99.0.12:53"}'))
    follow("A second cluster", before="locum status -c /etc/locum/www.yaml")
    unit = "locum-www"
    assert property_of("ActiveState", unit) == "active" and property_of("User", unit) == "locum"
    assert property_of("ActiveState") == "active"
    until("it answers", lambda: wire.ask(SHOP, 53, "shop.example.org") == [SHOP])
    assert os.path.exists("/var/lib/locum-www/www.state") and os.path.exists("/run/locum-www/control.sock")
    run("systemctl", "reload", unit)
    assert "denied" in refused("auditor", "cat", "/etc/locum/www-secret")
    follow("A second cluster", after="dig +short @192.0.2.32 shop.example.org")
    assert property_of("LoadState", unit) == "not-found"
    assert not os.path.exists("/var/lib/locum-www") and wire.ask(SHOP, 53, "shop.example.org") is None
    assert wire.ask(NODES["dc2"], 53, units.ZONE) == [NODES["dc2"]]


def test_it_is_drained_before_the_boot():
    """
    The next command of the page is that of tests/packages/systemd. With a short TTL, so that --wait
    does not take a minute.
    """
    write(FILE, CONFIGURATION.format(node="dc2").replace("    owned:", "    ttl: 2s\n    owned:"))
    run("systemctl", "reload", "locum")
    follow("Drain", before="systemctl reboot")
    assert wire.ask(NODES["dc2"], 53, units.ZONE) == [NODES["dc3"]]


if __name__ == "__main__":
    run("systemctl", "start", "dc3", "locum")
    until("all nodes are alive", lambda: condition("dc3") == condition("ns0") == "alive", 20)
    until("dc2 names itself", lambda: wire.ask(NODES["dc2"], 53, units.ZONE) == [NODES["dc2"]])
    cases.run(globals())

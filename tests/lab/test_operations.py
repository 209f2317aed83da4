#!/usr/bin/env python3
"""Follows doc/operations.md and doc/monitoring.md on a running cluster of dc2, dc3 and ns0; dc4 is added
and removed."""
# deadline: 300 s, beside others

import secrets
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "site"))

import lab                                  # noqa: E402
from page import Page, Reader                 # noqa: E402
from programs import ROOT                   # noqa: E402

TTL = "    ttl: 2s\n    failover-ttl: 1s\n"     # so that `drain --wait` does not take a minute
# "Install", "Set up" and "Upgrade": tests/packages/systemd.
STEPS = ("How to read the history", "How to read explain", "Drain", "Replace", "Add a server",
         "Remove", "Add and remove a zone", "A second cluster", "Move Redis", "Rotate", "Restore", "IPv6")


def configuration():
    """The article's, with port 53."""
    text = (ROOT / "deploy/examples/article-locum.yaml").read_text()
    lines = []
    for line in text.splitlines(keepends=True):
        if not line.startswith("listen:"):
            lines.append(line)
        if line.startswith("    ns:"):
            lines.append(TTL)
    return "".join(lines)


def new_addresses(host, *addresses):
    """Addresses that the page gives to this machine or to the one that replaces it."""
    device = host.run("ip", "-o", "address", "show", "to", host.address).split()[1]
    for address in addresses:
        done = host.call("ip", "address", "add", f"{address}/24", "dev", device)
        lab.check(done.returncode == 0, done.stderr)


def as_debian_has_redis(machine):
    """Its Redis is the service redis-server, whose file is /etc/redis/redis.conf."""
    redis, programs = machine.host.redis, machine.host.programs
    for words in (["SET", "bind", f"{machine.host.private} 127.0.0.1"], ["REWRITE"]):
        lab.check(redis.cli("CONFIG", *words).strip() == "OK", words[0])
    done = machine.call(f"mkdir -p /etc/redis && ln -sf {redis.dir}/redis.conf /etc/redis/redis.conf")
    lab.check(done.returncode == 0, done.stdout)
    programs["redis-server"] = redis


def every_step_of_the_page(site):
    read = Reader(site, ROOT / "doc/operations.md")
    secret = secrets.token_hex(32)
    for machine in read.machines.values():
        machine.write("/etc/locum/locum.yaml", configuration())
        machine.write("/etc/locum/secret", secret + "\n")
        machine.write("/etc/locum/redis-password", site.redis_password + "\n")
        # On a real machine the user of the daemon: here it is the user who runs the test.
        machine.call("chmod 600 /etc/locum/*; echo locum:x:0:0::/:/bin/false >>/etc/passwd")
    new_addresses(site.dc2, "192.0.2.32")
    new_addresses(site.dc3, "192.0.2.23", "192.0.2.33", "10.0.0.23")
    try:
        as_debian_has_redis(read.machines["dc3"])
        for name in ("ns0", "dc2", "dc3"):
            read.machines[name].systemctl("start", "locum")
        read.page, operations = Page(ROOT / "doc/monitoring.md"), read.page
        for step in ("Prometheus", "Nagios"):
            read.do(step, other=("/usr/share/", "/usr/local/share/"))
        read.page = operations
        for step in STEPS:
            read.do(step)
            if step == "Remove":
                del read.machines["dc4"]
    finally:
        read.stop()


if __name__ == "__main__":
    lab.main([every_step_of_the_page], by_hand=True, dc4=True)

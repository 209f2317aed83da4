#!/usr/bin/env python3
"""Values of ACME challenges on a whole site: through Redis alone, while a host is gone, and after it is back."""
# deadline: 200 s

import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "site"))

import lab                          # noqa: E402
from lab import check               # noqa: E402
from programs import until          # noqa: E402

VALUE, OTHER = "LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0", "IEX9X8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0Lo"
PEER_PORT = "9853"


def turn_on(site):
    for host in site.coordinators:
        text = host.locum.config.read_text()
        if "acme:" not in text:
            line = f"    failover-ttl: {site.failover_ttl_s}s\n"
            host.locum.config.write_text(text.replace(line, line + "    acme: {}\n"))
            done = host.locum.command("reload")
            check(done.returncode == 0, done.stdout + done.stderr)


def answers(site, host):
    said = site.client.run("dig", f"@{host.address}", "-p", str(host.ports.dns), "+short",
                           f"_acme-challenge.{site.zone}", "TXT")
    return sorted(line.strip('"') for line in said.split())


def change(host, *words):
    done = host.locum.command("acme", *words)
    check(done.returncode == 0, f"{words}: {done.stdout}{done.stderr}")
    return done.stdout


def values_pass_through_redis_alone(site):
    """No datagram of the peer port arrives anywhere."""
    turn_on(site)
    for host in site.coordinators:
        host.run("nft", "add", "table", "inet", "acme")
        host.run("nft", "add", "chain", "inet", "acme", "in", "{ type filter hook input priority 0 ; }")
        host.run("nft", "add", "rule", "inet", "acme", "in", "udp", "dport", PEER_PORT, "drop")
    try:
        said = change(site.dc2, "set", site.zone, VALUE)
        check("on dc2, dc3" in said, said)
        for host in site.servers:
            check(answers(site, host) == [VALUE], f"{host.name}: {answers(site, host)}")
        change(site.dc3, "unset", site.zone)
        for host in site.servers:
            check(answers(site, host) == ["-"], f"{host.name}: {answers(site, host)}")
    finally:
        for host in site.coordinators:
            host.run("nft", "delete", "table", "inet", "acme")


def a_host_that_was_gone_answers_it_when_it_is_back(site):
    turn_on(site)
    site.crash(site.dc3)
    until("dc3 is down", lambda: [node["condition"] for node in site.dc2.locum.status()["nodes"]
                                  if node["name"] == "dc3"] == ["down"], 20)
    said = change(site.dc2, "set", site.zone, OTHER)
    check("down, and not waited for: dc3" in said, said)
    site.revive(site.dc3)
    turn_on(site)       # the file was made again
    until("dc3 answers it", lambda: answers(site, site.dc3) == [OTHER], 30)
    change(site.dc3, "unset", site.zone, OTHER)
    for host in site.servers:
        check(answers(site, host) == ["-"], f"{host.name}: {answers(site, host)}")
    site.wait_calm(60)


if __name__ == "__main__":
    lab.main([values_pass_through_redis_alone, a_host_that_was_gone_answers_it_when_it_is_back])

#!/usr/bin/env python3
"""One address family breaks alone: AAAA answers move, A answers stay, and every status says so."""
# deadline: 240 s, beside others

import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "site"))

import lab                                  # noqa: E402
from lab import check                       # noqa: E402
from programs import until                  # noqa: E402

SHOWN_S = 5.0       # from the break until every node's status shows it
RECOVER_S = 5.0     # heartbeat.recover-after


def lost(host, name, family="ipv6"):
    """Whether this host's status says that the node has lost the family."""
    return ((host.locum.peer(name).get("families") or {}).get(family) or {}).get("lost", False)


class Answers:
    """What the servers answer; an empty or missing answer fails the test."""

    def __init__(self, site):
        self.site = site

    def of(self, name, kind):
        """{server: the nodes that it names}"""
        named = {}
        for server in self.site.servers:
            addresses = self.site.asks(server, name, kind)
            check(addresses, f"{server}: {name} {kind}: {addresses}")
            named[server.name] = [self.site.host_of(a) for a in addresses]
        return named

    def are(self, dc2_in_v6):
        """Whether AAAA answers name this node in the place of dc2, and A answers are as ever."""
        zone = self.site.zone
        found = {(name, kind): self.of(name, kind)
                 for name in (zone, f"dc2.{zone}", f"dc3.{zone}") for kind in ("A", "AAAA")}
        for name, kind in found:
            for server, named in found[name, kind].items():
                own = server if name == zone else name.split(".")[0]
                right = dc2_in_v6 if (own, kind) == ("dc2", "AAAA") else own
                if kind == "A":
                    check(named == [right], f"{server}: {name} A names {named}")
                elif named != [right]:
                    return False
        return True


def text_of(host):
    done = host.locum.command("status")
    return done.stdout, done.returncode


def check_break(site, begin):
    """Every node's status says it in time, in words and by its exit code; the answers follow."""
    answers = Answers(site)

    def shown():
        answers.are("dc3")      # no answer is empty meanwhile
        return all(lost(host, "dc2") for host in site.coordinators)

    until("every status shows that dc2 has lost IPv6", shown, SHOWN_S, 0.02)
    print(f"  every status shows it after {time.monotonic() - begin:.2f} s", flush=True)
    until("AAAA answers name dc3", lambda: answers.are("dc3"),
          SHOWN_S - (time.monotonic() - begin), 0.02)
    for host in site.coordinators:
        text, code = text_of(host)
        check("dc2 has lost ipv6" in text, f"{host}: {text}")
        check(code != 0, f"{host}: exit code {code}: {text}")
        check(not lost(host, "dc2", "ipv4") and not lost(host, "dc3"), f"{host}: {text}")


def check_end(site, begin):
    answers = Answers(site)

    def over():
        answers.are("dc2")
        return not any(lost(host, "dc2") for host in site.coordinators)

    until("no status shows it any more", over, 2 * RECOVER_S, 0.05)
    took = time.monotonic() - begin
    print(f"  over after {took:.2f} s", flush=True)
    check(took > RECOVER_S - 1, f"trusted after {took:.2f} s")
    until("AAAA answers name dc2 again", lambda: answers.are("dc2"), 2, 0.05)


def dc2_loses_its_whole_ipv6_address(site):
    """dc2 and dc3 go on naming it in AAAA; "all well": not any more."""
    address = f"{site.dc2.address6}/32"
    check(Answers(site).are("dc2"), "the site is not as it was built")
    begin = time.monotonic()
    said = site.dc2.run("ip", "-6", "addr", "del", address, "dev", "eth0")
    check(said == "", said)
    try:
        check_break(site, begin)
        text, _ = text_of(site.dc2)
        check("this node has lost IPv6: one of its addresses" in text, text)
        events = site.dc2.locum.log.read_text(errors="replace")
        check("event=family node=dc2 peer=dc2 family=ipv6 to=lost" in events, events[-2000:])
    finally:
        begin = time.monotonic()
        site.dc2.run("ip", "-6", "addr", "add", address, "dev", "eth0", "nodad")
    check_end(site, begin)


def the_address_that_was_lost_before_a_restart_is_still_lost(site):
    """What this host had since its boot is remembered beside the control socket."""
    address = f"{site.dc2.address6}/32"
    said = site.dc2.run("ip", "-6", "addr", "del", address, "dev", "eth0")
    check(said == "", said)
    try:
        until("dc2 says so", lambda: lost(site.dc3, "dc2"), SHOWN_S)
        site.stop_locum(site.dc2)
        site.start_locum(site.dc2)
        until("dc2 says so again", lambda: lost(site.dc2, "dc2"), SHOWN_S)
        check(lost(site.dc3, "dc2"), "dc3 trusts it")
    finally:
        site.dc2.run("ip", "-6", "addr", "add", address, "dev", "eth0", "nodad")
    until("it is over", lambda: not any(lost(h, "dc2") for h in site.coordinators), 15)


def the_way_to_dc2_over_ipv6_breaks(site):
    """Its address is there; dc3 and the witness vote, because they hear it over IPv4 only."""
    others = [h for h in site.hosts.values() if h is not site.dc2]
    begin = time.monotonic()
    for host in others:
        host.plug.lose([site.dc2.address6], 100)
    site.dc2.plug.lose([h.address6 for h in others], 100)
    try:
        check_break(site, begin)
        votes = site.ns0.locum.peer("dc2")["families"]["ipv6"]["votes"]
        check(votes == ["dc3", "ns0"], f"votes: {votes}")
    finally:
        begin = time.monotonic()
        for host in others:
            host.plug.lose([site.dc2.address6], 0)
        site.dc2.plug.lose([h.address6 for h in others], 0)
    check_end(site, begin)


if __name__ == "__main__":
    lab.main([dc2_loses_its_whole_ipv6_address,
              the_address_that_was_lost_before_a_restart_is_still_lost,
              the_way_to_dc2_over_ipv6_breaks], redis=False, witness6=True)

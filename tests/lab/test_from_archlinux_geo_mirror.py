#!/usr/bin/env python3
"""Follows doc/from-archlinux-geo-mirror.md from PowerDNS on eight mirrors to Locum and back."""
# deadline: 300 s, beside others

import secrets
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "site"))

import lab                                  # noqa: E402
from lab import check                       # noqa: E402
from probe import Prober, Scheme            # noqa: E402
from programs import until                  # noqa: E402
from test_from_the_article import Tried     # noqa: E402

MIRRORS = ["berlin", "frankfurt", "johannesburg", "london", "losangeles", "singapore", "taipei", "umea"]
AUTHORITIES = "/etc/ssl/certs/ca-certificates.crt"
INTERVAL_S = 0.05
TAKEOVER_S = 1.5        # heartbeat.timeout and the votes, as on a site of two servers


class Mirrors(Tried):
    """PowerDNS may name any mirror: the test has no map of the world."""

    silent_s = 4.0      # one of eight: they have less of the processor than two

    def __init__(self, site):
        super().__init__(site, "doc/from-archlinux-geo-mirror.md",
                         {"mirror": MIRRORS, "other": MIRRORS[1:]})
        self.mirrors = {host.address for host in site.servers}

    def is_right(self, host, addresses):
        by_locum = "pdns" not in host.programs
        return addresses == [host.address] if by_locum else \
            bool(addresses) and set(addresses) <= self.mirrors

    def move(self):
        site, read = self.site, self.reader
        secret = secrets.token_hex(32)
        # Step 1, and the certificate's authority, alone: each check reads the whole file.
        for machine in read.machines.values():
            machine.write("/etc/locum/secret", secret + "\n")
            machine.call("chmod 600 /etc/locum/secret; mkdir -p /etc/bind/zones")
            machine.call(f"mkdir -p /etc/ssl/certs && cp {site.certificate} {AUTHORITIES}")
        read.do("ns0")
        read.do("PowerDNS on the mirrors")
        try:
            read.machines["ns0"].systemctl("start", "named")
            for name in MIRRORS:
                read.machines[name].systemctl("start", "pdns")
            self._answered_right("PowerDNS")
            self.there_and_back(["2.", "3.", "4.", "5."], self.faults, [False], INTERVAL_S)
        finally:
            read.stop()

    def faults(self):
        """With Locum on all mirrors: a web server stops; a mirror dies and is back."""
        site, read = self.site, self.reader
        begin = time.monotonic()
        read.do("A web server stops")
        self.report("a web server stopped", begin)
        self.challenge()
        name = f"umea.{site.zone}"
        others = [mirror for mirror in MIRRORS if mirror != "umea"]
        scheme = Scheme("the name of umea", site.zone, [name], ("A",), self.scheme.servers)
        with Prober(site, scheme, INTERVAL_S) as prober:
            begin = site.crash(site.umea)
            taken = prober.wait_settled({name: "berlin"}, begin, 3 * TAKEOVER_S, others)
            lab.check_times("umea's name is taken over", list(taken.values()), TAKEOVER_S)
            read.do("A mirror dies")
            lab.check_verdict(prober, begin)
        check(self.report("a mirror died", begin)["fresh"] <= 1, "clients without a cache missed more")
        site.revive(site.umea)
        until("umea has its name again", lambda: all(
            site.asks(host, name) == [site.umea.address] for host in site.servers), 20, 0.1)
        self._a_while()

    def challenge(self):
        """What a certificate authority sees: the record that berlin wrote, through a resolver."""
        site, berlin = self.site, self.reader.machines["berlin"]
        done = berlin.call("CERTBOT_VALIDATION=seen /etc/letsencrypt/challenge add")
        check(done.returncode == 0, done.stdout)
        shown = site.client.run("dig", f"@{site.client.address}", "+short", "TXT",
                                f"_acme-challenge.{site.zone}")
        check(shown.split() == ["geo.acme.example.org.", '"seen"'], shown)

    def report(self, what, begin):
        """
        Print what clients saw from then on: the downloads that each kind missed. Check that no
        server answered wrongly.
        """
        end, missed = time.monotonic(), {}
        for kind in ("fresh", "cached", "Unbound"):
            missed[kind], fetched = self.crowd.failed(self.scheme, kind, begin, end)
            print(f"  {what}: {missed[kind]} of {fetched} downloads of {kind} clients missed", flush=True)
        lab.check_verdict(self.prober, begin, end)
        return missed


def eight_mirrors_move_from_powerdns_to_locum(site):
    Mirrors(site).move()


if __name__ == "__main__":
    lab.main([eight_mirrors_move_from_powerdns_to_locum], redis=False, mirrors=MIRRORS)

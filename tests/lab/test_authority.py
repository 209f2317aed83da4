#!/usr/bin/env python3
"""Certificates from a real authority (pebble) by dns-01: the value is set on one server and validated through the
other, with Debian's certbot, lego and dehydrated, in every way in, while servers fail; signed and unsigned."""
# deadline: 240 s, beside one other

import sys
import threading
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "site"))

import lab                                              # noqa: E402
from acme import Client, names_of                       # noqa: E402
from lab import check                                   # noqa: E402
from programs import until                              # noqa: E402

ZONE = "get.example.org"
PLACEHOLDER = ["-"]


def values(site, host, name=ZONE):
    """The values that a server answers for a name."""
    lines = site.client.run("dig", "+short", "+time=1", "+tries=2", f"@{host.address}", "-p", str(host.ports.dns),
                            f"_acme-challenge.{name}", "TXT").split("\n")
    return [line.strip('"') for line in lines if line]


def is_clean(site):
    """Every server that answers is back at the placeholder."""
    for name in (ZONE, *(f"{host.name}.{ZONE}" for host in site.servers)):
        until(f"only the placeholder at {name}", lambda n=name: all(
            values(site, host, n) == PLACEHOLDER for host in site.servers if host.up), 10, 0.1,
            lambda n=name: {host.name: values(site, host, n) for host in site.servers if host.up})


def gets(site, what, way, *names, **options):
    begin = time.monotonic()
    path = way(*names, **options)
    check(names_of(path) == set(names), f"{what}: a certificate for {names_of(path)} instead of {names}")
    site.say(f"{what}: {', '.join(names)} in {time.monotonic() - begin:.1f} s")


def certbot_by_its_hooks(site):
    """Two values at one name: that of the zone and of the wildcard."""
    site.client.pebble.asking(site.dc3)
    gets(site, "certbot's hooks", Client(site, site.dc2).certbot_by_hook, ZONE, f"*.{ZONE}", f"dc3.{ZONE}")
    is_clean(site)


def certbot_by_an_update(site):
    site.client.pebble.asking(site.client)
    gets(site, "certbot-dns-rfc2136", Client(site, site.dc2).certbot_by_update, ZONE, f"dc2.{ZONE}", at=site.dc3)
    is_clean(site)


def lego_by_http_and_update(site):
    client = Client(site, site.dc3)
    site.client.pebble.asking(site.dc2)
    gets(site, "lego's httpreq", client.lego_by_http, ZONE, f"dc3.{ZONE}")
    gets(site, "lego's rfc2136", client.lego_by_update, ZONE, f"dc2.{ZONE}", at=site.dc3)
    is_clean(site)


def dehydrated_by_its_hook(site):
    site.client.pebble.asking(site.dc2)
    gets(site, "dehydrated's hook", Client(site, site.dc3).dehydrated, ZONE)
    is_clean(site)


def the_functions_of_acme_sh(site):
    client, owner = Client(site, site.dc2), f"_acme-challenge.{ZONE}"
    client.acme_sh("add", owner, "value-of-acme-sh")
    for host in site.servers:
        check(values(site, host) == ["value-of-acme-sh"], f"{host}: {values(site, host)}")
    client.acme_sh("rm", owner, "value-of-acme-sh")
    is_clean(site)


def both_servers_at_once(site):
    """For the same name at the same time: each leaves the other's value alone."""
    errors = []

    def run(what, way, *names, **options):
        try:
            gets(site, what, way, *names, **options)
        except Exception as error:
            errors.append(error)
    site.client.pebble.asking(site.dc3)
    threads = [threading.Thread(target=run, args=words, kwargs=options) for words, options in (
        (("certbot on dc2", Client(site, site.dc2).certbot_by_hook, ZONE), {}),
        (("lego on dc3", Client(site, site.dc3).lego_by_update, ZONE), {"at": site.dc3}))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    check(not errors, f"{errors}")
    is_clean(site)


def without_the_direct_path(site):
    """The servers hear each other by Redis only."""
    site.client.pebble.asking(site.dc3)
    for host, other in (site.dc2, site.dc3), (site.dc3, site.dc2):
        host.plug.lose([a for a in other.addresses if a != other.private], 100)
    gets(site, "certbot, without the direct path", Client(site, site.dc2).certbot_by_hook, ZONE)
    is_clean(site)


def during_a_failover_and_with_one_server_dead(site):
    site.client.pebble.asking(site.dc3)
    client = Client(site, site.dc3)
    site.crash(site.dc2)
    gets(site, "lego, during the fail-over", client.lego_by_http, ZONE)
    until("dc2 is down for dc3", lambda: site.dc3.locum.peer("dc2").get("condition") == "down", 20)
    site.client.pebble.asking(site.client)
    # The authority asks once. A resolver needs some seconds to find out that a server is dead. Names that the
    # certificate has no use for: what is asked now is in its cache.
    until("the resolver has learned it", lambda: all(
        site.asks(site.client, name, kind, recurse=True, within=0.4) for name in (ZONE, f"dc3.{ZONE}")
        for kind in ("A", "AAAA")), 30, 1.1)
    gets(site, "certbot, with dc2 dead", client.certbot_by_hook, ZONE, f"dc2.{ZONE}")
    is_clean(site)


def while_the_own_web_server_is_stopped(site):
    """The name has moved to dc3; dc2 still gets its certificate."""
    site.client.pebble.asking(site.dc3)
    site.stop_web(site.dc2)
    gets(site, "certbot, without a web server", Client(site, site.dc2).certbot_by_hook, ZONE)
    is_clean(site)


def unsigned(site):
    """The DS leaves the parent, the resolver forgets, and the nodes do not sign any more: at a start, since a reload is
    refused while the DS may be in caches."""
    site.signing.delegated[ZONE] = []
    site.ns0.nsd.reload()
    for host in site.coordinators:
        text = host.locum.config.read_text()
        host.locum.config.write_text("".join(f"{line}\n" for line in text.splitlines() if "dnssec:" not in line))
        site.stop_locum(host)
        site.start_locum(host)
    until("no DS", lambda: not site.client.run("dig", "+short", f"@{site.ns0.address}", ZONE, "DS"), 10, 0.1)
    site.client.unbound.stop()
    site.client.unbound.start()
    site.client.pebble.asking(site.client)
    gets(site, "certbot, unsigned", Client(site, site.dc2).certbot_by_hook, ZONE)
    is_clean(site)


if __name__ == "__main__":
    lab.main([certbot_by_its_hooks, certbot_by_an_update, lego_by_http_and_update, dehydrated_by_its_hook,
              the_functions_of_acme_sh, both_servers_at_once, without_the_direct_path,
              while_the_own_web_server_is_stopped, during_a_failover_and_with_one_server_dead, unsigned],
             acme=True, signed=True)

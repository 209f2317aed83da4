#!/usr/bin/env python3
"""Port 53 of dc2 is taken by another program after a restart, or blocked by a firewall."""
# deadline: 150 s, beside one other

import socket
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "site"))

import lab                                  # noqa: E402
from lab import Skip, check                 # noqa: E402
from programs import until                  # noqa: E402

WITHIN_S = 5.0
REFUSED, QR = 5, 0x80


def dns_of_dc2(host):
    return host.locum.peer("dc2").get("dns", {})


def peers(site):
    return [host for host in site.coordinators if host is not site.dc2]


def wait_for(site, state, within):
    """Until every peer's status says so of dc2; the seconds that it took."""
    begin = time.monotonic()
    until(f"dc2 is {state} to its peers",
          lambda: all(dns_of_dc2(h).get("state") == state
                      and dns_of_dc2(h)["ipv4"]["udp"] not in (None, "ok" if state != "ok" else "")
                      for h in peers(site)), within)
    took = time.monotonic() - begin
    print(f"  {state} to its peers after {took:.1f} s; allowed {within:g} s", flush=True)


@contextmanager
def firewall(site, verdict):
    """Port 53 of dc2, UDP and TCP, drops or rejects what arrives."""
    if not site.network.namespaces:
        raise Skip("needs network namespaces (unshare, veth, bridge)")
    rules = ("add table inet block53; add chain inet block53 input { type filter hook input"
             f" priority 0; }}; add rule inet block53 input th dport 53 {verdict}")
    done = site.dc2.call("nft", rules)
    check(done.returncode == 0, f"nft refused {rules}: {done.stderr}")
    try:
        yield
    finally:
        site.dc2.call("nft", "delete table inet block53")


def check_what_is_said(site, states, advice):
    """Status, exit code, warning, metric and event; and the answers stay."""
    for host in peers(site):
        done = host.locum.command("status")
        check(done.returncode == 1, f"{host} exits with {done.returncode}: {done.stdout}")
        check("degraded: " in done.stdout and "DNS of dc2" in done.stdout, done.stdout)
        check(any(f"ipv4 udp ({state})" in done.stdout for state in states), done.stdout)
        check(advice in done.stdout, f"{host} does not advise {advice!r}: {done.stdout}")
        up = 'locum_peer_dns_up{peer="dc2",family="ipv4",transport="udp"}'
        check(host.locum.metrics().get(up) == 0, f"{host} does not measure {up}")
        events = host.locum.command("events").stdout
        check(any(" dns " in line and "peer=dc2" in line and f"to={state}" in line
                  for line in events.splitlines() for state in states), events)
    until("dc2 says that not all is well",
          lambda: site.dc2.locum.command("status").returncode == 1, WITHIN_S)
    for name in ("dc2", "dc3"):
        check(site.asks(site.dc3, f"{name}.{site.zone}") == [site.hosts[name].address],
              f"the answers for {name} changed")


def port_53_of_dc2_is_blocked_by_a_firewall(site):
    wait_for(site, "ok", 20)
    for verdict, state, advice in (("drop", "silent", "A firewall drops port 53"),
                                   ("reject", "unreachable", "or a firewall rejects it")):
        with firewall(site, verdict):
            wait_for(site, state, WITHIN_S)
            check(dns_of_dc2(site.dc3)["ipv6"]["udp"] == state, str(dns_of_dc2(site.dc3)))
            check(dns_of_dc2(site.ns0)["ipv6"]["udp"] is None, "ns0 has no IPv6")
            check_what_is_said(site, [state], advice)
        wait_for(site, "ok", 2 * WITHIN_S)
        until("all is well", lambda: all(h.locum.command("status").returncode == 0
                                         for h in site.coordinators), 20)


@contextmanager
def another_program(site):
    """It has port 53 of dc2 (UDP) and answers REFUSED."""
    with site.dc2.plug.inside():
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind((site.dc2.address, site.dc2.ports.dns))

    def serve():
        while True:
            query, to = sock.recvfrom(4096)
            if not query:
                return
            sock.sendto(query[:2] + bytes([query[2] | QR, REFUSED]) + query[4:], to)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield
    finally:
        with site.dc2.plug.inside(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
            end.sendto(b"", (site.dc2.address, site.dc2.ports.dns))
        thread.join()
        sock.close()


def port_53_of_dc2_is_taken_by_another_program_after_a_restart(site):
    if not site.network.namespaces:
        raise Skip("needs network namespaces: without them, port 53 is another port")
    wait_for(site, "ok", 20)
    site.stop_locum(site.dc2)
    with another_program(site):
        site.dc2.locum.start()
        wait_for(site, "refused", WITHIN_S)
        check(site.dc2.locum.peer("dc2")["dns"]["state"] == "closed", "dc2 does not know it")
        check_what_is_said(site, ["refused"], "reports that its own DNS is not open")
    wait_for(site, "ok", 3 * WITHIN_S)


if __name__ == "__main__":
    lab.main([port_53_of_dc2_is_blocked_by_a_firewall,
              port_53_of_dc2_is_taken_by_another_program_after_a_restart])

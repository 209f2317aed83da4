#!/usr/bin/env python3
"""Limits of the machine and hostile clients: the node continues to answer."""
# deadline: 200 s, beside one other

import os
import resource
import selectors
import socket
import sys
import time
from contextlib import contextmanager
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "site"))

import lab                                          # noqa: E402
import wire                                         # noqa: E402
from lab import Skip, check, check_verdict          # noqa: E402
from probe import Prober                            # noqa: E402
from programs import until                          # noqa: E402

FRESH_S = 4.0       # a new client with a query is answered within this time
FEW_S = 10.0        # the same if there are only a dozen places
GROWTH_KIB = 24 * 1024
LENGTH = 2          # octets of the length of a DNS message over TCP


@contextmanager
def undisturbed(site):
    """Check that UDP answers are right and complete and no node suspects dc2 meanwhile."""
    said = {h: h.locum.log.stat().st_size for h in site.coordinators}
    with Prober(site) as prober:
        begin = time.monotonic()
        yield
        check_verdict(prober, begin)
    for host in site.coordinators:
        log = host.locum.log.read_text()[said[host]:]
        check("peer=dc2 from=alive" not in log, f"{host} lost a heartbeat of dc2: {log}")


def memory_kib(host):
    """The resident memory of this host's daemon."""
    status = Path(f"/proc/{host.locum.process.pid}/status").read_text()
    return int(next(x for x in status.splitlines() if x.startswith("VmRSS:")).split()[1])


def more_addresses(site, count):
    """Add addresses to the client, so that connections come from many sources."""
    if not site.network.namespaces:
        return [""]
    addresses = [f"192.0.2.{last}" for last in range(150, 150 + count)]
    present = site.client.run("ip", "-br", "addr", "show", "dev", "br0")
    site.network.address_client(*(f"{a}/24" for a in addresses if f"{a}/" not in present))
    return addresses


class Crowd:
    """Connections that send nothing, or one byte of a query at a time."""

    def __init__(self, sources):
        self.sources, self.socks = sources, []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for sock in self.socks:
            sock.close()

    def come(self, to, count):
        """Open that many without waiting for each; those not accepted wait in the kernel."""
        for number in range(count):
            sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            sock.setblocking(False)
            sock.bind((self.sources[number % len(self.sources)], 0))
            try:
                sock.connect(to)
            except BlockingIOError:
                pass
            self.socks.append(sock)

    def drip(self, byte):
        """Send one more byte on every connection."""
        for sock in self.socks:
            try:
                sock.send(byte)
            except OSError:
                pass

    def connected(self):
        """The number of connections that completed the handshake."""
        with selectors.DefaultSelector() as selector:
            for sock in self.socks:
                selector.register(sock, selectors.EVENT_WRITE)
            return len(selector.select(0))


def descriptors_for(count):
    """Raise the limit of this program to that many, or skip."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < count + 200:
        raise Skip(f"only {hard} descriptors: {count} connections need more")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, count + 200), hard))


def asks_by_tcp(site, host, within):
    """Seconds until a new TCP client has its answer."""
    begin = time.monotonic()
    question = wire.question(site.zone, "A")
    with socket.create_connection((host.address, host.ports.dns), timeout=within) as stream:
        stream.sendall(len(question).to_bytes(LENGTH, "big") + question)
        data = b""
        while len(data) < LENGTH or len(data) < LENGTH + int.from_bytes(data[:LENGTH], "big"):
            piece = stream.recv(4096)
            check(piece, "a fresh client was closed without an answer")
            data += piece
    _, rcode, addresses = wire.answer(data[LENGTH:])
    check(rcode == 0 and addresses, f"by TCP: {rcode} {addresses}")
    return time.monotonic() - begin


def asks_by_http(host, within):
    """The same for the API's port."""
    begin = time.monotonic()
    with socket.create_connection((host.address, host.ports.status), timeout=within) as stream:
        stream.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        first = stream.recv(4096)
    check(first.startswith(b"HTTP/1.1 200"), f"the API said {first[:80]}")
    return time.monotonic() - begin


def check_fresh_clients(site, host, times=5, within=FRESH_S):
    within *= 5 if host.locum.sanitized() else 1
    seconds = [max(asks_by_tcp(site, host, within), asks_by_http(host, within))
               for _ in range(times)]
    print("  fresh clients: " + " ".join(f"{s:.3f}" for s in seconds) + " s", flush=True)
    check(max(seconds) < within, f"a fresh client waited {max(seconds):.1f} s")
    check(host.locum.status() != {}, "the control socket does not answer")


def ten_thousand_idle_connections_stop_no_answer(site):
    """On the DNS port, then the API: the oldest are closed, memory stays bounded."""
    many, host = 10000, site.dc2
    descriptors_for(many)
    before = memory_kib(host)
    for port in (host.ports.dns, host.ports.status):
        with undisturbed(site), Crowd(more_addresses(site, 60)) as crowd:
            crowd.come((host.address, port), many)
            check_fresh_clients(site, host)
            print(f"  {crowd.connected()} of {many} connected to port {port}", flush=True)
        grown = memory_kib(host) - before
        print(f"  memory grew by {grown} KiB from {before}", flush=True)
        check(grown < GROWTH_KIB or host.locum.sanitized(), f"memory grew by {grown} KiB")


def slow_clients_are_closed(site):
    """Slow clients do not keep a place without limit."""
    host = site.dc2
    descriptors_for(1000)
    with undisturbed(site), Crowd(more_addresses(site, 60)) as crowd:
        crowd.come((host.address, host.ports.dns), 400)
        crowd.come((host.address, host.ports.status), 200)
        for byte in (b"\x01", b"\x00", b"G", b"E", b"T"):
            crowd.drip(byte)
            check_fresh_clients(site, host, 1)


def few_descriptors_suffice(site):
    """With 264 descriptors clients get fewer places and the node keeps what it needs."""
    host = site.dc2
    descriptors_for(1000)
    site.stop_locum(host)
    said = host.locum.log.stat().st_size
    host.locum.before = ["prlimit", "--nofile=264:264", "--"]
    try:
        site.start_locum(host)
        site.wait_calm()
        with undisturbed(site), Crowd(more_addresses(site, 60)) as crowd:
            crowd.come((host.address, host.ports.dns), 300)
            crowd.come((host.address, host.ports.status), 300)
            check_fresh_clients(site, host, 3, FEW_S)
            open_now = len(os.listdir(f"/proc/{host.locum.process.pid}/fd"))
            print(f"  {open_now} of 264 descriptors are open", flush=True)
            check(host.locum.peer("dc2")["service"] == "up", "its own check had no descriptor")
            check(host.locum.status()["redis"]["connected"] is True, "no Redis")
            host.locum.command("reload", check=True)
        log = host.locum.log.read_text()[said:]
        check(log.count("event=descriptors") == 1 and "LimitNOFILE" in log, log)
    finally:
        host.locum.before = []
        site.stop_locum(host)
        site.start_locum(host)


def without_a_free_descriptor_udp_continues(site):
    """With none left UDP and heartbeats continue, one log line reports it, and it recovers."""
    host = site.dc2
    pid, said = host.locum.process.pid, host.locum.log.stat().st_size
    soft, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    with undisturbed(site), Crowd(more_addresses(site, 4)) as crowd:
        try:
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (8, hard))
            crowd.come((host.address, host.ports.dns), 40)
            crowd.come((host.address, host.ports.status), 40)
            for client in ("DNS over TCP", "the API"):
                until(f"the log tells that {client} has none", lambda c=client: any(
                    "event=descriptors" in x and c in x
                    for x in host.locum.log.read_text()[said:].splitlines()), 10)
            for name in (site.zone, f"dc2.{site.zone}"):
                check(site.asks(host, name), "no answer by UDP")
        finally:
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (soft, hard))
    lines = [x for x in host.locum.log.read_text()[said:].splitlines() if "event=descriptors" in x]
    check(len(lines) <= 4, f"it told {len(lines)} times: {lines[:6]}")
    site.wait_calm()
    check_fresh_clients(site, host, 2)


def too_little_memory_is_reported_at_start(site):
    """Increase the memory limit in small steps: exit code 1 and a message each time, no crash."""
    host, step_kib, tried, started = site.dc2, 1024, 0, False
    if host.locum.sanitized():
        raise Skip("built with a sanitizer, which needs far more memory itself")
    site.stop_locum(host)
    for limit_kib in range(4 * 1024, 400 * 1024, step_kib):
        said = host.locum.log.stat().st_size
        host.locum.before = ["prlimit", f"--as={limit_kib * 1024}", "--"]
        try:
            host.locum.start(wait=False)
            deadline = time.monotonic() + 10
            while host.locum.running and not started and time.monotonic() < deadline:
                started = host.locum.ready()
                time.sleep(0.01)
        finally:
            host.locum.before = []
        if started:
            break
        check(not host.locum.running, f"with {limit_kib} KiB it neither runs nor ends")
        code, words = host.locum.process.returncode, host.locum.log.read_text()[said:]
        loader = code in (126, 127) or "error while loading shared libraries" in words
        check(loader or code == 1, f"with {limit_kib} KiB: exit code {code}: {words}")
        check(words.strip() != "", f"with {limit_kib} KiB it said nothing")
        tried += not loader
    check(started, "it never started")
    print(f"  refused {tried} times, then started with {limit_kib} KiB", flush=True)
    check(tried > 3, "no step fell between the loader's need and the daemon's")
    site.stop_locum(host)
    site.start_locum(host)


if __name__ == "__main__":
    lab.main([ten_thousand_idle_connections_stop_no_answer, slow_clients_are_closed,
              few_descriptors_suffice, without_a_free_descriptor_udp_continues,
              too_little_memory_is_reported_at_start])

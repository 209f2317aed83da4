#!/usr/bin/env python3
"""
The faults of hosts and links, on a site with delays between its hosts; matrix.py has the rows.

    test_matrix.py [--long] [--dc4] [WORD...]

--long: faults longer than any TTL; --dc4: a fourth server; WORD: rows whose name contains it. With
any of these, the rows of test_matrix_programs.py too.
"""
# deadline: 500 s, beside one other

import argparse
import socket
import sys
import time

sys.dont_write_bytecode = True

import matrix                               # noqa: E402  (it sets the path for the others)
import lab                                  # noqa: E402
import wire                                 # noqa: E402
from article import DELAYS_S                 # noqa: E402
from lab import check                       # noqa: E402


def delays_and_losses_are_as_configured(site):
    """The network of the site has the delays and losses that this suite needs."""
    for host in site.servers:
        took = []
        for _ in range(10):
            begin = time.monotonic()
            check(site.asks(host, site.zone) == [host.address], f"{host} does not answer")
            took.append(time.monotonic() - begin)
        round_trip = 2 * DELAYS_S[host.name]
        print(f"  {host}: {min(took) * 1000:.1f} ms round trip", flush=True)
        check(round_trip <= min(took) < round_trip * 1.1 + 0.03, f"{host}: {min(took)} s")
    host = site.dc2
    site.lose(site.client, host, back=False)
    check(site.asks(host, site.zone) is None, "an answer through a cut line")
    site.lose(site.client, host, 30, back=False)
    answered = _answered(site, host, 300)
    print(f"  30 % loss: {answered} of 300 answered", flush=True)
    check(150 <= answered <= 270, f"30 % loss: {answered} of 300 answered")
    site.lose(site.client, host, 0, back=False)
    check(_answered(site, host, 300) == 300, "something was lost on a whole line")


def _answered(site, host, count):
    """Of this many queries, one per millisecond."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        answered = 0
        for patience_s in [0.001] * count + [0.5] * count:
            if patience_s < 0.5:
                sock.sendto(wire.question(site.zone, "A"), (host.address, host.ports.dns))
            sock.settimeout(patience_s)
            try:
                sock.recv(4096)
                answered += 1
            except TimeoutError:
                if patience_s == 0.5:
                    break
        return answered


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[1])
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--dc4", action="store_true")
    parser.add_argument("words", nargs="*")
    options = parser.parse_args()
    name = "matrix" + ("-long" if options.long else "") + ("-dc4" if options.dc4 else "")
    rows = matrix.HOSTS
    if options.long or options.dc4 or options.words:
        rows = rows + matrix.PROGRAMS
    rows = matrix.Matrix(name, options.long).tests(rows, options.words)
    lab.main([delays_and_losses_are_as_configured, *rows],
             far=True, compare=True, dc4=options.dc4)

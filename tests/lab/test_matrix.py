#!/usr/bin/env python3
"""
Every fault of the laboratory, on a site whose hosts are far apart; matrix.py has the rows.

    test_matrix.py [--long] [--dc4] [WORD...]

--long: faults that outlast every cache; --dc4: a fourth server; WORD: rows with it in their name.
"""
# deadline: 600 s

import argparse
import socket
import sys
import time

sys.dont_write_bytecode = True

import matrix                               # noqa: E402  (and it knows the way to the rest)
import lab                                  # noqa: E402
import wire                                 # noqa: E402
from article import LINES_S                 # noqa: E402
from lab import check                       # noqa: E402


def hosts_are_apart_and_packets_get_lost(site):
    """The ground itself: what the rest of this suite stands on."""
    for host in site.servers:
        took = []
        for _ in range(10):
            begin = time.monotonic()
            check(site.asks(host, site.zone) == [host.address], f"{host} does not answer")
            took.append(time.monotonic() - begin)
        there_and_back = 2 * LINES_S[host.name]
        print(f"  {host}: {min(took) * 1000:.1f} ms there and back", flush=True)
        check(there_and_back <= min(took) < there_and_back * 1.1 + 0.03, f"{host}: {min(took)} s")
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
    """Of so many questions, one a millisecond."""
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
    rows = matrix.Matrix(name, options.long).tests(options.words)
    lab.main([hosts_are_apart_and_packets_get_lost, *rows],
             far=True, compare=True, dc4=options.dc4)

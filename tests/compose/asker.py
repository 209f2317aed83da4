"""asker: runs in the client's container. Asks and fetches as tests/site/probe.py does.

    python3 asker.py '{"servers": {"dc2": "198.51.100.12", ...}, "resolver": "...", "names": [...]}'

Prints one line of JSON per result. Times are of the monotonic clock, which all containers of a
machine share. Ends at the end of its standard input.
"""

import json
import select
import sys
import time
from types import SimpleNamespace

import wire
from probe import Fetcher, Prober, Scheme

PORTS = SimpleNamespace(dns=53, http=80)


class Site:
    """The part of a site that the probers need."""

    def __init__(self, site):
        self.servers, self.names = site["servers"], site["names"]
        self.client = SimpleNamespace(name="client", address=site["resolver"], ports=PORTS)

    def scheme(self):
        return Scheme("Locum self", self.names[0], self.names, ("A", "AAAA"),
                      {name: (address, PORTS.dns) for name, address in self.servers.items()})

    @staticmethod
    def asks(host, name, kind="A", recurse=False, within=0.5):
        return wire.ask(host.address, host.ports.dns, name, kind, recurse, within)


def main():
    site = Site(json.loads(sys.argv[1]))
    reported, fetched = {}, []
    with Prober(site) as prober, Fetcher(site, site.names[0], report=fetched.append):
        while not select.select([sys.stdin], [], [], 0.02)[0]:
            now = time.monotonic()
            for name, target in prober.targets.items():
                for sample in target.samples[reported.get(name, 0):]:
                    if not sample.over(now - 1.0):      # its answer may still be in the socket
                        break
                    reported[name] = reported.get(name, 0) + 1
                    report(sample, "target", "name", "kind", "sent", "received", "rcode", "addresses",
                           "cut", "validated")
            while fetched:
                report(fetched.pop(0), "at", "name", "address", "page", "error")
            sys.stdout.flush()


def report(outcome, *fields):
    print(json.dumps({field: getattr(outcome, field) for field in fields}))


main()

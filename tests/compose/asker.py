"""asker: runs in the client's container. Asks and fetches as tests/site/probe.py does and tells.

    python3 asker.py '{"servers": {"dc2": "198.51.100.12", ...}, "resolver": "...", "names": [...]}'

Standard output gets one line of JSON an outcome; their times are of the monotonic clock, which all
containers of a machine share. Ends with its standard input.
"""

import json
import sys
import time
from types import SimpleNamespace

import wire
from probe import Fetcher, Prober

PORTS = SimpleNamespace(dns=53, http=80)


class Site:
    """As much of a site as the probers want to know."""

    def __init__(self, told):
        self.servers = [SimpleNamespace(name=name, address=address, address6=None, ports=PORTS)
                        for name, address in told["servers"].items()]
        self.client = SimpleNamespace(name="client", address=told["resolver"], address6=None,
                                      ports=PORTS)
        self.names = told["names"]

    @staticmethod
    def asks(host, name, kind="A", recurse=False, within=0.5):
        return wire.ask(host.address, host.ports.dns, name, kind, recurse, within)


def tell(**outcome):
    sys.stdout.write(json.dumps(outcome) + "\n")


def main():
    site = Site(json.loads(sys.argv[1]))
    ended = []

    def fetched(fetch):
        ended.append(fetch)

    told = dict.fromkeys([*(s.name for s in site.servers), "client"], 0)
    with Prober(site) as prober, Fetcher(site, site.names[0], tell=fetched):
        import select
        while not select.select([sys.stdin], [], [], 0.02)[0]:
            now = time.monotonic()
            for name, target in prober.targets.items():
                while told[name] < len(target.samples) and target.samples[told[name]].over(now):
                    s = target.samples[told[name]]
                    told[name] += 1
                    tell(target=name, name=s.name, kind=s.kind, sent=s.sent, received=s.received,
                         rcode=s.rcode, addresses=s.addresses)
            while ended:
                f = ended.pop(0)
                tell(at=f.at, name=f.name, address=f.address, page=f.page, error=f.error)
            sys.stdout.flush()


main()

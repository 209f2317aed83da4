#!/usr/bin/env python3
"""Follows doc/from-the-article.md from the article's site to Locum and back."""
# deadline: 300 s, beside others

import functools
import secrets
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "site"))

import lab                                  # noqa: E402
from clients import Crowd                   # noqa: E402
from lab import check                       # noqa: E402
from page import Reader                     # noqa: E402
from probe import INTERVAL_S, PATIENCE_S, Prober, Scheme    # noqa: E402
from programs import ROOT, until            # noqa: E402


class Tried:
    """The page on one site while clients resolve the name and fetch the page."""

    other = None        # another text for the commands (Reader.do)
    silent_s = 2.0      # while a name server is replaced on one host; the other host answers

    def __init__(self, site, page="doc/from-the-article.md", groups=None):
        self.site, self.reader = site, Reader(site, ROOT / page, groups)
        self.scheme = Scheme("the name", site.zone, [site.zone], ("A",),
                             {h.name: (h.address, h.ports.dns) for h in site.servers})

    def way(self, begin, program, steps, other=None):
        """
        Do these steps from the article's site, each done, undone and done again; then undo all.
        """
        self.other = other
        site, read = self.site, self.reader
        read.do("The parent")
        read.do(begin)
        try:
            for name, what in (("ns0", "named"), ("dc2", program), ("dc3", program)):
                read.machines[name].systemctl("start", what)
            self._answered_right("the article's site")
            self.there_and_back(steps, lambda: read.do("Try it"))
        finally:
            read.stop()

    def there_and_back(self, steps, at_the_end, ways=(False, True, False), interval_s=INTERVAL_S):
        """All steps, each done, undone and done again; at_the_end(); then undo all. Judge it."""
        with Prober(self.site, self.scheme, interval_s) as self.prober, Crowd(
                [self.scheme], self.site.resolvers(), self.site.client.ports.http) as self.crowd:
            spans = [self._span(step, back) for step in steps for back in ways]
            at_the_end()
            spans += [self._span(step, True) for step in reversed(steps)]
            self._a_while()     # queries sent during the last step have their answers
        for span in spans:
            self._judge(*span)

    def _span(self, step, back):
        begin = time.monotonic()
        self.reader.do(step, back, self.other)
        self._answered_right(step)
        self._a_while()
        return ("back from " if back else "") + step, begin, time.monotonic()

    @staticmethod
    def _a_while():
        end = time.monotonic() + 1
        until("a second of this", lambda: time.monotonic() > end, 2)

    def _judge(self, step, begin, end):
        """Check: no wrong answer, no server silent for more than SILENT_S, no failed page."""
        counts = self.prober.verdict(begin, end)
        silence = max(map(longest_silence, self._streams(begin, end)))
        failed, fetched = (sum(column) for column in zip(*(
            self.crowd.failed(self.scheme, kind, begin, end)
            for kind in ("fresh", "cached", "Unbound"))))
        text = (f"{step}: {counts['right']} answers right, {counts['wrong']} wrong, "
                f"{counts['empty']} empty; longest silence of one server {silence:.2f} s; "
                f"{failed} of {fetched} pages missed")
        print(f"  {text}", flush=True)
        for why in self.crowd.reasons(begin, end):
            text += "; " + why
        check(counts["right"] > 50 and fetched > 10, f"nobody was asked: {text}")
        check(counts["wrong"] == counts["empty"] == failed == 0 and silence <= self.silent_s, text)

    def _streams(self, begin, end):
        return [[s for s in self.prober.targets[h.name].samples if begin <= s.sent < end]
                for h in self.site.servers]

    def is_right(self, host, addresses):
        """Whether a server may answer so while all are well."""
        return addresses == [host.address]

    def _answered_right(self, when):
        for host in self.site.servers:
            until(f"{when}: {host} answers", lambda host=host:
                  self.is_right(host, self.site.asks(host, self.site.zone)), 5)
        until(f"{when}: an answer through the parent",
              lambda: self.site.asks(self.site.client, self.site.zone, recurse=True), 10)


def longest_silence(samples):
    """The longest time in seconds between two answers, minus the usual interval."""
    answered = [s.sent for s in samples if s.received]
    return max([b - a for a, b in zip(answered, answered[1:])], default=PATIENCE_S)


@functools.cache
def tried(site):
    """One reader for both ways: each ends at the article's site."""
    reader = Tried(site)
    secret = secrets.token_hex(32)
    for machine in reader.reader.machines.values():     # the part of step 1 for a real machine
        machine.write("/etc/locum/secret", secret + "\n")
        machine.write("/etc/locum/redis-password", site.redis_password + "\n")
        machine.call("chmod 600 /etc/locum/*")
        # As Debian's package does; only root may be able to read those of this machine.
        machine.call("test -r /etc/nsd/nsd_server.key || nsd-control-setup")
    return reader


def bind_is_replaced_by_locum(site):
    tried(site).way("BIND on the servers", "named", ["2.", "A1.", "A2."])


def nsd_is_replaced_by_locum(site):
    tried(site).way("Or NSD on the servers", "nsd", ["2.", "A1.", "A2."], ("named", "nsd"))


def nsd_stays_and_is_fed_by_locum_nsd(site):
    tried(site).way("Or NSD on the servers", "nsd", ["2.", "B1.", "B2.", "B3."])


if __name__ == "__main__":
    lab.main([bind_is_replaced_by_locum, nsd_is_replaced_by_locum,
              nsd_stays_and_is_fed_by_locum_nsd],
             by_hand=True)

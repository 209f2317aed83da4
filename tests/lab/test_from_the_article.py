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
from probe import PATIENCE_S, Prober, Scheme    # noqa: E402
from programs import ROOT, until            # noqa: E402

SILENT_S = 2.0      # while a name server is replaced on one host; the other host answers


class Tried:
    """The page on one site while clients resolve the name and fetch the page."""

    def __init__(self, site):
        self.site, self.reader = site, Reader(site, ROOT / "doc/from-the-article.md")
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
            with Prober(site, self.scheme) as self.prober, \
                    Crowd([self.scheme], site.resolvers(), site.client.ports.http) as self.crowd:
                spans = [self._span(step, back) for step in steps for back in (False, True, False)]
                read.do("Try it")
                spans += [self._span(step, True) for step in reversed(steps)]
                self._a_while()     # queries sent during the last step have their answers
        finally:
            read.stop()
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
        check(counts["wrong"] == counts["empty"] == failed == 0 and silence <= SILENT_S, text)

    def _streams(self, begin, end):
        return [[s for s in self.prober.targets[h.name].samples if begin <= s.sent < end]
                for h in self.site.servers]

    def _answered_right(self, when):
        for host in self.site.servers:
            until(f"{when}: {host} names itself", lambda host=host:
                  self.site.asks(host, self.site.zone) == [host.address], 5)
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

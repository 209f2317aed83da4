"""probe: what clients see: asks every node and Unbound for every name every 20 ms; fetches pages.

Every query is kept as a Sample, so that a fault can be judged afterwards: from when on each
server's answers were right, and which were wrong, empty or missing before.
"""

import http.client
import select
import socket
import struct
import time
from collections import Counter

import wire
from background import Background

INTERVAL_S = 0.02
PATIENCE_S = 1.0        # an answer later than this counts as missing
SO_TIMESTAMPNS = 35


class Sample:
    """One query and its answer."""

    __slots__ = ("target", "name", "kind", "sent", "received", "rcode", "addresses", "cut",
                 "validated")

    def __init__(self, target, name, kind, sent):
        self.target, self.name, self.kind, self.sent = target, name, kind, sent
        self.received = self.rcode = None
        self.addresses = ()
        self.cut = False        # the answer asks to come again by TCP
        self.validated = False  # by the resolver

    def over(self, now):
        return self.received is not None or now - self.sent > PATIENCE_S


class Scheme:
    """One way in which the servers answer: a zone, its names, the servers' addresses for it."""

    def __init__(self, label, zone, names, kinds, servers):
        self.label, self.zone, self.names, self.kinds = label, zone, names, kinds
        self.servers = servers      # {node: (address, port)}


class Prober(Background):
    """
    Asks until stop(). Targets are the servers of the site and the client's Unbound; with a scheme,
    only the servers of that scheme. Of the site it needs truth, servers and host_of().
    """

    def __init__(self, site, scheme=None, interval_s=INTERVAL_S):
        super().__init__()
        self.site, self.interval_s = site, interval_s
        asked = scheme or site.scheme()
        self.targets = {node: _Target(node, to, [(n, k, wire.question(n, k))
                                                 for n in asked.names for k in asked.kinds])
                        for node, to in asked.servers.items()}
        if scheme is None:
            to = site.client.address, site.client.ports.dns
            self.targets["client"] = _Target("client", to, [(n, "A", wire.question(n, "A", True))
                                                            for n in site.names])

    def run(self):
        due = time.monotonic()
        while not self._ending.is_set():
            due = max(due + self.interval_s, time.monotonic() - 5 * self.interval_s)
            for target in self.targets.values():
                target.ask()
            self._receive_until(due)
        self._receive_until(time.monotonic() + 0.2)

    def _receive_until(self, due):
        while True:
            left = due - time.monotonic()
            if left <= 0:
                return
            ready, _, _ = select.select(self.targets.values(), [], [], left)
            for target in ready:
                target.receive()

    # Judgement

    def settled(self, target, goal, begin):
        """
        (seconds from `begin` until this target's answers matched the goal from then on, seconds
        since then); None while the latest answers do not match. goal: {name: host name}.
        """
        now, first = time.monotonic(), None
        for sample in reversed(self.targets[target].samples):
            if sample.sent < begin:
                break
            if not sample.over(now):
                continue
            hosts = {self.site.host_of(a) for a in sample.addresses}
            if sample.received is None or hosts != {goal[sample.name]}:
                break
            first = sample
        if first is None:
            return None
        return max(first.received - begin, 0.0), now - first.received

    def wait_settled(self, goal, begin, within, targets=None, hold=1.0):
        """{target: seconds until right from then on, or None if that took too long}."""
        targets = list(targets or (h.name for h in self.site.servers))
        while True:
            found = {t: self.settled(t, goal, begin) for t in targets}
            if all(f is not None and f[1] >= hold for f in found.values()):
                break
            if time.monotonic() > begin + within + hold + PATIENCE_S:
                break
            time.sleep(0.05)
        return {t: f[0] if f is not None and f[1] >= hold else None for t, f in found.items()}

    def unvalidated(self):
        """(the answers of the client's resolver that it has not validated, all its answers)"""
        answers = [s for s in list(self.targets["client"].samples) if s.received is not None and s.addresses]
        return [s for s in answers if not s.validated], answers

    def verdict(self, begin, end=None, targets=None):
        """The numbers of right, wrong, empty and missing answers between two moments."""
        counts = Counter(right=0, wrong=0, empty=0, silent=0)
        for sample, word in self.judged(begin, end, targets):
            counts[word] += 1
        return counts

    def judged(self, begin, end=None, targets=None, slack=None):
        """(sample, verdict) of every query that should have been answered."""
        now = time.monotonic()
        end = end or now
        for name in targets or (n for n in self.targets if n != "client"):
            for sample in list(self.targets[name].samples):
                if begin <= sample.sent < end and sample.over(now):
                    word = self._judge(sample, slack)
                    if word:
                        yield sample, word

    def _judge(self, sample, slack):
        truth, through_cache = self.site.truth, sample.target == "client"
        if sample.received is None:
            if through_cache:
                return None     # a resolver may try for longer than this: the fetches show it
            ought = truth.ought_to_answer(sample.target, sample.sent, sample.sent + PATIENCE_S)
            return "silent" if ought else None
        if sample.cut and not truth.ought_to_answer(sample.target, sample.sent, sample.received):
            return None     # a frozen host answers at once all that came in, over its rate limit
        if sample.rcode != 0 or not sample.addresses:
            return "empty"
        extra_s = self.site.ttl_s + 2.0 if through_cache else 0.0
        named = {self.site.host_of(a) for a in sample.addresses}
        # At any moment between query and answer: a frozen host answers when it continues.
        if any(all(truth.may_be_named(n, at, extra_s, slack) for n in named)
               for at in (sample.sent, sample.received)):
            return "right"
        other = any(truth.may_be_named(h.name, sample.sent, slack=slack) for h in self.site.servers
                    if h.name not in named)
        return "wrong" if other else "right"


class _Target:
    """One name server: socket, queries, samples."""

    def __init__(self, name, to, questions):
        self.name, self.to = name, to
        self.questions = questions
        self.samples, self.pending, self.number = [], {}, 0
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.setblocking(False)
        self.sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)

    def fileno(self):
        return self.sock.fileno()

    def ask(self):
        for name, kind, packet in self.questions:
            self.number = (self.number + 1) & 0xFFFF
            sample = Sample(self.name, name, kind, time.monotonic())
            self.samples.append(sample)
            self.pending[self.number] = sample
            try:
                self.sock.sendto(struct.pack("!H", self.number) + packet[2:], self.to)
            except OSError:
                pass            # no route: counts as a missing answer

    def receive(self):
        try:
            packet, ancillary, _, _ = self.sock.recvmsg(4096, 64)
            number, rcode, addresses = wire.answer(packet)
        except (OSError, ValueError):
            return
        sample = self.pending.pop(number, None)
        # When it arrived, by the kernel's clock: this program may have waited for a processor since.
        seconds, nanoseconds = struct.unpack("qq", ancillary[0][2])
        at = time.monotonic() - max(0.0, time.time() - seconds - nanoseconds / 1e9)
        if sample is not None and at - sample.sent <= PATIENCE_S:
            sample.received, sample.rcode, sample.addresses = max(at, sample.sent), rcode, tuple(addresses)
            sample.cut, sample.validated = wire.is_cut(packet), wire.is_validated(packet)


class Fetch:
    """One page fetched as a browser does: resolve, connect to the first address, GET."""

    __slots__ = ("at", "name", "address", "page", "error")

    def __init__(self, at, name):
        self.at, self.name = at, name
        self.address = self.page = self.error = None


class Fetcher(Background):
    """Fetches the page of one name through Unbound, repeatedly."""

    def __init__(self, site, name, interval_s=0.2, report=lambda fetch: None):
        super().__init__()
        self.site, self.name, self.interval_s, self.report = site, name, interval_s, report
        self.fetches = []

    def run(self):
        while not self._ending.wait(self.interval_s):
            fetch = self._fetch()
            self.fetches.append(fetch)
            self.report(fetch)

    def failed(self, begin, end=None):
        """The fetches between two moments that failed."""
        return sum(1 for f in self.fetches if begin <= f.at < (end or f.at + 1) and f.error)

    def _fetch(self):
        fetch = Fetch(time.monotonic(), self.name)
        addresses = self.site.asks(self.site.client, self.name, recurse=True, within=2.0)
        if not addresses:
            fetch.error = "no address"
            return fetch
        fetch.address = addresses[0]
        connection = http.client.HTTPConnection(fetch.address, self.site.client.ports.http,
                                                timeout=1.0)
        try:
            connection.request("GET", "/", headers={"Host": self.name})
            response = connection.getresponse()
            fetch.page = response.read().decode(errors="replace").strip()
            if response.status != 200:
                fetch.error = f"HTTP {response.status}"
        except (OSError, http.client.HTTPException) as error:
            fetch.error = type(error).__name__ if not str(error) else str(error)
        finally:
            connection.close()
        return fetch

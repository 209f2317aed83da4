"""users: people who download through Mirrorbits."""

import http.client
import random
import re
import threading
import time

import wire
from background import Background
from mirrorbits import FILE
from programs import until

RATE = 14                   # fetches a second, half of them of a file that nobody has fetched before
SLOW_S = 2.0


def cold_files(count):
    """Names of files that nobody has fetched before."""
    return [f"/pool/cold{i:05d}.iso" for i in range(count)]


class Users(Background):
    """
    Each resolves the name, by a cache that keeps an answer for a second, and fetches a file. With such
    a TTL the resolver asks each second, also a name server that is dead: where `resolving` is False,
    the time that this takes is not judged.
    """

    def __init__(self, site, cold, port):
        super().__init__()
        self.site, self.port, self.fetches, self.running = site, port, [], 0
        self.cold = iter(cold)

    def stop(self):
        super().stop()
        until("the last fetch is over", lambda: self.running == 0, 20)

    def run(self):
        due = time.monotonic()
        while not self._ending.wait(max(0.0, due - time.monotonic())):
            due += 1 / RATE
            path = FILE if random.random() < 0.5 else next(self.cold)
            self.running += 1
            threading.Thread(target=self._fetch, args=(path,), daemon=True).start()

    def _fetch(self, path):
        begin = resolved = time.monotonic()
        host = "-"
        try:
            host = self._resolve()
            resolved = time.monotonic()
            location = self.get(host, path)
        except OSError as error:
            location = repr(error)
        self.fetches.append((begin, resolved, time.monotonic(), path, host, location))
        self.running -= 1

    def _resolve(self):
        client = self.site.client
        for _ in range(2):
            addresses = wire.ask(client.address, client.ports.dns, self.site.zone, "A", True, 2.0)
            if addresses:
                return addresses[0]
        raise OSError("the name is not resolved")

    def get(self, host, path):
        """Where a server sends the user."""
        link = http.client.HTTPConnection(host, self.port, timeout=5)
        try:
            link.request("GET", path, headers={"Host": self.site.zone})
            answer = link.getresponse()
            answer.read()
            return answer.getheader("Location") or f"status {answer.status}"
        except http.client.HTTPException as error:
            raise OSError(repr(error)) from error
        finally:
            link.close()

    def judge(self, begin, end, resolving):
        """(fetches, failed, fallbacks, slow, slowest) of those that began in this time."""
        chosen = [f for f in list(self.fetches) if begin <= f[0] < end]
        good = [f for f in chosen if re.match(r"http://m[12]\.", f[5])]
        fallbacks = [f for f in chosen if re.match(r"http://fallback", f[5])]
        failed = [f for f in chosen if f not in good and f not in fallbacks]
        took = {f: f[2] - f[0 if resolving else 1] for f in chosen}
        return (len(chosen), failed, fallbacks, [f for f in chosen if took[f] > SLOW_S],
                max(took.values(), default=0.0))

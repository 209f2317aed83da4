"""clients: clients that fetch a page: without a cache, with one, and behind a real resolver.

A client resolves a zone's name and fetches the page from the first address. If that fails it tries
the second one, if the answer has one. Both results are kept: of the first try and of both.

    fresh       one every 100 ms, with an empty cache: asks the zone's name servers as a resolver
                does, beginning with any of them, the next one after 0.4 s without an answer
    cached      twenty for each zone, each fetches a page every 2 s; it asks again only when its
                TTL has expired. renew() spreads the expiry of the caches over the whole TTL, as
                among real clients
    Unbound,    a client without a cache of its own behind the real resolver, which has one for all
    BIND

Independent of how a site is built: schemes and resolvers are addresses and names.
"""

import asyncio
import random
import socket
import struct
import threading
import time
from collections import namedtuple

import wire
from background import Background

FRESH_S = 0.1
CACHED, CACHED_S = 20, 2.0
RESOLVER_S = 0.4            # between two fetches behind a real resolver
SERVER_S = 0.4              # without an answer for this long, the next name server is asked
RESOLVER_PATIENCE_S = 2.0
CONNECT_S, PAGE_S = 1.0, 1.0

# first: the page came from the first address. second: from the first or the second one. why: what
# went wrong, if anything.
Fetch = namedtuple("Fetch", "at scheme kind first second why", defaults=("",))


class Crowd(Background):
    """All clients, until stop(). schemes: probe.Scheme; resolvers: {name: (address, port)}."""

    def __init__(self, schemes, resolvers, web_port):
        super().__init__()
        self.schemes, self.resolvers, self.web_port = schemes, resolvers, web_port
        self.fetches = []
        self._caches = []
        self._loop = None
        self._standing = threading.Event()

    def renew(self):
        """Fill the caches before a fault, so that no answer in them is from an earlier fault."""
        self._standing.wait()

        async def fill():
            await asyncio.gather(*(c.fill() for c in self._caches))
        asyncio.run_coroutine_threadsafe(fill(), self._loop).result(10)

    def failed(self, scheme, kind, begin, end, second=False):
        """(failed, all) of the fetches that began between two moments."""
        mine = [f for f in self.fetches
                if begin <= f.at < end and f.scheme == scheme.label and f.kind == kind]
        return sum(not (f.second if second else f.first) for f in mine), len(mine)

    def reasons(self, begin, end):
        """Why fetches that began between two moments failed: a text each."""
        return [f"{f.kind} after {f.at - begin:.2f} s: {f.why}"
                for f in self.fetches if begin <= f.at < end and f.why]

    def run(self):
        asyncio.run(self._main())

    async def _main(self):
        tasks = []
        for scheme in self.schemes:
            ask = Authoritative(scheme)
            tasks.append(self._stream(scheme, "fresh", FRESH_S, lambda a=ask: a.resolve()))
            for name, to in self.resolvers.items():
                resolver = Recursive(scheme, to)
                tasks.append(self._stream(scheme, name, RESOLVER_S, resolver.resolve))
            for _ in range(CACHED):
                self._caches.append(Cache(ask))
                tasks.append(self._stream(scheme, "cached", CACHED_S, self._caches[-1].resolve))
        running = [asyncio.ensure_future(t) for t in tasks]
        self._loop = asyncio.get_running_loop()
        self._standing.set()
        while not self._ending.is_set():
            await asyncio.sleep(0.1)
        for task in running:
            task.cancel()
        for result in await asyncio.gather(*running, return_exceptions=True):
            if isinstance(result, Exception):
                raise result

    async def _stream(self, scheme, kind, interval_s, resolve):
        """Begin a fetch every interval, whether or not the previous one has ended."""
        due = time.monotonic() + random.random() * interval_s
        going = set()
        while True:
            await asyncio.sleep(max(due - time.monotonic(), 0))
            due += interval_s
            task = asyncio.ensure_future(self._fetch(scheme, kind, resolve))
            going.add(task)
            task.add_done_callback(going.discard)

    async def _fetch(self, scheme, kind, resolve):
        at = time.monotonic()
        addresses = await resolve()
        why = await self._page(addresses[0], scheme.zone) if addresses else "no address"
        first = not why
        second = first or len(addresses) > 1 and not await self._page(addresses[1], scheme.zone)
        if why:
            why += f" ({' '.join(addresses) or 'none'}; {time.monotonic() - at:.2f} s)"
        self.fetches.append(Fetch(at, scheme.label, kind, first, second, why))

    async def _page(self, address, host):
        """Fetch the page from an address. Returns why that failed, or ''."""
        loop = asyncio.get_running_loop()
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as sock:
            sock.setblocking(False)
            try:
                async with asyncio.timeout(CONNECT_S):
                    await loop.sock_connect(sock, (address, self.web_port))
                async with asyncio.timeout(PAGE_S):
                    await loop.sock_sendall(
                        sock, f"GET / HTTP/1.0\r\nHost: {host}\r\n\r\n".encode())
                    head = await loop.sock_recv(sock, 4096)
                    return "" if b" 200 " in head else f"answer {head[:40]!r}"
            except (OSError, TimeoutError) as error:
                return f"{type(error).__name__} {error}".strip()


class Authoritative:
    """Asks the zone's own name servers."""

    def __init__(self, scheme):
        self.servers = list(scheme.servers.values())
        self.packet = wire.question(scheme.zone, "A")

    async def resolve(self):
        return (await self.ask())[0]

    async def ask(self):
        """([addresses], TTL) after at most two rounds through the servers."""
        order = random.sample(self.servers, len(self.servers))
        for to in order * 2:
            addresses, ttl_s = await _ask(to, self.packet, SERVER_S)
            if addresses:
                return addresses, ttl_s
        return [], 0


class Recursive:
    """Asks a real resolver."""

    def __init__(self, scheme, to):
        self.to, self.packet = to, wire.question(scheme.zone, "A", recurse=True)

    async def resolve(self):
        return (await _ask(self.to, self.packet, RESOLVER_PATIENCE_S))[0]


class Cache:
    """Keeps an answer until its TTL has expired."""

    def __init__(self, source):
        self.source, self.addresses, self.until = source, [], 0.0

    async def resolve(self):
        if time.monotonic() >= self.until:
            self.addresses, ttl_s = await self.source.ask()
            self.until = time.monotonic() + ttl_s
        return self.addresses

    async def fill(self):
        """As if the answer had been fetched at a random moment of the last TTL."""
        self.addresses, ttl_s = await self.source.ask()
        self.until = time.monotonic() + ttl_s * random.random()


async def _ask(to, packet, patience_s):
    """([addresses], TTL) in one name server's answer; ([], 0) without an answer."""
    loop, number = asyncio.get_running_loop(), struct.pack("!H", random.randrange(65536))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setblocking(False)
        try:
            sock.connect(to)
            async with asyncio.timeout(patience_s):
                await loop.sock_sendall(sock, number + packet[2:])
                while (answer := await loop.sock_recv(sock, 4096))[:2] != number:
                    pass
            return wire.answer(answer)[2], wire.ttl(answer)
        except (OSError, TimeoutError, ValueError):
            return [], 0

#!/usr/bin/env python3
"""redirector: behaves towards Redis and browsers as Mirrorbits does, which Debian does not package.

    redirector.py MIRRORBITS.CONF HOSTNAME

As in Mirrorbits' sources (daemon/cluster.go, database/redis.go, database/pubsub.go,
mirrors/cache.go, http/http.go, http/pagerenderer.go):

- it asks the Sentinels for the Redis master, one after the other, without a password, and checks
the
  master's role; then AUTH, SELECT;
- once a second it publishes "HELLO<RedisDB> <hostname>-<5 digits>" on _mirrorbits_cluster, and it
  subscribes to that channel and to the channels for changed files and mirrors;
- a file is answered by a redirect to a mirror that has it. Replies of Redis are cached until the
  subscription is restored after a loss, so cached files are served without Redis. Without Redis and
  cache it redirects to a fallback, and without fallbacks it answers 503;
- PATH?stats always needs Redis: 500 without it;
- redirects are counted in the hashes STATS_*, twice a second.

Left out: geography, scanning of mirrors, pages. A read fails after 5 s instead of 300 s: after the
loss of the master's host Mirrorbits is silent for minutes, and tests should not wait that long.
"""

import collections
import http.server
import random
import re
import socket
import sys
import threading
import time
from types import SimpleNamespace

CHANNELS = ["_mirrorbits_cluster", "_mirrorbits_file_update", "_mirrorbits_mirror_update",
            "_mirrorbits_mirror_file_update"]
CONNECT_S, READ_S, COUNT_S = 0.2, 5, 0.5


class Gone(Exception):
    """Redis cannot be reached or returned an error."""


def read_conf(path):
    """The keys of a mirrorbits.conf that are used here."""
    conf = SimpleNamespace(ListenAddress=":8080", RedisAddress="", RedisPassword="", RedisDB="0",
                           RedisSentinelMasterName="", sentinels=[], fallbacks=[])
    for line in open(path, encoding="utf-8"):
        key, _, value = (part.strip() for part in line.strip().lstrip("- ").partition(":"))
        if key == "Host":
            conf.sentinels.append(value)
        elif key == "URL":
            conf.fallbacks.append(value)
        elif value and hasattr(conf, key):
            setattr(conf, key, value)
    return conf


class Link:
    """One connection to a Redis or a Sentinel (RESP 2)."""

    def __init__(self, address):
        host, _, port = address.rpartition(":")
        self.sock = socket.create_connection((host, int(port)), timeout=CONNECT_S)
        self.sock.settimeout(READ_S)
        self.file = self.sock.makefile("rb")

    def close(self):
        self.file.close()
        self.sock.close()

    def send(self, *words):
        data = [str(word).encode() for word in words]
        self.sock.sendall(b"*%d\r\n" % len(data)
                          + b"".join(b"$%d\r\n%s\r\n" % (len(d), d) for d in data))

    def reply(self):
        line = self.file.readline()
        if not line.endswith(b"\r\n"):
            raise Gone("closed")
        kind, rest = line[:1], line[1:-2]
        if kind == b"-":
            raise Gone(rest.decode(errors="replace"))
        if kind == b"+":
            return rest.decode()
        if kind == b":":
            return int(rest)
        if int(rest) < 0:
            return None
        if kind == b"$":
            return self.file.read(int(rest) + 2)[:-2].decode(errors="replace")
        return [self.reply() for _ in range(int(rest))]

    def do(self, *words):
        self.send(*words)
        return self.reply()


class Database:
    """The connection for commands; opened again after an error."""

    def __init__(self, conf):
        self.conf, self.link, self.lock = conf, None, threading.Lock()

    def connect(self):
        for sentinel in self.conf.sentinels:
            try:
                link = Link(sentinel)
                try:
                    if link.do("ROLE")[0] != "sentinel":
                        continue
                    master = link.do("SENTINEL", "get-master-addr-by-name",
                                     self.conf.RedisSentinelMasterName)
                finally:
                    link.close()
                return self.login(":".join(master))
            except (OSError, Gone, TypeError):
                continue
        if not self.conf.RedisAddress:
            raise Gone("no redis master available")
        return self.login(self.conf.RedisAddress)

    def login(self, address):
        link = Link(address)
        try:
            if self.conf.RedisPassword:
                link.do("AUTH", self.conf.RedisPassword)
            link.do("SELECT", self.conf.RedisDB)
            if link.do("ROLE")[0] != "master":
                raise Gone(f"{address} is not a master")
        except (OSError, Gone):
            link.close()
            raise
        return link

    def do(self, *words):
        with self.lock:
            try:
                self.link = self.link or self.connect()
                return self.link.do(*words)
            except (OSError, Gone) as error:
                if self.link:
                    self.link.close()
                self.link = None
                raise Gone(str(error)) from error


class Mirrorbits:
    """The announcements, the subscription that controls the cache, the choice of a mirror."""

    def __init__(self, conf, hostname):
        self.conf = conf
        self.database = Database(conf)
        self.hello = f"HELLO{conf.RedisDB} {hostname}-{random.randrange(32000):05d}"
        self.cache = {}
        self.counts = collections.Counter()

    def announce(self):
        while True:
            time.sleep(1)
            try:
                self.database.do("PUBLISH", CHANNELS[0], self.hello)
            except Gone as error:
                print(f"not announced: {error}", flush=True)

    def listen(self):
        while True:
            try:
                link = self.database.connect()
                link.sock.settimeout(None)
                link.send("SUBSCRIBE", *CHANNELS)
                self.cache.clear()
                while True:
                    link.reply()
            except (OSError, Gone) as error:
                print(f"pubsub disconnected: {error}", flush=True)
                time.sleep(0.5)

    def ask(self, *words):
        """A reply of Redis, from the cache if it is there."""
        if words not in self.cache:
            self.cache[words] = self.database.do(*words)
        return self.cache[words]

    def choose(self, path):
        """The URL of a mirror that has the file, else of a fallback, else None."""
        try:
            self.ask("HMGET", f"FILE_{path}", "size", "modTime", "sha1", "sha256", "md5")
            for number in sorted(self.ask("SMEMBERS", f"FILEMIRRORS_{path}")):
                fields = self.ask("HGETALL", f"MIRROR_{number}")
                mirror = dict(zip(fields[::2], fields[1::2]))
                if mirror.get("enabled") == "true" and mirror.get("up") == "true":
                    self.counts[path, number] += 1
                    return mirror["http"] + path.lstrip("/")
        except Gone as error:
            print(f"no database: {error}", flush=True)
        return self.conf.fallbacks[0] + path.lstrip("/") if self.conf.fallbacks else None

    def count(self):
        while True:
            time.sleep(COUNT_S)
            day = time.strftime("%Y_%m_%d", time.gmtime())
            for (path, number), times in list(self.counts.items()):
                try:
                    self.database.do("HINCRBY", f"STATS_FILE_{day}", path, times)
                    self.database.do("HINCRBY", f"STATS_MIRROR_{day}", number, times)
                    self.counts[path, number] -= times
                except Gone:
                    break


def handler_of(mirrorbits):
    class Handler(http.server.BaseHTTPRequestHandler):
        server_version, sys_version = "Mirrorbits/stand-in", ""

        def answer(self, code, location=None):
            self.send_response(code)
            if location:
                self.send_header("Location", location)
                self.send_header("Cache-Control", "private, no-cache")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def do_GET(self):
            path, _, query = self.path.partition("?")
            if query == "stats":
                try:
                    mirrorbits.database.do("HGET", time.strftime("STATS_FILE_%Y_%m_%d"), path)
                    self.answer(200)
                except Gone:
                    self.answer(500)
            elif not re.fullmatch(r"/pool/[a-z0-9.]+", path):
                self.answer(404)
            else:
                location = mirrorbits.choose(path)
                self.answer(302 if location else 503, location)

        def log_message(self, *_):
            pass

    return Handler


def main(conf_path, hostname):
    conf = read_conf(conf_path)
    mirrorbits = Mirrorbits(conf, hostname)
    host, _, port = conf.ListenAddress.rpartition(":")
    server = http.server.ThreadingHTTPServer((host, int(port)), handler_of(mirrorbits))
    server.daemon_threads = True
    for loop in (mirrorbits.announce, mirrorbits.listen, mirrorbits.count):
        threading.Thread(target=loop, daemon=True).start()
    server.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])

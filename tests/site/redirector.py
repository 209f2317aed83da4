#!/usr/bin/env python3
"""redirector: behaves towards Redis and users as Mirrorbits does, which Debian does not package.

    redirector.py MIRRORBITS.CONF HOSTNAME

What it does, where in Mirrorbits' sources, and by which test it was seen: `tests/lab/test_redirector.py`
(R), `tests/lab/test_downloads.py` (D). These tests, and `tests/lab/test_mirrorbits.py`, pass with this
program and, with MIRRORBITS=program, with v0.6.1 and with 7357f8c (February 2026). "read": only read
in the sources.

| what | source | seen by |
| --- | --- | --- |
| the master is asked of one Sentinel after the other, without a password; then AUTH, SELECT, ROLE | database/redis.go | R the master is found by any sentinel |
| a pool keeps up to ten connections and sends PING before each use | database/redis.go | R a pool keeps ten connections |
| connecting may take 0.2 s, a read 300 s | database/redis.go | read |
| HELLO<RedisDB> <hostname>-<5 digits> once a second on _mirrorbits_cluster | daemon/cluster.go | R each announces itself |
| on the old connection, and so not at all, while it is dead and open | daemon/cluster.go | D without locum-unstick |
| a GET is counted, also one that reaches a fallback; a HEAD, ?stats, ?mirrorstats and the folder / are not | http/http.go, http/stats.go | R a get is counted |
| counts wait in a queue of 1,000 and are saved twice a second; while that hangs on a dead connection the queue fills up, and then no GET is answered, but HEAD is | http/stats.go | D without locum-unstick |
| what was asked once is answered from the cache: without Redis, and after FLUSHALL, until a message names it, or the subscription was lost and is restored | mirrors/cache.go | R what was asked once, R without redis |
| without Redis a file that is not in the cache is redirected to a fallback | http/http.go | R without redis |
| without mirrors and fallbacks: 503 | http/http.go | R reloading |
| PATH?stats is 200 and JSON, and 500 without Redis | http/http.go | R a get is counted, R without redis |
| /?mirrorstats is 200 with the names of all mirrors, 500 without Redis, without names after FLUSHALL | http/http.go | R what was asked once, R without redis |
| a file that is not in the repository: 404 with the text "Not Found"; one that is not in the index, as /: a fallback | http/http.go | R a file outside the repository |
| SIGTERM: it ends at once, with code 0 | main.go | R sigterm |
| SIGHUP: a file that is not YAML or has a key twice, a value of the wrong type, an unknown OutputMode or no Repository changes nothing | config/config.go | R reloading |
| SIGHUP: other Fallbacks and another Repository hold at once | config/config.go | R reloading |
| SIGHUP: with another ListenAddress it serves neither the old nor the new one, and goes on announcing itself | main.go, http/http.go | R another address |
| SIGHUP: without its templates it ends; at start too, where this program needs none | http/http.go | R missing templates |

Left out: geography, scanning, health checks of mirrors, other pages. A repository that does not
exist has every file.
"""

import collections
import contextlib
import http.server
import json
import posixpath
import queue
import random
import signal
import socket
import sys
import threading
import time
from http import HTTPStatus
from pathlib import Path
from types import SimpleNamespace

CLUSTER, FILE_UPDATE, MIRROR_UPDATE, MIRROR_FILE_UPDATE = CHANNELS = [
    "_mirrorbits_cluster", "_mirrorbits_file_update", "_mirrorbits_mirror_update",
    "_mirrorbits_mirror_file_update"]
CONNECT_S, READ_S = 0.2, 300
IDLE = 10                       # connections that the pool keeps
KEEP_S = 10                     # a connection of a user without a request
ANNOUNCE_S, COUNT_S, QUEUE = 1, 0.5, 1000
RECONNECT_S = 0.5
SIGNALS = [signal.SIGHUP, signal.SIGTERM]


class Gone(Exception):
    """Redis cannot be reached or returned an error."""


def read_conf(path):
    """The keys of a mirrorbits.conf that are used here; ValueError: Mirrorbits would refuse it."""
    conf = SimpleNamespace(Repository="", ListenAddress=":8080", RedisAddress="", RedisPassword="",
                           RedisDB="0", RedisSentinelMasterName="", OutputMode="auto", Templates="",
                           sentinels=[], fallbacks=[])
    keys = set()
    for line in Path(path).read_text(encoding="utf-8").splitlines():
        key, colon, value = (part.strip() for part in line.strip().lstrip("- ").partition(":"))
        if not key and colon or not colon and key and key[0] != "#":
            raise ValueError(f"{path}: not YAML: {line.strip()}")
        if colon and line[0] not in " -#":
            if key in keys:
                raise ValueError(f"{path}: {key} is there twice")
            keys.add(key)
        if key in ("Host", "URL") and not line.lstrip().startswith("- "):
            raise ValueError(f"{path}: not a list: {line.strip()}")
        if key == "Host":
            conf.sentinels.append(value)
        elif key == "URL":
            conf.fallbacks.append(value if value.endswith("/") else value + "/")
        elif value and hasattr(conf, key):
            setattr(conf, key, value.strip('"'))
    if not conf.Repository:
        raise ValueError("Path to local repository not configured (see mirrorbits.conf)")
    if conf.OutputMode not in ("auto", "json", "redirect"):
        raise ValueError("OutputMode can only be set to 'auto', 'json' or 'redirect'")
    return conf


class Link:
    """One connection to a Redis or a Sentinel (RESP 2)."""

    def __init__(self, address, read_s=READ_S):
        host, _, port = address.rpartition(":")
        self.sock = socket.create_connection((host, int(port)), timeout=CONNECT_S)
        self.sock.settimeout(read_s)
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


class Pool:
    """Connections to the master. Every user of one waits for its own alone."""

    def __init__(self, conf):
        self.conf, self.idle = conf, collections.deque()

    def connect(self):
        """A new connection to the master that a Sentinel names."""
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
                return self._login(":".join(master))
            except (OSError, Gone, TypeError):
                continue
        if not self.conf.RedisAddress:
            raise Gone("no redis master available")
        return self._login(self.conf.RedisAddress)

    def _login(self, address):
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

    def take(self):
        """The connection that was used last, if it answers PING, else the one before, else new."""
        while True:
            try:
                link = self.idle.pop()
            except IndexError:
                return self.connect()
            try:
                link.do("PING")
                return link
            except (OSError, Gone):
                link.close()

    @contextlib.contextmanager
    def link(self):
        """A connection that is kept afterwards, unless it fails. Gone: whatever failed."""
        link = None
        try:
            link = self.take()
            yield link
        except (OSError, Gone) as error:
            if link:
                link.close()
            raise Gone(str(error)) from error
        if len(self.idle) < IDLE:
            self.idle.append(link)
        else:
            link.close()

    def do(self, *words):
        with self.link() as link:
            return link.do(*words)


class Cache:
    """Replies of Redis about files and mirrors, by their keys."""

    def __init__(self, pool):
        self.pool, self.replies, self.messages = pool, {}, 0

    def ask(self, *words):
        reply, messages = self.replies.get(words), self.messages
        if reply is None:
            reply = self.pool.do(*words)
            if messages == self.messages:       # else one may have been about this reply
                self.replies[words] = reply
        return reply

    def file(self, path):
        return self.ask("HMGET", f"FILE_{path}", "size", "modTime", "sha1", "sha256", "md5")

    def mirror(self, number):
        fields = self.ask("HGETALL", f"MIRROR_{number}")
        return dict(zip(fields[::2], fields[1::2]))

    def mirrors(self, path):
        """The mirrors that have a file of the same size."""
        size = self.file(path)[0]
        found = [(number, self.mirror(number)) for number in self.ask("SMEMBERS",
                                                                       f"FILEMIRRORS_{path}")]
        return [(number, mirror) for number, mirror in found
                if self.ask("HMGET", f"FILEINFO_{number}_{path}", "size")[0] == size]

    def forget_all(self):
        self.messages += 1
        self.replies.clear()

    def forget(self, channel, text):
        """A message says that these keys have changed."""
        self.messages += 1
        keys = {FILE_UPDATE: [f"FILE_{text}"], MIRROR_UPDATE: [f"MIRROR_{text}"]}.get(channel, [])
        if channel == MIRROR_FILE_UPDATE:
            number, _, path = text.partition(" ")
            keys = [f"FILEMIRRORS_{path}", f"FILEINFO_{number}_{path}"]
        for words in [w for w in list(self.replies) if w[1] in keys] if keys else []:
            self.replies.pop(words, None)


class Mirrorbits:
    """The loops beside the web server, and what it answers."""

    def __init__(self, conf, hostname):
        self.conf, self.pool = conf, Pool(conf)
        self.cache = Cache(self.pool)
        self.hello = f"HELLO{conf.RedisDB} {hostname}-{random.randrange(32000):05d}"
        self.counts, self.unsaved = queue.Queue(QUEUE), collections.Counter()

    def announce(self):
        while True:
            time.sleep(ANNOUNCE_S)
            try:
                self.pool.do("PUBLISH", CLUSTER, self.hello)
            except Gone as error:
                print(f"not announced: {error}", flush=True)

    def listen(self):
        """The subscription. What was cached meanwhile may be outdated when it is restored."""
        lost = False
        while True:
            try:
                with self.pool.link() as link:
                    link.send("SUBSCRIBE", *CHANNELS)
                    if lost:
                        self.cache.forget_all()
                    lost = True
                    while True:
                        kind, *rest = link.reply()
                        if kind == "message":
                            self.cache.forget(*rest)
            except Gone as error:
                print(f"pubsub disconnected: {error}", flush=True)
                time.sleep(RECONNECT_S)

    def count(self):
        """Takes the counts from the queue, except while it saves."""
        due = time.monotonic() + COUNT_S
        while True:
            try:
                path, number = self.counts.get(timeout=max(due - time.monotonic(), 0.001))
                day = time.strftime("%Y_%m_%d", time.gmtime())
                for kind, field in (("FILE", path), ("MIRROR", number)):
                    for last in (10, 7, 4):     # of the day, the month, the year
                        self.unsaved[f"STATS_{kind}_{day[:last]}", field] += 1
                    self.unsaved[f"STATS_{kind}", field] += 1
            except queue.Empty:
                pass
            if time.monotonic() >= due:
                self._save()
                due = time.monotonic() + COUNT_S

    def _save(self):
        if not self.unsaved:
            return
        try:
            with self.pool.link() as link:
                link.send("MULTI")
                for (key, field), times in self.unsaved.items():
                    link.send("HINCRBY", key, field, times)
                link.send("EXEC")
                for _ in range(len(self.unsaved) + 2):
                    link.reply()
            self.unsaved.clear()
        except Gone as error:
            print(f"counts not saved: {error}", flush=True)

    def file_of(self, path):
        """
        The path of a file or folder of the repository in the index, None if it has none. A
        repository that does not exist has every file.
        """
        path = posixpath.normpath(path).rstrip("/")         # "" is the repository itself
        repository = Path(self.conf.Repository)
        if not repository.is_dir() or repository.joinpath(path.lstrip("/")).exists():
            return path
        return None

    def choose(self, path):
        """(number, URL) of a mirror that has the file, else of a fallback, else None."""
        try:
            mirrors = [(number, mirror) for number, mirror in self.cache.mirrors(path)
                       if mirror.get("enabled") == "true" and mirror.get("httpUp") == "true"]
            if mirrors and self.cache.file(path)[1]:
                number, mirror = random.choice(mirrors)
                return number, mirror["http"] + path.lstrip("/")
        except (Gone, KeyError) as error:
            print(f"no database: {error}", flush=True)
        return ("0", self.conf.fallbacks[0] + path.lstrip("/")) if self.conf.fallbacks else None

    def statistics(self, path):
        """Of today, this month, this year, and all."""
        day = time.strftime("STATS_FILE_%Y_%m_%d")
        keys = {"Today": day, "Month": day[:-3], "Year": day[:-6], "Total": day[:-11]}
        with self.pool.link() as link:
            return json.dumps({word: int(link.do("HGET", key, path) or 0)
                               for word, key in keys.items()}, indent=4)

    def mirror_statistics(self):
        """The list comes over a new connection, the rest from the pool and the cache."""
        link = self.pool.connect()
        try:
            numbers = link.do("HGETALL", "MIRRORS")[::2]
        finally:
            link.close()
        with self.pool.link() as link:
            link.do("HMGET", time.strftime("STATS_MIRROR_%Y_%m_%d", time.gmtime()), "", *numbers)
        mirrors = [self.cache.mirror(number) for number in numbers]
        return "\n".join(f"<td>{m['name']}</td>" for m in mirrors if "name" in m)


def handler_of(mirrorbits):
    class Handler(http.server.BaseHTTPRequestHandler):
        server_version, sys_version = "Mirrorbits/stand-in", ""
        protocol_version, disable_nagle_algorithm, timeout = "HTTP/1.1", True, KEEP_S

        def answer(self, code, text=None, location=None):
            if text is None:
                text = "" if location else HTTPStatus(code).phrase + "\n"
            self.send_response(code)
            if location:
                self.send_header("Location", location)
                self.send_header("Cache-Control", "private, no-cache")
            self.send_header("Content-Length", str(len(text.encode())))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(text.encode())

        def do_GET(self):
            path, _, query = self.path.partition("?")
            if query in ("stats", "mirrorstats"):
                try:
                    self.answer(200, mirrorbits.statistics(path) if query == "stats"
                                else mirrorbits.mirror_statistics())
                except (Gone, OSError) as error:
                    self.answer(500, f"{error}\n")
                return
            file = mirrorbits.file_of(path)
            if file is None:
                self.answer(404)
                return
            number, location = mirrorbits.choose(file) or (None, None)
            if location and file and self.command == "GET":
                mirrorbits.counts.put((file, number))
            self.answer(302 if location else 503, location=location)

        do_HEAD = do_GET

        def log_message(self, *_):
            pass

    return Handler


class Server(http.server.ThreadingHTTPServer):
    """With a backlog as in Go, since each fetch is a new connection."""

    request_queue_size, daemon_threads = 1024, True


def serve(conf_path, mirrorbits):
    """Serves until SIGTERM; SIGHUP reads the configuration again."""
    host, _, port = mirrorbits.conf.ListenAddress.rpartition(":")
    server = Server((host, int(port)), handler_of(mirrorbits))
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    while signal.sigwait(SIGNALS) == signal.SIGHUP:
        try:
            conf = read_conf(conf_path)
        except ValueError as error:
            print(f"SIGHUP Received: {error}", flush=True)
            continue
        print("SIGHUP Received: Reloading configuration...", flush=True)
        moved = conf.ListenAddress != mirrorbits.conf.ListenAddress
        mirrorbits.conf = mirrorbits.pool.conf = conf
        if moved:
            server.shutdown()
            server.server_close()
        if conf.Templates and not Path(conf.Templates, "base.html").exists():
            sys.exit(f"Cannot load template {conf.Templates}/base.html")


def main(conf_path, hostname):
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    mirrorbits = Mirrorbits(read_conf(conf_path), hostname)
    for loop in (mirrorbits.announce, mirrorbits.listen, mirrorbits.count):
        threading.Thread(target=loop, daemon=True).start()
    serve(conf_path, mirrorbits)


if __name__ == "__main__":
    main(*sys.argv[1:])

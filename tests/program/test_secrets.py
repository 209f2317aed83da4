#!/usr/bin/python3
"""No secret of a configuration is in anything a coordinator says, whatever its servers answer.

Case A: "An AUTH error of the server repeats the arguments". Hostile Redis servers and Sentinels know
every secret (a real one knows those it was sent) and put them into all that they say.
"""

import contextlib
import itertools
import os
import socket
import socketserver
import ssl
import subprocess
import sys
import tempfile
import threading
import time

sys.dont_write_bytecode = True
sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../self"))
import alone
import cases

REDIS, SENTINEL, PORTS = "correct-horse+Battery", "st4ple sentinel!", []    # free ports
CLUSTER = bytes(range(32)).hex()
SITES = [f"127.0.1.{number}" for number in range(1, 13)]
ROLE = b"*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n"


def make_key():
    """A key, and its certificate for x.example.org."""
    with tempfile.TemporaryDirectory() as folder:
        key, cert = os.path.join(folder, "key"), os.path.join(folder, "cert")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key,
                        "-out", cert, "-days", "2", "-subj", "/CN=x", "-addext",
                        "subjectAltName=DNS:x.example.org"], check=True, stderr=subprocess.DEVNULL)
        with open(key, encoding="ascii") as one, open(cert, encoding="ascii") as two:
            return one.read(), two.read()


KEY, CERT = make_key()
SECRETS = [REDIS, SENTINEL, CLUSTER, CLUSTER.upper()] + KEY.splitlines()[1:-2]


def bulk(*words):
    return b"*%d\r\n" % len(words) + b"".join(
        b"$%d\r\n%s\r\n" % (len(word), word) for word in (w.encode() for w in words))


def listing(host, flags="slave", epoch=1):
    return bulk("name", host, "ip", host, "port", str(PORTS[0]), "flags", flags, "config-epoch",
                str(epoch))


def plain(words):
    """What a server answers that does as it should."""
    name = " ".join(words[:2]).upper()
    epoch = time.monotonic_ns() // 300000000    # failovers all the time, so that nobody waits
    if name.startswith("SENTINEL GET"):
        return bulk(SITES[epoch % len(SITES)], str(PORTS[0]))
    if name.startswith("SENTINEL MASTER"):
        return listing(SITES[epoch % len(SITES)], "master", epoch)
    if name.startswith("SENTINEL"):
        return b"*0\r\n"
    if name.startswith("INFO"):
        return b"$17\r\nsentinel_tilt:0\r\n\r\n"
    if name.startswith("SUBSCRIBE"):
        return b"*3\r\n$9\r\nsubscribe\r\n$%d\r\n%s\r\n:1\r\n" % (len(words[1]), words[1].encode())
    return ROLE if name == "ROLE" else b":1\r\n" if words[0] in ("PUBLISH", "HSET") else b"+OK\r\n"


def error(code, secret):
    return f"-{code} with args beginning with: 'user' '{secret}' '{secret}'\r\n".encode()


def only(command, *codes):
    """An error, or several, to one command; all others are answered."""
    return lambda words, secret: b"".join(error(code, secret) for code in codes) \
        if words[0] == command else plain(words)


def pushes(words, secret):
    reply = plain(words)
    if words[0] == "SUBSCRIBE":
        reply += bulk("message", words[1], secret) + \
            bulk("message", "_mirrorbits_cluster", f"HELLO0 {secret}-12345") + \
            bulk("message", "_mirrorbits_cluster", f"HELLO0 dc2-12345")
    return reply


def names(words, secret):
    """Sentinels name hosts and masters."""
    if words[0] != "SENTINEL":
        return plain(words)
    if words[1] == "GET-MASTER-ADDR-BY-NAME":
        return bulk(secret, "6379")
    return listing(secret) if words[1] == "MASTER" else b"*1\r\n" + listing(secret)


def no_master(words, secret):
    if words[:2] == ["SENTINEL", "GET-MASTER-ADDR-BY-NAME"]:
        return b"*-1\r\n"
    return b"*1\r\n" + listing(secret) if words[0] == "SENTINEL" else plain(words)


CODES = ("ERR unknown command", "NOAUTH", "WRONGPASS", "NOPERM", "MISCONF", "OTHER")
MODES = [only("AUTH", code) for code in CODES] + \
    [only("AUTH", "OK", "ERR", "ERR", "ERR")] + \
    [only(command, code) for code in ("ERR", "NOPERM") for command in
     ("CLIENT", "ROLE", "SELECT", "SUBSCRIBE", "PUBLISH", "HSET", "XADD", "SENTINEL", "INFO")] + \
    [lambda words, secret: error("ERR", secret), pushes, names, no_master,
     lambda words, secret: b">2\r\n+x\r\n+" + secret.encode() + b"\r\n",
     lambda words, secret: secret.encode() + b"\r\n",
     lambda words, secret: b"+" + secret.encode() + b"\r\n"]


PAIRS = [(mode, " ".join(SECRETS[:3])) for mode in MODES] + \
    list(itertools.product((pushes, names, no_master), SECRETS[:4])) + \
    [(MODES[0], line) for line in SECRETS[4:8]]


class Hostile(socketserver.ThreadingTCPServer):
    """Each connection gets the next of all pairs of a way to answer and a secret."""
    allow_reuse_address, daemon_threads, request_queue_size = True, True, 64
    tls, seen, lock = None, [], threading.Lock()

    def __init__(self):
        super().__init__(("", 0), Session)
        self.count, self.pairs = 0, itertools.cycle(PAIRS)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, *_):
        pass

    def close(self):
        self.shutdown()
        self.server_close()


class Session(socketserver.StreamRequestHandler):
    timeout = 20

    def setup(self):
        if Hostile.tls:
            self.request = Hostile.tls.wrap_socket(self.request, server_side=True)
        super().setup()

    def hang_up(self):
        with contextlib.suppress(OSError):
            self.request.shutdown(socket.SHUT_RDWR)

    def handle(self):
        with Hostile.lock:
            mode, secret = next(self.server.pairs)
            self.server.count += 1
        threading.Timer(0.5, self.hang_up).start()
        while line := self.rfile.readline():
            words = []
            for _ in range(int(line[1:])):
                length = int(self.rfile.readline()[1:])
                words.append(self.rfile.read(length + 2)[:-2].decode())
            if words[0] != "AUTH":
                Hostile.seen.append(" ".join(words))
            self.wfile.write(mode(words, secret))


def configuration():
    text = alone.CONFIG.replace('redis: "{host}:16379", sentinel: "{host}:16380"',
                                f'redis: "127.0.0.1:{PORTS[0]}", sentinel: "127.0.0.1:{PORTS[1]}"')
    sites = "".join(f'  s{at}: {{{{address: [{host}], port: 19853, redis: "{host}:{PORTS[0]}", '
                    f'sentinel: "{host}:{PORTS[1]}"}}}}\n' for at, host in enumerate(SITES))
    return text.replace("zones:\n", sites + "zones:\n")


def judge(tls):
    Hostile.seen, Hostile.tls = [], None
    files = {"redis-password": REDIS + "\n", "sentinel-password": SENTINEL + "\n", "key": KEY,
             "cert": CERT, "both": KEY + CERT}
    more = "redis:\n  user: locum\n  password-file: redis-password\n  timeout: 300ms\n" \
           "  sentinel-user: locum\n  sentinel-password-file: sentinel-password\n"
    if tls:
        more += "  tls: {ca-file: cert, cert-file: cert, key-file: key, name: x.example.org}\n"
        Hostile.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with tempfile.NamedTemporaryFile("w") as file:
            file.write(KEY + CERT)
            file.flush()
            Hostile.tls.load_cert_chain(file.name)
    servers = [Hostile(), Hostile()]
    PORTS[:] = [server.server_address[1] for server in servers]
    try:
        with alone.Alone(configuration(), more, files) as it:
            said = []

            def look():
                said.append("\n".join(it.get(path) for path in PATHS))
                commands = {line.split()[0].upper() for line in Hostile.seen}
                return {"HSET", "XADD"} <= commands and \
                    all(server.count >= len(PAIRS) + 10 for server in servers)

            it.until("all ways to answer are tried", look, 25)
            said.append(it.text())
            with open(os.path.join(it.folder, "get.state"), encoding="utf-8") as file:
                said.append(file.read())
            check(it.text(), "\n".join(said + Hostile.seen).lower())
    finally:
        for server in servers:
            server.close()


def check(log, said):
    assert "***" in log, f"nothing was hidden: {log}"
    assert "hset locum:get:node:dc2" in said and "xadd locum:get:events" in said
    for secret in SECRETS:
        for part in (secret, secret[:12]):
            at = said.find(part.lower())
            assert at < 0, f"{part}: {said[max(at - 200, 0):at + 100]}"


PATHS = ("/status", "/events", "/history", "/metrics", "/healthz", "/explain?name=get.example.org")


def test_an_auth_error_of_the_server_repeats_the_arguments():
    judge(False)


def test_the_same_with_tls_and_key_files():
    judge(True)


cases.run(globals())

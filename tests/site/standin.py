#!/usr/bin/env python3
"""standin: imitates a coordinator of another version: it exchanges heartbeats with its peers.

    standin.py CLUSTER NAME SECRET-FILE ADDRESS:PORT STYLE PEER=ADDRESS:PORT ...

STYLE is `old` (only the frozen fields) or `new` (fields and state codes that this version does not
know). It receives its peers' heartbeats by UDP, acknowledges them and sends a state code for each:
u, a, or s after a second without a heartbeat. Ends when it is killed.
"""

import hashlib
import hmac
import select
import socket
import sys
import time

INTERVAL_S, TIMEOUT_S = 0.125, 1.0


class Peer:
    def __init__(self, name, where):
        host, port = where.rsplit(":", 1)
        self.name, self.to = name, (host, int(port))
        self.acked = (0, 0)     # its highest incarnation and number
        self.heard = None
        self.digest = "00000000"

    def state_code(self, style, now):
        if self.heard is None:
            return "u"
        if now - self.heard >= TIMEOUT_S:
            return "s"
        return "q" if style == "new" else "a"       # q: a code of a later version


class StandIn:
    def __init__(self, cluster, name, secret_file, own, style, *peers):
        self.cluster, self.name, self.style = cluster, name, style
        with open(secret_file, encoding="ascii") as file:
            self.key = bytes.fromhex(file.readline().strip())
        self.peers = {n: Peer(n, where) for n, where in (p.split("=") for p in peers)}
        self.incarnation, self.seq = int(time.time() * 1000), 0
        host, port = own.rsplit(":", 1)
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind((host, int(port)))

    def seal(self, text):
        return hmac.new(self.key, text, hashlib.sha256).hexdigest().encode()

    def hear(self, line):
        text, _, seal = line.rpartition(b" hmac=")
        if not hmac.compare_digest(self.seal(text), seal):
            return
        words = text.decode().split(" ")
        peer = self.peers.get(words[2])
        if words[:2] != ["locum1", self.cluster] or peer is None:
            return
        peer.acked = max(peer.acked, (int(words[3]), int(words[4])))
        peer.digest = words[10]
        acks = dict(word.split("=", 1) for word in words[11:])
        if acks.get(self.name, "").startswith(f"{self.incarnation},"):
            peer.heard = time.monotonic()

    def text(self, to):
        now = time.monotonic()
        # Uses the digest of the peers: the upgrade did not change the configuration.
        digest = next(iter(self.peers.values())).digest
        words = ["locum1", self.cluster, self.name, self.incarnation, self.seq,
                 int(INTERVAL_S * 1000), "up", "ready", "-", int(time.time() * 1000), digest]
        for peer in self.peers.values():
            number = f"{peer.acked[0]},{peer.acked[1]}" if peer is to else ","
            words.append(f"{peer.name}={number},{peer.state_code(self.style, now)}")
        if self.style == "new":
            words += ["x-version=99.1.0", "x-colour=blue", "x-empty="]
        return " ".join(map(str, words)).encode()

    def run(self):
        due = time.monotonic()
        while True:
            if select.select([self.sock], [], [], max(due - time.monotonic(), 0))[0]:
                try:
                    self.hear(self.sock.recv(4096))
                except OSError:
                    pass            # a peer that does not run refuses
            if time.monotonic() >= due:
                due = time.monotonic() + INTERVAL_S
                self.seq += 1
                for peer in self.peers.values():
                    text = self.text(peer)
                    try:
                        self.sock.sendto(text + b" hmac=" + self.seal(text), peer.to)
                    except OSError:
                        pass


if __name__ == "__main__":
    StandIn(*sys.argv[1:]).run()

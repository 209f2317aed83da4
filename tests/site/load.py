#!/usr/bin/env python3
"""load: sends one name server queries at a fixed rate and counts those without an answer.

    load.py ADDRESS PORT NAME QUERIES_PER_SECOND

Prints "ready" after the first answer, or ends after 5 s without one. Ends at the end of its
standard input and then prints a line of JSON: sent, lost, gap_s (the longest time without an
answer), answers (how often which addresses), ttls (those that answers had).
"""

import json
import select
import socket
import struct
import subprocess
import sys
import time

sys.dont_write_bytecode = True

import wire                                         # noqa: E402

PATIENCE_S = 1.0
READY = 100         # answers
READY_S = 5.0


class Load:
    """Runs the program during a test: `with Load(...) as load: ...`, then load.result."""

    def __init__(self, address, port, name, rate):
        self.words = [sys.executable, __file__, address, str(port), name, str(rate)]
        self.result = None

    def __enter__(self):
        self.process = subprocess.Popen(self.words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        if self.process.stdout.readline() != b"ready\n":
            raise OSError(f"{' '.join(self.words[1:])}: no answers")
        return self

    def __exit__(self, kind, *_):
        if kind is not None:
            self.process.kill()
        out, _ = self.process.communicate()
        self.result = json.loads(out) if kind is None else None


def main(address, port, name, rate):
    packet = wire.question(name, "A")[2:]
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.connect((address, port))
    sock.setblocking(False)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    sent_at, sent, answered, lost, gap_s = {}, 0, 0, 0, 0.0
    answers, ttls = {}, set()
    begin = last = time.monotonic()
    ending = None
    while ending is None or sent_at and time.monotonic() - ending < PATIENCE_S:
        now = time.monotonic()
        if answered < READY and now - begin > READY_S:
            sys.exit(1)
        if ending is None:
            for _ in range(int((now - begin) * rate) - sent):
                number = sent & 0xFFFF
                lost += number in sent_at       # sent 65536 queries ago and not answered
                sent_at[number] = now
                sent += 1
                try:
                    sock.send(struct.pack("!H", number) + packet)
                except OSError:
                    pass
        ready, _, _ = select.select([sock] + ([sys.stdin] if ending is None else []), [], [], 0.001)
        if sys.stdin in ready and not sys.stdin.buffer.read1(1):
            ending = time.monotonic()
        while sock in ready:
            try:
                data = sock.recv(4096)
                number, rcode, addresses = wire.answer(data)
            except BlockingIOError:
                break
            except (OSError, ValueError):
                continue
            if sent_at.pop(number, None) is not None and rcode == 0 and addresses:
                answered += 1
                key = " ".join(addresses)
                answers[key] = answers.get(key, 0) + 1
                ttls.add(wire.ttl(data))
                gap_s, last = max(gap_s, time.monotonic() - last), time.monotonic()
                if answered == READY:
                    print("ready", flush=True)
    print(json.dumps({"sent": sent, "lost": lost + len(sent_at), "gap_s": round(gap_s, 3),
                      "answers": answers, "ttls": sorted(ttls)}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4]))

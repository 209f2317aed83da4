#!/usr/bin/python3
"""DNS over TCP of a running coordinator: edns-tcp-keepalive (RFC 7828) with dig and kdig, pipelining (RFC 7766 6.2.1.1),
hundreds of connections at once, and the metrics that count what was closed."""

import os
import re
import socket
import struct
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../self"))
import alone
import cases

ZONE = "get.example.org"
QUESTION = b"\3get\7example\3org\0\0\1\0\1"
CLIENT_MAX, MAX = 128, 256      # coordinator/dns/tcp.c
KEEPALIVE = struct.pack(">HH", 11, 0)


def query(number, option=b""):
    """A message with its length before it."""
    opt = b"\0" + struct.pack(">HHIH", 41, 1232, 0, len(option)) + option
    message = struct.pack(">6H", number, 0, 1, 0, 0, 1) + QUESTION + opt
    return struct.pack(">H", len(message)) + message


def read(stream):
    """One message; b"": the server has closed the connection."""
    data = b""
    try:
        while len(data) < 2 or len(data) < 2 + int.from_bytes(data[:2], "big"):
            wanted = 2 if len(data) < 2 else 2 + int.from_bytes(data[:2], "big")
            piece = stream.recv(wanted - len(data))
            if not piece:
                return b""
            data += piece
    except ConnectionResetError:
        return b""
    return data[2:]


def connect(it, source):
    stream = socket.create_connection((it.host, 15353), timeout=5, source_address=(source, 0))
    stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return stream


def ask(stream, number=1, option=b""):
    stream.sendall(query(number, option))
    return read(stream)


def closed(it, reason):
    text = it.get("/metrics")
    return int(re.search(rf'^locum_dns_tcp_closed_total{{reason="{reason}"}} (\d+)$', text, re.M).group(1))


def run(*words):
    return subprocess.run(words, capture_output=True, text=True, timeout=20, check=False).stdout


def test_rfc7828_keepalive_with_dig(it):
    words = ["dig", f"@{it.host}", "-p", "15353", "+tries=1", "+time=3", "+nocookie", "A", ZONE]
    text = run(*words, "+tcp", "+keepalive")
    assert "status: NOERROR" in text and re.search("; TCP.KEEPALIVE: 10.0 secs", text), text
    assert "KEEPALIVE" not in run(*words, "+tcp")
    text = run(*words, "+notcp", "+keepalive")
    assert "status: NOERROR" in text and "KEEPALIVE" not in text, text
    assert "status: FORMERR" in run(*words, "+tcp", "+ednsopt=11:0064")
    assert "status: NOERROR" in run(*words, "+notcp", "+ednsopt=11:0064")


def test_rfc7828_keepalive_with_kdig(it):
    text = run("kdig", f"@{it.host}", "-p", "15353", "+retry=0", "+time=3", "+tcp", "+ednsopt=11", "A", ZONE)
    assert "status: NOERROR" in text and "Option (11): 0064" in text, text


def test_rfc7766_6_2_1_1_pipelined_queries(it):
    """All are sent before the first answer is read; each message in two pieces."""
    with connect(it, "127.0.0.9") as stream:
        whole = b"".join(query(number) for number in range(500))
        stream.sendall(whole[:1])
        stream.sendall(whole[1:20001])
        stream.sendall(whole[20001:])
        numbers = [int.from_bytes(read(stream)[:2], "big") for _ in range(500)]
    assert numbers == list(range(500)), numbers


def test_many_connections_of_one_address(it):
    """As many as the limit allows; each further one closes the one that has been idle for longest."""
    before = closed(it, "client-limit")
    streams = [connect(it, "127.0.0.9") for _ in range(CLIENT_MAX)]
    for stream in streams + streams:
        assert ask(stream, 1, KEEPALIVE).endswith(b"\0\x0b\0\2\0\x64")
    assert closed(it, "client-limit") == before
    streams += [connect(it, "127.0.0.9") for _ in range(3)]
    assert all(ask(stream) for stream in streams[CLIENT_MAX:])
    assert [read(stream) for stream in streams[:3]] == [b""] * 3
    assert all(ask(stream) for stream in streams[3:])
    assert closed(it, "client-limit") == before + 3
    for stream in streams:
        stream.close()


def test_a_crowd_of_many_addresses(it):
    """600 connections from 10 addresses at once: each is answered, also one of a client that has been idle."""
    before = closed(it, "limit")
    with connect(it, "127.0.0.9") as first:
        assert ask(first)
        streams = []
        for number in range(600):
            streams.append(connect(it, f"127.0.1.{1 + number % 10}"))
            streams[-1].sendall(query(number))
        assert all(int.from_bytes(read(stream)[:2], "big") == number for number, stream in enumerate(streams))
        assert ask(first)
        assert closed(it, "limit") >= before + 601 - MAX
        assert "locum_dns_tcp_connections 256" in it.get("/metrics")
        for stream in streams:
            stream.close()


def main():
    with alone.Alone() as it:
        it.until("an answer", lambda: "ANSWER: 1" in run("dig", f"@{it.host}", "-p", "15353", "A", ZONE))

        def on_it(test):
            def call():
                test(it)
            call.__name__ = test.__name__
            return call
        cases.run({name: on_it(test) for name, test in globals().items() if name.startswith("test_")})


if __name__ == "__main__":
    main()

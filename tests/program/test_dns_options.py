#!/usr/bin/python3
"""DNS options of a running coordinator, asked with dig over UDP and TCP: NSID (RFC 5001), cookies
(RFC 7873, RFC 9018), extended errors (RFC 8914), ANY (RFC 8482)."""

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

TRANSPORTS = ("+notcp", "+tcp")
ZONE = "get.example.org"
CLIENT = "2464c4abcf10c957"
# What each query is, the rcode of its answer, and whether the answer explains it.
QUERIES = ((["A", ZONE], "NOERROR", None), (["TXT", ZONE], "NOERROR", None),
           (["A", f"no.{ZONE}"], "NXDOMAIN", None),
           (["A", "example.com"], "REFUSED", "20 (Not Authoritative)"),
           (["+edns=1", "+noednsneg", "A", ZONE], "BADVERS", None),
           (["+opcode=notify", "SOA", ZONE], "NOTIMP", "21 (Not Supported)"))


def dig(it, *words):
    return subprocess.run(["dig", f"@{it.host}", "-p", "15353", "+tries=1", "+time=3", *words],
                          capture_output=True, text=True, timeout=20, check=False).stdout


def status(text):
    return re.search(r"status: (\w+)", text).group(1)


def cookie(text):
    """The cookie of the answer, and what dig thinks of it."""
    return re.search(r"; COOKIE: ([0-9a-f]+)(.*)", text).groups()


def ready(it):
    it.until("an answer", lambda: "ANSWER: 1" in dig(it, "A", ZONE))


def test_rfc5001_2_2_nsid(it):
    for transport in TRANSPORTS:
        for words, rcode, _ in QUERIES:
            text = dig(it, transport, "+nsid", *words)
            assert status(text) == rcode and '; NSID: 64 63 32 ("dc2")' in text, text
        assert "NSID" not in dig(it, transport, "A", ZONE)


def test_rfc8914_extended_errors(it):
    for transport in TRANSPORTS:
        for words, rcode, error in QUERIES:
            text = dig(it, transport, *words)
            assert status(text) == rcode and ("; EDE: " in text) == (error is not None), text
            assert error is None or f"; EDE: {error}" in text, text
    assert "EDE" not in dig(it, "+noedns", "A", "example.com")


def test_rfc8482_4_1_any_is_one_rrset(it):
    for transport in TRANSPORTS:
        text = dig(it, transport, "ANY", ZONE)
        assert "ANSWER: 1," in text and "\tA\t" in text, text


def test_rfc7873_5_2_every_answer_has_a_cookie(it):
    for transport in TRANSPORTS:
        for words, rcode, _ in QUERIES:
            text = dig(it, transport, f"+cookie={CLIENT}", *words)
            given, verdict = cookie(text)
            assert status(text) == rcode and verdict == " (good)", text
            assert given.startswith(CLIENT + "01000000") and len(given) == 48, text


def test_rfc7873_5_2_2_illegal_length(it):
    for transport in TRANSPORTS:
        for value in ("", "11" * 7, "11" * 9, "11" * 15, "11" * 41):
            text = dig(it, transport, "+nocookie", f"+ednsopt=10:{value}", "A", ZONE)
            assert status(text) == "FORMERR" and "COOKIE" not in text, (value, text)


def test_rfc7873_5_4_no_question(it):
    option = struct.pack(">HH", 10, 8) + bytes.fromhex(CLIENT)
    packet = struct.pack(">6H", 0x1234, 0, 0, 0, 0, 1) + b"\0" + struct.pack(
        ">HHIH", 41, 1232, 0, len(option)) + option
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(3)
        sock.connect((it.host, 15353))
        sock.send(packet)
        reply = sock.recv(4096)
    assert reply[:12] == struct.pack(">6H", 0x1234, 0x8000, 0, 0, 0, 1), reply
    assert len(reply) == 12 + 11 + 28 and reply[27:35].hex() == CLIENT, reply


def test_rfc9018_5_a_cookie_survives_restart_and_rotation(it):
    """It is kept, not renewed, as long as the secret is the first; then it is valid and renewed."""
    first, second = (bytes([i]).hex() * 32 for i in (1, 2))

    def rewrite(*secrets):
        with open(os.path.join(it.folder, "secret"), "w", encoding="utf-8") as file:
            file.write("".join(f"{secret}\n" for secret in secrets))
        it.end()
        it.launch()
        ready(it)

    rewrite(first)
    given, _ = cookie(dig(it, f"+cookie={CLIENT}", "A", ZONE))
    rewrite(first, second)
    assert cookie(dig(it, f"+cookie={given}", "A", ZONE))[0] == given
    assert cookie(dig(it, "+tcp", f"+cookie={given}", "A", ZONE))[0] == given
    rewrite(second, first)
    assert cookie(dig(it, f"+cookie={given}", "A", ZONE))[0] != given


def main():
    with alone.Alone() as it:
        ready(it)

        def on_it(test):
            def run():
                test(it)
            run.__name__ = test.__name__
            return run
        cases.run({name: on_it(test) for name, test in globals().items()
                   if name.startswith("test_")})


if __name__ == "__main__":
    main()

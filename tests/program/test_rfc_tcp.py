#!/usr/bin/python3
"""DNS over TCP of a running coordinator: RFC 1035 4.2.2, RFC 7766."""

import random
import socket
import struct
import sys
import threading
import time

sys.dont_write_bytecode = True
from rfc import PORT, RECORDS, SOA, ZONE, Coordinator, check, compare, config, run, same
from packets import Reply, Tcp, message, opt, query, question

LATE_S = 0.3    # an answer must not wait for anything


def framed(packet):
    return struct.pack("!H", len(packet)) + packet


def connect(it):
    return Tcp(it.host, PORT)


def test_rfc7766_5_tcp_is_answered_at_once(it):
    """Also by a client that never asked over UDP, and without TC before it."""
    for of, rcode in ((ZONE, "NOERROR"), (f"no.{ZONE}", "NXDOMAIN"), ("example.com", "REFUSED")):
        begin = time.monotonic()
        link = connect(it)
        link.send(query(of))
        compare(Reply(link.receive()), of, rcode)
        link.close()
        check(time.monotonic() - begin < 5 * LATE_S, f"{of}: {time.monotonic() - begin:.3f} s")


def test_rfc7766_6_2_1_many_queries_on_one_connection(it):
    link = connect(it)
    for number in range(500):
        link.send(query(ZONE, number=number))
        reply = Reply(link.receive())
        same((reply.number, reply.rcode), (number, "NOERROR"), "reply")
    link.close()


def test_rfc7766_6_2_1_1_pipelined_queries(it):
    """Sent without waiting, in one segment: each gets its answer, whatever the order (RFC 7766 7)."""
    kinds = [(ZONE, "A", "NOERROR"), (f"no.{ZONE}", "A", "NXDOMAIN"), ("example.com", "A", "REFUSED"),
             (f"big.{ZONE}", "TXT", "NOERROR"), (ZONE, "ANY", "NOERROR")]
    expected = {number: kinds[number % len(kinds)] for number in range(1000)}
    link = connect(it)
    data = b"".join(framed(query(of, kind, number=number)) for number, (of, kind, _) in expected.items())
    sender = threading.Thread(target=link.socket.sendall, args=(data,))
    sender.start()
    while expected:
        reply = Reply(link.receive())
        of, kind, rcode = expected.pop(reply.number)
        compare(reply, f"query {reply.number}, {kind} of {of}", rcode)
        same(reply.questions, [question(of, kind)], "question (RFC 7766 7)")
    sender.join()
    link.close()


def test_rfc7766_8_a_message_in_any_pieces(it):
    data = framed(query(f"mail.{ZONE}", number=1)) + framed(query(f"no.{ZONE}", number=2))
    dice = random.Random(7766)
    print("seed 7766")
    cuts = [[at] for at in range(1, len(data))]
    cuts += [sorted(dice.sample(range(1, len(data)), 8)) for _ in range(10)] + [list(range(1, len(data)))]
    link = connect(it)
    for places in cuts:
        for begin, end in zip([0, *places], [*places, len(data)]):
            link.socket.sendall(data[begin:end])
        for number, rcode in ((1, "NOERROR"), (2, "NXDOMAIN")):
            reply = Reply(link.receive())
            same((reply.number, reply.rcode), (number, rcode), f"cut at {places}")
    link.close()


def test_rfc7766_6_2_4_a_half_closed_connection_gets_its_answers(it):
    for count in (1, 20):
        link = connect(it)
        link.socket.sendall(b"".join(framed(query(ZONE, number=number)) for number in range(count)))
        link.socket.shutdown(socket.SHUT_WR)
        same([Reply(link.receive()).number for _ in range(count)], list(range(count)), "replies")
        check(link.is_closed(), "the connection stays open")
        link.close()
    link = connect(it)
    link.socket.sendall(framed(query(ZONE)) + framed(query(ZONE))[:9])
    link.socket.shutdown(socket.SHUT_WR)
    compare(Reply(link.receive()), "the whole query before half of one")
    check(link.is_closed(), "the connection stays open")
    link.close()


def test_rfc7766_6_2_4_a_slow_reader_may_close_its_half(it):
    """The answers that it has not yet taken are kept."""
    link = Tcp(it.host, PORT, buffer=2048)
    count = 29      # all fit in what the server keeps for one client
    link.socket.sendall(b"".join(framed(query(f"big.{ZONE}", "TXT", number=number)) for number in range(count)))
    link.socket.shutdown(socket.SHUT_WR)
    for _ in range(20):         # the server has seen it
        compare(it.tcp.ask(query(ZONE)), "another connection")
    same([Reply(link.receive()).number for _ in range(count)], list(range(count)), "replies")
    check(link.is_closed(), "the connection stays open")
    link.close()


def test_rfc7766_6_2_4_errors_leave_the_connection_open(it):
    link = connect(it)
    for packet, rcode in ((query(b"\xc0\x0c"), "FORMERR"), (query(ZONE, opcode=9), "NOTIMP"),
                          (query("example.com"), "REFUSED"), (message(question(ZONE), question(ZONE)), "FORMERR"),
                          (query(ZONE, edns=opt(version=1)), "BADVERS"), (query(ZONE) + b"\0", "FORMERR"),
                          (message(), "FORMERR"), (query(f"big.{ZONE}", "TXT"), "NOERROR")):
        link.send(packet)
        compare(Reply(link.receive()), packet.hex(), rcode)
    link.close()


def test_rfc1035_4_2_2_messages_without_a_header(it):
    """A length that no message has ends the connection; the queries before it are answered."""
    for data in (b"\0\0", framed(b"\1"), framed(query(ZONE)[:11])):
        link = connect(it)
        link.socket.sendall(framed(query(ZONE)) + data + framed(query(ZONE)))
        compare(Reply(link.receive()), "the query before it")
        check(link.is_closed(), f"{data.hex()} is ignored")
        link.close()


def test_rfc1035_4_2_2_messages_of_any_length(it):
    link = connect(it)
    packet = query(ZONE)
    for length in (*range(len(packet) + 1, len(packet) + 30), 512, 513, 1232, 4096, 65535):
        link.send(packet + b"\0" * (length - len(packet)))
        compare(Reply(link.receive()), f"{length} bytes", "FORMERR")
    link.send(packet)
    compare(Reply(link.receive()), "a query behind them", flags="AA")
    link.close()


def test_rfc1035_4_2_1_and_2_the_same_over_udp_and_tcp(it):
    """Answers that fit are the same bytes."""
    for of, kind in ((ZONE, "A"), (ZONE, "NS"), (ZONE, "SOA"), (f"no.{ZONE}", "A"), (f"www2.{ZONE}", "AAAA"),
                     ("example.com", "A"), (f"b.c.{ZONE}", "A"), ("id.server", "TXT")):
        for edns in (None, opt()):
            packet = query(of, kind, "CH" if of == "id.server" else "IN", edns=edns)
            same(it.tcp.ask(packet).packet, it.udp.ask(packet).packet, f"{kind} of {of}")


def test_rfc7766_5_nothing_is_truncated(it):
    for edns in (None, opt(size=0), opt(size=512), opt(size=4096)):
        reply = it.tcp.ask(query(f"big.{ZONE}", "TXT", edns=edns))
        compare(reply, "big", flags="AA", authority=())
        check(len(reply.answer) == 8 and len(reply.packet) > 1232, f"{reply}")


def test_rfc7766_6_1_connections_do_not_wait_for_each_other(it):
    """One that sent half a query, one that reads no answers, and idle ones."""
    half, full, idle = connect(it), connect(it), [connect(it) for _ in range(5)]
    half.socket.sendall(framed(query(ZONE))[:10])
    full.socket.sendall(framed(query(f"big.{ZONE}", "TXT")) * 30)
    for _ in range(20):
        begin = time.monotonic()
        link = connect(it)
        link.send(query(ZONE))
        compare(Reply(link.receive()), "a third connection")
        check(time.monotonic() - begin < LATE_S * 5, "it waited")
        link.close()
    half.socket.sendall(framed(query(ZONE))[10:])
    compare(Reply(half.receive()), "the other half")
    for link in idle:
        link.send(query(f"no.{ZONE}"))
        compare(Reply(link.receive()), "an idle connection", "NXDOMAIN", authority=[SOA])
    for link in (half, full, *idle):
        link.close()


def test_rfc7766_6_2_2_several_connections_of_one_client(it):
    links = [connect(it) for _ in range(60)]
    for number, link in enumerate(links):
        link.send(query(ZONE, number=number))
    same([Reply(link.receive()).number for link in links], list(range(60)), "replies")
    for link in reversed(links):
        link.send(query(ZONE))
        compare(Reply(link.receive()), "again")
        link.close()


if __name__ == "__main__":
    with Coordinator(config(RECORDS)) as coordinator:
        run(globals(), coordinator)

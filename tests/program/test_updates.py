#!/usr/bin/python3
"""UPDATE messages (RFC 2136) with TSIG (RFC 8945) of two coordinators: challenges alone, with nsupdate and with
messages of our own."""

import os
import random
import signal
import subprocess
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../self"))
import acme_pair
import alone
import cases
import tsig
from acme_pair import CHALLENGE, HTTP, PORT, SECRETS, ZONE
from packets import Reply, Tcp, Udp, message, question, query, record

UPDATE = 5
TXT = b"\5value"


def key(name="web.example.org", algorithm="hmac-sha256", secret=None):
    return tsig.Key(name, algorithm, secret or SECRETS[name])


def update(*operations, prerequisites=(), zone=ZONE, **header):
    """With a number of its own: two equal messages in one second are one that is repeated."""
    return message(question(zone, "SOA"), answer=list(prerequisites), authority=list(operations), opcode=UPDATE,
                   number=random.randrange(65536), **header)


def add(text=TXT, of=CHALLENGE, kind="TXT"):
    return record(of, kind, text, ttl=60)


def exchange(node, packet, way=Udp):
    link = way(node.host, PORT)
    try:
        link.send(packet)
        return Reply(link.receive())
    finally:
        link.close()


def outcome(node, packet, by, way=Udp, **signing):
    """The rcode, and the error of the TSIG record, of an answer whose signature is right."""
    reply = exchange(node, by.sign(packet, **signing), way)
    return reply.rcode, by.check(reply)[0]


def test_add_and_delete(pair):
    """What one node takes all nodes answer; a delete of one value removes it everywhere."""
    rcode, said = pair.dc2.nsupdate(f"update add {CHALLENGE} 60 TXT one")
    assert rcode == "NOERROR" and pair.texts() == ["one"], said
    rcode, said = pair.dc3.nsupdate(f"update add {CHALLENGE} 60 TXT two", f"update add {CHALLENGE} 60 TXT three",
                                    key="mail.example.org", words=["-v"])
    assert rcode == "NOERROR" and pair.texts() == ["one", "three", "two"], said
    assert pair.dc3.nsupdate(f"update delete {CHALLENGE} TXT one", key="mail.example.org")[0] == "NOERROR"
    assert pair.texts() == ["three", "two"]
    assert pair.dc2.nsupdate(f"update delete {CHALLENGE} TXT none")[0] == "NOERROR"
    pair.clear()


def test_events_without_the_value(pair):
    assert pair.dc2.nsupdate(f"update add {CHALLENGE} 60 TXT SECRETVALUE")[0] == "NOERROR"
    pair.clear()
    for state in "set", "unset":
        line = f'event=acme node=dc2 name={CHALLENGE} state={state} client=key:web.example.org'
        pair.dc2.until("the event", lambda line=line: line in pair.dc2.text())
        assert '"client":"key:web.example.org"' in pair.dc2.get("/events").replace(": ", ":")
    assert "SECRETVALUE" not in pair.dc2.text() + pair.dc2.get("/events") + pair.dc3.text()


def test_delete_rrset_and_name(pair):
    """Only what the same node has taken under the same key (lego sends one before each value)."""
    for delete in f"update delete {CHALLENGE} TXT", f"update delete {CHALLENGE}":
        assert pair.dc2.nsupdate(f"update add {CHALLENGE} 60 TXT one")[0] == "NOERROR"
        assert pair.dc2.nsupdate(delete, key="mail.example.org")[0] == "NOERROR"
        assert pair.dc3.nsupdate(delete)[0] == "NOERROR"
        assert pair.texts() == ["one"]
        assert pair.dc3.nsupdate(delete, f"update add {CHALLENGE} 60 TXT two")[0] == "NOERROR"
        assert pair.texts() == ["one", "two"]
        assert pair.dc2.nsupdate(delete)[0] == "NOERROR"
        assert pair.texts() == ["two"]
        assert pair.dc3.nsupdate(delete)[0] == "NOERROR"
        assert pair.texts() == ["-"]


def test_prerequisites(pair):
    """RFC 2136, section 2.4; the placeholder counts as absent, the values of other nodes as present."""
    rows = [("nxdomain", "NOERROR", "YXDOMAIN"), ("yxdomain", "NXDOMAIN", "NOERROR"),
            ("nxrrset TXT", "NOERROR", "YXRRSET"), ("yxrrset TXT", "NXRRSET", "NOERROR"),
            ("yxrrset A", "NXRRSET", "NXRRSET"), ("nxrrset A", "NOERROR", "NOERROR"),
            ("yxrrset TXT one", "NXRRSET", "NOERROR"), ("yxrrset TXT two", "NXRRSET", "NXRRSET")]
    for place, values in enumerate(([], ["one"])):
        for value in values:
            assert pair.dc3.nsupdate(f"update add {CHALLENGE} 60 TXT {value}")[0] == "NOERROR"
        for row in rows:
            words = row[0].split()
            line = " ".join(["prereq", words[0], CHALLENGE, *words[1:]])
            rcode, said = pair.dc2.nsupdate(line, f"update add {CHALLENGE} 60 TXT more")
            assert rcode == row[1 + place], (row, values, said)
            assert pair.texts() == (sorted(values + ["more"]) if rcode == "NOERROR" else values or ["-"]), row
            assert pair.dc2.nsupdate(f"update delete {CHALLENGE} TXT more")[0] == "NOERROR"
    pair.clear()


def test_nothing_else_can_change(pair):
    refused = [f"update add {ZONE} 60 TXT x", f"update add {ZONE} 60 A 192.0.2.1", f"update delete {ZONE}",
               f"update add _acme-challenge.nothing.{ZONE} 60 TXT x",
               f"update add {CHALLENGE} 60 CNAME x.example.", f"update delete {CHALLENGE} CNAME",
               f"update add {CHALLENGE} 60 TXT a b", f"update add {CHALLENGE} 60 TXT -",
               f"update add {CHALLENGE} 60 TXT \"a b\"", f"update delete {ZONE} SOA", f"prereq yxdomain {ZONE}"]
    for line in refused:
        rcode, said = pair.dc2.nsupdate(line)
        assert rcode == "REFUSED", (line, said)
    assert pair.dc2.nsupdate("update add _acme-challenge.other.example.org 60 TXT x", zone="other.example.org")[0] \
        == "REFUSED"                # a zone without acme
    assert pair.dc2.nsupdate("update add example.org 60 TXT x", zone="example.org")[0] == "NOTAUTH"
    assert outcome(pair.dc2, update(add(b"\xc0\0\2\1", kind="A")), key()) == ("REFUSED", 0)
    assert outcome(pair.dc2, update(add(of="www.example.com")), key()) == ("NOTZONE", 0)
    assert outcome(pair.dc2, update(record(CHALLENGE, "ANY", b"", ttl=60)), key()) == ("FORMERR", 0)
    assert outcome(pair.dc2, message(question(ZONE, "A"), opcode=UPDATE), key()) == ("FORMERR", 0)
    assert pair.texts() == ["-"]
    text = pair.dc2.text()
    assert f'event=update-refused client=127.0.0.1 key=web.example.org name={ZONE} reason="only TXT records' \
        in text, text


def test_all_or_nothing(pair):
    good, bad = add(), add(of=ZONE)
    for packet in update(good, bad), update(bad, good):
        assert outcome(pair.dc2, packet, key()) == ("REFUSED", 0)
        assert pair.texts() == ["-"]
    nine = [add(bytes([2]) + b"v%d" % i) for i in range(9)]
    for way in Udp, Tcp:
        assert outcome(pair.dc2, update(*nine), key(), way) == ("SERVFAIL", 0)
        assert pair.texts() == ["-"]
    assert outcome(pair.dc2, update(*nine[:8]), key()) == ("NOERROR", 0)
    assert pair.texts() == [f"v{i}" for i in range(8)]
    assert outcome(pair.dc3, update(record(CHALLENGE, "TXT", b"\2v0", klass="NONE"), nine[8]), key()) == ("NOERROR", 0)
    assert pair.texts() == [f"v{i}" for i in range(1, 9)]
    pair.clear()


def test_signatures(pair):
    """RFC 8945, section 5.2; without a signature it is refused."""
    packet = update(add())
    for way in Udp, Tcp:
        reply = exchange(pair.dc2, packet, way)
        assert reply.rcode == "REFUSED" and not reply.additional, reply
        for name in "ns9.example.org", "other.example.org":     # a key of transfers; one that is not known
            reply = exchange(pair.dc2, key(name).sign(packet), way)
            assert (reply.rcode, tsig.Found(reply).error, tsig.Found(reply).mac) == ("NOTAUTH", 17, b""), reply
        reply = exchange(pair.dc2, key(algorithm="hmac-sha512").sign(packet), way)
        assert (reply.rcode, tsig.Found(reply).error) == ("NOTAUTH", 17), reply
        for by in key(secret=SECRETS["other.example.org"]), key():
            reply = exchange(pair.dc2, by.sign(packet, spoil=True), way)
            assert (reply.rcode, tsig.Found(reply).error, tsig.Found(reply).mac) == ("NOTAUTH", 16, b""), reply
        for late_s in -301, 301, 86400:
            by = key()
            reply = exchange(pair.dc2, by.sign(packet, late_s=late_s), way)
            error, other = by.check(reply)
            assert (reply.rcode, error) == ("NOTAUTH", 18), reply
            assert abs(int.from_bytes(other, "big") - time.time()) < 60, other
        assert outcome(pair.dc2, packet, key(), way, length=16) == ("NOTAUTH", 22)
        reply = exchange(pair.dc2, key().sign(packet, length=15), way)
        assert reply.rcode == "FORMERR" and not reply.additional, reply
    assert pair.texts() == ["-"]
    # Either key may sign a query (Certbot does); a transfer needs one of its own.
    for name in "web.example.org", "ns9.example.org":
        assert outcome(pair.dc2, query(ZONE), key(name)) == ("NOERROR", 0)
    assert outcome(pair.dc2, query(ZONE, "AXFR"), key(), Tcp) == ("REFUSED", 0)
    assert outcome(pair.dc2, query(ZONE, "AXFR"), key("ns9.example.org"), Tcp) == ("NOERROR", 0)


def test_signature_is_last(pair):
    signed = key().sign(update(add()))
    count = signed[10:12]
    after = signed[:10] + bytes([count[0], count[1] + 1]) + signed[12:] + record("x.example", "A", b"\1\2\3\4")
    assert exchange(pair.dc2, after).rcode == "REFUSED"     # there is no signature that could be checked
    assert pair.texts() == ["-"]


def test_replay(pair):
    """A message that was done is not done again, by any node; also if its value has been removed since."""
    by = key()
    signed = by.sign(update(add()))
    first = exchange(pair.dc2, signed)
    assert (first.rcode, by.check(first)[0]) == ("NOERROR", 0) and pair.texts() == ["value"], first
    before = pair.dc2.metric("locum_dns_updates")["replayed"]
    pair.clear()
    for node in pair.nodes:
        for way in Udp, Tcp:
            again = exchange(node, signed, way)
            found = tsig.Found(again)
            assert (again.rcode, found.error) == ("NOTAUTH", 18), again
            assert int.from_bytes(found.other, "big") > 0 and found.mac, again
    assert pair.texts() == ["-"]
    assert pair.dc2.metric("locum_dns_updates")["replayed"] == before + 2
    # One that changed nothing would, later: "delete RRset".
    by = key()
    signed = by.sign(update(record(CHALLENGE, "TXT", b"", klass="ANY")))
    assert exchange(pair.dc2, signed).rcode == "NOERROR"
    assert outcome(pair.dc2, update(add()), key()) == ("NOERROR", 0)
    assert exchange(pair.dc2, signed).rcode == "NOTAUTH" and pair.texts() == ["value"]
    pair.clear()


def test_answer_has_the_zone_and_opt(pair):
    by = key()
    reply = exchange(pair.dc2, by.sign(update(add(), additional=[b"\0" + b"\0\x29\4\xd0\0\0\0\0\0\0"])))
    assert (reply.rcode, reply.edns) == ("NOERROR", True) and by.check(reply)[0] == 0, reply
    assert question(ZONE, "SOA") in reply.packet
    pair.clear()


def test_waits_for_the_other_node(pair):
    """The answer waits for a node that is silent, and nothing else does; then an event names it."""
    os.kill(pair.dc3.process.pid, signal.SIGSTOP)
    try:
        by, link, other = key(), Tcp(pair.dc2.host, PORT), Udp(pair.dc2.host, PORT)
        signed = by.sign(update(add(b"\4late")))
        began = time.monotonic()
        link.send(signed)
        pair.dc2.until("the value", lambda: pair.dc2.texts() == ["late"], within=5)
        for _ in range(3):      # a client that is not patient: the first one is answered
            other.send(signed)
        reply = Reply(link.receive())
        took = time.monotonic() - began
        assert (reply.rcode, by.check(reply)[0]) == ("NOERROR", 0) and took >= 1.9, (reply, took)
        pair.dc2.until("the event", lambda: "event=acme-late node=dc2 peers=dc3" in pair.dc2.text())
    finally:
        os.kill(pair.dc3.process.pid, signal.SIGCONT)
    pair.dc2.until("the other node", lambda: pair.dc3.texts() == ["late"])
    pair.clear()


def test_counts(pair):
    counts = pair.dc2.metric("locum_dns_updates")
    assert all(counts[result] > 0 for result in ("done", "unmet", "refused", "replayed", "failed")), counts
    assert counts["overflow"] == 0, counts


def test_replace_answers_what_waits(pair):
    """By UDP and TCP; the next program has the values."""
    os.kill(pair.dc3.process.pid, signal.SIGSTOP)
    try:
        links, keys = [way(pair.dc2.host, PORT) for way in (Udp, Tcp)], [key(), key()]
        for link, by, text in zip(links, keys, (b"\3one", b"\3two")):
            link.send(by.sign(update(add(text))))
        pair.dc2.until("the values", lambda: pair.dc2.texts() == ["one", "two"], within=5)
        done = subprocess.run([os.environ["LOCUM"], "replace", "-c", pair.dc2.path("locum.yaml")], capture_output=True,
                              text=True, timeout=30, check=False)
        assert done.returncode == 0, done
        for link, by in zip(links, keys):
            reply = Reply(link.receive())
            assert (reply.rcode, by.check(reply)[0]) == ("NOERROR", 0), reply
            link.close()
        assert pair.dc2.texts() == ["one", "two"]
    finally:
        os.kill(pair.dc3.process.pid, signal.SIGCONT)
    pair.dc3.until("the values", lambda: pair.dc3.texts() == ["one", "two"])
    pair.clear()


def test_restart_keeps_values_and_macs(pair):
    by = key()
    signed = by.sign(update(add(b"\4kept")))
    assert exchange(pair.dc2, signed).rcode == "NOERROR"

    def kept():
        with open(pair.dc2.path("control.sock.acme"), encoding="utf-8") as file:
            return "kept" in file.read()

    pair.dc2.until("the file", kept)    # where it is on a disk, a thread writes it
    pair.dc2.process.kill()
    pair.dc2.process.wait()
    pair.dc2.launch()
    pair.dc2.until("an answer", lambda: pair.dc2.texts() == ["kept"])
    reply = exchange(pair.dc2, signed)
    assert (reply.rcode, tsig.Found(reply).error) == ("NOTAUTH", 18), reply
    pair.clear()


def test_reload_changes_keys(pair):
    node = pair.dc2
    with open(node.path("acme.keys"), "w", encoding="utf-8") as file:
        file.write(acme_pair.key_file("other.example.org"))
    node.process.send_signal(signal.SIGHUP)
    node.until("the new key", lambda: exchange(node, key().sign(update())).rcode == "NOTAUTH")
    assert outcome(node, update(), key("other.example.org")) == ("NOERROR", 0)
    with open(node.path("acme.keys"), "w", encoding="utf-8") as file:
        file.write(acme_pair.key_file(*acme_pair.UPDATE_KEYS))
    node.process.send_signal(signal.SIGHUP)
    node.until("the old key", lambda: exchange(node, key().sign(update())).rcode == "NOERROR")


def test_default_is_not_implemented(pair):
    """Without acme.keys; the pair has ended, whose address this is."""
    pair.__exit__()
    with alone.Alone() as it:
        it.until("NOTIMP", lambda: exchange(it, update(add())).rcode == "NOTIMP")


def main():
    with acme_pair.Pair() as pair:
        cases.run({name: (lambda case=case: case(pair)) for name, case in globals().items()
                   if name.startswith("test_")})


if __name__ == "__main__":
    main()

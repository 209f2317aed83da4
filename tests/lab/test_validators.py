#!/usr/bin/env python3
"""
Four validating resolvers before a site that is signed, while servers fail, signatures are renewed and keys are
replaced: no answer is bogus, none is SERVFAIL, each is validated (AD).

get.example.org has one key that dc2 and dc3 share. In multi.example.org each has a key of its own, and publishes
both (RFC 8901, model 2). The resolvers cache for some seconds at most, so that a step does not wait for hours.
"""
# deadline: 300 s, beside others

import itertools
import json
import random
import socket
import struct
import subprocess
import sys
import time
from collections import namedtuple
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "site"))

import lab                                              # noqa: E402
from background import Background                       # noqa: E402
from lab import check                                   # noqa: E402
from packets import RD, Reply, Tcp, Udp, opt, query     # noqa: E402
from programs import until                              # noqa: E402

RRSIG, DNSKEY = 46, 48
DNSSEC_OK = 0x8000
PAUSE_S = 0.01
LEFT_S = 3              # until midnight, in which the resolvers get the old signatures
TRY_S, TRIES = 2, 10    # of a client: while a server is dead a resolver may miss an answer
SOON_S = 60
TTL_S, FAILOVER_TTL_S, LONG_TTL_S = 6, 3, 3600
# HTTPS: an answer is as old as the addresses in it.
TTLS = {kind: TTL_S for kind in ("A", "AAAA", "HTTPS", "TXT")} | {kind: LONG_TTL_S for kind in ("SOA", "DNSKEY", "DS")}

Answer = namedtuple("Answer", "at owner kind count ttl addresses tags inceptions")
Signature = namedtuple("Signature", "kind algorithm labels original_ttl expiration inception tag")


def signatures(reply):
    return [Signature(*struct.unpack("!HBBIIIH", record.data[:18]))
            for record in (*reply.answer, *reply.authority) if record.kind == RRSIG]


def records(reply):
    """Those of the answer that are no signatures."""
    return [record for record in reply.answer if record.kind != RRSIG]


def ask(where, owner, kind, kinds=(Udp, Tcp)):
    """The reply with DNSSEC records, over TCP if it is too long for UDP."""
    for way in kinds:
        link = way(*where)
        link.socket.settimeout(TRY_S)
        try:
            link.send(query(owner, kind, flags=RD, edns=opt(flags=DNSSEC_OK), number=random.randrange(65536)))
            reply = Reply(link.receive())
        finally:
            link.close()
        if "TC" not in reply.flags:
            break
    return reply


def questions(zone):
    """
    (owner, type, rcode, types of records in the answer). An owner with {} gets a new label each time. There are CDS
    records (TYPE59) only when a server knows enough of the others.
    """
    return [(zone, "A", "NOERROR", {1}), (zone, "AAAA", "NOERROR", {28}), (zone, "HTTPS", "NOERROR", {65}),
            (f"dc2.{zone}", "A", "NOERROR", {1}), (f"dc3.{zone}", "A", "NOERROR", {1}),
            (f"dc3.{zone}", "AAAA", "NOERROR", {28}), (zone, "SOA", "NOERROR", {6}),
            (zone, "DNSKEY", "NOERROR", {DNSKEY}), (zone, "DS", "NOERROR", {43}), (zone, "TYPE59", "NOERROR", None),
            (f"_validation-persist.{zone}", "TXT", "NOERROR", {16}),
            (zone, "MX", "NOERROR", set()), (f"_validation-persist.{zone}", "A", "NOERROR", set()),
            ("{}." + zone, "A", "NXDOMAIN", set()), ("{}.dc2." + zone, "HTTPS", "NXDOMAIN", set())]


class Client(Background):
    """Asks one resolver one question after the other, and judges each answer."""

    def __init__(self, resolver, asked):
        super().__init__()
        self.title, self.where = resolver.title, (resolver.host.address, resolver.port)
        self.resolver, self.asked = resolver, asked
        self.answers, self.faults, self.late = [], [], 0
        self.last = {}      # (owner, type): its last answer

    def run(self):
        for owner, kind, rcode, kinds in itertools.cycle(self.asked):
            if self._ending.wait(PAUSE_S):
                return
            name = owner.format(f"{random.randrange(1 << 40):x}")
            reply = self._reply(name, kind)
            if reply:
                self._judge(reply, name, kind, rcode, kinds)
                self._keep(reply, owner, kind)

    def _reply(self, owner, kind):
        for _ in range(TRIES):
            try:
                return ask(self.where, owner, kind)
            except (socket.timeout, EOFError):
                self.late += 1
        self.faults.append(f"{self.title}: no answer to {owner} {kind} after {TRIES} tries")
        return None

    def _judge(self, reply, owner, kind, rcode, kinds):
        found = {record.kind for record in records(reply)}
        if reply.rcode != rcode or kinds not in (None, found) or "AD" not in reply.flags or not signatures(reply):
            self.faults.append(f"{self.title}: {owner} {kind}: {reply}")

    def _keep(self, reply, owner, kind):
        found = records(reply)
        self.answers.append(Answer(
            time.monotonic(), owner, kind, len(found), min((record.ttl for record in found), default=None),
            tuple(str(record).rsplit(" ", 1)[1] for record in found if record.kind in (1, 28)),
            {signature.tag for signature in signatures(reply)},
            {signature.inception for signature in signatures(reply)}))
        self.last[owner, kind] = self.answers[-1]

    def has_asked_since(self, moment):
        """Whether no positive answer in its cache is from before this moment. A TTL is whole seconds."""
        def fetched(owner, kind):
            answer, most = self.last.get((owner, kind)), min(TTLS[kind], self.resolver.cache_max_s)
            check(answer is None or answer.ttl <= most, f"{self.title} caches for longer: {answer}")
            return answer and answer.at - (most - answer.ttl)
        return all((fetched(owner, kind) or 0) > moment + 1 for owner, kind, _, kinds in self.asked if kinds)


class Stream:
    """All resolvers, asked all the time. At the end no answer was wrong."""

    def __init__(self, site):
        self.site, self.begin = site, time.monotonic()
        asked = [question for zone in (site.zone, site.zone_multi) for question in questions(zone)]
        self.clients = [Client(resolver, asked) for resolver in site.client.programs.values()]

    def __enter__(self):
        for client in self.clients:
            client.start()
        return self

    def __exit__(self, kind, *_):
        for client in self.clients:
            client.stop()
        for client in self.clients:
            print(f"  {client.title}: {len(client.answers)} answers, {client.late} late, {len(client.faults)} wrong",
                  flush=True)
        faults = [fault for client in self.clients for fault in client.faults]
        bogus = self.site.client.unbound.bogus()
        if kind is None:
            check(not faults and not bogus, f"{len(faults)} wrong: {faults[:3]} {bogus[:3]}")
            check(all(client.answers for client in self.clients), "a resolver was not asked")

    def all(self, what, true, within=SOON_S):
        """Wait until it is true of each resolver's client."""
        until(f"{what}, for each resolver", lambda: all(map(true, self.clients)), within, 0.1,
              lambda: [client.title for client in self.clients if not true(client)])

    def refreshed(self):
        """Wait until all that is cached is from now or later. The Recursor keeps it until the others are done."""
        now = time.monotonic()
        recursor = self.site.client.recursor
        self.all("caches expire", lambda client: client.resolver is recursor or client.has_asked_since(now))
        recursor.wipe()
        wiped = time.monotonic()
        self.all("it is asked again", lambda client: client.resolver is not recursor or all(
            answer.at > wiped for answer in client.last.values()))

    def answers(self, what, owner, kind, true):
        """Wait until each resolver's last answer to this question is so."""
        self.all(what, lambda client: (owner, kind) in client.last and true(client.last[owner, kind]))


def at(host, owner, kind):
    """The reply of a server itself."""
    return ask((host.address, host.ports.dns), owner, kind)


def tags_at(host, zone, kind="SOA"):
    """The tags of the keys that sign this RRset at a server."""
    return {signature.tag for signature in signatures(at(host, zone, kind)) if signature.labels == zone.count(".") + 1}


def ds_states(host):
    """What a node says of the DS at the parents of its zones."""
    return {zone["dnssec"]["ds"]["state"] for zone in host.locum.status()["zones"]}


def reload(host):
    host.locum.command("reload", check=True)


def servers_answer_differently(site):
    """Both addresses of a name are right, with the signatures of either server."""
    with Stream(site) as stream:
        for zone in (site.zone, site.zone_multi):
            for kind in ("A", "AAAA"):
                until(f"both servers answer {zone} {kind}", lambda z=zone, k=kind: len(
                    {answer.addresses for client in stream.clients for answer in client.answers
                     if (answer.owner, answer.kind) == (z, k)}) == 2, SOON_S, 0.1)
    shared, own = ([tags_at(host, zone) for host in site.servers] for zone in (site.zone, site.zone_multi))
    check(shared[0] == shared[1] and len(shared[0]) == 1, f"{site.zone} is signed with {shared}")
    check(not own[0] & own[1] and own[0] | own[1] == {key.tag for key in site.signing.delegated[site.zone_multi]},
          f"{site.zone_multi} is signed with {own}")


def what_does_not_exist_is_denied_from_the_cache(site):
    """Aggressive use of NSEC (RFC 8198): most names that do not exist never reach the servers."""
    for title, where in site.resolvers().items():
        def asked(count):
            before = queries(site)
            for _ in range(count):
                reply = ask(where, f"{random.randrange(1 << 40):x}.{site.zone}", "A")
                check(reply.rcode == "NXDOMAIN" and "AD" in reply.flags, f"{title}: {reply}")
            return queries(site) - before
        until(f"{title} denies most names itself", lambda: asked(30) < 10, SOON_S)


def run(*words):
    """The output of a program that must succeed."""
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    check(done.returncode == 0, f"{words}: {done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def delv_and_ldns_accept_all(site):
    """delv from the root down, through each resolver; ldns-verify-zone reads the zones of each server."""
    ds = site.signing.anchors()[0].split()
    anchor = site.dir / "delv"
    anchor.write_text(f'trust-anchors {{ . static-ds {" ".join(ds[4:7])} "{ds[7]}"; }};\n')
    for zone in (site.zone, site.zone_multi):
        for address, port in site.resolvers().values():
            for owner, kind, shown in ((zone, "A", "fully validated"), (zone, "HTTPS", "fully validated"),
                                       (f"no.{zone}", "A", "negative response, fully validated"),
                                       (zone, "MX", "negative response, fully validated")):
                text = run("delv", f"@{address}", "-p", str(port), "-a", str(anchor), "+root=.", owner, kind)
                check(f"; {shown}" in text and "unsigned" not in text, f"delv {owner} {kind} @{address}:{port}: {text}")
        for host in site.servers:
            path = site.dir / f"{zone}-of-{host}"
            path.write_text(json.loads(host.locum.get(f"/zone?name={zone}"))["zone"])
            check("Zone is verified and complete" in run("ldns-verify-zone", str(path)), f"{path}")


def queries(site):
    return sum(host.locum.metrics().get('locum_dns_queries_total{transport="udp"}', 0) for host in site.servers)


def a_server_fails(site):
    """A host dies and comes back; a web server stops; a coordinator stops in order. A takeover has a shorter TTL."""
    dc2, dc3 = site.dc2, site.dc3
    names = [f"dc3.{zone}" for zone in (site.zone, site.zone_multi)]
    with Stream(site) as stream:
        site.crash(dc3)
        for name in names:
            stream.answers(f"{name} is dc2's", name, "A", lambda answer: answer.addresses == (dc2.address,))
            stream.answers(f"{name} is dc2's", name, "AAAA", lambda answer: answer.addresses == (dc2.address6,))
            reply = at(dc2, name, "A")
            check({record.ttl for record in reply.answer} == {FAILOVER_TTL_S}, f"{reply}")
            check({signature.original_ttl for signature in signatures(reply)} == {TTL_S}, f"{signatures(reply)}")
        site.revive(dc3)
        site.wait_calm()
        for name in names:
            stream.answers(f"{name} is dc3's", name, "A", lambda answer: answer.addresses == (dc3.address,))
        site.stop_web(dc2)
        for zone in (site.zone, site.zone_multi):
            stream.answers(f"{zone} is dc3's", zone, "A", lambda answer: answer.addresses == (dc3.address,))
        site.start_web(dc2)
        site.wait_calm()
        site.stop_locum(dc2)
        stream.refreshed()
        site.start_locum(dc2)
        site.wait_calm()
        # Alone, each server has signed what the resolvers have checked with the keys that the other gave them.
        for key in site.signing.delegated[site.zone_multi]:
            stream.all(f"signatures of {key.tag}", lambda client, k=key: any(k.tag in answer.tags for answer in client.answers))


def signatures_are_renewed(site):
    """At midnight UTC on the clock of the coordinators. The resolvers have the clock of this machine."""
    zones = site.zone, site.zone_multi

    def inceptions():
        found = {signature.inception for host in site.servers for zone in zones for kind in ("A", "SOA", "DNSKEY")
                 for signature in signatures(at(host, zone, kind))}
        check(found, "no signatures")
        return found

    with Stream(site) as stream:
        before = inceptions()
        check(site.midnight.left_s() > 0, "midnight came too early")
        site.midnight.approach(LEFT_S)
        until("both servers have new signatures only", lambda: not inceptions() & before, SOON_S, 0.1)
        stream.refreshed()
        for zone in zones:
            for kind in ("A", "SOA", "DNSKEY"):
                stream.answers(f"new signatures of {zone} {kind}", zone, kind,
                               lambda answer: not answer.inceptions & before)
        check(inceptions() == {max(before) + 86400}, f"{before} {inceptions()}")


def a_key_is_replaced(site):
    """
    As doc/dnssec.md says, one step and one server after the other, but without its wait for `locum keys`: the old key
    then signs for hours although its files are gone, because resolvers may rely on it.
    """
    signing, zone = site.signing, site.zone
    (old,), new = signing.delegated[zone], signing.new_key(zone)

    def give_parent(*keys):
        signing.delegated[zone] = list(keys)
        site.ns0.nsd.reload()
        until("ns0 serves the DS", lambda: len(records(at(site.ns0, zone, "DS"))) == len(keys))
        stream.refreshed()
        stream.answers("the new DS", zone, "DS", lambda answer: answer.count == len(keys))

    def both_sign(host):
        check(tags_at(host, zone) == {old.tag, new.tag}, f"{host} signs with {tags_at(host, zone)}")

    with Stream(site) as stream:
        for host in site.servers:
            signing.publish(new, host)
            signing.sign_with(new, host)
            reload(host)
            stream.refreshed()          # also while only one of the servers signs with it
            both_sign(host)
        give_parent(old, new)
        for host in site.servers:
            signing.remove(old, host)
            reload(host)
            stream.refreshed()
            both_sign(host)
        give_parent(new)
    for host in site.servers:
        both_sign(host)
        until(f"{host} knows that the parent's DS is that of its key", lambda h=host: ds_states(h) == {"ok"}, SOON_S)


if __name__ == "__main__":
    lab.main([what_does_not_exist_is_denied_from_the_cache, signatures_are_renewed, servers_answer_differently,
              delv_and_ldns_accept_all, a_server_fails, a_key_is_replaced],
             redis=False, validators=True, ttl_s=TTL_S, failover_ttl_s=FAILOVER_TTL_S)

#!/usr/bin/env python3
"""The operator's commands: redis-cli, status, metrics, explain, events, drain, exclude, reload."""
# deadline: 300 s, beside others

import json
import random
import re
import socket
import subprocess
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path[:0] = [str(Path(__file__).resolve().parents[1] / name) for name in ("site", "program")]

import lab                                  # noqa: E402
import promql                               # noqa: E402
import wire                                 # noqa: E402
from lab import check, check_verdict        # noqa: E402
from probe import Prober                    # noqa: E402
from programs import ROOT, until            # noqa: E402

FIELDS = ("role service admin serving conditions ranks answers since seq incarnation version digest"
          " heartbeat-ms mirrorbits").split()
STATUS_KEYS = ("cluster node version incarnation uptime_ms serving quorum nodes names redis"
               " sentinels checks dns zones nsd hooks next_loss warnings counted_warnings degraded summary certificates").split()
NODE_KEYS = ("name role self condition service admin rank families excluded heard_ms since votes"
             " sentinel_down mirrorbits dns digest version by_key").split()


def master_cli(site, *words):
    """redis-cli on the Redis master, as an operator runs it."""
    return site.redis_master().redis.cli(*words)


def node_hash(site, name):
    lines = master_cli(site, "HGETALL", f"locum:get:node:{name}").splitlines()
    return dict(zip(lines[::2], lines[1::2]))


def answers_of(site, **owners):
    """The expected field `answers` of a hash: every name and type with its node."""
    text = []
    for name in site.names:
        label = "at" if name == site.zone else name.split(".")[0]
        node = site.hosts[owners[label]]
        text += [f"{name}./A={node.address}"]
        text += [f"{name}./AAAA={node.address6}"] if node.address6 else []
    return set(text)


def events(site, count=200):
    """The stream, newest first: one dictionary of fields per entry."""
    text = site.redis_master().redis.cli("--json", "XREVRANGE", "locum:get:events", "+", "-",
                                         "COUNT", str(count))
    return [dict(zip(fields[::2], fields[1::2])) | {"id": number}
            for number, fields in json.loads(text)]


def locum(host, *words, code=0):
    """Run a sub-command; returns its output. Checks its exit code."""
    done = host.locum.command(*words)
    text = done.stdout + done.stderr
    check(done.returncode == code,
          f"locum {' '.join(words)} ended with {done.returncode}, not {code}: {text}")
    return text


def names_at(site, host):
    """The current answers of a node: {label: node named}; 'at' is the zone's own name."""
    found = {}
    for name in site.names:
        addresses = site.asks(host, name) or ["nothing"]
        label = "at" if name == site.zone else name.split(".")[0]
        found[label] = "+".join(site.host_of(a) for a in addresses)
    return found


def wait_names(site, host, within=5.0, **wanted):
    until(f"{host.name} answers {wanted}", lambda: names_at(site, host) == wanted, within)


def redis_cli_shows_the_cluster(site):
    """Sorted set and hashes, as the manual describes them."""
    until("all are in the sorted set", lambda: len(master_cli(
        site, "ZRANGE", "locum:get:nodes", "0", "-1").split()) == 3, 5)
    text = master_cli(site, "ZRANGE", "locum:get:nodes", "0", "-1", "WITHSCORES").split()
    scores = dict(zip(text[::2], text[1::2]))
    check(set(scores) == {"dc2", "dc3", "ns0"}, f"locum:get:nodes holds {scores}")
    for name, score in scores.items():
        age = time.time() * 1000 - float(score)
        check(-1000 < age < 5000, f"{name} was heard {age:.0f} ms ago")
    until("every hash shows the others alive with rank A", lambda: all(
        "dc3=A" in (fields := node_hash(site, h.name))["ranks"] and "dc2=A" in fields["ranks"]
        and fields["conditions"].count("alive") == 2 for h in site.coordinators), 5)
    for host in site.coordinators:
        fields = node_hash(site, host.name)
        check(set(fields) == set(FIELDS), f"{host.name} has the fields {sorted(fields)}")
        others = {f"{h.name}=alive" for h in site.coordinators if h is not host}
        check(set(fields["conditions"].split(",")) == others, fields["conditions"])
        check((fields["service"], fields["admin"]) == ("up", "ready"), str(fields))
        check({"dc2=A", "dc3=A"} <= set(fields["ranks"].split(",")), fields["ranks"])
        check(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", fields["since"]),
              fields["since"])
        ttl = int(master_cli(site, "TTL", f"locum:get:node:{host.name}"))
        check(6 * 86400 < ttl <= 7 * 86400, f"the hash expires in {ttl} s, not in 7 days")
    for name in ("dc2", "dc3"):
        fields = node_hash(site, name)
        check((fields["role"], fields["serving"]) == ("server", "self"), str(fields))
        check(set(fields["answers"].split()) == answers_of(site, at=name, dc2="dc2", dc3="dc3"),
              fields["answers"])
    check(node_hash(site, "ns0")["role"] == "witness", "the witness does not say so")
    digests = {node_hash(site, h.name)["digest"] for h in site.coordinators}
    check(len(digests) == 1, f"the same configuration has several digests: {digests}")
    before = int(node_hash(site, "dc2")["seq"])
    until("the hash is written again", lambda: int(node_hash(site, "dc2")["seq"]) > before, 5)


def xrevrange_shows_a_failover(site):
    """dc3 crashes with the Redis master: the stream has votes, reason, answers and return."""
    check(site.redis_master() is site.dc3, "the Redis master is not on dc3")
    site.crash(site.dc3)
    wait_names(site, site.dc2, at="dc2", dc2="dc2", dc3="dc2")
    check(site.redis_master() is site.dc2, "Redis did not fail over")
    until("the hash shows the takeover",
          lambda: node_hash(site, "dc2").get("serving") == "self+takeover(dc3)", 10)
    fields = node_hash(site, "dc2")
    check(set(fields["conditions"].split(",")) == {"dc3=down", "ns0=alive"}, fields["conditions"])
    check({"dc2=A", "dc3=G"} <= set(fields["ranks"].split(",")), fields["ranks"])
    check(set(fields["answers"].split()) == answers_of(site, at="dc2", dc2="dc2", dc3="dc2"),
          fields["answers"])

    def stream_events(**wanted):
        return [e for e in events(site) if wanted.items() <= e.items()]
    until("the stream has dc3 down",
          lambda: stream_events(node="dc2", event="condition", peer="dc3", to="down"), 10)
    down = stream_events(node="dc2", event="condition", peer="dc3", to="down")
    check(len(down) == 1, f"it went down more than once: {down}")
    check(down[0]["from"] == "suspect" and down[0]["reason"] == "quorum", str(down))
    check(set(down[0]["votes"].split(",")) == {"dc2", "ns0"}, str(down))
    ages = dict(pair.split("=") for pair in down[0]["ages"].split(","))
    check(set(ages) == {"dc2", "ns0"} and 1000 <= int(ages["dc2"]) < 3000, str(down))
    check("at" in down[0], f"it waited for the new master but has no time: {down}")
    check(int(ages["ns0"]) < 1500, f"the vote of ns0 was old: {down}")
    check(len(stream_events(node="dc2", event="serving", to="self+takeover(dc3)")) == 1,
          "the takeover is not in the stream exactly once")
    site.revive(site.dc3)
    site.wait_calm(60)
    site.wait_redis_whole()
    until("the stream has the return", lambda: stream_events(
        node="dc2", event="condition", peer="dc3", to="alive"), 10)
    changes = [(e.get("from"), e.get("to")) for e in reversed(events(site))
             if e["node"] == "dc2" and e.get("peer") == "dc3" and e["event"] == "condition"]
    wanted = [("alive", "suspect"), ("suspect", "down"), ("down", "returning"),
              ("returning", "alive")]
    check(changes[-4:] == wanted, f"the changes are {changes}")
    until("the stream has the end of the takeover", lambda: stream_events(
        node="dc2", event="serving", **{"from": "self+takeover(dc3)"}, to="self"), 5)


def status_and_explain_show_the_cluster(site):
    """status has all keys and exits with 1 while the cluster is degraded; explain; explain --if."""
    for host in site.coordinators:
        status = json.loads(locum(host, "status", "--json"))
        check(set(STATUS_KEYS) == set(status), f"keys of the status: {sorted(status)}")
        for node in status["nodes"]:
            check(set(NODE_KEYS) == set(node), f"keys of a node: {sorted(node)}")
        check(status["quorum"] == {"needed": 2, "reachable": 3}, str(status["quorum"]))
        check(len(status["sentinels"]) == 3 and all(s["connected"] for s in status["sentinels"]),
              str(status["sentinels"]))
        check(status["redis"]["connected"] is True and status["redis"]["error"] is None,
              str(status["redis"]))
        check(status["warnings"] == [], f"{host.name} warns: {status['warnings']}")
    text = locum(site.dc2, "status")
    for word in ("dc2", "dc3", "ns0", f"dc3.{site.zone}", site.dc3.address, "self"):
        check(word in text, f"locum status does not show {word}: {text}")
    check("\033" not in text, "colours without a terminal")
    served = site.host_of(site.asks(site.dc2, f"dc3.{site.zone}")[0])
    check(served == "dc3", "dc3 does not have its own name")
    text = locum(site.dc2, "explain", f"dc3.{site.zone}")
    check(site.dc3.address in text and "ms ago" in text, text)
    text = locum(site.dc2, "explain", f"dc3.{site.zone}", "--if", "dc3=down")
    check(site.dc2.address in text and "takeover" in text, text)
    check(names_at(site, site.dc2)["dc3"] == "dc3", "explain --if changed the answers")
    text = locum(site.dc2, "explain", "www.example.com", code=1)
    check("www.example.com" in text, text)
    site.stop_web(site.dc3)
    wait_names(site, site.dc2, at="dc2", dc2="dc2", dc3="dc2")
    text = locum(site.dc2, "status", code=1)
    check("degraded" in text and "failing" in text, text)
    until("the event names the check", lambda: any(
        e["node"] == "dc3" and e["event"] == "service" and e["to"] == "failing"
        and f"http {site.dc3.address}" in e.get("checks", "") for e in events(site, 50)), 10)
    site.start_web(site.dc3)


def metrics_cover_the_whole_site(site):
    """The metrics of a node about all others, Redis, Sentinels and DNS."""
    site.asks(site.dc2, f"dc3.{site.zone}")
    for host in site.coordinators:
        seen = host.locum.metrics()
        for peer in site.coordinators:
            if peer is not host:
                check(seen[f'locum_peer_condition{{peer="{peer.name}",condition="alive"}}'] == 1,
                      f"{host.name} does not see {peer.name} alive")
                for path in ("redis", "udp"):
                    label = f'{{peer="{peer.name}",path="{path}"}}'
                    check(seen["locum_peer_heard_age_seconds" + label] < 1, f"{label} is old")
                    check(seen["locum_peer_heartbeats_accepted_total" + label] > 0, label)
        for name in ("dc2", "dc3", "ns0"):
            check(seen[f'locum_sentinel_connected{{node="{name}"}}'] == 1, f"Sentinel of {name}")
            check(seen[f'locum_sentinel_polls_total{{node="{name}"}}'] > 0, f"polls of {name}")
        check(seen["locum_redis_connected"] == 1 and seen["locum_redis_failing"] == 0, "Redis")
        check(seen["locum_quorum_reachable_nodes"] == 3, "quorum")
        check(seen['locum_serving_age_seconds'] <= seen["locum_uptime_seconds"], "ages")
    seen = site.dc2.locum.metrics()
    check(seen['locum_dns_answers_total{transport="udp",rcode="NOERROR"}'] > 0, "no DNS answers")
    probes = [value for name, value in seen.items()
              if name.startswith("locum_check_probes_total") and 'outcome="pass"' in name]
    check(probes and probes[0] > 0, "no probes of the web server")
    check(seen['locum_serving{kind="self"}'] == 1 and seen['locum_service{state="up"}'] == 1,
          "serving")


def alerts_and_dashboard_name_what_is_answered(site):
    """Each metric with its labels, of deploy/prometheus and deploy/grafana; those of NSD: test_nsd.py,
    those of certificates and signed zones: program/test_certificates.py and test_parent.py."""
    good = site.dc2.locum.config.read_text()
    try:
        site.dc2.locum.config.write_text(good + "hooks:\n  - {on: [warning], command: [/bin/true]}\n")
        locum(site.dc2, "reload")
        known = promql.Metrics.of(site.dc2.locum.metrics())
    finally:
        site.dc2.locum.config.write_text(good)
        locum(site.dc2, "reload")
    for text in promql.expressions(ROOT):
        others = any(start in text for start in ("locum_nsd_", "locum_certificate_", "locum_dnssec_"))
        wrong = [] if others else list(known.complaints(text))
        check(not wrong, f"{text}: {wrong}")


def events_follow_shows_new_events(site):
    """`locum events --follow` shows events as they happen."""
    text = locum(site.dc2, "events")
    check("condition" in text and "alive" in text, text)
    follow = subprocess.Popen(
        [*site.dc2.plug.before, str(site.dc2.locum.binary()), "events", "-c",
         str(site.dc2.locum.config), "--follow"], stdout=subprocess.PIPE, text=True,
        pass_fds=site.dc2.plug.pass_fds)
    try:
        locum(site.dc2, "drain", "--reason", "new kernel")
        locum(site.dc2, "ready")
        lines, deadline = "", time.monotonic() + 10
        while "drain" not in lines or "ready" not in lines.split("drain", 1)[1]:
            check(time.monotonic() < deadline, f"it showed only: {lines}")
            lines += follow.stdout.readline()
    finally:
        follow.kill()
        follow.wait()
        follow.stdout.close()


def drain_and_maint_hand_over_the_names(site):
    """The node hands over its names, keeps answering, gets them back. The last one is refused."""
    for word in ("drain", "maint"):
        locum(site.dc2, word, "--reason", "disk", "--for", "10m")
        for host in site.servers:
            wait_names(site, host, at="dc3", dc2="dc3", dc3="dc3")
        admin = site.dc3.locum.peer("dc2")["admin"]
        check(admin["state"] == word, f"dc3 sees {admin}")
        own = site.dc2.locum.peer("dc2")["admin"]
        check(own["reason"] == "disk" and 590000 < own["left_ms"] <= 600000, str(own))
        check(f"dc2: {word}; `locum ready`" in locum(site.dc3, "status"), "a planned one is not shown")
        check("min-serving" in locum(site.dc3, word, code=1), "the last server may not go")
        locum(site.dc2, "ready")
        wait_names(site, site.dc2, at="dc2", dc2="dc2", dc3="dc3")
        wait_names(site, site.dc3, at="dc3", dc2="dc2", dc3="dc3")
    locum(site.dc2, "drain", "--for", "1s")
    wait_names(site, site.dc2, at="dc3", dc2="dc3", dc3="dc3")
    wait_names(site, site.dc2, at="dc2", dc2="dc2", dc3="dc3")
    locum(site.dc3, "drain")
    locum(site.dc2, "drain", "--force")
    check(site.asks(site.dc2, site.zone), "both drained, and no answer")
    locum(site.dc3, "ready")
    locum(site.dc2, "ready")
    check("usage" in locum(site.dc2, "drain", "--for", "soon", code=2), "a bad duration")


def exclude_lasts_until_include(site):
    """An excluded peer stays out of this node's answers, also after a restart, until included."""
    locum(site.dc2, "exclude", "dc3")
    wait_names(site, site.dc2, at="dc2", dc2="dc2", dc3="dc2")
    check(names_at(site, site.dc3) == {"at": "dc3", "dc2": "dc2", "dc3": "dc3"},
          "dc3 itself was disturbed")
    check(site.dc2.locum.peer("dc3")["excluded"] is True, "not shown as excluded")
    site.stop_locum(site.dc2)
    site.start_locum(site.dc2)
    wait_names(site, site.dc2, at="dc2", dc2="dc2", dc3="dc2")
    until("dc3 reports the restart",
          lambda: "restart node=dc3 peer=dc2 left=yes" in locum(site.dc3, "events"), 5)
    check(site.dc2.locum.peer("dc3")["excluded"] is True, "forgotten by a restart")
    locum(site.dc2, "include", "dc3")
    wait_names(site, site.dc2, at="dc2", dc2="dc2", dc3="dc3")
    check("dc9" in locum(site.dc2, "exclude", "dc9", code=1), "an unknown node")
    check("drain" in locum(site.dc2, "exclude", "dc2", code=1), "itself")


def a_drain_lasts_through_a_restart(site):
    locum(site.dc3, "drain", "--for", "10m", "--reason", "memory")
    site.stop_locum(site.dc3)
    site.start_locum(site.dc3)
    own = site.dc3.locum.peer("dc3")["admin"]
    check(own["state"] == "drain" and own["reason"] == "memory" and own["left_ms"] < 600000,
          str(own))
    wait_names(site, site.dc3, at="dc2", dc2="dc2", dc3="dc2")
    locum(site.dc3, "ready")


def version_help_keygen_check_and_exit_codes(site):
    """version, help, keygen, check; and the exit codes."""
    binary = str(site.dc2.locum.binary())
    check(re.match(r"locum \d+\.\d+\.\d+", site.dc2.run(binary, "version")), "version")
    text = site.dc2.run(binary, "help")
    for word in "run check status explain events drain ready maint exclude include reload replace keygen" \
            .split():
        check(re.search(rf"\b{word}\b", text), f"help does not mention {word}")
    for words in (["--help"], ["status", "--help"], ["help"], ["drain", "-h"]):
        done = site.dc2.call(binary, *words)
        check(done.returncode == 0 and done.stdout.startswith("usage: locum "), f"{words}: {done}")
    check("--watch" in site.dc2.run(binary, "status", "--help"), "the usage of status")
    for words in (["--version"], ["status", "--version"]):
        check(site.dc2.run(binary, *words) == site.dc2.run(binary, "version"), str(words))
    strange = site.dir / "strange"
    strange.write_text("no configuration\n")
    done = site.dc2.call(binary, "status", "-c", str(strange))
    check(done.returncode == 3 and f"{strange} cannot be read" in
          done.stderr, f"a wrong -c falls back to the default file: {done}")
    keys = {site.dc2.run(binary, "keygen", "--cluster").strip() for _ in range(2)}
    check(len(keys) == 2 and all(re.fullmatch(r"[0-9a-f]{64}", k) for k in keys), str(keys))
    check(site.dc2.call(binary, "fly").returncode == 2, "an unknown command is usage, 2")
    locum(site.dc2, "check")
    site.stop_locum(site.ns0)
    check("reach" in locum(site.ns0, "status", code=3), "no daemon is 3")
    site.start_locum(site.ns0)


def reload_takes_all_or_nothing(site):
    """By command and by SIGHUP. A broken file changes nothing; the message has place and reason."""
    node = site.dc2
    good = node.locum.config.read_text()
    broken = good.replace("answer: self", "answer: everyone\n    colour: red")
    line = broken[:broken.index("answer: everyone")].count("\n") + 1

    def ttl():
        answer = node.run("dig", f"@{node.address}", "-p", str(node.ports.dns), "+noall",
                          "+answer", f"dc3.{site.zone}", "A")
        return int(answer.split()[1])
    try:
        with Prober(site) as prober:
            begin = time.monotonic()
            node.locum.config.write_text(broken)
            text = locum(node, "reload", code=1)
            for word in (f"{node.locum.config}:{line}:", "everyone", f":{line + 1}:", "colour"):
                check(word in text, f"reload did not say {word}: {text}")
            check(f":{line}:" in locum(node, "check", code=1), "check does not say where")
            said = node.locum.log.stat().st_size
            node.locum.process.send_signal(1)
            until("SIGHUP's failure is in the log", lambda: "everyone" in
                  node.locum.log.read_text()[said:], 5)
            for key, text in (("listen", good.replace(f'http: "{node.address}',
                                                      f'http: "{site.dc3.address}')),
                              ("node", good.replace("node: dc2", "node: dc3"))):
                node.locum.config.write_text(text)
                said_text = locum(node, "reload", code=1)
                check(key in said_text and "locum replace" in said_text, said_text)
            check(ttl() == site.ttl_s, "a part of it took effect")
            node.locum.config.write_text(good.replace(f"ttl: {site.ttl_s}s", "ttl: 47s"))
            locum(node, "reload")
            until("the new TTL is served", lambda: ttl() == 47, 5)
            node.locum.config.write_text(good)
            node.locum.process.send_signal(1)
            until("SIGHUP restores the old one", lambda: ttl() == site.ttl_s, 5)
            check(names_at(site, node) == {"at": "dc2", "dc2": "dc2", "dc3": "dc3"}, "the names")
            check_verdict(prober, begin)
    finally:
        node.locum.config.write_text(good)


def a_short_stop_causes_no_takeover(site):
    """SIGTERM: a restart causes no takeover; a longer stop causes one without votes."""
    with Prober(site) as prober:
        begin = time.monotonic()
        site.stop_locum(site.dc2)
        site.start_locum(site.dc2)
        site.wait_calm(10)
        changed = [s for s in prober.targets["dc3"].samples
                   if s.received and s.name == f"dc2.{site.zone}"
                   and {site.host_of(a) for a in s.addresses} != {"dc2"}]
        check(not changed, f"a restart caused a takeover in {len(changed)} answers")
        moment = site.stop_locum(site.dc2)
        taken = {n: "dc3" for n in site.names}
        seconds = prober.wait_settled(taken, moment, 4.5, ["dc3"])["dc3"]
        check(seconds is not None, "a stopped node is not taken over")
        print(f"  a stopped node is taken over after {seconds:.2f} s")
        check(site.dc3.locum.peer("dc2")["condition"] == "down", "not down")
        back = site.start_locum(site.dc2)
        site.wait_calm(10)
        print(f"  and named again {time.monotonic() - back:.2f} s after its start")
        check_verdict(prober, begin)


def malformed_packets_change_no_answer(site):
    """Invalid packets at every port do not change the answers."""
    seed = random.randrange(1 << 32)
    print(f"  seed {seed}")
    dice, node = random.Random(seed), site.dc2
    good = wire.question(site.zone, "A")
    with Prober(site) as prober, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        begin = time.monotonic()
        for number in range(3000):
            packet = bytearray(good if number % 2 else dice.randbytes(dice.randrange(0, 300)))
            for _ in range(dice.randrange(1, 6)):
                if packet:
                    packet[dice.randrange(len(packet))] = dice.randrange(256)
            packet = bytes(packet[:dice.randrange(len(packet) + 1)]) if number % 3 else packet
            sock.sendto(packet, (node.address, node.ports.dns))
            if number % 10 == 0:
                sock.sendto(packet, (node.address, 9853))
        for payload in (b"", b"\0", b"\0\1x", b"\xff\xff" + dice.randbytes(2000),
                        b"GET / HTTP/1.1\r\n\r\n", b"\0\x0c" + bytes(12)):
            for port in (node.ports.dns, node.ports.status):
                with socket.create_connection((node.address, port), timeout=2) as stream:
                    stream.sendall(payload)
        for flags in ([], ["+tcp"], ["+noedns"], ["+bufsize=512"]):
            text = node.run("dig", f"@{node.address}", "-p", str(node.ports.dns), "+short",
                            *flags, site.zone)
            check(text.strip() == node.address, f"dig {flags}: {text}")
        if node.address6:
            text = site.client.run("dig", f"@{node.address6}", "+short", "AAAA", site.zone)
            check(text.strip() == node.address6, text)
        for words, status in ((["ANY", site.zone], "NOERROR"), (["TXT", site.zone], "NOERROR"),
                              ([f"no.{site.zone}"], "NXDOMAIN"), (["example.com"], "REFUSED"),
                              (["+edns=1", "+noednsneg", site.zone], "BADVERS"),
                              (["+opcode=notify", site.zone], "NOTIMP"),
                              (["AXFR", site.zone], "XFR size")):      # this host may
            text = node.run("dig", f"@{node.address}", "-p", str(node.ports.dns), *words)
            check(status in text, f"dig {' '.join(words)}: no {status} in {text}")
        text = site.client.run("dig", f"@{node.address}", "AXFR", site.zone)
        check("Transfer failed" in text, f"dig AXFR of another host: {text}")
        check(site.calm(), "not all nodes are alive and named")
        check_verdict(prober, begin)


if __name__ == "__main__":
    lab.main([redis_cli_shows_the_cluster, xrevrange_shows_a_failover,
              status_and_explain_show_the_cluster, metrics_cover_the_whole_site,
              alerts_and_dashboard_name_what_is_answered,
              events_follow_shows_new_events, drain_and_maint_hand_over_the_names,
              exclude_lasts_until_include, a_drain_lasts_through_a_restart,
              version_help_keygen_check_and_exit_codes, reload_takes_all_or_nothing,
              a_short_stop_causes_no_takeover, malformed_packets_change_no_answer])

#!/usr/bin/python3
"""Zone transfers (RFC 5936, RFC 1995) and signed queries (TSIG, RFC 8945) of a running coordinator, with dig and kdig."""

import base64
import ipaddress
import json
import os
import re
import signal
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../self"))
import alone
import cases

ZONE = "get.example.org"
SECRETS = [base64.b64encode(bytes(range(i, i + 32))).decode() for i in range(3)]
KEYS = [("hmac-sha256", "ns9.example.org", SECRETS[0]), ("hmac-sha512", "ns8.example.org", SECRETS[1])]
FILE = "".join(f'key "{name}" {{ algorithm {algorithm}; secret "{secret}"; }};\n' for algorithm, name, secret in KEYS)
TEXTS = 60


def config(*lines):
    """More lines of the zone."""
    texts = "".join(f"      - 't{i} TXT \"{i}{'x' * 240}\" \"{'y' * 240}\"'\n" for i in range(TEXTS))
    more = "".join(f"    {line}\n" for line in lines)
    return alone.CONFIG.replace("service:", f"{more}    records:\n{texts}service:")


def run(*words):
    done = subprocess.run(words, capture_output=True, text=True, timeout=20, check=False)
    return re.sub(r" {2,}\t", "\t", re.sub(r"x{9,}|y{9,}", "...", done.stdout + done.stderr))


def dig(it, *words):
    return run("dig", f"@{it.host}", "-p", "15353", "+tries=1", "+time=3", *words)


def kdig(it, *words):
    return run("kdig", f"@{it.host}", "-p", "15353", "+retry=0", "+time=3", *words)


def signed(key, name=None, secret=None):
    return ["-y", f"{key[0]}:{name or key[1]}:{secret or key[2]}"]


def ready(it):
    it.until("an answer", lambda: "ANSWER: 1" in dig(it, "A", ZONE))


def metrics(it, name):
    return {key: int(value) for key, value in
            re.findall(rf'^locum_dns_{name}_total{{result="(\w+)"}} (\d+)$', it.get("/metrics"), re.M)}


def records(text):
    """The records of a transfer, the SOA record twice."""
    return [line.split(None, 4) for line in text.splitlines() if line and line[0] not in ";\t "
            and "TSIG" not in line.split(None, 4)[3:4]]


def test_transfer_is_the_zone(it):
    """Several messages; what a signed transfer holds is what GET /zone shows."""
    shown = re.sub(r"x{9,}|y{9,}", "...", json.loads(it.get(f"/zone?name={ZONE}."))["zone"]).splitlines()
    for key in [None, *KEYS]:
        for kind in "AXFR", "IXFR=1":
            words = signed(key) if key else []
            text = dig(it, *words, kind, ZONE) if not key or kind == "AXFR" else dig(it, *words, "+tcp", kind, ZONE)
            found = records(text)
            if key is None:
                assert "Transfer failed" in text and not found, text
                continue
            assert [row[3] for row in (found[0], found[-1])] == ["SOA"] * 2 and found[0] == found[-1], text
            assert sorted(found[:-1]) == sorted(line.split(None, 4) for line in shown), text
            assert int(re.search(r"messages (\d+)", text).group(1)) >= 2, text
            assert text.count("\tTSIG\t") >= 1 and "verify" not in text and "WARNING" not in text, text
    text = kdig(it, *signed(KEYS[0]), "AXFR", ZONE)
    assert "WARNING" not in text and ";; ERROR" not in text and text.count("\tTXT\t") == TEXTS, text
    text = kdig(it, *signed(KEYS[1]), "+tcp", "IXFR=1", ZONE)
    assert "WARNING" not in text and ";; ERROR" not in text and text.count("\tTXT\t") == TEXTS, text


def test_ixfr_by_soa(it):
    """The SOA record alone: over UDP, and to a client that has this version."""
    now = int(records(dig(it, *signed(KEYS[0]), "AXFR", ZONE))[0][4].split()[2])
    for words in ["+notcp", "IXFR=1"], ["+tcp", f"IXFR={now}"], ["+tcp", f"IXFR={now + 5}"], ["+notcp", f"IXFR={now}"]:
        found = records(dig(it, *signed(KEYS[1]), *words, ZONE))
        assert [row[3] for row in found] == ["SOA"], (words, found)


def test_signed_queries(it):
    for transport in "+notcp", "+tcp":
        for key in KEYS:
            for words, rcode in (["A", ZONE], "NOERROR"), (["A", f"no.{ZONE}"], "NXDOMAIN"), (["A", "example.com"], "REFUSED"):
                text = dig(it, transport, *signed(key), *words)
                assert f"status: {rcode}" in text and "could not be validated" not in text, text
                assert re.search(rf"^{key[1]}\.\s+0\s+ANY\s+TSIG\s+{key[0]}\. .* NOERROR 0", text, re.M), text
                text = kdig(it, *([transport] if transport == "+tcp" else []), *signed(key), *words)
                assert f"status: {rcode}" in text and "WARNING" not in text, text


def test_refused_signatures(it):
    """RFC 8945, section 5.2."""
    before = metrics(it, "signed")
    for transport in "+notcp", "+tcp":
        text = dig(it, transport, *signed(KEYS[0], name="ns7.example.org"), "A", ZONE)
        assert "status: NOTAUTH" in text and " BADKEY 0" in text and "ANSWER: 0" in text, text
        text = dig(it, transport, *signed(("hmac-sha512", *KEYS[0][1:])), "A", ZONE)
        assert "status: NOTAUTH" in text and " BADKEY 0" in text, text
        text = dig(it, transport, *signed(KEYS[0], secret=SECRETS[2]), "A", ZONE)
        assert "status: NOTAUTH" in text and " BADSIG 0" in text, text
        text = dig(it, transport, *signed(("hmac-sha256-128", *KEYS[0][1:])), "A", ZONE)
        assert "status: NOTAUTH" in text and " BADTRUNC 0" in text, text
    after = metrics(it, "signed")
    assert {key: after[key] - before[key] for key in after} == {
        "verified": 0, "badkey": 4, "badsig": 2, "badtime": 0, "badtrunc": 2}, after
    it.until("a line in the log", lambda: 'event=signature-refused client=127.0.0.1 reason="BADSIG: ' in it.text())


def test_refused_transfers(it):
    before = metrics(it, "transfers")["refused"]
    assert "Transfer failed" in dig(it, "AXFR", ZONE)
    assert "Transfer failed" in dig(it, "-b", "127.0.0.9", *signed(KEYS[0]), "AXFR", ZONE)
    it.until("two lines in the log", lambda: all(
        f"event=transfer-refused zone={ZONE}. client={client}" in it.text() for client in
        ('127.0.0.1 reason="the request is not signed', '127.0.0.9 reason="its address is not in transfer.allow')))
    assert "Transfer failed" in dig(it, *signed(KEYS[0]), "AXFR", f"a.{ZONE}")
    assert metrics(it, "transfers")["refused"] >= before + 2


def test_reload_changes_keys(it):
    """A key that is replaced, and one that other users can read."""
    path = os.path.join(it.folder, "keys")
    with open(path, "w", encoding="utf-8") as file:
        file.write(FILE.replace(SECRETS[0], SECRETS[2]))
    it.process.send_signal(signal.SIGHUP)
    it.until("the new key", lambda: "TXT" in dig(it, *signed(KEYS[0], secret=SECRETS[2]), "AXFR", ZONE))
    assert "BADSIG" in dig(it, *signed(KEYS[0]), "AXFR", ZONE)
    os.chmod(path, 0o644)
    it.process.send_signal(signal.SIGHUP)
    it.until("the refusal", lambda: "reload-refused" in it.text() and "chmod o=" in it.text())
    assert "TXT" in dig(it, *signed(KEYS[0], secret=SECRETS[2]), "AXFR", ZONE)


def test_default_is_this_host():
    """Without the key: loopback and the own addresses, unsigned."""
    with alone.Alone(config()) as it:
        ready(it)
        assert "\tTXT\t" in dig(it, "AXFR", ZONE)
        assert "\tTXT\t" in dig(it, "-b", it.host, "AXFR", ZONE)
        assert metrics(it, "transfers") == {"sent": 2, "broken": 0, "failed": 0, "refused": 0}


def test_page_allows_its_own_command():
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../doc/transfers.md"), encoding="utf-8") as file:
        page = file.read()
    allowed = re.search(r"allow: \[(.*)\]", page).group(1).split(", ")
    node = re.search(r"^dig @(\S+) .*AXFR$", page, re.M).group(1)
    assert any(ipaddress.ip_address(node) in ipaddress.ip_network(one) for one in allowed), (node, allowed)


def test_check_refuses_a_secondary_that_would_name_a_dead_server():
    with alone.Alone(config()) as it:
        path = os.path.join(it.folder, "locum.yaml")
        for allow, good in ("127.0.0.0/8", True), (it.host, True), ("192.0.2.53", False):
            with open(path, "w", encoding="utf-8") as file:
                file.write(config(f"transfer: {{{{allow: [{allow}]}}}}").format(folder=it.folder, host=it.host))
            done = subprocess.run([os.environ["LOCUM"], "check", "-c", path], capture_output=True, text=True,
                                  timeout=20, check=False)
            assert (done.returncode == 0) == good, done
            assert good or "would go on naming a server that is down" in done.stdout + done.stderr, done


def main():
    """The tests that start a coordinator of their own come first: all have the same address."""
    own = {name: case for name, case in globals().items() if name.startswith(("test_default", "test_check", "test_page"))}
    started = []

    def on_it(case):
        def call():
            if not started:
                started.append(alone.Alone(config("transfer: {{allow: [127.0.0.0/29, 127.64.0.0/10], key-file: keys}}"),
                                           files={"keys": FILE}).__enter__())
                ready(started[0])
            case(started[0])
        return call
    try:
        cases.run(own | {name: on_it(case) for name, case in globals().items()
                         if name.startswith("test_") and name not in own})
    finally:
        for it in started:
            it.__exit__()


if __name__ == "__main__":
    main()

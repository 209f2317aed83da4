#!/usr/bin/python3
"""Challenges over HTTP, as lego's provider httpreq and acme-dns do it, on acme.listen and the control socket, with curl."""

import base64
import hashlib
import json
import os
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../self"))
import acme_pair
import alone
import cases
from acme_pair import CHALLENGE, HTTP, TOKEN, ZONE

BEARER = ["-H", f"Authorization: Bearer {TOKEN}"]


def txt(number):
    """A value as an authority asks for."""
    return base64.urlsafe_b64encode(hashlib.sha256(b"%d" % number).digest()).decode().rstrip("=")


def curl(url, *words):
    """Status and body."""
    done = subprocess.run(["curl", "--silent", "--show-error", "--max-time", "20", "--write-out", "\n%{http_code}", *words, url],
                          capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done
    body, _, status = done.stdout.rpartition("\n")
    return int(status), body


def post(node, path, body, *words):
    """By acme.listen; a body that is no text is sent as JSON."""
    data = body if isinstance(body, str) else json.dumps(body)
    status, text = curl(f"http://{node.host}:{HTTP}{path}", "--data", data, *words)
    return status, json.loads(text)


def account(node, name):
    done = subprocess.run([os.environ["LOCUM"], "acme", "account", name, "-c", node.path("locum.yaml")],
                          capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 0, done
    found = json.loads(done.stdout)
    assert list(found) == [name], found
    return found[name]


def test_present_and_cleanup(pair):
    """lego's default mode, with the token in each of its forms."""
    forms = [BEARER, ["-u", f"lego:{TOKEN}"], ["-u", f":{TOKEN}"], ["-H", f"X-Api-Key: {TOKEN}"]]
    for place, words in enumerate(forms):
        body = {"fqdn": f"{CHALLENGE}.", "value": txt(place)}
        assert post(pair.dc2, "/present", body, *words) == (200, {})
        assert pair.texts() == [txt(place)]
        assert post(pair.nodes[place % 2], "/cleanup", body, *words) == (200, {})
        assert pair.texts() == ["-"]
    line = f"event=acme node=dc2 name={CHALLENGE} state=set client=httpreq"
    pair.dc2.until("the event", lambda: line in pair.dc2.text())
    assert txt(0) not in pair.dc2.text() and TOKEN not in pair.dc2.text()


def test_raw_mode(pair):
    """lego's mode RAW: the server makes the value (RFC 8555, section 8.4)."""
    for domain in ZONE, f"*.{ZONE}":
        body = {"domain": domain, "token": "evaGxfADs6pSRb2LAv9IZ", "keyAuth": "evaGxfADs6pSRb2LAv9IZ.thumbprint"}
        value = base64.urlsafe_b64encode(hashlib.sha256(body["keyAuth"].encode()).digest()).decode().rstrip("=")
        assert post(pair.dc2, "/present", body, *BEARER) == (200, {})
        assert pair.texts() == [value]
        assert post(pair.dc2, "/cleanup", body, *BEARER) == (200, {})
        assert pair.texts() == ["-"]


def test_cleanup_removes_its_value_alone(pair):
    for number in range(3):
        assert post(pair.nodes[number % 2], "/present", {"fqdn": CHALLENGE, "value": txt(number)}, *BEARER)[0] == 200
    assert pair.texts() == sorted(txt(number) for number in range(3))
    assert post(pair.dc2, "/cleanup", {"fqdn": CHALLENGE, "value": txt(1)}, *BEARER)[0] == 200
    assert pair.texts() == sorted([txt(0), txt(2)])
    pair.clear()


def test_acme_dns(pair):
    """The account of a name, and the last two values."""
    of = account(pair.dc2, ZONE)
    assert of == account(pair.dc3, ZONE) | {"server_url": f"http://{pair.dc2.host}:{HTTP}"}, of
    assert (of["fulldomain"], of["password"]) == (CHALLENGE, TOKEN), of
    assert account(pair.dc2, f"dc2.{ZONE}")["subdomain"] != of["subdomain"]
    words = ["-H", f"X-Api-User: {of['username']}", "-H", f"X-Api-Key: {of['password']}"]
    kept = []
    for number in 0, 1, 1, 2, 0, 3:
        body = {"subdomain": of["subdomain"], "txt": txt(number)}
        assert post(pair.dc2, "/update", body, *words) == (200, {"txt": txt(number)})
        kept = ([number] + [one for one in kept if one != number])[:2]
        assert pair.texts() == sorted(txt(one) for one in kept), number
    pair.dc2.until("the event", lambda: f"state=set client=account:{ZONE}" in pair.dc2.text())
    assert post(pair.dc2, "/update", {"subdomain": of["subdomain"], "txt": "short"}, *words)[0] == 400
    assert post(pair.dc2, "/update", {"subdomain": of["subdomain"], "txt": "=" * 43}, *words)[0] == 400
    status, said = post(pair.dc2, "/update", {"subdomain": "x", "txt": txt(0)}, *words)
    assert status == 404 and "locum acme account" in said["errors"][0], said
    assert post(pair.dc2, "/update", {"subdomain": of["subdomain"], "txt": txt(0)},
                "-H", f"X-Api-User: {of['username']}")[0] == 401
    pair.clear()


def test_acme_dns_after_a_restart(pair):
    """The last two values are those that the server knows, however long it runs; another one has its own two."""
    def update(node, number):
        assert post(node, "/update", {"subdomain": account(node, ZONE)["subdomain"], "txt": txt(number)}, *BEARER)[0] == 200

    def kept():
        with open(pair.dc2.path("control.sock.acme"), encoding="utf-8") as file:
            text = file.read()
        return txt(10) in text and txt(11) in text

    for number in 10, 11:    # no other test has these
        update(pair.dc2, number)
    pair.dc2.until("the file", kept)
    pair.dc2.process.kill()
    pair.dc2.process.wait()
    pair.dc2.launch()
    pair.dc2.until("an answer", lambda: pair.dc2.texts() == sorted([txt(10), txt(11)]))
    update(pair.dc2, 12)
    assert pair.dc2.texts() == sorted([txt(11), txt(12)])
    pair.dc3.until("the same", lambda: pair.dc3.texts() == pair.dc2.texts())
    for number in 13, 14, 15:
        update(pair.dc3, number)
    pair.dc2.until("all", lambda: pair.dc2.texts() == sorted(txt(number) for number in (11, 12, 14, 15)))
    pair.clear()


def test_control_socket_needs_no_token(pair):
    words = ["--unix-socket", pair.dc2.path("control.sock")]
    body = json.dumps({"fqdn": CHALLENGE, "value": txt(7)})
    assert curl("http://localhost/present", "--data", body, *words) == (200, "{}")
    assert pair.texts() == [txt(7)]
    assert curl("http://localhost/cleanup", "--data", body, *words) == (200, "{}")
    assert pair.texts() == ["-"]


def test_token(pair):
    body = {"fqdn": CHALLENGE, "value": txt(0)}
    before = pair.dc2.metric("locum_acme_requests")["denied"]
    wrong = [[], ["-H", f"Authorization: Bearer {TOKEN[:-1]}"], ["-H", f"Authorization: Bearer {TOKEN}0"],
             ["-H", f"Authorization: Basic {TOKEN}"], ["-u", f"{TOKEN}:"], ["-H", "Authorization: Basic !!!!"],
             ["-H", f"Authorization: Digest {TOKEN}"], ["-H", "X-Api-Key;"], ["-H", f"X-Api-Key: {'0' * 300}"],
             ["-H", f"Authorization: Bearer {'x' * 32}", "-H", f"X-Api-Key: {TOKEN}"]]
    for words in wrong:
        status, said = post(pair.dc2, "/present", body, *words)
        assert status == 401 and "acme.token-file" in said["errors"][0], (words, said)
    assert "WWW-Authenticate: Basic" in curl(f"http://{pair.dc2.host}:{HTTP}/present", "--data", "{}", "--include")[1]
    assert pair.texts() == ["-"]
    assert pair.dc2.metric("locum_acme_requests")["denied"] == before + len(wrong) + 1


def test_only_these_paths(pair):
    """Of the other paths none is here, with the token or without."""
    for words in [], BEARER:
        for path in "/", "/status", "/metrics", "/admin", "/acme", "/reload", "/register":
            assert curl(f"http://{pair.dc2.host}:{HTTP}{path}", *words)[0] == 404, path
            assert post(pair.dc2, path, {}, *words)[0] == 404, path
        status, text = curl(f"http://{pair.dc2.host}:{HTTP}/present", *words)
        assert (status, json.loads(text)["errors"]) == (405, ["this path takes POST"])
    assert "POST /present, POST /cleanup, POST /update" in post(pair.dc2, "/x", {}, *BEARER)[1]["errors"][0]


def test_clear_errors(pair):
    rows = [({}, 400, "fqdn"), ("", 400, "fqdn"), ("[]", 400, "object"), ("{", 400, "JSON"), ({"fqdn": CHALLENGE}, 400, "value"),
            ({"fqdn": CHALLENGE, "value": 5}, 400, "value"), ({"fqdn": "x" * 600, "value": "v"}, 400, "fqdn"),
            ({"fqdn": "_acme-challenge.nothing.example.", "value": "v"}, 404, "nothing.example"),
            ({"fqdn": "_acme-challenge.other.example.org.", "value": "v"}, 404, "other.example.org"),
            ({"fqdn": CHALLENGE, "value": "a b"}, 400, ""), ({"fqdn": CHALLENGE, "value": "v" * 256}, 400, "value"),
            ({"domain": ZONE, "token": "t"}, 400, "keyAuth")]
    before = pair.dc2.metric("locum_acme_requests")["refused"]
    for body, expected, word in rows:
        status, said = post(pair.dc2, "/present", body, *BEARER)
        assert status == expected and word in said["errors"][0], (body, status, said)
    assert pair.texts() == ["-"]
    assert pair.dc2.metric("locum_acme_requests")["refused"] >= before + len(rows) - 2
    for number in range(8):
        assert post(pair.dc2, "/present", {"fqdn": CHALLENGE, "value": f"v{number}"}, *BEARER)[0] == 200
    status, said = post(pair.dc2, "/present", {"fqdn": CHALLENGE, "value": "v8"}, *BEARER)
    assert status == 409 and said["errors"], said
    pair.clear()


def test_a_node_that_has_too_many(pair):
    """The same values by three clients fill its list: the next one is refused, and can be removed."""
    owners = [CHALLENGE, f"_acme-challenge.dc2.{ZONE}", f"_acme-challenge.dc3.{ZONE}"]
    values = [f"{number}".ljust(255, "v") for number in range(8)]
    socket = ["--unix-socket", pair.dc2.path("control.sock")]
    for owner in owners:
        for value in values:
            body = json.dumps({"action": "set", "name": owner, "value": value})
            assert curl("http://localhost/acme", "--data", body, *socket)[0] == 200
    rcode, said = pair.dc2.nsupdate(*(f"update add {CHALLENGE} 15 TXT {value}" for value in values))
    assert rcode == "NOERROR", said
    replies = [post(pair.dc2, "/present", {"fqdn": owner, "value": value}, *BEARER) for owner in owners for value in values]
    assert {status for status, _ in replies} == {200, 409}, replies
    assert "too many values" in replies[-1][1]["errors"][0], replies[-1]
    for owner in owners:
        assert curl("http://localhost/acme", "--data", json.dumps({"action": "unset", "name": owner}), *socket)[0] == 200
    assert pair.texts() == ["-"]


def test_many_at_once(pair):
    """Clients that are held do not keep each other away; one that leaves changes nothing for others."""
    clients = [subprocess.Popen(
        ["curl", "--silent", "--max-time", "20" if number % 4 else "0.001", "--output", "/dev/null", "--write-out", "%{http_code}",
         *BEARER, "--data", json.dumps({"fqdn": f"_acme-challenge.dc{2 + number % 2}.{ZONE}", "value": f"v{number % 8}"}),
         f"http://{pair.dc2.host}:{HTTP}/present"], stdout=subprocess.PIPE, text=True) for number in range(24)]
    found = [client.communicate(timeout=30)[0] for client in clients]
    assert all(status == "200" for number, status in enumerate(found) if number % 4), found
    for which in 2, 3:
        for number in range(8):
            assert post(pair.dc2, "/cleanup", {"fqdn": f"_acme-challenge.dc{which}.{ZONE}", "value": f"v{number}"}, *BEARER)[0] == 200


def test_reload_changes_the_token(pair):
    with open(pair.dc2.path("acme.token"), "w", encoding="utf-8") as file:
        file.write("f" * 32 + "\n")
    subprocess.run([os.environ["LOCUM"], "reload", "-c", pair.dc2.path("locum.yaml")], check=True, capture_output=True, timeout=20)
    body = {"fqdn": CHALLENGE, "value": txt(0)}
    assert post(pair.dc2, "/present", body, *BEARER)[0] == 401
    assert post(pair.dc2, "/cleanup", body, "-u", f"x:{'f' * 32}")[0] == 200


def test_account_errors():
    with alone.Alone(files={"acme.token": "short\n"}) as it:
        path = os.path.join(it.folder, "locum.yaml")

        def said(more, *words):
            with open(path, "w", encoding="utf-8") as file:
                file.write(alone.CONFIG.format(folder=it.folder, host=it.host) + more)
            done = subprocess.run([os.environ["LOCUM"], "acme", "account", *words, "-c", path], capture_output=True,
                                  text=True, timeout=20, check=False)
            assert done.returncode != 0 and not done.stdout, done
            return done.stderr

        assert "acme.token-file" in said("", ZONE)
        assert "32 to 255" in said("acme: {token-file: acme.token}\n", ZONE)
        assert "usage" in said("")


def main():
    """Those without the pair come last: they have the address of one of its nodes."""
    own = {name: case for name, case in globals().items() if name.startswith("test_account")}
    with acme_pair.Pair() as pair:
        def end():
            pair.__exit__()
        cases.run({name: (lambda case=case: case(pair)) for name, case in globals().items()
                   if name.startswith("test_") and name not in own}
                  | {name: (lambda case=case: (end(), case())) for name, case in own.items()})


if __name__ == "__main__":
    main()

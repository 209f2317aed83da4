#!/usr/bin/python3
"""The commands of doc/certificates.md about ACME clients: nsupdate, Certbot, lego and curl set challenges at one server,
and pebble, an authority for tests, validates them at the other one. deadline: 120 s"""

import json
import os
import re
import shutil
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../self"))
import acme_pair
import cases
import pebble
from acme_pair import HTTP, PORT, SECRETS, TOKEN

PAGE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../doc/certificates.md")
VALUE = "LHDhK3oGRvkiefQnx7OOczTY5Tic_xZ6HcMOc_gmtoM"
ACME_PORT = 14000


def blocks(heading):
    """The code of a section, each as (language, text)."""
    with open(PAGE, encoding="utf-8") as file:
        section = re.split(r"^#+ ", file.read().split(f"# {heading}\n", 1)[1], maxsplit=1, flags=re.M)[0]
    return re.findall(r"^```(\w*)\n(.*?)^```$", section, re.M | re.S)


def secret(name="web.example.org"):
    return re.search(r'secret "(.*)"', acme_pair.key_file(name)).group(1)


class Authority:
    """pebble, which asks dc3."""

    def __init__(self, pair):
        self.pair, self.folder, self.host = pair, pair.dc2.folder, pair.dc2.host
        self.url = f"https://{self.host}:{ACME_PORT}/dir"
        self.certificate = pebble.certificate(self.folder)

    def __enter__(self):
        pebble.prepare(self.folder, self.host, ACME_PORT, f"{self.host}:15000")
        self.log = open(os.path.join(self.folder, "pebble.log"), "w+", encoding="utf-8")
        self.process = subprocess.Popen(pebble.command(self.folder, (self.pair.dc3.host, PORT)), stdout=self.log, stderr=self.log,
                                        env={**os.environ, **pebble.ENVIRONMENT})
        self.pair.dc2.until("pebble", lambda: subprocess.run(["curl", "-sfo", os.devnull, "--cacert", self.certificate, self.url],
                                                            check=False, timeout=20).returncode == 0, within=30)
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.log.close()


def here(pair, text, authority=None):
    """The text of the page for these nodes and ports."""
    node, folder = pair.dc2, pair.dc2.folder
    for old, new in (("/run/locum/control.sock", node.path("control.sock")), ("/etc/locum", folder), ("/etc/letsencrypt", folder),
                     ("/etc/lego", folder), ("127.0.0.1:9854", f"{node.host}:{HTTP}"), ("RFC2136_NAMESERVER=192.0.2.12", f"RFC2136_NAMESERVER={node.host}:{PORT}"),
                     ("server 192.0.2.12\n", f"server {node.host} {PORT}\n"), ("dig ", f"dig -p {PORT} "), ("192.0.2.12", node.host),
                     ("192.0.2.13", pair.dc3.host)):
        text = text.replace(old, new)
    text = re.sub(r"\bSECRET\b", secret(), text)
    text = re.sub(r"^(chown|systemctl) .*$", ":", text, flags=re.M)         # of the service
    text = re.sub(r"^locum (.*?)( >.*)?$", rf"{os.environ['LOCUM']} \1 -c {folder}/locum.yaml\2", text, flags=re.M)
    if authority:
        text = re.sub(r"^certbot ", f"certbot --server {authority.url} --no-verify-ssl --agree-tos --register-unsafely-without-email -n "
                                    f"--config-dir {folder}/le --work-dir {folder}/le --logs-dir {folder}/le ", text, flags=re.M)
        text = re.sub(r"^lego ", f"LEGO_CA_CERTIFICATES={authority.certificate} lego --server {authority.url} --path {folder}/lego "
                                 f"--dns.resolvers {node.host}:{PORT} --dns.disable-cp ", text, flags=re.M)
    return text


def run(script):
    done = subprocess.run(["sh", "-euc", script], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, (script, done.stdout, done.stderr)
    return done.stdout


def scripts(heading, word):
    found = [text for kind, text in blocks(heading) if kind == "sh" and word in text]
    assert len(found) == 1, (heading, word, found)
    return found[0]


def certificate_names(path):
    said = subprocess.run(["openssl", "x509", "-in", path, "-noout", "-ext", "subjectAltName"], capture_output=True, text=True,
                          check=True, timeout=20).stdout
    return sorted(re.findall(r"DNS:([^,\s]+)", said))


def test_key_and_nsupdate(pair):
    """tsig-keygen appends a key to the file, and a reload takes it."""
    os.rename(pair.dc2.path("acme.keys"), pair.dc2.path("old.keys"))
    run(here(pair, scripts("UPDATE with a key", "tsig-keygen"))
        .replace("tsig-keygen", "/usr/sbin/tsig-keygen"))
    said = run(here(pair, scripts("UPDATE with a key", "nsupdate")))
    assert said == f'"{VALUE}"\n', said
    os.rename(pair.dc2.path("old.keys"), pair.dc2.path("acme.keys"))
    run(here(pair, "locum reload\n"))
    pair.clear()


def test_certbot(pair):
    with Authority(pair) as authority:
        ini = [text for kind, text in blocks("UPDATE with a key") if kind == "ini"]
        path = pair.dc2.path("rfc2136.ini")
        with open(path, "w", encoding="utf-8") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(here(pair, ini[0]) + f"dns_rfc2136_port = {PORT}\n")
        run(here(pair, scripts("UPDATE with a key", "certbot"), authority))
        assert certificate_names(pair.dc2.path("le/live/get.example.org/cert.pem")) == ["*.get.example.org", "get.example.org"]
        assert pair.texts() == ["-"]


def lego(pair, heading, names):
    with Authority(pair) as authority:
        script = here(pair, scripts(heading, "lego --accept"), authority)
        if "acme.token" in script:
            script = re.sub(r"^openssl rand.*$", ":", script, flags=re.M)
        run(script)
        assert certificate_names(pair.dc2.path("lego/certificates/get.example.org.crt")) == names, script
        shutil.rmtree(pair.dc2.path("lego"))


def test_lego_rfc2136(pair):
    lego(pair, "UPDATE with a key", ["*.get.example.org", "get.example.org"])
    assert pair.texts() == ["-"]


def test_lego_httpreq(pair):
    lego(pair, "lego: httpreq", ["get.example.org"])
    assert pair.texts() == ["-"]
    assert "client=httpreq" in pair.dc2.text()


def test_account_of_acme_dns(pair):
    """The file that the page makes; Debian's lego has no provider acme-dns that could read it."""
    run(here(pair, scripts("acme-dns", "lego --accept").splitlines()[0] + "\n"))
    with open(pair.dc2.path("acme-dns.json"), encoding="utf-8") as file:
        account = json.load(file)["get.example.org"]
    assert sorted(account) == ["allowfrom", "fulldomain", "password", "server_url", "subdomain", "username"], account
    body = json.dumps({"subdomain": account["subdomain"], "txt": VALUE})
    assert run(f"curl -s -H 'X-Api-User: {account['username']}' -H 'X-Api-Key: {account['password']}' -d '{body}' "
               f"{account['server_url']}/update") == json.dumps({"txt": VALUE}).replace(" ", "")
    assert pair.texts() == [VALUE]
    pair.clear()


def test_curl(pair):
    present, cleanup = scripts("lego: httpreq", "curl").splitlines()
    assert run(here(pair, present)) == "{}" and pair.texts() == [VALUE]
    assert run(here(pair, cleanup)) == "{}" and pair.texts() == ["-"]


def test_settings(pair):
    """Those of the page are those that these tests use."""
    yaml = [text for kind, text in blocks("ACME clients that set the challenge themselves") if kind == "yaml"]
    for line in yaml[0].splitlines():
        assert line.replace("127.0.0.1:9854", "{own}:19854") in acme_pair.ACME, line
    assert len(TOKEN) >= 32 and SECRETS and pair.texts() == ["-"]


def main():
    with acme_pair.Pair() as pair:
        cases.run({name: (lambda case=case: case(pair)) for name, case in globals().items() if name.startswith("test_")})


if __name__ == "__main__":
    main()

"""
acme: a certificate authority on the client (pebble), and ACME clients on the servers: certbot, lego, dehydrated and
the functions of acme.sh's DNS API.
"""

import os
import secrets
import subprocess
import tempfile
from base64 import b64encode
from pathlib import Path

import pebble
from programs import ROOT, Program

HOOKS = ROOT / "deploy/acme"
MAIL = "hostmaster@example.org"


class Ways:
    """How clients set values at a server: a key for UPDATE, a token for HTTP on its loopback address."""

    key_name, listen = "web.example.org", "127.0.0.1:9854"

    def __init__(self, folder):
        self.key_secret = b64encode(secrets.token_bytes(32)).decode()
        self.token = secrets.token_hex(32)
        self.files = {"keys": folder / "acme.keys", "token-file": folder / "acme.token"}
        _write_private(self.files["keys"], f'key "{self.key_name}" {{ algorithm hmac-sha256; '
                                           f'secret "{self.key_secret}"; }};\n')
        _write_private(self.files["token-file"], self.token + "\n")

    def yaml(self):
        return f"acme: {{{', '.join(f'{key}: {path}' for key, path in self.files.items())}, listen: \"{self.listen}\"}}\n"


def _write_private(path, text):
    path.touch(mode=0o600)
    path.write_text(text)


class Authority(Program):
    """It validates by asking one DNS server. `asks`: its (address, port); it counts from the next start."""

    name, port = "pebble", 14000

    def __init__(self, host):
        super().__init__(host)
        self.url = f"https://{host.address}:{self.port}/dir"
        self.certificate = pebble.certificate(self.dir)
        self.asks = (host.address, host.ports.dns)

    def configure(self):
        pebble.prepare(self.dir, self.host.address, self.port, "127.0.0.1:15000")

    def argv(self):
        return pebble.command(self.dir, self.asks)

    def environment(self):
        return {**os.environ, **pebble.ENVIRONMENT}

    def ready(self):
        return self.host.accepts(self.host.address, self.port)

    def asking(self, host):
        """Validate by asking this host's DNS from now on."""
        self.stop()
        self.asks = (host.address, host.ports.dns)
        self.start()


class Client:
    """An ACME client on one server, with a folder of its own for each certificate."""

    def __init__(self, site, host):
        self.site, self.host = site, host
        tools = host.dir / "acme-tools"
        tools.mkdir(exist_ok=True)
        # Hooks call `locum`, which finds its socket by the configuration.
        (tools / "locum").write_text(f'#!/bin/sh\nword=$1\nshift\nexec "{host.locum.binary()}" "$word" '
                                     f'-c "{host.locum.config}" "$@"\n')
        (tools / "locum").chmod(0o755)
        self.env = {**os.environ, "PATH": f"{tools}:{os.environ['PATH']}", "HOME": str(tools), "PYTHONWARNINGS": "ignore"}

    def _call(self, *words, env=None):
        done = self.host.call(*words, env={**self.env, **(env or {})}, within=60)
        if done.returncode != 0:
            raise AssertionError(f"{words[0]} on {self.host} ended with {done.returncode}: "
                                 f"{(done.stdout + done.stderr)[-1500:]}")
        return done.stdout

    def _folder(self):
        return tempfile.mkdtemp(prefix="acme-", dir=self.host.dir)

    def certbot(self, names, *words):
        folder = self._folder()
        self._call("certbot", "certonly", "--non-interactive", "--agree-tos", "-m", MAIL, "--no-verify-ssl",
                   "--server", self.site.client.pebble.url, "--config-dir", folder, "--work-dir", folder,
                   "--logs-dir", folder, *words, *(word for name in names for word in ("-d", name)))
        return f"{folder}/live/{names[0].removeprefix('*.')}/cert.pem"

    def certbot_by_hook(self, *names):
        return self.certbot(names, "--manual", "--preferred-challenges", "dns",
                            "--manual-auth-hook", f"{HOOKS}/certbot set",
                            "--manual-cleanup-hook", f"{HOOKS}/certbot unset")

    def certbot_by_update(self, *names, at):
        """At the DNS of the server `at`."""
        ways, credentials = self.site.acme, Path(f"{self._folder()}/credentials")
        _write_private(credentials, f"dns_rfc2136_server = {at.address}\ndns_rfc2136_port = {at.ports.dns}\n"
                                    f"dns_rfc2136_name = {ways.key_name}\ndns_rfc2136_secret = {ways.key_secret}\n"
                                    "dns_rfc2136_algorithm = HMAC-SHA256\n")
        return self.certbot(names, "--dns-rfc2136", "--dns-rfc2136-credentials", str(credentials),
                            "--dns-rfc2136-propagation-seconds", "0")

    def _lego(self, names, provider, env):
        folder = self._folder()
        self._call("lego", "--accept-tos", "--email", MAIL, "--server", self.site.client.pebble.url, "--path", folder,
                   "--dns", provider, "--dns.disable-cp", "--dns.resolvers",
                   f"{self.host.address}:{self.host.ports.dns}",
                   *(word for name in names for word in ("-d", name)), "run",
                   env={"LEGO_CA_CERTIFICATES": self.site.client.pebble.certificate, **env})
        return f"{folder}/certificates/{names[0].replace('*', '_')}.crt"

    def lego_by_http(self, *names):
        return self._lego(names, "httpreq", {"HTTPREQ_ENDPOINT": f"http://{self.site.acme.listen}",
                                             "HTTPREQ_USERNAME": "lego", "HTTPREQ_PASSWORD": self.site.acme.token})

    def lego_by_update(self, *names, at):
        ways = self.site.acme
        return self._lego(names, "rfc2136", {"RFC2136_NAMESERVER": f"{at.address}:{at.ports.dns}",
                                             "RFC2136_TSIG_KEY": ways.key_name, "RFC2136_TSIG_SECRET": ways.key_secret,
                                             "RFC2136_SEQUENCE_INTERVAL": "1",
                                             "RFC2136_TSIG_ALGORITHM": "hmac-sha256."})

    def dehydrated(self, *names):
        folder = self._folder()
        with open(f"{folder}/config", "w", encoding="ascii") as file:
            file.write(f"CA={self.site.client.pebble.url}\nCHALLENGETYPE=dns-01\nBASEDIR={folder}\nCURL_OPTS=-k\n"
                       f"HOOK={HOOKS}/dehydrated\nCONTACT_EMAIL={MAIL}\nKEY_ALGO=prime256v1\nACCOUNT_KEYSIZE=2048\n")
        self._call("dehydrated", "--config", f"{folder}/config", "--register", "--accept-terms")
        self._call("dehydrated", "--config", f"{folder}/config", "--cron",
                   *(word for name in names for word in ("--domain", name)))
        return f"{folder}/certs/{names[0]}/cert.pem"

    def acme_sh(self, action, owner, value):
        """dns_locum_add or dns_locum_rm, as acme.sh calls it."""
        self._call("sh", "-c", f'. "{HOOKS}/dns_locum.sh" && "dns_locum_$1" "$2" "$3"', "sh", action, owner, value)


def names_of(path):
    """The names in a certificate."""
    text = subprocess.run(["openssl", "x509", "-in", path, "-noout", "-ext", "subjectAltName"],
                          check=True, capture_output=True, text=True).stdout
    return {word.removeprefix("DNS:") for word in text.replace(",", " ").split() if word.startswith("DNS:")}

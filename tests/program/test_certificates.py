#!/usr/bin/python3
"""doc/certificates.md: a tls check of a real coordinator against a TLS server whose certificate ends soon."""

import json
import os
import re
import ssl
import socket
import subprocess
import sys
import tempfile
import threading

sys.dont_write_bytecode = True
sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../self"))
import alone
import cases

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")


class Server:
    """A TLS server on a loopback address with a certificate for `name` that ends after `days`."""

    def __init__(self, folder, name, days):
        self.pem = os.path.join(folder, "server.pem")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                        "-nodes", "-keyout", self.pem + ".key", "-out", self.pem, "-days", str(days),
                        "-subj", "/CN=test", "-addext", f"subjectAltName=DNS:{name}"],
                       check=True, stderr=subprocess.DEVNULL)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.pem, self.pem + ".key")
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.context = context
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            link, _ = self.listener.accept()
            try:
                self.context.wrap_socket(link, server_side=True).close()
            except OSError:
                link.close()


def read_page():
    with open(os.path.join(ROOT, "doc/certificates.md"), encoding="utf-8") as file:
        return file.read()


def test_a_certificate_that_ends_soon_and_one_for_another_name():
    with tempfile.TemporaryDirectory() as folder:
        server = Server(folder, "get.example.org", 5)
        check = (f"    - tls: {{address: \"127.0.0.1:{server.port}\", ca-file: {server.pem}, "
                 "names: [get.example.org, other.example.org]}\n")
        with alone.Alone(more=check) as it:
            def listed():
                status = json.loads(it.get("/status"))
                return status if all(one["left_days"] is not None for one in status["certificates"]) else None
            status = it.until("both are seen", listed)
            first, second = status["certificates"]
            assert first["name"] == "get.example.org." and first["left_days"] in (4, 5) and not first["error"], first
            assert second["left_days"] in (4, 5) and "no alternative certificate" in second["error"], second
            assert {one["state"] for one in status["checks"] if one["name"].startswith("tls")} == {"up"}, status
            warnings = [text for text in status["warnings"] if text.startswith("the certificate for")]
            assert len(warnings) == 2, warnings
            assert "ends on" in warnings[0] and "is refused by clients" in warnings[1], warnings
            metrics = it.get("/metrics")
            labels = rf'\{{check="tls 127\.0\.0\.1:{server.port} [^"]*",name="get\.example\.org\."\}}'
            assert re.search(rf"^locum_certificate_expiry_timestamp_seconds{labels} \d+\.000$", metrics, re.M), metrics
            assert re.search(r'^locum_certificate_valid\{.*name="other\.example\.org\."\} 0$', metrics, re.M), metrics
            assert 'locum_warnings{about="certificate"} 2' in metrics, metrics


def test_the_examples_of_the_page():
    """Its check is accepted; its records of acme.persist are served by two nodes of one configuration."""
    page = read_page()
    lines = re.search(r"```yaml\nservice:\n  checks:\n(.*?)```", page, re.S).group(1)
    acme = re.search(r"```yaml\n(    acme:.*?)```", page, re.S).group(1)
    answers = re.findall(r'^(_validation-persist\S+) +60 IN TXT (".*")$', page, re.M)
    assert len(answers) == 3, answers
    https = re.search(r"```yaml\n(    https:.*?)```", page, re.S).group(1)
    acme += https
    config = alone.CONFIG.replace("service:", acme.replace("{", "{{").replace("}", "}}") + "service:")
    for node in ("dc2", "dc3"):
        with alone.Alone(config.replace("node: dc2", f"node: {node}"), more=lines) as it:
            it.until("it answers", lambda: it.get("/healthz"))
            checks = [one["name"] for one in json.loads(it.get("/status"))["checks"]]
            assert checks[1:] == ["http 127.0.0.1", "tls 127.0.0.1:443"], checks
            for name, value in answers:
                said = subprocess.run(["dig", f"@{it.host}", "-p", "15353", "+short", name, "TXT"],
                                      capture_output=True, text=True, check=True).stdout
                assert said == value + "\n", (node, name, said)
            address, said = (subprocess.run(["dig", f"@{it.host}", "-p", "15353", "+short", "dc2.get.example.org", kind],
                                            capture_output=True, text=True, check=True).stdout.strip()
                             for kind in ("A", "TYPE65"))
            hexadecimal = "".join(f"{int(part):02X}" for part in address.split("."))
            assert f'alpn="h2,h3" ipv4hint={address}' in said or hexadecimal in said.replace(" ", ""), said
            listed = [one for one in json.loads(it.get("/status"))["names"] if one["type"] == "HTTPS"]
            assert len(listed) == 3, listed


cases.run(globals())

"""pebble: how the authority for tests is run: its files, its command and its environment."""

import json
import os
import subprocess

# Each order is validated again, and at once.
ENVIRONMENT = {"PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "0", "PEBBLE_AUTHZREUSE": "0"}


def certificate(folder):
    """That of its HTTPS, which a client must trust."""
    return os.path.join(folder, "pebble.pem")


def prepare(folder, address, port, management):
    """Write its files. management: the address and port of its second listener."""
    key, config = os.path.join(folder, "pebble.key"), os.path.join(folder, "pebble.json")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-days", "2", "-subj", "/CN=pebble", "-addext", f"subjectAltName=IP:{address}",
                    "-keyout", key, "-out", certificate(folder)], check=True, capture_output=True, timeout=30)
    with open(config, "w", encoding="utf-8") as file:
        json.dump({"pebble": {"listenAddress": f"{address}:{port}", "managementListenAddress": management,
                              "certificate": certificate(folder), "privateKey": key, "httpPort": 80, "tlsPort": 443}}, file)


def command(folder, asks):
    """asks: the (address, port) of the DNS server that it validates by."""
    return ["pebble", "-config", os.path.join(folder, "pebble.json"), "-strict=false", "-dnsserver", f"{asks[0]}:{asks[1]}"]

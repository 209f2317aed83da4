#!/usr/bin/env python3
"""`locum delegation`: from the configuration alone; a parent zone with its output loads."""

import os
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../self"))
import cases

LOCUM = os.environ.get("LOCUM", os.path.join(os.environ["BUILD"], "locum"))
CONFIG = """\
cluster: get
node: dc2
secret-file: secret
nodes: {dc2: {address: [192.0.2.12]}, dc3: {address: [192.0.2.13]}}
zones:
  - {name: get.example.org, ns: [dc2.example.org, ns3.get.example.org], records: [ns3 A 192.0.2.13]}
  - {name: all.example.org, ns: [dc2.example.org], answer: all}
service: {checks: [{tcp: {address: "127.0.0.1:80"}}]}
"""
PARENT = """\
$ORIGIN example.org.
@ 3600 SOA ns0 hostmaster 1 3600 600 604800 60
@ 3600 NS ns0
ns0 3600 A 192.0.2.10
dc2 3600 A 192.0.2.12
"""


def delegation(*words, config=CONFIG, code=0):
    with tempfile.TemporaryDirectory(prefix="locum-delegation-") as folder:
        for name, text in (("locum.yaml", config), ("secret", bytes(range(32)).hex() + "\n")):
            with open(os.path.join(folder, name), "w", encoding="utf-8",
                      opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
                file.write(text)
        run = subprocess.run([LOCUM, "delegation", "-c", os.path.join(folder, "locum.yaml"), *words],
                             capture_output=True, text=True, check=False)
    assert run.returncode == code, (run.returncode, run.stdout, run.stderr)
    return run.stdout if code == 0 else run.stderr


def test_a_parent_zone_with_it_loads():
    text = delegation()
    records = [line for line in text.splitlines() if not line.startswith(";")]
    assert records == ["get.example.org.\t3600\tIN\tNS\tdc2.example.org.",
                       "get.example.org.\t3600\tIN\tNS\tns3.get.example.org.",
                       "ns3.get.example.org.\t3600\tIN\tA\t192.0.2.13",
                       "all.example.org.\t3600\tIN\tNS\tdc2.example.org."], text
    assert '; <link rel="dns-prefetch" href="//get.example.org">' in text, text
    with tempfile.NamedTemporaryFile("w", suffix=".zone") as zone:
        zone.write(PARENT + text)
        zone.flush()
        run = subprocess.run(["nsd-checkzone", "example.org", zone.name], capture_output=True, text=True,
                             check=False)
    assert run.returncode == 0 and "is ok" in run.stdout, run.stdout + run.stderr


def test_one_zone_can_be_named():
    text = delegation("All.example.org.")
    assert "all.example.org.\t3600\tIN\tNS\tdc2.example.org." in text and "ns3" not in text, text
    assert "no zone 'dc2.example.org'" in delegation("dc2.example.org", code=2)
    assert "unexpected argument" in delegation("get.example.org", "all.example.org", code=2)


def test_a_refused_configuration_is_an_error():
    text = delegation(config=CONFIG.replace("ns3 A 192.0.2.13", "ns3 A here"), code=2)
    assert "locum.yaml:6:" in text and "cannot be used" in text, text


cases.run(globals())

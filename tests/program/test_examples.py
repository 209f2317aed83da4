#!/usr/bin/env python3
"""The example files pass `locum check` and the checks of BIND and NSD."""

import os
import re
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../self"))
import cases

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LOCUM, LOCUM_NSD = (os.path.join(os.environ["BUILD"], name) for name in ("locum", "locum-nsd"))


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read()


def write(path, text):
    with open(path, "w", encoding="utf-8", opener=lambda p, f: os.open(p, f, 0o600)) as file:
        file.write(text)


def call(*words):
    run = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                         check=False, timeout=20)
    return run.returncode, run.stdout


def test_locum_yaml_of_the_article_is_valid_on_each_node():
    with tempfile.TemporaryDirectory(prefix="locum-examples-") as folder:
        write(f"{folder}/secret", bytes(range(32)).hex() + "\n")
        write(f"{folder}/redis-password", "password\n")
        text = read("deploy/examples/article-locum.yaml")
        for node in ("dc2", "dc3", "ns0"):
            write(f"{folder}/locum.yaml", f"node: {node}\n{text}")
            code, output = call(LOCUM, "check", "-c", f"{folder}/locum.yaml")
            assert code == 0 and " 0 warning(s)" in output, output
        assert re.search(r"^listen: {dns: none}", text, re.M)


def test_single_file_of_the_readme_is_valid_on_each_node():
    """Also on a witness, which has no mirrorbits.conf."""
    with tempfile.TemporaryDirectory(prefix="locum-examples-") as folder:
        write(f"{folder}/secret", bytes(range(32)).hex() + "\n")
        write(f"{folder}/redis-password", "password\n")
        text = re.search(r"```yaml\n(cluster: .*?)```", read("README.md"), re.S).group(1)
        for node in ("dc2", "dc3", "ns0"):
            write(f"{folder}/locum.yaml", f"node: {node}\n{text.replace('/etc/locum/', folder + '/')}")
            code, output = call(LOCUM, "check", "-c", f"{folder}/locum.yaml")
            assert code == 0 and " 0 warning(s)" in output, output


def test_the_check_of_the_mirrorbits_page_is_valid_with_its_mirrorbits_conf():
    with tempfile.TemporaryDirectory(prefix="locum-examples-") as folder:
        write(f"{folder}/secret", bytes(range(32)).hex() + "\n")
        write(f"{folder}/redis-password", "password\n")
        ours, theirs = re.findall(r"```yaml\n(.*?)```", read("doc/mirrorbits.md"), re.S)[:2]
        whole = re.search(r"```yaml\n(cluster: .*?)```", read("README.md"), re.S).group(1)
        text = whole[:whole.index("redis:\n  master-name")] + ours
        text = text.replace("/etc/locum/", folder + "/").replace("/etc/mirrorbits.conf",
                                                                 f"{folder}/mirrorbits.conf")
        for node in ("dc2", "dc3", "ns0"):
            write(f"{folder}/locum.yaml", f"node: {node}\n{text}")
            if node != "ns0":
                write(f"{folder}/mirrorbits.conf", theirs)
            code, output = call(LOCUM, "check", "-c", f"{folder}/locum.yaml")
            assert code == 0, output
            assert node == "ns0" or "ListenAddress (127.0.0.1:8080), 1 Fallbacks" in output, output
            if node != "ns0":
                os.unlink(f"{folder}/mirrorbits.conf")


def test_locum_nsd_yaml_is_valid_with_its_nsd_conf():
    with tempfile.TemporaryDirectory(prefix="locum-examples-") as folder:
        text = read("deploy/examples/locum-nsd.yaml")
        nsd = [line[4:] for line in text.splitlines() if line.startswith("#   ")]
        assert "remote-control:" in nsd and "pattern:" in nsd, nsd
        write(f"{folder}/nsd.conf", "\n".join(nsd) + "\n")
        assert "config: /etc/nsd/nsd.conf" in text
        write(f"{folder}/a.yaml", text.replace("/etc/nsd/nsd.conf", f"{folder}/nsd.conf"))
        code, output = call(LOCUM_NSD, "check", "-c", f"{folder}/a.yaml")
        assert code == 0 and "/run/nsd/nsd.ctl" in output, output


def records(zone):
    """The records below get, as BIND reads the zone."""
    with tempfile.TemporaryDirectory(prefix="locum-examples-") as folder:
        write(f"{folder}/zone", zone)
        code, output = call("named-checkzone", "-D", "-i", "local", "example.org", f"{folder}/zone")
        assert code == 0, output
        return {" ".join(line.split()) for line in output.splitlines() if line.startswith("get.")}


def test_parent_zone_is_the_same_in_example_and_page():
    head = "$ORIGIN example.org.\n@ 3600 IN SOA ns0 hostmaster 1 1 1 1 1\n@ 3600 IN NS ns0\n" \
        "ns0 3600 IN A 192.0.2.10\n"
    lines = read("deploy/examples/article-parent.zone")
    shown = re.search(r"`/etc/bind/zones/example.org`, on ns0:\n\n```\n(.*?)```",
                      read("doc/from-the-article.md"), re.S).group(1)
    found = records(head + lines)
    assert len(found) == 4 and found == records(shown), found ^ records(shown)
    with_ipv6 = records(head + re.sub(r"^;(?=get)", "", lines, flags=re.M))
    assert len(with_ipv6) == 6 and found < with_ipv6, with_ipv6


cases.run(globals())

#!/usr/bin/python3
"""Alerts and scrape configuration in deploy/prometheus: valid for promtool, each alert tested,
documented, and made of metrics that a running coordinator answers."""

import os
import re
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../self"))
import alone
import cases
import promql

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
RULES = "deploy/prometheus/locum-alerts.yml"
TESTS = ("tests/program/alerts.yml", "tests/program/alerts-long.yml")


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read()


def promtool(*words):
    run = subprocess.run(["promtool", *words], cwd=ROOT, text=True, check=False, timeout=50,
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert run.returncode == 0, run.stdout
    return run.stdout


def alerts():
    return promql.alerts(read(RULES))


def field(text, name):
    found = re.search(rf"^ +{name}: (.*)$", text, re.M)
    return found[1] if found else ""


def anchors(path):
    """The anchors of the headings of a page, as web pages make them."""
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")
            for heading in re.findall(r"^#+ (.*)$", read(path), re.M)}


def rows(path, heading):
    """The first cells of the table below a heading."""
    part = read(path).split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return re.findall(r"^\| `([\w-]+)` \|", part, re.M)


def metrics():
    with alone.Alone() as it:
        it.until("/metrics is answered", lambda: it.get("/metrics"))
        return it.get("/metrics")


METRICS = metrics()


def test_promtool_accepts_the_rules_and_the_scrape_configuration():
    assert f"{len(alerts())} rules found" in promtool("check", "rules", RULES)
    assert "1 rule files found" in promtool("check", "config", "deploy/prometheus/prometheus.yml")


def test_alerts_fire_when_they_should_and_only_then():
    said = promtool("test", "rules", *TESTS)
    assert said.count("SUCCESS") == len(TESTS), said


def test_each_alert_is_tested_firing_and_not_firing():
    groups = [group for path in TESTS for group in re.split(r"^  - name: ", read(path), flags=re.M)]
    for name in alerts():
        own = "".join(group for group in groups if group.startswith(name))
        assert re.search(rf'exp_samples: \[{{labels: \'.*alertname="{name}"', own), f"{name} never fires"
        assert "exp_samples: []" in own, f"there is no test in which {name} does not fire"


def test_each_alert_says_what_it_is_and_what_to_do():
    for name, text in alerts().items():
        assert field(text, "labels") in ("{severity: critical}", "{severity: warning}"), name
        for key in ("summary", "description", "action"):
            assert len(field(text, key)) > 15, f"{name} has no {key}"
        page, _, anchor = field(text, "runbook").partition("#")
        assert anchor in anchors(page), f"{name}: {page} has no heading #{anchor}"


def test_the_page_lists_each_alert_with_its_severity():
    listed = re.findall(r"^\| `(Locum\w+)` \| (\w+) \|.*\| (.*) \|$", read("doc/monitoring.md"), re.M)
    assert [(name, severity) for name, severity, _ in listed] == \
        [(name, re.search(r"\w+(?=})", field(text, "labels"))[0]) for name, text in alerts().items()]
    for name, _, text in listed:
        for path, anchor in re.findall(r"\(([\w.-]*)#([\w-]+)\)", text):
            assert anchor in anchors(f"doc/{path or 'monitoring.md'}"), (name, path, anchor)


def test_alerts_name_only_what_a_coordinator_answers():
    known = promql.Metrics(METRICS, read("doc/locum.8"))
    for name, text in alerts().items():
        wrong = list(known.complaints(promql.expression(text)))
        assert not wrong, f"{name}: {wrong}"
    # The comparison itself sees what is wrong.
    for wrong in ('locum_degrade > 0', 'locum_degraded{abot="dns"}', 'locum_degraded{about="dms"}',
                  'locum_degraded{about=~"dns|dms"}', "sum by (peer) (locum_degraded)"):
        assert list(known.complaints(wrong)), wrong


def test_all_that_can_be_degraded_or_warned_of_has_a_row_and_an_alert():
    known = promql.Metrics(METRICS, read("doc/locum.8")).labels
    expressions = "".join(promql.expression(text) for text in alerts().values())
    others = {name: re.search(rf'{name}{{about!~"([^"]*)"}}', expressions)[1].split("|")
              for name in ("locum_degraded", "locum_warnings")}
    for about in known["locum_degraded"]["about"]:
        assert about in rows("doc/operations.md", "What is degraded"), about
    for about in known["locum_warnings"]["about"]:
        assert about in rows("doc/operations.md", "Warnings"), about
    # What the last two alerts leave out has an alert of its own; a warning may be degraded as well.
    own = {"condition": "LocumNodeDown", "service": "LocumServiceNotUp", "fail-open": "LocumFailOpen",
           "answers": "LocumAnswersStale", "clock": "LocumClock",
           "configuration": "LocumConfigurationDiffers", "mirrorbits": "LocumMirrorbits",
           "hook": "LocumHookFailing", "ds": "LocumDsMismatch", "signatures": "LocumSignaturesEnd"}
    assert set(own.values()) <= set(alerts())
    covered = set(own) | {"reported"}
    for values in re.findall(r'about=~?"([^"]*)"', expressions):
        covered |= set(values.split("|"))
    degraded = known["locum_degraded"]["about"] - set(others["locum_degraded"])
    assert set(others["locum_degraded"]) <= covered, set(others["locum_degraded"]) - covered
    assert set(others["locum_warnings"]) <= covered | degraded, set(others["locum_warnings"])


cases.run(globals())

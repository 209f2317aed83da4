#!/usr/bin/python3
"""The dashboard in deploy/grafana: valid, without panels over each other, and each of its queries has an
answer from the metrics of a running coordinator."""

import json
import os
import re
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../self"))
import alone
import cases
import promql

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read()


BOARD = json.loads(read("deploy/grafana/locum.json"))
QUERIES = list(promql.queries(read("deploy/grafana/locum.json")))
PANELS = [panel for panel in BOARD["panels"] if panel["type"] != "row"]
VARIABLES = {variable["name"]: variable for variable in BOARD["templating"]["list"]}


# What needs peers, NSD or a signed zone has no samples here; tests/lab/test_operator.py has peers.
WITHOUT_DATA = {"locum_peer_dns_up", "locum_peer_heard_age_seconds", "locum_peer_clock_offset_seconds",
                "locum_nsd_lag_seconds", "locum_dnssec_ds", "locum_dnssec_signature_expiry_timestamp_seconds"}


def metrics():
    with alone.Alone() as it:
        it.until("a check was run", lambda: "\nlocum_check_duration_seconds{" in it.get("/metrics"))
        return it.get("/metrics")


METRICS = metrics()
KNOWN = promql.Metrics(METRICS, read("doc/locum.8"))


def test_the_basics_of_the_schema():
    ids = [panel["id"] for panel in BOARD["panels"]]
    assert len(set(ids)) == len(ids) and all(isinstance(each, int) for each in ids)
    assert BOARD["uid"] and BOARD["title"] and BOARD["schemaVersion"] >= 36 and "__inputs" not in BOARD
    titles = [panel["title"] for panel in BOARD["panels"]]
    assert len(set(titles)) == len(titles), titles
    for panel in PANELS:
        assert panel["type"] in ("stat", "state-timeline", "timeseries", "table"), panel["title"]
        refs = [target["refId"] for target in panel["targets"]]
        assert refs and len(set(refs)) == len(refs), panel["title"]
        assert "defaults" in panel["fieldConfig"] and "options" in panel, panel["title"]


def test_no_panel_is_over_another_or_beside_the_grid():
    taken = {}
    for panel in BOARD["panels"]:
        grid = panel["gridPos"]
        assert grid["w"] > 0 and grid["h"] > 0 and grid["x"] >= 0 and grid["x"] + grid["w"] <= 24, grid
        for x in range(grid["x"], grid["x"] + grid["w"]):
            for y in range(grid["y"], grid["y"] + grid["h"]):
                other = taken.setdefault((x, y), panel["title"])
                assert other == panel["title"], f"{panel['title']} is over {other}"
    bottom = max(y for _, y in taken) + 1
    assert all((x, y) in taken for x in range(24) for y in range(bottom)), "there are gaps"


def test_data_source_and_cluster_are_variables():
    assert list(VARIABLES) == ["datasource", "cluster", "instance"]
    assert VARIABLES["datasource"]["type"] == "datasource"
    assert VARIABLES["instance"]["multi"] and VARIABLES["instance"]["includeAll"]
    for name in ("cluster", "instance"):
        query = VARIABLES[name]["query"]["query"]
        assert re.fullmatch(rf'label_values\(locum_info({{cluster="\$cluster"}})?, {name}\)', query)
    by_variable = {"type": "prometheus", "uid": "${datasource}"}
    for panel in PANELS:
        assert panel["datasource"] == by_variable, panel["title"]
        for target in panel["targets"]:
            assert target["datasource"] == by_variable, panel["title"]
            for name, matchers in promql.METRIC.findall(target["expr"]):
                assert 'cluster="$cluster"' in matchers, f"{panel['title']}: {name} of all clusters"


def test_queries_name_only_what_a_coordinator_answers():
    assert len(QUERIES) > 30
    for title, expression, legend in QUERIES:
        wrong = list(KNOWN.complaints(expression))
        assert not wrong, f"{title}: {wrong}"
        by = re.search(r"\bby \(([^)]*)\)", expression)
        for label in re.findall(r"{{(\w+)}}", legend):
            assert by and label in by[1].split(", "), f"{title}: the result has no label {label}"


def test_each_query_has_an_answer():
    """promtool evaluates it with the series of the coordinator; each has grown."""
    series = [f"{name}{{{labels + ',' if labels else ''}"
              'cluster="get",instance="dc2:9854",job="locum"}'
              for name, labels in promql.SAMPLE.findall(METRICS)]
    tests = []
    for title, expression, _ in QUERIES:
        named = {name for name, _ in promql.METRIC.findall(expression)}
        has_data = not named <= WITHOUT_DATA
        tests.append({"expr": f"count({expression}) > bool 0", "eval_time": "20m",
                      "exp_samples": [{"labels": "{}", "value": 1}] if has_data else []})
    with tempfile.TemporaryDirectory(prefix="locum-grafana-") as folder:
        path = os.path.join(folder, "queries.yml")      # YAML contains JSON
        with open(path, "w", encoding="utf-8") as file:
            json.dump({"tests": [{"interval": "1m", "promql_expr_test": tests, "input_series": [
                {"series": each, "values": "1+1x30"} for each in series]}]}, file)
        run = subprocess.run(["promtool", "test", "rules", path], stdout=subprocess.PIPE, text=True,
                             stderr=subprocess.STDOUT, check=False, timeout=50)
        assert run.returncode == 0, run.stdout


cases.run(globals())

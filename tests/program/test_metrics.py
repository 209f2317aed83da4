#!/usr/bin/python3
"""GET /metrics of a real coordinator, read by the Prometheus client library and by promtool."""

import os
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../self"))
import alone
import cases


def text():
    with alone.Alone() as it:
        it.until("the state file is read", lambda: "\nlocum_state_age_seconds " in it.get("/metrics"))
        return it.get("/metrics")


METRICS = text()


def test_prometheus_client_reads_the_metrics():
    from prometheus_client.parser import text_string_to_metric_families
    families = list(text_string_to_metric_families(METRICS))
    assert len(families) > 40, families
    for family in families:
        assert family.name.startswith("locum_") and family.documentation and \
            family.type in ("counter", "gauge", "histogram"), family
    named = {family.name: family for family in families}
    assert [sample.labels for sample in named["locum_peer_condition"].samples if sample.value] == \
        [{"peer": peer, "condition": "unknown"} for peer in ("dc3", "ns0")]
    assert named["locum_redis_connected"].samples[0].value == 0
    seen = {tuple(sorted(sample.labels.items())) + (sample.name,)
            for family in families for sample in family.samples}
    assert len(seen) == sum(len(family.samples) for family in families), "a sample twice"


def test_promtool_reports_nothing():
    run = subprocess.run(["promtool", "check", "metrics"], input=METRICS, text=True,
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    assert run.returncode == 0 and not run.stdout, run.stdout


cases.run(globals())

"""The expressions of the alerts and of the dashboard, and what they name, compared with the metrics of a
daemon."""

import json
import re

METRIC = re.compile(r"\b((?:locum_\w+)|up)\b(?:\{([^}]*)\})?")
MATCHER = re.compile(r'(\w+)(=~|!~|=|!=)"([^"]*)"')
GROUPING = re.compile(r"\b(?:by|on|without)\s*\(([^)]*)\)")
SAMPLE = re.compile(r'^(\w+)(?:\{(.*)\})? \S+$', re.M)
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
# Labels of the target, from the scrape configuration; `up` is Prometheus' own.
TARGET = {"cluster", "instance", "job"}
HISTOGRAM = re.compile(r"_(?:bucket|sum|count)$")
# Any name, so that no value of theirs is known.
FREE = {"node", "peer", "check", "zone", "name", "digest", "version"}


def alerts(rules):
    """The text of each alert of a rule file, by name."""
    found = re.split(r"^ +- alert: (\w+)\n", rules, flags=re.M)[1:]
    return dict(zip(found[::2], found[1::2]))


def expression(alert):
    """`expr: ...`, or the lines below `expr: |`."""
    one, more = re.search(r"^ +expr: (?:\|\n((?: {10}.*\n)+)|(.*)\n)", alert, re.M).groups()
    return one or more


def queries(board):
    """(title, expression with values for the variables, legend) of each query of a dashboard."""
    for panel in json.loads(board)["panels"]:
        for target in panel.get("targets", ()):
            text = target["expr"].replace("$cluster", "get").replace("$instance", ".*")
            yield panel["title"], text.replace("$__rate_interval", "5m"), target["legendFormat"]


def expressions(root):
    """Of all alerts and all queries of the dashboard, below the root of the project."""
    rules = (root / "deploy/prometheus/locum-alerts.yml").read_text()
    board = (root / "deploy/grafana/locum.json").read_text()
    return [expression(alert) for alert in alerts(rules).values()] + \
        [text for _, text, _ in queries(board)]


class Metrics:
    """labels[metric][label]: the values that a daemon answers."""

    def __init__(self, text, manual=""):
        """manual: of locum(8), for the labels of a metric that has no sample at this daemon."""
        self.labels, self.listed = {}, {}
        for name, labels in SAMPLE.findall(text):
            of = self.labels.setdefault(name, {})
            for label, value in LABEL.findall(labels):
                of.setdefault(label, set()).add(value)
        self.named = set(re.findall(r"^# TYPE (\w+) ", text, re.M)) | set(self.labels)
        for name, labels in re.findall(r"^\.It Cm (locum_\w+) Pq \w+(?: by (.*))?$", manual, re.M):
            self.listed[name] = labels.split()

    @classmethod
    def of(cls, samples):
        """Only what has a sample. samples: {name with labels: value}."""
        return cls("".join(f"{name} {value}\n" for name, value in samples.items()))

    def complaints(self, expression):
        """What the expression names that no daemon answers."""
        used = METRIC.findall(expression)
        known = set(TARGET)
        for name, matchers in used:
            if name == "up":
                continue
            base = name if name in self.named else HISTOGRAM.sub("", name)
            if base not in self.named:
                yield f"there is no metric {name}"
                continue
            labels = self.labels.get(name, {})
            known |= set(labels) | set(self.listed.get(base, ()))
            yield from self._wrong_matchers(name, matchers, labels, self.listed.get(base, ()))
        for group in GROUPING.findall(expression):
            for label in re.findall(r"\w+", group):
                if label not in known:
                    yield f"no metric of the expression has the label {label}"

    @staticmethod
    def _wrong_matchers(name, matchers, labels, listed):
        for label, _, value in MATCHER.findall(matchers):
            if label in TARGET:
                continue
            if label not in labels and label not in listed:
                yield f"{name} has no label {label}"
            elif label in labels and label not in FREE and "$" not in value:
                for each in value.split("|"):
                    if each not in labels[label]:
                        yield f"{name}: {label} is never {each!r}"

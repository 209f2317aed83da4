"""measure: the effects of a fault, from the records of probers and clients.

A Round covers one fault, from a second before it until everything is as before: the direct answers
of every server in every scheme and the pages of all clients. The caller marks three moments:
begin() of the fault, healed(), and the end. Several rounds of one fault make a row of the table.

It needs of the site only what a Prober needs, so it does not depend on how the site is built.
"""

import statistics
import time
from collections import Counter

from probe import Prober
from programs import until

INTERVAL_S = 0.05
SLOW_S = 0.5        # an answer as late as this one waited for a host that was still down
NEVER = None


class Round:
    """One occurrence of a fault."""

    def __init__(self, site, schemes, crowd):
        self.site, self.schemes, self.crowd = site, schemes, crowd
        self.probers = {s.label: Prober(site, s, INTERVAL_S) for s in schemes}
        self.begun = self.healed_at = self.end = None

    def __enter__(self):
        self.start = time.monotonic()
        for prober in self.probers.values():
            prober.start()
        self.crowd.renew()
        until("a second of answers", lambda: time.monotonic() - self.start > 1.2, 5)
        self.before = {s.label: self._answers(s) for s in self.schemes}
        return self

    def __exit__(self, *_):
        for prober in self.probers.values():
            prober.stop()
        self.end = time.monotonic()

    def begin(self, moment):
        self.begun = moment

    def healed(self, moment):
        self.healed_at = moment

    # Records

    def samples(self, scheme):
        """{(node, name, type): [samples]} in the order of sending."""
        streams = {}
        for target in self.probers[scheme.label].targets.values():
            for sample in list(target.samples):
                streams.setdefault((sample.target, sample.name, sample.kind), []).append(sample)
        return streams

    def _answers(self, scheme):
        """{(node, name, type): set of addresses} answered at this time."""
        return {key: frozenset(next((s.addresses for s in reversed(samples) if s.received), ()))
                for key, samples in self.samples(scheme).items()}

    def right(self, scheme):
        """Seconds until no answer named a node that could not serve, or NEVER."""
        truth = self.site.truth

        def good(sample):
            if not truth.ought_to_answer(sample.target, sample.sent, sample.received):
                return True     # the last answer of a node before its link went down
            named = {self.site.host_of(a) for a in sample.addresses}
            able = {h.name for h in self.site.servers if truth.able_now(h.name, sample.sent)
                    or truth.able_now(h.name, sample.received)}
            return bool(named) and (named <= able or not able)
        return self._longest(scheme, self.begun, self.healed_at, good, True)

    def normal(self, scheme):
        """Seconds from healing until every node answers as before the fault, or NEVER."""
        return self._longest(scheme, self.healed_at, self.end, None, False)

    def _longest(self, scheme, begin, end, good, forgive):
        longest, now = 0.0, time.monotonic()
        for key, samples in self.samples(scheme).items():
            as_before = good or (lambda s, k=key: s.received - s.sent < SLOW_S and frozenset(
                s.addresses) == self.before[scheme.label].get(k))
            seconds = until_good(samples, begin, end or now, now, as_before, forgive)
            if seconds is NEVER:
                return NEVER
            longest = max(longest, seconds)
        return longest

    def calm_for(self, schemes, since):
        """How long all answers of these schemes have been right, or as before if healed."""
        now = time.monotonic()
        found = [(self.normal if self.healed_at else self.right)(s) for s in schemes]
        return 0.0 if NEVER in found else now - since - max(found)

    # Results

    def counts(self, scheme, slack=None):
        """The numbers of right, wrong, empty and lost answers."""
        counts = Counter(word for _, word in self.probers[scheme.label].judged(
            self.begun, self.end, slack=slack))
        return {"right": counts["right"], "wrong": counts["wrong"], "empty": counts["empty"],
                "lost": counts["silent"]}

    def changes(self, scheme):
        """The largest number of changes of the answer for one name at one node."""
        return max(count_changes([s for s in samples if s.sent >= self.begun and s.received])
                   for samples in self.samples(scheme).values())

    def fetches(self, scheme, kind, second=False):
        """(failed, all)"""
        return self.crowd.failed(scheme, kind, self.begun, self.end, second)


def until_good(samples, begin, end, now, good, forgive):
    """
    Seconds from `begin` until the answer after which all were good; 0 if all were; NEVER if the
    last one before `end` was not. `forgive`: ignore missing answers (another column counts them).
    """
    last_bad, first_good = None, None
    for sample in samples:
        if sample.sent < begin or not sample.over(now):
            continue
        if (sample.received or sample.sent) >= end or sample.received is None and forgive:
            continue
        if sample.received is None or not good(sample):
            last_bad, first_good = sample, None
        elif first_good is None:
            first_good = sample
    if last_bad is None:
        return 0.0
    return first_good.received - begin if first_good else NEVER


def count_changes(samples):
    """How often an answer in this list differed from the previous one."""
    answers = [frozenset(s.addresses) for s in samples]
    return sum(a != b for a, b in zip(answers, answers[1:]))


# The table

COLUMNS = ("fault", "answers by", "right", "wrong", "empty", "lost", "changes", "fresh", "cached",
           "cached+2nd", "Unbound", "BIND", "normal")


def cells(name, rounds, scheme):
    """One row: several rounds of one fault in one scheme."""
    def total(pairs):
        pairs = list(pairs)
        return f"{sum(p[0] for p in pairs)}/{sum(p[1] for p in pairs)}"

    counts = [r.counts(scheme, slack=1.0) for r in rounds]
    fetched = [total(r.fetches(scheme, kind, second) for r in rounds) for kind, second in
               (("fresh", False), ("cached", False), ("cached", True), ("Unbound", False),
                ("BIND", False))]
    return [name, scheme.label, seconds_cell([r.right(scheme) for r in rounds]),
            *(str(sum(c[word] for c in counts)) for word in ("wrong", "empty", "lost")),
            str(max(r.changes(scheme) for r in rounds)), *fetched,
            seconds_cell([r.normal(scheme) for r in rounds])]


def seconds_cell(times):
    """The median and, if there are several, the longest."""
    if NEVER in times:
        return "never" if set(times) == {NEVER} else f"never {times.count(NEVER)}/{len(times)}"
    median = f"{statistics.median(times):.2f}"
    return median if len(times) == 1 else f"{median} ({max(times):.2f})"


def lay_out(columns, rows, markdown=False):
    """Lines of text; the first two columns are left-aligned, the others right-aligned."""
    widths = [max(len(row[i]) for row in [columns, *rows]) for i in range(len(columns))]
    lines = []
    for row in [columns, *rows]:
        padded = [c.ljust(w) if i < 2 else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths))]
        lines.append("| " + " | ".join(padded) + " |" if markdown else "  ".join(padded).rstrip())
    if markdown:
        lines.insert(1, "|" + "|".join("-" * (w + 1) + ("-" if i < 2 else ":")
                                       for i, w in enumerate(widths)) + "|")
    return lines

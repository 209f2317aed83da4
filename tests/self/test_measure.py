#!/usr/bin/env python3
"""The measurements of the laboratory count wrong, late, empty and changed answers correctly."""

import os
import sys
import time
import xml.etree.ElementTree as xml
from types import SimpleNamespace

sys.dont_write_bytecode = True
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.append(os.path.join(ROOT, "tests/site"))
import cases                                                # noqa: E402
import measure                                              # noqa: E402
import timeline                                             # noqa: E402
import wire                                                 # noqa: E402
from article import Truth                                   # noqa: E402
from clients import Fetch                                   # noqa: E402
from measure import NEVER, Round                            # noqa: E402
from probe import Sample, Scheme                            # noqa: E402

NODES = {"192.0.2.12": "dc2", "192.0.2.13": "dc3"}
SCHEME = Scheme("Locum self", "get.example.org", ["get.example.org"], ("A",),
                {"dc2": ("192.0.2.12", 53)})


def a_round(answers, dead_from_s=0.0, healed_s=4.0, allowed_s=1.5):
    """
    dc3 cannot serve from dead_from_s on until healed_s. answers: [(second, addresses, rcode, took)]
    of dc2 to questions in this order; addresses None: no answer.
    """
    begin = time.monotonic() - 100.0        # long ago, so that missing answers count as missing
    truth = Truth(slack=3.0)
    truth.cannot["dc3"] = [[begin + dead_from_s, begin + healed_s, allowed_s]]
    site = SimpleNamespace(truth=truth, host_of=lambda a: NODES.get(a, a),
                           servers=[SimpleNamespace(name=n) for n in NODES.values()])
    crowd = SimpleNamespace(fetches=[Fetch(begin + 1, SCHEME.label, "fresh", False, True)])
    one = Round(site, [SCHEME], crowd)
    one.start, one.begun, one.healed_at, one.end = begin - 1, begin, begin + healed_s, begin + 10
    one.before = {SCHEME.label: {("dc2", SCHEME.zone, "A"): frozenset({"192.0.2.13"})}}
    for second, addresses, rcode, took in answers:
        sample = Sample("dc2", SCHEME.zone, "A", begin + second)
        if addresses is not None:
            sample.received, sample.rcode = begin + second + took, rcode
            sample.addresses = tuple(addresses)
        one.probers[SCHEME.label].targets["dc2"].samples.append(sample)
    return one


def names(second, *last, rcode=0, took=0.02):
    return second, [f"192.0.2.{n}" for n in last], rcode, took


def equal(got, wanted):
    assert got == wanted or isinstance(got, float) and abs(got - wanted) < 1e-6, \
        f"{got}, not {wanted}"


def test_right_begins_after_the_last_answer_with_the_failed_node():
    answers = [names(0.5, 13), names(0.9, 12), names(1.0, 13), names(1.2, 12), names(3, 12)]
    equal(a_round(answers).right(SCHEME), 1.22)
    equal(a_round([names(0.5, 12)]).right(SCHEME), 0.0)
    equal(a_round([names(0.5, 12, 13), names(0.6, 12)]).right(SCHEME), 0.62)


def test_answers_that_stay_wrong_are_never_right():
    equal(a_round([names(0.5, 12), names(3.9, 13)]).right(SCHEME), NEVER)
    equal(a_round([names(0.5, 13), (0.6, None, None, 0)]).right(SCHEME), NEVER)


def test_normal_begins_when_all_answers_are_as_before_and_in_time():
    answers = [names(4.1, 12), (4.2, None, None, 0), names(4.3, 13), names(5, 13)]
    equal(a_round(answers).normal(SCHEME), 0.32)
    equal(a_round([names(4.1, 13, took=0.8), names(4.5, 13)]).normal(SCHEME), 0.52)
    equal(a_round([names(4.3, 13), names(9, 12)]).normal(SCHEME), NEVER)


def test_wrong_empty_and_lost_answers_are_counted():
    answers = [names(1.4, 13), names(1.6, 13), names(3, 13), names(3.1), (3.2, None, None, 0),
               names(3.3, 12, rcode=2), names(3.4, 12), names(4.5, 13)]
    one = a_round(answers)
    equal(one.counts(SCHEME, slack=1.0), {"right": 3, "wrong": 2, "empty": 2, "lost": 1})
    one = a_round(answers, healed_s=9.0)    # dc3 down all the time, and three times 1.5 s allowed
    equal(one.counts(SCHEME)["wrong"], 0)
    equal(one.counts(SCHEME, slack=1.0)["wrong"], 3)


def test_cut_answers_count_as_empty_unless_the_node_was_frozen():
    one = a_round([names(0.5), names(2.0), names(3.0, 12)])
    for sample in one.probers[SCHEME.label].targets["dc2"].samples[:2]:
        sample.cut = True
    one.site.truth.mute["dc2"] = [[one.begun + 1.0, one.begun + 2.01, 0.0]]
    equal(one.counts(SCHEME), {"right": 1, "wrong": 0, "empty": 1, "lost": 0})


def test_last_answers_of_a_crashing_node_do_not_count():
    one = a_round([names(0.01, 13)])
    equal(one.right(SCHEME), NEVER)
    one.site.truth.mute["dc2"] = [[one.begun, None, 0.0]]
    equal(one.right(SCHEME), 0.0)


def test_changes_of_an_answer_are_counted():
    equal(a_round([names(1, 12, 13), names(2, 13, 12)]).changes(SCHEME), 0)
    equal(a_round([names(-0.5, 12), names(1, 13), names(2, 12), names(3, 12)]).changes(SCHEME), 1)


def test_table_is_aligned():
    equal(measure.seconds_cell([0.5, 0.1, 0.2]), "0.20 (0.50)")
    equal(measure.seconds_cell([0.5, NEVER]), "never 1/2")
    equal(measure.lay_out(("a", "b", "c"), [["x", "yy", "1"], ["", "y", "10"]]),
          ["a  b    c", "x  yy   1", "   y   10"])


def test_picture_is_xml_and_shows_failures():
    one = a_round([names(0.5, 13), names(1.2, 12), (2.0, None, None, 0), names(4.1, 12, 13)])
    one.schemes = [SCHEME] * 3
    picture = timeline.draw(timeline.record(one, "a < b", [(0.0, "dies"), (1.22, "right")]))
    words = [e.text for e in xml.fromstring(picture).iter() if e.tag.endswith("text")]
    for word in ("a < b", "dc2 answers get", "1.22 s right", "1 failed", "names dc3", "no answer"):
        assert word in words, f"{word} not in {words}"


def test_ttl_of_an_answer_is_the_shortest():
    question = wire.question("get.example.org", "A")
    record = b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00%b\x00\x04\xc0\x00\x02%b"
    answer = b"\x00\x01\x84\x00\x00\x01\x00\x02\x00\x00\x00\x00" + question[12:] + (
        record % (b"\x3c", b"\x0c") + record % (b"\x0f", b"\x0d"))
    equal(wire.answer(answer), (1, 0, ["192.0.2.12", "192.0.2.13"]))
    equal(wire.ttl(answer), 15)
    equal(wire.is_cut(answer), False)
    equal(wire.is_cut(answer[:2] + bytes([answer[2] | 2]) + answer[3:]), True)


cases.run(globals())

#!/usr/bin/env python3
"""tests/site/page.py reads pages correctly, and the pages that lead to Locum are read completely."""

import os
import re
import sys

sys.dont_write_bytecode = True
import cases

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests/site"))
from page import Page, as_shown, matches      # noqa: E402

# Page: its steps, and the hosts and groups of hosts of their commands.
PAGES = {
    "doc/from-the-article.md": (["1", "2", "A1", "A2", "B1", "B2", "B3"],
                                {"each", "dc2", "dc3", "ns0"}),
    "doc/from-archlinux-geo-mirror.md": (["1", "2", "3", "4", "5"],
                                         {"each", "mirror", "other", "berlin", "taipei", "umea", "ns0"}),
}


def test_output_of_commands_is_compared():
    for printed, shown, same in (
            ("a", "a", True), ("a", "b", False), ("a\nb", "a", False), ("a", "a\nb", False),
            ("serial 17  x", "serial ...  x", True), ("serial 17  y", "serial ...  x", False),
            ("a\nb\nc", "...\nc", True), ("a\nb\nc", "a\n...", True), ("a\nb\nc", "...\nb", False),
            ("c", "...\nc", True), ("* [a] b?", "* [a] b?", True), ("xyz [a] b", "* [a] b", False),
            ("", "...", True), ("a", "", False), ("a\t\tb", "a b", True), ("a b", "a\tb", True)):
        assert matches(printed.splitlines(), shown.splitlines()) == same, (printed, shown)


def test_a_command_that_fails_is_no_success_whatever_it_prints():
    degraded = ["...", "degraded: the service of dc2 is degraded", "..."]
    for code, printed, shown, same in (
            (0, ["OK"], ["OK"], True), (1, ["OK"], ["OK"], False), (0, ["x"], ["OK"], False),
            (0, ["x"], [], True), (1, [], [], False), (127, ["sh: OK"], ["...OK"], False),
            (1, degraded, degraded, True), (0, degraded, degraded, False),
            (3, degraded, degraded, False), (1, ["OK"], degraded, False)):
        assert as_shown(code, printed, shown) == same, (code, printed, shown)


def test_every_step_can_be_undone():
    for page, (numbers, hosts) in PAGES.items():
        steps = [s for s in Page(os.path.join(ROOT, page)).steps if re.match(r"(\d|[AB]\d)\. ", s.title)]
        assert [s.title.split(".")[0] for s in steps] == numbers, page
        for step in steps[1:]:
            assert step.forth and step.back, step.title
            named = {where for _, where, _, _ in step.forth if isinstance(where, str)}
            assert named <= hosts, (step.title, named - hosts)


def test_blocks_that_are_not_tested_are_marked():
    for path in PAGES:
        page = os.path.join(ROOT, path)
        with open(page, encoding="utf-8") as file:
            sections = re.split(r"^(?=##+ )", file.read(), flags=re.M)
        blocks, tried = 0, sum(len(s.forth) + len(s.back) for s in Page(page).steps)
        for section in sections:
            for kind, body in re.findall(r"^```(\w*)\n(.*?)^```$", section, re.M | re.S):
                blocks += 1
                if kind == "sh":
                    assert "*Real machine.*" in section, section.splitlines()[0]
                elif kind == "console":
                    tried -= len(re.findall(r"^\w+# ", body, re.M))
                else:
                    tried -= 1          # a file: one action for all its hosts
        assert blocks > 20 and tried == 0, (path, blocks, tried)


cases.run(globals())

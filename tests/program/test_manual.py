#!/usr/bin/env python3
"""doc/ and the sources agree: words of the log, rules, generated lists, links to files."""

import glob
import os
import re
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../self"))
import cases

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def second_argument(text, start):
    """The second argument of the call whose arguments begin at start."""
    depth = commas = 0
    quoted = False
    begin = None
    for at in range(start, len(text)):
        letter = text[at]
        if letter == '"' and text[at - 1] != "\\":
            quoted = not quoted
        elif quoted:
            continue
        elif letter in "({":
            depth += 1
        elif letter in ")}":
            depth -= 1
        if (letter == "," and depth == 0) or depth < 0:
            commas += 1
            if commas == 2 or depth < 0:
                return text[begin:at]
            begin = at + 1
    raise AssertionError("the call has no end")


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read()


def test_manual_page_lists_every_log_message():
    logged = set()
    for path in glob.glob(os.path.join(ROOT, "coordinator/*/*.c")):
        with open(path, encoding="utf-8") as file:
            text = file.read()
        for call in re.finditer(r"\bLOCUM_LOG\(", text):
            words = re.findall(r'"([^"]*)"', second_argument(text, call.end()))
            assert words, f"{path}: the name of a log message is not a literal"
            logged.update(words)
    assert len(logged) > 5, logged
    with open(os.path.join(ROOT, "doc/locum.8"), encoding="utf-8") as file:
        section = re.search(r"^\.Sh LOG\n(.*?)^\.Sh ", file.read(), re.M | re.S).group(1)
    listed = re.findall(r"^\.It Cm (.*)$", section, re.M)
    listed = [word for line in listed for word in line.split(" , ")]
    assert sorted(listed) == sorted(logged), f"locum(8): {sorted(set(listed) ^ logged)}"


def test_manual_page_lists_the_warnings_that_others_can_cause():
    code = re.search(r"^locum_warnings_is_limited\(.*?abouts\[\] = \{(.*?)\};",
                     read("coordinator/report/warnings_table.c"), re.M | re.S)[1]
    words = set(re.findall(r'"([a-z-]+)"', code))
    text = re.search(r"^Others than the nodes of the cluster can cause\n(.*?)^Such a warning",
                     read("doc/locum.8"), re.M | re.S)[1]
    listed = set(re.findall(r"[a-z-]{2,}", re.sub(r"^and$", "", text, flags=re.M)))
    assert len(words) > 4 and words == listed, f"locum(8): {sorted(words ^ listed)}"


def test_cited_rules_exist():
    """Code and tests cite the rules of doc/decisions.md by their ids."""
    with open(os.path.join(ROOT, "doc/decisions.md"), encoding="utf-8") as file:
        rules = set(re.findall(r"^(?:\| |\*\*|- \*\*)([A-Z]+-[0-9A-Z]+)\b", file.read(), re.M))
    assert len(rules) > 60, rules
    families = "|".join(sorted({rule.split("-")[0] for rule in rules}))
    cited = set()
    for pattern in ("coordinator/*/*.[ch]", "tests/sim/*.[ch]", "tests/unit/*/*.[ch]"):
        for path in glob.glob(os.path.join(ROOT, pattern)):
            with open(path, encoding="utf-8") as file:
                cited |= set(re.findall(rf"\b(?:{families})-(?:[0-9]+|[A-Z])\b", file.read()))
    assert len(cited) > 40, cited
    assert cited <= rules, f"no such rule in doc/decisions.md: {sorted(cited - rules)}"


def test_generated_lists():
    program = os.path.join(os.environ.get("BUILD", os.path.join(ROOT, "build")), "doc/manual")
    pages = glob.glob(os.path.join(ROOT, "doc/*.[1-8]"))
    lists = 0
    for path in pages:
        with open(path, encoding="utf-8") as file:
            page = file.read()
        made = subprocess.run([program], input=page, stdout=subprocess.PIPE, text=True, check=True)
        assert made.stdout == page, f"{path}: a list differs from its table: run make doc"
        lists += page.count('\n.\\" BEGIN ')
    assert lists >= 6, pages


def test_tests_named_in_security_md_exist():
    """Each number of its table is a row of its list of tests, and these tests exist."""
    with open(os.path.join(ROOT, "SECURITY.md"), encoding="utf-8") as file:
        table, _, tests = file.read().partition("## The tests\n")
    rows = dict(re.findall(r"^(\d+)\. (.*)$", tests, re.M))
    used = {number for line in table.splitlines() if line.startswith("| ")
            for numbers in re.findall(r"\(([\d, ]+)\)", line) for number in numbers.split(", ")}
    assert rows and used == set(rows), used ^ set(rows)
    for row in rows.values():
        places = re.findall(r"`(tests/[^`]+)`(?: \(([^)]*)\))?", row)
        assert places, row
        for path, names in places:
            with open(os.path.join(ROOT, path), encoding="utf-8") as file:
                text = file.read()
            for name in re.findall(r"`(\w+)`", names):
                assert re.search(rf"\b{name}\b", text), f"{path} has no {name}"


def test_operations_page_says_what_to_do_about_each():
    """Everything that can be degraded, and every warning, has its row in doc/operations.md."""
    page = read("doc/operations.md")
    for heading, path, table in (
            ("What is degraded", "coordinator/report/degraded.c", r"\babouts\[\] = \{\n(.*?)^\};"),
            ("Warnings", "coordinator/report/warnings_table.c", r"^\} rows\[\] = \{\n(.*?)^\};")):
        rows = re.search(table, read(path), re.M | re.S)[1]
        words = set(re.findall(r'^ +(?:\{|\[\w+\] = )?"([a-z0-9-]+)",', rows, re.M))
        section = re.search(rf"^## {heading}\n(.*?)(?:^## |\Z)", page, re.M | re.S)[1]
        listed = set(re.findall(r"^\| `([a-z0-9-]+)` \|", section, re.M))
        assert len(words) > 10 and words == listed, (heading, words ^ listed)


def test_architecture_page_lists_every_path_of_the_api():
    paths = set(re.findall(r'^    \{"(/[^"]*)", EVHTTP_REQ_', read("coordinator/control/route.c"), re.M))
    listed = set(re.findall(r"`(?:GET|POST) (/[^`]*)`", read("doc/architecture.md")))
    assert len(paths) > 20 and paths == listed, paths ^ listed


def test_links_lead_to_files():
    """Links of the pages in Markdown, and the places that doc/architecture.md names."""
    pages = [os.path.join(ROOT, name) for name in ("README.md", "CHANGELOG.md", "SECURITY.md", "tests/README.md")]
    broken = []
    for page in pages + glob.glob(os.path.join(ROOT, "doc/*.md")):
        with open(page, encoding="utf-8") as file:
            text = file.read()
        folder = os.path.dirname(page)
        broken += [(page, link) for link in re.findall(r"\]\(([^)#:]+)[^):]*\)", text)
                   if not os.path.exists(os.path.join(folder, link))]
    with open(os.path.join(ROOT, "doc/architecture.md"), encoding="utf-8") as file:
        named = re.findall(r"`([a-z-]+/[a-z_]+\.[ch])`", file.read())
    assert len(named) > 20, named
    broken += [name for name in named if not any(os.path.exists(os.path.join(ROOT, at, name))
                                                 for at in ("coordinator", "."))]
    assert not broken, broken


cases.run(globals())

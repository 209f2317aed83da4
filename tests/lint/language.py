"""Rules about the language that people read: forbidden phrases, the share of comments."""

import re

from tree import C_PARTS, split_c, split_python

TABLE = "tests/lint/phrases"
# They quote what is forbidden: the table, its test, and the list of words that changed.
QUOTING = {TABLE, "tests/self/test_lint.py", "CHANGELOG.md", "LICENSE"}
TEST_NAME = re.compile(r"\btest_\w+")
# What may part two words of a phrase: also a line's end, with the marks that begin the next line.
GAP = r'(?:[\s"#]|(?<![^\s])\*|\\n)+'


class Row:
    """One row of the table."""

    def __init__(self, number, line):
        where, self.phrase, self.instead = (part.strip() for part in line.split(" | "))
        self.kind, *folders = where.split()
        self.folders = tuple(folders)
        if self.kind not in ("text", "name"):
            raise ValueError(f"{TABLE}:{number}: {self.kind}: neither text nor name")
        self.in_one_line = pattern([self.phrase], self.kind)
        self.in_lines = pattern([self.phrase.replace(" ", GAP)], self.kind, re.I)

    def applies_to(self, path):
        return not self.folders or path.startswith(self.folders)

    def wrong(self, tree, path, text):
        """Each line in which the phrase begins."""
        lines = set()
        for match in self.in_lines.finditer(text):
            line = text[:match.start()].count("\n") + 1
            phrase = re.sub(GAP, " ", match.group())
            if line not in lines and not tree.excepted(f"{path}:{phrase.replace(' ', '-')}"):
                lines.add(line)
                yield path, line, f'"{phrase}": write {self.instead}'


def pattern(phrases, kind, flags=0):
    """What finds one of these phrases in text, or one of these parts of a name."""
    before, after = {"text": (r"\b", r"(?!\w)"), "name": (r"(?<![a-z0-9])", r"(?![a-z0-9])")}[kind]
    return re.compile(before + "(?:" + "|".join(phrases) + ")" + after, flags)


def rows(tree):
    lines = tree.lines(TABLE) if TABLE in tree.paths else []
    return [Row(number, line) for number, line in enumerate(lines, 1)
            if line.strip() and not line.startswith("#")]


def parts(tree, path, python):
    """(code, prose) of a file. Prose holds the names of tests too, as words."""
    text = tree.text(path)
    if path.endswith((".c", ".h")):
        code, prose = split_c(text)
    elif path in python:
        code, prose = split_python(text)
    else:
        return "", text
    if path.startswith("tests/"):
        prose = with_names_of_tests(code, prose)
    return code, prose


def with_names_of_tests(code, prose):
    """Both are equally long; the prose has blanks where the code has names."""
    result = list(prose)
    for match in TEST_NAME.finditer(code):
        result[match.start():match.end()] = match.group().replace("_", " ")
    return "".join(result)


def check_phrases(tree):
    """no phrase that tests/lint/phrases replaces"""
    table = {kind: [row for row in rows(tree) if row.kind == kind] for kind in ("text", "name")}
    # To search a file once for all phrases is much faster than once for each.
    any_row = {kind: pattern([row.phrase for row in table[kind]] or ["(?!)"], kind) for kind in table}
    python = {*tree.scripts("python3"), *tree.ending(".py")}
    for path in tree.paths:
        if path in QUOTING or path.startswith("tests/fuzz/corpus/"):
            continue
        code, prose = parts(tree, path, python)
        for kind, text in (("text", prose), ("name", code)):
            line = re.sub(GAP, " ", text) if kind == "text" else \
                " ".join(set(re.findall(r"\w+", text)))
            line = line.lower()
            for row in table[kind] if any_row[kind].search(line) else ():
                if row.applies_to(path) and row.in_one_line.search(line):
                    yield from row.wrong(tree, path, text)


def comment_share(tree):
    """The share of the lines of .c files of both programs that hold a comment, in percent."""
    total = commented = 0
    for path in tree.programs(".c"):
        total += len(tree.lines(path))
        for part in C_PARTS.finditer(tree.text(path)):
            if part.lastgroup == "comment":
                commented += part.group().count("\n") + 1
    return 100 * commented / total if total else 0.0

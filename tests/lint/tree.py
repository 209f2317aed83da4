"""The files that tests/lint/lint reads, and what parts of them are code and what is prose."""

import io
import os
import re
import tokenize

EXCEPTIONS = "tests/lint/exceptions"
SKIPPED_FOLDERS = {".git", "build", "__pycache__"}
C_PARTS = re.compile(r"""(?P<comment>/\*.*?\*/|//[^\n]*)|(?P<string>"(?:\\.|[^"\\\n])*")"""
                     r"""|'(?:\\.|[^'\\\n])*'""", re.S)


class Skip(Exception):
    """A rule cannot be checked here."""


class Tree:
    """The files under a root, as relative paths, and their contents."""

    def __init__(self, root):
        self.root = root
        self.build = os.environ.get("BUILD", os.path.join(root, "build"))
        self.paths = []
        for folder, folders, files in os.walk(root):
            folders[:] = sorted(set(folders) - SKIPPED_FOLDERS)
            if os.path.relpath(folder, root) == ".":
                folders[:] = [name for name in folders if not name.startswith("build")]
            self.paths += [os.path.relpath(os.path.join(folder, name), root)
                           for name in sorted(files)]
        self.lines_of = {}
        self.text_of = {}
        self.exceptions = {}  # {place: [reason, line, whether a rule asked for it]}
        for number, line in enumerate(self.lines(EXCEPTIONS) if EXCEPTIONS in self.paths else [], 1):
            place, _, reason = line.strip().partition(" ")
            if place and not place.startswith("#"):
                self.exceptions[place] = [reason.strip(), number, False]

    def excepted(self, place):
        """Whether tests/lint/exceptions allows this place, with a reason."""
        if place in self.exceptions:
            self.exceptions[place][2] = True
        return place in self.exceptions and bool(self.exceptions[place][0])

    def text(self, path):
        """The contents of a file; empty if it is not text."""
        if path not in self.text_of:
            with open(os.path.join(self.root, path), "rb") as file:
                data = file.read()
            self.text_of[path] = "" if b"\0" in data else data.decode("utf-8", "replace")
        return self.text_of[path]

    def lines(self, path):
        if path not in self.lines_of:
            self.lines_of[path] = self.text(path).splitlines()
        return self.lines_of[path]

    def ending(self, *ends, under=""):
        return [path for path in self.paths if path.endswith(ends) and path.startswith(under)]

    def programs(self, *ends):
        """The sources of the two programs."""
        return self.ending(*ends, under=("coordinator/", "nsd-adapter/"))

    def scripts(self, *interpreters):
        """Files whose first line calls one of these interpreters."""
        for path in self.paths:
            first = self.lines(path)[:1]
            if first and first[0].startswith("#!") and \
                    re.split(r"[/ ]", first[0].strip())[-1] in interpreters:
                yield path

    def objects(self, sources):
        """{source: object file} of those that have been built; skips the rule if none has."""
        pairs = {path: os.path.join(self.build, path[:-1] + "o") for path in sources}
        found = {path: name for path, name in pairs.items() if os.path.exists(name)}
        if sources and not found:
            raise Skip("no object files: run `make` first")
        return found


def blank(text):
    """The same number of characters and lines, with nothing in them."""
    return re.sub(r"[^\n]", " ", text)


def split_c(text):
    """(code, prose) of a C source: each as long as the source, the other part blanked out."""
    code, prose, end = [], [], 0
    for part in C_PARTS.finditer(text):
        before = text[end:part.start()]
        code += [before, blank(part.group())]
        prose += [blank(before), part.group() if part.lastgroup else blank(part.group())]
        end = part.end()
    return "".join(code) + text[end:], "".join(prose) + blank(text[end:])


def comments_and_strings(text):
    """(begin, end) of each in a Python source. Since Python 3.12 an f-string is many tokens."""
    begins = []
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type in (tokenize.COMMENT, tokenize.STRING):
            yield token.start, token.end
        elif tokenize.tok_name[token.type] == "FSTRING_START":
            begins.append(token.start)
        elif tokenize.tok_name[token.type] == "FSTRING_END":
            yield begins.pop(), token.end


def split_python(text):
    """The same of a Python source."""
    prose = [list(blank(line)) for line in text.splitlines(True)]
    lines = text.splitlines(True)
    try:
        for (row, column), (last, end) in comments_and_strings(text):
            for number in range(row, last + 1):
                begin = column if number == row else 0
                stop = end if number == last else len(lines[number - 1])
                prose[number - 1][begin:stop] = lines[number - 1][begin:stop]
    except (tokenize.TokenError, IndentationError):
        return "", text  # another rule reports the error
    text_of_prose = "".join("".join(line) for line in prose)
    code = "".join(a if b.isspace() else " " if a != "\n" else a
                   for a, b in zip(text, text_of_prose))
    return code, text_of_prose

#!/usr/bin/env python3
"""tests/lint/lint reports each fault that it looks for: a small tree, then one fault at a time."""
# deadline: 180 s, beside others: it starts some hundred programs, which is slow in a container

import os
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
import cases

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

GOOD = {
    "coordinator/main.c": '#include "redis/link.h"\n\nint\nmain(void)\n{\n    return 0;\n}\n',
    "coordinator/base/text.h":
        "#ifndef LOCUM_BASE_TEXT_H\n#define LOCUM_BASE_TEXT_H\n\n#include <stddef.h>\n\n#endif\n",
    "coordinator/core/view.h":
        '#ifndef LOCUM_CORE_VIEW_H\n#define LOCUM_CORE_VIEW_H\n\n#include "base/text.h"\n\n#endif\n',
    "coordinator/core/view.c": '#include "core/view.h"\n\n#include <string.h>\n',
    "coordinator/redis/link.h":
        "#ifndef LOCUM_REDIS_LINK_H\n#define LOCUM_REDIS_LINK_H\n\n#endif\n",
    "coordinator/peer/peer.c": '#include "core/view.h"\n',
    "deploy/go": "#!/bin/sh\necho fine\n",
    "tests/lint/exceptions": "# none\n",
}


def lint(changes, objects=()):
    """
    Lints the good tree with these files changed and these sources compiled; returns (exit code,
    output).
    """
    with tempfile.TemporaryDirectory(prefix="locum-lint-") as root:
        for path, text in {**GOOD, **changes}.items():
            path = os.path.join(root, path)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
        shutil.copy(os.path.join(ROOT, ".clang-format"), root)
        for path in objects:
            path = os.path.join(root, "build", path[:-1] + "o")
            os.makedirs(os.path.dirname(path), exist_ok=True)
            subprocess.run(["cc", "-c", "-Icoordinator", "-o", path,
                            os.path.relpath(path, root).removeprefix("build/")[:-1] + "c"],
                           cwd=root, check=True)
        environment = {name: value for name, value in os.environ.items()
                       if name not in ("BUILD", "COMPILE")}
        run = subprocess.run([os.path.join(ROOT, "tests/lint/lint"), root], env=environment,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        return run.returncode, run.stdout


def refused(path, text, place, words):
    """Checks that lint refuses this text at this path with this place and these words."""
    code, output = lint({path: text})
    assert code == 1, f"accepted {text[:60]!r}\n{output}"
    wanted = [line for line in output.splitlines() if line.startswith(f"  {place}: ")]
    assert wanted and words in wanted[0], f"no '{place}: ... {words}' in:\n{output}"


def test_good_tree_passes():
    code, output = lint({})
    assert code == 0 and "not ok" not in output, output


def test_core_must_not_include_io():
    for header in ("<stdio.h>", "<time.h>", "<event2/event.h>", "<stdlib.h>"):
        refused("coordinator/core/view.c", f"#include {header}\n", "coordinator/core/view.c:1",
                "core/ must not include")
    refused("coordinator/core/view.c", '#include "base/log.h"\n', "coordinator/core/view.c:1",
            "no such header")


def test_core_may_include_only_pure_headers_of_base():
    code, output = lint({"coordinator/core/view.c": '#include "base/log.h"\n',
                         "coordinator/base/log.h": GOOD["coordinator/base/text.h"].replace(
                             "TEXT", "LOG")})
    assert code == 1 and 'core/ must not include "base/log.h": of base/ only' in output, output


def test_inclusion_against_an_arrow_is_refused():
    for path, header in (("coordinator/peer/peer.c", "redis/link.h"),
                         ("coordinator/core/view.c", "redis/link.h"),
                         ("coordinator/base/text.c", "core/view.h")):
        refused(path, f'#include "{header}"\n', f"{path}:1", "must not include")


def test_unknown_room_is_refused():
    refused("coordinator/attic/old.c", "int x;\n", "coordinator/attic/old.c:1", "not known")


def test_library_headers_are_for_their_owners():
    for header in ("hiredis/hiredis.h", "ldns/ldns.h", "openssl/hmac.h", "yaml.h", "curl/curl.h",
                   "jansson.h"):
        refused("coordinator/peer/peer.c", f"#include <{header}>\n", "coordinator/peer/peer.c:1",
                "may include")


def test_libcrypto_is_only_for_its_files():
    seal = "#include <openssl/hmac.h>\n"
    refused("coordinator/base/text.c", seal, "coordinator/base/text.c:1", "base/signature.c and")
    code, output = lint({"coordinator/base/signature.c": seal})
    assert code == 0, output


def test_long_function_needs_a_reason():
    body = "".join(f"    x += {n};\n" for n in range(71))
    text = f"int\nlong_one(int x)\n{{\n{body}    return x;\n}}\n"
    refused("coordinator/base/text.c", text, "coordinator/base/text.c:3", "long_one() has 72")
    for reason, wanted in ((" a table", 0), ("", 1)):
        code, output = lint({"coordinator/base/text.c": text, "tests/lint/exceptions":
                             f"coordinator/base/text.c:long_one{reason}\n"})
        assert code == wanted, output


def test_rows_of_a_table_do_not_count():
    rows = "        1,\n" * 71
    text = f"int\nf(void)\n{{\n    int table[] = {{\n{rows}    }};\n    return table[0];\n}}\n"
    code, output = lint({"coordinator/base/text.c": text})
    assert "lines; more than" not in output, output


def test_long_file_is_refused():
    refused("tests/unit/base/test_x.c", "int x;\n" * 601, "tests/unit/base/test_x.c:1", "601 lines")


def test_unused_exception_is_refused():
    refused("tests/lint/exceptions", "coordinator/base/text.h is long\n",
            "tests/lint/exceptions:1", "not needed")


def test_markers_and_private_folders_are_refused():
    for word in ("TO" + "DO", "FIX" + "ME", "XX" + "X", "/ho" + "me/somebody/x"):
        refused("doc/x.md", f"fine\n{word} later\n", "doc/x.md:2", word[:3])
    code, output = lint({"doc/x.md": "mktemp /tmp/locum.XXXXXX\n"})
    assert code == 0, output


def test_header_that_needs_others_is_refused():
    text = "#ifndef LOCUM_BASE_A_H\n#define LOCUM_BASE_A_H\n\nsize_t a(void);\n\n#endif\n"
    refused("coordinator/base/a.h", text, "coordinator/base/a.h:1", "does not compile alone")
    refused("coordinator/base/a.h", "int a(void);\n", "coordinator/base/a.h:1", "no #ifndef")
    for first, wanted in (("base/a.h", 0), ("base/text.h", 1)):  # its own .c file compiles it alone
        code, output = lint({"coordinator/base/a.h": text,
                             "coordinator/base/a.c": f'#include "{first}"\n#include "base/a.h"\n'})
        assert ("does not compile alone" in output) == wanted, output


def test_other_layout_is_refused():
    code, output = lint({"coordinator/base/text.c": "int   x;\n"})
    assert "coordinator/base/text.c:1: not laid out" in output or "SKIP" in output, output
    assert code == (1 if "not laid out" in output else 0)


def test_script_with_a_syntax_error_is_refused():
    refused("deploy/go", "#!/bin/sh\nif true\n", "deploy/go:1", "")
    refused("tests/a.py", "def f(:\n", "tests/a.py:1", "")
    refused("tests/b", "#!/usr/bin/env python3\nx = (\n", "tests/b:2", "")


def test_circle_of_files_is_refused():
    text = "void locum_{0}(void);\n\nvoid\nlocum_{1}(void)\n{{\n    locum_{0}();\n}}\n"
    rows = {f"coordinator/daemon/{one}.c": text.format(other, one)
            for one, other in (("act", "wire"), ("wire", "state"), ("state", "act"))}
    code, output = lint(rows, rows)
    assert code == 1 and "coordinator/daemon/act.c:1: in a circle: calls locum_wire() of wire.c, " \
        "which calls locum_state() of state.c, which calls locum_act() of act.c" in output, output
    rows["coordinator/daemon/state.c"] = "void\nlocum_state(void)\n{\n}\n"
    code, output = lint(rows, rows)
    assert code == 0 and "SKIP no file of daemon" not in output, output


def test_tag_defined_twice_is_refused():
    tag = "struct locum_reply {\n    int x;\n};\n"
    code, output = lint({"coordinator/base/text.c": tag, "nsd-adapter/ask.c": tag})
    assert code == 1 and "nsd-adapter/ask.c:1: struct locum_reply is already defined at " \
        "coordinator/base/text.c:1" in output, output
    code, output = lint({"coordinator/base/text.c": tag, "nsd-adapter/ask.c":
                         "static struct locum_reply *reply; /*\nstruct locum_reply { */\n"})
    assert "already" not in output, output


HEADER = "#ifndef LOCUM_{0}_H\n#define LOCUM_{0}_H\n\n{1}\n\n#endif\n"


def test_public_function_with_another_prefix_is_refused():
    for path, name, good in (("redis/link.h", "link_open", True),
                             ("redis/link.h", "redis_link_open", True),
                             ("redis/link.h", "redis_open", False),
                             ("redis/redis.h", "redis_open", True),
                             ("redis/link.h", "linker_open", False),
                             ("redis/link.h", "connection_open", False)):
        header = HEADER.format(path[:-2].replace("/", "_").upper(), f"int locum_{name}(void);")
        code, output = lint({"coordinator/" + path: header})
        assert (f"coordinator/{path}:4: locum_{name}(): its name should begin with" in output) != \
            good, output
        assert code == 0 if good else 1, output


PHRASES = """\
text | (is|are) told | reported
text doc | nobody's | no one's
name coordinator tests | edge | event
"""


def test_forbidden_phrases_are_found():
    for path, text, line, found in (
            ("coordinator/base/text.c", "/* What is told. */\n", 1, "is told"),
            ("coordinator/base/text.c", "\n/*\n * What is\n * told.\n */\n", 3, "is told"),
            ("coordinator/base/text.c", 'const char *text = "what is "\n    "told";\n', 1, "is told"),
            ("coordinator/base/text.c", "int first_edge;\n", 1, "edge"),
            ("deploy/go", "#!/bin/sh\n# What is\n# told.\n", 2, "is told"),
            ("doc/x.md", "fine\nNobody's\n", 2, "Nobody's"),
            ("tests/unit/base/test_x.c", "void test_what_is_told(void);\n", 1, "is told"),
            ("tests/x.py", "def test_what_is_told():\n    pass\n", 1, "is told")):
        code, output = lint({"tests/lint/phrases": PHRASES, path: text})
        assert code == 1 and f'  {path}:{line}: "{found}": write ' in output, output
    for path, text in (("coordinator/base/text.c", "/* An edge is not told off. */\nint knowledge;\n"),
                       ("tests/x.py", 'print(f"an edge of {1} {2:0{3}}")\n'),
                       ("README.md", "nobody's\n"), ("CHANGELOG.md", "what is told\n")):
        code, output = lint({"tests/lint/phrases": PHRASES, path: text})
        assert code == 0, output


def test_phrase_may_be_excepted_with_a_reason():
    for reason, wanted in ((" a quotation", 0), ("", 1)):
        code, output = lint({"tests/lint/phrases": PHRASES, "doc/x.md": "what is told\n",
                             "tests/lint/exceptions": f"doc/x.md:is-told{reason}\n"})
        assert code == wanted, output


def test_comments_are_counted():
    code, output = lint({"coordinator/base/text.c":
                         "/* One\n * two. */\nint x; /* three */\n" + "int y;\n" * 4})
    assert code == 0 and "comments: 16.7 %" in output, output


PAGE = ".Dd November 25, 2026\n.Dt X 8\n.Os\n.Sh NAME\n.Nm x\n.Nd tries the lint\n"


def test_manual_page_with_an_error_is_refused():
    code, output = lint({"doc/x.8": PAGE})
    assert code == 0, output
    if "SKIP mandoc" not in output:
        refused("doc/x.8", PAGE + ".Sh DESCRIPTION\n.Xx no such macro\n", "doc/x.8:8", "mandoc: ")
        refused("doc/x.8", PAGE + ".Sh DESCRIPTION\n\\*(no\n", "doc/x.8:8", "")


cases.run(globals())

#!/usr/bin/env python3
"""Each command in a page is run by a test, or is listed below with what runs it, or why nothing does."""

import ast
import glob
import os
import re
import sys

sys.dont_write_bytecode = True
import cases

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests/site"))
from page import Page      # noqa: E402

PAGES = ["README.md", "CONTRIBUTING.md", "SECURITY.md", "tests/README.md"]

COMMAND = re.compile(r"(?:sudo|apt|apt-get|bash|bash .*|build/\S+|certbot|curl|deploy/\S+|dig|docker|docker-compose|"
                     r"echo|git|kill|locum|locum-nsd|locum-unstick|make|man|nsd-control|redis-cli|rm|runuser|"
                     r"scp|service|sh|ssh|sv|systemctl|systemd-sysusers|tests/\S+|tsig-keygen|usermod|"
                     r"[A-Z_]+=\S+) \S.*")

# Other commands in the text and in blocks for a real machine: the file that runs them, and a text in it.
# Those of locum need no row: a test has their words (locum_is_tested).
RUN = [
    (r"locum replace -c \S+", "tests/packages/units.py", 'run("locum", "replace")'),
    (r"locum run", "tests/site/programs.py", '"run", *self.options'),
    # A real machine: packages, users, units
    (r"make (deb|deps)", "tests/packages/Dockerfile", "make deb"),
    (r"apt-get install ./build/deb/locum_\*.deb", "tests/packages/install.py", '"Install"'),
    (r"apt remove locum", "tests/packages/purge.py", '"--remove", "locum"'),
    (r"make( -n)? install|make|make uninstall", "tests/program/test_service.py", 'make("uninstall")'),
    (r"systemd-sysusers", "deploy/debian/control", "dh-sequence-installsysusers"),
    (r"systemctl try-restart locum-nsd locum-unstick", "deploy/debian/locum-nsd.postinst", "try-restart"),
    (r"sudo sh -c 'locum keygen --(cluster|node) .*'|head -n 1 /etc/locum/key|usermod -aG locum-admin USER|"
     r"install -o locum -m 400 /dev/null /etc/locum/redis-password|(sudo -u|runuser -u) locum (-- )?locum check|"
     r"systemctl show -p \S+ locum|locum check --handover", "tests/packages/install.py", "COMMANDS_OF_PAGES"),
    (r"runuser -u locum -- cat .*", "tests/packages/units.py", '"cat", "/etc/locum/secret"'),
    (r"kill -9", "tests/packages/units.py", "--signal=KILL"),
    (r"man -l doc/locum\.8", "tests/lint/lint", "mandoc"),
    (r"redis-cli --askpass HGETALL locum:get:node:dc2", "tests/lab/test_operator.py", '"HGETALL"'),
    # The steps of pages that begin with a real machine: the test writes these files
    (r"cd /etc/locum|umask 077|for host in .*|ch(own|mod) .*|install -d /etc/locum|echo 'PASSWORD' .*",
     "tests/lab/test_from_the_article.py", 'machine.write("/etc/locum/redis-password"'),
    (r"dig @192\.0\.2\.1[23] get\.example\.org", "tests/lab/test_from_the_article.py", '"A1."'),
    (r"apt-get install -y redis-server .*", "deploy/deps", "redis-sentinel"),
    (r"tsig-keygen ns9\.example\.org.*", "tests/program/test_secondaries.py", '"/usr/sbin/tsig-keygen", "ns9.example.org"'),
    (r"dig (@192\.0\.2\.12 )?-k /etc/locum/ns9\.key.*", "tests/program/test_secondaries.py", '"-k"'),
    (r"dig \+short @192\.0\.2\.13 _acme-challenge\.get\.example\.org TXT", "tests/program/test_acme.py", "def test_the_commands_of_the_page"),
    (r"tsig-keygen web\.example\.org.*|openssl rand .*|lego .*|export [A-Z].*|nsupdate -k .*|server 192.*|zone get\S*|update add .*|"
     r"send|END|certbot certonly --dns-rfc2136 .*|curl .*(9854|control\.sock http)\S*/(present|cleanup) .*",
     "tests/program/test_acme_clients.py", "def scripts(heading"),
    (r"certbot certonly --manual .*", "tests/site/acme.py", "certbot set"),
    (r"dehydrated .*|acme\.sh .*|cp /usr/share/locum/acme/\S+ .*", "tests/lab/test_authority.py", "the_functions_of_acme_sh"),
    # The repository
    (r"apt-get (update|install -y make)", ".ci/run", "apt-get -q update"),
    (r"make demo", ".ci/run", "make demo"),
    (r"make test", ".ci/run", "make test"),
    (r"make check", "tests/compose/fresh", "make check"),
    (r"make (asan|tsan|fuzz|cover)|deploy/deps all", ".ci/run", "deploy/deps all"),
    (r"make (lint|programs)|tests/run \S+", "Makefile", "tests/run"),
    (r"bash \.ci/run", "tests/compose/fresh", ".ci/run"),
    (r"build/tests/sim/sim --replay \S+", "tests/lab/test_dump.py", '"--replay"'),
    # Containers
    (r"(BASE=\S+ )?docker-compose (up -d --build|down -v|--profile .*)", "tests/compose/containers.py",
     '"up", "-d", "--build"'),
    (r"docker-compose (exec .* (sv (down|2).*|ip rule .*|locum status)|logs .*|(kill|start)( \S+)?)|"
     r"kill \S+|sv \S+( locum)?",
     "tests/compose/failover", '"sv", "2"'),
    (r"deploy/docker/base trixie", "tests/packages/systemd", "deploy/docker/base"),
]

# Commands that nothing runs, and why.
NOT_RUN = [
    (r"deploy/deps judges|make (bench|chaos|mutants|analyze|sim|cover-sim|fmt|acl|doc|help)|tests/bench/(cost \w+|flood .*)|"
     r"build/tests/sim/sim --(figures all|replay \S+)|tests/sim/test_stories --accept", "for developers, by hand"),
    (r"make demo (ADAPTER=nsd|KEEP=1)|tests/lab/test_matrix\.py crash", "one more form of what runs"),
    (r"(\w+=\S+ )+(make test|tests/run \S+)", "with programs that are not of Debian"),
    (r"systemctl (list-timers|reload nginx)", "of the web server and of certbot"),
    (r"git clone .*|docker build .*|certbot .*", "needs the Internet, or an authority"),
    (r"dig (\+dnssec .*@NODE|ZONE DS)", "tests/program/test_dnssec.py asks for the same with packets of its own"),
    (r"sudoedit \S+", "an editor"),
    (r"systemctl kill redis-server", "only if Redis has refused to stop"),
    (r"docker compose", "another name of docker-compose"),
    (r"docker-compose exec .*(locum\.new.*|drain .*|mirrorbits list|dig .*|events .*|status .*|HGET .*)|"
     r"mv .*locum\.new.*|chmod .*locum\.new.*|curl http://127\.0\.0\.1:19852/status",
     "in a container; the same runs in the laboratory"),
    (r"redis-cli -p 26379 --user admin --askpass sentinel sentinels NAME", "asks for a password"),
    (r"tsig-keygen certbot", "the page has a key of its own"),
]


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read()


def pages():
    return PAGES + sorted(os.path.relpath(path, ROOT) for path in glob.glob(os.path.join(ROOT, "doc/*.md")))


def parts(line):
    """The single commands of a line, without sudo."""
    line = re.sub(r"\s+#(?: .*)?$", "", line)
    return [re.sub(r"^sudo (?!-|sh )", "", part.strip()) for part in line.split(" && ")]


def listed_commands(text):
    """Those in the text and in blocks for a real machine, each once."""
    blocks = re.findall(r"^```(\w*)\n(.*?)^```$", text, re.M | re.S)
    lines = [line for kind, body in blocks if kind == "sh" and not body.startswith("#!")
             for line in re.sub(r" *\\\n *", " ", body).splitlines() if line]
    lines += [line[2:] for _, body in blocks for line in body.splitlines() if line.startswith("$ ")]
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S)
    lines += [span for span in re.findall(r"`([^`\n]+)`", prose) if COMMAND.fullmatch(span)]
    return {part for line in lines for part in parts(line)}


def texts(path):
    """The string literals of a Python file."""
    return {node.value for node in ast.walk(ast.parse(read(path)))
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and len(node.value) > 1}


def locum_is_tested(command, tests):
    """Whether one test has the sub-command of locum or locum-nsd and all its options as words."""
    sub = re.match(r"locum(?:-nsd)? ([a-z]+)", command)
    words = {sub[1], *re.findall(r"(?<= )--?[a-z-]+", command)} if sub else set()
    return bool(sub) and any(words <= words_of for words_of in tests)


def tests_in(*folders):
    return [os.path.relpath(path, ROOT) for folder in folders
            for path in glob.glob(os.path.join(ROOT, f"tests/{folder}/*.py"))]


def commands_of(step):
    return {part for kind, _, command, _ in step.forth + step.back if kind == "run"
            for part in parts(command)}


def test_each_step_of_a_page_is_followed():
    """A test that names the page has a text that is the beginning of the heading."""
    tests = {path: (read(path), texts(path)) for path in tests_in("lab", "program", "packages")}
    for page in pages():
        begins = {begin for text, literals in tests.values() if page in text for begin in literals}
        for step in Page(os.path.join(ROOT, page)).steps:
            assert not commands_of(step) or any(step.title.startswith(begin) for begin in begins), \
                f"{page}: no test follows {step.title!r}"


def test_each_other_command_is_listed():
    followed = {command for page in pages() for step in Page(os.path.join(ROOT, page)).steps
                for command in commands_of(step)}
    tests = [texts(path) for path in tests_in("lab", "program", "packages", "site")]
    unknown, used = [], set()
    for page in pages():
        for command in sorted(listed_commands(read(page)) - followed):
            rows = [row for row in RUN + NOT_RUN if re.fullmatch(row[0], command)]
            used.update(rows)
            if not rows and not locum_is_tested(command, tests):
                unknown.append(f"{page}: {command}")
    assert not unknown, "what runs these commands?\n" + "\n".join(unknown)
    assert used == set(RUN + NOT_RUN), f"in no page: {set(RUN + NOT_RUN) - used}"


def test_what_is_listed_runs_it():
    for command, path, text in RUN:
        assert text in read(path), f"{path} does not run {command}: it has no {text!r}"


cases.run(globals())

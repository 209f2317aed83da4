#!/usr/bin/env python3
"""The status page in a headless Chromium, in the states of the demonstration.

Screenshots go to BUILD/page, the three of doc/ with them. PAGES=doc: those are written to doc/ too.
"""
# deadline: 300 s, beside others

import atexit
import html
import http.client
import json
import os
import re
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/site"))

import lab                                  # noqa: E402
from browser import Browser                 # noqa: E402
from lab import check                       # noqa: E402
from programs import until                  # noqa: E402

SHOTS = Path(os.environ.get("BUILD") or ROOT / "build") / "page"
PHONE, DESK = 360, 1280
PUBLIC_PORT = 9855
HOSTILE = "<img src=x onerror=alert(1)> & \"quotes\" 'too'"
# What is kept in doc/: {name: (width, dark, section, height)}
KEPT = {"dead": {"page": (DESK, False, None, 980), "page-phone": (PHONE, True, None, 760),
                 "page-timeline": (DESK, True, "timeline", None)}}


OPENED = []     # one browser for all tests


def the_browser():
    if not OPENED:
        OPENED.append(Browser().__enter__())
        atexit.register(OPENED[0].__exit__)
    OPENED[0].show()
    return OPENED[0]


def url_of(host, port=None):
    return f"http://{host.address}:{port or host.ports.status}/"


def get(host, path="/", port=None, method="GET"):
    """(status, headers, body)"""
    link = http.client.HTTPConnection(host.address, port or host.ports.status, timeout=5)
    link.request(method, path)
    reply = link.getresponse()
    body = reply.read().decode()
    link.close()
    return reply.status, dict(reply.getheaders()), body


def channel(value):
    value /= 255
    return value / 12.92 if value <= 0.03928 else ((value + 0.055) / 1.055) ** 2.4


def luminance(colour):
    """Of rgb(r, g, b), as WCAG 2 says."""
    red, green, blue = (channel(int(part)) for part in re.findall(r"\d+", colour)[:3])
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one, other):
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


# The text of each state and its colour on what is behind it.
COLOURS = """[...document.querySelectorAll('.state, section h2, dt, dd, small, td, th, summary, #timeline p, #timeline div')].map(e => {
    let behind = e;
    while (behind && getComputedStyle(behind).backgroundColor === 'rgba(0, 0, 0, 0)') {
        behind = behind.parentElement;
    }
    return [e.textContent, getComputedStyle(e).color, getComputedStyle(behind).backgroundColor];
})"""


def verdict(browser):
    return browser.eval("[document.getElementById('verdict').className,"
                        " document.getElementById('verdict').innerText]")


def card(browser, node):
    """(class, text) of a node's card."""
    return browser.eval(f"(e => [e.className, e.innerText])"
                        f"(document.querySelector('[aria-labelledby=node-{node}]'))")


def fits_and_can_be_read(browser, width, dark):
    wide = browser.eval("[document.documentElement.scrollWidth, ...[...document.querySelectorAll("
                        "'main *')].filter(e => e.getBoundingClientRect().right > innerWidth + 1)"
                        ".map(e => e.outerHTML.slice(0, 80))]")
    check(wide == [width], f"{wide} at {width} px")
    found = browser.eval(COLOURS)
    check(len(found) > 30, f"only {len(found)} texts")
    for text, colour, behind in found:
        check(contrast(colour, behind) >= 4.5,
              f"{text!r} has a contrast of {contrast(colour, behind):.1f}")
    page = browser.eval("getComputedStyle(document.body).backgroundColor")
    check((luminance(page) < 0.1) == dark, f"dark is {dark}, and the page has the colour {page}")


def look(browser, site, state, expect):
    """Look at a state in both widths and both schemes. expect(browser): what it must show."""
    SHOTS.mkdir(parents=True, exist_ok=True)
    for width, dark in ((PHONE, False), (PHONE, True), (DESK, False), (DESK, True)):
        browser.show(width, dark)
        if browser.eval("location.href") != url_of(site.dc2):
            browser.open(url_of(site.dc2))
        expect(browser)
        fits_and_can_be_read(browser, width, dark)
        browser.screenshot(SHOTS / f"{state}-{width}-{'dark' if dark else 'light'}.png")
    for name, (width, dark, section, height) in KEPT.get(state, {}).items():
        browser.show(width, dark)
        folder = ROOT / "doc" if os.environ.get("PAGES") == "doc" else SHOTS
        browser.screenshot(folder / f"{name}.png", section, height)
        check((folder / f"{name}.png").stat().st_size < 150_000, f"{name}.png is too large")


def shows(browser, level, *texts, node=None, node_level=None):
    """Wait until verdict and card say so: the page follows by itself."""
    def said():
        kind, text = verdict(browser)
        if node:
            found, words = card(browser, node)
            text += words
            if found != node_level:
                return False
        return kind == level and all(t in text for t in texts)
    until(f"the page shows {level} {texts} {node} {node_level}", said, 20, 0.1,
          seen=lambda: (verdict(browser), node and card(browser, node)))


def the_page_follows_each_state(site):
    browser = the_browser()
    look(browser, site, "well", lambda b: shows(
        b, "good", "OK", node="dc3", node_level="good"))
    check(browser.eval("document.querySelectorAll('#stale:not([hidden])').length") == 0,
          "it is stale")
    site.stop_web(site.dc3)
    look(browser, site, "web", lambda b: shows(
        b, "bad", "Degraded", "the service of dc3 is failing", "failing",
        node="dc3", node_level="bad"))
    site.start_web(site.dc3)
    site.wait_calm()
    site.dc2.locum.command("drain", "--for", "30m", "--reason", "new disk", check=True)
    look(browser, site, "drain", lambda b: shows(
        b, "good", "OK", "new disk", "drain for another", node="dc2", node_level="warn"))
    site.dc2.locum.command("drain", "--reason", HOSTILE, check=True)
    shows(browser, "good", HOSTILE, node="dc2", node_level="warn")
    check(browser.eval("document.querySelectorAll('img').length") == 0, "text became markup")
    site.dc2.locum.command("ready")
    site.wait_calm()
    site.crash(site.dc3)
    look(browser, site, "dead", lambda b: shows(
        b, "bad", "dc3 is down", "votes: dc2, ns0", node="dc3", node_level="bad"))
    answers = browser.eval("document.getElementById('answers').innerText")
    check("takeover(dc3)" in answers, answers)
    the_timeline_is_the_history(browser, site)


def the_timeline_is_the_history(browser, site):
    """What holds last of each row, and that a failure looks different from the usual."""
    rows = browser.eval("[...document.querySelectorAll('#timeline > ul > li > div')]"
                        ".map(e => e.textContent)")
    history = json.loads(get(site.dc2, "/history")[2])
    expected = [f"{node['node']} condition {node['condition'][-1]['value']}"
                for node in history["nodes"]]
    expected += [f"{name['name']} answered with {', '.join(name['answers'][-1]['nodes'])}"
                 for name in history["names"]]
    for text in expected:
        check(any(row.startswith(text) for row in rows), f"{text!r} is not in {rows}")
    looks = browser.eval("""['good', 'bad', 'n0', 'n1'].map(kind => {
        const bar = document.querySelector('#timeline rect.' + kind);
        return [getComputedStyle(bar).fill, bar.getBBox().height];
    })""")
    check(len({fill for fill, _ in looks}) == 4, f"these look alike: {looks}")
    check(looks[0][1] < looks[1][1], f"without colours these look alike: {looks}")
    browser.eval("document.querySelector('#timeline summary').click()")
    check(" for " in browser.eval("document.querySelector('#timeline details').innerText"),
          "the list of changes is empty")


def no_redis_is_shown(site):
    for host in site.with_program("redis"):
        host.redis.stop()
    browser = the_browser()
    look(browser, site, "no-redis", lambda b: shows(b, "bad", "Degraded", "Redis"))
    for host in site.with_program("redis"):
        host.redis.start()
    site.wait_redis_whole()


def shown_facts(browser):
    """What the page says of nodes and answers, as the status has it."""
    return browser.eval("""[
        [...document.querySelectorAll('article')].map(a => {
            const fact = term => [...a.querySelectorAll('dt')].filter(
                e => e.textContent === term).map(e => e.nextElementSibling.textContent)[0];
            return [a.querySelector('h3').firstChild.textContent.trim(),
                    a.querySelector('.condition').textContent,
                    fact('Service') || null, fact('Admin') || null,
                    fact('Rank') ? fact('Rank')[0] : null];
        }),
        [...document.querySelectorAll('#answers tbody tr')].map(
            row => [...row.children].map(e => e.textContent))]""")


def page_and_status_agree(site):
    status = site.dc2.locum.status()
    nodes = []
    for node in status["nodes"]:
        server = node["role"] == "server"
        nodes.append([node["name"], node["condition"], node["service"] if server else None,
                      node["admin"]["state"] if server else None, node["rank"] if server else None])
    answers = [[f"{n['name']} {n['type']}, TTL {n['ttl_s']} s", ", ".join(n["answers"]),
                ", ".join(n["nodes"]), n["reason"]] for n in status["names"]]
    browser = the_browser()
    browser.open(url_of(site.dc2))
    check(shown_facts(browser) == [nodes, answers],
          f"{shown_facts(browser)} is not {[nodes, answers]}")
    # Without JavaScript the page has the same facts, and says how it stays up to date.
    browser.show(scripts=False)
    browser.open(url_of(site.dc2))
    check(shown_facts(browser) == [nodes, answers], "without JavaScript the facts differ")
    text = browser.eval("document.body.innerText")
    check("loaded again every 15 seconds" in text, text[-300:])


def a_page_without_an_answer_says_so(site):
    """Also the focus and an unchanged page survive the refreshes."""
    browser = the_browser()
    browser.show(PHONE)
    browser.open(url_of(site.dc2))
    browser.eval("document.getElementById('to-status').focus({preventScroll: true});"
                 "scrollTo(0, 400)")
    first = browser.eval("document.getElementById('now').dateTime")
    until("the page is a later one", lambda: browser.eval(
        "document.getElementById('now').dateTime") > first, 10, 0.1)
    check(browser.eval("[document.activeElement.id, Math.round(scrollY)]")
          == ["to-status", 400], "focus or position changed")
    site.dc2.locum.kill()
    until("it says that the daemon does not answer", lambda: re.search(
        r"does not answer: last seen \d+ s ago",
        browser.eval("document.getElementById('stale').innerText")), 15, 0.1)
    check(browser.eval("document.title").startswith("No answer: "), "the title looks well")
    check(browser.eval("document.getElementById('stale').getBoundingClientRect().top") >= 0,
          "the notice cannot be seen")
    check(float(browser.eval("getComputedStyle(document.querySelector('main')).opacity")) < 1,
          "what is old looks like new")
    browser.screenshot(SHOTS / "stale-360-light.png")
    site.dc2.locum.start()
    until("the notice goes", lambda: browser.eval("document.getElementById('stale').hidden"),
          15, 0.1)


def the_public_page_hides_what_is_internal(site):
    locum = site.dc2.locum
    text = locum.config.read_text()
    locum.config.write_text(text.replace(
        "listen: {", f'listen: {{status: ["{site.dc2.address}:{PUBLIC_PORT}"], '))
    site.stop_locum(site.dc2)
    site.start_locum(site.dc2)
    site.wait_calm()
    code, headers, body = get(site.dc2, port=PUBLIC_PORT)
    check(code == 200, body)
    check(headers["Content-Type"] == "text/html; charset=utf-8", str(headers))
    facts = body[body.index("<main>"):body.index("<script>")]
    for secret in ("ns0", "10.0.0.", "Redis", "Sentinel", f"{site.dc2.address}:80", "http "):
        check(secret not in facts, f"{secret} is shown")
    for name in (*site.names, "dc2", "dc3"):
        check(html.escape(name) in facts, f"{name} is not shown")
    for path in ("/status", "/metrics", "/events", "/healthz", "/explain?name=get.example.org"):
        check(get(site.dc2, path, PUBLIC_PORT)[0] == 404, f"{path} is served")
    code, headers, body = get(site.dc2, port=PUBLIC_PORT, method="HEAD")
    check((code, body) == (200, "") and int(headers["Content-Length"]) > 1000, str(headers))
    browser = the_browser()
    for width, dark in ((PHONE, True), (DESK, False)):
        browser.show(width, dark)
        browser.open(url_of(site.dc2, PUBLIC_PORT))
        fits_and_can_be_read(browser, width, dark)
        browser.screenshot(SHOTS / f"public-{width}-{'dark' if dark else 'light'}.png")
    locum.config.write_text(text)


if __name__ == "__main__":
    lab.main([the_page_follows_each_state, page_and_status_agree,
              a_page_without_an_answer_says_so, the_public_page_hides_what_is_internal,
              no_redis_is_shown])

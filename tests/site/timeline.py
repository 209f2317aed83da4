#!/usr/bin/env python3
"""timeline: a picture of one fault: which node answered what and when, and which pages failed.

    timeline.py DATA.json >PICTURE.svg

record() makes data from a measure.Round, draw() makes a picture from data.
"""

import json
import sys
from xml.sax.saxutils import escape

COLOURS = {"dc2": "#3b78b5", "dc3": "#e8892b", "dc4": "#4d9a4d"}
NO_ANSWER, OTHER, FAILED, FINE, INK, FAINT = (
    "#e4e4e4", "#8a6fb0", "#c81e1e", "#b9d8b9", "#222", "#999")
WIDTH, LEFT, RIGHT, LANE, BAR, TOP = 960, 215, 20, 24, 15, 82


def record(one, title, moments):
    """The data from a second before the fault on; moments: [(seconds since the fault, label)]."""
    until_s = one.end - one.begun
    lanes = []
    for scheme in one.schemes:
        for (node, name, kind), samples in sorted(one.samples(scheme).items(),
                                                  key=lambda i: (i[0][0], len(i[0][1]), i[0])):
            if kind == "A" and scheme.label.startswith("Locum"):
                lanes.append({"scheme": scheme.label, "label": f"{node} answers {_short(name)}",
                              "spans": _spans(one, samples)})
    clients = []
    for scheme, kind, second, label in (
            (one.schemes[0], "fresh", False, "new, Locum self"),
            (one.schemes[0], "cached", False, "cached, Locum self"),
            (one.schemes[1], "cached", True, "cached, Locum all, 2nd try"),
            (one.schemes[2], "cached", True, "cached, NSD alone")):
        clients.append({"label": label, "fetches": sorted(
            [round(f.at - one.begun, 3), f.second if second else f.first]
            for f in one.crowd.fetches if one.start <= f.at < one.end
            and f.scheme == scheme.label and f.kind == kind)})
    return {"title": title, "from": round(one.start - one.begun, 3), "until": round(until_s, 3),
            "moments": [[round(at, 3), words] for at, words in moments],
            "lanes": lanes, "clients": clients}


def _short(name):
    return name.split(".example.")[0]


def _spans(one, samples):
    """[[from, until, nodes named]]; [] for no answer."""
    spans = []
    for sample in samples:
        at = round((sample.received or sample.sent) - one.begun, 3)
        named = sorted({one.site.host_of(a) for a in sample.addresses})
        if spans and spans[-1][2] == named:
            spans[-1][1] = at
        else:
            if spans:
                spans[-1][1] = at
            spans.append([at, at, named])
    return spans


class _Picture:
    def __init__(self, data):
        self.data, self.parts, self.y = data, [], TOP
        self.scale = (WIDTH - LEFT - RIGHT) / (data["until"] - data["from"])

    def x(self, seconds):
        return LEFT + (max(seconds, self.data["from"]) - self.data["from"]) * self.scale

    def rect(self, x, y, width, height, colour):
        self.parts.append(f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 0.6):.1f}" '
                          f'height="{height:.1f}" fill="{colour}"/>')

    def text(self, x, y, words, anchor="start", colour=INK, more=""):
        self.parts.append(f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" '
                          f'fill="{colour}"{more}>{escape(words)}</text>')

    def line(self, x, y0, y1, colour, more=""):
        self.parts.append(f'<path d="M{x:.1f} {y0:.1f}V{y1:.1f}" stroke="{colour}"{more}/>')

    def label(self, words):
        self.text(LEFT - 10, self.y + BAR - 3, words, "end")

    def heading(self, words):
        self.text(LEFT - 10, self.y + 10, words, "end", more=' font-weight="bold"')
        self.y += 18

    def answers(self):
        scheme = None
        for lane in self.data["lanes"]:
            if lane["scheme"] != scheme:
                self.y += 8 if scheme else 0
                scheme = lane["scheme"]
                self.heading(scheme)
            self.label(lane["label"])
            for begin, end, named in lane["spans"]:
                x, width = self.x(begin), self.x(end) - self.x(begin)
                for number, node in enumerate(named or [None]):
                    height = BAR / max(len(named), 1)
                    self.rect(x, self.y + number * height, width, height,
                              COLOURS.get(node, OTHER) if node else NO_ANSWER)
            self.y += LANE

    def clients(self):
        self.y += 8
        self.heading("pages fetched by clients")
        for lane in self.data["clients"]:
            self.label(lane["label"])
            for fine in (True, False):      # the failed ones on top
                for at, good in lane["fetches"]:
                    if good is fine:
                        self.rect(self.x(at), self.y, 1.2, BAR, FINE if good else FAILED)
            failed = sum(not good for _, good in lane["fetches"])
            self.text(WIDTH - RIGHT, self.y - 1, f"{failed} failed", "end",
                      FAILED if failed else INK, ' font-size="9"')
            self.y += LANE

    def moments(self):
        for number, (at, words) in enumerate(self.data["moments"]):
            x, y = self.x(at), TOP - 8 - 14 * (number % 2)
            self.line(x, y + 2, self.y, INK, ' stroke-dasharray="3 3"')
            late = x > WIDTH - 220
            self.text(x + (-3 if late else 3), y, f"{at:.2f} s {words}", "end" if late else "start")

    def axis(self):
        step = next(s for s in (1, 2, 5, 10, 20, 60) if s * self.scale > 34)
        self.y += 4
        for second in range(int(self.data["from"]), int(self.data["until"]) + 1):
            if second % step == 0:
                self.line(self.x(second), self.y, self.y + 5, INK)
                self.text(self.x(second), self.y + 18, f"{second} s", "middle")
        self.y += 34

    def legend(self):
        x, seen = LEFT, {n for lane in self.data["lanes"] for s in lane["spans"] for n in s[2]}
        for colour, words in [(COLOURS.get(n, OTHER), f"names {n}") for n in sorted(seen)] + [
                (NO_ANSWER, "no answer"), (FINE, "page fetched"), (FAILED, "page failed")]:
            self.rect(x, self.y - 10, 12, 12, colour)
            self.text(x + 17, self.y, words)
            x += 32 + 7 * len(words)
        self.y += 14


def draw(data):
    """The picture, as text."""
    picture = _Picture(data)
    picture.text(12, 24, data["title"], more=' font-size="16" font-weight="bold"')
    picture.answers()
    picture.clients()
    picture.moments()
    picture.axis()
    picture.legend()
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {picture.y:.0f}" '
        f'font-family="sans-serif" font-size="12">',
        f"<title>{escape(data['title'])}</title>",
        f'<rect width="{WIDTH}" height="{picture.y:.0f}" fill="#fff"/>',
        *picture.parts, "</svg>", ""])


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as source:
        sys.stdout.write(draw(json.load(source)))

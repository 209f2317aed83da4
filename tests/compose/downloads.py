"""downloads: what `watch` in the client shows of downloads, and the image of Mirrorbits."""

import calendar
import os
import re
import shutil
import tempfile
import time
from collections import namedtuple
from pathlib import Path

from containers import ROOT, run
from mirrorbits import REAL as PROGRAM
from mirrorbits import TEMPLATES
from programs import until

IMAGE = os.environ.get("MIRRORBITS_IMAGE")
REAL = IMAGE or PROGRAM
FALLBACK = "fallback.example.org"
LINE = re.compile(r"\S+ +(\d\d:\d\d:\d\d) .*  download: (ok|FAILED) +(.*)")
IN_A_ROW = 3            # so many good downloads end the time of failures

Download = namedtuple("Download", "at clock good target")    # target: the last host, or the error


def make_image():
    """The name of an image with Mirrorbits: the real program, or the stand-in."""
    if IMAGE:
        return IMAGE
    here, name = Path(__file__).parent, "locum-mirrorbits-test"
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(PROGRAM or here / "mirrorbits", f"{folder}/mirrorbits")
        templates = [*Path(TEMPLATES).iterdir()] if PROGRAM else [ROOT / "tests/site/redirector.py"]
        os.mkdir(f"{folder}/templates")
        for file in templates:
            shutil.copy(file, f"{folder}/templates")
        run("docker", "build", "--tag", name, "--file", here / "Mirrorbits.Dockerfile", folder, within=300)
    return name


class Downloads:
    """The downloads from now on, one a second."""

    def __init__(self, site):
        self.site, self.begin = site, time.time()
        self.begin_good = self.mended_at = self.end = None

    def list(self):
        """All so far, by the time when `watch` printed them."""
        lines = run("docker", "logs", "--since", f"{self.begin:.3f}", "--timestamps",
                    self.site.ids["client"]).splitlines()
        found = [(line.split()[0], LINE.match(line)) for line in lines]
        return [Download(_seconds(at), m[1], m[2] == "ok", m[3]) for at, m in found if m]

    def good(self, within, since=0):
        """Wait until some in a row, from `since` on, were good; from then on all must be."""
        def reached():
            last = [d for d in self.list() if d.at > since][-IN_A_ROW:]
            return len(last) == IN_A_ROW and all(d.good for d in last) and last[0].at
        self.begin_good = until("good downloads", reached, within + IN_A_ROW, 0.2)

    def mended(self):
        self.mended_at = time.time()

    def normal(self, within, mirror=None):
        """Wait until the last came from a mirror that Mirrorbits chose; from this one, if named."""
        def reached():
            after = [d for d in self.list() if d.at > (self.mended_at or self.begin)][-1:]
            return after and after[0].good and after[0].target.startswith(mirror or "mirror") and after[0].at
        self.end = until(f"a download from {mirror or 'a mirror'}", reached, within, 0.2)

    def late(self):
        """Those that failed after the time of failures."""
        return [d for d in self.list() if self.begin_good and d.at > self.begin_good and not d.good]

    def cells(self):
        """Failures of all, fallbacks, seconds from the fault to good ones, from the repair to normal ones."""
        all_of = self.list()
        return (f"{sum(not d.good for d in all_of)} of {len(all_of)}",
                sum(d.target == FALLBACK for d in all_of), f"{self.begin_good - self.begin:.1f} s",
                f"{self.end - self.mended_at:.1f} s")


def _seconds(stamp):
    """The time of a line of `docker logs --timestamps`: UTC, with nanoseconds."""
    whole, _, rest = stamp.rstrip("Z").partition(".")
    return calendar.timegm(time.strptime(whole, "%Y-%m-%dT%H:%M:%S")) + float(f"0.{rest}")

"""lab: runs the tests of one program of tests/lab/ on one site and prints what tests/run reads.

A test is a function that takes the site; its name with spaces for underscores is the test's name.
Any exception fails it. After each test the site is healed. The logs are kept if a test failed.
"""

import statistics
import sys
import time
import traceback

import network
from article import Site
from mirrorbits import NOTICE

SLACK = 3.0     # the median must be within the figure, each time within SLACK times it


class Skip(Exception):
    """This machine cannot run the test; the text says what is missing."""


def main(tests, redis=True, **options):
    """Build the site with these options, run the tests in order, end the program."""
    net = network.enter()
    if options and not net.namespaces:
        for test in tests:
            print(f"SKIP {_name(test)}: needs network namespaces (unshare, veth, bridge)")
        sys.exit(0)
    begin, failed = time.monotonic(), 0

    def say(text):
        print(f"{time.monotonic() - begin:7.2f} s  {text}", flush=True)

    if options.get("mirrorbits"):
        print(NOTICE, flush=True)
    site = Site(net, say=say, slack=SLACK, **options)
    done = False
    try:
        site.start(redis=redis)
        for test in tests:
            say(f"-- {_name(test)}")
            failed += not _passes(test, site)
        failed += not _passes(everything_ends_in_order, site, heal=False)
        done = True
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:          # of the site itself: all remaining tests have failed
        traceback.print_exc()
        print(f"not ok {_name(tests[0]) if tests else 'site'} - the site: {_line(error)}")
    finally:
        keep = failed or not done
        site.close(keep=keep)
        if keep:
            print(f"The logs are in {site.dir}", flush=True)
    sys.exit(1 if failed or not done else 0)


def _name(test):
    return test.__name__.replace("_", " ")


def _line(error):
    return " ".join(f"{type(error).__name__}: {error}".split())[:400]


def everything_ends_in_order(site):
    """At the end: SIGTERM, exit code 0, and no sanitizer report."""
    for host in site.coordinators:
        site.stop_locum(host)
        for line in host.locum.log.read_text(errors="replace").splitlines():
            check("Sanitizer" not in line and "runtime error" not in line, f"{host}: {line}")


def _passes(test, site, heal=True):
    try:
        test(site)
        if heal:
            site.heal()
        print(f"ok {_name(test)}", flush=True)
        return True
    except Skip as reason:
        print(f"SKIP {_name(test)}: {reason}", flush=True)
        return True
    except Exception as error:
        traceback.print_exc()
        print(f"not ok {_name(test)}: {_line(error)}", flush=True)
    try:
        if heal:
            site.heal()
    except Exception as error:
        site.say(f"the site did not heal: {_line(error)}")
    return False


def check(true, what):
    """Assert with a message."""
    if not true:
        raise AssertionError(what)


def check_times(what, seconds, figure):
    """Check that the median is within the figure, each within SLACK times it. Prints the times."""
    times = " ".join("never" if s is None else f"{s:.3f}" for s in seconds)
    print(f"  {what}: {times} s; allowed {figure:g} s", flush=True)
    check(None not in seconds, f"{what}: never, once or more ({times})")
    check(max(seconds) <= SLACK * figure, f"{what}: {times} s, one over {SLACK * figure:g} s")
    check(statistics.median(seconds) <= figure, f"{what}: {times} s, median over {figure:g} s")


def check_verdict(prober, begin, end=None):
    """Check that no answer of the nodes was wrong, empty or missing."""
    bad = []
    counts = prober.verdict(begin, end)
    for sample, word in prober.judged(begin, end):
        if word != "right" and len(bad) < 5:
            bad.append(f"{word}: {sample.kind} {sample.name} at {sample.target} "
                       f"{sample.sent - begin:.2f} s in: {' '.join(sample.addresses) or '-'}")
    print(f"  answers: {dict(counts)}", flush=True)
    check(not bad, f"{dict(counts)}: " + "; ".join(bad))
    check(counts["right"] > 0, "no query was sent")

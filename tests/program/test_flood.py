#!/usr/bin/python3
"""A flood of queries with forged sources from one /24, beside 2,000 honest queries a second from
elsewhere: the honest ones get their answers, and the /24 gets less than was sent in its name.

tests/bench/flood measures the same with 100,000 queries a second. Each site runs in a network namespace of its
own in which all those sources are local. What the kernel drops because the coordinator did not get a processor
in time is no fault of it: here it is subtracted, there it is shown.
"""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading

sys.dont_write_bytecode = True
sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../self"))
import alone
import cases

FORGED_PER_SECOND, SECONDS = 10000, 2
LOST_MAX = 0.001                # of the honest queries
AMPLIFICATION_MAX = 1.0         # bytes to the /24 for each byte in its name
PLACE = """
ip link set lo up
ip address add 192.0.2.12/32 dev lo
ip route add local 198.51.100.0/24 dev lo
ip route add local 203.0.0.0/16 dev lo
nft -f - <<END
table ip flood {
  chain out {
    type filter hook output priority 0
    ip saddr 198.51.100.0/24 udp dport 53 counter comment "forged"
    ip daddr 198.51.100.0/24 udp sport 53 counter comment "answers"
  }
}
END
"""
CONFIG = """\
cluster: get
node: dc2
secret-file: secret
state-dir: {{folder}}
listen: {{{{dns: ["192.0.2.12:53"], control: {{folder}}/control.sock, peer: ["127.0.0.1:9853"]}}}}
nodes:
  dc2: {{{{address: [192.0.2.12]}}}}
zones:
  - {{{{name: get.example.org, ns: [dc2.example.org], records: [{records}]}}}}
service:
  checks:
    - tcp: {{{{address: "127.0.0.1:9"}}}}
dns: {{{{workers: {workers}{more}}}}}
"""


def sample(it, name):
    return int(re.search(rf"^{re.escape(name)} (\d+)$", it.get("/metrics"), re.M).group(1))


def bytes_of(comment):
    rules = subprocess.run(["nft", "list", "table", "ip", "flood"], capture_output=True, text=True,
                           check=True).stdout
    return int(re.search(rf'bytes (\d+) comment "{comment}"', rules).group(1))


def overflow():
    """How many datagrams the kernel dropped at the coordinator's sockets (proc_net_udp, drops)."""
    with open("/proc/net/udp", encoding="ascii") as file:
        rows = [line.split() for line in file if "0C0200C0:0035" in line]
    return sum(int(row[-1]) for row in rows)


def backlog_drops():
    """How many packets of all programs the kernel dropped before it knew for whom they are."""
    with open("/proc/net/softnet_stat", encoding="ascii") as file:
        return sum(int(line.split()[1], 16) for line in file)


def cpu_s(group):
    """CPU time of all processes of this process group."""
    ticks = 0
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{entry}/stat", encoding="ascii", errors="replace") as file:
                fields = file.read().rpartition(")")[2].split()
        except OSError:
            continue
        ticks += sum(map(int, fields[11:13])) if int(fields[2]) == group else 0
    return ticks / os.sysconf("SC_CLK_TCK")


def flood(group, rate, seconds, names):
    """What one flood did to the server at 192.0.2.12, whose processes are this group, as a dict."""
    cpu, backlog = cpu_s(group), backlog_drops()
    run = subprocess.run([os.path.join(os.environ["BUILD"], "tests/bench/flood"), "192.0.2.12",
                          "53", str(rate), str(seconds), "names" if names == "names" else "random"],
                         capture_output=True, text=True, timeout=seconds + 20, check=True)
    return {**json.loads(run.stdout), "overflow": overflow(), "cpu_s": cpu_s(group) - cpu,
            "backlog_drops": backlog_drops() - backlog, "forged_bytes": bytes_of("forged"),
            "answer_bytes": bytes_of("answers")}


def config(workers, more="", names="names"):
    """names: what will be asked for: "names" or "random", or "wildcard": random names that exist."""
    return CONFIG.format(workers=workers, more=more, records='"* A 192.0.2.1"' if names == "wildcard" else "")


def measure(rate, seconds, workers, names):
    """Only in a namespace of its own. What one flood did, as a dict."""
    subprocess.run(["sh", "-euc", PLACE], check=True)
    with alone.Alone(config(workers, names=names), prepare=os.setpgrp) as it:
        it.until("its start", lambda: "event=serving" in it.text() and it.get("/healthz"))
        result = flood(it.process.pid, rate, seconds, names)
        counted = sample(it, "locum_dns_udp_overflow_total")
        assert counted == result["overflow"], (counted, result)
        for action in ("short", "drop"):
            result[action] = sample(it, f'locum_dns_rate_limited_total{{action="{action}"}}')
        it.until("a warning", lambda: "rate-limit" in it.get("/status"))
        result["log"] = re.findall(r"event=rate-limit .*", it.text())
    return result


def ask(*words):
    """dig, as a client in the network that is limited."""
    return subprocess.run(["dig", "@192.0.2.12", "-b", "198.51.100.9", "+tries=1", "+time=1", *words,
                           "get.example.org"], capture_output=True, text=True, timeout=20, check=False).stdout


class Neighbour:
    """Another client in that network: asks so often that no answer of the limit is left for long."""

    QUERY = b"\0\1\0\0\0\1\0\0\0\0\0\0\3get\7example\3org\0\0\1\0\1"

    def __enter__(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("198.51.100.77", 0))
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.ask)
        self.thread.start()
        return self

    def ask(self):
        while not self.ended.wait(0.002):
            self.socket.sendto(self.QUERY, ("192.0.2.12", 53))

    def __exit__(self, *_):
        self.ended.set()
        self.thread.join()
        self.socket.close()


def reload(it, more):
    with open(os.path.join(it.folder, "locum.yaml"), "w", encoding="utf-8") as file:
        file.write(config(1, more).format(folder=it.folder))
    run = subprocess.run([it.program, "reload", "-c", file.name], capture_output=True, text=True,
                         timeout=20, check=False)
    assert run.returncode == 0, run.stdout + run.stderr


def clients():
    """Only in a namespace of its own. What a client in a limited network can do, and what a reload
    changes. One answer a second is allowed here."""
    subprocess.run(["sh", "-euc", PLACE], check=True)
    with alone.Alone(config(1, ", rate-limit: {{responses-per-second: 1, slip: 1}}")) as it, \
            Neighbour():
        it.until("its start", lambda: "event=serving" in it.text() and it.get("/healthz"))
        it.until("a limit", lambda: sample(it, 'locum_dns_rate_limited_total{action="short"}') > 0)
        text = ask("+nocookie", "+ignore")
        assert " tc" in text and "ANSWER: 0" in text, text
        text = ask("+nocookie")             # dig asks again by TCP
        assert "ANSWER: 1," in text and "(TCP)" in text, text
        text = ask("+cookie", "+nobadcookie")
        assert "BADCOOKIE" in text and "(good)" in text, text
        text = ask("+cookie")               # dig asks again with the cookie
        assert "ANSWER: 1," in text and "NOERROR" in text and "(UDP)" in text, text
        cookie = re.search(r"COOKIE: ([0-9a-f]+)", text).group(1)
        for _ in range(5):
            assert "ANSWER: 1," in ask(f"+cookie={cookie}", "+nobadcookie")
        counted = sample(it, 'locum_dns_rate_limited_total{action="badcookie"}')
        assert counted == 2, counted
        for more in (", rate-limit: {{responses-per-second: 1, exempt: [198.51.100.9]}}",
                     ", rate-limit: {{responses-per-second: 0}}"):
            reload(it, more)
            for _ in range(5):
                text = ask("+nocookie", "+ignore")
                assert "ANSWER: 1," in text and " tc" not in text, text
        reload(it, ", rate-limit: {{responses-per-second: 1, slip: 0}}")
        assert "status" not in ask("+nocookie", "+ignore")
    return {}


def apart(*words, program=__file__):
    """This program with these words in a network namespace, as root of it; its last line as JSON."""
    run = subprocess.run(["unshare", "--map-root-user", "--net", sys.executable, "-B",
                          os.path.abspath(program), *map(str, words)],
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert run.returncode == 0, run.stdout
    return json.loads(run.stdout.splitlines()[-1])


def check(result):
    print(result)
    assert result["log"] == ["event=rate-limit prefix=198.51.100.0/24 state=limited"], result
    assert result["lost"] - result["overflow"] <= result["honest"] * LOST_MAX, result
    assert result["overflow"] < result["honest"] / 2, result
    assert result["answer_bytes"] < result["forged_bytes"] * AMPLIFICATION_MAX, result
    assert result["short"] + result["drop"] > (result["forged"] - result["overflow"]) / 2, result


def test_queries_that_are_not_read_are_counted():
    """While the coordinator is stopped, more queries arrive than the queue of its socket holds."""
    with alone.Alone() as it, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        it.until("its start", lambda: "event=serving" in it.text() and it.get("/healthz"))
        assert sample(it, "locum_dns_udp_overflow_total") == 0
        client.connect((it.host, 15353))
        it.process.send_signal(signal.SIGSTOP)
        try:
            for _ in range(40000):
                client.send(Neighbour.QUERY)
        finally:
            it.process.send_signal(signal.SIGCONT)
        it.until("a log line", lambda: "event=queue-full" in it.text() and "rmem_max" in it.text())
        assert sample(it, "locum_dns_udp_overflow_total") > 0


def test_one_name():
    check(apart(FORGED_PER_SECOND, SECONDS, 1, "names"))


def test_clients_in_a_limited_network():
    apart("clients")


def test_random_names_and_four_workers():
    check(apart(FORGED_PER_SECOND, SECONDS, 4, "random"))


def test_random_names_under_a_wildcard():
    check(apart(FORGED_PER_SECOND, SECONDS, 1, "wildcard"))


if __name__ == "__main__":
    if sys.argv[1:] == ["clients"]:
        print(json.dumps(clients()))
    elif len(sys.argv) == 5:
        print(json.dumps(measure(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]),
                                 sys.argv[4])))
    else:
        cases.run(globals())

/* Right by themselves and wrong together: refused, each with all that is said about it. */
#include "fixture.h"

#define LONG                                                                                       \
    "01234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901" \
    "23456789"

#define LABEL63 "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffggg"
#define NAME247                                                                                    \
    LABEL63 "." LABEL63 "." LABEL63 "."                                                            \
            "hhhhhhhhhhiiiiiiiiiijjjjjjjjjjkkkkkkkkkkllllllll.eeeeee"

static const struct broken broken[] = {
    {"a name too long",
     {{"ns1.example.org", NAME247 ".example"}},
     "locum.yaml:10:10: error: ns \"" LABEL63 ".aaaaaaaaaabbbbbb...\" is not right: it is longer "
     "than 253 characters; write an absolute name, as in ns1.example.org\n"},
    {"hostmaster and the zone make a name too long",
     {{"get.example.org", NAME247}, {"    ns:", "    owned: {}\n    ns:"}},
     "locum.yaml:9:5: error: hostmaster. and the zone make a name longer than 253 characters: "
     "write soa.rname\n"},
    {"address",
     {{"[192.0.2.12]", "[192.0.2.256]"}},
     "locum.yaml:5:19: error: address \"192.0.2.256\" is not right: write a numeric address "
     "without port, as in 192.0.2.12 or 2001:db8::12\n"},
    {"address with a port",
     {{"[192.0.2.12]", "[\"192.0.2.12:53\"]"}},
     "locum.yaml:5:19: error: address \"192.0.2.12:53\" is not right: write a numeric address "
     "without port, as in 192.0.2.12 or 2001:db8::12\n"},
    {"unspecified address",
     {{"[192.0.2.12]",
       "[0.0.0.0, \"::\", \"ff02::1\", 224.0.0.1, \"fe80::1\", \"::ffff:192.0.2.1\"]"}},
     "locum.yaml:5:19: error: address \"0.0.0.0\" is no address of a host\n"
     "locum.yaml:5:28: error: address \"::\" is no address of a host\n"
     "locum.yaml:5:34: error: address \"ff02::1\" is no address of a host\n"
     "locum.yaml:5:45: error: address \"224.0.0.1\" is no address of a host\n"
     "locum.yaml:5:56: error: address \"fe80::1\" is link-local: write one that users reach\n"
     "locum.yaml:5:67: error: address \"::ffff:192.0.2.1\" is an IPv4 address: write it as one\n"},
    {"no address",
     {{"address: [192.0.2.13], ", ""}},
     "locum.yaml:6:3: error: address is missing: a server and a witness need one\n"},
    {"no addresses",
     {{"address: [192.0.2.13], ", "address: [], "}},
     "locum.yaml:6:18: error: address holds 0: write 1 to 8\n"},
    {"too many addresses",
     {{"[192.0.2.12]", "[192.0.2.12, 192.0.2.21, 192.0.2.22, 192.0.2.23, 192.0.2.24, 192.0.2.25, "
                       "192.0.2.26, 192.0.2.27, 192.0.2.28]"}},
     "locum.yaml:5:18: error: address holds 9: write 1 to 8\n"},
    {"the same address twice",
     {{"[192.0.2.13]", "[192.0.2.12]"}},
     "locum.yaml:6:19: error: address 192.0.2.12 stands at line 5 too: every node has its own\n"},
    {"the same address twice at a node",
     {{"[192.0.2.13]", "[\"2001:db8::1\", \"2001:DB8:0::1\"]"}},
     "locum.yaml:6:34: error: address 2001:db8::1 stands at line 6 too: every node has its own\n"},
    {"the same Redis twice",
     {{"\"10.0.0.13:6379\"", "\"10.0.0.12:6379\""}},
     "locum.yaml:6:39: error: 10.0.0.12:6379 stands at line 5 too: one instance belongs to one "
     "node\n"},
    {"Redis and Sentinel alike",
     {{"\"10.0.0.13:26379\"", "\"10.0.0.12:6379\""}},
     "locum.yaml:6:67: error: 10.0.0.12:6379 stands at line 5 too: one instance belongs to one "
     "node\n"},
    {"the same Mirrorbits twice",
     {{"address: [192.0.2.13]", "mirrorbits: dc2, address: [192.0.2.13]"}},
     "locum.yaml:6:21: error: mirrorbits name \"dc2\" is that of node dc2 too: write each node's "
     "own\n"},
    {"no server",
     {{NODES, "nodes:\n"
              "  dc2: {role: witness, address: [192.0.2.12]}\n"}},
     "locum.yaml:5:3: error: no node has role server: write at least one\n"},
    {"a sentinel node without Sentinel",
     {{"  ns0: {role: witness, address: [192.0.2.10], sentinel: \"10.0.0.10:26379\"}",
       "  ns0: {role: sentinel, redis: \"10.0.0.10:6379\"}"}},
     "locum.yaml:7:3: error: sentinel is missing: a node of role sentinel votes by it\n"},
    {"a witness with failover",
     {{"role: witness", "role: witness, failover: [dc2]"}},
     "locum.yaml:7:34: error: failover belongs to a server: remove it here\n"},
    {"failover to strangers",
     {{"address: [192.0.2.13]", "failover: [dc9, dc3, ns0, dc2, dc2], address: [192.0.2.13]"}},
     "locum.yaml:6:20: error: failover \"dc9\" is none of nodes: write other servers, each once\n"
     "locum.yaml:6:25: error: failover \"dc3\" is the node itself: write other servers, each once\n"
     "locum.yaml:6:30: error: failover \"ns0\" is no server: write other servers, each once\n"
     "locum.yaml:6:40: error: failover \"dc2\" stands here twice: write other servers, each "
     "once\n"},
    {"node is none of nodes",
     {{"node: dc2", "node: dc9"}},
     "locum.yaml:2:7: error: node \"dc9\" is none of nodes: write `node:` with one of dc2, dc3, "
     "ns0\n"},
    {"node of role sentinel",
     {{"node: dc2\n", "node: s1\n"},
      {"zones:", "  s1: {role: sentinel, sentinel: \"10.0.0.9:26379\"}\n"
                 "zones:"}},
     "locum.yaml:2:7: error: node \"s1\" has role sentinel: no coordinator runs there\n"},
    {"33 nodes",
     {{NODES, "nodes: {n0: {}, n1: {}, n2: {}, n3: {}, n4: {}, n5: {}, n6: {}, n7: {}, n8: {}, n9: "
              "{}, n10: {}, n11: {}, n12: {}, n13: {}, n14: {}, n15: {}, n16: {}, n17: {}, n18: "
              "{}, n19: {}, n20: {}, n21: {}, n22: {}, n23: {}, n24: {}, n25: {}, n26: {}, n27: "
              "{}, n28: {}, n29: {}, n30: {}, n31: {}, n32: {}}\n"}},
     "locum.yaml:4:8: error: nodes holds 33: write 1 to 32\n"},
    {"zone name",
     {{"name: get.example.org", "name: get..example.org"}},
     "locum.yaml:9:11: error: name \"get..example.org\" is not right: write a domain name, as in "
     "get.example.org\n"},
    {"the root as zone",
     {{"name: get.example.org", "name: \".\""}},
     "locum.yaml:9:11: error: name \".\" is not right: write a domain name, as in "
     "get.example.org\n"},
    {"the same zone twice",
     {{"service:", "  - name: GET.example.org.\n"
                   "    ns: [ns1.example.org]\n"
                   "    shared: []\n"
                   "    owned: {dc2: [x]}\n"
                   "service:"}},
     "locum.yaml:11:11: error: zone get.example.org. stands at line 9 too: remove one\n"},
    {"a zone in a zone",
     {{"service:", "  - {name: example.org, ns: [ns1.example.org]}\n"
                   "service:"}},
     "locum.yaml:11:12: error: zone example.org. and zone get.example.org. overlap: no zone may be "
     "in another\n"},
    {"ns",
     {{"ns1.example.org", "ns1_.example.org.x-"}},
     "locum.yaml:10:10: error: ns \"ns1_.example.org.x-\" is not right: a label begins or ends "
     "with -; write an absolute name, as in ns1.example.org\n"},
    {"ns relative to some zone",
     {{"ns1.example.org", "ns1"}},
     "locum.yaml:10:10: error: ns \"ns1\" is not right: it has one label; write an absolute name, "
     "as in ns1.example.org\n"},
    {"ns twice",
     {{"ns2.example.org", "NS1.example.org."}},
     "locum.yaml:10:27: error: ns \"NS1.example.org.\" stands here twice: remove one\n"},
    {"ns is an owned name",
     {{"ns2.example.org", "dc3.get.example.org"}},
     "locum.yaml:10:27: error: ns \"dc3.get.example.org.\" is a name of dc3, which moves at a "
     "failover: write a name server whose address stays\n"},
    {"ns is a shared name",
     {{"ns2.example.org", "get.example.org"}},
     "locum.yaml:10:27: error: ns \"get.example.org.\" is a name of all servers, which moves at a "
     "failover: write a name server whose address stays\n"},
    {"no ns",
     {{"[ns1.example.org, ns2.example.org]", "[]"}},
     "locum.yaml:10:9: error: ns holds 0: write 1 to 8\n"},
    {"a shared name twice",
     {{NS, NS "    shared: [\"@\", www, WWW]\n"}},
     "locum.yaml:11:24: error: name \"WWW\" of all servers stands at line 11 too: remove one\n"},
    {"a shared name that is absolute",
     {{NS, NS "    shared: [www.get.example.org, \"www.\", \"*\", \"\"]\n"}},
     "locum.yaml:11:14: error: name \"www.get.example.org\" is not right: names here are relative: "
     "leave the zone's own name out (@ is the zone itself)\n"
     "locum.yaml:11:35: error: name \"www.\" is not right: names here are relative to the zone and "
     "end without a dot\n"
     "locum.yaml:11:43: error: name \"*\" is not right: only a-z 0-9 - _ and dots may stand in it\n"
     "locum.yaml:11:48: error: name \"\" is not right: it has an empty label\n"},
    {"a shared name that is owned",
     {{NS, NS "    shared: [\"@\", dc3]\n"}},
     "locum.yaml:9:5: error: name \"dc3\" of dc3 (its own by default; write owned to change that) "
     "belongs to all servers already, by line 11: a name belongs to all servers or to one\n"},
    {"an owned name of two",
     {{NS, NS "    owned: {dc2: [a], dc3: [b, a]}\n"}},
     "locum.yaml:11:32: error: name \"a\" of dc3 belongs to dc2 already, by line 11: a name "
     "belongs to all servers or to one\n"},
    {"owners",
     {{NS, NS "    owned: {dc9: [a], ns0: [b]}\n"}},
     "locum.yaml:11:13: error: owner \"dc9\" is none of nodes: write one of dc2, dc3, ns0\n"
     "locum.yaml:11:23: error: owner \"ns0\" is no server: only a server owns names\n"},
    {"owned is a list",
     {{NS, NS "    owned: [dc2]\n"}},
     "locum.yaml:11:12: error: owned is a list: write a list for each server, as in {dc2: [dc2], "
     "dc3: [dc3]}\n"},
    {"owned list is a text",
     {{NS, NS "    owned: {dc2: dc2}\n"}},
     "locum.yaml:11:18: error: owned is a single value: write a list of 0 to 256, as in [one, "
     "two]\n"},
    {"a zone without names",
     {{NS, NS "    shared: []\n"
              "    owned: {}\n"}},
     "locum.yaml:9:5: error: the zone has no name to answer: write shared or owned\n"},
    {"a label too long",
     {{NS, NS "    shared: [llllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllll]\n"}},
     "locum.yaml:11:14: error: name "
     "\"llllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllll\" is not right: a label "
     "is longer than 63 characters\n"},
    {"failover-ttl longer than ttl",
     {{NS, NS "    failover-ttl: 2m\n"}},
     "locum.yaml:11:19: error: failover-ttl 120s is longer than ttl 60s: write at most that\n"},
    {"soa",
     {{NS, NS "    soa: {rname: \"me@example.org\", expire: 1h}\n"}},
     "locum.yaml:11:10: error: expire 3600s is not longer than refresh and retry together (4200s)\n"
     "locum.yaml:11:18: error: rname \"me@example.org\" is not right: write a domain name, as in "
     "get.example.org\n"},
    {"a record too long",
     {{NS,
       NS "    records: [\"@ TXT "
          "tttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttt"
          "tttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttt"
          "tttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttt"
          "tttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttt"
          "tttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttt"
          "tttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttt\"]\n"}},
     "locum.yaml:11:15: error: record \"@ TXT "
     "tttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttt...\" is longer "
     "than 511 characters\n"},
    {"a record of two lines",
     {{NS, NS "    records: [\"@ TXT a\\n@ TXT b\"]\n"}},
     "locum.yaml:11:15: error: record \"@ TXT a\\x0a@ TXT b\" holds a control character: write it "
     "on one line\n"},
    {"timeout shorter than two intervals",
     {{"service:", "heartbeat: {interval: 600ms}\n"
                   "service:"}},
     "locum.yaml:11:23: error: timeout 1000ms with interval 600ms: write a timeout of 2 to 100 "
     "intervals, best 8\n"},
    {"timeout of very many intervals",
     {{"service:", "heartbeat: {interval: 20ms, timeout: 3s}\n"
                   "service:"}},
     "locum.yaml:11:38: error: timeout 3000ms with interval 20ms: write a timeout of 2 to 100 "
     "intervals, best 8\n"},
    {"quorum of more than there are",
     {{"service:", "quorum: 4\n"
                   "service:"}},
     "locum.yaml:11:9: error: quorum 4 of 3 nodes: write at most 3, or leave it out for the "
     "majority\n"},
    {"min-serving of more than there are",
     {{"service:", "min-serving: 3\n"
                   "service:"}},
     "locum.yaml:11:14: error: min-serving 3 of 2 servers: write at most 2\n"},
    {"a server without checks",
     {{"service:\n"
       "  checks:\n"
       "    - http: {url: \"http://127.0.0.1:8080/\"}\n",
       ""}},
     "locum.yaml: error: a server needs at least one http, tcp or command check in service.checks, "
     "as in "
     "{http: {url: \"http://127.0.0.1:8080/\"}}\n"},
    {"an empty list of checks",
     {{CHECK, ""}, {"checks:", "checks: []"}},
     "locum.yaml:12:11: error: checks holds 0: write 1 to 16\n"},
    {"a mirrorbits check alone",
     {{CHECK, "    - mirrorbits: {}\n"}},
     "locum.yaml:13:5: error: a server needs at least one http, tcp or command check in "
     "service.checks, as "
     "in {http: {url: \"http://127.0.0.1:8080/\"}}\n"},
    {"two kinds in one check",
     {{CHECK, CHECK "      tcp: {address: \"127.0.0.1:80\"}\n"}},
     "locum.yaml:13:7: error: a check has one key, http, tcp, command or mirrorbits: write each "
     "check "
     "as an item of its own, and its settings inside that key\n"},
    {"an empty check",
     {{CHECK, CHECK "    - {}\n"}},
     "locum.yaml:14:7: error: a check has one key, http, tcp, command or mirrorbits: write each "
     "check "
     "as an item of its own, and its settings inside that key\n"},
    {"a program without its folder",
     {{CHECK, "    - command: {argv: [true]}\n"}},
     "locum.yaml:13:24: error: argv begins with \"true\": write the whole path of a program, as in "
     "/usr/local/lib/check\n"},
    {"a command without words",
     {{CHECK, "    - command: {argv: []}\n"}},
     "locum.yaml:13:23: error: argv holds 0: write 1 to 16\n"},
    {"a NUL in a word",
     {{CHECK, "    - command: {argv: [/bin/echo, \"a\\0b\"]}\n"}},
     "locum.yaml:13:35: error: a NUL in argv: write the word without it\n"},
    {"a command that is too long",
     {{CHECK, "    - command: {argv: [/bin/echo, " LONG LONG LONG LONG LONG "]}\n"}},
     "locum.yaml:13:23: error: argv is longer than 499 characters: put the command into a "
     "script\n"},
    {"a body of HEAD",
     {{CHECK, "    - http: {url: \"http://127.0.0.1:8080/\", method: HEAD, body: ok}\n"}},
     "locum.yaml:13:65: error: the answer to HEAD has no body: write method: GET\n"},
    {"authorities without TLS",
     {{CHECK, "    - http: {url: \"http://127.0.0.1:8080/\", ca-file: secret}\n"}},
     "locum.yaml:13:54: error: ca-file is for an https:// URL\n"},
    {"a pattern that is none",
     {{CHECK, "    - http: {url: \"http://127.0.0.1:8080/\", location-not: \"a(b\"}\n"}},
     "locum.yaml:13:59: error: location-not \"a(b\" is not right: Unmatched ( or \\(: write 1 to "
     "255 "
     "characters of a POSIX extended regular expression\n"},
    {"the same check twice",
     {{CHECK, CHECK CHECK}},
     "locum.yaml:14:7: error: check \"http 127.0.0.1:8080\" stands at line 13 already: remove "
     "one\n"},
    {"a mirrorbits check without Redis",
     {{CHECK, CHECK "    - mirrorbits: {gate: true}\n"},
      {", redis: \"10.0.0.12:6379\", sentinel: \"10.0.0.12:26379\"", ""},
      {", redis: \"10.0.0.13:6379\", sentinel: \"10.0.0.13:26379\"", ""},
      {", sentinel: \"10.0.0.10:26379\"", ""}},
     "locum.yaml:14:7: error: a mirrorbits check listens to Redis: write the nodes' redis and "
     "sentinel endpoints\n"},
    {"master-name",
     {{"service:", "redis: {master-name: \"my master\"}\n"
                   "service:"}},
     "locum.yaml:11:22: error: master-name \"my master\" is not right: write it as in the "
     "Sentinels' `sentinel monitor`\n"},
    {"two passwords",
     {{"service:", "redis: {password: x, password-file: pw}\n"
                   "service:"}},
     "locum.yaml:11:37: error: password-file beside password: write one of them\n"},
    {"a user without password",
     {{"service:", "redis: {user: u, sentinel-user: v}\n"
                   "service:"}},
     "locum.yaml:11:15: error: user without a password: write password-file\n"
     "locum.yaml:11:33: error: sentinel-user without a password: write sentinel-password-file\n"},
    {"a password file that is not there",
     {{"service:", "redis: {password-file: nothing}\n"
                   "service:"}},
     "locum.yaml:11:24: error: password-file \"nothing\": No such file or directory\n"},
    {"a password file for all",
     {{"service:", "redis: {password-file: open-secret}\n"
                   "service:"}},
     "locum.yaml:11:24: error: password-file \"open-secret\": others may read it: take that right "
     "away with chmod o=\n"},
    {"an empty password file",
     {{"service:", "redis: {sentinel-password-file: empty}\n"
                   "service:"}},
     "locum.yaml:11:33: error: sentinel-password-file \"empty\": its first line is empty\n"},
    {"no secret",
     {{"secret-file: secret", "secret-file: nothing"}},
     "locum.yaml:3:14: error: secret-file \"nothing\": No such file or directory: copy it from "
     "another node, or make the cluster's first with `locum keygen --cluster`\n"},
    {"a secret for all",
     {{"secret-file: secret", "secret-file: open-secret"}},
     "locum.yaml:3:14: error: secret-file \"open-secret\": others may read it: chmod o= "
     "open-secret\n"},
    {"no secret in the file",
     {{"secret-file: secret", "secret-file: pw"}},
     "locum.yaml:3:14: error: secret-file \"pw\": line 1: not 64 hex digits: make one with `locum "
     "keygen --cluster`\n"},
    {"listen",
     {{"service:", "listen: {dns: [192.0.2.12], peer: [\"0.0.0.0:9853\", \"192.0.2.12:9853\", "
                   "\"192.0.2.12:9853\"]}\n"
                   "service:"}},
     "locum.yaml:11:16: error: listen.dns \"192.0.2.12\" is not right: write a numeric address and "
     "a port, as in 192.0.2.12:53 or [2001:db8::12]:53\n"
     "locum.yaml:11:36: error: listen.peer \"0.0.0.0:9853\" is not right: write the addresses "
     "themselves, so that an answer leaves from where it was asked\n"
     "locum.yaml:11:71: error: listen.peer \"192.0.2.12:9853\" is not right: it stands here twice: "
     "remove one\n"},
    {"listen dns and peer alike",
     {{"service:", "listen: {dns: [\"192.0.2.12:9853\"], http: \"192.0.2.12:9853\"}\n"
                   "service:"}},
     "locum.yaml:11:15: error: 192.0.2.12:9853 is the address of listen.dns and of listen.peer: "
     "write another port\n"
     "locum.yaml:11:42: error: 192.0.2.12:9853 is the address of listen.http and of listen.dns: "
     "write another port\n"},
    {"everything in one go",
     {{"cluster: get", "cluster: GET"},
      {"192.0.2.13", "192.0.2"},
      {"ns2.example.org", "ns2..org"},
      {"8080", "0"}},
     "locum.yaml:1:10: error: cluster \"GET\" is not right: write 1 to 15 characters of a-z 0-9 -, "
     "with no - at either end\n"
     "locum.yaml:6:19: error: address \"192.0.2\" is not right: write a numeric address without "
     "port, as in 192.0.2.12 or 2001:db8::12\n"
     "locum.yaml:10:27: error: ns \"ns2..org\" is not right: it has an empty label; write an "
     "absolute name, as in ns1.example.org\n"
     "locum.yaml:13:19: error: url \"http://127.0.0.1:0/\" is not right: write a URL without user "
     "or fragment, as in http://127.0.0.1:8080/\n"},
};

static void
test_each_is_refused_with_its_words(void **state)
{
    (void)state;
    assert_each_refused(broken, LOCUM_COUNT(broken));
}

static void
test_very_many_names(void **state)
{
    (void)state;
    static char shared[8192];
    struct locum_text text = locum_text_init(shared, sizeof(shared));
    locum_text_add(&text, "    shared: [");
    for (uint64_t i = 0; i < LOCUM_NAMES_MAX; i++) {
        locum_text_add(&text, i > 0 ? ", n" : "n");
        locum_text_add_u64(&text, i);
    }
    locum_text_add(&text, "]\n    ns:");
    const struct change change = {"    ns:", shared};
    assert_null(load_changed(&change, 1));
    assert_string_equal(report, "locum.yaml:9:5: error: name \"dc2\": all zones together hold at "
                                "most 256 names\n"
                                "locum.yaml:9:5: error: name \"dc3\": all zones together hold at "
                                "most 256 names\n");
}

static void
test_a_node_given_by_the_caller(void **state)
{
    (void)state;
    write_file("locum.yaml", GOOD, 0640);
    assert_null(load_path("locum.yaml", "dc9"));
    assert_string_equal(report, "locum.yaml: error: node \"dc9\" is none of nodes: write `node:` "
                                "with one of dc2, dc3, ns0\n");
}

static void
test_a_host_that_is_no_node(void **state)
{
    (void)state;
    char host[LOCUM_HOST_MAX + 1] = "";
    char expected[1024];
    const struct change change = {"node: dc2\n", ""};
    assert_int_equal(gethostname(host, sizeof(host) - 1), 0);
    (void)snprintf(expected, sizeof(expected),
                   "locum.yaml: error: this host's name \"%s\" is none of nodes: write `node:` "
                   "with one of dc2, dc3, ns0\n",
                   host);
    assert_null(load_changed(&change, 1));
    assert_string_equal(report, expected);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_is_refused_with_its_words),
        cmocka_unit_test(test_very_many_names),
        cmocka_unit_test(test_a_node_given_by_the_caller),
        cmocka_unit_test(test_a_host_that_is_no_node),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}

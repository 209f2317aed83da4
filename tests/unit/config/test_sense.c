/* Right by themselves and wrong together: refused, with every error. */
#include "fixture.h"

#define LONG                                                                                       \
    "01234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901" \
    "23456789"

#define LABEL63 "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffggg"
#define NAME247                                                                                    \
    LABEL63 "." LABEL63 "." LABEL63 "."                                                            \
            "hhhhhhhhhhiiiiiiiiiijjjjjjjjjjkkkkkkkkkkllllllll.eeeeee"

static const struct broken broken[] = {
    {"a name too long", {{"ns1.example.org", NAME247 ".example"}}, "10:10 ns 253\n"},
    {"hostmaster and the zone make a name too long",
     {{"get.example.org", NAME247}, {"    ns:", "    owned: {}\n    ns:"}},
     "9:5 soa.rname hostmaster\n"},
    {"address", {{"[192.0.2.12]", "[192.0.2.256]"}}, "5:19 address 192.0.2.256\n"},
    {"address with a port",
     {{"[192.0.2.12]", "[\"192.0.2.12:53\"]"}},
     "5:19 address 192.0.2.12:53\n"},
    {"unspecified address",
     {{"[192.0.2.12]",
       "[0.0.0.0, \"::\", \"ff02::1\", 224.0.0.1, \"fe80::1\", \"::ffff:192.0.2.1\"]"}},
     "5:19 address 0.0.0.0\n"
     "5:28 address ::\n"
     "5:34 address ff02::1\n"
     "5:45 address 224.0.0.1\n"
     "5:56 address fe80::1 link-local\n"
     "5:67 address ::ffff:192.0.2.1\n"},
    {"no address", {{"address: [192.0.2.13], ", ""}}, "6:3 address missing\n"},
    {"no addresses", {{"address: [192.0.2.13], ", "address: [], "}}, "6:18 address items\n"},
    {"too many addresses",
     {{"[192.0.2.12]", "[192.0.2.12, 192.0.2.21, 192.0.2.22, 192.0.2.23, 192.0.2.24, 192.0.2.25, "
                       "192.0.2.26, 192.0.2.27, 192.0.2.28]"}},
     "5:18 address items\n"},
    {"the same address twice",
     {{"[192.0.2.13]", "[192.0.2.12]"}},
     "6:19 address 192.0.2.12 line 5\n"},
    {"the same address twice at a node",
     {{"[192.0.2.13]", "[\"2001:db8::1\", \"2001:DB8:0::1\"]"}},
     "6:34 address 2001:DB8:0::1\n"},
    {"the same Redis twice",
     {{"\"10.0.0.13:6379\"", "\"10.0.0.12:6379\""}},
     "6:39 redis 10.0.0.12\n"},
    {"Redis and Sentinel alike",
     {{"\"10.0.0.13:26379\"", "\"10.0.0.12:6379\""}},
     "6:67 sentinel 10.0.0.12\n"},
    {"the same Mirrorbits twice",
     {{"address: [192.0.2.13]", "mirrorbits: dc2, address: [192.0.2.13]"}},
     "6:21 mirrorbits dc2\n"},
    {"no server",
     {{NODES, "nodes:\n"
              "  dc2: {role: witness, address: [192.0.2.12]}\n"}},
     "5:3 nodes server\n"},
    {"a sentinel node without Sentinel",
     {{"  ns0: {role: witness, address: [192.0.2.10], sentinel: \"10.0.0.10:26379\"}",
       "  ns0: {role: sentinel, redis: \"10.0.0.10:6379\"}"}},
     "7:3 sentinel missing\n"},
    {"a witness with failover",
     {{"role: witness", "role: witness, failover: [dc2]"}},
     "7:34 failover remove\n"},
    {"failover to what is no other server",
     {{"address: [192.0.2.13]", "failover: [dc9, dc3, ns0, dc2, dc2], address: [192.0.2.13]"}},
     "6:20 failover dc9 configured\n"
     "6:25 failover dc3 itself\n"
     "6:30 failover ns0 server\n"
     "6:40 failover dc2 twice\n"},
    {"node is not a configured node", {{"node: dc2", "node: dc9"}}, "2:7 node dc9 dc3\n"},
    {"node of role sentinel",
     {{"node: dc2\n", "node: s1\n"},
      {"zones:", "  s1: {role: sentinel, sentinel: \"10.0.0.9:26379\"}\n"
                 "zones:"}},
     "2:7 node s1 sentinel\n"},
    {"33 nodes",
     {{NODES, "nodes: {n0: {}, n1: {}, n2: {}, n3: {}, n4: {}, n5: {}, n6: {}, n7: {}, n8: {}, n9: "
              "{}, n10: {}, n11: {}, n12: {}, n13: {}, n14: {}, n15: {}, n16: {}, n17: {}, n18: "
              "{}, n19: {}, n20: {}, n21: {}, n22: {}, n23: {}, n24: {}, n25: {}, n26: {}, n27: "
              "{}, n28: {}, n29: {}, n30: {}, n31: {}, n32: {}}\n"}},
     "2:7 node dc2\n"
     "4:8 nodes 33\n"},
    {"zone name",
     {{"name: get.example.org", "name: get..example.org"}},
     "9:11 name get..example.org\n"},
    {"the root as zone", {{"name: get.example.org", "name: \".\""}}, "9:11 name .\n"},
    {"the same zone twice",
     {{"service:", "  - name: GET.example.org.\n"
                   "    ns: [ns1.example.org]\n"
                   "    shared: []\n"
                   "    owned: {dc2: [x]}\n"
                   "service:"}},
     "11:11 name get.example.org line 9\n"},
    {"a zone in a zone",
     {{"service:", "  - {name: example.org, ns: [ns1.example.org]}\n"
                   "service:"}},
     "11:12 name overlaps\n"},
    {"ns", {{"ns1.example.org", "ns1_.example.org.x-"}}, "10:10 ns ns1_.example.org.x- label\n"},
    {"ns relative to some zone", {{"ns1.example.org", "ns1"}}, "10:10 ns ns1 absolute\n"},
    {"ns twice", {{"ns2.example.org", "NS1.example.org."}}, "10:27 ns NS1.example.org. twice\n"},
    {"ns is an owned name",
     {{"ns2.example.org", "dc3.get.example.org"}},
     "10:27 ns dc3.get.example.org. failover\n"},
    {"ns is a shared name",
     {{"ns2.example.org", "get.example.org"}},
     "10:27 ns get.example.org.\n"},
    {"no ns", {{"[ns1.example.org, ns2.example.org]", "[]"}}, "10:9 ns items\n"},
    {"a shared name twice",
     {{NS, NS "    shared: [\"@\", www, WWW]\n"}},
     "11:24 name WWW line 11\n"},
    {"a shared name that is absolute",
     {{NS, NS "    shared: [www.get.example.org, \"www.\", \"a.*\", \"\"]\n"}},
     "11:14 name www.get.example.org relative\n"
     "11:35 name www.\n"
     "11:43 name a.*\n"
     "11:50 name empty\n"},
    {"a shared name that is owned",
     {{NS, NS "    shared: [\"@\", dc3]\n"}},
     "9:5 name dc3 all servers line 11\n"},
    {"an owned name of two",
     {{NS, NS "    owned: {dc2: [a], dc3: [b, a]}\n"}},
     "11:32 name dc3 dc2 line 11\n"},
    {"owners",
     {{NS, NS "    owned: {dc9: [a], ns0: [b]}\n"}},
     "11:13 owned dc9\n"
     "11:23 owned ns0 server\n"},
    {"owned is a list", {{NS, NS "    owned: [dc2]\n"}}, "11:12 owned list\n"},
    {"owned list is a text", {{NS, NS "    owned: {dc2: dc2}\n"}}, "11:18 owned single\n"},
    {"a secondary elsewhere of servers that answer with themselves",
     {{"    ns:",
       "    transfer: {allow: [127.0.0.0/8, 192.0.2.12, 192.0.2.53, 126.0.0.0/7]}\n    ns:"}},
     "10:49 allow 192.0.2.53/32 get.example.org answer: all\n"
     "10:61 allow 126.0.0.0/7\n"},
    {"the same, to be notified",
     {{"    ns:", "    transfer: {notify: [127.0.0.1, 192.0.2.53]}\n    ns:"}},
     "10:36 notify 192.0.2.53 get.example.org answer: all\n"},
    {"what is no network",
     {{"    ns:", "    transfer: {allow: [dc3]}\n    ns:"}},
     "10:24 allow dc3\n"},
    {"no file of keys",
     {{"    ns:", "    transfer: {key-file: nothing}\n    ns:"}},
     "10:26 key-file nothing No\n"},
    {"a file of keys for all",
     {{"    ns:", "    transfer: {key-file: open-secret}\n    ns:"}},
     "10:26 key-file chmod\n"},
    {"what is no file of keys",
     {{"    ns:", "    transfer: {key-file: pw}\n    ns:"}},
     "10:26 key-file line 1 algorithm !hello\n"},
    {"keys of ACME clients that others can read",
     {{"service:", "acme: {keys: open-secret}\nservice:"}},
     "11:14 keys chmod\n"},
    {"keys of ACME clients that are not there",
     {{"service:", "acme: {keys: nothing}\nservice:"}},
     "11:14 keys nothing tsig-keygen\n"},
    {"a key of ACME clients that is one of transfers",
     {{"    ns:", "    transfer: {key-file: keys}\n    ns:"},
      {"service:", "acme: {keys: keys}\nservice:"}},
     "12:14 keys ns9.example.org. transfer.key-file\n"},
    {"a key of ACME clients that is there twice",
     {{"service:", "acme: {keys: twice}\nservice:"}},
     "11:14 keys ns9.example.org. twice\n"},
    {"a token that is short",
     {{"service:", "acme: {token-file: pw}\nservice:"}},
     "11:20 token-file 32 to 255\n"},
    {"a token with a blank",
     {{"service:", "acme: {token-file: blank}\nservice:"}},
     "11:20 token-file blank openssl\n"},
    {"a token that others can read",
     {{"service:", "acme: {token-file: open-secret}\nservice:"}},
     "11:20 token-file chmod\n"},
    {"a listener without a token",
     {{"service:", "acme: {listen: \"127.0.0.1:9854\"}\nservice:"}},
     "11:16 listen acme.token-file\n"},
    {"a listener that the network reaches",
     {{"service:", "acme: {token-file: token, listen: \"192.0.2.12:9854\"}\nservice:"}},
     "11:35 listen loopback\n"},
    {"a listener on every address",
     {{"service:", "acme: {token-file: token, listen: \"[::]:9854\"}\nservice:"}},
     "11:35 listen loopback\n"},
    {"a zone without names",
     {{NS, NS "    shared: []\n"
              "    owned: {}\n"}},
     "9:5 zones names\n"},
    {"a label too long",
     {{NS, NS "    shared: [llllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllll]\n"}},
     "11:14 name label\n"},
    {"failover-ttl longer than ttl",
     {{NS, NS "    failover-ttl: 2m\n"}},
     "11:19 failover-ttl 120s\n"},
    {"soa",
     {{NS, NS "    soa: {rname: \"me@example.org\", expire: 1h}\n"}},
     "11:10 expire 3600s\n"
     "11:18 rname me@example.org\n"},
    {"times of signatures",
     {{NS, NS "    dnssec: {validity: 36h, refresh: 25h}\n"}},
     "11:13 keys\n"
     "11:24 validity 2d\n"},
    {"times of signatures in parts of a day",
     {{NS, NS "    dnssec: {keys: /k, refresh: 25h}\n"}},
     "11:33 refresh days\n"},
    {"signatures that are renewed too late",
     {{NS, NS "    dnssec: {keys: /k, validity: 7d, refresh: 7d}\n"}},
     "11:13 refresh 7d\n"},
    {"a record of two lines",
     {{NS, NS "    records: [\"@ TXT a\\n@ TXT b\"]\n"}},
     "11:15 records control\n"},
    {"timeout shorter than two intervals",
     {{"service:", "heartbeat: {interval: 600ms}\n"
                   "service:"}},
     "11:23 timeout 600ms\n"},
    {"timeout of very many intervals",
     {{"service:", "heartbeat: {interval: 20ms, timeout: 3s}\n"
                   "service:"}},
     "11:38 timeout 20ms\n"},
    {"quorum of more than there are",
     {{"service:", "quorum: 4\n"
                   "service:"}},
     "11:9 quorum 4 3\n"},
    {"min-serving of more than there are",
     {{"service:", "min-serving: 3\n"
                   "service:"}},
     "11:14 min-serving 3 2\n"},
    {"a server without checks",
     {{"service:\n"
       "  checks:\n"
       "    - http: {url: \"http://127.0.0.1:8080/\"}\n",
       ""}},
     "0:0 service.checks server\n"},
    {"an empty list of checks", {{CHECK, ""}, {"checks:", "checks: []"}}, "12:11 checks items\n"},
    {"a mirrorbits check alone",
     {{CHECK, "    - mirrorbits: {}\n"}},
     "13:5 service.checks server\n"},
    {"two kinds in one check",
     {{CHECK, CHECK "      tcp: {address: \"127.0.0.1:80\"}\n"}},
     "13:7 checks one key\n"},
    {"a check of an unknown kind",
     {{CHECK, "    - tpc: {address: \"127.0.0.1:80\"}\n"},
      {", redis: \"10.0.0.12:6379\", sentinel: \"10.0.0.12:26379\"", ""},
      {", redis: \"10.0.0.13:6379\", sentinel: \"10.0.0.13:26379\"", ""},
      {", sentinel: \"10.0.0.10:26379\"", ""}},
     "13:7 tpc known\n"},
    {"HTTPS records without protocols",
     {{"service:", "    https: {}\nservice:"}},
     "11:12 alpn missing\n"},
    {"a protocol that is none",
     {{"service:", "    https: {alpn: [h2, \"h3,h1\", http/0123456789ab]}\nservice:"}},
     "11:24 alpn protocol\n"
     "11:33 alpn 1 to 15\n"},
    {"entries of acme.persist",
     {{"service:",
       "    acme:\n"
       "      persist:\n"
       "        - {issuer: ca.example, account: \"https://ca.example/1\"}\n"
       "        - {issuer: ca.example, account: \"https://ca.example/a;1\"}\n"
       "        - {issuer: CA.example, account: \"https://ca.example/1\", until: 2020-02-30}\n"
       "        - {issuer: ca.example, account: \"https://ca.example/2\", until: 2020-02-29}\n"
       "service:"}},
     "14:41 account ;\n"
     "15:41 persist twice\n"
     "15:72 until day\n"
     "16:72 until over\n"},
    {"five entries of acme.persist, of which one lacks its account",
     {{"service:", "    acme:\n"
                   "      persist: [{issuer: a.example}, {}, {}, {}, {}]\n"
                   "service:"}},
     "12:16 persist 1 to 4\n"},
    {"an entry of acme.persist without its account",
     {{"service:", "    acme: {persist: [{issuer: a.example}]}\nservice:"}},
     "11:22 account missing\n"},
    {"a name that leaves no room for _validation-persist",
     {{"zones:\n  - name: get.example.org\n" NS,
       "zones:\n  - name: get.example.org\n" NS "    shared: [\"" LABEL63 "." LABEL63 "." LABEL63
       ".aaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"]\n"
       "    owned: {}\n"
       "    acme: {persist: [{issuer: a.example, account: \"https://a.example/1\"}]}\n"}},
     "11:14 acme long\n"},
    {"a tls check without a name",
     {{CHECK, "    - tls: {address: \"127.0.0.1:443\"}\n"},
      {"zones:\n  - name: get.example.org\n",
       "zones:\n  - name: get.example.org\n    shared: []\n    owned: {dc3: [dc3]}\n"}},
     "15:7 names shared\n"},
    {"an empty check", {{CHECK, CHECK "    - {}\n"}}, "14:7 checks one key\n"},
    {"a program without its folder",
     {{CHECK, "    - command: {argv: [true]}\n"}},
     "13:24 argv true\n"},
    {"a command without words", {{CHECK, "    - command: {argv: []}\n"}}, "13:23 argv items\n"},
    {"a NUL in a word",
     {{CHECK, "    - command: {argv: [/bin/echo, \"a\\0b\"]}\n"}},
     "13:35 argv NUL\n"},
    {"a command that is too long",
     {{CHECK, "    - command: {argv: [/bin/echo, " LONG LONG LONG LONG LONG "]}\n"}},
     "13:23 argv 499\n"},
    {"a hook that leads nowhere",
     {{"service:", HOOK("on: [service]")}},
     "11:9 hooks command url\n"},
    {"a hook that leads to two places",
     {{"service:", HOOK("on: [service], command: [/bin/true], url: \"https://a.example/\"")}},
     "11:9 hooks either\n"},
    {"a hook that is no mapping", {{"service:", "hooks: [mail]\nservice:"}}, "11:9 mapping\n"},
    {"a hook for nothing that there is",
     {{"service:", HOOK("on: [conditions], command: [/bin/true]")}},
     "11:15 on conditions condition, serving, service or warning\n"},
    {"a hook for the same twice",
     {{"service:", HOOK("on: [service, service], command: [/bin/true]")}},
     "11:24 on service twice\n"},
    {"a hook for nothing", {{"service:", HOOK("command: [/bin/true]")}}, "11:9 on required\n"},
    {"a hook with a program without its folder",
     {{"service:", HOOK("on: [service], command: [mail]")}},
     "11:35 command mail absolute\n"},
    {"a hook with a secret for a command",
     {{"service:", HOOK("on: [service], command: [/bin/true], secret-file: secret")}},
     "11:60 secret-file url\n"},
    {"a hook with a password in its URL",
     {{"service:", HOOK("on: [service], url: \"https://a:hush@a.example/\"")}},
     "11:30 url !hush\n"},
    {"a hook with a query that is no URL",
     {{"service:", HOOK("on: [service], url: \"ftp://a.example/?hush\"")}},
     "11:30 url !hush\n"},
    {"a hook with a secret that is not there",
     {{"service:", HOOK("on: [service], url: \"https://a.example/\", secret-file: absent")}},
     "11:65 secret-file absent\n"},
    {"a hook with a secret that others can read",
     {{"service:", HOOK("on: [service], url: \"https://a.example/\", secret-file: open")}},
     "11:65 secret-file chmod !password-of\n"},
    {"a hook with a short secret",
     {{"service:", HOOK("on: [service], url: \"https://a.example/\", secret-file: short")}},
     "11:65 secret-file 16 255 !tooshort\n"},
    {"a body of HEAD",
     {{CHECK, "    - http: {url: \"http://127.0.0.1:8080/\", method: HEAD, body: ok}\n"}},
     "13:65 body HEAD\n"},
    {"authorities without TLS",
     {{CHECK, "    - http: {url: \"http://127.0.0.1:8080/\", ca-file: secret}\n"}},
     "13:54 ca-file https\n"},
    {"a header that is none",
     {{CHECK, "    - http: {url: \"http://127.0.0.1/\", headers: {\"X y\": z}}\n"}},
     "13:50 headers name\n"},
    {"a header that another key sets",
     {{CHECK, "    - http: {url: \"http://127.0.0.1/\", headers: {hOst: z}}\n"}},
     "13:50 headers host\n"},
    {"a header with a line break",
     {{CHECK, "    - http: {url: \"http://127.0.0.1/\", headers: {X-Y: \"a\\r\\nb\"}}\n"}},
     "13:55 headers X-Y control\n"},
    {"headers that are too long",
     {{CHECK,
       "    - http: {url: \"http://127.0.0.1/\", headers: {X: " LONG LONG LONG LONG LONG "}}\n"}},
     "13:49 headers 499\n"},
    {"headers that are no mapping",
     {{CHECK, "    - http: {url: \"http://127.0.0.1/\", headers: [\"X: y\"]}\n"}},
     "13:49 headers X-Forwarded-Proto\n"},
    {"a header with a list",
     {{CHECK, "    - http: {url: \"http://127.0.0.1/\", headers: {X: [y]}}\n"}},
     "13:53 headers plain\n"},
    {"a file without mirrorbits-config",
     {{CHECK, "    - mirrorbits: {file: /pool/x}\n"}},
     "13:26 file redis.mirrorbits-config\n"},
    {"a file that is no path",
     {{CHECK, "    - mirrorbits: {file: pool/x}\n"}},
     "13:26 file pool/x\n"},
    {"a file that is a query",
     {{CHECK, "    - mirrorbits: {file: \"/pool/x?stats\"}\n"}},
     "13:26 file stats\n"},
    {"a file and a severity",
     {{CHECK, "    - mirrorbits: {file: /pool/x, severity: degraded}\n"}},
     "13:45 severity remove\n"},
    {"a pattern that is none",
     {{CHECK, "    - http: {url: \"http://127.0.0.1:8080/\", location-not: \"a(b\"}\n"}},
     "13:59 location-not a(b\n"},
    {"the same check twice", {{CHECK, CHECK CHECK}}, "14:7 checks 8080 line 13\n"},
    {"a mirrorbits check without Redis",
     {{CHECK, CHECK "    - mirrorbits: {gate: true}\n"},
      {", redis: \"10.0.0.12:6379\", sentinel: \"10.0.0.12:26379\"", ""},
      {", redis: \"10.0.0.13:6379\", sentinel: \"10.0.0.13:26379\"", ""},
      {", sentinel: \"10.0.0.10:26379\"", ""}},
     "14:7 mirrorbits Redis\n"},
    {"master-name",
     {{"service:", "redis: {master-name: \"my master\"}\n"
                   "service:"}},
     "11:22 master-name my sentinel\n"},
    {"two passwords",
     {{"service:", "redis: {password: x, password-file: pw}\n"
                   "service:"}},
     "11:37 password-file password\n"},
    {"a user without password",
     {{"service:", "redis: {user: u, sentinel-user: v}\n"
                   "service:"}},
     "11:15 user password-file\n"
     "11:33 sentinel-user sentinel-password-file\n"},
    {"a password file that is not there",
     {{"service:", "redis: {password-file: nothing}\n"
                   "service:"}},
     "11:24 password-file nothing\n"},
    {"a password file for all",
     {{"service:", "redis: {password-file: open-secret}\n"
                   "service:"}},
     "11:24 password-file open-secret chmod\n"},
    {"an empty password file",
     {{"service:", "redis: {sentinel-password-file: empty}\n"
                   "service:"}},
     "11:33 sentinel-password-file empty\n"},
    {"no secret", {{"secret-file: secret", "secret-file: nothing"}}, "3:14 secret-file nothing\n"},
    {"a secret for all",
     {{"secret-file: secret", "secret-file: open-secret"}},
     "3:14 secret-file open-secret\n"},
    {"no secret in the file",
     {{"secret-file: secret", "secret-file: pw"}},
     "3:14 secret-file pw\n"},
    {"listen",
     {{"service:", "listen: {dns: [192.0.2.12], peer: [\"0.0.0.0:9853\", \"192.0.2.12:9853\", "
                   "\"192.0.2.12:9853\"]}\n"
                   "service:"}},
     "11:16 dns 192.0.2.12\n"
     "11:36 peer 0.0.0.0:9853\n"
     "11:71 peer 192.0.2.12:9853\n"},
    {"listen dns and peer alike",
     {{"service:", "listen: {dns: [\"192.0.2.12:9853\"], http: \"192.0.2.12:9853\"}\n"
                   "service:"}},
     "11:15 listen.peer 192.0.2.12\n"
     "11:42 listen.http 192.0.2.12\n"},
    {"listen status like another listener",
     {{"service:", "listen: {http: \"192.0.2.12:80\", status: [\"192.0.2.12:53\", "
                   "\"192.0.2.12:80\"]}\n"
                   "service:"}},
     "11:41 listen.status 192.0.2.12:53\n"
     "11:41 listen.status 192.0.2.12:80\n"},
    {"everything in one go",
     {{"cluster: get", "cluster: GET"},
      {"192.0.2.13", "192.0.2"},
      {"ns2.example.org", "ns2..org"},
      {"8080", "0"}},
     "1:10 cluster GET\n"
     "6:19 address 192.0.2\n"
     "10:27 ns ns2..org\n"
     "13:19 url http://127.0.0.1:0/\n"},
};

static void
test_each_is_refused_with_every_error(void **state)
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
    assert_true(is_reported("9:5 name dc2 256\n9:5 name dc3 256\n"));
}

/* Replace the line `ns:` of GOOD by `count` times an item in a list, after `before`. */
static void
load_list(const char *before, const char *item, size_t count)
{
    const size_t room = count * (strlen(item) + 2) + 200;
    char *list = malloc(room);
    assert_non_null(list);
    struct locum_text text = locum_text_init(list, room);
    locum_text_add(&text, before);
    for (size_t i = 0; i < count; i++) {
        locum_text_add(&text, i > 0 ? ", " : "");
        locum_text_add(&text, item);
    }
    locum_text_add(&text, "]\n    ns:");
    const struct change change = {"    ns:", list};
    struct locum_config *config = load_changed(&change, 1);
    if (config != NULL) {
        assert_int_equal(config->zones[0].record_count, count);
        assert_string_equal(config->zones[0].records[count - 1].text, item);
        locum_config_free(config);
    }
    free(list);
}

static void
test_limits_of_records(void **state)
{
    (void)state;
    char record[LOCUM_RECORD_TEXT_MAX + 2] = "a TXT ";
    load_list("    records: [", "a", LOCUM_RECORDS_MAX);
    assert_string_equal(report, "");
    load_list("    records: [", "a", LOCUM_RECORDS_MAX + 1);
    assert_true(is_reported("10:14 records 1001 1000\n"));
    memset(record + 6, 't', LOCUM_RECORD_TEXT_MAX - 6);
    load_list("    records: [", record, 2);
    assert_string_equal(report, "");
    record[LOCUM_RECORD_TEXT_MAX] = 't';
    load_list("    records: [", record, 1);
    assert_true(is_reported("10:15 records 2047\n"));
}

static void
test_limit_of_zones(void **state)
{
    (void)state;
    for (uint64_t count = LOCUM_ZONES_MAX; count <= LOCUM_ZONES_MAX + 1; count++) {
        char zones[16384];
        struct locum_text text = locum_text_init(zones, sizeof(zones));
        for (uint64_t i = 1; i < count; i++) {
            locum_text_add(&text, "  - name: z");
            locum_text_add_u64(&text, i);
            locum_text_add(&text, ".example\n    ns: [ns.example.org]\n    owned: {}\n"
                                  "    records: [a A 192.0.2.1]\n");
        }
        locum_text_add(&text, "  - name: get.example.org\n");
        assert_false(text.truncated);
        const struct change change = {"  - name: get.example.org\n", zones};
        struct locum_config *config = load_changed(&change, 1);
        assert_int_equal(config != NULL, count == LOCUM_ZONES_MAX);
        if (config == NULL) {
            assert_true(is_reported("9:3 zones 65 64\n"));
        } else {
            assert_string_equal(config->zones[LOCUM_ZONES_MAX - 2].records[0].text,
                                "a A 192.0.2.1");
        }
        locum_config_free(config);
    }
}

static void
test_a_node_given_by_the_caller(void **state)
{
    (void)state;
    write_file("locum.yaml", GOOD, 0640);
    assert_null(load_path("locum.yaml", "dc9"));
    assert_true(is_reported("0:0 node dc9 dc2, dc3, ns0\n"));
}

static void
test_a_host_that_is_no_node(void **state)
{
    (void)state;
    char host[LOCUM_HOST_MAX + 1] = "";
    char expected[1024];
    const struct change change = {"node: dc2\n", ""};
    assert_int_equal(gethostname(host, sizeof(host) - 1), 0);
    (void)snprintf(expected, sizeof(expected), "0:0 node host name %s dc2, dc3, ns0\n", host);
    assert_null(load_changed(&change, 1));
    assert_true(is_reported(expected));
}

static int
begin(void **state)
{
    if (!prose_begin("test_sense") || setup(state) != 0) {
        return 1;
    }
    write_file("open", "a password-of-hooks\n", 0644);
    write_file("short", "tooshort\n", 0600);
    return 0;
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_is_refused_with_every_error),
        cmocka_unit_test(test_the_prose_is_as_kept),
        cmocka_unit_test(test_very_many_names),
        cmocka_unit_test(test_limits_of_records),
        cmocka_unit_test(test_limit_of_zones),
        cmocka_unit_test(test_a_node_given_by_the_caller),
        cmocka_unit_test(test_a_host_that_is_no_node),
    };
    const int failed = cmocka_run_group_tests(tests, begin, teardown);
    return prose_write(argc, argv) != 0 ? 1 : failed;
}

/* Files, keys and single values that are refused, each with all that is said about it. */
#include "fixture.h"

#include "base/version.h"

#define ENDPOINT                                                                                   \
    "write an address or a host name, and a port, as in 10.0.0.12:6379, [2001:db8::12]:6379 or "   \
    "redis.example.org:6379\n"

static const struct broken broken[] = {
    {"two documents",
     {{"service:", "---\n"
                   "service:"}},
     "locum.yaml:11:1: error: a second document begins here: a configuration is one\n"},
    {"an alias and an anchor",
     {{"node: dc2", "node: &x dc2\n"
                    "quorum: *x"}},
     "locum.yaml:2:7: error: an anchor (&): write the value itself wherever it is needed\n"
     "locum.yaml:3:9: error: an alias (*): write the value itself\n"},
    {"anchors alone",
     {{"node: dc2", "node: &x dc2"}},
     "locum.yaml:2:7: error: an anchor (&): write the value itself wherever it is needed\n"},
    {"a tag",
     {{"node: dc2", "node: !!str dc2"}},
     "locum.yaml:2:7: error: a tag (!): write the value without it\n"},
    {"too deep",
     {{"service:", "redis: [[[[[[[[x]]]]]]]]\n"
                   "service:"}},
     "locum.yaml:11:15: error: nested deeper than 8 levels: no option is\n"},
    {"not YAML",
     {{"[192.0.2.12]", "[192.0.2.12"}},
     "locum.yaml:5:83: error: not YAML: did not find expected ',' or ']', while parsing a flow "
     "sequence that begins at line 5\n"},
    {"a tab for indentation",
     {{"    ns:", "\tns:"}},
     "locum.yaml:10:1: error: not YAML: found a tab character that violates indentation, while "
     "scanning a plain scalar that begins at line 9; indent with blanks, not with tabs\n"},
    {"a value that wants quotes",
     {{"service:", "events: {keep: @}\n"
                   "service:"}},
     "locum.yaml:11:16: error: not YAML: found character that cannot start any token, while "
     "scanning for the next token that begins at line 11; indent with blanks, not with tabs, and "
     "quote a value that begins with @, % or `\n"},
    {"indented too little",
     {{"    ns:", "   ns:"}},
     "locum.yaml:10:4: error: not YAML: did not find expected '-' indicator, while parsing a block "
     "collection that begins at line 9; indent what belongs together alike, here and above\n"},
    {"not UTF-8",
     {{"node: dc2", "node: d\377c2"}},
     "locum.yaml:2:8: error: byte 0xff is not UTF-8: save the file as UTF-8 text\n"},
    {"overlong UTF-8",
     {{"node: dc2", "node: \300\257"}},
     "locum.yaml:2:7: error: byte 0xc0 is not UTF-8: save the file as UTF-8 text\n"},
    {"a control character",
     {{"node: dc2", "node: dc\0012"}},
     "locum.yaml:2:9: error: control character 0x01: remove it\n"},
    {"a sequence that breaks off",
     {{"node: dc2", "node: \xe2\x82(2"}},
     "locum.yaml:2:7: error: byte 0xe2 is not UTF-8: save the file as UTF-8 text\n"},
    {"half a surrogate pair",
     {{"node: dc2", "node: \xed\xa0\x80"}},
     "locum.yaml:2:7: error: byte 0xed is not UTF-8: save the file as UTF-8 text\n"},
    {"columns count characters",
     {{"node: dc2", "node: \"\u00e9\u20ac\U0001f600\" \x01"}},
     "locum.yaml:2:13: error: control character 0x01: remove it\n"},
    {"anchors and tags of lists and mappings",
     {{"service:", "dns: &a {workers: 1}\n"
                   "events: !x {keep: 50}\n"
                   "redis: &b [x]\n"
                   "listen: !y [x]\n"
                   "service:"}},
     "locum.yaml:11:6: error: an anchor (&): write the value itself wherever it is needed\n"
     "locum.yaml:12:9: error: a tag (!): write the value without it\n"
     "locum.yaml:13:8: error: an anchor (&): write the value itself wherever it is needed\n"
     "locum.yaml:14:9: error: a tag (!): write the value without it\n"},
    {"a list at the top",
     {{NULL, "- a\n"
             "- b\n"}},
     "locum.yaml:1:1: error: a configuration is keys and values, as in `cluster: get`\n"},
    {"empty",
     {{NULL, "# nothing\n"}},
     "locum.yaml: error: is empty: it needs at least cluster, secret-file, nodes and zones\n"},
    {"a scalar at the top",
     {{NULL, "hello\n"}},
     "locum.yaml:1:1: error: a configuration is keys and values, as in `cluster: get`\n"},
    {"an unknown key",
     {{"service:", "quorun: 2\n"
                   "service:"}},
     "locum.yaml:11:1: error: unknown key \"quorun\" in version " LOCUM_VERSION
     ": did you mean \"quorum\"?\n"},
    {"an unknown key, nothing near",
     {{"service:", "observe: true\n"
                   "service:"}},
     "locum.yaml:11:1: error: unknown key \"observe\" in version " LOCUM_VERSION
     ": known here are cluster, "
     "node, secret-file, state-dir, quorum, min-serving, nodes, zones, heartbeat, redis, service, "
     "events, listen, dns\n"},
    {"a key of a later version",
     {{"service:", "mode: observe\n"
                   "service:"}},
     "locum.yaml:11:1: error: unknown key \"mode\" in version " LOCUM_VERSION
     ": did you mean \"node\"?\n"},
    {"an unknown key of redis",
     {{"service:", "redis: {sentinels: []}\n"
                   "service:"}},
     "locum.yaml:11:9: error: unknown key \"sentinels\" in version " LOCUM_VERSION
     ": known here are master-name, mirrorbits-config, "
     "user, password, password-file, sentinel-user, sentinel-password-file, db, tls, timeout, "
     "sentinel-poll\n"},
    {"redis.tls as a word",
     {{"service:", "redis: {tls: true}\n"
                   "service:"}},
     "locum.yaml:11:14: error: tls is a single value: write its keys and their values, indented "
     "below it\n"},
    {"redis.tls without its issuers",
     {{"service:", "redis: {tls: {}}\n"
                   "service:"}},
     "locum.yaml:11:14: error: ca-file is missing: certificates, PEM, of the issuers that are "
     "trusted\n"},
    {"redis.tls with half a certificate and files that cannot be",
     {{"service:", "redis: {tls: {ca-file: absent, cert-file: ., name: a b}}\n"
                   "service:"}},
     "locum.yaml:11:14: error: tls has cert-file without key-file: write both, or neither\n"
     "locum.yaml:11:24: error: ca-file \"absent\": No such file or directory\n"
     "locum.yaml:11:43: error: cert-file \".\": not a regular file\n"
     "locum.yaml:11:52: error: name \"a b\" is not right: write a host name, as in vm-23362\n"},
    {"redis.tls with a key that everybody may read",
     {{"service:", "redis: {tls: {ca-file: secret, cert-file: secret, key-file: open-secret}}\n"
                   "service:"}},
     "locum.yaml:11:61: error: key-file \"open-secret\": others may read it: take that right away "
     "with chmod o=\n"},
    {"an unknown key of a check",
     {{CHECK, "    - http: {url: \"http://127.0.0.1:8080/\", redirects: 3}\n"}},
     "locum.yaml:13:45: error: unknown key \"redirects\" in version " LOCUM_VERSION
     ": known here are url, expect, method, host, connect-to, ca-file, body, body-not, location, "
     "location-not, interval, timeout, rise, fall, fast-fail\n"},
    {"an unknown kind of check",
     {{CHECK, CHECK "    - exec: {argv: [/bin/true]}\n"}},
     "locum.yaml:14:7: error: unknown key \"exec\" in version " LOCUM_VERSION
     ": known here are http, tcp, command, mirrorbits\n"},
    {"a duplicate key",
     {{"service:", "node: dc3\n"
                   "service:"}},
     "locum.yaml:11:1: error: key \"node\" stands here twice, first at line 2: remove one\n"},
    {"a duplicate node",
     {{"  dc3: {", "  dc2: {"}},
     "locum.yaml:6:3: error: key \"dc2\" stands here twice, first at line 5: remove one\n"},
    {"a key that is a list",
     {{"service:", "[a]: b\n"
                   "service:"}},
     "locum.yaml:11:1: error: a key must be plain text\n"},
    {"required keys missing",
     {{NULL, "node: dc2\n"}},
     "locum.yaml: error: cluster is missing: name of the cluster, the same on every node; part of "
     "every Redis key\n"
     "locum.yaml: error: secret-file is missing: 64 hex digits a line; the first secret signs "
     "heartbeats, all are accepted\n"
     "locum.yaml: error: nodes is missing: the members; their order decides who takes over whose "
     "names\n"
     "locum.yaml: error: zones is missing: zones to answer\n"},
    {"zone keys missing",
     {{NS, "    ttl: 30s\n"}},
     "locum.yaml:9:5: error: ns is missing: name servers, absolute names; none of them a shared or "
     "owned name\n"},
    {"no value",
     {{"cluster: get", "cluster:"}},
     "locum.yaml:1:9: error: cluster is without a value: write 1 to 15 characters of a-z 0-9 -, "
     "with no - at either end\n"},
    {"a list for a value",
     {{"cluster: get", "cluster: [get]"}},
     "locum.yaml:1:10: error: cluster is a list: write 1 to 15 characters of a-z 0-9 -, with no - "
     "at either end\n"},
    {"a value for a mapping",
     {{"service:", "redis: yes\n"
                   "service:"}},
     "locum.yaml:11:8: error: redis is a single value: write its keys and their values, indented "
     "below it\n"},
    {"a value for a list",
     {{"[192.0.2.12]", "192.0.2.12"}},
     "locum.yaml:5:18: error: address is a single value: write a list of 1 to 8, as in [one, "
     "two]\n"},
    {"a mapping for a list",
     {{"    ns: [ns1.example.org, ns2.example.org]", "    ns: {a: b}"}},
     "locum.yaml:10:9: error: ns is a mapping of keys: write a list of 1 to 8, as in [one, two]\n"},
    {"a list inside a list",
     {{"[192.0.2.12]", "[[192.0.2.12]]"}},
     "locum.yaml:5:19: error: an item of address is no plain text: write a list of 1 to 8, as in "
     "[one, two]\n"},
    {"zones are no list",
     {{"  - name: get.example.org\n"
       "    ns: [ns1.example.org, ns2.example.org]",
       "  name: get.example.org"}},
     "locum.yaml:9:3: error: zones is a mapping of keys: write a list of 1 to 8, each beginning "
     "with a dash\n"},
    {"a zone is no mapping",
     {{"zones:", "zones:\n"
                 "  - get.example.org"}},
     "locum.yaml:9:5: error: keys and values belong here, as in {key: value}\n"},
    {"nodes are no mapping",
     {{NODES, "nodes: [dc2, dc3]\n"}},
     "locum.yaml:4:8: error: nodes is a list: write a name and settings for each, as in `dc2: "
     "{address: [192.0.2.12]}`\n"},
    {"cluster name",
     {{"cluster: get", "cluster: Get"}},
     "locum.yaml:1:10: error: cluster \"Get\" is not right: write 1 to 15 characters of a-z 0-9 -, "
     "with no - at either end\n"},
    {"cluster name too long",
     {{"cluster: get", "cluster: abcdefghijklmnop"}},
     "locum.yaml:1:10: error: cluster \"abcdefghijklmnop\" is not right: write 1 to 15 characters "
     "of a-z 0-9 -, with no - at either end\n"},
    {"node name",
     {{"  dc3: {", "  dc_3: {"}},
     "locum.yaml:6:3: error: node name \"dc_3\" is not right: write 1 to 15 characters of a-z 0-9 "
     "-, with no - at either end\n"},
    {"node name with a dash at its end",
     {{"  dc3: {", "  dc3-: {"}},
     "locum.yaml:6:3: error: node name \"dc3-\" is not right: write 1 to 15 characters of a-z 0-9 "
     "-, with no - at either end\n"},
    {"role",
     {{"role: witness", "role: wittness"}},
     "locum.yaml:7:15: error: role \"wittness\" is not right: write server, witness or sentinel\n"},
    {"a number",
     {{"service:", "quorum: two\n"
                   "service:"}},
     "locum.yaml:11:9: error: quorum \"two\" is not right: write a number from 1 to 32\n"},
    {"a number with a leading zero",
     {{"service:", "dns: {workers: 010}\n"
                   "service:"}},
     "locum.yaml:11:16: error: workers \"010\" is not right: write a number from 1 to 16\n"},
    {"a number out of range",
     {{"service:", "dns: {workers: 17}\n"
                   "service:"}},
     "locum.yaml:11:16: error: workers \"17\" is not right: write a number from 1 to 16\n"},
    {"port",
     {{"address: [192.0.2.13]", "port: 70000, address: [192.0.2.13]"}},
     "locum.yaml:6:15: error: port \"70000\" is not right: write a number from 1 to 65535\n"},
    {"a duration without unit",
     {{"service:", "heartbeat: {interval: 125}\n"
                   "service:"}},
     "locum.yaml:11:23: error: interval \"125\" is not right: write 20ms to 10s, as in 250ms, 1s "
     "or 5m\n"},
    {"a duration out of range",
     {{"service:", "heartbeat: {interval: 5ms}\n"
                   "service:"}},
     "locum.yaml:11:23: error: interval \"5ms\" is not right: write 20ms to 10s, as in 250ms, 1s "
     "or 5m\n"},
    {"a ttl of half a second",
     {{NS, NS "    ttl: 1500ms\n"}},
     "locum.yaml:11:10: error: ttl \"1500ms\" is not right: write 1s to 1d in whole seconds, as in "
     "15s or 5m\n"},
    {"a ttl too long",
     {{NS, NS "    ttl: 2d\n"}},
     "locum.yaml:11:10: error: ttl \"2d\" is not right: write 1s to 1d in whole seconds, as in 15s "
     "or 5m\n"},
    {"flag",
     {{CHECK, CHECK "    - mirrorbits: {gate: yes}\n"}},
     "locum.yaml:14:26: error: gate \"yes\" is not right: write true or false\n"},
    {"word",
     {{CHECK, "    - http: {url: \"http://127.0.0.1:8080/\", method: POST}\n"}},
     "locum.yaml:13:53: error: method \"POST\" is not right: write GET or HEAD\n"},
    {"status range",
     {{CHECK, "    - http: {url: \"http://127.0.0.1:8080/\", expect: \"399-200\"}\n"}},
     "locum.yaml:13:53: error: expect \"399-200\" is not right: write statuses or ranges within "
     "100 "
     "to 599, as in \"200-299,302\"\n"},
    {"url",
     {{CHECK, "    - http: {url: \"ftp://127.0.0.1/\"}\n"}},
     "locum.yaml:13:19: error: url \"ftp://127.0.0.1/\" is not right: write a URL without user or "
     "fragment, as in http://127.0.0.1:8080/\n"},
    {"url with a blank",
     {{CHECK, "    - http: {url: \"http://127.0.0.1/ x\"}\n"}},
     "locum.yaml:13:19: error: url \"http://127.0.0.1/ x\" is not right: write a URL without user "
     "or fragment, as in http://127.0.0.1:8080/\n"},
    {"url with a user",
     {{CHECK, "    - http: {url: \"http://me:secret@127.0.0.1/\"}\n"}},
     "locum.yaml:13:19: error: url is not right: write a URL without user or fragment, as in "
     "http://127.0.0.1:8080/\n"},
    {"url with a bad port",
     {{CHECK, "    - http: {url: \"http://127.0.0.1:99999/\"}\n"}},
     "locum.yaml:13:19: error: url \"http://127.0.0.1:99999/\" is not right: write a URL without "
     "user or fragment, as in http://127.0.0.1:8080/\n"},
    {"tcp address",
     {{CHECK, "    - tcp: {address: \"localhost:80\"}\n"}},
     "locum.yaml:13:22: error: address \"localhost:80\" is not right: write a numeric address and "
     "a port, as in 127.0.0.1:9854 or [::1]:9854\n"},
    {"an address with a mistake as endpoint",
     {{"redis: \"10.0.0.12:6379\"", "redis: \"10.0.0.512:6379\""}},
     "locum.yaml:5:39: error: redis \"10.0.0.512:6379\" is not right: " ENDPOINT},
    {"an endpoint with a name that cannot be",
     {{"redis: \"10.0.0.12:6379\"", "redis: \"redis..example.org:6379\""}},
     "locum.yaml:5:39: error: redis \"redis..example.org:6379\" is not right: " ENDPOINT},
    {"an endpoint without port",
     {{"redis: \"10.0.0.12:6379\"", "redis: redis.example.org"}},
     "locum.yaml:5:39: error: redis \"redis.example.org\" is not right: " ENDPOINT},
    {"an endpoint with a port that cannot be",
     {{"redis: \"10.0.0.12:6379\"", "redis: \"redis.example.org:0\""}},
     "locum.yaml:5:39: error: redis \"redis.example.org:0\" is not right: " ENDPOINT},
    {"host",
     {{CHECK, "    - http: {url: \"http://127.0.0.1/\", host: \"a b\"}\n"}},
     "locum.yaml:13:46: error: host \"a b\" is not right: write a host name, as in vm-23362\n"},
    {"an empty master-name",
     {{"service:", "redis: {master-name: \"\"}\n"
                   "service:"}},
     "locum.yaml:11:22: error: master-name \"\" is not right: write 1 to 63 characters, none of "
     "them a control character\n"},
    {"listen.dns is a word",
     {{"service:", "listen: {dns: all}\n"
                   "service:"}},
     "locum.yaml:11:15: error: dns is a single value: write a list of 1 to 8, as in "
     "[\"192.0.2.12:53\"], or none\n"},
    {"listen.http",
     {{"service:", "listen: {http: 9854}\n"
                   "service:"}},
     "locum.yaml:11:16: error: http \"9854\" is not right: write a numeric address and a port, as "
     "in 127.0.0.1:9854 or [::1]:9854\n"},
    {"control characters are escaped",
     {{"cluster: get", "cluster: \"a\\eb\\n\""}},
     "locum.yaml:1:10: error: cluster \"a\\x1bb\\x0a\" is not right: write 1 to 15 characters of "
     "a-z 0-9 -, with no - at either end\n"},
    {"a long value is cut",
     {{"cluster: get", "cluster: "
                       "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
                       "xxxxxxxxxxxxxxxxxxxxxxxxx"}},
     "locum.yaml:1:10: error: cluster "
     "\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...\" is "
     "not right: write 1 to 15 characters of a-z 0-9 -, with no - at either end\n"},
    {"a password is not shown",
     {{"service:",
       "redis: {password: "
       "ppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppp"
       "ppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppp"
       "pppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppp}\n"
       "service:"}},
     "locum.yaml:11:19: error: password is not right: write 1 to 255 characters, none of them a "
     "control character\n"},
    {"path too long for a socket",
     {{"service:", "listen: {control: "
                   "/pppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppp"
                   "ppppppppppppppppppppppppppppp}\n"
                   "service:"}},
     "locum.yaml:11:19: error: control "
     "\"/ppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppp...\" is "
     "not right: write 1 to 107 characters of a path\n"},
};

static void
test_each_is_refused_with_its_words(void **state)
{
    (void)state;
    assert_each_refused(broken, LOCUM_COUNT(broken));
}

static void
test_a_file_that_cannot_be_read(void **state)
{
    (void)state;
    assert_null(load_path("nothing.yaml", NULL));
    assert_string_equal(report, "nothing.yaml: error: cannot be read: No such file or directory\n");
    assert_null(load_path("/tmp", NULL));
    assert_string_equal(report, "/tmp: error: is not a regular file\n");
    write_file("locum.yaml", "", 0640);
    assert_null(load_path("locum.yaml", NULL));
    assert_string_equal(report, "locum.yaml: error: is empty: it needs at least cluster, "
                                "secret-file, nodes and zones\n");
}

static void
test_a_file_that_is_too_large(void **state)
{
    (void)state;
    const size_t length = LOCUM_CONFIG_FILE_BYTES_MAX + 1;
    char *bytes = malloc(length);
    assert_non_null(bytes);
    memset(bytes, '#', length);
    write_bytes("locum.yaml", bytes, length, 0640);
    assert_null(load_path("locum.yaml", NULL));
    assert_string_equal(report, "locum.yaml: error: is larger than 256 KiB: not a configuration\n");
    memcpy(bytes, GOOD, strlen(GOOD));
    write_bytes("locum.yaml", bytes, length - 1, 0640);
    struct locum_config *config = load_path("locum.yaml", NULL);
    assert_string_equal(report, "");
    assert_non_null(config);
    locum_config_free(config);
    free(bytes);
}

static void
test_a_zero_byte_and_other_encodings(void **state)
{
    (void)state;
    write_bytes("locum.yaml", "cluster: \0\n", 11, 0640);
    assert_null(load_path("locum.yaml", NULL));
    assert_string_equal(report, "locum.yaml:1:10: error: control character 0x00: remove it\n");
    write_bytes("locum.yaml",
                "\xff\xfe"
                "c\0",
                4, 0640);
    assert_null(load_path("locum.yaml", NULL));
    assert_string_equal(report, "locum.yaml:1:1: error: byte 0xff is not UTF-8: save the file as "
                                "UTF-8 text\n");
}

static void
test_a_path_that_is_too_long(void **state)
{
    (void)state;
    char path[LOCUM_PATH_MAX + 2];
    memset(path, 'p', sizeof(path) - 1);
    path[sizeof(path) - 1] = '\0';
    assert_null(load_path(path, NULL));
    assert_non_null(strstr(report, ": error: the path is longer than 255 characters\n"));
}

static void
test_very_many_keys_and_errors(void **state)
{
    (void)state;
    static char text[8192];
    struct locum_text builder = locum_text_init(text, sizeof(text));
    for (uint64_t i = 0; i < 257; i++) {
        locum_text_add(&builder, "key");
        locum_text_add_u64(&builder, i);
        locum_text_add(&builder, ": 1\n");
    }
    write_file("locum.yaml", text, 0640);
    assert_null(load_path("locum.yaml", NULL));
    assert_string_equal(report, "locum.yaml:1:1: error: 257 keys in one mapping: at most 256\n");

    text[builder.length - strlen("key256: 1\n")] = '\0';
    write_file("locum.yaml", text, 0640);
    assert_null(load_path("locum.yaml", NULL));
    size_t lines = 0;
    for (const char *c = report; *c != '\0'; c++) {
        lines += *c == '\n' ? 1 : 0;
    }
    assert_int_equal(lines, 65);
    assert_non_null(strstr(report, "\nlocum.yaml: error: there is more than this wrong: correct "
                                   "these first\n"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_is_refused_with_its_words),
        cmocka_unit_test(test_a_file_that_cannot_be_read),
        cmocka_unit_test(test_a_file_that_is_too_large),
        cmocka_unit_test(test_a_zero_byte_and_other_encodings),
        cmocka_unit_test(test_a_path_that_is_too_long),
        cmocka_unit_test(test_very_many_keys_and_errors),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}

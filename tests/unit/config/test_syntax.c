/* Files, keys and single values that are refused, with every error. */
#include "fixture.h"

static const struct broken broken[] = {
    {"two documents",
     {{"service:", "---\n"
                   "service:"}},
     "11:1 second document\n"},
    {"an alias and an anchor",
     {{"node: dc2", "node: &x dc2\n"
                    "quorum: *x"}},
     "2:7 anchors allowed\n"
     "3:9 aliases allowed\n"},
    {"anchors alone", {{"node: dc2", "node: &x dc2"}}, "2:7 anchors allowed\n"},
    {"a tag", {{"node: dc2", "node: !!str dc2"}}, "2:7 tags allowed\n"},
    {"too deep",
     {{"service:", "redis: [[[[[[[[x]]]]]]]]\n"
                   "service:"}},
     "11:15 nested deeper\n"},
    {"not YAML", {{"[192.0.2.12]", "[192.0.2.12"}}, "5:83 YAML line 5\n"},
    {"a tab for indentation", {{"    ns:", "\tns:"}}, "10:1 YAML tabs\n"},
    {"a value that wants quotes",
     {{"service:", "events: {keep: @}\n"
                   "service:"}},
     "11:16 YAML quote\n"},
    {"indented too little", {{"    ns:", "   ns:"}}, "10:4 YAML indent\n"},
    {"not UTF-8", {{"node: dc2", "node: d\377c2"}}, "2:8 0xff UTF-8\n"},
    {"overlong UTF-8", {{"node: dc2", "node: \300\257"}}, "2:7 byte 0xc0\n"},
    {"a control character", {{"node: dc2", "node: dc\0012"}}, "2:9 0x01 control\n"},
    {"a sequence that breaks off", {{"node: dc2", "node: \xe2\x82(2"}}, "2:8 byte 0x28\n"},
    {"half a surrogate pair", {{"node: dc2", "node: \xed\xa0\x80"}}, "2:7 byte 0xed\n"},
    {"columns count characters",
     {{"node: dc2", "node: \"\u00e9\u20ac\U0001f600\" \x01"}},
     "2:13 0x01 control\n"},
    {"anchors and tags of lists and mappings",
     {{"service:", "dns: &a {workers: 1}\n"
                   "events: !x {keep: 50}\n"
                   "redis: &b [x]\n"
                   "listen: !y [x]\n"
                   "service:"}},
     "11:6 anchors allowed\n"
     "12:9 tags allowed\n"
     "13:8 anchors allowed\n"
     "14:9 tags allowed\n"},
    {"a list at the top",
     {{NULL, "- a\n"
             "- b\n"}},
     "1:1 mapping\n"},
    {"empty", {{NULL, "# nothing\n"}}, "0:0 empty\n"},
    {"a scalar at the top", {{NULL, "hello\n"}}, "1:1 mapping\n"},
    {"an unknown key",
     {{"service:", "quorun: 2\n"
                   "service:"}},
     "11:1 quorun \"quorum\"\n"},
    {"an unknown key, nothing near",
     {{"service:", "observe: true\n"
                   "service:"}},
     "11:1 observe cluster, dns " LOCUM_VERSION "\n"},
    {"a key of a later version",
     {{"service:", "mode: observe\n"
                   "service:"}},
     "11:1 mode \"node\"\n"},
    {"an unknown key of redis",
     {{"service:", "redis: {sentinels: []}\n"
                   "service:"}},
     "11:9 sentinels master-name, sentinel-poll\n"},
    {"redis.tls as a word",
     {{"service:", "redis: {tls: true}\n"
                   "service:"}},
     "11:14 tls single\n"},
    {"redis.tls without its issuers",
     {{"service:", "redis: {tls: {}}\n"
                   "service:"}},
     "11:14 ca-file required\n"},
    {"redis.tls with half a certificate and files that cannot be",
     {{"service:", "redis: {tls: {ca-file: absent, cert-file: ., name: a b}}\n"
                   "service:"}},
     "11:14 tls cert-file\n"
     "11:24 ca-file absent\n"
     "11:43 cert-file regular\n"
     "11:52 name host\n"},
    {"redis.tls with a key that everybody may read",
     {{"service:", "redis: {tls: {ca-file: secret, cert-file: secret, key-file: open-secret}}\n"
                   "service:"}},
     "11:61 key-file open-secret chmod\n"},
    {"an unknown key of a check",
     {{CHECK, "    - http: {url: \"http://127.0.0.1:8080/\", redirects: 3}\n"}},
     "13:45 redirects url, fast-fail\n"},
    {"an unknown kind of check",
     {{CHECK, CHECK "    - exec: {argv: [/bin/true]}\n"}},
     "14:7 exec mirrorbits\n"},
    {"a duplicate key",
     {{"service:", "node: dc3\n"
                   "service:"}},
     "11:1 node line 2\n"},
    {"a duplicate node", {{"  dc3: {", "  dc2: {"}}, "6:3 dc2 line 5\n"},
    {"a key that is a list",
     {{"service:", "[a]: b\n"
                   "service:"}},
     "11:1 found list\n"},
    {"required keys missing",
     {{NULL, "node: dc2\n"}},
     "0:0 cluster required\n"
     "0:0 secret-file required\n"
     "0:0 nodes required\n"
     "0:0 zones required\n"},
    {"zone keys missing", {{NS, "    ttl: 30s\n"}}, "9:5 ns required\n"},
    {"no value", {{"cluster: get", "cluster:"}}, "1:9 cluster no value\n"},
    {"a list for a value", {{"cluster: get", "cluster: [get]"}}, "1:10 cluster list\n"},
    {"a value for a mapping",
     {{"service:", "redis: yes\n"
                   "service:"}},
     "11:8 redis single\n"},
    {"a value for a list", {{"[192.0.2.12]", "192.0.2.12"}}, "5:18 address single\n"},
    {"a mapping for a list",
     {{"    ns: [ns1.example.org, ns2.example.org]", "    ns: {a: b}"}},
     "10:9 ns mapping\n"},
    {"a list inside a list", {{"[192.0.2.12]", "[[192.0.2.12]]"}}, "5:19 address item\n"},
    {"zones are no list",
     {{"  - name: get.example.org\n"
       "    ns: [ns1.example.org, ns2.example.org]",
       "  name: get.example.org"}},
     "9:3 zones mapping\n"},
    {"a zone is no mapping",
     {{"zones:", "zones:\n"
                 "  - get.example.org"}},
     "9:5 mapping\n"},
    {"nodes are no mapping", {{NODES, "nodes: [dc2, dc3]\n"}}, "4:8 nodes list\n"},
    {"cluster name", {{"cluster: get", "cluster: Get"}}, "1:10 cluster Get\n"},
    {"cluster name too long",
     {{"cluster: get", "cluster: abcdefghijklmnop"}},
     "1:10 cluster abcdefghijklmnop\n"},
    {"node name", {{"  dc3: {", "  dc_3: {"}}, "6:3 nodes dc_3\n"},
    {"node name with a dash at its end", {{"  dc3: {", "  dc3-: {"}}, "6:3 nodes dc3-\n"},
    {"role", {{"role: witness", "role: wittness"}}, "7:15 role wittness\n"},
    {"a number",
     {{"service:", "quorum: two\n"
                   "service:"}},
     "11:9 quorum two\n"},
    {"a number with a leading zero",
     {{"service:", "dns: {workers: 010}\n"
                   "service:"}},
     "11:16 workers 010\n"},
    {"a number out of range",
     {{"service:", "dns: {workers: 17}\n"
                   "service:"}},
     "11:16 workers 17\n"},
    {"prefixes",
     {{"service:",
       "dns: {rate-limit: {slip: 11, exempt: [192.0.2.0/33, 192.0.2.1/24, 192.0.2.0/, 192.0.2.0/x, "
       "\"::1/129\", resolver]}}\n"
       "service:"}},
     "11:26 slip 11\n"
     "11:39 exempt 192.0.2.0/33\n"
     "11:53 exempt 192.0.2.1/24 bits\n"
     "11:67 exempt 192.0.2.0/\n"
     "11:79 exempt 192.0.2.0/x\n"
     "11:92 exempt ::1/129\n"
     "11:103 exempt resolver\n"},
    {"port",
     {{"address: [192.0.2.13]", "port: 70000, address: [192.0.2.13]"}},
     "6:15 port 70000\n"},
    {"a duration without unit",
     {{"service:", "heartbeat: {interval: 125}\n"
                   "service:"}},
     "11:23 interval 125\n"},
    {"a duration out of range",
     {{"service:", "heartbeat: {interval: 5ms}\n"
                   "service:"}},
     "11:23 interval 5ms\n"},
    {"a ttl of half a second", {{NS, NS "    ttl: 1500ms\n"}}, "11:10 ttl 1500ms\n"},
    {"a ttl too long", {{NS, NS "    ttl: 2d\n"}}, "11:10 ttl 2d\n"},
    {"flag", {{CHECK, CHECK "    - mirrorbits: {gate: yes}\n"}}, "14:26 gate yes\n"},
    {"word",
     {{CHECK, "    - http: {url: \"http://127.0.0.1:8080/\", method: POST}\n"}},
     "13:53 method POST\n"},
    {"status range",
     {{CHECK, "    - http: {url: \"http://127.0.0.1:8080/\", expect: \"399-200\"}\n"}},
     "13:53 expect 399-200\n"},
    {"url", {{CHECK, "    - http: {url: \"ftp://127.0.0.1/\"}\n"}}, "13:19 url ftp://127.0.0.1/\n"},
    {"url with a blank",
     {{CHECK, "    - http: {url: \"http://127.0.0.1/ x\"}\n"}},
     "13:19 url http://127.0.0.1/ x\n"},
    {"url with a user",
     {{CHECK, "    - http: {url: \"http://me:secret@127.0.0.1/\"}\n"}},
     "13:19 url !secret\n"},
    {"url with a bad port",
     {{CHECK, "    - http: {url: \"http://127.0.0.1:99999/\"}\n"}},
     "13:19 url http://127.0.0.1:99999/\n"},
    {"tcp address",
     {{CHECK, "    - tcp: {address: \"localhost:80\"}\n"}},
     "13:22 address localhost:80\n"},
    {"an address with a mistake as endpoint",
     {{"redis: \"10.0.0.12:6379\"", "redis: \"10.0.0.512:6379\""}},
     "5:39 redis 10.0.0.512:6379\n"},
    {"an endpoint with a name that cannot be",
     {{"redis: \"10.0.0.12:6379\"", "redis: \"redis..example.org:6379\""}},
     "5:39 redis redis..example.org:6379\n"},
    {"an endpoint without port",
     {{"redis: \"10.0.0.12:6379\"", "redis: redis.example.org"}},
     "5:39 redis redis.example.org\n"},
    {"an endpoint with a port that cannot be",
     {{"redis: \"10.0.0.12:6379\"", "redis: \"redis.example.org:0\""}},
     "5:39 redis redis.example.org:0\n"},
    {"host",
     {{CHECK, "    - http: {url: \"http://127.0.0.1/\", host: \"a b\"}\n"}},
     "13:46 host a b\n"},
    {"an empty master-name",
     {{"service:", "redis: {master-name: \"\"}\n"
                   "service:"}},
     "11:22 master-name 63\n"},
    {"listen.dns is a word",
     {{"service:", "listen: {dns: all}\n"
                   "service:"}},
     "11:15 dns none\n"},
    {"listen.http",
     {{"service:", "listen: {http: 9854}\n"
                   "service:"}},
     "11:16 http 9854\n"},
    {"control characters are escaped",
     {{"cluster: get", "cluster: \"a\\eb\\n\""}},
     "1:10 cluster a\\x1bb\\x0a\n"},
    {"a long value is cut",
     {{"cluster: get", "cluster: "
                       "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
                       "xxxxxxxxxxxxxxxxxxxxxxxxx"}},
     "1:10 cluster xxx...\n"},
    {"a password is not shown",
     {{"service:",
       "redis: {password: "
       "ppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppp"
       "ppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppp"
       "pppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppp}\n"
       "service:"}},
     "11:19 password 255 !ppp\n"},
    {"path too long for a socket",
     {{"service:", "listen: {control: "
                   "/pppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppp"
                   "ppppppppppppppppppppppppppppp}\n"
                   "service:"}},
     "11:19 control 107\n"},
};

static void
test_each_is_refused_with_every_error(void **state)
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
    assert_string_equal(report, "/tmp: error: cannot be read: not a regular file\n");
    write_file("locum.yaml", "", 0640);
    assert_null(load_path("locum.yaml", NULL));
    assert_true(is_reported("0:0 empty\n"));
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
    assert_true(is_reported("0:0 larger 8192 KiB\n"));
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
    assert_true(is_reported("1:10 0x00 control\n"));
    write_bytes("locum.yaml",
                "\xff\xfe"
                "c\0",
                4, 0640);
    assert_null(load_path("locum.yaml", NULL));
    assert_true(is_reported("1:1 0xff UTF-8\n"));
}

static void
test_a_path_that_is_too_long(void **state)
{
    (void)state;
    char path[LOCUM_PATH_MAX + 2];
    memset(path, 'p', sizeof(path) - 1);
    path[sizeof(path) - 1] = '\0';
    assert_null(load_path(path, NULL));
    assert_non_null(strstr(report, ": error: the path is longer than 255 "));
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
    assert_true(is_reported("1:1 257 256\n"));

    text[builder.length - strlen("key256: 1\n")] = '\0';
    write_file("locum.yaml", text, 0640);
    assert_null(load_path("locum.yaml", NULL));
    size_t lines = 0;
    for (const char *c = report; *c != '\0'; c++) {
        lines += *c == '\n' ? 1 : 0;
    }
    assert_int_equal(lines, 65);
    assert_non_null(strstr(report, "\nlocum.yaml: error: there are more errors"));
}

static int
begin(void **state)
{
    return prose_begin("test_syntax") ? setup(state) : 1;
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_is_refused_with_every_error),
        cmocka_unit_test(test_the_prose_is_as_kept),
        cmocka_unit_test(test_a_file_that_cannot_be_read),
        cmocka_unit_test(test_a_file_that_is_too_large),
        cmocka_unit_test(test_a_zero_byte_and_other_encodings),
        cmocka_unit_test(test_a_path_that_is_too_long),
        cmocka_unit_test(test_very_many_keys_and_errors),
    };
    const int failed = cmocka_run_group_tests(tests, begin, teardown);
    return prose_write(argc, argv) != 0 ? 1 : failed;
}

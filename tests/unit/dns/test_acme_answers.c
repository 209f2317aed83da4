/* The TXT records of ACME challenges: they exist from the start, and nothing but their data changes
 * with the values. */
#include "keyfiles.h"

#include "dns/challenges.h"
#include "dns/compile.h"

#define NAME "_acme-challenge.get.example.org."

enum { NOW = 1800000000, SERIAL = 7, ANSWER_BYTES = 16384 };

static const struct locum_now now = {.mono = 1000, .boot = 1000, .wall = 1800000000000};

static struct site *
site_with_challenges(void)
{
    struct site *site = site_new();
    site->config.zones[0].dns_01 = true;
    site_name(site, 0, "*.get.example.org.", LOCUM_NODE_NONE, 1);
    site_name(site, 0, "*.m.get.example.org.", LOCUM_NODE_NONE, 1);
    site_name(site, 0, "own.get.example.org.", 0, 1);
    site_name(site, 0, "below.sub.get.example.org.", 0, 1);
    site_record(site, 0, "_acme-challenge.own CNAME elsewhere.test.");
    site_record(site, 0, "sub NS ns.other.test.");
    return site;
}

/* What is answered with these values at NAME; NULL ends the list. */
static struct locum_challenge_answers *
answers_of(const struct site *site, const char *const *list)
{
    struct locum_challenges *challenges = locum_challenges_create();
    struct locum_challenge_answers *answers = NULL;
    for (; *list != NULL; list++) {
        assert_int_equal(locum_challenges_set(challenges, NAME, *list, "cli", 5000, now), 0);
    }
    assert_int_equal(locum_challenges_answers(challenges, &site->config, now, &answers), 0);
    locum_challenges_destroy(challenges);
    return answers;
}

static struct locum_dns_table *
make_table(const struct site *site, struct locum_signer *signer,
           const struct locum_challenge_answers *answers)
{
    struct locum_dns_names *names = NULL;
    assert_int_equal(locum_dns_compile(&site->config, signer, NOW, NULL, &names), 0);
    struct locum_dns_table *table =
        locum_dns_table_make(names, &site->config, &site->plan, answers, SERIAL);
    assert_non_null(table);
    if (signer != NULL) {
        assert_int_equal(
            locum_dns_table_sign(table, &site->config, &site->plan, SERIAL, signer, NOW), 0);
    }
    locum_dns_names_release(names);
    return table;
}

/* The reply as text. */
static const char *
ask_with(const struct locum_dns_table *table, const struct ask *ask, size_t bytes_max)
{
    static char text[ANSWER_BYTES];
    static uint8_t reply[ANSWER_BYTES];
    uint8_t packet[512];
    const size_t length = make_query(ask, packet);
    const struct locum_dns_reply got = answer_packet(table, packet, length, 0, reply, bytes_max);
    ldns_pkt *read = read_reply(reply, got.length);
    describe(read, text, sizeof(text));
    if (ldns_pkt_tc(read)) {
        (void)strcpy(text, "TC");
    } else if (ldns_pkt_get_rcode(read) == LDNS_RCODE_NXDOMAIN) {
        (void)strcpy(text, "NXDOMAIN");
    }
    ldns_pkt_free(read);
    return text;
}

static const char *
txt(const struct locum_dns_table *table, const char *name)
{
    return ask_with(table, &(struct ask){.name = name, .type = LOCUM_TYPE_TXT}, ANSWER_BYTES);
}

static void
assert_in(const char *text, const char *part)
{
    if (strstr(text, part) == NULL) {
        fail_msg("\"%s\" is not in: %s", part, text);
    }
}

static void
test_names_exist_from_the_start(void **state)
{
    (void)state;
    bool on[LOCUM_NAMES_MAX];
    struct site *site = site_with_challenges();
    struct locum_dns_table *table = make_table(site, NULL, NULL);
    assert_string_equal(txt(table, NAME), "an " NAME " 15 IN TXT \"-\"");
    assert_string_equal(txt(table, "_acme-challenge.dc2.get.example.org."),
                        "an _acme-challenge.dc2.get.example.org. 15 IN TXT \"-\"");
    assert_string_equal(txt(table, "_acme-challenge.m.get.example.org."),
                        "an _acme-challenge.m.get.example.org. 15 IN TXT \"-\"");
    /* Another type: the name exists, so this is no denial of the name. */
    assert_in(ask_with(table, &(struct ask){.name = NAME, .type = LOCUM_TYPE_A}, ANSWER_BYTES),
              "ns get.example.org. ");
    /* Others below are as before: of the wildcard, which has no TXT. */
    assert_in(txt(table, "x.get.example.org."), "ns get.example.org. 15 IN SOA");
    /* A static record counts, a delegation hides. */
    assert_string_equal(txt(table, "_acme-challenge.own.get.example.org."),
                        "an _acme-challenge.own.get.example.org. 60 IN CNAME elsewhere.test.");
    assert_in(txt(table, "_acme-challenge.below.sub.get.example.org."), "ns sub.get.example.org. ");
    assert_int_equal(locum_dns_find_challenged(&site->config, on), 0);
    for (size_t i = 0; i < site->config.core.name_count; i++) {
        const char *name = site->config.names[i].name;
        /* "*.get" has the same as "get", which is first. */
        assert_int_equal(on[i], strcmp(name, "*.get.example.org.") != 0 &&
                                    strncmp(name, "own.", 4) != 0 &&
                                    strncmp(name, "below.", 6) != 0);
    }
    locum_dns_table_release(table);
    site->config.zones[0].dns_01 = false;
    table = make_table(site, NULL, NULL);
    assert_in(txt(table, NAME), "ns get.example.org. 15 IN SOA");
    locum_dns_table_release(table);
    free(site);
}

static void
test_values_are_answered_together(void **state)
{
    static const char *const list[] = {"b", "a", NULL}, *const none[] = {NULL};
    (void)state;
    char *text = NULL;
    struct site *site = site_with_challenges();
    struct locum_challenge_answers *answers = answers_of(site, list);
    struct locum_dns_table *table = make_table(site, NULL, answers);
    assert_string_equal(txt(table, NAME),
                        "an " NAME " 15 IN TXT \"a\" | an " NAME " 15 IN TXT \"b\"");
    assert_string_equal(txt(table, "_acme-challenge.dc2.get.example.org."),
                        "an _acme-challenge.dc2.get.example.org. 15 IN TXT \"-\"");
    assert_int_equal(
        locum_dns_zone_text(NULL, &site->config, 0, &site->plan, answers, SERIAL, &text), 0);
    assert_in(text, "\n" NAME "\t15\tIN\tTXT\t\"a\"\n" NAME "\t15\tIN\tTXT\t\"b\"\n");
    assert_in(text, "\n_acme-challenge.dc2.get.example.org.\t15\tIN\tTXT\t\"-\"\n");
    assert_null(strstr(text, NAME "\t15\tIN\tTXT\t\"-\"\n"));
    assert_null(answers_of(site, none));
    free(text);
    free(answers);
    locum_dns_table_release(table);
    free(site);
}

/* The most and longest values: too long for a datagram, but whole over TCP. */
static void
test_as_much_as_there_can_be(void **state)
{
    (void)state;
    char values[LOCUM_CHALLENGE_VALUES_MAX][LOCUM_CHALLENGE_CHARS_MAX + 1];
    const char *list[LOCUM_CHALLENGE_VALUES_MAX + 1] = {NULL};
    for (size_t i = 0; i < LOCUM_CHALLENGE_VALUES_MAX; i++) {
        memset(values[i], 'a' + (int)i, LOCUM_CHALLENGE_CHARS_MAX);
        values[i][LOCUM_CHALLENGE_CHARS_MAX] = '\0';
        list[i] = values[i];
    }
    struct site *site = site_with_challenges();
    struct locum_challenge_answers *answers = answers_of(site, list);
    struct locum_dns_table *table = make_table(site, NULL, answers);
    const struct ask ask = {.name = NAME, .type = LOCUM_TYPE_TXT, .edns = true, .payload = 1232};
    assert_string_equal(ask_with(table, &ask, 1232), "TC");
    struct ask whole = ask;
    whole.payload = ANSWER_BYTES;
    for (size_t i = 0; i < LOCUM_CHALLENGE_VALUES_MAX; i++) {
        assert_in(ask_with(table, &whole, ANSWER_BYTES), values[i]);
    }
    locum_dns_table_release(table);
    free(answers);
    free(site);
}

static void
ignore(void *user, size_t zone, enum locum_severity severity, const char *text)
{
    (void)user, (void)zone, (void)severity;
    fail_msg("%s", text);
}

/* The NSEC record of a name is the same whatever its values are, and has TXT. */
static void
test_a_signed_zone(void **state)
{
    static const char *const list[] = {"b", "a-longer-value", NULL};
    (void)state;
    char denial[ANSWER_BYTES];
    struct key_folder folder;
    struct locum_signer *signer = NULL;
    struct site *site = site_new();
    key_folder_init(&folder);
    key_folder_add(&folder, key_file_of(45571)); /* of "example." */
    free(site);
    site = calloc(1, sizeof(*site));
    site_node(site, "dc2", "192.0.2.12", NULL);
    site->config.core.nodes[0].has[LOCUM_V4] = true;
    site_ns(site, site_zone(site, "example.", LOCUM_ANSWER_ALL), "ns.other.test.");
    site_name(site, 0, "example.", LOCUM_NODE_NONE, 1);
    site->config.zones[0].dns_01 = true;
    strcpy(site->config.zones[0].dnssec.keys, folder.path);
    site->config.zones[0].dnssec.validity_s = LOCUM_SIGN_VALIDITY_S;
    site->config.zones[0].dnssec.refresh_s = LOCUM_SIGN_REFRESH_S;
    assert_int_equal(locum_signer_create(&site->config, NULL, NOW, ignore, NULL, &signer), 0);
    struct locum_challenges *challenges = locum_challenges_create();
    for (size_t i = 0; list[i] != NULL; i++) {
        assert_int_equal(
            locum_challenges_set(challenges, "_acme-challenge.example.", list[i], "cli", 5000, now),
            0);
    }
    struct locum_challenge_answers *answers = NULL;
    assert_int_equal(locum_challenges_answers(challenges, &site->config, now, &answers), 0);
    const struct ask positive = {.name = "_acme-challenge.example.",
                                 .type = LOCUM_TYPE_TXT,
                                 .edns = true,
                                 .payload = 4096,
                                 .dnssec_ok = true};
    struct ask negative = positive;
    negative.type = LOCUM_TYPE_A;
    for (int filled = 0; filled < 2; filled++) {
        struct locum_dns_table *table = make_table(site, signer, filled ? answers : NULL);
        const char *said = ask_with(table, &positive, ANSWER_BYTES);
        assert_in(said, filled ? "15 IN TXT \"a-longer-value\"" : "15 IN TXT \"-\"");
        assert_in(said, " 15 IN RRSIG TXT ");
        said = ask_with(table, &negative, ANSWER_BYTES);
        assert_in(said, "ns _acme-challenge.example. 15 IN NSEC example. TXT RRSIG NSEC");
        if (filled) {
            assert_string_equal(said, denial);
        }
        (void)strcpy(denial, said);
        locum_dns_table_release(table);
    }
    locum_challenges_destroy(challenges);
    free(answers);
    locum_signer_destroy(signer);
    key_folder_fini(&folder);
    free(site);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_exist_from_the_start),
        cmocka_unit_test(test_values_are_answered_together),
        cmocka_unit_test(test_as_much_as_there_can_be),
        cmocka_unit_test(test_a_signed_zone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

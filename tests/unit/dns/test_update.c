/* update: RFC 2136, sections 2 and 3. */
#include "update.h"

static const char *const none[] = {NULL};
static const char *const two[] = {"one", "two", NULL};

static struct locum_update parsed;

static enum locum_dns_rcode
judge(const struct message *message, const char *const *values)
{
    const struct locum_update_site site = {
        .is_zone = is_test_zone, .values = test_values, .user = (void *)values};
    const enum locum_dns_rcode rcode = locum_update_parse(message->at, message->length, 0, &parsed);
    return rcode != LOCUM_RCODE_NOERROR ? rcode : locum_update_judge(&parsed, &site);
}

/* The rcode of a message with one record. */
static enum locum_dns_rcode
judge_one(size_t section, const char *owner, uint16_t type, uint16_t class, uint32_t ttl_s,
          const char *data, const char *const *values)
{
    struct message message = update_of("get.example.org", LOCUM_TYPE_SOA, LOCUM_CLASS_IN);
    add_raw(&message, section, owner, type, class, ttl_s, data, data == NULL ? 0 : strlen(data));
    return judge(&message, values);
}

static void
test_3_1_the_zone(void **state)
{
    (void)state;
    struct message message = update_of("get.example.org", LOCUM_TYPE_SOA, LOCUM_CLASS_IN);
    assert_int_equal(judge(&message, none), LOCUM_RCODE_NOERROR);
    assert_string_equal(parsed.zone, "get.example.org.");
    assert_int_equal(parsed.zone_end, message.length);
    message = update_of("GET.eXample.org", LOCUM_TYPE_SOA, LOCUM_CLASS_IN);
    assert_int_equal(judge(&message, none), LOCUM_RCODE_NOERROR);
    message = update_of("get.example.org", LOCUM_TYPE_A, LOCUM_CLASS_IN);
    assert_int_equal(judge(&message, none), LOCUM_RCODE_FORMERR);
    message = update_of("get.example.org", LOCUM_TYPE_SOA, LOCUM_CLASS_CH);
    assert_int_equal(judge(&message, none), LOCUM_RCODE_NOTAUTH);
    message = update_of("example.org", LOCUM_TYPE_SOA, LOCUM_CLASS_IN);
    assert_int_equal(judge(&message, none), LOCUM_RCODE_NOTAUTH);
    message = update_of(".", LOCUM_TYPE_SOA, LOCUM_CLASS_IN);
    assert_int_equal(judge(&message, none), LOCUM_RCODE_NOTAUTH);
    message = update_of("get.example.org", LOCUM_TYPE_SOA, LOCUM_CLASS_IN);
    message.at[5] = 2;
    assert_int_equal(judge(&message, none), LOCUM_RCODE_FORMERR);
    message.at[5] = 0;
    assert_int_equal(judge(&message, none), LOCUM_RCODE_FORMERR);
    message.at[5] = 1;
    message.length--;
    assert_int_equal(judge(&message, none), LOCUM_RCODE_FORMERR);
}

static void
test_3_2_prerequisites(void **state)
{
    (void)state;
    static const struct {
        uint16_t type, class;
        enum locum_dns_rcode without, with; /* values at the name */
    } rows[] = {
        {ANY, CLASS_ANY, LOCUM_RCODE_NXDOMAIN, LOCUM_RCODE_NOERROR},
        {ANY, CLASS_NONE, LOCUM_RCODE_NOERROR, LOCUM_RCODE_YXDOMAIN},
        {TXT, CLASS_ANY, LOCUM_RCODE_NXRRSET, LOCUM_RCODE_NOERROR},
        {TXT, CLASS_NONE, LOCUM_RCODE_NOERROR, LOCUM_RCODE_YXRRSET},
        {LOCUM_TYPE_A, CLASS_ANY, LOCUM_RCODE_NXRRSET, LOCUM_RCODE_NXRRSET},
        {LOCUM_TYPE_A, CLASS_NONE, LOCUM_RCODE_NOERROR, LOCUM_RCODE_NOERROR},
    };
    for (size_t i = 0; i < LOCUM_COUNT(rows); i++) {
        const uint16_t type = rows[i].type, class = rows[i].class;
        assert_int_equal(judge_one(PREREQUISITES, CHALLENGE, type, class, 0, NULL, none),
                         rows[i].without);
        assert_int_equal(judge_one(PREREQUISITES, CHALLENGE, type, class, 0, NULL, two),
                         rows[i].with);
        /* 2.4: neither TTL nor data; in the zone. */
        assert_int_equal(judge_one(PREREQUISITES, CHALLENGE, type, class, 1, NULL, two),
                         LOCUM_RCODE_FORMERR);
        assert_int_equal(judge_one(PREREQUISITES, CHALLENGE, type, class, 0, "\1x", two),
                         LOCUM_RCODE_FORMERR);
        assert_int_equal(judge_one(PREREQUISITES, "example.org", type, class, 0, NULL, two),
                         LOCUM_RCODE_NOTZONE);
        assert_int_equal(judge_one(PREREQUISITES, "xget.example.org", type, class, 0, NULL, two),
                         LOCUM_RCODE_NOTZONE);
        /* What other names hold is not shown. */
        assert_int_equal(judge_one(PREREQUISITES, "get.example.org", type, class, 0, NULL, two),
                         LOCUM_RCODE_REFUSED);
    }
    assert_int_equal(judge_one(PREREQUISITES, CHALLENGE, 252, CLASS_ANY, 0, NULL, two),
                     LOCUM_RCODE_FORMERR);
    assert_int_equal(judge_one(PREREQUISITES, CHALLENGE, TXT, LOCUM_CLASS_CH, 0, NULL, two),
                     LOCUM_RCODE_FORMERR);
}

/* 3.2.3: RRset exists, value dependent. */
static void
test_3_2_3_values(void **state)
{
    (void)state;
    static const struct {
        const char *values[3];
        enum locum_dns_rcode rcode;
    } rows[] = {
        {{"one", "two", NULL}, LOCUM_RCODE_NOERROR}, {{"two", "one", "two"}, LOCUM_RCODE_NOERROR},
        {{"one", NULL, NULL}, LOCUM_RCODE_NXRRSET},  {{"one", "two", "three"}, LOCUM_RCODE_NXRRSET},
        {{"One", "two", NULL}, LOCUM_RCODE_NXRRSET}, {{"-", NULL, NULL}, LOCUM_RCODE_NXRRSET},
    };
    for (size_t i = 0; i < LOCUM_COUNT(rows); i++) {
        struct message message = update_of("get.example.org", LOCUM_TYPE_SOA, LOCUM_CLASS_IN);
        for (size_t j = 0; j < 3 && rows[i].values[j] != NULL; j++) {
            add_record(&message, PREREQUISITES, CHALLENGE, TXT, LOCUM_CLASS_IN, rows[i].values[j]);
        }
        assert_int_equal(judge(&message, two), rows[i].rcode);
        assert_int_equal(judge(&message, none), LOCUM_RCODE_NXRRSET); /* also the placeholder */
    }
    assert_int_equal(judge_one(PREREQUISITES, CHALLENGE, TXT, LOCUM_CLASS_IN, 0, NULL, two),
                     LOCUM_RCODE_FORMERR);
    assert_int_equal(
        judge_one(PREREQUISITES, CHALLENGE, LOCUM_TYPE_A, LOCUM_CLASS_IN, 0, "1234", two),
        LOCUM_RCODE_NXRRSET);
}

static void
test_2_5_operations(void **state)
{
    (void)state;
    struct message message = update_of("get.example.org", LOCUM_TYPE_SOA, LOCUM_CLASS_IN);
    add_record(&message, OPERATIONS, CHALLENGE, TXT, CLASS_ANY, NULL);
    add_record(&message, OPERATIONS, "_ACME-challenge.Get.example.org", TXT, LOCUM_CLASS_IN,
               "Value");
    add_record(&message, OPERATIONS, CHALLENGE, TXT, CLASS_NONE, "one");
    add_record(&message, OPERATIONS, CHALLENGE, TXT, CLASS_NONE, "-");
    add_record(&message, OPERATIONS, CHALLENGE, ANY, CLASS_ANY, NULL);
    assert_int_equal(judge(&message, none), LOCUM_RCODE_NOERROR);
    static const enum locum_update_kind kinds[] = {
        LOCUM_UPDATE_DELETE_RRSET, LOCUM_UPDATE_ADD, LOCUM_UPDATE_DELETE_VALUE,
        LOCUM_UPDATE_DELETE_VALUE, LOCUM_UPDATE_DELETE_NAME};
    assert_int_equal(parsed.operation_count, LOCUM_COUNT(kinds));
    for (size_t i = 0; i < LOCUM_COUNT(kinds); i++) {
        assert_int_equal(parsed.operations[i].kind, kinds[i]);
        assert_string_equal(parsed.operations[i].owner, CHALLENGE ".");
    }
    assert_true(locum_update_is_value(&parsed.operations[1], "Value"));
    assert_true(locum_update_is_value(&parsed.operations[2], "one"));
    assert_null(parsed.operations[3].value.at); /* the placeholder is no value */
}

/* What an operation must not be, at a name where challenges may be set. */
static void
test_3_4_1_prescan(void **state)
{
    (void)state;
    static const struct {
        const char *owner;
        uint16_t type, class;
        uint32_t ttl_s;
        const char *data;
        enum locum_dns_rcode rcode;
    } rows[] = {
        {"example.org", TXT, LOCUM_CLASS_IN, 60, "\1x", LOCUM_RCODE_NOTZONE},
        {"get.example.com", ANY, CLASS_ANY, 0, NULL, LOCUM_RCODE_NOTZONE},
        {CHALLENGE, ANY, LOCUM_CLASS_IN, 60, NULL, LOCUM_RCODE_FORMERR},
        {CHALLENGE, 252, LOCUM_CLASS_IN, 60, "x", LOCUM_RCODE_FORMERR},
        {CHALLENGE, TXT, LOCUM_CLASS_IN, 60, NULL, LOCUM_RCODE_FORMERR},
        {CHALLENGE, TXT, LOCUM_CLASS_IN, 60, "\2x", LOCUM_RCODE_FORMERR},
        {CHALLENGE, TXT, CLASS_ANY, 60, NULL, LOCUM_RCODE_FORMERR},
        {CHALLENGE, TXT, CLASS_ANY, 0, "\1x", LOCUM_RCODE_FORMERR},
        {CHALLENGE, 252, CLASS_ANY, 0, NULL, LOCUM_RCODE_FORMERR},
        {CHALLENGE, TXT, CLASS_NONE, 60, "\1x", LOCUM_RCODE_FORMERR},
        {CHALLENGE, ANY, CLASS_NONE, 0, NULL, LOCUM_RCODE_FORMERR},
        {CHALLENGE, TXT, LOCUM_CLASS_CH, 60, "\1x", LOCUM_RCODE_FORMERR},
        /* 3.3: it is well formed, and not allowed. */
        {"get.example.org", TXT, LOCUM_CLASS_IN, 60, "\1x", LOCUM_RCODE_REFUSED},
        {"_acme-challenge.other.get.example.org", TXT, LOCUM_CLASS_IN, 60, "\1x",
         LOCUM_RCODE_REFUSED},
        {"_acme-challenge.g\\t.get.example.org", TXT, CLASS_ANY, 0, NULL, LOCUM_RCODE_REFUSED},
        {"get.example.org", ANY, CLASS_ANY, 0, NULL, LOCUM_RCODE_REFUSED},
        {"get.example.org", LOCUM_TYPE_SOA, CLASS_ANY, 0, NULL, LOCUM_RCODE_REFUSED},
        {CHALLENGE, LOCUM_TYPE_A, LOCUM_CLASS_IN, 60, "1234", LOCUM_RCODE_REFUSED},
        {CHALLENGE, LOCUM_TYPE_CNAME, LOCUM_CLASS_IN, 60, "\1x", LOCUM_RCODE_REFUSED},
        {CHALLENGE, LOCUM_TYPE_A, CLASS_ANY, 0, NULL, LOCUM_RCODE_REFUSED},
        {CHALLENGE, TXT, LOCUM_CLASS_IN, 60, "\1x\1y", LOCUM_RCODE_REFUSED},
        {CHALLENGE, TXT, LOCUM_CLASS_IN, 60, "\3x y", LOCUM_RCODE_REFUSED},
        {CHALLENGE, TXT, LOCUM_CLASS_IN, 60, "\3x\"y", LOCUM_RCODE_REFUSED},
        {CHALLENGE, TXT, LOCUM_CLASS_IN, 60, "\1-", LOCUM_RCODE_REFUSED},
        {CHALLENGE, TXT, LOCUM_CLASS_IN, 0, "\1x", LOCUM_RCODE_NOERROR},
        {CHALLENGE, TXT, CLASS_NONE, 0, "\1x\1y", LOCUM_RCODE_NOERROR}, /* 3.4.2.4: no such RR */
    };
    for (size_t i = 0; i < LOCUM_COUNT(rows); i++) {
        const enum locum_dns_rcode rcode =
            judge_one(OPERATIONS, rows[i].owner, rows[i].type, rows[i].class, rows[i].ttl_s,
                      rows[i].data, none);
        if (rcode != rows[i].rcode) {
            fail_msg("row %zu: rcode %d, not %d", i, rcode, rows[i].rcode);
        }
    }
}

/* An empty string in a TXT record is no value. */
static void
test_empty_string(void **state)
{
    (void)state;
    struct message message = update_of("get.example.org", LOCUM_TYPE_SOA, LOCUM_CLASS_IN);
    add_record(&message, OPERATIONS, CHALLENGE, TXT, LOCUM_CLASS_IN, "");
    assert_int_equal(judge(&message, none), LOCUM_RCODE_REFUSED);
}

/* The zone, then the prerequisites, then the form of all operations, then whether they are allowed.
 */
static void
test_order_of_checks(void **state)
{
    (void)state;
    struct message message = update_of("get.example.org", LOCUM_TYPE_SOA, LOCUM_CLASS_IN);
    add_record(&message, PREREQUISITES, CHALLENGE, TXT, CLASS_NONE, NULL);
    add_record(&message, PREREQUISITES, "example.org", TXT, CLASS_NONE, NULL);
    add_record(&message, OPERATIONS, "get.example.org", TXT, LOCUM_CLASS_IN, "x");
    add_record(&message, OPERATIONS, "example.org", TXT, LOCUM_CLASS_IN, "x");
    message.at[LOCUM_DNS_HEADER_BYTES + 1] = 'f'; /* another zone */
    assert_int_equal(judge(&message, two), LOCUM_RCODE_NOTAUTH);
    message.at[LOCUM_DNS_HEADER_BYTES + 1] = 'g';
    assert_int_equal(judge(&message, two), LOCUM_RCODE_YXRRSET);
    assert_int_equal(judge(&message, none), LOCUM_RCODE_NOTZONE);
    assert_int_equal(parsed.prerequisites_rcode, LOCUM_RCODE_NOTZONE);

    message = update_of("get.example.org", LOCUM_TYPE_SOA, LOCUM_CLASS_IN);
    add_record(&message, OPERATIONS, "get.example.org", TXT, LOCUM_CLASS_IN, "x");
    add_record(&message, OPERATIONS, CHALLENGE, ANY, LOCUM_CLASS_IN, NULL);
    assert_int_equal(judge(&message, none), LOCUM_RCODE_FORMERR);
}

static void
test_too_many(void **state)
{
    (void)state;
    struct message message = update_of("get.example.org", LOCUM_TYPE_SOA, LOCUM_CLASS_IN);
    for (size_t i = 0; i < LOCUM_UPDATE_RECORDS_MAX; i++) {
        add_record(&message, OPERATIONS, CHALLENGE, TXT, CLASS_ANY, NULL);
    }
    assert_int_equal(judge(&message, none), LOCUM_RCODE_NOERROR);
    add_record(&message, OPERATIONS, CHALLENGE, TXT, CLASS_ANY, NULL);
    assert_int_equal(judge(&message, none), LOCUM_RCODE_REFUSED);
    assert_int_equal(parsed.operation_count, LOCUM_UPDATE_RECORDS_MAX);
}

/* Owners may be pointers (RFC 1035 4.1.4), as nsupdate writes them. */
static void
test_compressed_owner(void **state)
{
    (void)state;
    struct message message = update_of("get.example.org", LOCUM_TYPE_SOA, LOCUM_CLASS_IN);
    static const uint8_t record[] = {15,  '_', 'a', 'c', 'm', 'e', '-',  'c', 'h', 'a',
                                     'l', 'l', 'e', 'n', 'g', 'e', 0xc0, 12,  0,   16,
                                     0,   255, 0,   0,   0,   0,   0,    0};
    memcpy(message.at + message.length, record, sizeof(record));
    message.length += sizeof(record);
    message.at[9] = 1;
    assert_int_equal(judge(&message, none), LOCUM_RCODE_NOERROR);
    assert_string_equal(parsed.operations[0].owner, CHALLENGE ".");
    message.at[message.length - 11] = (uint8_t)(message.length - 12); /* a loop */
    assert_int_equal(judge(&message, none), LOCUM_RCODE_FORMERR);
}

/* Of the additional section the OPT record is read; TSIG is not part of what is parsed. */
static void
test_additional(void **state)
{
    (void)state;
    struct message message = update_of("get.example.org", LOCUM_TYPE_SOA, LOCUM_CLASS_IN);
    add_raw(&message, ADDITIONAL, "other.example", LOCUM_TYPE_A, LOCUM_CLASS_IN, 60, "1234", 4);
    assert_int_equal(judge(&message, none), LOCUM_RCODE_NOERROR);
    assert_false(parsed.edns.present);
    add_raw(&message, ADDITIONAL, ".", LOCUM_TYPE_OPT, 1232, 0, NULL, 0);
    assert_int_equal(judge(&message, none), LOCUM_RCODE_NOERROR);
    assert_true(parsed.edns.present);
    const size_t end = message.length;
    add_raw(&message, ADDITIONAL, "key.example", 250, CLASS_ANY, 0, "1234", 4);
    assert_int_equal(locum_update_parse(message.at, message.length, end, &parsed),
                     LOCUM_RCODE_NOERROR);
    message.at[message.length++] = 0;
    assert_int_equal(judge(&message, none), LOCUM_RCODE_FORMERR);
    message.length--;
    add_raw(&message, ADDITIONAL, ".", LOCUM_TYPE_OPT, 1232, 0, NULL, 0);
    assert_int_equal(judge(&message, none), LOCUM_RCODE_FORMERR); /* two (RFC 6891 6.1.1) */
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_3_1_the_zone),     cmocka_unit_test(test_3_2_prerequisites),
        cmocka_unit_test(test_3_2_3_values),     cmocka_unit_test(test_2_5_operations),
        cmocka_unit_test(test_3_4_1_prescan),    cmocka_unit_test(test_empty_string),
        cmocka_unit_test(test_order_of_checks),  cmocka_unit_test(test_too_many),
        cmocka_unit_test(test_compressed_owner), cmocka_unit_test(test_additional),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

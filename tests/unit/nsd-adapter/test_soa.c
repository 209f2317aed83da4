#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dns/soa.h"
#include "nsd-adapter/reply.h"

enum { ID = 0x1234 };

/* A reply to the query for get.example.org, for cases to change. */
struct reply {
    uint8_t bytes[512];
    size_t length;
};

static size_t
question(uint8_t ret[LOCUM_SOA_QUESTION_MAX])
{
    return locum_soa_question("get.example.org.", ID, ret);
}

static struct reply
reply_of(uint8_t flags, uint8_t rcode, uint8_t answers)
{
    static const uint8_t soa[] = {0xc0, 12,   0,  6,    0,  1,    0,    0,    0,    60, 0, 26, 1,
                                  'a',  0xc0, 12, 0xc0, 12, 0x69, 0x21, 0x5f, 0x1a, 0,  0, 0,  1,
                                  0,    0,    0,  2,    0,  0,    0,    3,    0,    0,  0, 4};
    uint8_t query[LOCUM_SOA_QUESTION_MAX];
    struct reply reply = {.length = question(query)};
    memcpy(reply.bytes, query, reply.length);
    reply.bytes[2] = flags;
    reply.bytes[3] = rcode;
    reply.bytes[7] = answers;
    if (answers > 0) {
        memcpy(reply.bytes + reply.length, soa, sizeof(soa));
        reply.length += sizeof(soa);
    }
    return reply;
}

static int
read_reply(const struct reply *reply, enum locum_nsd_soa *ret, uint32_t *serial, uint8_t *rcode)
{
    uint8_t query[LOCUM_SOA_QUESTION_MAX];
    const size_t length = question(query);
    return locum_nsd_reply_read_soa(query, length, reply->bytes, reply->length, ret, serial, rcode);
}

static void
test_query_is_written_as_in_rfc_1035(void **state)
{
    (void)state;
    static const uint8_t expected[] = "\x12\x34\0\0\0\1\0\0\0\0\0\0\3get\7example\3org\0\0\6\0\1";
    uint8_t query[LOCUM_SOA_QUESTION_MAX];
    char name[300];
    assert_int_equal(question(query), sizeof(expected) - 1);
    assert_memory_equal(query, expected, sizeof(expected) - 1);
    for (size_t i = 0; i < 254; i += 2) {
        memcpy(name + i, "a.", 3);
    }
    assert_int_equal(locum_soa_question(name, ID, query), LOCUM_SOA_QUESTION_MAX);
}

static void
test_serial_is_read(void **state)
{
    (void)state;
    enum locum_nsd_soa outcome;
    uint32_t serial;
    uint8_t rcode;
    struct reply reply = reply_of(0x84, 0, 1);
    assert_int_equal(read_reply(&reply, &outcome, &serial, &rcode), 0);
    assert_int_equal(outcome, LOCUM_NSD_SOA_SERIAL);
    assert_int_equal(serial, 0x69215f1a);
}

static void
test_answer_without_the_zone_is_none(void **state)
{
    (void)state;
    enum locum_nsd_soa outcome;
    uint32_t serial;
    uint8_t rcode;
    const struct reply cases[] = {
        reply_of(0x84, 2, 0), reply_of(0x80, 5, 0), reply_of(0x84, 0, 0),
        reply_of(0x80, 0, 1), /* not authoritative */
    };
    const uint8_t codes[] = {2, 5, 0, 0};
    for (size_t i = 0; i < LOCUM_COUNT(cases); i++) {
        assert_int_equal(read_reply(&cases[i], &outcome, &serial, &rcode), 0);
        assert_int_equal(outcome, LOCUM_NSD_SOA_NONE);
        assert_int_equal(rcode, codes[i]);
    }
    struct reply cut = reply_of(0x84, 0, 1);
    for (; cut.length > reply_of(0, 0, 0).length; cut.length--) {
        const struct reply short_one = {.length = cut.length - 1};
        memcpy((uint8_t *)short_one.bytes, cut.bytes, cut.length - 1);
        assert_int_equal(read_reply(&short_one, &outcome, &serial, &rcode), 0);
        assert_int_equal(outcome, LOCUM_NSD_SOA_NONE);
    }
}

static void
test_reply_to_another_query_is_ignored(void **state)
{
    (void)state;
    enum locum_nsd_soa outcome;
    uint32_t serial;
    uint8_t rcode;
    struct reply reply = reply_of(0x84, 0, 1);
    for (size_t i = 0; i < 4; i++) {
        static const size_t places[] = {1, 2, 13, 30};
        static const uint8_t values[] = {0x35, 0x04, 'x', 1};
        struct reply other = reply;
        other.bytes[places[i]] = values[i];
        assert_int_not_equal(read_reply(&other, &outcome, &serial, &rcode), 0);
    }
    reply.length = 11;
    assert_int_not_equal(read_reply(&reply, &outcome, &serial, &rcode), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_query_is_written_as_in_rfc_1035),
        cmocka_unit_test(test_serial_is_read),
        cmocka_unit_test(test_answer_without_the_zone_is_none),
        cmocka_unit_test(test_reply_to_another_query_is_ignored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

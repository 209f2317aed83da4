/* packet: one row for each way a packet can be malformed. */
#include "fixture.h"

#include "dns/packet.h"

/* 12 bytes of header with one question and `ar` additional records. */
#define HEADER(flags, qd, an, ns, ar) "\x12\x34" flags "\0\0" qd "\0" an "\0" ns "\0" ar
#define PLAIN                         HEADER("\0", "\1", "\0", "\0", "\0")
#define WITH_OPT                      HEADER("\0", "\1", "\0", "\0", "\1")
#define QUESTION                      "\1A\2bC\0\0\1\0\1"
#define OPT(version, rdlength)        "\0\0\x29\4\xd0\0" version "\0\0\0" rdlength
#define TSIG                          "\1k\0\0\xfa\0\xff\0\0\0\0\0\0"
/* IXFR of "a" with the client's version, 0x01020304. */
#define VERSIONED HEADER("\0", "\1", "\0", "\1", "\0") "\1A\0\0\xfb\0\1"
#define SOA_DATA  "\0\xc0\x0c\1\2\3\4\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1"
#define VERSION   "\0\x17" SOA_DATA
#define ROW(bytes, verdict)                                                                        \
    {                                                                                              \
        bytes, sizeof(bytes) - 1, verdict, __LINE__                                                \
    }

static void
test_malformed_packets_are_classified(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t length;
        enum locum_parsed verdict;
        int line;
    } rows[] = {
        ROW("", LOCUM_PARSED_SILENCE),
        ROW("\x12\x34\0\0\0\1\0\0\0\0\0", LOCUM_PARSED_SILENCE),                    /* 11 bytes */
        ROW(HEADER("\x80", "\1", "\0", "\0", "\0") QUESTION, LOCUM_PARSED_SILENCE), /* QR */
        ROW(HEADER("\xa8", "\1", "\0", "\0", "\0") QUESTION, LOCUM_PARSED_SILENCE), /* QR, opcode */
        ROW(PLAIN QUESTION, LOCUM_PARSED_QUESTION),
        ROW(HEADER("\7", "\1", "\0", "\0", "\0") QUESTION, LOCUM_PARSED_QUESTION), /* AA TC RD */
        ROW(PLAIN "\0\0\1\0\1", LOCUM_PARSED_QUESTION),                            /* the root */
        ROW(HEADER("\x08", "\1", "\0", "\0", "\0") QUESTION, LOCUM_PARSED_NOTIMP), /* IQUERY */
        ROW(HEADER("\x20", "\1", "\0", "\0", "\0") QUESTION, LOCUM_PARSED_NOTIMP), /* NOTIFY */
        ROW(HEADER("\x28", "\0", "\0", "\0", "\0"), LOCUM_PARSED_UPDATE),
        ROW(HEADER("\x78", "\0", "\0", "\0", "\0"), LOCUM_PARSED_NOTIMP),
        ROW(HEADER("\0", "\0", "\0", "\0", "\0"), LOCUM_PARSED_FORMERR),
        ROW(HEADER("\0", "\0", "\0", "\0", "\0") QUESTION, LOCUM_PARSED_FORMERR),
        ROW(HEADER("\0", "\2", "\0", "\0", "\0") QUESTION QUESTION, LOCUM_PARSED_FORMERR),
        ROW(HEADER("\0", "\1", "\1", "\0", "\0") QUESTION, LOCUM_PARSED_FORMERR),
        ROW(HEADER("\0", "\1", "\0", "\1", "\0") QUESTION, LOCUM_PARSED_FORMERR),
        ROW(PLAIN, LOCUM_PARSED_FORMERR),
        ROW(PLAIN "\1", LOCUM_PARSED_FORMERR),
        ROW(PLAIN "\1A", LOCUM_PARSED_FORMERR),
        ROW(PLAIN "\1A\2b", LOCUM_PARSED_FORMERR),
        ROW(PLAIN "\1A\0", LOCUM_PARSED_FORMERR),
        ROW(PLAIN "\1A\0\0\1\0", LOCUM_PARSED_FORMERR),
        ROW(PLAIN "\1A\xc0\x0c\0\1\0\1", LOCUM_PARSED_FORMERR), /* compressed */
        ROW(PLAIN "\xc0\x0c\0\1\0\1", LOCUM_PARSED_FORMERR),    /* points at itself */
        ROW(PLAIN "\x40\0\1\0\1", LOCUM_PARSED_FORMERR),        /* label type 01 */
        ROW(PLAIN "\x80\0\1\0\1", LOCUM_PARSED_FORMERR),        /* label type 10 */
        ROW(PLAIN QUESTION "\0", LOCUM_PARSED_FORMERR),         /* trailing byte */
        ROW(WITH_OPT QUESTION, LOCUM_PARSED_FORMERR),           /* an OPT that is not there */
        ROW(WITH_OPT QUESTION OPT("\0", "\0"), LOCUM_PARSED_QUESTION),
        ROW(PLAIN QUESTION OPT("\0", "\0"), LOCUM_PARSED_FORMERR), /* not counted */
        ROW(WITH_OPT QUESTION OPT("\0", "\0") "\0", LOCUM_PARSED_FORMERR),
        ROW(WITH_OPT QUESTION "\0\0\x29\4\xd0\0\0\0\0\0", LOCUM_PARSED_FORMERR), /* short OPT */
        ROW(HEADER("\0", "\1", "\0", "\0", "\2") QUESTION OPT("\0", "\0") OPT("\0", "\0"),
            LOCUM_PARSED_FORMERR), /* RFC 6891 6.1.1 */
        ROW(WITH_OPT QUESTION "\1a\0\0\x29\4\xd0\0\0\0\0\0\0", LOCUM_PARSED_FORMERR), /* owner */
        ROW(WITH_OPT QUESTION "\0\0\1\4\xd0\0\0\0\0\0\0", LOCUM_PARSED_FORMERR),      /* an A */
        ROW(WITH_OPT QUESTION OPT("\1", "\0"), LOCUM_PARSED_BADVERS),
        ROW(WITH_OPT QUESTION OPT("\xff", "\1") "x", LOCUM_PARSED_BADVERS),
        ROW(WITH_OPT QUESTION OPT("\1", "\1"), LOCUM_PARSED_FORMERR),
        ROW(WITH_OPT QUESTION OPT("\0", "\4") "\0\3\0\0", LOCUM_PARSED_QUESTION), /* NSID */
        ROW(WITH_OPT QUESTION OPT("\0", "\7") "\xff\xf0\0\3abc", LOCUM_PARSED_QUESTION),
        ROW(WITH_OPT QUESTION OPT("\0", "\13") "\0\3\0\0\0\x0b\0\3xyz", LOCUM_PARSED_QUESTION),
        ROW(WITH_OPT QUESTION OPT("\0", "\4") "\0\3\0\1", LOCUM_PARSED_FORMERR), /* overrun */
        ROW(WITH_OPT QUESTION OPT("\0", "\3") "\0\3\0", LOCUM_PARSED_FORMERR),
        ROW(WITH_OPT QUESTION OPT("\0", "\5") "\0\3\0\0\0", LOCUM_PARSED_FORMERR),
        ROW(WITH_OPT QUESTION OPT("\0", "\6") "\0\3\xff\xff\0\0", LOCUM_PARSED_FORMERR),
        ROW(PLAIN "\1A\0\0\xfc\0\1", LOCUM_PARSED_TRANSFER),
        ROW(PLAIN "\1A\0\0\xfc\0\1\0", LOCUM_PARSED_FORMERR), /* trailing byte */
        ROW(PLAIN "\1A\0\0\xfb\0\1", LOCUM_PARSED_TRANSFER),  /* IXFR without a version */
        ROW(VERSIONED "\xc0\x0c\0\6\0\1\0\0\0\0" VERSION, LOCUM_PARSED_TRANSFER),
        ROW(VERSIONED "\xc0\x0c\0\6\0\1\0\0\0\0" VERSION "\0", LOCUM_PARSED_FORMERR),
        ROW(VERSIONED "\xc0\x0c\0\1\0\1\0\0\0\0" VERSION, LOCUM_PARSED_FORMERR), /* no SOA */
        ROW(VERSIONED "\xc0\x0c\0\6\0\1\0\0\0\0\0\x15" SOA_DATA, LOCUM_PARSED_FORMERR),
        ROW(VERSIONED "anything", LOCUM_PARSED_FORMERR),
        ROW(HEADER("\0", "\1", "\0", "\1", "\1") "\1A\0\0\xfb\0\1"
                                                 "\xc0\x0c\0\6\0\1\0\0\0\0" VERSION OPT("\0", "\0"),
            LOCUM_PARSED_TRANSFER),
        /* RFC 8945 5.1: one TSIG record, the last one; what it holds is not looked at here. */
        ROW(WITH_OPT QUESTION TSIG, LOCUM_PARSED_QUESTION),
        ROW(WITH_OPT "\1A\0\0\xfc\0\1" TSIG, LOCUM_PARSED_TRANSFER),
        ROW(HEADER("\0", "\1", "\0", "\0", "\2") QUESTION OPT("\0", "\0") TSIG,
            LOCUM_PARSED_QUESTION),
        ROW(HEADER("\0", "\1", "\0", "\0", "\2") QUESTION TSIG OPT("\0", "\0"),
            LOCUM_PARSED_FORMERR),
        ROW(HEADER("\0", "\1", "\0", "\0", "\2") QUESTION TSIG TSIG, LOCUM_PARSED_FORMERR),
        ROW(HEADER("\0", "\1", "\0", "\0", "\3") QUESTION OPT("\0", "\0") OPT("\0", "\0") TSIG,
            LOCUM_PARSED_FORMERR),
        ROW(HEADER("\x20", "\1", "\0", "\0", "\1") QUESTION TSIG, LOCUM_PARSED_NOTIMP),
    };
    for (size_t i = 0; i < LOCUM_COUNT(rows); i++) {
        struct locum_question question;
        /* A copy of exact size, so that the sanitizer sees one byte too far. */
        uint8_t *copy = malloc(rows[i].length + 1);
        assert_non_null(copy);
        uint8_t *exact = copy + 1;
        memcpy(exact, rows[i].bytes, rows[i].length);
        const enum locum_parsed verdict = locum_packet_parse(exact, rows[i].length, &question);
        if (verdict != rows[i].verdict) {
            fail_msg("line %d: %d instead of %d", rows[i].line, (int)verdict, (int)rows[i].verdict);
        }
        free(copy);
    }
}

static void
test_question_is_read(void **state)
{
    (void)state;
    static const char bytes[] = WITH_OPT "\1A\2bC\0\1\2\0\3\0\0\x29\4\xd1\0\0\xff\xff\0\0";
    struct locum_question question;
    assert_int_equal(locum_packet_parse((const uint8_t *)bytes, sizeof(bytes) - 1, &question),
                     LOCUM_PARSED_QUESTION);
    assert_int_equal(question.name.length, 6);
    assert_memory_equal(question.name.bytes, "\1a\2bc\0", 6);
    assert_int_equal(question.type, 0x102);
    assert_int_equal(question.class, 3);
    assert_int_equal(question.end, 12 + 6 + 4);
    assert_true(question.edns.present);
    assert_true(question.edns.dnssec_ok);
    assert_int_equal(question.edns.payload, 0x4d1);
}

static void
test_version_and_signature_are_found(void **state)
{
    (void)state;
    static const char bytes[] =
        HEADER("\0", "\1", "\0", "\1", "\2") "\1A\0\0\xfb\0\1"
                                             "\xc0\x0c\0\6\0\1\0\0\0\0" VERSION OPT("\0", "\0")
                                                 TSIG;
    struct locum_question question;
    assert_int_equal(locum_packet_parse((const uint8_t *)bytes, sizeof(bytes) - 1, &question),
                     LOCUM_PARSED_TRANSFER);
    assert_true(question.has_serial);
    assert_int_equal(question.serial, 0x01020304);
    assert_true(question.edns.present);
    assert_int_equal(question.signed_at, sizeof(bytes) - sizeof(TSIG));
}

/* Names of up to 255 bytes and labels of up to 63. */
static void
test_longest_name_is_read(void **state)
{
    (void)state;
    for (size_t last = 60; last <= 64; last++) {
        struct locum_question question;
        uint8_t packet[400] = {0, 1, 0, 0, 0, 1};
        size_t at = 12;
        for (size_t i = 0; i < 4; i++) {
            const size_t label = i == 3 ? last : 63;
            packet[at] = (uint8_t)label;
            memset(packet + at + 1, 'x', label);
            at += 1 + label;
        }
        packet[at] = 0;
        packet[at + 2] = 1;
        packet[at + 4] = 1;
        const size_t name = at + 1 - 12;
        assert_int_equal(locum_packet_parse(packet, at + 5, &question),
                         name <= 255 ? LOCUM_PARSED_QUESTION : LOCUM_PARSED_FORMERR);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_malformed_packets_are_classified),
        cmocka_unit_test(test_question_is_read),
        cmocka_unit_test(test_version_and_signature_are_found),
        cmocka_unit_test(test_longest_name_is_read),
    };
    return cmocka_run_group_tests_name("dns/packet", tests, NULL, NULL);
}

/* reply: what is read of a message, which one is ignored, and which one is malformed. */
#include "fixture.h"

#define ZONE_NAME "get.example.org."
enum { ID = 0x1234 };

/* A response of ldns to the question for SOA, with these records in zone-file syntax. */
static size_t
response(const char *const *answer, const char *const *additional, uint8_t ret[4096])
{
    ldns_pkt *packet = NULL;
    uint8_t *wire = NULL;
    size_t length = 0;
    assert_int_equal(ldns_pkt_query_new_frm_str(&packet, "Get.Example.org.", LDNS_RR_TYPE_SOA,
                                                LDNS_RR_CLASS_IN, 0),
                     LDNS_STATUS_OK);
    ldns_pkt_set_id(packet, ID);
    ldns_pkt_set_qr(packet, true);
    ldns_pkt_set_aa(packet, true);
    for (size_t section = 0; section < 2; section++) {
        for (const char *const *at = section == 0 ? answer : additional; *at != NULL; at++) {
            ldns_rr *rr = NULL;
            assert_int_equal(ldns_rr_new_frm_str(&rr, *at, 60, NULL, NULL), LDNS_STATUS_OK);
            assert_true(ldns_pkt_push_rr(
                packet, section == 0 ? LDNS_SECTION_ANSWER : LDNS_SECTION_ADDITIONAL, rr));
        }
    }
    assert_int_equal(ldns_pkt2wire(&wire, packet, &length), LDNS_STATUS_OK);
    assert_true(length <= 4096);
    memcpy(ret, wire, length);
    free(wire);
    ldns_pkt_free(packet);
    return length;
}

static const char soa[] =
    ZONE_NAME " 60 IN SOA Dc2.Example.org. hostmaster." ZONE_NAME " 7 1 2 3 4";
static const char *const none[] = {NULL};

static void
test_records_are_read(void **state)
{
    (void)state;
    static const char *const answer[] = {
        soa, ZONE_NAME " 60 IN TXT \"ca.example; accounturi=\" \"a\\007\"",
        ZONE_NAME " 60 IN MX 10 mx.example.org.", NULL};
    static const char *const additional[] = {"ns.example.org. 30 IN A 192.0.2.1",
                                             "ns.example.org. 30 IN AAAA 2001:db8::1", NULL};
    static struct locum_doctor_reply reply;
    uint8_t bytes[4096];
    const size_t length = response(answer, additional, bytes);
    size_t at = 0;
    assert_true(
        locum_doctor_reply_read(ZONE_NAME, LOCUM_DOCTOR_TYPE_SOA, ID, bytes, length, &reply));
    assert_int_equal(reply.outcome, LOCUM_DOCTOR_ANSWERED);
    assert_true(reply.authoritative && !reply.truncated && !reply.edns && !reply.cut);
    assert_int_equal(reply.record_count, 4);
    const struct locum_doctor_record *record =
        locum_doctor_reply_next(&reply, LOCUM_DOCTOR_ANSWER, ZONE_NAME, LOCUM_DOCTOR_TYPE_SOA, &at);
    assert_non_null(record);
    assert_string_equal(record->name, "dc2.example.org.");
    assert_string_equal(record->soa.rname, "hostmaster." ZONE_NAME);
    assert_int_equal(record->soa.serial, 7);
    assert_int_equal(record->soa.minimum_s, 4);
    assert_null(
        locum_doctor_reply_next(&reply, LOCUM_DOCTOR_ANSWER, NULL, LOCUM_DOCTOR_TYPE_SOA, &at));
    at = 0;
    record =
        locum_doctor_reply_next(&reply, LOCUM_DOCTOR_ANSWER, ZONE_NAME, LOCUM_DOCTOR_TYPE_TXT, &at);
    assert_non_null(record);
    assert_string_equal(record->name, "ca.example; accounturi=a?");
    at = 0;
    record = locum_doctor_reply_next(&reply, LOCUM_DOCTOR_ADDITIONAL, "ns.example.org.",
                                     LOCUM_DOCTOR_TYPE_AAAA, &at);
    assert_non_null(record);
    const struct locum_address wanted = address("2001:db8::1", 0);
    assert_true(locum_address_equal(&record->address, &wanted));
}

static void
test_other_messages_are_ignored(void **state)
{
    (void)state;
    static const char *const answer[] = {soa, NULL};
    static struct locum_doctor_reply reply;
    uint8_t bytes[4096];
    const size_t length = response(answer, none, bytes);
    assert_false(
        locum_doctor_reply_read(ZONE_NAME, LOCUM_DOCTOR_TYPE_SOA, ID + 1, bytes, length, &reply));
    assert_false(locum_doctor_reply_read("all.example.org.", LOCUM_DOCTOR_TYPE_SOA, ID, bytes,
                                         length, &reply));
    assert_false(
        locum_doctor_reply_read(ZONE_NAME, LOCUM_DOCTOR_TYPE_NS, ID, bytes, length, &reply));
    assert_false(locum_doctor_reply_read(ZONE_NAME, LOCUM_DOCTOR_TYPE_SOA, ID, bytes, 11, &reply));
    bytes[2] &= 0x7f; /* a question */
    assert_false(
        locum_doctor_reply_read(ZONE_NAME, LOCUM_DOCTOR_TYPE_SOA, ID, bytes, length, &reply));
    static const uint8_t error[12] = {ID >> 8, ID & 0xff, 0x80, 5}; /* REFUSED, nothing repeated */
    assert_true(locum_doctor_reply_read(ZONE_NAME, LOCUM_DOCTOR_TYPE_SOA, ID, error, sizeof(error),
                                        &reply));
    assert_int_equal(reply.rcode, 5);
}

static void
test_a_message_that_is_cut_is_malformed(void **state)
{
    (void)state;
    static const char *const answer[] = {soa, NULL};
    static struct locum_doctor_reply reply;
    uint8_t bytes[4096];
    const size_t length = response(answer, none, bytes);
    for (size_t cut = 12; cut < length; cut++) {
        assert_true(
            locum_doctor_reply_read(ZONE_NAME, LOCUM_DOCTOR_TYPE_SOA, ID, bytes, cut, &reply));
        assert_int_equal(reply.outcome, LOCUM_DOCTOR_MALFORMED);
    }
}

static void
test_surplus_records_are_left_out(void **state)
{
    (void)state;
    static char text[LOCUM_DOCTOR_RECORDS_MAX + 2][64];
    const char *list[LOCUM_DOCTOR_RECORDS_MAX + 3] = {NULL};
    static struct locum_doctor_reply reply;
    uint8_t bytes[4096];
    for (unsigned i = 0; i < LOCUM_COUNT(text); i++) {
        (void)snprintf(text[i], sizeof(text[i]), "n%u.%s 60 IN A 192.0.2.1", i, ZONE_NAME);
        list[i] = text[i];
    }
    const size_t length = response(list, none, bytes);
    assert_true(
        locum_doctor_reply_read(ZONE_NAME, LOCUM_DOCTOR_TYPE_SOA, ID, bytes, length, &reply));
    assert_int_equal(reply.record_count, LOCUM_DOCTOR_RECORDS_MAX);
    assert_true(reply.cut);
}

/* ldns loses memory for a second one. */
static void
test_tsig_is_refused(void **state)
{
    (void)state;
    static struct locum_doctor_reply reply;
    static const uint8_t bytes[] = {ID >> 8, ID & 0xff, 0x80, 0, 0,   0, 0, 0, 0, 0, 0, 1,
                                    0,       0,         250,  0, 255, 0, 0, 0, 0, 0, 0};
    assert_true(locum_doctor_reply_read(ZONE_NAME, LOCUM_DOCTOR_TYPE_SOA, ID, bytes, sizeof(bytes),
                                        &reply));
    assert_int_equal(reply.outcome, LOCUM_DOCTOR_MALFORMED);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_records_are_read),
        cmocka_unit_test(test_other_messages_are_ignored),
        cmocka_unit_test(test_a_message_that_is_cut_is_malformed),
        cmocka_unit_test(test_surplus_records_are_left_out),
        cmocka_unit_test(test_tsig_is_refused),
    };
    return cmocka_run_group_tests_name("doctor/reply", tests, NULL, NULL);
}

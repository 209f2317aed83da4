/* ds: the question for the DS of a zone, and what replies to it say. */
#include "dsreply.h"
#include "keyfiles.h"

#include "dns/cds.h"

static uint8_t question[LOCUM_DS_QUESTION_MAX], message[LOCUM_DS_REPLY_BYTES_MAX];
static size_t question_length;
static struct locum_ds_answer answer;
static const char *why;

static int
setup(void **state)
{
    (void)state;
    question_length = locum_ds_question(DS_ZONE, 0x1234, question);
    answer = (struct locum_ds_answer){.count = 99};
    why = NULL;
    return 0;
}

static enum locum_ds_reply
read_message(size_t length)
{
    /* In memory of exactly its size, so that a read beyond it is found. */
    uint8_t *copy = malloc(length + 1);
    memcpy(copy, message, length);
    uint8_t *exact = realloc(copy, length > 0 ? length : 1);
    const enum locum_ds_reply what =
        locum_ds_read(question, question_length, exact, length, &answer, &why);
    free(exact);
    return what;
}

static enum locum_ds_reply
read_reply_of(const struct ds_reply *reply)
{
    return read_message(ds_write(reply, question, question_length, message));
}

static void
test_question(void **state)
{
    (void)state;
    ldns_pkt *read = NULL;
    assert_int_equal(ldns_wire2pkt(&read, question, question_length), LDNS_STATUS_OK);
    char *text = ldns_rr2str(ldns_rr_list_rr(ldns_pkt_question(read), 0));
    assert_string_equal(text, "get.example.org.\tIN\tDS\n");
    assert_true(ldns_pkt_rd(read) && ldns_pkt_edns_do(read) && !ldns_pkt_qr(read));
    assert_int_equal(ldns_pkt_id(read), 0x1234);
    assert_int_equal(ldns_pkt_edns_udp_size(read), 1232);
    free(text);
    ldns_pkt_free(read);
}

static void
test_ds_are_read_and_sorted(void **state)
{
    (void)state;
    const struct ds_reply reply = {.answer = {DS_RECORD(7, 02), DS_RECORD(7, 01),
                                              "GET.example.ORG. "
                                              "60 IN DS 5 15 4 "
                                              "aabb",
                                              NULL}};
    assert_int_equal(read_reply_of(&reply), LOCUM_DS_ANSWERED);
    assert_int_equal(answer.count, 3);
    assert_int_equal(answer.ttl_s, 86400); /* without RRSIG, 300 may be the rest of it */
    assert_int_equal(answer.ds[0].tag, 5);
    assert_int_equal(answer.ds[0].algorithm, 15);
    assert_int_equal(answer.ds[0].digest_type, 4);
    assert_int_equal(answer.ds[0].digest_length, 2);
    assert_memory_equal(answer.ds[0].digest, "\xaa\xbb", 2);
    assert_int_equal(answer.ds[1].digest[31], 1);
    assert_int_equal(answer.ds[2].digest[31], 2);
}

static void
test_ttl_is_that_of_the_signature(void **state)
{
    (void)state;
    const struct ds_reply reply = {.answer = {DS_RECORD(7, 02), DS_SIGNATURE, NULL}};
    assert_int_equal(read_reply_of(&reply), LOCUM_DS_ANSWERED);
    assert_int_equal(answer.count, 1);
    assert_int_equal(answer.ttl_s, 86400);
}

static void
test_only_a_zone_above_denies_the_ds(void **state)
{
    (void)state;
    static const struct {
        const char *soa;
        bool denies;
    } rows[] = {
        {DS_DENIED, true},
        {"ORG. 900 IN SOA a.org. b.org. 1 2 3 4 900", true},
        {". 900 IN SOA a.org. b.org. 1 2 3 4 900", true},
        {"get.example.org. 900 IN SOA a.org. b.org. 1 2 3 4 900", false},
        {"x.get.example.org. 900 IN SOA a.org. b.org. 1 2 3 4 900", false},
        {"ple.org. 900 IN SOA a.org. b.org. 1 2 3 4 900", false},
        {"example.com. 900 IN SOA a.org. b.org. 1 2 3 4 900", false},
        {"example.org. 900 IN NS ns0.example.org.", false},
        {NULL, false},
    };
    for (size_t i = 0; i < LOCUM_COUNT(rows); i++) {
        const struct ds_reply reply = {.authority = {rows[i].soa, NULL}};
        assert_int_equal(read_reply_of(&reply),
                         rows[i].denies ? LOCUM_DS_ANSWERED : LOCUM_DS_FAILED);
        assert_int_equal(answer.count, rows[i].denies ? 0 : 99);
        assert_true(rows[i].denies || strstr(why, "no SOA of the parent") != NULL);
        (void)setup(NULL);
    }
}

static void
test_errors_say_nothing_of_the_ds(void **state)
{
    (void)state;
    static const struct {
        ldns_pkt_rcode rcode;
        const char *why;
    } rows[] = {{LDNS_RCODE_SERVFAIL, "SERVFAIL"},
                {LDNS_RCODE_NXDOMAIN, "NXDOMAIN"},
                {LDNS_RCODE_REFUSED, "REFUSED"},
                {LDNS_RCODE_YXRRSET, "an error"}};
    for (size_t i = 0; i < LOCUM_COUNT(rows); i++) {
        const struct ds_reply reply = {.rcode = rows[i].rcode, .authority = {DS_DENIED, NULL}};
        assert_int_equal(read_reply_of(&reply), LOCUM_DS_FAILED);
        assert_non_null(strstr(why, rows[i].why));
        assert_int_equal(answer.count, 99);
    }
}

static void
test_truncated_asks_for_tcp(void **state)
{
    (void)state;
    const struct ds_reply reply = {.truncated = true};
    assert_int_equal(read_reply_of(&reply), LOCUM_DS_TRUNCATED);
}

static void
test_other_messages_are_no_reply(void **state)
{
    (void)state;
    const struct ds_reply reply = {.answer = {DS_RECORD(7, 02), NULL}};
    const size_t length = ds_write(&reply, question, question_length, message);
    static const size_t flipped[] = {0, 1, 2, 5, 13, 30}; /* id, QR, count, name, type */
    for (size_t i = 0; i < LOCUM_COUNT(flipped); i++) {
        message[flipped[i]] ^= 0x81;
        assert_int_equal(read_message(length), LOCUM_DS_STRAY);
        message[flipped[i]] ^= 0x81;
    }
    message[13] ^= 0x20; /* case */
    assert_int_equal(read_message(length), LOCUM_DS_ANSWERED);
    assert_int_equal(read_message(11), LOCUM_DS_STRAY);
    assert_int_equal(read_message(0), LOCUM_DS_STRAY);
}

static void
test_records_of_others_are_ignored(void **state)
{
    (void)state;
    const struct ds_reply reply = {
        .answer = {"other.example.org. 300 IN DS 7 13 2 aabb",
                   "get.example.org. 300 CH DS 7 13 2 aabb",
                   "get.example.org. 300 IN RRSIG A 13 3 99999 20270101000000 20261201000000 1 "
                   "example.org. AAAA",
                   NULL},
        .authority = {DS_DENIED, NULL}};
    assert_int_equal(read_reply_of(&reply), LOCUM_DS_ANSWERED);
    assert_int_equal(answer.count, 0);
    assert_int_equal(answer.ttl_s, 0);
}

static void
test_a_cname_is_no_answer(void **state)
{
    (void)state;
    const struct ds_reply reply = {.answer = {"get.example.org. 300 IN CNAME x.example.org.", NULL},
                                   .authority = {DS_DENIED, NULL}};
    assert_int_equal(read_reply_of(&reply), LOCUM_DS_FAILED);
    assert_non_null(strstr(why, "CNAME"));
}

/* Each prefix of a reply, and a reply with more DS than are kept. */
static void
test_malformed(void **state)
{
    (void)state;
    const struct ds_reply reply = {.answer = {DS_RECORD(7, 02), NULL},
                                   .authority = {DS_DENIED, NULL}};
    const size_t length = ds_write(&reply, question, question_length, message);
    const size_t opt = 11;
    for (size_t i = 0; i < length - opt; i++) {
        const enum locum_ds_reply what = read_message(i);
        assert_true(what == LOCUM_DS_STRAY || what == LOCUM_DS_FAILED);
    }
    assert_int_equal(read_message(length - opt), LOCUM_DS_ANSWERED);
    const size_t record = question_length - opt; /* it ends with 32 bytes of digest */
    const size_t size = 2 + 10 + 4 + 32;
    assert_true(record + (LOCUM_DS_MAX + 1) * size <= sizeof(message));
    for (size_t i = 1; i <= LOCUM_DS_MAX; i++) {
        memcpy(message + record + i * size, message + record, size);
        message[record + (i + 1) * size - 1] = (uint8_t)(100 - i);
    }
    memset(message + 6, 0, 6);
    message[7] = LOCUM_DS_MAX;
    assert_int_equal(read_message(record + LOCUM_DS_MAX * size), LOCUM_DS_ANSWERED);
    assert_int_equal(answer.count, LOCUM_DS_MAX);
    for (size_t i = 1; i < answer.count; i++) {
        assert_true(answer.ds[i - 1].digest[31] < answer.ds[i].digest[31]);
    }
    message[7] = LOCUM_DS_MAX + 1;
    assert_int_equal(read_message(record + (LOCUM_DS_MAX + 1) * size), LOCUM_DS_FAILED);
    assert_non_null(strstr(why, "too many"));
}

static void
test_equal(void **state)
{
    (void)state;
    static const uint8_t one[] = {0, 1, 13, 2, 9}, two[] = {0, 1, 13, 2, 8};
    struct locum_ds_answer a = {.ttl_s = 1}, b = {.ttl_s = 2};
    assert_int_equal(locum_ds_add(&a, one, sizeof(one)), 0);
    assert_int_equal(locum_ds_add(&a, two, sizeof(two)), 0);
    assert_int_equal(locum_ds_add(&b, two, sizeof(two)), 0);
    assert_false(locum_ds_equal(&a, &b));
    assert_int_equal(locum_ds_add(&b, one, sizeof(one)), 0);
    assert_true(locum_ds_equal(&a, &b));
    b.ds[0].digest[0]++;
    assert_false(locum_ds_equal(&a, &b));
    assert_int_equal(locum_ds_add(&b, one, 4), LOCUM_ERR_SPACE);
}

static void
test_ds_of_a_key(void **state)
{
    (void)state;
    struct key_folder folder;
    key_folder_init(&folder);
    key_folder_add(&folder, key_file_of(45571));
    assert_int_equal(key_folder_read(&folder), 0);
    const ldns_rr *dnskey = folder.keys.keys[0].rr;
    static const ldns_hash hashes[] = {LDNS_SHA1, LDNS_SHA256, LDNS_SHA384};
    static const uint8_t types[] = {1, 2, 4};
    for (size_t i = 0; i < LOCUM_COUNT(types); i++) {
        ldns_rr *made = ldns_key_rr2ds(dnskey, hashes[i]);
        const ldns_rdf *digest = ldns_rr_rdf(made, 3);
        struct locum_ds ds = {.tag = 45571,
                              .algorithm = 13,
                              .digest_type = types[i],
                              .digest_length = (uint8_t)ldns_rdf_size(digest)};
        memcpy(ds.digest, ldns_rdf_data(digest), ldns_rdf_size(digest));
        assert_true(locum_cds_is_ds_of(&ds, dnskey));
        ds.digest[5] ^= 1;
        assert_false(locum_cds_is_ds_of(&ds, dnskey));
        ds.digest[5] ^= 1;
        ds.digest_length--;
        assert_false(locum_cds_is_ds_of(&ds, dnskey));
        ds.digest_type = 200; /* it cannot be compared */
        assert_true(locum_cds_is_ds_of(&ds, dnskey));
        ds.tag++;
        assert_false(locum_cds_is_ds_of(&ds, dnskey));
        ds.tag--;
        ds.algorithm = 15;
        assert_false(locum_cds_is_ds_of(&ds, dnskey));
        ldns_rr_free(made);
    }
    key_folder_fini(&folder);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_question, setup),
        cmocka_unit_test_setup(test_ds_are_read_and_sorted, setup),
        cmocka_unit_test_setup(test_ttl_is_that_of_the_signature, setup),
        cmocka_unit_test_setup(test_only_a_zone_above_denies_the_ds, setup),
        cmocka_unit_test_setup(test_errors_say_nothing_of_the_ds, setup),
        cmocka_unit_test_setup(test_truncated_asks_for_tcp, setup),
        cmocka_unit_test_setup(test_other_messages_are_no_reply, setup),
        cmocka_unit_test_setup(test_records_of_others_are_ignored, setup),
        cmocka_unit_test_setup(test_a_cname_is_no_answer, setup),
        cmocka_unit_test_setup(test_malformed, setup),
        cmocka_unit_test_setup(test_equal, setup),
        cmocka_unit_test_setup(test_ds_of_a_key, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* axfr: a zone as messages (RFC 5936), read back with ldns. */
#include "tsig.h"

#include "dns/axfr.h"

enum { SERIAL = 1763863258, RECORDS = 60 };

static uint8_t message[LOCUM_AXFR_BYTES_MAX];

/* A site whose zone needs several messages. */
static struct site *
large_site(void)
{
    struct site *site = site_new();
    for (size_t i = 0; i < RECORDS; i++) {
        char record[LOCUM_STRING_MAX + 1];
        (void)snprintf(record, sizeof(record), "t%zu TXT \"%0250d\" \"%0200d\"", i, 1, 2);
        site_record(site, 0, record);
    }
    return site;
}

static struct locum_axfr_content *
content_of(const struct site *site)
{
    struct locum_axfr_content *content = NULL;
    struct locum_zone zone;
    assert_int_equal(locum_zone_build(&site->config, 0, &site->plan, NULL, SERIAL, &zone), 0);
    assert_int_equal(locum_axfr_content_create(&zone, NULL, SERIAL, &content), 0);
    locum_zone_fini(&zone);
    return content;
}

static struct locum_dns_outgoing
request_of(const struct locum_tsig *tsig)
{
    static const struct ask ask = {.name = "Get.example.org", .type = 252};
    struct locum_dns_outgoing request = {.type = 252};
    uint8_t packet[512];
    const size_t length = make_query(&ask, packet);
    memcpy(request.header, packet, sizeof(request.header));
    request.header[2] = 0x84;
    request.question_length = length - sizeof(request.header);
    memcpy(request.question, packet + sizeof(request.header), request.question_length);
    if (tsig != NULL) {
        request.tsig = *tsig;
    }
    return request;
}

/* All records of all messages, in order; freed by the caller. */
static ldns_rr_list *
transfer(struct locum_axfr *axfr, struct locum_tsig *client, size_t *ret_messages)
{
    ldns_rr_list *rrs = ldns_rr_list_new();
    *ret_messages = 0;
    while (!locum_axfr_is_done(axfr)) {
        const size_t length = locum_axfr_next(axfr, message, TSIG_NOW_S);
        assert_true(length <= sizeof(message));
        ldns_pkt *packet = read_reply(message, length);
        assert_int_equal(ldns_pkt_id(packet), 0x1234);
        assert_true(ldns_pkt_qr(packet) && ldns_pkt_aa(packet));
        assert_int_equal(ldns_pkt_qdcount(packet), *ret_messages == 0);
        if (client != NULL) {
            assert_int_equal(locum_tsig_check(client, message, length, TSIG_NOW_S, NULL), 0);
        } else {
            assert_int_equal(ldns_pkt_arcount(packet), 0);
        }
        for (size_t i = 0; i < ldns_pkt_ancount(packet); i++) {
            ldns_rr_list_push_rr(rrs, ldns_rr_clone(ldns_rr_list_rr(ldns_pkt_answer(packet), i)));
        }
        ldns_pkt_free(packet);
        ++*ret_messages;
    }
    return rrs;
}

/* RFC 5936 2.2: the SOA record first and last, everything else once. */
static void
assert_whole(const ldns_rr_list *rrs, const struct site *site)
{
    struct locum_zone zone;
    size_t count = 0;
    assert_int_equal(locum_zone_build(&site->config, 0, &site->plan, NULL, SERIAL, &zone), 0);
    for (size_t i = 0; i < zone.set_count; i++) {
        for (size_t j = 0; j < ldns_rr_list_rr_count(zone.sets[i].rrs); j++) {
            size_t found = 0;
            for (size_t k = 0; k + 1 < ldns_rr_list_rr_count(rrs); k++) {
                const ldns_rr *rr = ldns_rr_list_rr(zone.sets[i].rrs, j);
                found += ldns_rr_compare(rr, ldns_rr_list_rr(rrs, k)) == 0 &&
                         ldns_rr_ttl(locum_zone_first(&zone.sets[i])) ==
                             ldns_rr_ttl(ldns_rr_list_rr(rrs, k));
            }
            assert_int_equal(found, 1);
            count++;
        }
    }
    locum_zone_fini(&zone);
    assert_int_equal(ldns_rr_list_rr_count(rrs), count + 1);
    const ldns_rr *first = ldns_rr_list_rr(rrs, 0);
    assert_int_equal(ldns_rr_get_type(first), LDNS_RR_TYPE_SOA);
    assert_int_equal(ldns_rr_compare(first, ldns_rr_list_rr(rrs, count)), 0);
}

static void
test_small_zone_is_one_message(void **state)
{
    (void)state;
    struct site *site = site_new();
    struct locum_dns_outgoing request = request_of(NULL);
    struct locum_axfr axfr;
    size_t messages;
    locum_axfr_init(&axfr, &request);
    assert_false(locum_axfr_is_done(&axfr));
    axfr.content = content_of(site);
    ldns_rr_list *rrs = transfer(&axfr, NULL, &messages);
    assert_int_equal(messages, 1);
    assert_memory_equal(message + 12, "\3Get\7example\3org\0\0\374\0\1", 21);
    assert_whole(rrs, site);
    ldns_rr_list_deep_free(rrs);
    locum_axfr_fini(&axfr);
    free(site);
}

/* RFC 8945 5.3.1: every message is signed, each over the MAC of the one before. */
static void
test_large_zone_is_several_signed_messages(void **state)
{
    (void)state;
    struct site *site = large_site();
    site_keys(site);
    for (size_t key = 0; key < 2; key++) {
        struct locum_access *access = site_access(site);
        struct locum_tsig client, server;
        struct locum_axfr axfr;
        size_t messages;
        locum_tsig_begin(&client, &access->keys.key[key]);
        client.mac_length = 32; /* of some request */
        server = client;
        server.asks = false;
        const struct locum_dns_outgoing request = request_of(&server);
        locum_axfr_init(&axfr, &request);
        axfr.content = content_of(site);
        struct locum_axfr_content *content = axfr.content;
        locum_axfr_content_hold(content);
        const struct locum_tsig_key kept = access->keys.key[key];
        client.key = &kept;
        locum_access_destroy(access); /* as after a reload */
        ldns_rr_list *rrs = transfer(&axfr, &client, &messages);
        assert_true(messages > 1);
        assert_int_equal(messages, axfr.messages);
        assert_whole(rrs, site);
        ldns_rr_list_deep_free(rrs);
        locum_axfr_fini(&axfr);
        assert_int_equal(content->references, 1);
        locum_axfr_content_release(content);
    }
    free(site);
}

static void
test_failure_is_one_message(void **state)
{
    (void)state;
    const struct locum_dns_outgoing request = request_of(NULL);
    struct locum_axfr axfr;
    locum_axfr_init(&axfr, &request);
    const size_t length = locum_axfr_fail(&axfr, message, TSIG_NOW_S);
    ldns_pkt *packet = read_reply(message, length);
    assert_int_equal(ldns_pkt_get_rcode(packet), LDNS_RCODE_SERVFAIL);
    assert_int_equal(ldns_pkt_qdcount(packet), 1);
    assert_int_equal(ldns_pkt_ancount(packet), 0);
    ldns_pkt_free(packet);
    locum_axfr_fini(&axfr);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_small_zone_is_one_message),
        cmocka_unit_test(test_large_zone_is_several_signed_messages),
        cmocka_unit_test(test_failure_is_one_message),
    };
    return cmocka_run_group_tests_name("dns/axfr", tests, NULL, NULL);
}

/*
 * dsreply: replies to a question for DS, made with ldns.
 */
#ifndef LOCUM_TESTS_DNS_DSREPLY_H
#define LOCUM_TESTS_DNS_DSREPLY_H

#include "fixture.h"

#include "dns/ds.h"

#define DS_ZONE "get.example.org."
#define DS_RECORD(tag, byte)                                                                       \
    DS_ZONE " 300 IN DS " #tag " 13 2 "                                                            \
            "00000000000000000000000000000000000000000000000000000000000000" #byte
#define DS_DENIED "example.org. 900 IN SOA ns0.example.org. hostmaster.example.org. 1 2 3 4 900"
#define DS_SIGNATURE                                                                               \
    DS_ZONE " 300 IN RRSIG DS 13 3 86400 20270101000000 20261201000000 1 example.org. AAAA"

/* What is in a reply; a list of records ends with NULL. */
struct ds_reply {
    ldns_pkt_rcode rcode;
    bool truncated;
    const char *answer[4], *authority[4];
};

static inline void
ds_push(ldns_pkt *packet, ldns_pkt_section section, const char *text)
{
    ldns_rr *rr = NULL;
    assert_int_equal(ldns_rr_new_frm_str(&rr, text, 0, NULL, NULL), LDNS_STATUS_OK);
    assert_true(ldns_pkt_push_rr(packet, section, rr));
}

/* Write the reply to a question. Returns its length. */
static inline size_t
ds_write(const struct ds_reply *reply, const uint8_t *question, size_t length, uint8_t *ret)
{
    ldns_pkt *packet = NULL;
    uint8_t *wire = NULL;
    size_t size = 0;
    assert_int_equal(ldns_wire2pkt(&packet, question, length), LDNS_STATUS_OK);
    ldns_pkt_set_qr(packet, true);
    ldns_pkt_set_ra(packet, true);
    ldns_pkt_set_tc(packet, reply->truncated);
    ldns_pkt_set_rcode(packet, (uint8_t)reply->rcode);
    for (size_t i = 0; reply->answer[i] != NULL; i++) {
        ds_push(packet, LDNS_SECTION_ANSWER, reply->answer[i]);
    }
    for (size_t i = 0; reply->authority[i] != NULL; i++) {
        ds_push(packet, LDNS_SECTION_AUTHORITY, reply->authority[i]);
    }
    assert_int_equal(ldns_pkt2wire(&wire, packet, &size), LDNS_STATUS_OK);
    assert_true(size <= LOCUM_DS_REPLY_BYTES_MAX);
    memcpy(ret, wire, size);
    free(wire);
    ldns_pkt_free(packet);
    return size;
}

#endif

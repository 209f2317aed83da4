/*
 * fuzz: mutated queries, from a seed that is printed first. Nothing crashes, what the parser
 * accepts ldns accepts with the same meaning, and every reply is one that ldns can read.
 *
 * SEED and RUNS may be given in the environment.
 */
#include "fixture.h"

#include <inttypes.h>
#include <stdio.h>

enum { RUNS = 200000, PACKET_MAX = 300 };

static uint64_t random_state;

/* splitmix64 (public domain, S. Vigna). */
static uint32_t
random_u32(void)
{
    uint64_t z = random_state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return (uint32_t)(z >> 32);
}

static uint32_t
below(uint32_t bound)
{
    return random_u32() % bound;
}

static size_t
make_random(uint8_t *packet)
{
    static const char *const names[] = {"get.example.org",         "nope.get.example.org",
                                        "www.get.example.org",     "version.bind",
                                        "a.b.c.d.e.f.example.com", "."};
    static const uint16_t types[] = {1, 2, 5, 6, 15, 16, 28, 41, 251, 252, 255, 257};
    const struct ask ask = {.name = names[below(6)],
                            .type = types[below(12)],
                            .class = below(8) == 0 ? 3 : 1,
                            .flags = {(uint8_t)below(2), (uint8_t)below(256)},
                            .edns = below(2) == 0,
                            .dnssec_ok = below(2) == 0,
                            .payload = (uint16_t)random_u32()};
    size_t length = make_query(&ask, packet);
    if (ask.edns && below(2) == 0) {
        const size_t option = below(20);
        packet[length - 1] = (uint8_t)(4 + option);
        packet[length++] = 0;
        packet[length++] = (uint8_t)below(20);
        packet[length++] = 0;
        packet[length++] = (uint8_t)option;
        for (size_t i = 0; i < option; i++) {
            packet[length++] = (uint8_t)below(256);
        }
    }
    return length;
}

static size_t
mutate(uint8_t *packet, size_t length)
{
    for (uint32_t i = below(4); i > 0; i--) {
        const size_t at = below((uint32_t)length);
        switch (below(5)) {
        case 0: packet[at] = (uint8_t)random_u32(); break;
        case 1: packet[at] ^= (uint8_t)(1u << below(8)); break;
        case 2: packet[at] = (uint8_t)below(4); break;
        case 3:
            if (length < PACKET_MAX) {
                memmove(packet + at + 1, packet + at, length - at);
                length++;
            }
            break;
        default:
            if (length > 1) {
                length = at + 1;
            }
        }
    }
    return length;
}

/* ldns read the same packet: does it mean the same? */
static void
compare(const struct locum_question *ours, const ldns_pkt *theirs)
{
    const ldns_rr *question = ldns_rr_list_rr(ldns_pkt_question(theirs), 0);
    ldns_rdf *name = ldns_rr_owner(question);
    assert_int_equal(ldns_pkt_qdcount(theirs), 1);
    ldns_dname2canonical(name);
    assert_int_equal(ldns_rdf_size(name), ours->name_length);
    assert_memory_equal(ldns_rdf_data(name), ours->name, ours->name_length);
    assert_int_equal(ldns_rr_get_type(question), ours->type);
    assert_int_equal(ldns_rr_get_class(question), ours->class);
    assert_int_equal(ldns_pkt_edns(theirs), ours->edns);
    if (ours->edns) {
        assert_int_equal(ldns_pkt_edns_do(theirs), ours->dnssec_ok);
        assert_int_equal(ldns_pkt_edns_udp_size(theirs), ours->payload);
    }
}

/* One packet in memory of exact size; true if the parser took it for a question. */
static bool
run_one(const struct locum_table *table, const uint8_t *exact, size_t length)
{
    struct locum_question question;
    uint8_t reply[LOCUM_DNS_UDP_BYTES_MAX];
    const enum locum_parsed parsed = locum_parse(exact, length, &question);
    const struct locum_reply given =
        locum_query_answer(table, exact, length, random_u32(), reply, sizeof(reply));
    assert_int_equal(given.length == 0, parsed == LOCUM_PARSED_SILENCE);
    assert_true(given.length <= sizeof(reply));
    if (parsed == LOCUM_PARSED_QUESTION) {
        ldns_pkt *theirs = NULL;
        assert_int_equal(ldns_wire2pkt(&theirs, exact, length), LDNS_STATUS_OK);
        compare(&question, theirs);
        ldns_pkt_free(theirs);
    }
    if (given.length > 0) {
        ldns_pkt_free(read_reply(reply, given.length));
    }
    return parsed == LOCUM_PARSED_QUESTION;
}

static uint64_t
number_from(const char *variable, uint64_t otherwise)
{
    const char *text = getenv(variable);
    return text == NULL ? otherwise : strtoull(text, NULL, 10);
}

static void
test_mutated_queries(void **state)
{
    (void)state;
    const uint64_t seed = number_from("SEED", 1);
    const uint64_t runs = number_from("RUNS", RUNS);
    struct site *site = site_new();
    site_record(site, 0, "www CNAME @");
    site_record(site, 0, "@ TXT \"text\"");
    struct locum_table *table = site_table(site);
    uint64_t accepted = 0;
    print_message("SEED=%" PRIu64 " RUNS=%" PRIu64 "\n", seed, runs);
    random_state = seed;
    for (uint64_t i = 0; i < runs; i++) {
        uint8_t packet[PACKET_MAX + 1];
        const size_t length = mutate(packet, make_random(packet));
        uint8_t *exact = malloc(length);
        assert_non_null(exact);
        memcpy(exact, packet, length);
        accepted += run_one(table, exact, length) ? 1 : 0;
        free(exact);
    }
    assert_true(accepted > runs / 10);        /* it is not all noise ... */
    assert_true(accepted < runs - runs / 10); /* ... and not all well-formed */
    locum_table_release(table);
    free(site);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_mutated_queries)};
    return cmocka_run_group_tests_name("dns/fuzz", tests, NULL, NULL);
}

/*
 * fuzz_dns: a packet from the network. ldns accepts every packet that locum_packet_parse() accepts,
 * with the same contents, and ldns can read every reply. A query with a cookie gets one. A limited
 * reply is no longer than its query; only a first cookie adds 16 bytes. The same zone, signed,
 * gives the same answers without DO, and answers that ldns can read with it.
 */
#include "fuzz.h"

#include "../unit/dns/fixture.h"

#include "dns/compile.h"
#include "dns/keygen.h"

const unsigned fuzz_mutations = 200000;

static struct locum_dns_table *signed_table;

static void
ignore_problem(void *user, size_t zone, enum locum_severity severity, const char *text)
{
    (void)user, (void)zone, (void)severity, (void)text;
}

/* The same site, signed with a new key. */
static void
make_signed(struct site *site)
{
    enum { NOW = 1800000000, SERIAL = 1763863258, DAY_S = 86400 };
    char folder[] = "/tmp/locum-fuzz-XXXXXX", command[64], why[64];
    struct locum_text why_text = locum_text_init(why, sizeof(why));
    struct locum_config_zone *zone = &site->config.zones[0];
    struct locum_dns_names *names;
    struct locum_signer *signer;
    FILE *out = fopen("/dev/null", "w");
    REQUIRE(mkdtemp(folder) != NULL && out != NULL);
    REQUIRE(locum_keygen_make(folder, zone->name, "ed25519", out, &why_text) == 0);
    strcpy(zone->dnssec.keys, folder);
    zone->dnssec.validity_s = 14 * DAY_S;
    zone->dnssec.refresh_s = 7 * DAY_S;
    for (size_t i = 0; i < 2; i++) {
        site->config.core.nodes[i].has[LOCUM_V4] = true;
        site->config.core.nodes[i].has[LOCUM_V6] = i == 0;
    }
    REQUIRE(locum_signer_create(&site->config, NULL, NOW, ignore_problem, NULL, &signer) == 0);
    REQUIRE(locum_dns_compile(&site->config, signer, NOW, NULL, &names) == 0);
    signed_table = locum_dns_table_make(names, &site->config, &site->plan, NULL, SERIAL);
    REQUIRE(signed_table != NULL && locum_dns_table_sign(signed_table, &site->config, &site->plan,
                                                         SERIAL, signer, NOW) == 0);
    locum_dns_names_release(names);
    locum_signer_destroy(signer);
    (void)fclose(out);
    (void)snprintf(command, sizeof(command), "rm -r %s", folder);
    REQUIRE(system(command) == 0);
}

static const struct locum_dns_table *
table(void)
{
    static const char *const records[] = {
        "*.w CNAME a.d",    "b.w MX 10 www",
        "sub.*.w TXT x",    "d NS ns.d",
        "d DS 7 13 3 00ff", "d NS ns.example.",
        "ns.d A 192.0.2.1", "ns.d AAAA 2001:db8::1",
        "o DNAME w",        "p DNAME o",
        "q DNAME p",        "c1 CNAME c2",
        "c2 CNAME x.q",     "l DNAME a23456789012345678901234567890123456789",
    };
    static struct locum_dns_table *kept;
    if (kept == NULL) {
        struct site *site = site_new();
        site_record(site, 0, "www CNAME @");
        site_record(site, 0, "@ TXT \"text\"");
        for (size_t i = 0; i < LOCUM_COUNT(records); i++) {
            site_record(site, 0, records[i]);
        }
        site_name(site, 0, "*.get.example.org.", LOCUM_NODE_NONE, 3);
        kept = site_table(site);
        site->config.rate_limit =
            (struct locum_config_rate_limit){.responses_per_second = 1, .slip = 2};
        locum_limit_rules_init(&kept->limit, &site->config, 1);
        kept->cookies = (struct locum_cookie_keys){.key = {{1}, {2}}, .count = 2};
        make_signed(site);
        signed_table->cookies = kept->cookies;
        free(site);
    }
    return kept;
}

/* ldns must have read the same contents from the packet. */
static void
compare(const struct locum_question *ours, const ldns_pkt *theirs)
{
    const ldns_rr *question = ldns_rr_list_rr(ldns_pkt_question(theirs), 0);
    ldns_rdf *name = ldns_rr_owner(question);
    REQUIRE(ldns_pkt_qdcount(theirs) == 1);
    ldns_dname2canonical(name);
    REQUIRE(ldns_rdf_size(name) == ours->name.length);
    REQUIRE(memcmp(ldns_rdf_data(name), ours->name.bytes, ours->name.length) == 0);
    REQUIRE(ldns_rr_get_type(question) == (ldns_rr_type)ours->type);
    REQUIRE(ldns_rr_get_class(question) == (ldns_rr_class)ours->class);
    REQUIRE(ldns_pkt_edns(theirs) == ours->edns.present);
    REQUIRE(!ours->edns.present || ldns_pkt_edns_do(theirs) == ours->edns.dnssec_ok);
    REQUIRE(!ours->edns.present || ldns_pkt_edns_udp_size(theirs) == ours->edns.payload);
}

/* The question and the identifier are those of the query, byte for byte; the first option is a
 * cookie that begins with the client's. */
static void
check_reply(const uint8_t *query, const uint8_t *reply, size_t length,
            const struct locum_question *question)
{
    ldns_pkt *packet = NULL;
    REQUIRE(ldns_wire2pkt(&packet, reply, length) == LDNS_STATUS_OK);
    REQUIRE(memcmp(reply, query, 2) == 0);
    REQUIRE(ldns_pkt_qr(packet) && !ldns_pkt_ra(packet));
    REQUIRE(ldns_pkt_qdcount(packet) == (question->end > LOCUM_DNS_HEADER_BYTES));
    REQUIRE(memcmp(reply + 12, query + 12, question->end - LOCUM_DNS_HEADER_BYTES) == 0);
    REQUIRE(ldns_pkt_edns(packet) == question->edns.present);
    if (question->edns.cookie_length > 0) {
        const ldns_rdf *data = ldns_pkt_edns_data(packet);
        REQUIRE(data != NULL && ldns_rdf_size(data) >= 4 + LOCUM_COOKIE_BYTES);
        REQUIRE(memcmp(ldns_rdf_data(data), "\0\x0a\0\x18", 4) == 0);
        REQUIRE(memcmp(ldns_rdf_data(data) + 4, question->edns.cookie, 8) == 0);
    }
    ldns_pkt_free(packet);
}

/* The same packet, of one of 256 prefixes, to a worker whose limiter has seen all those before. */
static void
check_limited(const uint8_t *data, size_t size, uint32_t turn, enum locum_parsed parsed)
{
    static struct locum_limiter limiter;
    static uint8_t reply[LOCUM_DNS_UDP_BYTES_MAX];
    const uint8_t source[16] = {10, 0, (uint8_t)(turn * 7)};
    const struct locum_dns_query query = {.packet = data,
                                          .length = size,
                                          .client = {source, turn % 3 == 0 ? 16 : 4},
                                          .wall_s = 1559731985 + turn,
                                          .limiter = &limiter,
                                          .bytes_max = sizeof(reply)};
    REQUIRE(locum_limit_init(&limiter) == 0);
    limiter.now_us += 1000;
    const struct locum_dns_reply given = locum_query_answer(table(), &query, reply);
    REQUIRE((given.length == 0) ==
            (parsed == LOCUM_PARSED_SILENCE || given.verdict == LOCUM_LIMIT_DROP));
    if (given.verdict == LOCUM_LIMIT_SLIP) {
        REQUIRE(given.length <= size + (given.rcode == LOCUM_RCODE_BADCOOKIE ? 16 : 0));
    }
}

/* So is one of a worker whose cache has the answers to many other queries: of each, and of those
 * that differ from it in one bit. */
static void
check_cached(const uint8_t *data, size_t size, uint32_t turn)
{
    static struct locum_packet_cache cache;
    static uint8_t changed[LOCUM_CACHE_KEY_MAX * 2], plain[LOCUM_DNS_UDP_BYTES_MAX],
        cached[LOCUM_DNS_UDP_BYTES_MAX];
    const uint8_t source[4] = {192, 0, 2, (uint8_t)turn};
    if (size > sizeof(changed)) {
        return;
    }
    memcpy(changed, data, size);
    struct locum_dns_query query = {.packet = changed,
                                    .length = size,
                                    .client = {source, sizeof(source)},
                                    .wall_s = 1559731985 + turn,
                                    .rotation = turn,
                                    .bytes_max = sizeof(plain)};
    for (uint32_t i = 0; i < 8; i++) {
        const size_t bit = size == 0 ? 0 : (turn * 8 + i) % (size * 8);
        if (i >= 4 && size > 0) {
            changed[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        query.cache = NULL;
        const struct locum_dns_reply want = locum_query_answer(table(), &query, plain);
        query.cache = &cache;
        const struct locum_dns_reply given = locum_query_answer(table(), &query, cached);
        REQUIRE(given.length == want.length && given.rcode == want.rcode);
        REQUIRE(memcmp(cached, plain, want.length) == 0);
        memcpy(changed, data, size);
    }
}

/* An answer that replaces its query is the same. */
static void
check_in_place(const uint8_t *data, size_t size, uint32_t turn, const uint8_t *reply, size_t length)
{
    static uint8_t both[65535];
    memcpy(both, data, size);
    const struct locum_dns_reply given =
        answer_packet(table(), both, size, turn, both, LOCUM_DNS_UDP_BYTES_MAX);
    REQUIRE(given.length == length && memcmp(both, reply, length) == 0);
}

/* Without DO the signed zone answers the same, except for the types that only it has. */
static void
check_signed(const uint8_t *data, size_t size, uint32_t turn, const struct locum_question *question,
             const uint8_t *plain, size_t plain_length)
{
    static uint8_t reply[LOCUM_DNS_UDP_BYTES_MAX];
    const size_t length =
        answer_packet(signed_table, data, size, turn, reply, sizeof(reply)).length;
    const uint16_t type = question->type;
    check_reply(data, reply, length, question);
    if (!question->edns.dnssec_ok && type != LDNS_RR_TYPE_RRSIG && type != LDNS_RR_TYPE_NSEC &&
        type != LDNS_RR_TYPE_DNSKEY && type != LDNS_RR_TYPE_CDS && type != LDNS_RR_TYPE_CDNSKEY) {
        REQUIRE(length == plain_length && memcmp(reply, plain, length) == 0);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint32_t turn;
    struct locum_question question;
    uint8_t reply[LOCUM_DNS_UDP_BYTES_MAX];
    if (size > 65535) {
        return 0; /* too large for a datagram or a TCP message */
    }
    const enum locum_parsed parsed = locum_packet_parse(data, size, &question);
    const struct locum_dns_reply given =
        answer_packet(table(), data, size, turn++, reply, sizeof(reply));
    REQUIRE((given.length == 0) == (parsed == LOCUM_PARSED_SILENCE));
    REQUIRE(given.length <= sizeof(reply));
    if (parsed == LOCUM_PARSED_QUESTION && question.signed_at == 0) { /* fuzz_tsig.c has the rest */
        ldns_pkt *theirs = NULL;
        REQUIRE(ldns_wire2pkt(&theirs, data, size) == LDNS_STATUS_OK);
        compare(&question, theirs);
        ldns_pkt_free(theirs);
    }
    check_in_place(data, size, turn - 1, reply, given.length);
    check_limited(data, size, turn, parsed);
    check_cached(data, size, turn);
    if (given.length > 0) {
        check_reply(data, reply, given.length, &question);
        check_signed(data, size, turn - 1, &question, reply, given.length);
    }
    return 0;
}

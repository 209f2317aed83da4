/*
 * fuzz_doctor: the reply of any name server, and the answer of any daemon. What is read of them is
 * bounded and printable, and can be judged and printed.
 *
 * The first byte: even: a DNS message follows (its bit 1: the type of the question; its bit 2:
 * three follow, each behind its length, that are signed); odd: a status.
 */
#include <stdbool.h>
#include <string.h>

#include "doctor/dnssec.h"
#include "doctor/doctor.h"
#include "doctor/judge.h"
#include "doctor/nodes.h"
#include "fuzz.h"

const unsigned fuzz_mutations = 4000;

static const char zone[] = "get.example.org.";
static struct locum_config config;
static struct locum_doctor_zone facts_of_zone;
static struct locum_doctor_findings found;
static struct locum_doctor_reply reply;

static void
require_printable(const char *text, size_t size)
{
    REQUIRE(memchr(text, '\0', size) != NULL);
    for (const char *c = text; *c != '\0'; c++) {
        REQUIRE(*c >= ' ' && *c <= '~');
    }
}

static void
prepare(void)
{
    if (config.zone_count != 0) {
        return;
    }
    config.zone_count = config.zones[0].ns_count = 1;
    config.core.node_count = 2;
    config.core.timeout_ms = 1000;
    strcpy(config.core.nodes[0].name, "dc2");
    strcpy(config.core.nodes[1].name, "dc3");
    strcpy(config.zones[0].name, zone);
    strcpy(config.zones[0].ns[0], "dc2.example.org.");
    strcpy(config.zones[0].soa.mname, "dc2.example.org.");
    strcpy(config.zones[0].soa.rname, "hostmaster.get.example.org.");
    facts_of_zone.config = &config.zones[0];
    REQUIRE(locum_delegation_make(&config, 0, &facts_of_zone.expected) == 0);
    strcpy(facts_of_zone.parent, "example.org.");
    strcpy(facts_of_zone.parents[0].name, "ns0.example.org.");
    facts_of_zone.parent_count = facts_of_zone.server_count = 1;
}

static void
judge(struct locum_doctor_facts *facts)
{
    char *text = NULL;
    size_t length = 0;
    found.count = found.dropped = found.not_examined_count = 0;
    locum_doctor_judge(facts, &found);
    for (size_t i = 0; i < found.count; i++) {
        require_printable(found.at[i].what, sizeof(found.at[i].what));
        require_printable(found.at[i].subject, sizeof(found.at[i].subject));
    }
    FILE *out = open_memstream(&text, &length);
    REQUIRE(out != NULL);
    locum_doctor_print(facts, &found, out);
    REQUIRE(locum_doctor_print_json(facts, &found, out) == 0);
    REQUIRE(fclose(out) == 0);
    free(text);
}

static void
run_reply(const uint8_t *data, size_t size, enum locum_doctor_type type,
          struct locum_doctor_facts *facts)
{
    const uint16_t id = size >= 2 ? (uint16_t)((unsigned)data[0] << 8 | data[1]) : (uint16_t)0;
    if (size > LOCUM_DOCTOR_REPLY_BYTES_MAX ||
        !locum_doctor_reply_read(zone, type, id, data, size, &reply)) {
        return;
    }
    REQUIRE(reply.outcome == LOCUM_DOCTOR_ANSWERED || reply.outcome == LOCUM_DOCTOR_MALFORMED);
    REQUIRE(reply.record_count <= LOCUM_DOCTOR_RECORDS_MAX);
    for (size_t i = 0; i < reply.record_count; i++) {
        require_printable(reply.record[i].owner, sizeof(reply.record[i].owner));
        require_printable(reply.record[i].name, sizeof(reply.record[i].name));
        require_printable(reply.record[i].soa.rname, sizeof(reply.record[i].soa.rname));
    }
    facts->zones = &facts_of_zone;
    facts->zone_count = 1;
    facts_of_zone.parents[0].referral = reply;
    for (size_t i = 0; i < LOCUM_DOCTOR_PROBES; i++) {
        facts_of_zone.servers[0].reply[i] = reply;
    }
    judge(facts);
}

/* The answers of one name server; the first one also as the parent's. */
static void
run_signed(const uint8_t *data, size_t size, struct locum_doctor_facts *facts)
{
    static struct locum_doctor_message messages[LOCUM_DOCTOR_SIGNED_SETS];
    static struct locum_doctor_dnssec dnssec;
    for (size_t i = 0; i < LOCUM_DOCTOR_SIGNED_SETS; i++) {
        const size_t wanted = size < 2 ? 0 : (size_t)data[0] << 8 | data[1];
        const size_t at = size < 2 ? size : 2;
        messages[i].length = wanted < size - at ? wanted : size - at;
        if (messages[i].length > sizeof(messages[i].bytes)) {
            messages[i].length = sizeof(messages[i].bytes);
        }
        memcpy(messages[i].bytes, data + at, messages[i].length);
        data += at + messages[i].length;
        size -= at + messages[i].length;
    }
    memset(&dnssec, 0, sizeof(dnssec));
    dnssec.ds_known = locum_doctor_dnssec_read_ds(&messages[0], zone, &dnssec.ds);
    REQUIRE(dnssec.ds.count <= LOCUM_DS_MAX);
    char next[LOCUM_DOMAIN_MAX + 1] = "";
    (void)locum_doctor_dnssec_read_nsec(&messages[2], zone, dnssec.servers[0].chain_digest, next);
    require_printable(next, sizeof(next));
    locum_doctor_dnssec_read(messages, zone, &dnssec.ds, 1796000000, &dnssec.servers[0]);
    require_printable(dnssec.servers[0].tags, sizeof(dnssec.servers[0].tags));
    facts->zones = &facts_of_zone;
    facts->zone_count = 1;
    facts_of_zone.servers[0].reply[LOCUM_DOCTOR_EDNS].outcome = LOCUM_DOCTOR_ANSWERED;
    facts_of_zone.dnssec = &dnssec;
    judge(facts);
    facts_of_zone.dnssec = NULL;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct locum_doctor_facts facts;
    prepare();
    facts = (struct locum_doctor_facts){.config = &config};
    if (size > 0 && data[0] % 8 == 4) {
        run_signed(data + 1, size - 1, &facts);
    } else if (size > 0 && data[0] % 2 == 0) {
        run_reply(data + 1, size - 1,
                  (data[0] & 2) != 0 ? LOCUM_DOCTOR_TYPE_NS : LOCUM_DOCTOR_TYPE_SOA, &facts);
    } else if (size > 0) {
        const struct locum_slice text = {.at = (const char *)data + 1, .length = size - 1};
        facts.daemon = locum_doctor_nodes_read(text, text, &config, &facts);
        judge(&facts);
    }
    return 0;
}

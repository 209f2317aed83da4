#include "doctor/judge.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/text_format.h"
#include "config/acme.h"
#include "config/domain.h"

enum { COUNTRY_LETTERS = 2 }; /* of a top-level domain (ISO 3166) */

/* The zone that is judged, and where its findings go. */
struct bench {
    const struct locum_doctor_zone *zone;
    struct locum_doctor_findings *found;
};

struct locum_doctor_judge_text
locum_doctor_judge_place(const char *name, const struct locum_address *address)
{
    struct locum_doctor_judge_text ret;
    (void)snprintf(ret.text, sizeof(ret.text), name[0] != '\0' ? "%s (%s)" : "%s%s", name,
                   locum_address_host_text(address).text);
    return ret;
}

static void
add_addresses(struct locum_text *text, const struct locum_address *list, size_t count)
{
    locum_text_add(text, count == 0 ? "none" : "");
    for (size_t i = 0; i < count; i++) {
        locum_text_format(text, "%s%s", i > 0 ? ", " : "", locum_address_host_text(&list[i]).text);
    }
}

static const char *
outcome_text(enum locum_doctor_outcome outcome)
{
    switch (outcome) {
    case LOCUM_DOCTOR_SILENT: return "does not answer";
    case LOCUM_DOCTOR_UNREACHABLE: return "is not reachable: the question is rejected";
    case LOCUM_DOCTOR_NO_ROUTE: return "cannot be asked: this host has no route to it";
    case LOCUM_DOCTOR_MALFORMED: return "sends an answer that cannot be read";
    default: return "was not asked";
    }
}

static bool
is_answered(const struct locum_doctor_reply *reply)
{
    return reply->outcome == LOCUM_DOCTOR_ANSWERED;
}

/* The referral has NS records in its authority section, an answer of the zone itself in the other.
 */
static enum locum_doctor_section
ns_section(const struct locum_doctor_reply *reply, const char *zone)
{
    size_t at = 0;
    return locum_doctor_reply_next(reply, LOCUM_DOCTOR_ANSWER, zone, LOCUM_DOCTOR_TYPE_NS, &at) !=
                   NULL
               ? LOCUM_DOCTOR_ANSWER
               : LOCUM_DOCTOR_AUTHORITY;
}

/* The NS record of this server; NULL: there is none. server NULL: the first one of any. */
static const struct locum_doctor_record *
find_ns(const struct locum_doctor_reply *reply, const char *zone, const char *server)
{
    const enum locum_doctor_section section = ns_section(reply, zone);
    const struct locum_doctor_record *ns;
    size_t at = 0;
    do {
        ns = locum_doctor_reply_next(reply, section, zone, LOCUM_DOCTOR_TYPE_NS, &at);
    } while (ns != NULL && server != NULL && strcmp(ns->name, server) != 0);
    return ns;
}

static bool
is_expected(const struct locum_doctor_zone *zone, const char *server)
{
    size_t i = 0;
    while (i < zone->expected.host_count && strcmp(zone->expected.host[i].name, server) != 0) {
        i++;
    }
    return i < zone->expected.host_count;
}

/* The addresses of a name server in the additional section. */
static size_t
glue_of(const struct locum_doctor_reply *reply, const char *server,
        struct locum_address ret[LOCUM_DOCTOR_HOST_ADDRESSES_MAX])
{
    static const enum locum_doctor_type types[] = {LOCUM_DOCTOR_TYPE_A, LOCUM_DOCTOR_TYPE_AAAA};
    size_t count = 0;
    for (size_t i = 0; i < LOCUM_COUNT(types); i++) {
        const struct locum_doctor_record *record;
        size_t at = 0;
        while (count < LOCUM_DOCTOR_HOST_ADDRESSES_MAX &&
               (record = locum_doctor_reply_next(reply, LOCUM_DOCTOR_ADDITIONAL, server, types[i],
                                                 &at)) != NULL) {
            ret[count++] = record->address;
        }
    }
    return count;
}

/* The glue of a name server whose addresses are in the static records of its zone. */
static void
judge_glue(const struct bench *bench, const struct locum_doctor_parent *parent,
           const struct locum_delegation_host *host)
{
    struct locum_address glue[LOCUM_DOCTOR_HOST_ADDRESSES_MAX];
    char buffer[LOCUM_DOCTOR_WHAT_MAX / 2];
    struct locum_text text = locum_text_init(buffer, sizeof(buffer));
    const size_t count = glue_of(&parent->referral, host->name, glue);
    bool wrong = false;
    size_t missing = 0;
    if (host->home == LOCUM_DELEGATION_OUTSIDE ||
        find_ns(&parent->referral, bench->zone->expected.zone, host->name) == NULL) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        wrong = wrong || !locum_address_is_in(&glue[i], host->address, host->address_count);
    }
    for (size_t i = 0; i < host->address_count; i++) {
        missing += locum_address_is_in(&host->address[i], glue, count) ? 0 : 1;
    }
    add_addresses(&text, glue, count);
    locum_text_add(&text, "; the zone has ");
    add_addresses(&text, host->address, host->address_count);
    if (wrong) {
        locum_doctor_finding_add(
            bench->found, LOCUM_DOCTOR_GLUE_WRONG, bench->zone->expected.zone, host->name,
            "glue for %s at the parent's server %s: %s", host->name,
            locum_doctor_judge_place(parent->name, &parent->address).text, buffer);
    } else if (missing > 0 && host->home == LOCUM_DELEGATION_IN_ZONE &&
               !parent->referral.truncated && !parent->referral.cut) {
        locum_doctor_finding_add(
            bench->found, LOCUM_DOCTOR_GLUE_MISSING, bench->zone->expected.zone, host->name,
            "glue for %s at the parent's server %s: %s", host->name,
            locum_doctor_judge_place(parent->name, &parent->address).text, buffer);
    }
}

/* May someone else set the TTL? So it is in the zone of a registry: the root, one label, or two of
 * a country (co.uk). */
static bool
may_be_registry(const char *parent)
{
    const char *first = strchr(parent, '.');
    const char *second = first != NULL ? strchr(first + 1, '.') : NULL;
    return second == NULL || (second[1] == '\0' && second - first - 1 <= COUNTRY_LETTERS);
}

/* The NS records of a referral and their TTL. */
static void
judge_referral(const struct bench *bench, const struct locum_doctor_parent *parent)
{
    const struct locum_doctor_reply *reply = &parent->referral;
    const struct locum_delegation *expected = &bench->zone->expected;
    const struct locum_doctor_record *ns = find_ns(reply, expected->zone, NULL);
    const struct locum_doctor_judge_text server =
        locum_doctor_judge_place(parent->name, &parent->address);
    size_t at = 0;
    if (ns == NULL) {
        locum_doctor_finding_add(bench->found, LOCUM_DOCTOR_NO_DELEGATION, expected->zone,
                                 expected->zone,
                                 "the parent's server %s has no NS records for %s (rcode %u)",
                                 server.text, expected->zone, reply->rcode);
        return;
    }
    if (ns->ttl_s != expected->ttl_s && !may_be_registry(bench->zone->parent)) {
        locum_doctor_finding_add(bench->found, LOCUM_DOCTOR_NS_TTL, expected->zone, expected->zone,
                                 "the NS records of %s have a TTL of %" PRIu32
                                 " s at the parent's server %s, and of "
                                 "%" PRIu32 " s in the zone",
                                 expected->zone, ns->ttl_s, server.text, expected->ttl_s);
    }
    for (size_t i = 0; i < expected->host_count; i++) {
        const char *name = expected->host[i].name;
        if (find_ns(reply, expected->zone, name) == NULL) {
            locum_doctor_finding_add(bench->found, LOCUM_DOCTOR_PARENT_NS_MISSING, expected->zone,
                                     name, "the parent's server %s does not list %s for %s",
                                     server.text, name, expected->zone);
        }
        judge_glue(bench, parent, &expected->host[i]);
    }
    const enum locum_doctor_section section = ns_section(reply, expected->zone);
    while ((ns = locum_doctor_reply_next(reply, section, expected->zone, LOCUM_DOCTOR_TYPE_NS,
                                         &at)) != NULL) {
        if (!is_expected(bench->zone, ns->name)) {
            locum_doctor_finding_add(bench->found, LOCUM_DOCTOR_PARENT_NS_UNKNOWN, expected->zone,
                                     ns->name,
                                     "the parent's server %s lists %s for %s, which is not in ns",
                                     server.text, ns->name, expected->zone);
        }
    }
}

static void
judge_parents(const struct bench *bench)
{
    const struct locum_doctor_zone *zone = bench->zone;
    if (zone->parent_count == 0) {
        locum_doctor_finding_skip(bench->found,
                                  "the delegation of %s: no address of a server of its parent zone "
                                  "was found; name one with --parent ADDRESS",
                                  zone->expected.zone);
    }
    for (size_t i = 0; i < zone->parent_count; i++) {
        const struct locum_doctor_parent *parent = &zone->parents[i];
        if (locum_doctor_reply_tells(&parent->referral)) {
            judge_referral(bench, parent);
        } else if (is_answered(&parent->referral)) {
            locum_doctor_finding_skip(
                bench->found, "the delegation of %s at %s, which answers with an error (rcode %u)",
                zone->expected.zone, locum_doctor_judge_place(parent->name, &parent->address).text,
                parent->referral.rcode);
        } else {
            locum_doctor_finding_skip(bench->found, "the delegation of %s at %s, which %s",
                                      zone->expected.zone,
                                      locum_doctor_judge_place(parent->name, &parent->address).text,
                                      outcome_text(parent->referral.outcome));
        }
    }
}

/* The addresses of a name server outside the zone, which come from its own zone. */
static void
judge_host(const struct bench *bench, const struct locum_doctor_host *host)
{
    const struct locum_delegation_host *expected = host->expected;
    const char *zone = bench->zone->expected.zone;
    if (expected != NULL && expected->home == LOCUM_DELEGATION_IN_ZONE) {
        return; /* its glue is judged */
    }
    if (!host->looked_up) {
        locum_doctor_finding_skip(bench->found,
                                  "the addresses of name server %s: neither the parent nor a "
                                  "resolver answered without an error",
                                  host->name);
        return;
    }
    if (host->given_count == 0) {
        locum_doctor_finding_add(bench->found, LOCUM_DOCTOR_ADDRESS_MISSING, zone, host->name,
                                 "name server %s has no address", host->name);
        return;
    }
    if (expected == NULL || expected->home != LOCUM_DELEGATION_OUTSIDE ||
        expected->address_count == 0) {
        return;
    }
    for (size_t i = 0; i < host->given_count; i++) {
        if (!locum_address_is_in(&host->given[i], expected->address, expected->address_count)) {
            locum_doctor_finding_add(bench->found, LOCUM_DOCTOR_ADDRESS_WRONG, zone, host->name,
                                     "name server %s has the address %s, which the node of that "
                                     "name does not have",
                                     host->name, locum_address_host_text(&host->given[i]).text);
        }
    }
}

/* The SOA of an authoritative answer; NULL: it is none. */
static const struct locum_doctor_record *
soa_of(const struct locum_doctor_reply *reply, const char *zone)
{
    size_t at = 0;
    return is_answered(reply) && reply->authoritative && reply->rcode == 0
               ? locum_doctor_reply_next(reply, LOCUM_DOCTOR_ANSWER, zone, LOCUM_DOCTOR_TYPE_SOA,
                                         &at)
               : NULL;
}

static void
judge_soa(const struct bench *bench, const struct locum_doctor_record *soa, const char *server)
{
    const struct locum_config_zone *config = bench->zone->config;
    char buffer[LOCUM_DOCTOR_WHAT_MAX / 2];
    struct locum_text text = locum_text_init(buffer, sizeof(buffer));
    const struct {
        const char *name;
        uint32_t seen, configured;
    } numbers[] = {
        {"refresh", soa->soa.refresh_s, config->soa.refresh_s},
        {"retry", soa->soa.retry_s, config->soa.retry_s},
        {"expire", soa->soa.expire_s, config->soa.expire_s},
        {"minimum", soa->soa.minimum_s, config->soa.minimum_s},
    };
    if (strcmp(soa->name, config->soa.mname) != 0) {
        locum_text_format(&text, ", mname %s instead of %s", soa->name, config->soa.mname);
    }
    if (strcmp(soa->soa.rname, config->soa.rname) != 0) {
        locum_text_format(&text, ", rname %s instead of %s", soa->soa.rname, config->soa.rname);
    }
    for (size_t i = 0; i < LOCUM_COUNT(numbers); i++) {
        if (numbers[i].seen != numbers[i].configured) {
            locum_text_format(&text, ", %s %" PRIu32 " instead of %" PRIu32, numbers[i].name,
                              numbers[i].seen, numbers[i].configured);
        }
    }
    if (text.length > 0) {
        locum_doctor_finding_add(bench->found, LOCUM_DOCTOR_SOA, bench->zone->expected.zone, server,
                                 "the SOA of %s at %s has%s", bench->zone->expected.zone, server,
                                 buffer + 1);
    }
}

/* The NS records that the zone itself has at a server. */
static void
judge_child_ns(const struct bench *bench, const struct locum_doctor_reply *reply,
               const char *server)
{
    const struct locum_delegation *expected = &bench->zone->expected;
    const struct locum_doctor_record *ns;
    char buffer[LOCUM_DOCTOR_WHAT_MAX / 2];
    struct locum_text text = locum_text_init(buffer, sizeof(buffer));
    size_t at = 0;
    if (!is_answered(reply) || !reply->authoritative || reply->truncated) {
        return;
    }
    for (size_t i = 0; i < expected->host_count; i++) {
        if (find_ns(reply, expected->zone, expected->host[i].name) == NULL) {
            locum_text_format(&text, ", it lacks %s", expected->host[i].name);
        }
    }
    while ((ns = locum_doctor_reply_next(reply, LOCUM_DOCTOR_ANSWER, expected->zone,
                                         LOCUM_DOCTOR_TYPE_NS, &at)) != NULL) {
        if (!is_expected(bench->zone, ns->name)) {
            locum_text_format(&text, ", it also has %s", ns->name);
        }
    }
    if (text.length > 0) {
        locum_doctor_finding_add(bench->found, LOCUM_DOCTOR_CHILD_NS, expected->zone, server,
                                 "the NS records of %s at %s differ from the configuration:%s",
                                 expected->zone, server, buffer + 1);
    }
}

static void
judge_edns(const struct bench *bench, const struct locum_doctor_server *of, const char *server)
{
    const struct locum_doctor_reply *edns = &of->reply[LOCUM_DOCTOR_EDNS];
    const struct locum_doctor_reply *padded = &of->reply[LOCUM_DOCTOR_PADDED];
    const char *zone = bench->zone->expected.zone;
    if (!is_answered(edns)) {
        locum_doctor_finding_add(bench->found, LOCUM_DOCTOR_EDNS_BLOCKED, zone, server,
                                 "%s answers a question without EDNS; asked with EDNS, it %s",
                                 server, outcome_text(edns->outcome));
    } else if (!edns->edns && !edns->truncated) { /* truncated: by a rate limiter before it */
        locum_doctor_finding_add(bench->found, LOCUM_DOCTOR_EDNS_MISSING, zone, server,
                                 "%s answers a question with EDNS without it (rcode %u)", server,
                                 edns->rcode);
    } else if (!is_answered(padded)) {
        locum_doctor_finding_add(bench->found, LOCUM_DOCTOR_EDNS_LARGE, zone, server,
                                 "%s answers a short question; asked with one of 1232 bytes, it %s",
                                 server, outcome_text(padded->outcome));
    }
}

static void
judge_server(const struct bench *bench, const struct locum_doctor_server *of)
{
    const struct locum_doctor_reply *udp = &of->reply[LOCUM_DOCTOR_UDP];
    const struct locum_doctor_reply *tcp = &of->reply[LOCUM_DOCTOR_TCP];
    const struct locum_doctor_judge_text server = locum_doctor_judge_place(of->name, &of->address);
    const char *zone = bench->zone->expected.zone;
    if (udp->outcome == LOCUM_DOCTOR_NO_ROUTE || udp->outcome == LOCUM_DOCTOR_NOT_ASKED) {
        locum_doctor_finding_skip(bench->found, "name server %s, which %s", server.text,
                                  outcome_text(udp->outcome));
        return;
    }
    if (!is_answered(udp)) {
        const bool by_tcp = is_answered(tcp);
        locum_doctor_finding_add(
            bench->found, by_tcp ? LOCUM_DOCTOR_DNS_UDP : LOCUM_DOCTOR_DNS_SILENT, zone,
            server.text, "name server %s %s%s", server.text, outcome_text(udp->outcome),
            by_tcp ? " by UDP, but does by TCP" : "");
        return;
    }
    const struct locum_doctor_reply *whole = udp->truncated ? tcp : udp;
    const struct locum_doctor_record *soa = soa_of(whole, zone);
    if (soa == NULL && is_answered(whole)) {
        locum_doctor_finding_add(bench->found, LOCUM_DOCTOR_LAME, zone, server.text,
                                 "name server %s does not answer for %s itself (rcode %u%s)",
                                 server.text, zone, whole->rcode,
                                 whole->authoritative ? "" : ", not authoritative");
        return;
    }
    if (soa != NULL) {
        judge_soa(bench, soa, server.text);
    }
    judge_child_ns(bench, &of->reply[LOCUM_DOCTOR_NS], server.text);
    judge_edns(bench, of, server.text);
    if (!is_answered(tcp)) {
        locum_doctor_finding_add(bench->found, LOCUM_DOCTOR_DNS_TCP, zone, server.text,
                                 "name server %s answers by UDP; by TCP it %s", server.text,
                                 outcome_text(tcp->outcome));
    }
}

/* Each entry of acme.persist must be at each name server, and nothing else. */
static void
judge_persist(const struct bench *bench, const struct locum_config *config)
{
    const struct locum_doctor_zone *zone = bench->zone;
    const uint32_t all = (UINT32_C(1) << zone->config->persist_count) - 1;
    if (zone->persist_left_out) {
        locum_doctor_finding_skip(bench->found,
                                  "the records of acme.persist of %s beyond %zu questions",
                                  zone->expected.zone, zone->persist_count);
    }
    for (size_t i = 0; i < zone->persist_count; i++) {
        const struct locum_doctor_persist *persist = &zone->persist[i];
        const struct locum_doctor_server *of = &zone->servers[persist->server];
        const struct locum_doctor_judge_text server =
            locum_doctor_judge_place(of->name, &of->address);
        const char *name = config->names[persist->name].name;
        char subject[LOCUM_DOCTOR_SUBJECT_MAX + 1];
        if (!is_answered(&of->reply[LOCUM_DOCTOR_EDNS]) ||
            soa_of(&of->reply[LOCUM_DOCTOR_EDNS], zone->expected.zone) == NULL) {
            continue; /* it is found to be broken or lame */
        }
        (void)snprintf(subject, sizeof(subject), "%.*s at %.*s", LOCUM_DOMAIN_MAX, name,
                       LOCUM_DOMAIN_MAX + LOCUM_ADDRESS_TEXT_MAX - 8, server.text);
        if (persist->outcome != LOCUM_DOCTOR_ANSWERED) {
            locum_doctor_finding_skip(bench->found, "the records of acme.persist for %s at %s",
                                      name, server.text);
        } else if (persist->has != all || persist->others > 0) {
            locum_doctor_finding_add(
                bench->found, LOCUM_DOCTOR_PERSIST, zone->expected.zone, subject,
                "the TXT records at " LOCUM_ACME_PERSIST_LABEL ".%s at %s: %d of %zu are as in "
                "acme.persist, %u are others (rcode %u)",
                name, server.text, __builtin_popcount(persist->has), zone->config->persist_count,
                persist->others, persist->rcode);
        }
    }
}

static bool
is_within_parent(const struct locum_doctor_zone *zone, const char *server)
{
    return strcmp(zone->parent, ".") == 0 ||
           (zone->parent[0] != '\0' && locum_domain_within(server, zone->parent));
}

unsigned
locum_doctor_judge_round_trips(const struct locum_doctor_zone *zone)
{
    const char *apex = zone->expected.zone;
    unsigned best = 0;
    for (size_t i = 0; i < zone->parent_count; i++) {
        const struct locum_doctor_reply *reply = &zone->parents[i].referral;
        const enum locum_doctor_section section = ns_section(reply, apex);
        const struct locum_doctor_record *ns;
        size_t at = 0;
        while ((ns = locum_doctor_reply_next(reply, section, apex, LOCUM_DOCTOR_TYPE_NS, &at)) !=
               NULL) {
            struct locum_address glue[LOCUM_DOCTOR_HOST_ADDRESSES_MAX];
            const unsigned lookup = glue_of(reply, ns->name, glue) > 0 ? 0
                                    : is_within_parent(zone, ns->name) ? 1
                                                                       : 2;
            best = best == 0 || 2 + lookup < best ? 2 + lookup : best;
        }
    }
    return best;
}

static void
judge_zone(const struct locum_doctor_facts *facts, const struct locum_doctor_zone *zone,
           struct locum_doctor_findings *found)
{
    const struct bench bench = {.zone = zone, .found = found};
    const unsigned trips = locum_doctor_judge_round_trips(zone);
    judge_parents(&bench);
    for (size_t i = 0; i < zone->host_count; i++) {
        judge_host(&bench, &zone->hosts[i]);
    }
    if (trips > LOCUM_DOCTOR_ROUND_TRIPS_MAX) {
        locum_doctor_finding_add(found, LOCUM_DOCTOR_ROUND_TRIPS, zone->expected.zone,
                                 zone->expected.zone,
                                 "a resolver that knows the parent zone only needs %u round trips "
                                 "for a name in %s; 2 would do",
                                 trips, zone->expected.zone);
    }
    for (size_t i = 0; i < zone->server_count; i++) {
        judge_server(&bench, &zone->servers[i]);
    }
    judge_persist(&bench, facts->config);
}

void
locum_doctor_judge(const struct locum_doctor_facts *facts, struct locum_doctor_findings *ret)
{
    if (facts->resolver_silent) {
        locum_doctor_finding_skip(ret,
                                  "some names that a resolver has to find: no resolver answered "
                                  "without an error; name one with --resolver ADDRESS");
    }
    for (size_t i = 0; i < facts->zone_count; i++) {
        judge_zone(facts, &facts->zones[i], ret);
    }
    locum_doctor_judge_dnssec(facts, ret);
    locum_doctor_judge_web(facts, ret);
    locum_doctor_judge_nodes(facts, ret);
}

/* What is signed at the name servers, against the DS of the parent and each other. */
#include <stdio.h>
#include <string.h>

#include "base/text_format.h"
#include "doctor/judge.h"

struct signed_bench {
    const struct locum_doctor_zone *zone;
    int64_t now_s;
    struct locum_doctor_findings *found;
};

static const char *const set_names[LOCUM_DOCTOR_SIGNED_SETS] = {
    [LOCUM_DOCTOR_SIGNED_KEYS] = "DNSKEY",
    [LOCUM_DOCTOR_SIGNED_SOA] = "SOA",
    [LOCUM_DOCTOR_SIGNED_DENIAL] = "the denial of a name",
};

/* The tags of the DS. */
static void
add_tags(struct locum_text *text, const struct locum_ds_answer *ds)
{
    for (size_t i = 0; i < ds->count; i++) {
        if (i == 0 || ds->ds[i].tag != ds->ds[i - 1].tag) {
            locum_text_format(text, "%s%u", i > 0 ? ", " : "", ds->ds[i].tag);
        }
    }
}

/* The sets in this state: "DNSKEY, SOA"; false: none is. */
static bool
list_sets(const struct locum_doctor_signed *of, enum locum_doctor_signature state,
          struct locum_text *text)
{
    for (size_t i = 0; i < LOCUM_DOCTOR_SIGNED_SETS; i++) {
        if (of->state[i] == state) {
            locum_text_format(text, "%s%s", text->length > 0 ? ", " : "", set_names[i]);
        }
    }
    return text->length > 0;
}

/* A finding that names the sets in a state. */
static bool
find_state(const struct signed_bench *self, const struct locum_doctor_signed *of,
           const char *server, enum locum_doctor_signature state, enum locum_doctor_kind kind,
           const char *what)
{
    char buffer[128];
    struct locum_text sets = locum_text_init(buffer, sizeof(buffer));
    const bool any = list_sets(of, state, &sets);
    if (any) {
        locum_doctor_finding_add(self->found, kind, self->zone->expected.zone, server,
                                 "the answer of %s for %s %s: %s", server,
                                 self->zone->expected.zone, what, buffer);
    }
    return any;
}

/* The end that comes first. */
static void
judge_end(const struct signed_bench *self, const struct locum_doctor_signed *of, const char *server)
{
    const uint32_t refresh_s = self->zone->config->dnssec.refresh_s;
    const bool on = self->zone->config->dnssec.keys[0] != '\0';
    int64_t least_s = LOCUM_DOCTOR_SIGNATURES_S;
    int64_t ends_s = INT64_MAX;
    if (on && refresh_s > 2 * LOCUM_DOCTOR_SIGNATURES_S) {
        least_s = refresh_s - LOCUM_DOCTOR_SIGNATURES_S;
    }
    for (size_t i = 0; i < LOCUM_DOCTOR_SIGNED_SETS; i++) {
        if (of->state[i] == LOCUM_DOCTOR_SIGNATURE_GOOD && of->ends_s[i] < ends_s) {
            ends_s = of->ends_s[i];
        }
    }
    if (ends_s != INT64_MAX && ends_s - self->now_s < least_s) {
        locum_doctor_finding_add(self->found, LOCUM_DOCTOR_SIGNATURE_ENDS,
                                 self->zone->expected.zone, server,
                                 "the signatures of %s at %s end at %s", self->zone->expected.zone,
                                 server, locum_text_time(ends_s * 1000).text);
    }
}

/* Against the first server that has some. */
static void
compare(const struct signed_bench *self, const struct locum_doctor_signed *of, const char *server)
{
    const struct locum_doctor_zone *zone = self->zone;
    const struct locum_doctor_signed *keys = NULL, *chain = NULL;
    size_t keys_at = 0, chain_at = 0;
    for (size_t i = zone->server_count; i > 0; i--) {
        const struct locum_doctor_signed *other = &zone->dnssec->servers[i - 1];
        keys = other->has_keys ? other : keys;
        keys_at = other->has_keys ? i - 1 : keys_at;
        chain = other->has_chain ? other : chain;
        chain_at = other->has_chain ? i - 1 : chain_at;
    }
    const struct locum_doctor_server *const with[] = {&zone->servers[keys_at],
                                                      &zone->servers[chain_at]};
    if (of->has_keys && memcmp(of->keys_digest, keys->keys_digest, sizeof(of->keys_digest)) != 0) {
        locum_doctor_finding_add(
            self->found, LOCUM_DOCTOR_DNSKEY_DIFFERS, zone->expected.zone, server,
            "the DNSKEY records of %s at %s (key tags %s) differ from those at %s (%s)",
            zone->expected.zone, server, of->tags,
            locum_doctor_judge_place(with[0]->name, &with[0]->address).text, keys->tags);
    }
    if (of->has_chain &&
        memcmp(of->chain_digest, chain->chain_digest, sizeof(of->chain_digest)) != 0) {
        locum_doctor_finding_add(self->found, LOCUM_DOCTOR_NSEC_DIFFERS, zone->expected.zone,
                                 server, "the NSEC records of %s at %s differ from those at %s",
                                 zone->expected.zone, server,
                                 locum_doctor_judge_place(with[1]->name, &with[1]->address).text);
    }
}

/* Without an answer nothing is found: say so. */
static void
skip_unanswered(const struct signed_bench *self, const struct locum_doctor_signed *of,
                const char *server)
{
    char buffer[128];
    struct locum_text sets = locum_text_init(buffer, sizeof(buffer));
    if (list_sets(of, LOCUM_DOCTOR_SIGNATURE_UNKNOWN, &sets)) {
        locum_doctor_finding_skip(self->found,
                                  "the signatures of %s at %s, which does not answer when asked "
                                  "for: %s",
                                  self->zone->expected.zone, server, buffer);
    }
    if (of->has_keys && !of->has_chain) {
        locum_doctor_finding_skip(self->found,
                                  "the NSEC records of %s at %s, which does not answer with all "
                                  "of them",
                                  self->zone->expected.zone, server);
    }
}

static void
judge_server(const struct signed_bench *self, size_t i)
{
    const struct locum_doctor_zone *zone = self->zone;
    const struct locum_doctor_dnssec *dnssec = zone->dnssec;
    const struct locum_doctor_signed *of = &dnssec->servers[i];
    const struct locum_doctor_judge_text server =
        locum_doctor_judge_place(zone->servers[i].name, &zone->servers[i].address);
    if (!locum_doctor_reply_tells(&zone->servers[i].reply[LOCUM_DOCTOR_EDNS])) {
        return; /* it is found to be broken */
    }
    skip_unanswered(self, of, server.text);
    if (of->state[LOCUM_DOCTOR_SIGNED_KEYS] == LOCUM_DOCTOR_SIGNATURE_UNKNOWN) {
        return;
    }
    if (find_state(self, of, server.text, LOCUM_DOCTOR_SIGNATURE_NONE, LOCUM_DOCTOR_UNSIGNED,
                   "is not signed") &&
        !of->has_keys) {
        return;
    }
    if (dnssec->ds_known && dnssec->ds.count > 0 && !of->fits) {
        char buffer[LOCUM_DOCTOR_TEXT_MAX];
        struct locum_text tags = locum_text_init(buffer, sizeof(buffer));
        add_tags(&tags, &dnssec->ds);
        locum_doctor_finding_add(
            self->found, LOCUM_DOCTOR_DS_MISMATCH, zone->expected.zone, server.text,
            "the parent's DS records of %s (key tags %s) are of no key that signs at %s, which "
            "has the keys %s",
            zone->expected.zone, buffer, server.text, of->tags);
    }
    (void)find_state(self, of, server.text, LOCUM_DOCTOR_SIGNATURE_WRONG,
                     LOCUM_DOCTOR_SIGNATURE_BOGUS, "has a signature that is wrong");
    (void)find_state(self, of, server.text, LOCUM_DOCTOR_SIGNATURE_EXPIRED,
                     LOCUM_DOCTOR_SIGNATURE_TIME, "has a signature that has expired");
    (void)find_state(self, of, server.text, LOCUM_DOCTOR_SIGNATURE_EARLY,
                     LOCUM_DOCTOR_SIGNATURE_TIME, "has a signature that is not valid yet");
    judge_end(self, of, server.text);
    compare(self, of, server.text);
}

static void
judge_zone(const struct signed_bench *self)
{
    const struct locum_doctor_zone *zone = self->zone;
    const struct locum_doctor_dnssec *dnssec = zone->dnssec;
    for (size_t i = 0; i < zone->server_count; i++) {
        judge_server(self, i);
    }
    if (!dnssec->ds_known) {
        locum_doctor_finding_skip(self->found, "the DS of %s: no server of its parent answered",
                                  zone->expected.zone);
    } else if (dnssec->ds.count == 0) {
        locum_doctor_finding_add(self->found, LOCUM_DOCTOR_NO_DS, zone->expected.zone,
                                 zone->expected.zone, "the parent of %s has no DS for it",
                                 zone->expected.zone);
    }
    for (size_t i = 0; i < dnssec->refusing_count; i++) {
        const struct locum_doctor_judge_text resolver =
            locum_doctor_judge_place("", &dnssec->refusing[i]);
        locum_doctor_finding_add(self->found, LOCUM_DOCTOR_RESOLVER_REFUSES, zone->expected.zone,
                                 resolver.text,
                                 "the resolver %s answers SERVFAIL for %s, but NOERROR if it is "
                                 "asked without validation (CD)",
                                 resolver.text, zone->expected.zone);
    }
}

void
locum_doctor_judge_dnssec(const struct locum_doctor_facts *facts, struct locum_doctor_findings *ret)
{
    for (size_t i = 0; i < facts->zone_count; i++) {
        const struct signed_bench self = {
            .zone = &facts->zones[i], .now_s = facts->now_s, .found = ret};
        if (self.zone->dnssec != NULL) {
            judge_zone(&self);
        }
    }
}

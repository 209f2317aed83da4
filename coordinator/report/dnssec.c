#include "report/dnssec.h"

#include "base/text_format.h"

enum {
    METRIC_BYTES_MAX = (LOCUM_TRUST_STATES + 1) * (2 * LOCUM_DOMAIN_MAX + 96), /* of a zone */
    TAGS_SHOWN_MAX = 4,
};

/* "1, 2 and others" */
static void
add_tags(struct locum_text *text, const struct locum_ds_answer *answer)
{
    for (size_t i = 0; i < answer->count && i < TAGS_SHOWN_MAX; i++) {
        locum_text_format(text, "%s%u", i == 0 ? "" : ", ", answer->ds[i].tag);
    }
    locum_text_add(text, answer->count > TAGS_SHOWN_MAX ? " and others" : "");
}

static bool
warn_of_ds(const struct locum_report *report, size_t zone, struct locum_text *text)
{
    const char *name = report->config->zones[zone].name;
    const struct locum_report_dnssec *dnssec = &report->dnssec[zone];
    if (dnssec->state != LOCUM_TRUST_MISMATCH || !dnssec->served.is_signed) {
        return false;
    }
    locum_text_format(text, "zone %s: the parent has DS records (key tags ", name);
    add_tags(text, &dnssec->parent->answer);
    locum_text_add(text, "), but none of a key that signs here (");
    for (size_t i = 0; i < dnssec->served.key_count && i < TAGS_SHOWN_MAX; i++) {
        locum_text_format(text, "%s%u", i == 0 ? "" : ", ", dnssec->served.keys[i].tag);
    }
    locum_text_format(text,
                      "): resolvers that validate refuse its answers. If another node has the "
                      "right keys, copy its key folder (%s) and run `locum reload`; otherwise "
                      "give the parent what `locum ds %s` prints",
                      report->config->zones[zone].dnssec.keys, name);
    return true;
}

static bool
warn_of_parent(const struct locum_report *report, size_t zone, struct locum_text *text)
{
    const char *name = report->config->zones[zone].name;
    const struct locum_parent_zone *parent = report->dnssec[zone].parent;
    if (parent == NULL || parent->failing_mono == LOCUM_NEVER ||
        report->now.mono - parent->failing_mono < LOCUM_DNSSEC_FAILING_WARN_MS) {
        return false;
    }
    locum_text_format(text,
                      "zone %s: for more than an hour no resolver of /etc/resolv.conf has reported "
                      "which DS records the parent has: %s. Nothing is noticed if they change. Let "
                      "this node use a resolver that answers `dig %s DS`",
                      name, parent->why, name);
    return true;
}

/* How long the signatures of a zone are valid. False: nothing is signed yet. */
static bool
find_left(const struct locum_report *report, size_t zone, int64_t *ret_s)
{
    const struct locum_trust_zone *served = &report->dnssec[zone].served;
    const locum_ms wrong = report->signing.clock_in_doubt ? report->signing.clock_off_ms : 0;
    *ret_s = served->valid_until_s - (report->now.wall - wrong) / 1000;
    return served->valid_until_s != 0;
}

static bool
is_ending(const struct locum_report *report, size_t zone)
{
    int64_t left_s;
    return find_left(report, zone, &left_s) && left_s < LOCUM_DNSSEC_EXPIRY_WARN_S;
}

static bool
warn_of_signatures(const struct locum_report *report, size_t zone, struct locum_text *text)
{
    const struct locum_trust_zone *served = &report->dnssec[zone].served;
    int64_t left_s;
    if (!find_left(report, zone, &left_s) || !is_ending(report, zone)) {
        return false;
    }
    locum_text_format(text,
                      "zone %s: its signatures %s %s, and no new ones were made: resolvers that "
                      "validate refuse %s answers. See the log (publish-failed) and the clock of "
                      "this node (`timedatectl`), then run `locum reload`",
                      report->config->zones[zone].name, left_s < 0 ? "expired at" : "end at",
                      locum_text_time(served->valid_until_s * 1000).text,
                      left_s < 0 ? "its" : "later");
    return true;
}

static bool
warn_of_keys(const struct locum_report *report, size_t zone, struct locum_text *text)
{
    if (!report->zone_lacks_keys[zone]) {
        return false;
    }
    locum_text_format(text,
                      "zone %s is served unsigned: resolvers that validate refuse its answers if "
                      "the parent has its DS. Copy the key folder (%s) from another node, then run "
                      "`locum reload`",
                      report->config->zones[zone].name, report->config->zones[zone].dnssec.keys);
    return true;
}

const char *
locum_dnssec_warn(const struct locum_report *report, size_t zone, enum locum_dnssec_warning warning,
                  struct locum_text *text)
{
    switch (warning) {
    case LOCUM_DNSSEC_UNSIGNED: return warn_of_keys(report, zone, text) ? "dnssec" : NULL;
    case LOCUM_DNSSEC_DS: return warn_of_ds(report, zone, text) ? "ds" : NULL;
    case LOCUM_DNSSEC_PARENT: return warn_of_parent(report, zone, text) ? "parent" : NULL;
    case LOCUM_DNSSEC_SIGNATURES:
        return warn_of_signatures(report, zone, text) ? "signatures" : NULL;
    case LOCUM_DNSSEC_WARNINGS:
    default: return NULL;
    }
}

static json_t *
keys_of(const struct locum_trust_zone *served)
{
    json_t *keys = json_array();
    for (size_t i = 0; i < served->key_count; i++) {
        (void)json_array_append_new(keys, json_pack("{s:i, s:s}", "tag", served->keys[i].tag,
                                                    "algorithm", served->keys[i].algorithm));
    }
    return keys;
}

static json_t *
ds_of(const struct locum_report_dnssec *dnssec)
{
    const struct locum_parent_zone *parent = dnssec->parent;
    json_t *tags = json_array();
    json_t *failing = json_null();
    for (size_t i = 0; i < parent->answer.count; i++) {
        const json_int_t tag = parent->answer.ds[i].tag;
        if (i == 0 || tag != parent->answer.ds[i - 1].tag) { /* once for all its digests */
            (void)json_array_append_new(tags, json_integer(tag));
        }
    }
    if (parent->failing_mono != LOCUM_NEVER) {
        failing = json_string(locum_text_time(parent->failing_s * 1000).text);
    }
    return json_pack(
        "{s:s, s:o, s:o, s:o, s:o, s:o}", "state", locum_trust_text(dnssec->state), "tags", tags,
        "ttl_s", parent->answer.count > 0 ? json_integer(parent->answer.ttl_s) : json_null(),
        "answered",
        parent->known ? json_string(locum_text_time(parent->answered_s * 1000).text) : json_null(),
        "failing_since", failing, "error", locum_report_text(parent->why));
}

json_t *
locum_dnssec_of_zone(const struct locum_report *report, size_t zone)
{
    const struct locum_report_dnssec *dnssec = &report->dnssec[zone];
    const struct locum_trust_zone *served = &dnssec->served;
    if (dnssec->parent == NULL) {
        return json_null();
    }
    return json_pack("{s:b, s:o, s:o, s:b, s:o}", "signed", served->is_signed, "keys",
                     keys_of(served), "valid_until",
                     served->valid_until_s != 0
                         ? json_string(locum_text_time(served->valid_until_s * 1000).text)
                         : json_null(),
                     "ending", is_ending(report, zone), "ds", ds_of(dnssec));
}

void
locum_dnssec_add_metrics(struct locum_exposition *out, const struct locum_report *report)
{
    locum_exposition_begin(out, "gauge", "locum_dnssec_signature_expiry_timestamp_seconds", "zone",
                           "End of the signatures that are served for the zone, in Unix time.");
    for (size_t zone = 0; zone < report->config->zone_count; zone++) {
        const char *const values[] = {report->config->zones[zone].name};
        if (report->dnssec[zone].served.valid_until_s != 0) {
            locum_exposition_add(out, "", out->labels, values,
                                 report->dnssec[zone].served.valid_until_s * 1000);
        }
    }
    locum_exposition_begin(out, "gauge", "locum_dnssec_ds", "zone state",
                           "1 for the state of the DS records at the parent: none; ok, one is of a "
                           "key that signs here; mismatch, none is; unknown.");
    for (size_t i = 0; i < report->config->zone_count * LOCUM_TRUST_STATES; i++) {
        const size_t zone = i / LOCUM_TRUST_STATES;
        const enum locum_trust_state state = (enum locum_trust_state)(i % LOCUM_TRUST_STATES);
        const char *const values[] = {report->config->zones[zone].name, locum_trust_text(state)};
        if (report->dnssec[zone].parent != NULL) {
            locum_exposition_add(out, "", out->labels, values, report->dnssec[zone].state == state);
        }
    }
}

size_t
locum_dnssec_metrics_bytes(const struct locum_report *report)
{
    return report->config->zone_count * METRIC_BYTES_MAX;
}

/* The keys of a zone: those of its folder, and those that are remembered. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "base/text_format.h"
#include "dns/cds.h"
#include "dns/signer_zone.h"

enum { MESSAGE_BYTES = 1024, RECORD_BYTES = 16 * 1024 };

static void
report_as(const struct signer_reporting *to, enum locum_severity severity, const char *text)
{
    if (to->report != NULL) {
        to->report(to->user, to->zone, severity, text);
    }
}

void
locum_signer_zone_report(void *user, const char *text)
{
    struct signer_reporting *to = user;
    to->error = to->error || !to->kept;
    report_as(to, to->kept ? LOCUM_SEVERITY_WARNING : LOCUM_SEVERITY_ERROR, text);
}

/* What the folder alone says: for checks, and where nothing is remembered. */
static struct locum_keystate_summary
decide(struct signer_zone *self, int64_t now_s)
{
    struct locum_keystate_key keys[LOCUM_DNSKEY_MAX];
    const struct locum_keystate_zone zone = {.now_s = now_s,
                                             .all_heard = true,
                                             .dnskey_ttl_s = LOCUM_SIGNER_KEY_TTL_S,
                                             .longest_ttl_s = LOCUM_SIGN_DAY_S,
                                             .ds_ttl_s = LOCUM_SIGN_DAY_S,
                                             .parent_known = true};
    for (size_t i = 0; i < self->keys.count; i++) {
        const struct locum_dnskey *key = &self->keys.keys[i];
        keys[i] = (struct locum_keystate_key){.algorithm = key->algorithm,
                                              .tag = key->tag,
                                              .secure_entry = key->flags == 257,
                                              .has_record = true,
                                              .has_private = key->key != NULL,
                                              .can_sign = key->key != NULL};
    }
    return locum_keystate_decide(&zone, keys, self->keys.count, self->states);
}

/* Replace the sets: DNSKEY of these keys, and CDS and CDNSKEY of `entries`, if there are any. */
static int
make_sets(struct signer_zone *self, const struct locum_dnskey *const *published, size_t count,
          const struct locum_config_zone *config, const ldns_rdf *apex)
{
    struct locum_cds cds = {.cds = NULL};
    ldns_rr_list *dnskey = ldns_rr_list_new();
    bool whole = dnskey != NULL;
    for (size_t i = 0; i < count && whole; i++) {
        ldns_rr *rr = ldns_rr_clone(published[i]->rr);
        whole = rr != NULL && ldns_rr_list_push_rr(dnskey, rr);
        if (whole) {
            ldns_rr_set_ttl(rr, LOCUM_SIGNER_KEY_TTL_S);
        } else {
            ldns_rr_free(rr);
        }
    }
    int status = whole ? 0 : LOCUM_ERR_MEMORY;
    if (status == 0 && config->dnssec.withdraw) {
        status = locum_cds_make_delete(apex, LOCUM_SIGNER_KEY_TTL_S, &cds);
    } else if (status == 0 && self->entry_count > 0) {
        status = locum_cds_make(self->entries, self->entry_count, LOCUM_SIGNER_KEY_TTL_S, &cds);
    }
    if (status != 0) {
        ldns_rr_list_deep_free(dnskey);
        return status;
    }
    for (size_t i = 0; i < self->apex_set_count; i++) {
        ldns_rr_list_deep_free(self->apex_sets[i]);
    }
    self->apex_sets[0] = dnskey;
    self->apex_sets[1] = cds.cds;
    self->apex_sets[2] = cds.cdnskey;
    self->apex_set_count = cds.cds != NULL ? LOCUM_SIGNER_APEX_SETS : 1;
    return 0;
}

static void
clear_signers(struct signer_zone *self)
{
    self->dnskey_signer_count = self->rest_signer_count = self->entry_count = 0;
}

static void
add_signer(struct signer_zone *self, const struct locum_dnskey *key,
           const struct locum_keystate *state)
{
    if (state->signs_dnskey) {
        self->dnskey_signers[self->dnskey_signer_count++] = key;
    }
    if (state->signs_rest) {
        self->rest_signers[self->rest_signer_count++] = key;
    }
}

/* As the folder says: CDS asks for the keys that sign here. */
static int
make_keys(struct signer_zone *self, const struct locum_config_zone *config, const ldns_rdf *apex)
{
    const struct locum_dnskey *published[LOCUM_DNSKEY_MAX];
    size_t count = 0;
    clear_signers(self);
    for (size_t i = 0; i < self->keys.count; i++) {
        const struct locum_dnskey *key = &self->keys.keys[i];
        add_signer(self, key, &self->states[i]);
        if (self->states[i].published) {
            published[count++] = key;
        }
        if (self->states[i].signs_dnskey && key->flags == 257) {
            self->entries[self->entry_count++] = key;
        }
    }
    return make_sets(self, published, count, config, apex);
}

/* A DS names a key 257: one of its algorithm must sign DNSKEY, or validators refuse the zone. */
static int
check_key_257(const struct signer_zone *self, const struct locum_dnskey *key, const char *path,
              struct signer_reporting *to)
{
    char text[MESSAGE_BYTES];
    for (size_t i = 0; i < self->keys.count; i++) {
        if (self->keys.keys[i].flags == 257 && self->keys.keys[i].algorithm == key->algorithm &&
            self->states[i].signs_dnskey) {
            return 0;
        }
    }
    (void)locum_text_format_buffer(
        text, sizeof(text),
        "%s/%s.key has flags 257, but no *.private here is of such a key of its algorithm, so "
        "nothing that the parent's DS names would sign the DNSKEY records: copy a *.private from "
        "another node, or remove the file if no DS names it",
        path, key->name);
    locum_signer_zone_report(to, text);
    return LOCUM_ERR_INVALID;
}

/* A DS, CDS and CDNSKEY name keys 257 only. */
static int
check_any_257(const struct signer_zone *self, const struct locum_config_zone *config,
              struct signer_reporting *to)
{
    char text[MESSAGE_BYTES];
    for (size_t i = 0; i < self->keys.count; i++) {
        if (self->keys.keys[i].flags == 257 && self->states[i].signs_dnskey) {
            return 0;
        }
    }
    (void)locum_text_format_buffer(text, sizeof(text),
                                   "%s: no key that signs here has flags 257, so the parent could "
                                   "have no DS for it: copy a key 257 of the zone from another "
                                   "node, or make one with `locum keygen %s`",
                                   config->dnssec.keys, config->name);
    locum_signer_zone_report(to, text);
    return LOCUM_ERR_INVALID;
}

/* What is wrong with the keys of a zone as a whole. */
static int
check_keys(struct signer_zone *self, const struct locum_config_zone *config, int64_t now_s,
           struct signer_reporting *to)
{
    char text[MESSAGE_BYTES];
    int status = 0;
    if (decide(self, now_s).unsigned_zone) {
        (void)locum_text_format_buffer(text, sizeof(text),
                                       "%s: no *.private file that can be used, so this node "
                                       "cannot sign %s: copy one from another node, or make a key "
                                       "with `locum keygen %s`",
                                       config->dnssec.keys, config->name, config->name);
        locum_signer_zone_report(to, text);
        return LOCUM_ERR_INVALID;
    }
    for (size_t i = 0; i < self->keys.count; i++) {
        const struct locum_dnskey *key = &self->keys.keys[i];
        if (self->states[i].why_published == LOCUM_KEYSTATE_NO_SIGNER) {
            (void)locum_text_format_buffer(text, sizeof(text),
                                           "%s/%s.key is not published: no *.private here signs "
                                           "with %s, and all signers of a zone must use the same "
                                           "algorithms (RFC 4035 2.2)",
                                           config->dnssec.keys, key->name,
                                           locum_dnskey_algorithm_text(key->algorithm).text);
            report_as(to, LOCUM_SEVERITY_WARNING, text);
        } else if (self->states[i].published && key->flags == 257 && status == 0) {
            status = check_key_257(self, key, config->dnssec.keys, to);
            if (status == 0 && !self->states[i].signs_dnskey) {
                (void)locum_text_format_buffer(text, sizeof(text),
                                               "%s/%s.key is published, and does not sign at this "
                                               "node: its *.private is not here",
                                               config->dnssec.keys, key->name);
                report_as(to, LOCUM_SEVERITY_NOTE, text);
            }
        }
    }
    return status == 0 ? check_any_257(self, config, to) : status;
}

/* The texts of the keys of a folder. */
struct folder_texts {
    struct locum_keymemory_found at[LOCUM_DNSKEY_MAX];
    char *records[LOCUM_DNSKEY_MAX];
};

static void
free_found(struct folder_texts *self, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(self->records[i]);
    }
}

/* 0, or LOCUM_ERR_MEMORY. */
static int
find_texts(const struct locum_dnskeys *keys, struct folder_texts *ret)
{
    bool whole = true;
    for (size_t i = 0; i < keys->count; i++) {
        const struct locum_dnskey *key = &keys->keys[i];
        ret->records[i] = locum_dnskey_record_text(key);
        whole = whole && ret->records[i] != NULL && (key->key == NULL || key->private_text != NULL);
        ret->at[i] = (struct locum_keymemory_found){.algorithm = key->algorithm,
                                                    .tag = key->tag,
                                                    .secure_entry = key->flags == 257,
                                                    .record = ret->records[i],
                                                    .private_half = key->private_text};
    }
    if (!whole) {
        free_found(ret, keys->count);
    }
    return whole ? 0 : LOCUM_ERR_MEMORY;
}

/* Can the folder's keys be remembered beside those that are? At a start those that cannot are left
 * out: the node must answer. */
static int
check_fit(const struct signer_zone *self, const struct locum_config_zone *config,
          const struct locum_keymemory *memory, struct signer_reporting *to)
{
    char text[MESSAGE_BYTES];
    struct folder_texts found;
    size_t bad;
    if (find_texts(&self->keys, &found) != 0) {
        return LOCUM_ERR_MEMORY;
    }
    const int status = locum_keymemory_fits(memory, config->name, found.at, self->keys.count, &bad);
    free_found(&found, self->keys.count);
    if (status == LOCUM_ERR_INVALID) {
        (void)locum_text_format_buffer(
            text, sizeof(text),
            "%s/%s.key has the algorithm and tag of another key that the zone still needs, and "
            "cannot be told apart from it: make another key",
            config->dnssec.keys, self->keys.keys[bad].name);
    } else if (status != 0) {
        (void)locum_text_format_buffer(
            text, sizeof(text),
            "%s: with the keys that the zone still needs (`locum keys` shows them) these are more "
            "than %d: remove files, or wait",
            config->dnssec.keys, LOCUM_KEYSTATE_KEYS_MAX);
    }
    if (status != 0 && to->report == NULL) {
        LOCUM_LOG(LOCUM_LOG_WARN, "keys", "zone", config->name, "reason", text, "effect",
                  "the keys that are remembered go on without it");
        return 0;
    }
    if (status != 0) {
        locum_signer_zone_report(to, text);
    }
    return status == 0 ? 0 : LOCUM_ERR_INVALID;
}

static bool
remembers_signer(const struct locum_keymemory *memory, const char *zone)
{
    const struct locum_keymemory_zone *of =
        memory != NULL ? locum_keymemory_find(memory, zone) : NULL;
    bool found = false;
    for (size_t i = 0; of != NULL && i < of->count; i++) {
        found = found || of->keys[i].private_half != NULL;
    }
    return found;
}

int
locum_signer_zone_read(struct signer_zone *self, const struct locum_config_zone *config,
                       const ldns_rdf *apex, const struct locum_keymemory *memory, int64_t now_s,
                       struct signer_reporting *to)
{
    int status =
        locum_dnskey_read(config->dnssec.keys, apex, locum_signer_zone_report, to, &self->keys);
    if (status == 0) {
        status = check_keys(self, config, now_s, to);
    }
    if (status == 0 && memory != NULL) {
        status = check_fit(self, config, memory, to);
    }
    if (status == LOCUM_ERR_INVALID && to->kept && remembers_signer(memory, config->name)) {
        locum_dnskey_fini(&self->keys); /* sign with what is remembered */
        status = 0;
    }
    return status == 0 ? make_keys(self, config, apex) : status;
}

int
locum_signer_zone_remember(const struct signer_zone *self, const char *zone,
                           struct locum_keymemory *memory, int64_t now_s)
{
    struct folder_texts found;
    if (find_texts(&self->keys, &found) != 0) {
        return LOCUM_ERR_MEMORY;
    }
    const int status = locum_keymemory_take_folder(memory, zone, found.at, self->keys.count,
                                                   self->longest_ttl_s, now_s);
    free_found(&found, self->keys.count);
    return status;
}

/* What is remembered was checked when it was a file. */
static void
ignore_problem(void *user, const char *text)
{
    (void)user, (void)text;
}

/* Make a remembered key usable; NULL: it cannot be. 0 or LOCUM_ERR_MEMORY. */
static int
restore(struct signer_zone *self, const ldns_rdf *apex, const struct locum_keymemory_key *key,
        const struct locum_dnskey **ret_key)
{
    LOCUM_INVARIANT(self->remembered_count < LOCUM_KEYSTATE_KEYS_MAX);
    struct locum_dnskey *restored = &self->remembered[self->remembered_count];
    char *owner = ldns_rdf2str(apex);
    char *text = malloc(RECORD_BYTES);
    int status = LOCUM_ERR_MEMORY;
    if (owner != NULL && text != NULL) {
        (void)locum_text_format_buffer(text, RECORD_BYTES, "%s IN DNSKEY %s\n", owner, key->record);
        status = locum_dnskey_parse("state", "remembered", apex, locum_slice_of(text),
                                    key->private_half != NULL ? locum_slice_of(key->private_half)
                                                              : (struct locum_slice){0},
                                    ignore_problem, NULL, restored);
    }
    free(owner);
    free(text);
    *ret_key = status == 0 ? restored : NULL;
    self->remembered_count += status == 0 ? 1 : 0;
    return status == LOCUM_ERR_MEMORY ? status : 0;
}

/* Is it this key, with its private half if that is needed? */
static bool
is_key(const struct locum_dnskey *self, const struct locum_keymemory_key *key)
{
    const bool signs = key->state.signs_dnskey || key->state.signs_rest;
    return self->algorithm == key->facts.algorithm && self->tag == key->facts.tag &&
           (self->key != NULL || !signs);
}

/* Another key may have the same algorithm and tag. 0 or LOCUM_ERR_MEMORY. */
static int
has_record(const struct locum_dnskey *self, const char *record, bool *ret)
{
    char *text = locum_dnskey_record_text(self);
    *ret = text != NULL && strcmp(text, record) == 0;
    const int status = text != NULL ? 0 : LOCUM_ERR_MEMORY;
    free(text);
    return status;
}

/* The key with its record and what it needs to sign; NULL: it cannot be used. 0 or
 * LOCUM_ERR_MEMORY. */
static int
find_key(struct signer_zone *self, const ldns_rdf *apex, const struct locum_keymemory_key *key,
         const struct locum_dnskey **ret_key)
{
    for (size_t i = 0; i < self->keys.count; i++) {
        bool same = false;
        if (is_key(&self->keys.keys[i], key)) {
            const int status = has_record(&self->keys.keys[i], key->record, &same);
            if (status != 0) {
                return status;
            }
        }
        if (same) {
            *ret_key = &self->keys.keys[i];
            return 0;
        }
    }
    for (size_t i = 0; i < self->remembered_count; i++) {
        if (is_key(&self->remembered[i], key)) {
            *ret_key = &self->remembered[i];
            return 0;
        }
    }
    return restore(self, apex, key, ret_key);
}

int
locum_signer_zone_apply(struct signer_zone *self, const struct locum_config_zone *config,
                        const ldns_rdf *apex, const struct locum_keymemory_zone *decided)
{
    const struct locum_dnskey *published[LOCUM_KEYSTATE_KEYS_MAX];
    size_t count = 0;
    clear_signers(self);
    for (size_t i = 0; i < decided->count; i++) {
        const struct locum_keymemory_key *of = &decided->keys[i];
        const bool signs = of->state.signs_dnskey || of->state.signs_rest;
        const struct locum_dnskey *key = NULL;
        const int status =
            of->state.published || of->in_cds || signs ? find_key(self, apex, of, &key) : 0;
        if (status != 0) {
            return status;
        }
        if (key != NULL && key->key != NULL) {
            add_signer(self, key, &of->state);
        }
        if (key != NULL && of->state.published) {
            published[count++] = key;
        }
        if (key != NULL && of->in_cds) {
            self->entries[self->entry_count++] = key;
        }
    }
    self->effect = locum_keymemory_effect(decided);
    return make_sets(self, published, count, config, apex);
}

void
locum_signer_zone_free_keys(struct signer_zone *self)
{
    for (size_t i = 0; i < self->apex_set_count; i++) {
        ldns_rr_list_deep_free(self->apex_sets[i]);
    }
    for (size_t i = 0; i < self->remembered_count; i++) {
        locum_dnskey_free(&self->remembered[i]);
    }
    locum_dnskey_fini(&self->keys);
}

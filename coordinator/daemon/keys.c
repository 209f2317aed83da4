#include "daemon/keys.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/signature.h"
#include "base/text_format.h"
#include "core/view.h"
#include "daemon/act.h"
#include "daemon/dnssec.h"
#include "daemon/inside.h"
#include "daemon/signing.h"

enum { FILE_BYTES_MAX = 4 << 20, REASON_BYTES = 512, MINUTE_S = 60 };

static int64_t
now_s(struct locum_daemon *self)
{
    return locum_daemon_signatures_now_s(self);
}

static bool
is_server(const struct locum_daemon *self)
{
    const struct locum_core_config *core = &self->config->core;
    return core->nodes[core->self].role == LOCUM_ROLE_SERVER;
}

/* What cannot be read is kept for the operator; what could be read of it is used. */
static void
keep_broken(struct locum_daemon *self, const char *path, int status, const char *why)
{
    char aside[LOCUM_STATE_PATH_MAX];
    locum_state_path(self->config, ".keys.broken", aside);
    const bool moved = rename(path, aside) == 0;
    self->keys.stays = !moved;
    LOCUM_LOG(LOCUM_LOG_WARN, "keys", "reason", why[0] != '\0' ? why : locum_error_text(status),
              "file", path, "kept-as", moved ? aside : NULL, "effect",
              moved ? "keys whose files are gone may not be remembered: put the files of all keys "
                      "that sign back, and see `locum keys`"
                    : "the file stays as it is, and nothing is saved in it: let this program read "
                      "and rename it, and restart");
}

/* It holds private halves. */
static void
warn_of_broken(const struct locum_daemon *self)
{
    char aside[LOCUM_STATE_PATH_MAX];
    locum_state_path(self->config, ".keys.broken", aside);
    if (access(aside, F_OK) == 0) {
        LOCUM_LOG(LOCUM_LOG_WARN, "keys", "reason",
                  "a file of keys that an earlier start could not read is still there", "file",
                  aside, "effect",
                  "it may hold private halves: remove it when `locum keys` shows all keys that "
                  "sign");
    }
}

static int
load(struct locum_daemon *self)
{
    char path[LOCUM_STATE_PATH_MAX], reason[REASON_BYTES] = "";
    struct locum_text why = locum_text_init(reason, sizeof(reason));
    size_t length = 0;
    char *buffer = malloc(FILE_BYTES_MAX);
    if (buffer == NULL) {
        return LOCUM_ERR_MEMORY;
    }
    locum_state_path(self->config, ".keys", path);
    int status = locum_file_read_private(path, buffer, FILE_BYTES_MAX, &length, &why);
    if (status == 0) {
        status = locum_keymemory_load(
            self->keys.memory, (struct locum_slice){.at = buffer, .length = length}, now_s(self));
        locum_text_add(&why, status == LOCUM_ERR_INVALID ? "the file is not whole" : "");
    }
    if (status != 0 && status != LOCUM_ERR_NOT_FOUND) {
        keep_broken(self, path, status, reason);
    } else {
        warn_of_broken(self);
    }
    explicit_bzero(buffer, length);
    free(buffer);
    return 0;
}

/* Nodes may have other numbers. */
static void
forget_since(struct locum_daemon *self)
{
    for (size_t i = 0; i < LOCUM_NODES_MAX; i++) {
        self->keys.lack_since[i] = self->keys.nsec_differ_since[i] = LOCUM_NEVER;
    }
}

/* Zones may have other numbers: take all answers of parents again. */
static void
forget_taken(struct locum_daemon *self)
{
    for (size_t i = 0; i < LOCUM_ZONES_MAX; i++) {
        self->keys.parent_taken[i] = LOCUM_NEVER;
    }
}

int
locum_daemon_keys_create(struct locum_daemon *self)
{
    forget_since(self);
    forget_taken(self);
    self->keys.memory = locum_keymemory_create();
    int status = self->keys.memory == NULL ? LOCUM_ERR_MEMORY : 0;
    if (status == 0 && is_server(self)) {
        status = load(self);
        locum_keymemory_configure(self->keys.memory, self->config);
    }
    return status;
}

void
locum_daemon_keys_destroy(struct locum_daemon *self)
{
    if (self->keys.next != NULL) {
        locum_daemon_keys_give_up(self);
    }
    locum_keymemory_destroy(self->keys.memory);
    self->keys.memory = NULL;
}

/* Eight hex digits. */
static void
digest_of(struct locum_slice document, char ret[LOCUM_DIGEST_CHARS + 1])
{
    uint8_t digest[LOCUM_DIGEST_BYTES];
    struct locum_text text = locum_text_init(ret, LOCUM_DIGEST_CHARS + 1);
    locum_signature_digest(document.at, document.length, digest);
    locum_text_add_hex(&text, digest, LOCUM_DIGEST_CHARS / 2);
}

/* Tell the peers the digests, with the next heartbeat. */
static void
tell_digests(struct locum_daemon *self, struct locum_slice document)
{
    struct locum_input input = {.kind = LOCUM_INPUT_KEYS};
    const struct locum_key_digests *before = &self->core.view.peer[self->config->core.self].keys;
    if (document.length > 0) {
        digest_of(document, input.keys.shown);
    }
    locum_dns_nsec_digest(self->dns, self->config, input.keys.nsec);
    if (strcmp(before->shown, input.keys.shown) != 0 ||
        strcmp(before->nsec, input.keys.nsec) != 0) {
        locum_daemon_loop_deliver(self, &input);
    }
}

/* Show the peers what is so now. Without a zone of its own, a server shows nothing. */
static void
show(struct locum_daemon *self)
{
    char buffer[LOCUM_KEYMEMORY_DOCUMENT_MAX + 1] = "";
    struct locum_text text = locum_text_init(buffer, sizeof(buffer));
    if (self->documents.carrier == NULL) {
        return;
    }
    if (self->keys.memory->zone_count > 0) {
        locum_keymemory_show(self->keys.memory, &text);
    }
    self->keys.too_long = text.truncated;
    const struct locum_slice before =
        locum_daemon_documents_get(self, LOCUM_DOCUMENT_KEYS, self->config->core.self);
    if ((before.at != NULL || buffer[0] != '\0') &&
        locum_daemon_documents_set(self, LOCUM_DOCUMENT_KEYS, locum_slice_of(buffer)) == 0) {
        tell_digests(self, locum_slice_of(buffer));
    }
}

/* Is what was decided served? */
static bool
is_served(const struct locum_daemon *self)
{
    const struct locum_signer *signer = locum_dns_signer(self->dns);
    return signer == NULL || locum_dns_signer_is_current(signer, self->config, self->keys.memory);
}

static void
save(struct locum_daemon *self)
{
    size_t length;
    if (self->keys.memory->changed && !self->keys.stays) {
        char *bytes = locum_keymemory_save(self->keys.memory, &length);
        if (bytes != NULL) {
            locum_state_writer_put_keys(self->writer, bytes, length);
            self->keys.memory->changed = false;
        }
    }
}

static bool
on_changed(void *user, locum_node owner)
{
    struct locum_daemon *self = user;
    (void)owner;
    self->keys.wake = true;
    return true;
}

void
locum_daemon_keys_begin(struct locum_daemon *self)
{
    const struct locum_daemon_documents_user user = {.changed = on_changed, .user = self};
    (void)locum_daemon_loop_now(self);
    locum_daemon_documents_subscribe(self, LOCUM_DOCUMENT_KEYS, &user);
    self->keys.served_s = now_s(self);
    show(self);
    save(self);
}

/* What the parents have answered since the last decision, by the time of the keys. */
static void
take_parents(struct locum_daemon *self)
{
    const int64_t now = now_s(self);
    for (size_t i = 0; self->parent != NULL && i < self->config->zone_count; i++) {
        locum_ms *taken = &self->keys.parent_taken[i];
        const struct locum_parent_zone *parent = locum_parent_of(self->parent, i);
        struct locum_keymemory_zone *zone =
            locum_keymemory_find(self->keys.memory, self->config->zones[i].name);
        if (zone != NULL && parent != NULL && parent->known && parent->answered_mono != *taken) {
            const int64_t at_s = now - (self->now.mono - parent->answered_mono) / 1000;
            const int64_t before_s = zone->parent_asked ? zone->parent_answered_s : at_s;
            locum_dns_take_parent(zone, &parent->answer, at_s > before_s ? at_s : before_s);
            *taken = parent->answered_mono;
            self->keys.wake = true;
        }
    }
}

static const char *
use_of(const struct locum_keymemory_key *key)
{
    const bool signs = key != NULL && (key->state.signs_dnskey || key->state.signs_rest);
    return key != NULL && key->state.published ? (signs ? "published-signing" : "published")
           : signs                             ? "signing"
                                               : "withdrawn";
}

/* Decide for a zone, and emit an event for each key that is used otherwise than before. */
static void
decide_zone(struct locum_daemon *self, struct locum_keymemory_zone *zone)
{
    struct locum_keystate_key keys[LOCUM_KEYSTATE_KEYS_MAX];
    const char *before[LOCUM_KEYSTATE_KEYS_MAX];
    const size_t count = zone->count;
    for (size_t i = 0; i < count; i++) {
        keys[i] = zone->keys[i].facts;
        before[i] = use_of(&zone->keys[i]);
    }
    locum_keymemory_decide(self->keys.memory, zone, now_s(self));
    for (size_t i = 0; i < count; i++) {
        const char *now = use_of(locum_keymemory_find_key(zone, keys[i].algorithm, keys[i].tag));
        char tag[8];
        if (strcmp(now, before[i]) != 0) {
            (void)locum_text_format_buffer(tag, sizeof(tag), "%u", keys[i].tag);
            locum_daemon_act_emit(self, LOCUM_EVENT_DNSSEC_KEY, zone->name, tag, now);
        }
    }
}

static void
decide(struct locum_daemon *self)
{
    struct locum_keymemory *memory = self->keys.memory;
    if (!is_served(self)) { /* signing takes its time, or fails: nothing of it may be relied on */
        locum_keymemory_postpone(memory, self->keys.served_s, now_s(self));
    }
    for (size_t i = 0; i < memory->zone_count; i++) {
        decide_zone(self, memory->zones[i]);
    }
    self->keys.wake = false;
    self->keys.minute = now_s(self) / MINUTE_S;
    if (is_served(self)) { /* the peers must not count on anything else */
        show(self);
    }
    save(self);
}

/*
 * A zone whose DS the parent has, or had so lately that resolvers may, must go on to be signed:
 * they would refuse its answers. Is it to end with this configuration?
 */
static bool
refuses_removal(struct locum_daemon *self, const struct locum_config *next,
                locum_problem_fn *report, void *user)
{
    bool refused = false;
    for (size_t i = 0; is_server(self) && i < self->config->zone_count; i++) {
        const char *name = self->config->zones[i].name;
        const int64_t left_s = locum_keymemory_needed_s(self->keys.memory, name, now_s(self));
        if (left_s > 0 && !locum_keymemory_is_signed(next, name)) {
            char text[REASON_BYTES];
            (void)locum_text_format_buffer(
                text, sizeof(text),
                "zone %s: it must stay signed while its parent has a DS, and until that has left "
                "all caches: first have the DS removed (`dnssec: {withdraw: true}` asks for it); "
                "%" PRIi64 " min after that `dnssec`, or the zone, may be removed",
                name, (left_s + MINUTE_S - 1) / MINUTE_S);
            report(user, &(struct locum_problem){
                             .severity = LOCUM_SEVERITY_ERROR, .file = next->path, .text = text});
            refused = true;
        }
    }
    return refused;
}

int
locum_daemon_keys_prepare(struct locum_daemon *self, const struct locum_config *next,
                          locum_problem_fn *report, void *user, struct locum_signer **ret)
{
    if (refuses_removal(self, next, report, user)) {
        return LOCUM_ERR_REFUSED;
    }
    struct locum_keymemory *trial = locum_keymemory_copy(self->keys.memory);
    if (trial == NULL) {
        return LOCUM_ERR_MEMORY;
    }
    locum_keymemory_configure(trial, next);
    const int status = locum_dns_signer_prepare(next, trial, now_s(self), report, user, ret);
    locum_keymemory_destroy(trial);
    return status;
}

void
locum_daemon_keys_give_up(struct locum_daemon *self)
{
    if (self->keys.next != NULL) {
        locum_dns_abandon(self->dns, self->keys.next);
        locum_dns_signer_destroy(self->keys.next);
        self->keys.next = NULL;
    }
}

void
locum_daemon_keys_reconfigure(struct locum_daemon *self, const struct locum_signer *signer)
{
    forget_taken(self);
    locum_keymemory_configure(self->keys.memory, self->config);
    if (is_server(self) &&
        locum_dns_signer_remember(signer, self->config, self->keys.memory, now_s(self)) != 0) {
        LOCUM_LOG(LOCUM_LOG_ERR, "keys", "reason", locum_error_text(LOCUM_ERR_MEMORY), "effect",
                  "keys are not remembered: run `locum reload` when there is memory");
    }
    decide(self);
}

/* Sign what is answered now, and what may be answered soon. Errors as of locum_dns_prepare(). */
static int
prepare_next(struct locum_daemon *self)
{
    struct locum_plan *plans = malloc(LOCUM_DAEMON_SIGNING_PLANS * sizeof(*plans));
    if (plans == NULL) {
        return LOCUM_ERR_MEMORY;
    }
    const size_t count = locum_daemon_signing_plans(&self->core, plans);
    const int status = locum_dns_prepare(self->dns, self->config, self->keys.next, plans, count,
                                         locum_daemon_signatures_take_s(self));
    free(plans);
    return status;
}

/* Let those keys sign that are to sign. */
static void
renew(struct locum_daemon *self)
{
    struct locum_daemon_keys *keys = &self->keys;
    if (keys->next != NULL &&
        !locum_dns_signer_is_current(keys->next, self->config, keys->memory)) {
        locum_daemon_keys_give_up(self);
    }
    if (keys->next == NULL &&
        (self->pending.config != NULL ||
         locum_dns_signer_is_current(locum_dns_signer(self->dns), self->config, keys->memory) ||
         locum_dns_signer_recreate(self->config, keys->memory, &keys->next) != 0)) {
        return;
    }
    const int status = prepare_next(self);
    if (status == 0) {
        locum_dns_set_signer(self->dns, keys->next);
        keys->next = NULL;
        locum_daemon_act_publish(self);
        locum_keymemory_postpone(keys->memory, keys->served_s, now_s(self));
        show(self); /* the NSEC records may be others */
        locum_daemon_dnssec_compare(self);
    } else if (status != LOCUM_ERR_TIMEOUT) {
        LOCUM_LOG(LOCUM_LOG_ERR, "keys", "reason", locum_error_text(status), "effect",
                  "the keys that signed before go on; it is tried again each second");
        locum_daemon_keys_give_up(self);
    }
}

void
locum_daemon_keys_signed(struct locum_daemon *self)
{
    if (self->keys.next != NULL) {
        renew(self);
    }
}

static void
note_since(locum_ms *since, bool is_so, locum_ms mono)
{
    *since = !is_so ? LOCUM_NEVER : *since == LOCUM_NEVER ? mono : *since;
}

/* The document of a server that is heard and shows just that now (KEYS-7). */
static void
take_document(struct locum_daemon *self, locum_node node)
{
    const struct locum_core *core = &self->core;
    const struct locum_key_digests *theirs = &core->view.peer[node].keys;
    const struct locum_key_digests *own = &core->view.peer[core->config.self].keys;
    const struct locum_slice document = locum_daemon_documents_get(self, LOCUM_DOCUMENT_KEYS, node);
    const bool heard =
        locum_view_heard_within_limit(&core->view, &core->config, node, self->now.mono);
    char digest[LOCUM_DIGEST_CHARS + 1] = "";
    if (document.at != NULL) {
        digest_of(document, digest);
    }
    const bool current = strcmp(digest, theirs->shown) == 0;
    if (heard && current && digest[0] != '\0') {
        locum_keymemory_take_document(self->keys.memory, core->config.nodes[node].name, document,
                                      now_s(self));
    }
    note_since(&self->keys.lack_since[node], heard && !current, self->now.mono);
    note_since(&self->keys.nsec_differ_since[node],
               heard && theirs->nsec[0] != '\0' && strcmp(theirs->nsec, own->nsec) != 0,
               self->now.mono);
}

static void
take_documents(struct locum_daemon *self)
{
    const struct locum_core_config *config = &self->core.config;
    for (locum_node node = 0; self->documents.carrier != NULL && node < config->node_count;
         node++) {
        if (node != config->self) {
            take_document(self, node);
        }
    }
}

void
locum_daemon_keys_look(struct locum_daemon *self)
{
    (void)locum_daemon_loop_now(self);
    if (!is_server(self) || self->keys.memory->zone_count == 0) {
        return;
    }
    const int64_t moved_s = locum_daemon_signatures_set_keys(self);
    locum_keymemory_shift(self->keys.memory, moved_s);
    self->keys.served_s = is_served(self) ? now_s(self) : self->keys.served_s + moved_s;
    take_documents(self);
    if (self->signatures.time.in_doubt) {
        locum_keymemory_hold(self->keys.memory);
    }
    take_parents(self);
    if (self->keys.wake || self->keys.memory->changed ||
        now_s(self) / MINUTE_S != self->keys.minute) {
        decide(self);
    }
    renew(self);
}

bool
locum_daemon_keys_drop(struct locum_daemon *self, const char *zone, uint16_t tag)
{
    struct locum_keymemory_zone *of = locum_keymemory_find(self->keys.memory, zone);
    const bool dropped = of != NULL && locum_keymemory_drop(self->keys.memory, of, tag);
    self->keys.wake = self->keys.wake || dropped;
    if (dropped) {
        locum_daemon_keys_look(self);
    }
    return dropped;
}

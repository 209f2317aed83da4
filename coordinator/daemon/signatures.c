#include "daemon/signatures.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/text_format.h"
#include "daemon/inside.h"

static void
log_unused(const char *reason)
{
    LOCUM_LOG(LOCUM_LOG_WARN, "signatures", "reason", reason, "effect",
              "those of the last run are not used; all are made again");
}

/* Heap memory for a file of `size` bytes, also if it grows meanwhile; NULL: it is too long. */
static char *
make_room(off_t size, size_t *ret_room)
{
    *ret_room = size < LOCUM_SIGNKEEP_BYTES_MAX ? (size_t)size + 1 : 0;
    return *ret_room > 0 ? malloc(*ret_room) : NULL;
}

/* What the program before has handed over; empty: nothing. */
static struct locum_slice
read_handover(int fd, char **ret_bytes)
{
    struct stat info;
    size_t room;
    struct locum_slice ret = {.at = NULL};
    if (fd < 0 || fstat(fd, &info) != 0 || (*ret_bytes = make_room(info.st_size, &room)) == NULL) {
        return ret;
    }
    const ssize_t length = pread(fd, *ret_bytes, room, 0);
    ret = (struct locum_slice){.at = *ret_bytes, .length = length > 0 ? (size_t)length : 0};
    return ret;
}

static struct locum_slice
read_kept(const struct locum_config *config, char **ret_bytes)
{
    char path[LOCUM_STATE_PATH_MAX];
    char reason[LOCUM_STATE_PATH_MAX + 256];
    struct stat info;
    size_t room = 0;
    struct locum_slice ret = {.at = NULL};
    struct locum_text why = locum_text_init(reason, sizeof(reason));
    locum_state_path(config, ".signatures", path);
    locum_text_format(&why, "%s: ", path);
    if (stat(path, &info) != 0) {
        if (errno != ENOENT) {
            locum_text_add(&why, strerror(errno));
            log_unused(reason);
        }
        return ret;
    }
    *ret_bytes = make_room(info.st_size, &room);
    if (*ret_bytes == NULL) {
        locum_text_add(&why, room == 0 ? "too long" : locum_error_text(LOCUM_ERR_MEMORY));
        log_unused(reason);
    } else if (locum_file_read_private(path, *ret_bytes, room, &ret.length, &why) != 0) {
        log_unused(reason);
    } else {
        ret.at = *ret_bytes;
    }
    return ret;
}

int
locum_daemon_signatures_begin(struct locum_daemon *self)
{
    struct locum_signatures *signatures = &self->signatures;
    struct locum_signtime_kept kept;
    const int handed = self->handover.signatures;
    bool read = false;
    *signatures = (struct locum_signatures){
        .bad_at = LOCUM_NEVER, .again_at = LOCUM_NEVER, .kept_at = LOCUM_NEVER, .stale = true};
    if (locum_signkeep_derive(&self->config->secrets, &signatures->keys) != 0) {
        return LOCUM_ERR_MEMORY;
    }
    struct locum_slice bytes = read_handover(handed, &signatures->loaded);
    if (handed >= 0) {
        (void)close(handed);
        self->handover.signatures = -1;
    }
    if (bytes.length == 0) {
        free(signatures->loaded);
        signatures->loaded = NULL;
        bytes = read_kept(self->config, &signatures->loaded);
    }
    if (bytes.at != NULL) {
        read = locum_signkeep_read(&signatures->keys, bytes, self->boot_id, &kept,
                                   &signatures->at) == 0;
        if (read) {
            signatures->stale = handed >= 0 || !kept.same_boot;
        } else {
            char reason[LOCUM_STATE_PATH_MAX + 128];
            char path[LOCUM_STATE_PATH_MAX];
            locum_state_path(self->config, ".signatures", path);
            (void)locum_text_format_buffer(
                reason, sizeof(reason),
                "%s is damaged, or was written with another secret than those of secret-file",
                path);
            log_unused(reason);
        }
    }
    locum_signtime_init(&signatures->time, read ? &kept : NULL, self->now);
    return 0;
}

static void on_verify(void *user);

void
locum_daemon_signatures_take(struct locum_daemon *self)
{
    struct locum_signatures *signatures = &self->signatures;
    struct locum_sign_cache *cache = locum_dns_sign_cache(self->dns);
    locum_timer_init(&signatures->verify, self->base, on_verify, self);
    if (cache != NULL && signatures->at.at != NULL &&
        locum_signkeep_take(cache, signatures->at) != 0) {
        log_unused(locum_error_text(LOCUM_ERR_MEMORY));
    }
    free(signatures->loaded);
    signatures->loaded = NULL;
    signatures->at = (struct locum_slice){.at = NULL};
}

void
locum_daemon_signatures_reconfigure(struct locum_daemon *self)
{
    /* Without memory the earlier keys stay: the next start makes the signatures again. */
    struct locum_signkeep_keys keys;
    if (locum_signkeep_derive(&self->config->secrets, &keys) == 0) {
        self->signatures.keys = keys;
        self->signatures.stale = true;
    }
}

/* Look at the clocks, and at what the peers say of theirs. */
static void
update(struct locum_daemon *self)
{
    struct locum_signtime_peer peers[LOCUM_NODES_MAX];
    const struct locum_core *core = &self->core;
    size_t count = 0;
    for (locum_node node = 0; node < core->config.node_count; node++) {
        const struct locum_peer_facts *facts = &core->view.peer[node];
        if (node != core->config.self && facts->state_known &&
            locum_view_heard_within_limit(&core->view, &core->config, node, self->now.mono)) {
            peers[count++] =
                (struct locum_signtime_peer){.heard = facts->heard, .offset = facts->wall_offset};
        }
    }
    locum_signtime_update(&self->signatures.time, self->now, peers, count,
                          core->view.clock_synchronised);
}

int64_t
locum_daemon_signatures_now_s(struct locum_daemon *self)
{
    update(self);
    return locum_signtime_keys_s(&self->signatures.time);
}

int64_t
locum_daemon_signatures_set_keys(struct locum_daemon *self)
{
    update(self);
    const int64_t by_s = locum_signtime_set_keys(&self->signatures.time, self->now);
    if (by_s != 0) {
        locum_daemon_signatures_keep(self);
    }
    return by_s;
}

static bool
is_usable(const void *user, int64_t signed_s, int64_t now_s)
{
    const struct locum_daemon *self = user;
    return locum_dns_is_usable(self->dns, signed_s, now_s);
}

int64_t
locum_daemon_signatures_take_s(struct locum_daemon *self)
{
    update(self);
    return locum_signtime_take(&self->signatures.time, self->now, is_usable, self);
}

void
locum_daemon_signatures_published(struct locum_daemon *self)
{
    struct locum_dns_signing counts;
    locum_dns_signing(self->dns, &counts);
    if (counts.unverified > 0) {
        locum_timer_arm(&self->signatures.verify, 1);
    }
}

/* Have them made again, but not without end if a processor or library is broken. */
static void
sign_again(struct locum_daemon *self, locum_ms mono)
{
    struct locum_signatures *signatures = &self->signatures;
    signatures->again = signatures->again_at != LOCUM_NEVER &&
                        mono - signatures->again_at < LOCUM_SIGNATURES_AGAIN_MS;
    if (!signatures->again) {
        signatures->again_at = mono;
        locum_dns_sign_again(self->dns);
    }
}

static void
on_verify(void *user)
{
    struct locum_daemon *self = user;
    struct locum_dns_signing counts;
    const size_t bad = locum_dns_verify(self->dns, LOCUM_SIGNATURES_SLICE_US);
    locum_dns_signing(self->dns, &counts);
    if (bad > 0) {
        char total[24];
        (void)locum_text_format_buffer(total, sizeof(total), "%" PRIu64, counts.bad);
        LOCUM_LOG(LOCUM_LOG_ERR, "bad-signature", "total", total, "effect",
                  "resolvers that validate refuse the answer until it is signed again, within a "
                  "minute; see the warning signatures of locum status");
        self->signatures.bad_at = locum_clock_read().mono;
        sign_again(self, self->signatures.bad_at);
    }
    if (counts.unverified > 0) {
        locum_timer_arm(&self->signatures.verify, LOCUM_SIGNATURES_PAUSE_MS);
    }
}

/* The bytes to be kept, without their HMAC; NULL: nothing is signed, or there is no memory. */
static char *
make(struct locum_daemon *self, struct locum_now now, size_t *ret_length)
{
    struct locum_sign_cache *cache = locum_dns_sign_cache(self->dns);
    const struct locum_signtime_kept time = locum_signtime_keep(&self->signatures.time, now);
    return cache != NULL ? locum_signkeep_make(cache, &time, self->boot_id, ret_length) : NULL;
}

void
locum_daemon_signatures_keep(struct locum_daemon *self)
{
    struct locum_signatures *signatures = &self->signatures;
    struct locum_dns_signing counts;
    size_t length;
    char *bytes = make(self, self->now, &length);
    if (bytes == NULL) {
        return;
    }
    locum_state_writer_put_signatures(self->writer, bytes, length, &signatures->keys.key[0]);
    locum_dns_signing(self->dns, &counts);
    signatures->kept = counts.to_keep;
    signatures->kept_unverified = counts.unverified > 0;
    signatures->kept_at = self->now.mono;
    signatures->stale = false;
}

static void
keep_if_due(struct locum_daemon *self, const struct locum_dns_signing *counts)
{
    struct locum_signatures *signatures = &self->signatures;
    const bool quiet = counts->to_keep == signatures->seen;
    const bool news = signatures->stale || counts->to_keep != signatures->kept ||
                      (signatures->kept_unverified && counts->unverified == 0);
    const locum_ms age = signatures->kept_at == LOCUM_NEVER ? LOCUM_SIGNATURES_BUSY_MS
                                                            : self->now.mono - signatures->kept_at;
    signatures->seen = counts->to_keep;
    if ((news && age >= (quiet ? LOCUM_SIGNATURES_KEEP_MS : LOCUM_SIGNATURES_BUSY_MS)) ||
        (signatures->kept_at != LOCUM_NEVER && age >= LOCUM_SIGNATURES_DAY_MS)) {
        locum_daemon_signatures_keep(self);
    }
}

void
locum_daemon_signatures_second(struct locum_daemon *self)
{
    struct locum_signatures *signatures = &self->signatures;
    struct locum_dns_signing counts;
    locum_dns_signing(self->dns, &counts);
    if (signatures->again) {
        sign_again(self, self->now.mono);
    }
    if (counts.unverified > 0 && !locum_timer_armed(&signatures->verify)) {
        locum_timer_arm(&signatures->verify, 1); /* those that were made ahead */
    }
    if (counts.on) {
        keep_if_due(self, &counts);
    }
}

int
locum_daemon_signatures_hand_over(struct locum_daemon *self)
{
    size_t length;
    char *bytes = make(self, locum_clock_read(), &length);
    if (bytes == NULL) {
        return -1;
    }
    locum_signkeep_protect(&self->signatures.keys.key[0], bytes, length);
    const int fd = locum_handover_memory(bytes, length);
    free(bytes);
    return fd;
}

void
locum_daemon_signatures_view(const struct locum_daemon *self, struct locum_report *ret)
{
    const struct locum_signatures *signatures = &self->signatures;
    locum_dns_signing(self->dns, &ret->signing.counts);
    ret->signing.clock_in_doubt = ret->signing.counts.on && signatures->time.in_doubt;
    ret->signing.clock_off_ms = signatures->time.off;
    ret->signing.bad_at = signatures->bad_at;
}

void
locum_daemon_signatures_fini(struct locum_daemon *self)
{
    locum_timer_fini(&self->signatures.verify);
    free(self->signatures.loaded);
}

#include "daemon/signing.h"

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
locum_daemon_signing_begin(struct locum_daemon *self)
{
    struct locum_signing *signing = &self->signing;
    struct locum_signtime_kept kept;
    const int handed = self->handover.signatures;
    bool read = false;
    *signing = (struct locum_signing){
        .bad_at = LOCUM_NEVER, .again_at = LOCUM_NEVER, .kept_at = LOCUM_NEVER, .stale = true};
    if (locum_signkeep_derive(&self->config->secrets, &signing->keys) != 0) {
        return LOCUM_ERR_MEMORY;
    }
    struct locum_slice bytes = read_handover(handed, &signing->loaded);
    if (handed >= 0) {
        (void)close(handed);
        self->handover.signatures = -1;
    }
    if (bytes.length == 0) {
        free(signing->loaded);
        signing->loaded = NULL;
        bytes = read_kept(self->config, &signing->loaded);
    }
    if (bytes.at != NULL) {
        read = locum_signkeep_read(&signing->keys, bytes, self->boot_id, &kept, &signing->at) == 0;
        if (read) {
            signing->stale = handed >= 0 || !kept.same_boot;
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
    locum_signtime_init(&signing->time, read ? &kept : NULL, self->now);
    return 0;
}

static void on_verify(void *user);

void
locum_daemon_signing_take(struct locum_daemon *self)
{
    struct locum_signing *signing = &self->signing;
    struct locum_sign_cache *cache = locum_dns_sign_cache(self->dns);
    locum_timer_init(&signing->verify, self->base, on_verify, self);
    if (cache != NULL && signing->at.at != NULL && locum_signkeep_take(cache, signing->at) != 0) {
        log_unused(locum_error_text(LOCUM_ERR_MEMORY));
    }
    free(signing->loaded);
    signing->loaded = NULL;
    signing->at = (struct locum_slice){.at = NULL};
}

void
locum_daemon_signing_reconfigure(struct locum_daemon *self)
{
    /* Without memory the earlier keys stay: the next start makes the signatures again. */
    struct locum_signkeep_keys keys;
    if (locum_signkeep_derive(&self->config->secrets, &keys) == 0) {
        self->signing.keys = keys;
        self->signing.stale = true;
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
    locum_signtime_update(&self->signing.time, self->now, peers, count,
                          core->view.clock_synchronised);
}

int64_t
locum_daemon_signing_now_s(struct locum_daemon *self)
{
    update(self);
    return locum_signtime_believed_s(&self->signing.time, self->now);
}

static bool
is_usable(const void *user, int64_t signed_s, int64_t now_s)
{
    const struct locum_daemon *self = user;
    return locum_dns_is_usable(self->dns, signed_s, now_s);
}

int64_t
locum_daemon_signing_take_s(struct locum_daemon *self)
{
    update(self);
    return locum_signtime_take(&self->signing.time, self->now, is_usable, self);
}

void
locum_daemon_signing_published(struct locum_daemon *self, int64_t signed_s)
{
    struct locum_dns_signing counts;
    locum_dns_signing(self->dns, &counts);
    self->signing.published_s = signed_s;
    if (counts.unverified > 0) {
        locum_timer_arm(&self->signing.verify, 1);
    }
}

int64_t
locum_daemon_signing_served_s(struct locum_daemon *self)
{
    return self->signing.published_s != 0 ? self->signing.published_s
                                          : locum_daemon_signing_take_s(self);
}

/* Have them made again, but not without end if a processor or library is broken. */
static void
sign_again(struct locum_daemon *self, locum_ms mono)
{
    struct locum_signing *signing = &self->signing;
    signing->again =
        signing->again_at != LOCUM_NEVER && mono - signing->again_at < LOCUM_SIGNING_AGAIN_MS;
    if (!signing->again) {
        signing->again_at = mono;
        locum_dns_sign_again(self->dns);
    }
}

static void
on_verify(void *user)
{
    struct locum_daemon *self = user;
    struct locum_dns_signing counts;
    const size_t bad = locum_dns_verify(self->dns, LOCUM_SIGNING_SLICE_US);
    locum_dns_signing(self->dns, &counts);
    if (bad > 0) {
        char total[24];
        (void)locum_text_format_buffer(total, sizeof(total), "%" PRIu64, counts.bad);
        LOCUM_LOG(LOCUM_LOG_ERR, "bad-signature", "total", total, "effect",
                  "resolvers that validate refuse the answer until it is signed again, within a "
                  "minute; see the warning signatures of locum status");
        self->signing.bad_at = locum_clock_read().mono;
        sign_again(self, self->signing.bad_at);
    }
    if (counts.unverified > 0) {
        locum_timer_arm(&self->signing.verify, LOCUM_SIGNING_PAUSE_MS);
    }
}

/* The bytes to be kept, without their HMAC; NULL: nothing is signed, or there is no memory. */
static char *
make(struct locum_daemon *self, struct locum_now now, size_t *ret_length)
{
    const struct locum_sign_cache *cache = locum_dns_sign_cache(self->dns);
    const struct locum_signtime_kept time = locum_signtime_keep(&self->signing.time, now);
    return cache != NULL ? locum_signkeep_make(cache, &time, self->boot_id, ret_length) : NULL;
}

void
locum_daemon_signing_keep(struct locum_daemon *self)
{
    struct locum_signing *signing = &self->signing;
    struct locum_dns_signing counts;
    size_t length;
    char *bytes = make(self, self->now, &length);
    if (bytes == NULL) {
        return;
    }
    locum_state_writer_put_signatures(self->writer, bytes, length, &signing->keys.key[0]);
    locum_dns_signing(self->dns, &counts);
    signing->kept = counts.to_keep;
    signing->kept_unverified = counts.unverified > 0;
    signing->kept_at = self->now.mono;
    signing->stale = false;
}

static void
keep_if_due(struct locum_daemon *self, const struct locum_dns_signing *counts)
{
    struct locum_signing *signing = &self->signing;
    const bool quiet = counts->to_keep == signing->seen;
    const bool news = signing->stale || counts->to_keep != signing->kept ||
                      (signing->kept_unverified && counts->unverified == 0);
    const locum_ms age =
        signing->kept_at == LOCUM_NEVER ? LOCUM_SIGNING_BUSY_MS : self->now.mono - signing->kept_at;
    signing->seen = counts->to_keep;
    if ((news && age >= (quiet ? LOCUM_SIGNING_KEEP_MS : LOCUM_SIGNING_BUSY_MS)) ||
        (signing->kept_at != LOCUM_NEVER && age >= LOCUM_SIGNING_DAY_MS)) {
        locum_daemon_signing_keep(self);
    }
}

void
locum_daemon_signing_second(struct locum_daemon *self)
{
    struct locum_signing *signing = &self->signing;
    struct locum_dns_signing counts;
    locum_dns_signing(self->dns, &counts);
    if (signing->again) {
        sign_again(self, self->now.mono);
    }
    if (counts.unverified > 0 && !locum_timer_armed(&signing->verify)) {
        locum_timer_arm(&signing->verify, 1); /* those that were made ahead */
    }
    if (counts.on) {
        keep_if_due(self, &counts);
    }
}

int
locum_daemon_signing_hand_over(struct locum_daemon *self)
{
    size_t length;
    char *bytes = make(self, locum_clock_read(), &length);
    if (bytes == NULL) {
        return -1;
    }
    locum_signkeep_protect(&self->signing.keys.key[0], bytes, length);
    const int fd = locum_handover_memory(bytes, length);
    free(bytes);
    return fd;
}

void
locum_daemon_signing_view(const struct locum_daemon *self, struct locum_report *ret)
{
    const struct locum_signing *signing = &self->signing;
    const int64_t now_s = locum_signtime_believed_s(&signing->time, self->now);
    locum_dns_signing(self->dns, &ret->signing.counts);
    ret->signing.clock_in_doubt = ret->signing.counts.on && signing->time.in_doubt;
    ret->signing.clock_off_ms = signing->time.off;
    ret->signing.bad_at = signing->bad_at;
    ret->signing.expired = ret->signing.counts.on && signing->published_s != 0 &&
                           !locum_dns_is_usable(self->dns, signing->published_s, now_s);
}

void
locum_daemon_signing_fini(struct locum_daemon *self)
{
    locum_timer_fini(&self->signing.verify);
    free(self->signing.loaded);
}

/* The thread that writes the state, and what it is given. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/backoff.h"
#include "base/error.h"
#include "base/file.h"
#include "base/text_format.h"
#include "base/thread.h"
#include "daemon/state.h"

enum {
    RETRY_FIRST_MS = 1000,
    RETRY_MAX_MS = 30000,
    DESTROY_WAIT_MS = 1000,
    LOOK_MS = 2000,
    SLOT_BYTES_MAX = LOCUM_HISTORY_BYTES_MAX, /* the longest of what is written */
};

/* A file to be written: what is wanted, and how the last try went. */
struct slot {
    char path[LOCUM_STATE_PATH_MAX];
    char temp[LOCUM_STATE_PATH_MAX];
    char wanted[SLOT_BYTES_MAX];
    size_t length;
    bool pending; /* wanted is newer than the file */
    int error;    /* errno of the last try; 0: success */
};

_Static_assert((int)LOCUM_STATE_BYTES_MAX <= (int)SLOT_BYTES_MAX &&
                   (int)LOCUM_RESUME_BYTES_MAX <= (int)SLOT_BYTES_MAX,
               "each fits");

/* STATE-DIR/CLUSTER.signatures. */
struct signatures {
    char *bytes; /* NULL: none */
    size_t length;
    struct locum_hmac_key key;
};

/* The state of this run, challenges and the history, below /run; the state file, and challenges
 * beside it. */
enum { RUN, ACME, HISTORY, DISK, ACME_DISK, SLOTS };

/* STATE-DIR/CLUSTER.keys, with private keys: its bytes are cleared when they are freed. */
struct slot_of_keys {
    char path[LOCUM_STATE_PATH_MAX];
    char temp[LOCUM_STATE_PATH_MAX];
    char *bytes; /* to be written; NULL: nothing */
    size_t length;
    bool writing; /* other bytes, without the lock */
    int error;    /* errno of the last try; 0: success */
};

/* The thread that writes the state: what the loop and the thread share. `lock` is never held over a
 * system call on a file. */
struct locum_state_writer {
    bool run_at_once; /* the loop writes RUN and ACME itself: it is in memory, so no disk can delay
                         that */
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct slot slot[SLOTS];
    char bytes[SLOT_BYTES_MAX]; /* the thread's own */
    char dir[LOCUM_PATH_MAX + 1];
    char signatures_path[LOCUM_STATE_PATH_MAX], signatures_temp[LOCUM_STATE_PATH_MAX];
    bool stop;
    bool done;      /* the thread has ended */
    bool abandoned; /* destroy did not wait any longer: the thread frees this at its end */
    int keep_error; /* errno of the last try of `keep`; 0: success */
    struct locum_fallback_file keep; /* still to be written, if it has bytes */
    bool keep_now;                   /* not tried yet; this and `signatures` */
    struct signatures signatures;    /* still to be written, if it has bytes */
    int signatures_error;            /* errno of their last try; 0: success */
    struct slot_of_keys keys;
    struct locum_ondisk ondisk;           /* the thread's own */
    struct locum_ondisk ondisk_next;      /* to be used instead from now on; path[0] "": none */
    char refused[LOCUM_ONDISK_BYTES_MAX]; /* what is wrong with the configuration file; "" */
    locum_ms written;                     /* mono: the state file; LOCUM_NEVER */
};

static void
free_keys(char *bytes, size_t length)
{
    if (bytes != NULL) {
        explicit_bzero(bytes, length);
    }
    free(bytes);
}

static void
free_writer(struct locum_state_writer *self)
{
    (void)pthread_cond_destroy(&self->wake);
    (void)pthread_mutex_destroy(&self->lock);
    free(self->keep.bytes);
    free(self->signatures.bytes);
    free_keys(self->keys.bytes, self->keys.length);
    free(self);
}

/* Wait for a signal with the lock held. False: none came before the time. */
static bool
wait_for_signal(struct locum_state_writer *self, locum_ms mono)
{
    const struct timespec until = {.tv_sec = mono / 1000, .tv_nsec = mono % 1000 * 1000000};
    return pthread_cond_clockwait(&self->wake, &self->lock, CLOCK_MONOTONIC, &until) == 0;
}

/* With the lock held, which is released meanwhile. Returns when to look again, mono. */
static locum_ms
look_at_configuration(struct locum_state_writer *self)
{
    char error[LOCUM_ONDISK_BYTES_MAX] = "";
    if (self->ondisk_next.path[0][0] != '\0') {
        self->ondisk = self->ondisk_next;
        self->ondisk_next.path[0][0] = '\0';
    }
    (void)pthread_mutex_unlock(&self->lock);
    const bool news = locum_ondisk_look(&self->ondisk, error);
    (void)pthread_mutex_lock(&self->lock);
    if (news) {
        memcpy(self->refused, error, sizeof(error));
    }
    self->keep_now = true; /* again, if it failed */
    return locum_clock_read().mono + LOOK_MS;
}

/* With the lock held, which is released meanwhile. */
static void
write_kept(struct locum_state_writer *self)
{
    struct locum_fallback_file keep = self->keep;
    self->keep_now = false;
    if (keep.bytes == NULL) {
        return;
    }
    self->keep.bytes = NULL;
    (void)pthread_mutex_unlock(&self->lock);
    const int error = locum_kept_write(keep.path, keep.bytes, keep.length) == 0 ? 0 : errno;
    (void)pthread_mutex_lock(&self->lock);
    self->keep_error = error;
    if (error != 0 && self->keep.bytes == NULL) {
        self->keep = keep; /* no newer one has come: try it again */
    } else {
        free(keep.bytes);
    }
}

/* With the lock held, which is released meanwhile. */
static void
write_signatures(struct locum_state_writer *self)
{
    struct signatures signatures = self->signatures;
    if (signatures.bytes == NULL) {
        return;
    }
    self->signatures.bytes = NULL;
    (void)pthread_mutex_unlock(&self->lock);
    locum_signkeep_protect(&signatures.key, signatures.bytes, signatures.length);
    const int error = locum_file_replace(self->signatures_path, self->signatures_temp,
                                         signatures.bytes, signatures.length, 0600) == 0
                          ? 0
                          : errno;
    (void)pthread_mutex_lock(&self->lock);
    self->signatures_error = error;
    if (error != 0 && self->signatures.bytes == NULL) {
        self->signatures = signatures; /* no newer ones have come: try it again */
    } else {
        free(signatures.bytes);
    }
}

/* With the lock held, which is released meanwhile. */
static void
write_keys(struct locum_state_writer *self)
{
    struct slot_of_keys keys = self->keys;
    self->keys.bytes = NULL;
    self->keys.writing = true;
    (void)pthread_mutex_unlock(&self->lock);
    const int error =
        locum_file_replace(keys.path, keys.temp, keys.bytes, keys.length, 0600) == 0 ? 0 : errno;
    (void)pthread_mutex_lock(&self->lock);
    self->keys.error = error;
    self->keys.writing = false;
    if (error != 0 && self->keys.bytes == NULL) {
        self->keys.bytes = keys.bytes; /* no newer ones have come: try these again */
        self->keys.length = keys.length;
    } else {
        free_keys(keys.bytes, keys.length);
    }
}

/*
 * What a run has saved is worse than nothing if it is old, so a file of it that cannot be replaced
 * is removed. Returns 0 or an errno.
 */
static int
replace_file(const struct slot *slot, bool run, const char *bytes, size_t length)
{
    if (locum_file_replace(slot->path, slot->temp, bytes, length, 0600) == 0) {
        return 0;
    }
    const int error = errno;
    if (run) {
        (void)unlink(slot->path);
    }
    return error;
}

/* With the lock held, which is released meanwhile. */
static void
write_slot(struct locum_state_writer *self, struct slot *slot)
{
    const bool run = slot != &self->slot[DISK] && slot != &self->slot[HISTORY];
    const size_t length = slot->length;
    memcpy(self->bytes, slot->wanted, length);
    slot->pending = false;
    (void)pthread_mutex_unlock(&self->lock);
    const int error = replace_file(slot, run, self->bytes, length);
    (void)pthread_mutex_lock(&self->lock);
    slot->error = error;
    slot->pending = slot->pending || error != 0;
    if (error == 0 && slot == &self->slot[DISK]) {
        self->written = locum_clock_read().mono;
    }
}

static bool
is_pending(const struct locum_state_writer *self)
{
    bool pending = self->keys.bytes != NULL;
    for (size_t i = 0; i < SLOTS; i++) {
        pending = pending || self->slot[i].pending;
    }
    return pending;
}

static void *
write_loop(void *user)
{
    struct locum_state_writer *self = user;
    struct locum_backoff backoff = {.first_ms = RETRY_FIRST_MS, .max_ms = RETRY_MAX_MS};
    (void)pthread_mutex_lock(&self->lock);
    locum_ms look_at = locum_clock_read().mono + LOOK_MS;
    for (bool last = false; !last;) {
        if (!is_pending(self) && !self->keep_now && !self->stop) {
            (void)wait_for_signal(self, look_at);
        }
        if (!self->stop && locum_clock_read().mono >= look_at) {
            look_at = look_at_configuration(self);
        }
        if (self->keep_now || self->stop) {
            write_kept(self);
            write_signatures(self);
        }
        last = self->stop; /* one more try for what is pending */
        bool failed = false;
        if (self->keys.bytes != NULL) {
            write_keys(self);
            failed = self->keys.error != 0;
        }
        for (size_t i = 0; i < SLOTS; i++) {
            struct slot *slot = &self->slot[i];
            if (slot->pending) {
                write_slot(self, slot);
                failed = failed || slot->error != 0;
            }
        }
        if (!failed) {
            locum_backoff_reset(&backoff);
        } else {
            const locum_ms wait_ms =
                locum_backoff_next(&backoff, (uint32_t)self->slot[DISK].length);
            (void)(!self->stop && wait_for_signal(self, locum_clock_read().mono + wait_ms));
        }
    }
    self->done = true;
    (void)pthread_cond_broadcast(&self->wake);
    const bool abandoned = self->abandoned;
    (void)pthread_mutex_unlock(&self->lock);
    if (abandoned) {
        free_writer(self);
    }
    return NULL;
}

int
locum_state_writer_create(const struct locum_config *config, struct locum_state_writer **ret)
{
    struct locum_state_writer *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        return LOCUM_ERR_MEMORY;
    }
    self->lock = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
    self->wake = (pthread_cond_t)PTHREAD_COND_INITIALIZER;
    self->written = LOCUM_NEVER;
    locum_state_path(config, ".state", self->slot[DISK].path);
    locum_state_path(config, ".state.new", self->slot[DISK].temp);
    locum_state_path(config, ".keys", self->keys.path);
    locum_state_path(config, ".keys.new", self->keys.temp);
    locum_state_run_path(config, ".run", self->slot[RUN].path);
    locum_state_run_path(config, ".run.new", self->slot[RUN].temp);
    locum_state_path(config, ".acme", self->slot[ACME_DISK].path);
    locum_state_path(config, ".acme.new", self->slot[ACME_DISK].temp);
    locum_state_run_path(config, ".acme", self->slot[ACME].path);
    locum_state_run_path(config, ".acme.new", self->slot[ACME].temp);
    locum_state_run_path(config, ".history", self->slot[HISTORY].path);
    locum_state_run_path(config, ".history.new", self->slot[HISTORY].temp);
    self->run_at_once = locum_file_is_in_memory(self->slot[RUN].path);
    locum_state_path(config, ".signatures", self->signatures_path);
    locum_state_path(config, ".signatures.new", self->signatures_temp);
    memcpy(self->dir, config->state_dir, sizeof(self->dir));
    locum_ondisk_init(&self->ondisk, config);
    if (locum_thread_start(&self->thread, "locum-state", write_loop, self) != 0) {
        free_writer(self);
        return LOCUM_ERR_IO;
    }
    *ret = self;
    return 0;
}

static void
want(struct locum_state_writer *self, struct slot *slot, const struct locum_text *text)
{
    (void)pthread_mutex_lock(&self->lock);
    memcpy(slot->wanted, text->at, text->length);
    slot->length = text->length;
    slot->pending = true;
    (void)pthread_cond_signal(&self->wake);
    (void)pthread_mutex_unlock(&self->lock);
}

void
locum_state_writer_put(struct locum_state_writer *self, const struct locum_config *config,
                       const struct locum_saved *saved, uint32_t serial, struct locum_now now)
{
    char buffer[LOCUM_STATE_BYTES_MAX];
    struct locum_text text = locum_text_init(buffer, sizeof(buffer));
    locum_state_add(&text, config, saved, serial, now);
    LOCUM_INVARIANT(!text.truncated); /* 32 names of 15 characters and a reason fit */
    want(self, &self->slot[DISK], &text);
}

/* Write it now if no disk can delay that, else soon. */
static void
put_at_once(struct locum_state_writer *self, struct slot *slot, const struct locum_text *text)
{
    if (!self->run_at_once) {
        want(self, slot, text);
        return;
    }
    const int error = replace_file(slot, true, text->at, text->length);
    (void)pthread_mutex_lock(&self->lock);
    slot->error = error;
    (void)pthread_mutex_unlock(&self->lock);
}

void
locum_state_writer_put_run(struct locum_state_writer *self, const struct locum_text *text)
{
    LOCUM_INVARIANT(!text->truncated && text->length < LOCUM_RESUME_BYTES_MAX);
    put_at_once(self, &self->slot[RUN], text);
}

void
locum_state_writer_put_acme(struct locum_state_writer *self, const struct locum_text *text)
{
    LOCUM_INVARIANT(!text->truncated && text->length < LOCUM_STATE_ACME_BYTES_MAX);
    put_at_once(self, &self->slot[ACME], text);
    want(self, &self->slot[ACME_DISK], text);
}

void
locum_state_writer_put_history(struct locum_state_writer *self, const struct locum_text *text)
{
    LOCUM_INVARIANT(!text->truncated && text->length < LOCUM_HISTORY_BYTES_MAX);
    want(self, &self->slot[HISTORY], text);
}

void
locum_state_writer_put_signatures(struct locum_state_writer *self, char *bytes, size_t length,
                                  const struct locum_hmac_key *key)
{
    (void)pthread_mutex_lock(&self->lock);
    free(self->signatures.bytes);
    self->signatures = (struct signatures){.bytes = bytes, .length = length, .key = *key};
    self->keep_now = true;
    (void)pthread_cond_signal(&self->wake);
    (void)pthread_mutex_unlock(&self->lock);
}

void
locum_state_writer_put_keys(struct locum_state_writer *self, char *bytes, size_t length)
{
    (void)pthread_mutex_lock(&self->lock);
    free_keys(self->keys.bytes, self->keys.length);
    self->keys.bytes = bytes;
    self->keys.length = length;
    (void)pthread_cond_signal(&self->wake);
    (void)pthread_mutex_unlock(&self->lock);
}

bool
locum_state_writer_lacks_keys(struct locum_state_writer *self)
{
    (void)pthread_mutex_lock(&self->lock);
    const bool lacks = self->keys.bytes != NULL || self->keys.writing;
    (void)pthread_mutex_unlock(&self->lock);
    return lacks;
}

void
locum_state_writer_keep(struct locum_state_writer *self, const struct locum_config *config,
                        const char *refused)
{
    struct locum_fallback_file keep = {.bytes = NULL};
    const bool failed =
        !config->kept && locum_fallback_make(config, locum_clock_read().wall, &keep) != 0;
    (void)pthread_mutex_lock(&self->lock);
    (void)locum_text_format_buffer(self->refused, sizeof(self->refused), "%s", refused);
    locum_ondisk_init(&self->ondisk_next, config);
    if (keep.bytes != NULL) {
        free(self->keep.bytes);
        self->keep = keep;
        self->keep_now = true;
        (void)pthread_cond_signal(&self->wake);
    }
    self->keep_error = failed ? ENOMEM : self->keep_error;
    (void)pthread_mutex_unlock(&self->lock);
}

bool
locum_state_writer_lacks_run(struct locum_state_writer *self)
{
    (void)pthread_mutex_lock(&self->lock);
    const bool lacks = self->run_at_once && self->slot[RUN].error != 0;
    (void)pthread_mutex_unlock(&self->lock);
    return lacks;
}

static const char *
advice_on(int error)
{
    switch (error) {
    case EACCES:
    case EPERM: return ": give the service's user write access to it";
    case EROFS: return ": remount it writable, or choose another `state-dir`";
    case ENOSPC:
    case EDQUOT: return ": free space on its disk";
    case ENOENT:
    case ENOTDIR: return ": create it, owned by the service's user";
    default: return "";
    }
}

bool
locum_state_writer_error(struct locum_state_writer *self, struct locum_text *ret_why)
{
    (void)pthread_mutex_lock(&self->lock);
    const int error = self->slot[DISK].error != 0 ? self->slot[DISK].error : self->keep_error;
    const int run_error = self->slot[RUN].error;
    const struct slot *acme = &self->slot[self->slot[ACME].error != 0 ? ACME : ACME_DISK];
    const int acme_error = acme->error;
    const int history_error = self->slot[HISTORY].error;
    const int signatures_error = self->signatures_error;
    const int keys_error = self->keys.error;
    (void)pthread_mutex_unlock(&self->lock);
    if (error != 0) {
        locum_text_format(ret_why,
                          "state folder %s cannot be written (%s)%s. A restart would lose drains, "
                          "exclusions and the last good configuration; DNS answers are not "
                          "affected",
                          self->dir, strerror(error), advice_on(error));
    } else if (keys_error != 0) {
        locum_text_format(
            ret_why,
            "%s cannot be written (%s)%s. A restart would lose which DNSSEC keys must "
            "go on signing: remove no key file until it can be written",
            self->keys.path, strerror(keys_error), advice_on(keys_error));
    } else if (run_error != 0) {
        locum_text_format(ret_why,
                          "%s cannot be written (%s)%s. A restart would begin without what this "
                          "node knows of its peers; DNS answers are not affected",
                          self->slot[RUN].path, strerror(run_error), advice_on(run_error));
    } else if (acme_error != 0) {
        locum_text_format(ret_why,
                          "%s cannot be written (%s)%s. A restart would lose the values of ACME "
                          "challenges that this node has taken",
                          acme->path, strerror(acme_error), advice_on(acme_error));
    } else if (history_error != 0) {
        locum_text_format(ret_why,
                          "%s cannot be written (%s)%s. A restart would lose the history of the "
                          "last 24 hours; DNS answers are not affected",
                          self->slot[HISTORY].path, strerror(history_error),
                          advice_on(history_error));
    } else if (signatures_error != 0) {
        locum_text_format(ret_why,
                          "%s cannot be written (%s)%s. A restart would make all signatures again; "
                          "DNS answers are not affected",
                          self->signatures_path, strerror(signatures_error),
                          advice_on(signatures_error));
    }
    return error != 0 || keys_error != 0 || run_error != 0 || acme_error != 0 ||
           history_error != 0 || signatures_error != 0;
}

void
locum_state_writer_refused(struct locum_state_writer *self, char ret_error[LOCUM_ONDISK_BYTES_MAX])
{
    (void)pthread_mutex_lock(&self->lock);
    memcpy(ret_error, self->refused, LOCUM_ONDISK_BYTES_MAX);
    (void)pthread_mutex_unlock(&self->lock);
}

locum_ms
locum_state_writer_written(struct locum_state_writer *self)
{
    (void)pthread_mutex_lock(&self->lock);
    const locum_ms written = self->written;
    (void)pthread_mutex_unlock(&self->lock);
    return written;
}

void
locum_state_writer_destroy(struct locum_state_writer *self)
{
    if (self == NULL) {
        return;
    }
    const locum_ms until = locum_clock_read().mono + DESTROY_WAIT_MS;
    const pthread_t thread = self->thread;
    (void)pthread_mutex_lock(&self->lock);
    self->stop = true;
    (void)pthread_cond_signal(&self->wake);
    while (!self->done && wait_for_signal(self, until)) {
    }
    const bool done = self->done;
    self->abandoned = !done; /* a disk that hangs: the process ends without the thread */
    (void)pthread_mutex_unlock(&self->lock);
    if (done) {
        (void)pthread_join(thread, NULL);
        free_writer(self);
    } else {
        (void)pthread_detach(thread);
    }
}

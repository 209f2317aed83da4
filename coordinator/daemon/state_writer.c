/* The thread that writes the state to the disk. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/backoff.h"
#include "base/error.h"
#include "base/file.h"
#include "base/text_format.h"
#include "daemon/state.h"

enum { RETRY_FIRST_MS = 1000, RETRY_MAX_MS = 30000, DESTROY_WAIT_MS = 1000 };

/* What the loop and the thread share. `lock` is never held over a system call on a file. */
struct locum_state_writer {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    char path[LOCUM_STATE_PATH_MAX];
    char temp[LOCUM_STATE_PATH_MAX];
    char dir[LOCUM_PATH_MAX + 1];
    char wanted[LOCUM_STATE_BYTES_MAX];
    size_t wanted_length;
    bool pending; /* wanted is newer than the file */
    bool stop;
    bool done;        /* the thread has ended */
    bool abandoned;   /* destroy did not wait any longer: the thread frees this at its end */
    int error;        /* errno of the last try; 0: success */
    locum_ms written; /* mono; LOCUM_NEVER */
};

static void
free_writer(struct locum_state_writer *self)
{
    (void)pthread_cond_destroy(&self->wake);
    (void)pthread_mutex_destroy(&self->lock);
    free(self);
}

/* Wait for a signal with the lock held. False: none came before the time. */
static bool
wait_for_signal(struct locum_state_writer *self, locum_ms mono)
{
    const struct timespec until = {.tv_sec = mono / 1000, .tv_nsec = mono % 1000 * 1000000};
    return pthread_cond_clockwait(&self->wake, &self->lock, CLOCK_MONOTONIC, &until) == 0;
}

static void *
write_loop(void *user)
{
    struct locum_state_writer *self = user;
    struct locum_backoff backoff = {.first_ms = RETRY_FIRST_MS, .max_ms = RETRY_MAX_MS};
    char bytes[LOCUM_STATE_BYTES_MAX];
    (void)pthread_mutex_lock(&self->lock);
    for (bool last = false; !last;) {
        while (!self->pending && !self->stop) {
            (void)pthread_cond_wait(&self->wake, &self->lock);
        }
        last = self->stop; /* one more try for what is pending */
        if (!self->pending) {
            continue;
        }
        const size_t length = self->wanted_length;
        memcpy(bytes, self->wanted, length);
        self->pending = false;
        (void)pthread_mutex_unlock(&self->lock);
        const bool written = locum_file_replace(self->path, self->temp, bytes, length, 0640) == 0;
        const int error = written ? 0 : errno;
        (void)pthread_mutex_lock(&self->lock);
        self->error = error;
        if (written) {
            self->written = locum_clock_read().mono;
            locum_backoff_reset(&backoff);
        } else {
            const locum_ms wait_ms = locum_backoff_next(&backoff, (uint32_t)length);
            self->pending = true;
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
    locum_state_path(config, ".state", self->path);
    locum_state_path(config, ".state.new", self->temp);
    memcpy(self->dir, config->state_dir, sizeof(self->dir));
    if (pthread_create(&self->thread, NULL, write_loop, self) != 0) {
        free_writer(self);
        return LOCUM_ERR_IO;
    }
    *ret = self;
    return 0;
}

void
locum_state_writer_put(struct locum_state_writer *self, const struct locum_config *config,
                       const struct locum_saved *saved, uint32_t serial, struct locum_now now)
{
    char buffer[LOCUM_STATE_BYTES_MAX];
    struct locum_text text = locum_text_init(buffer, sizeof(buffer));
    locum_state_add(&text, config, saved, serial, now);
    LOCUM_INVARIANT(!text.truncated); /* 32 names of 15 characters and a reason fit */
    (void)pthread_mutex_lock(&self->lock);
    memcpy(self->wanted, buffer, text.length);
    self->wanted_length = text.length;
    self->pending = true;
    (void)pthread_cond_signal(&self->wake);
    (void)pthread_mutex_unlock(&self->lock);
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
    const int error = self->error;
    (void)pthread_mutex_unlock(&self->lock);
    if (error == 0) {
        return false;
    }
    locum_text_format(ret_why,
                      "state folder %s cannot be written (%s)%s. A restart would lose drains and "
                      "exclusions; DNS answers are not affected",
                      self->dir, strerror(error), advice_on(error));
    return true;
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

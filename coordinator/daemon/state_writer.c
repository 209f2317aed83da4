/* The thread that makes the state durable. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/backoff.h"
#include "base/error.h"
#include "daemon/state.h"

enum { RETRY_FIRST_MS = 1000, RETRY_MAX_MS = 30000, DESTROY_WAIT_MS = 1000 };

/* What the loop and the thread share, under one lock that is never held over a system call. */
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
    bool abandoned;   /* nobody waits for the thread any more: it frees all this at its end */
    int error;        /* errno of the last try; 0: it went well */
    locum_ms written; /* mono; LOCUM_NEVER */
};

static void
free_writer(struct locum_state_writer *self)
{
    (void)pthread_cond_destroy(&self->wake);
    (void)pthread_mutex_destroy(&self->lock);
    free(self);
}

/* 0 or errno. */
static int
write_all(int fd, const char *bytes, size_t length)
{
    while (length > 0) {
        const ssize_t written = write(fd, bytes, length);
        if (written < 0 && errno != EINTR) {
            return errno;
        }
        if (written > 0) {
            bytes += written;
            length -= (size_t)written;
        }
    }
    return fsync(fd) == 0 ? 0 : errno;
}

/* Temp file, fsync, rename, fsync of the folder. 0 or errno. */
static int
write_file(const struct locum_state_writer *self, const char *bytes, size_t length)
{
    const int fd = open(self->temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
    if (fd < 0) {
        return errno;
    }
    int error = write_all(fd, bytes, length);
    if (close(fd) != 0 && error == 0) {
        error = errno;
    }
    if (error == 0 && rename(self->temp, self->path) != 0) {
        error = errno;
    }
    if (error != 0) {
        (void)unlink(self->temp);
        return error;
    }
    const int dir = open(self->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir >= 0) {
        error = fsync(dir) == 0 ? 0 : errno;
        (void)close(dir);
    }
    return error;
}

static void
add_ms(struct timespec *time, locum_ms ms)
{
    time->tv_sec += ms / 1000;
    time->tv_nsec += ms % 1000 * 1000000;
    if (time->tv_nsec >= 1000000000) {
        time->tv_sec++;
        time->tv_nsec -= 1000000000;
    }
}

/* Wait with the lock held until there is work, or for `retry_ms` after a failure. */
static void
wait_for_work(struct locum_state_writer *self, locum_ms retry_ms)
{
    struct timespec until;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    add_ms(&until, retry_ms);
    if (retry_ms > 0 && !self->stop) {
        (void)pthread_cond_timedwait(&self->wake, &self->lock, &until);
    }
    while (!self->pending && !self->stop) {
        (void)pthread_cond_wait(&self->wake, &self->lock);
    }
}

static void *
write_loop(void *user)
{
    struct locum_state_writer *self = user;
    struct locum_backoff backoff = {.first_ms = RETRY_FIRST_MS, .max_ms = RETRY_MAX_MS};
    char bytes[LOCUM_STATE_BYTES_MAX];
    locum_ms retry_ms = 0;
    (void)pthread_mutex_lock(&self->lock);
    for (bool last = false; !last;) {
        wait_for_work(self, retry_ms);
        last = self->stop;
        if (!self->pending) {
            continue;
        }
        const size_t length = self->wanted_length;
        memcpy(bytes, self->wanted, length);
        self->pending = false;
        (void)pthread_mutex_unlock(&self->lock);
        const int error = write_file(self, bytes, length);
        (void)pthread_mutex_lock(&self->lock);
        self->error = error;
        retry_ms = error == 0 ? 0 : locum_backoff_next(&backoff, (uint32_t)length);
        if (error == 0) {
            self->written = locum_now_read().mono;
            locum_backoff_reset(&backoff);
        } else {
            self->pending = true;
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

static int
init_locks(struct locum_state_writer *self)
{
    pthread_condattr_t attributes;
    if (pthread_mutex_init(&self->lock, NULL) != 0 || pthread_condattr_init(&attributes) != 0) {
        return LOCUM_ERR_MEMORY;
    }
    const bool made = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0 &&
                      pthread_cond_init(&self->wake, &attributes) == 0;
    (void)pthread_condattr_destroy(&attributes);
    return made ? 0 : LOCUM_ERR_MEMORY;
}

int
locum_state_writer_create(const struct locum_config *config, struct locum_state_writer **ret)
{
    struct locum_state_writer *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        return LOCUM_ERR_MEMORY;
    }
    self->written = LOCUM_NEVER;
    locum_state_path(config, ".state", self->path);
    locum_state_path(config, ".state.new", self->temp);
    memcpy(self->dir, config->state_dir, sizeof(self->dir));
    int status = init_locks(self);
    if (status == 0 && pthread_create(&self->thread, NULL, write_loop, self) != 0) {
        status = LOCUM_ERR_IO;
    }
    if (status != 0) {
        free(self);
        return status;
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
    case EPERM: return "; give the service's user write access to it";
    case EROFS: return "; remount it writable, or choose another `state-dir`";
    case ENOSPC:
    case EDQUOT: return "; free space on its disk";
    case ENOENT:
    case ENOTDIR: return "; create it, owned by the service's user";
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
    locum_text_add(ret_why, "state folder ");
    locum_text_add(ret_why, self->dir);
    locum_text_add(ret_why, " cannot be written (");
    locum_text_add(ret_why, strerror(error));
    locum_text_add(ret_why, "): a restart would forget drains and exclusions; serving goes on");
    locum_text_add(ret_why, advice_on(error));
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
    struct timespec until;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    add_ms(&until, DESTROY_WAIT_MS);
    (void)pthread_mutex_lock(&self->lock);
    self->stop = true;
    (void)pthread_cond_signal(&self->wake);
    int waited = 0;
    while (!self->done && waited == 0) {
        waited = pthread_cond_timedwait(&self->wake, &self->lock, &until);
    }
    const pthread_t thread = self->thread;
    const bool done = self->done;
    self->abandoned = !done; /* a disk that hangs: the process ends without it */
    (void)pthread_mutex_unlock(&self->lock);
    if (done) {
        (void)pthread_join(thread, NULL);
        free_writer(self);
    } else {
        (void)pthread_detach(thread);
    }
}

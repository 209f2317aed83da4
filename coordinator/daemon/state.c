#include "daemon/state.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/backoff.h"
#include "base/error.h"
#include "base/file.h"
#include "base/text_format.h"

enum {
    BOOT_ID_MAX = 40,
    RETRY_FIRST_MS = 1000,
    RETRY_MAX_MS = 30000,
    DESTROY_WAIT_MS = 1000,
    LOOK_MS = 2000
};

static const uint64_t time_max = (uint64_t)1 << 53; /* ms; later times are refused */

void
locum_state_path(const struct locum_config *config, const char *suffix,
                 char ret[LOCUM_STATE_PATH_MAX])
{
    (void)locum_text_format_buffer(ret, LOCUM_STATE_PATH_MAX, "%s/%s%s", config->state_dir,
                                   config->core.cluster, suffix);
}

/* The id of this boot; "" if the kernel does not give it. */
static void
read_boot_id(char ret[BOOT_ID_MAX])
{
    size_t length;
    if (locum_file_read("/proc/sys/kernel/random/boot_id", ret, BOOT_ID_MAX, &length, NULL, NULL) !=
        0) {
        length = 0;
    }
    ret[length > 0 && ret[length - 1] == '\n' ? length - 1 : length] = '\0';
}

/* The file's lines, before the lease is worked out. */
struct lines {
    struct locum_saved saved;
    uint32_t serial;
    char boot_id[BOOT_ID_MAX];
    uint64_t until_boot_ms;
    uint64_t left_ms;
    bool leased;
    bool other_node; /* another node wrote it */
    bool complete;   /* `admin` is there, as in every whole file */
};

static void
parse_excluded(const struct locum_config *config, struct locum_slice names,
               struct locum_saved *saved)
{
    struct locum_slice name;
    while (locum_slice_cut(&names, ',', &name)) {
        const locum_node node = locum_nodes_find(&config->core, name);
        if (node != LOCUM_NODE_NONE && node != config->core.self) {
            saved->admin.excluded |= locum_nodes_of(node);
        }
    }
}

/* dc3=8100000,dc4=8122000 */
static int
parse_down(const struct locum_config *config, struct locum_slice pairs, struct locum_saved *saved)
{
    struct locum_slice pair;
    struct locum_slice name;
    uint64_t since;
    while (locum_slice_cut(&pairs, ',', &pair)) {
        (void)locum_slice_cut(&pair, '=', &name); /* the first field always exists */
        const locum_node node = locum_nodes_find(&config->core, name);
        if (pair.at == NULL || locum_slice_u64(pair, time_max, &since) != 0) {
            return LOCUM_ERR_INVALID;
        }
        if (node != LOCUM_NODE_NONE && node != config->core.self) {
            saved->down_since[node] = (locum_ms)since;
        }
    }
    return 0;
}

static int
parse_line(const struct locum_config *config, struct locum_slice line, struct lines *ret)
{
    struct locum_slice key;
    uint64_t number;
    int status = 0;
    if (!locum_slice_cut(&line, ' ', &key) || line.at == NULL) {
        return LOCUM_ERR_INVALID;
    }
    if (locum_slice_is(key, "incarnation")) {
        status = locum_slice_u64(line, time_max, &ret->saved.incarnation);
    } else if (locum_slice_is(key, "serial")) {
        status = locum_slice_u64(line, UINT32_MAX, &number);
        ret->serial = status == 0 ? (uint32_t)number : ret->serial;
    } else if (locum_slice_is(key, "boot-id")) {
        status = locum_slice_copy(line, ret->boot_id, sizeof(ret->boot_id));
    } else if (locum_slice_is(key, "admin")) {
        status = locum_names_find_admin(line, &ret->saved.admin.state) ? 0 : LOCUM_ERR_INVALID;
        ret->complete = true;
    } else if (locum_slice_is(key, "until-boot-ms")) {
        status = locum_slice_u64(line, time_max, &ret->until_boot_ms);
    } else if (locum_slice_is(key, "left-ms")) {
        status = locum_slice_u64(line, time_max, &ret->left_ms);
        ret->leased = status == 0;
    } else if (locum_slice_is(key, "reason")) {
        status = locum_slice_copy(line, ret->saved.admin.reason, sizeof(ret->saved.admin.reason));
    } else if (locum_slice_is(key, "excluded")) {
        parse_excluded(config, line, &ret->saved);
    } else if (locum_slice_is(key, "node")) {
        ret->other_node = !locum_slice_is(line, config->core.nodes[config->core.self].name);
    } else if (locum_slice_is(key, "down")) {
        status = parse_down(config, line, &ret->saved);
    }
    return status; /* a key of a later version is skipped */
}

static int
parse_file(const struct locum_config *config, struct locum_slice rest, struct lines *ret,
           struct locum_text *ret_why)
{
    const bool whole = rest.length > 0 && rest.at[rest.length - 1] == '\n';
    struct locum_slice line;
    int status = 0;
    for (uint64_t number = 1; locum_slice_cut(&rest, '\n', &line); number++) {
        if (line.length > 0 && parse_line(config, line, ret) != 0 && status == 0) {
            status = LOCUM_ERR_INVALID;
            locum_text_format(ret_why, "line %" PRIu64 " is malformed: ", number);
            locum_text_add_escaped(ret_why, line.at, line.length < 80 ? line.length : 80);
        }
    }
    if (status == 0 && !(whole && ret->complete)) {
        status = LOCUM_ERR_INVALID;
        locum_text_add(ret_why, "a part is missing");
    }
    return status;
}

static bool
is_same_boot(const struct lines *lines)
{
    char boot_id[BOOT_ID_MAX];
    read_boot_id(boot_id);
    return boot_id[0] != '\0' && strcmp(boot_id, lines->boot_id) == 0;
}

static locum_ms
lease_end(const struct lines *lines, bool same_boot, struct locum_now now)
{
    if (!lines->leased || lines->saved.admin.state == LOCUM_READY) {
        return LOCUM_NEVER;
    }
    const locum_ms until =
        same_boot ? (locum_ms)lines->until_boot_ms : now.boot + (locum_ms)lines->left_ms;
    return until < (locum_ms)time_max ? until : (locum_ms)time_max;
}

/* COND-14: after a reboot, or as another node, nothing is known of the peers. */
static void
check_down(const struct lines *lines, bool same_boot, struct locum_now now,
           struct locum_saved *saved)
{
    for (size_t node = 0; node < LOCUM_NODES_MAX; node++) {
        if (!same_boot || lines->other_node || saved->down_since[node] > now.boot) {
            saved->down_since[node] = 0;
        }
    }
}

/* Keep a malformed file for the operator to look at, and say so. */
static void
keep_broken(const char *path, const struct locum_config *config, struct locum_text *ret_why)
{
    char aside[LOCUM_STATE_PATH_MAX];
    locum_state_path(config, ".state.broken", aside);
    locum_text_format(ret_why, " in %s", path);
    if (rename(path, aside) == 0) {
        locum_text_format(ret_why, "; kept as %s", aside);
    }
    locum_text_add(ret_why, "; check `locum status` for the admin state and exclusions");
}

int
locum_state_load(const struct locum_config *config, struct locum_now now,
                 struct locum_saved *ret_saved, uint32_t *ret_serial, struct locum_text *ret_why)
{
    char path[LOCUM_STATE_PATH_MAX];
    char buffer[LOCUM_STATE_BYTES_MAX];
    char reason[128];
    size_t length = 0;
    struct lines lines = {0};
    struct locum_text why = locum_text_init(reason, sizeof(reason));
    locum_state_path(config, ".state", path);
    int status = locum_file_read(path, buffer, sizeof(buffer), &length, NULL, &why);
    if (status == 0) {
        status = parse_file(config, (struct locum_slice){.at = buffer, .length = length}, &lines,
                            ret_why);
        if (status != 0) {
            keep_broken(path, config, ret_why);
        }
    } else if (status == LOCUM_ERR_RANGE) {
        locum_text_format(ret_why, "too long (%s)", reason);
        keep_broken(path, config, ret_why);
        status = LOCUM_ERR_INVALID;
    } else if (status == LOCUM_ERR_NOT_FOUND) {
        status = 0; /* the first run */
    } else {
        locum_text_format(ret_why,
                          "%s: %s: admin state, exclusions and serial of the last run are lost; "
                          "give the service's user access to the file",
                          path, reason);
    }
    *ret_saved = lines.saved;
    const bool same_boot = is_same_boot(&lines);
    ret_saved->admin.until_boot = lease_end(&lines, same_boot, now);
    check_down(&lines, same_boot, now, ret_saved);
    *ret_serial = lines.serial;
    return status;
}

static void
add_down(struct locum_text *text, const struct locum_config *config,
         const struct locum_saved *saved)
{
    const char *separator = "down ";
    for (locum_node node = 0; node < config->core.node_count; node++) {
        if (saved->down_since[node] != 0) {
            locum_text_format(text, "%s%s=%" PRIi64, separator, config->core.nodes[node].name,
                              saved->down_since[node]);
            separator = ",";
        }
    }
    locum_text_add(text, separator[0] == ',' ? "\n" : "");
}

void
locum_state_add(struct locum_text *text, const struct locum_config *config,
                const struct locum_saved *saved, uint32_t serial, struct locum_now now)
{
    const struct locum_admin_state *admin = &saved->admin;
    locum_text_format(text, "incarnation %" PRIu64 "\nserial %" PRIu32 "\nadmin %s\n",
                      saved->incarnation, serial, locum_names_admin(admin->state));
    char boot_id[BOOT_ID_MAX];
    read_boot_id(boot_id);
    locum_text_format(text, "node %s\nboot-id %s\n", config->core.nodes[config->core.self].name,
                      boot_id[0] != '\0' ? boot_id : "-");
    if (admin->until_boot != LOCUM_NEVER) {
        const locum_ms left = admin->until_boot > now.boot ? admin->until_boot - now.boot : 0;
        locum_text_format(text, "until-boot-ms %" PRIi64 "\nleft-ms %" PRIi64 "\n",
                          admin->until_boot, left);
    }
    if (admin->reason[0] != '\0') {
        locum_text_add(text, "reason ");
        for (const char *c = admin->reason; *c != '\0'; c++) {
            locum_text_add_char(text, (uint8_t)*c < ' ' ? ' ' : *c); /* a line stays a line */
        }
        locum_text_add_char(text, '\n');
    }
    if (admin->excluded != 0) {
        locum_text_add(text, "excluded ");
        locum_nodes_add(text, &config->core, admin->excluded);
        locum_text_add_char(text, '\n');
    }
    add_down(text, config, saved);
}

/* The thread that writes the state to the disk: what the loop and the thread share. `lock` is never
 * held over a system call on a file. */
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
    bool done;      /* the thread has ended */
    bool abandoned; /* destroy did not wait any longer: the thread frees this at its end */
    int error;      /* errno of the last try; 0: success */
    struct locum_ondisk ondisk;           /* the thread's own */
    char refused[LOCUM_ONDISK_BYTES_MAX]; /* what is wrong with the configuration file; "" */
    locum_ms written;                     /* mono; LOCUM_NEVER */
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

/* With the lock held, which is released meanwhile. Returns when to look again, mono. */
static locum_ms
look_at_configuration(struct locum_state_writer *self)
{
    char error[LOCUM_ONDISK_BYTES_MAX] = "";
    (void)pthread_mutex_unlock(&self->lock);
    const bool news = locum_ondisk_look(&self->ondisk, error);
    (void)pthread_mutex_lock(&self->lock);
    if (news) {
        memcpy(self->refused, error, sizeof(error));
    }
    return locum_clock_read().mono + LOOK_MS;
}

static void *
write_loop(void *user)
{
    struct locum_state_writer *self = user;
    struct locum_backoff backoff = {.first_ms = RETRY_FIRST_MS, .max_ms = RETRY_MAX_MS};
    char bytes[LOCUM_STATE_BYTES_MAX];
    (void)pthread_mutex_lock(&self->lock);
    locum_ms look_at = locum_clock_read().mono + LOOK_MS;
    for (bool last = false; !last;) {
        if (!self->pending && !self->stop) {
            (void)wait_for_signal(self, look_at);
        }
        if (!self->stop && locum_clock_read().mono >= look_at) {
            look_at = look_at_configuration(self);
        }
        last = self->stop; /* one more try for what is pending */
        if (!self->pending) {
            continue;
        }
        const size_t length = self->wanted_length;
        memcpy(bytes, self->wanted, length);
        self->pending = false;
        (void)pthread_mutex_unlock(&self->lock);
        const bool written = locum_file_replace(self->path, self->temp, bytes, length, 0600) == 0;
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
    locum_ondisk_init(&self->ondisk, config->path);
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

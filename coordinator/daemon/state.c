#include "daemon/state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"

enum { BOOT_ID_MAX = 40 };

static const uint64_t time_max = (uint64_t)1 << 53; /* ms: no time is read that is beyond it */

void
locum_state_path(const struct locum_config *config, const char *suffix,
                 char ret[LOCUM_STATE_PATH_MAX])
{
    struct locum_text text = locum_text_init(ret, LOCUM_STATE_PATH_MAX);
    locum_text_add(&text, config->state_dir);
    locum_text_add_char(&text, '/');
    locum_text_add(&text, config->core.cluster);
    locum_text_add(&text, suffix);
}

/* Read a small file. Returns its length or -errno. */
static ssize_t
read_small(const char *path, char *buffer, size_t size)
{
    size_t length = 0;
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return -errno;
    }
    ssize_t got;
    while ((got = read(fd, buffer + length, size - length)) > 0) {
        length += (size_t)got;
    }
    const int error = errno;
    (void)close(fd);
    return got < 0 ? -error : (ssize_t)length;
}

/* Which boot this is; "" if the kernel does not tell. */
static void
read_boot_id(char ret[BOOT_ID_MAX])
{
    char buffer[BOOT_ID_MAX];
    const ssize_t length =
        read_small("/proc/sys/kernel/random/boot_id", buffer, sizeof(buffer) - 1);
    struct locum_slice rest = {.at = buffer, .length = length > 0 ? (size_t)length : 0};
    struct locum_slice line;
    ret[0] = '\0';
    if (locum_slice_cut(&rest, '\n', &line) && locum_slice_copy(line, ret, BOOT_ID_MAX) != 0) {
        ret[0] = '\0';
    }
}

/* The file's lines, before the lease is worked out. */
struct lines {
    struct locum_saved saved;
    uint32_t serial;
    char boot_id[BOOT_ID_MAX];
    uint64_t until_boot_ms;
    uint64_t left_ms;
    bool leased;
    bool worded; /* `admin` is there, which every whole file has */
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
        ret->worded = true;
    } else if (locum_slice_is(key, "until-boot-ms")) {
        status = locum_slice_u64(line, time_max, &ret->until_boot_ms);
    } else if (locum_slice_is(key, "left-ms")) {
        status = locum_slice_u64(line, time_max, &ret->left_ms);
        ret->leased = status == 0;
    } else if (locum_slice_is(key, "reason")) {
        status = locum_slice_copy(line, ret->saved.admin.reason, sizeof(ret->saved.admin.reason));
    } else if (locum_slice_is(key, "excluded")) {
        parse_excluded(config, line, &ret->saved);
    }
    return status; /* a key of a later version is skipped */
}

static int
parse_file(const struct locum_config *config, struct locum_slice rest, struct lines *ret,
           struct locum_text *ret_why)
{
    const bool whole =
        rest.length > 0 && rest.length < LOCUM_STATE_BYTES_MAX && rest.at[rest.length - 1] == '\n';
    struct locum_slice line;
    int status = 0;
    for (uint64_t number = 1; locum_slice_cut(&rest, '\n', &line); number++) {
        if (line.length > 0 && parse_line(config, line, ret) != 0 && status == 0) {
            status = LOCUM_ERR_INVALID;
            locum_text_add(ret_why, "line ");
            locum_text_add_u64(ret_why, number);
            locum_text_add(ret_why, " is malformed: ");
            locum_text_add_escaped(ret_why, line.at, line.length < 80 ? line.length : 80);
        }
    }
    if (status == 0 && !(whole && ret->worded)) {
        status = LOCUM_ERR_INVALID;
        locum_text_add(ret_why, "a part is missing");
    }
    return status;
}

static locum_ms
lease_end(const struct lines *lines, struct locum_now now)
{
    char boot_id[BOOT_ID_MAX];
    if (!lines->leased || lines->saved.admin.state == LOCUM_READY) {
        return LOCUM_NEVER;
    }
    read_boot_id(boot_id);
    const bool same_boot = boot_id[0] != '\0' && strcmp(boot_id, lines->boot_id) == 0;
    const locum_ms until =
        same_boot ? (locum_ms)lines->until_boot_ms : now.boot + (locum_ms)lines->left_ms;
    return until < (locum_ms)time_max ? until : (locum_ms)time_max;
}

/* Keep a malformed file for a person to look at, and say so. */
static void
keep_broken(const char *path, const struct locum_config *config, struct locum_text *ret_why)
{
    char aside[LOCUM_STATE_PATH_MAX];
    locum_state_path(config, ".state.broken", aside);
    if (rename(path, aside) == 0) {
        locum_text_add(ret_why, "; kept as ");
        locum_text_add(ret_why, aside);
    }
    locum_text_add(ret_why, "; check `locum status` for admin state and exclusions");
}

int
locum_state_load(const struct locum_config *config, struct locum_now now,
                 struct locum_saved *ret_saved, uint32_t *ret_serial, struct locum_text *ret_why)
{
    char path[LOCUM_STATE_PATH_MAX];
    char buffer[LOCUM_STATE_BYTES_MAX];
    struct lines lines = {0};
    locum_state_path(config, ".state", path);
    const ssize_t length = read_small(path, buffer, sizeof(buffer));
    int status = length < 0 ? locum_error_from_errno((int)-length) : 0;
    if (status == 0) {
        status = parse_file(config, (struct locum_slice){.at = buffer, .length = (size_t)length},
                            &lines, ret_why);
        if (status != 0) {
            locum_text_add(ret_why, " in ");
            locum_text_add(ret_why, path);
            keep_broken(path, config, ret_why);
        }
    } else if (status == LOCUM_ERR_NOT_FOUND) {
        status = 0; /* the first run */
    } else {
        locum_text_add(ret_why, path);
        locum_text_add(ret_why, ": ");
        locum_text_add(ret_why, strerror((int)-length));
        locum_text_add(ret_why, ": what the last run left is not known; give the service's user "
                                "access to it");
    }
    *ret_saved = lines.saved;
    ret_saved->admin.until_boot = lease_end(&lines, now);
    *ret_serial = lines.serial;
    return status;
}

static void
add_line_number(struct locum_text *text, const char *key, uint64_t value)
{
    locum_text_add(text, key);
    locum_text_add_char(text, ' ');
    locum_text_add_u64(text, value);
    locum_text_add_char(text, '\n');
}

/* Control characters become blanks, so that a line stays a line whatever an operator writes. */
static void
add_line(struct locum_text *text, const char *key, const char *value)
{
    locum_text_add(text, key);
    locum_text_add_char(text, ' ');
    for (; *value != '\0'; value++) {
        locum_text_add_char(text, (uint8_t)*value < ' ' ? ' ' : *value);
    }
    locum_text_add_char(text, '\n');
}

void
locum_state_add(struct locum_text *text, const struct locum_config *config,
                const struct locum_saved *saved, uint32_t serial, struct locum_now now)
{
    char boot_id[BOOT_ID_MAX];
    const struct locum_admin_state *admin = &saved->admin;
    add_line_number(text, "incarnation", saved->incarnation);
    add_line_number(text, "serial", serial);
    add_line(text, "admin", locum_names_admin(admin->state));
    if (admin->until_boot != LOCUM_NEVER) {
        const locum_ms left = admin->until_boot > now.boot ? admin->until_boot - now.boot : 0;
        read_boot_id(boot_id);
        add_line(text, "boot-id", boot_id);
        add_line_number(text, "until-boot-ms", (uint64_t)admin->until_boot);
        add_line_number(text, "left-ms", (uint64_t)left);
    }
    if (admin->reason[0] != '\0') {
        add_line(text, "reason", admin->reason);
    }
    if (admin->excluded != 0) {
        locum_text_add(text, "excluded ");
        locum_nodes_add(text, &config->core, admin->excluded);
        locum_text_add_char(text, '\n');
    }
}

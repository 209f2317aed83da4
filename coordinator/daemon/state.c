#include "daemon/state.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/text_format.h"

static const uint64_t time_max = (uint64_t)1 << 53; /* ms; later times are refused */

void
locum_state_path(const struct locum_config *config, const char *suffix,
                 char ret[LOCUM_STATE_PATH_MAX])
{
    (void)locum_text_format_buffer(ret, LOCUM_STATE_PATH_MAX, "%s/%s%s", config->state_dir,
                                   config->core.cluster, suffix);
}

void
locum_state_boot_id(char ret[LOCUM_BOOT_ID_MAX + 1])
{
    size_t length;
    if (locum_file_read("/proc/sys/kernel/random/boot_id", ret, LOCUM_BOOT_ID_MAX + 1, &length,
                        NULL, NULL) != 0) {
        length = 0;
    }
    ret[length > 0 && ret[length - 1] == '\n' ? length - 1 : length] = '\0';
}

void
locum_state_run_path(const struct locum_config *config, const char *suffix,
                     char ret[LOCUM_STATE_PATH_MAX])
{
    (void)locum_text_format_buffer(ret, LOCUM_STATE_PATH_MAX, "%s%s", config->listen_control,
                                   suffix);
}

/* Read a private file; *ret_length is 0 if there is none. */
static int
load_private(const char *path, char *buffer, size_t size_bytes, size_t *ret_length,
             struct locum_text *ret_why)
{
    locum_text_format(ret_why, "%s: ", path);
    const int status = locum_file_read_private(path, buffer, size_bytes, ret_length, ret_why);
    *ret_length = status == 0 ? *ret_length : 0;
    return status == LOCUM_ERR_NOT_FOUND ? 0 : status;
}

int
locum_state_load_run(const struct locum_config *config, char buffer[LOCUM_RESUME_BYTES_MAX],
                     struct locum_slice *ret, struct locum_text *ret_why)
{
    char path[LOCUM_STATE_PATH_MAX];
    ret->at = buffer;
    locum_state_run_path(config, ".run", path);
    return load_private(path, buffer, LOCUM_RESUME_BYTES_MAX, &ret->length, ret_why);
}

int
locum_state_load_history(const struct locum_config *config, char buffer[LOCUM_HISTORY_BYTES_MAX],
                         struct locum_slice *ret, struct locum_text *ret_why)
{
    char path[LOCUM_STATE_PATH_MAX];
    ret->at = buffer;
    locum_state_run_path(config, ".history", path);
    return load_private(path, buffer, LOCUM_HISTORY_BYTES_MAX, &ret->length, ret_why);
}

int
locum_state_load_acme(const struct locum_config *config, bool run,
                      char buffer[LOCUM_STATE_ACME_BYTES_MAX], struct locum_slice *ret,
                      struct locum_text *ret_why)
{
    char path[LOCUM_STATE_PATH_MAX];
    ret->at = buffer;
    if (run) {
        locum_state_run_path(config, ".acme", path);
    } else {
        locum_state_path(config, ".acme", path);
    }
    return load_private(path, buffer, LOCUM_STATE_ACME_BYTES_MAX, &ret->length, ret_why);
}

/* The file's lines, before the lease is worked out. */
struct lines {
    struct locum_saved saved;
    uint32_t serial;
    char boot_id[LOCUM_BOOT_ID_MAX + 1];
    uint64_t until_boot_ms;
    uint64_t left_ms;
    bool leased;
    bool complete; /* `admin` is there, as in every whole file */
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
    }
    return status; /* a key of another version is skipped */
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
    char boot_id[LOCUM_BOOT_ID_MAX + 1];
    locum_state_boot_id(boot_id);
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
    ret_saved->admin.until_boot = lease_end(&lines, is_same_boot(&lines), now);
    *ret_serial = lines.serial;
    return status;
}

void
locum_state_add(struct locum_text *text, const struct locum_config *config,
                const struct locum_saved *saved, uint32_t serial, struct locum_now now)
{
    const struct locum_admin_state *admin = &saved->admin;
    locum_text_format(text, "incarnation %" PRIu64 "\nserial %" PRIu32 "\nadmin %s\n",
                      saved->incarnation, serial, locum_names_admin(admin->state));
    char boot_id[LOCUM_BOOT_ID_MAX + 1];
    locum_state_boot_id(boot_id);
    locum_text_format(text, "boot-id %s\n", boot_id[0] != '\0' ? boot_id : "-");
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
}

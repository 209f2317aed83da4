#include "base/kept.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/signature.h"
#include "base/text_format.h"

enum {
    BYTES_MAX = 16 * 1024 * 1024,
    NAME_PART_MAX = 48, /* with the digits and ".kept" less than LOCUM_KEPT_SUFFIX_MAX */
    PATH_DIGITS = 8,
    LINE_MAX = 24,      /* of a text, without its name */
    MACHINE_BYTES = 16, /* of the id in /etc/machine-id, in hex digits */
};

static const char head[] = "locum-kept 1 ";

static const char machine_path[] = "/etc/machine-id";

enum { HEAD_BYTES = sizeof(head) - 1 + 2 * LOCUM_DIGEST_BYTES + 1 };

void
locum_kept_name(const char *configuration, char ret[LOCUM_KEPT_NAME_MAX])
{
    char folder[LOCUM_KEPT_NAME_MAX / 2];
    struct locum_text text = locum_text_init(ret, LOCUM_KEPT_NAME_MAX);
    if (configuration[0] != '/' && getcwd(folder, sizeof(folder)) != NULL) {
        locum_text_format(&text, "%s/", folder);
    }
    locum_text_add(&text, configuration);
}

bool
locum_kept_path(const char *folder, const char *name, char ret[LOCUM_KEPT_PATH_MAX])
{
    uint8_t digest[LOCUM_DIGEST_BYTES];
    const char *slash = strrchr(name, '/');
    struct locum_text text = locum_text_init(ret, LOCUM_KEPT_PATH_MAX);
    locum_signature_digest(name, strlen(name), digest);
    locum_text_format(&text, "%s/%.*s.", folder, NAME_PART_MAX, slash != NULL ? slash + 1 : name);
    locum_text_add_hex(&text, digest, PATH_DIGITS / 2);
    locum_text_add(&text, ".kept");
    return !text.truncated;
}

/* A digest of /etc/machine-id, which machine-id(5) asks not to be shown as it is; "": not known. */
static void
find_machine(char ret[2 * LOCUM_DIGEST_BYTES + 1])
{
    char buffer[LINE_MAX + 2 * LOCUM_DIGEST_BYTES];
    uint8_t digest[LOCUM_DIGEST_BYTES];
    size_t length = 0;
    struct locum_text hex = locum_text_init(ret, 2 * LOCUM_DIGEST_BYTES + 1);
    if (locum_file_read(machine_path, buffer, sizeof(buffer), &length, NULL, NULL) == 0 &&
        length >= 2 * MACHINE_BYTES) { /* else it is empty, or not initialized yet */
        locum_signature_digest(buffer, length, digest);
        locum_text_add_hex(&hex, digest, sizeof(digest));
    }
}

char *
locum_kept_make(const struct locum_kept_text *texts, size_t count, size_t *ret_length)
{
    uint8_t digest[LOCUM_DIGEST_BYTES];
    char machine[2 * LOCUM_DIGEST_BYTES + 1];
    size_t size = HEAD_BYTES + 1;
    find_machine(machine);
    const struct locum_kept_text last = {"machine", machine[0] != '\0' ? machine : NULL};
    for (size_t i = 0; i <= count; i++) {
        const struct locum_kept_text *at = i < count ? &texts[i] : &last;
        size += at->text != NULL ? LINE_MAX + strlen(at->name) + strlen(at->text) : 0;
    }
    char *bytes = malloc(size);
    if (bytes == NULL) {
        return NULL;
    }
    struct locum_text body = locum_text_init(bytes + HEAD_BYTES, size - HEAD_BYTES);
    for (size_t i = 0; i <= count; i++) {
        const struct locum_kept_text *at = i < count ? &texts[i] : &last;
        if (at->text != NULL) {
            locum_text_format(&body, "%s %zu\n", at->name, strlen(at->text));
            locum_text_add(&body, at->text);
            locum_text_add_char(&body, '\n');
        }
    }
    LOCUM_INVARIANT(!body.truncated);
    locum_signature_digest(body.at, body.length, digest);
    struct locum_text first = locum_text_init(bytes, HEAD_BYTES);
    locum_text_add(&first, head);
    locum_text_add_hex(&first, digest, sizeof(digest));
    bytes[HEAD_BYTES - 1] = '\n';
    *ret_length = HEAD_BYTES + body.length;
    return bytes;
}

int
locum_kept_write(const char *path, const char *bytes, size_t length)
{
    char temp[LOCUM_KEPT_PATH_MAX + 4];
    (void)locum_text_format_buffer(temp, sizeof(temp), "%s.new", path);
    return locum_file_replace(path, temp, bytes, length, 0600);
}

/* Cut a text off the rest. False: it is not whole. */
static bool
take_text(struct locum_kept *self, struct locum_slice *rest)
{
    struct locum_slice length, name;
    uint64_t bytes;
    if (self->count == LOCUM_KEPT_TEXTS_MAX || !locum_slice_cut(rest, '\n', &length) ||
        !locum_slice_cut(&length, ' ', &name) || length.at == NULL ||
        locum_slice_u64(length, BYTES_MAX, &bytes) != 0 || rest->at == NULL ||
        rest->length <= bytes || rest->at[bytes] != '\n') {
        return false;
    }
    char *at = self->bytes + (rest->at - self->bytes);
    self->bytes[name.at + name.length - self->bytes] = '\0';
    at[bytes] = '\0';
    self->texts[self->count++] = (struct locum_kept_text){.name = name.at, .text = at};
    rest->at += bytes + 1;
    rest->length -= bytes + 1;
    return true;
}

static bool
parse(struct locum_kept *self, size_t length)
{
    uint8_t digest[LOCUM_DIGEST_BYTES];
    uint8_t written[LOCUM_DIGEST_BYTES];
    struct locum_slice rest = {.at = self->bytes, .length = length};
    struct locum_slice line;
    if (!locum_slice_cut(&rest, '\n', &line) || rest.at == NULL ||
        !locum_slice_starts(line, head)) {
        return false;
    }
    const struct locum_slice digits = {.at = line.at + sizeof(head) - 1,
                                       .length = line.length - (sizeof(head) - 1)};
    locum_signature_digest(rest.at, rest.length, digest);
    bool good = locum_slice_hex(digits, written, sizeof(written)) == 0 &&
                memcmp(written, digest, sizeof(digest)) == 0;
    while (good && rest.length > 0) {
        good = take_text(self, &rest);
    }
    return good;
}

static int
read_file(struct locum_kept *ret, struct locum_text *ret_why)
{
    struct stat info;
    size_t length = 0;
    if (stat(ret->path, &info) != 0) {
        locum_text_add(ret_why, strerror(errno));
        return locum_error_from_errno(errno);
    }
    const size_t size = info.st_size < BYTES_MAX ? (size_t)info.st_size + 1 : BYTES_MAX;
    ret->bytes = malloc(size);
    if (ret->bytes == NULL) {
        locum_text_add(ret_why, locum_error_text(LOCUM_ERR_MEMORY));
        return LOCUM_ERR_MEMORY;
    }
    const int status = locum_file_read_private(ret->path, ret->bytes, size, &length, ret_why);
    if (status == 0 && !parse(ret, length)) {
        locum_text_add(ret_why, "it is damaged");
        return LOCUM_ERR_INVALID;
    }
    return status;
}

/* A disk that was copied to another machine must not make that one a second node. */
static bool
is_of_another_machine(const struct locum_kept *self)
{
    char own[2 * LOCUM_DIGEST_BYTES + 1];
    const char *machine = locum_kept_find(self, "machine");
    find_machine(own);
    return machine != NULL && own[0] != '\0' && strcmp(machine, own) != 0;
}

int
locum_kept_find_file(const char *name, const char *written, const char *usual,
                     struct locum_kept *ret, struct locum_text *ret_why)
{
    char environment[LOCUM_KEPT_PATH_MAX] = "";
    const char *systemd = getenv("STATE_DIRECTORY"); /* systemd.exec(5): separated by colons */
    const char *const folders[] = {written, environment, usual};
    int status = LOCUM_ERR_NOT_FOUND;
    if (systemd != NULL) {
        (void)locum_text_format_buffer(environment, sizeof(environment), "%.*s",
                                       (int)strcspn(systemd, ":"), systemd);
    }
    *ret = (struct locum_kept){.path = ""};
    for (size_t i = 0; i < LOCUM_COUNT(folders) && status == LOCUM_ERR_NOT_FOUND; i++) {
        if (folders[i][0] != '\0' && locum_kept_path(folders[i], name, ret->path)) {
            *ret_why = locum_text_init(ret_why->at, ret_why->size);
            status = read_file(ret, ret_why);
        }
    }
    const char *of = locum_kept_find(ret, "path");
    if (status == 0 && (of == NULL || strcmp(of, name) != 0)) {
        locum_text_format(ret_why, "it belongs to %s", of != NULL ? of : "another file");
        status = LOCUM_ERR_INVALID;
    } else if (status == 0 && is_of_another_machine(ret)) {
        locum_text_format(ret_why,
                          "it was kept on another machine: %s differs; correct or restore "
                          "the configuration file",
                          machine_path);
        status = LOCUM_ERR_INVALID;
    }
    return status;
}

void
locum_kept_free(struct locum_kept *self)
{
    free(self->bytes);
    *self = (struct locum_kept){0};
}

const char *
locum_kept_find(const struct locum_kept *self, const char *name)
{
    for (size_t i = 0; i < self->count; i++) {
        if (strcmp(self->texts[i].name, name) == 0) {
            return self->texts[i].text;
        }
    }
    return NULL;
}

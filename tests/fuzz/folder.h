/*
 * folder: a target's own folder for files, in memory if possible.
 */
#ifndef LOCUM_TESTS_FUZZ_FOLDER_H
#define LOCUM_TESTS_FUZZ_FOLDER_H

#include "fuzz.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

static char folder[32]; /* "": none yet */

static void
remove_folder(void)
{
    char path[PATH_MAX];
    DIR *files = opendir(folder);
    for (const struct dirent *file; files != NULL && (file = readdir(files)) != NULL;) {
        (void)snprintf(path, sizeof(path), "%s/%s", folder, file->d_name);
        (void)unlink(path);
    }
    if (files != NULL) {
        (void)closedir(files);
    }
    (void)rmdir(folder);
}

/* The folder. The first call creates it; it is removed when the program ends. */
static const char *
own_folder(void)
{
    if (folder[0] == '\0') {
        const char *above = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
        (void)snprintf(folder, sizeof(folder), "%s/locum-fuzz-XXXXXX", above);
        REQUIRE(mkdtemp(folder) != NULL);
        REQUIRE(atexit(remove_folder) == 0);
    }
    return folder;
}

/* Writes a file in the folder. Returns its path, valid until the next call. */
static const char *
write_own(const char *name, const void *bytes, size_t size)
{
    static char path[PATH_MAX];
    (void)snprintf(path, sizeof(path), "%s/%s", own_folder(), name);
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    REQUIRE(fd >= 0 && write(fd, bytes, size) == (ssize_t)size);
    (void)close(fd);
    return path;
}

#endif

/*
 * entries: what the kernel holds for this process, counted before and after a test:
 * "/proc/self/fd" its descriptors, "/proc/self/task" its threads.
 */
#ifndef LOCUM_TESTS_UNIT_ENTRIES_H
#define LOCUM_TESTS_UNIT_ENTRIES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>

static inline size_t
count_entries(const char *path)
{
    size_t count = 0;
    DIR *folder = opendir(path);
    assert_non_null(folder);
    while (readdir(folder) != NULL) {
        count++;
    }
    (void)closedir(folder);
    return count;
}

#endif

/* manual: the entries of a section of doc/locum.8, to compare with a table of the code. */
#ifndef TESTS_UNIT_REPORT_MANUAL_H
#define TESTS_UNIT_REPORT_MANUAL_H

#include <stdio.h>
#include <string.h>

#define MANUAL "doc/locum.8"
#define ITEM   ".It Cm "

static char manual[128 * 1024];

/* Before the tests leave the folder they are run in, the project's. */
static int
read_manual(void **state)
{
    (void)state;
    FILE *file = fopen(MANUAL, "r");
    if (file == NULL) {
        print_error("%s: run this in the project's folder\n", MANUAL);
        return 1;
    }
    manual[fread(manual, 1, sizeof(manual) - 1, file)] = '\0';
    return fclose(file);
}

/* The next line that begins with .It Cm, what follows that; at the section's end *ret is empty. */
static inline const char *
next_entry(const char *at, char *ret, size_t size)
{
    ret[0] = '\0';
    for (at = strchr(at, '\n'); at != NULL && strncmp(at, "\n.Sh ", 5) != 0;
         at = strchr(at + 1, '\n')) {
        if (strncmp(at + 1, ITEM, strlen(ITEM)) == 0) {
            at += 1 + strlen(ITEM);
            (void)snprintf(ret, size, "%.*s", (int)strcspn(at, "\n"), at);
            return at;
        }
    }
    return NULL;
}

/*
 * The section has exactly these entries, in this order. entry writes the i-th, without .It Cm.
 */
static inline void
assert_section(const char *section, size_t count, void (*entry)(size_t i, char *ret, size_t size))
{
    char head[64], found[256], expected[256];
    (void)snprintf(head, sizeof(head), "\n.Sh %s\n", section);
    const char *at = strstr(manual, head);
    if (at == NULL) {
        fail_msg("%s has no section %s", MANUAL, section);
        return;
    }
    at++;
    for (size_t i = 0; i < count; i++) {
        entry(i, expected, sizeof(expected));
        at = next_entry(at, found, sizeof(found));
        if (at == NULL || strcmp(found, expected) != 0) {
            fail_msg("%s, section %s: expected \"" ITEM "%s\", found \"" ITEM "%s\"", MANUAL,
                     section, expected, found);
            return;
        }
    }
    if (next_entry(at, found, sizeof(found)) != NULL) {
        fail_msg("%s, section %s: \"" ITEM "%s\" is in no table", MANUAL, section, found);
    }
}

#endif

/*
 * loading: a configuration in the target's own folder, and what is told about it: an error says
 * where and what, in one line, whatever the file holds.
 */
#ifndef LOCUM_TESTS_FUZZ_LOADING_H
#define LOCUM_TESTS_FUZZ_LOADING_H

#include "folder.h"

#include "config/config.h"

static const char secret[] = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n";

struct told {
    size_t errors;
    const char *file;
};

static void
report(void *user, const struct locum_problem *problem)
{
    struct told *told = user;
    char line[2048];
    struct locum_text text = locum_text_init(line, sizeof(line));
    told->errors += problem->severity == LOCUM_SEVERITY_ERROR;
    REQUIRE(strcmp(problem->file, told->file) == 0);
    REQUIRE((problem->at.line == 0) == (problem->at.column == 0));
    locum_problem_add(&text, problem);
    REQUIRE(!text.truncated && problem->text[0] != '\0');
    for (const char *c = line; *c != '\0'; c++) {
        REQUIRE((uint8_t)*c >= ' ' && *c != 127); /* one line, whatever the file holds */
    }
}

static struct locum_config *
load(const char *path, const char *node)
{
    struct told told = {.file = path};
    struct locum_config *config = NULL;
    if (locum_config_load(path, node, report, &told, &config) != 0) {
        REQUIRE(told.errors > 0);
        return NULL;
    }
    REQUIRE(told.errors == 0);
    return config;
}

#endif

/*
 * loading: loads a configuration from the target's own folder and checks its errors: each names
 * place and value in one line.
 */
#ifndef LOCUM_TESTS_FUZZ_LOADING_H
#define LOCUM_TESTS_FUZZ_LOADING_H

#include "folder.h"

#include "config/config.h"

static const char secret[] = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n";

struct reported {
    size_t errors;
    const char *file;
};

static void
report(void *user, const struct locum_problem *problem)
{
    struct reported *reported = user;
    char line[2048];
    struct locum_text text = locum_text_init(line, sizeof(line));
    reported->errors += problem->severity == LOCUM_SEVERITY_ERROR;
    REQUIRE(strcmp(problem->file, reported->file) == 0);
    REQUIRE((problem->at.line == 0) == (problem->at.column == 0));
    locum_problems_format(&text, problem);
    REQUIRE(!text.truncated && problem->text[0] != '\0');
    for (const char *c = line; *c != '\0'; c++) {
        REQUIRE((uint8_t)*c >= ' ' && *c != 127); /* always one line */
    }
}

/* What is kept of it gives the same configuration, and nothing is lacking: the files are there. */
static void
load_again(const char *path, const char *node, const struct locum_config *config)
{
    struct reported reported = {.file = path};
    struct locum_config *again = NULL;
    const int status =
        locum_config_load_kept(path, node, &config->source, report, &reported, &again);
    REQUIRE(status == 0 && reported.errors == 0 && again->lacks[0] == '\0');
    REQUIRE(strcmp(config->core.digest, again->core.digest) == 0);
    REQUIRE(strcmp(config->redis.password, again->redis.password) == 0);
    REQUIRE(memcmp(config->checks, again->checks, sizeof(config->checks)) == 0);
    for (size_t zone = 0; zone < config->zone_count; zone++) {
        REQUIRE(config->zones[zone].record_count == again->zones[zone].record_count);
        for (size_t i = 0; i < config->zones[zone].record_count; i++) {
            REQUIRE(strcmp(config->zones[zone].records[i].text,
                           again->zones[zone].records[i].text) == 0);
        }
    }
    locum_config_free(again);
}

static struct locum_config *
load(const char *path, const char *node)
{
    struct reported reported = {.file = path};
    struct locum_config *config = NULL;
    if (locum_config_load(path, node, report, &reported, &config) != 0) {
        REQUIRE(reported.errors > 0);
        return NULL;
    }
    REQUIRE(reported.errors == 0);
    load_again(path, node, config);
    return config;
}

#endif

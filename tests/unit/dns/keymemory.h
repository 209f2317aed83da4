/* keymemory: a memory for tests, with one zone of two servers: this one and dc3. */
#ifndef LOCUM_TEST_DNS_KEYMEMORY_H
#define LOCUM_TEST_DNS_KEYMEMORY_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "dns/keymemory.h"

enum { NOW = 2000000000, HOUR = 3600, DAY = 86400 };
#define ZONE "get.example.org."

static const struct locum_keymemory_found one = {.algorithm = 13,
                                                 .tag = 1,
                                                 .secure_entry = true,
                                                 .record = "257 3 13 AA==",
                                                 .private_half = "a\nb"};
static const struct locum_keymemory_found two = {.algorithm = 13,
                                                 .tag = 2,
                                                 .secure_entry = true,
                                                 .record = "257 3 13 AB==",
                                                 .private_half = "c\n"};

static struct locum_config *config;
static struct locum_keymemory *memory;

static inline int
before(void **state)
{
    (void)state;
    config = calloc(1, sizeof(*config));
    memory = locum_keymemory_create();
    assert_non_null(config);
    assert_non_null(memory);
    strcpy(config->core.nodes[0].name, "dc2");
    strcpy(config->core.nodes[1].name, "dc3");
    strcpy(config->core.nodes[2].name, "ns0");
    config->core.nodes[2].role = LOCUM_ROLE_WITNESS;
    config->core.node_count = 3;
    config->zone_count = 1;
    strcpy(config->zones[0].name, ZONE);
    strcpy(config->zones[0].dnssec.keys, "/keys");
    locum_keymemory_configure(memory, config);
    return 0;
}

static inline int
after(void **state)
{
    (void)state;
    locum_keymemory_destroy(memory);
    free(config);
    return 0;
}

/* There is no dc3. */
static inline void
be_alone(void)
{
    config->core.node_count = 1;
    locum_keymemory_configure(memory, config);
}

static inline struct locum_keymemory_zone *
zone_of(const struct locum_keymemory *of)
{
    struct locum_keymemory_zone *zone = locum_keymemory_find(of, ZONE);
    assert_non_null(zone);
    return zone;
}

static inline void
take(const struct locum_keymemory_found *found, size_t count, int64_t now_s)
{
    size_t bad;
    assert_int_equal(locum_keymemory_fits(memory, ZONE, found, count, &bad), 0);
    assert_int_equal(locum_keymemory_take_folder(memory, ZONE, found, count, HOUR, now_s), 0);
}

/* The parent is asked, and everything is decided. */
static inline void
decide(bool at_parent, int64_t now_s)
{
    const struct locum_keymemory_parent answer = {
        .answered_s = now_s, .ttl_s = HOUR, .has_ds = at_parent};
    locum_keymemory_take_parent(zone_of(memory), &answer, at_parent ? 1 : 0);
    locum_keymemory_decide(memory, zone_of(memory), now_s);
}

static inline void
hear(const char *document, int64_t now_s)
{
    locum_keymemory_take_document(memory, "dc3", locum_slice_of(document), now_s);
}

static inline const char *
shown(const struct locum_keymemory *of)
{
    static char buffer[LOCUM_KEYMEMORY_DOCUMENT_MAX + 1];
    struct locum_text text = locum_text_init(buffer, sizeof(buffer));
    locum_keymemory_show(of, &text);
    return buffer;
}

static inline struct locum_keymemory *
load_again(int64_t now_s, int expected)
{
    size_t length;
    char *text = locum_keymemory_save(memory, &length);
    struct locum_keymemory *again = locum_keymemory_create();
    assert_int_equal(
        locum_keymemory_load(again, (struct locum_slice){.at = text, .length = length}, now_s),
        expected);
    free(text);
    return again;
}

#endif

/*
 * options: the one table of everything that may stand in the configuration file. The binder reads
 * it, `locum check` speaks from it, the manual page is compared with it.
 */
#ifndef LOCUM_CONFIG_OPTIONS_H
#define LOCUM_CONFIG_OPTIONS_H

#include "config/config.h"

/* What a value looks like; the text of each for people is in value.c. */
enum locum_option_kind {
    /* scalars, stored by the binder */
    LOCUM_KIND_NAME,     /* char[]: 1..max of a-z 0-9 -, no - at either end */
    LOCUM_KIND_TEXT,     /* char[]: min..max characters, no control characters */
    LOCUM_KIND_SECRET,   /* as text, and never shown */
    LOCUM_KIND_HOST,     /* char[]: a host name */
    LOCUM_KIND_DOMAIN,   /* char[]: a domain name, made absolute and lower case */
    LOCUM_KIND_PATH,     /* char[]: a path, relative to the file's folder */
    LOCUM_KIND_URL,      /* char[]: http:// or https:// */
    LOCUM_KIND_WORD,     /* char[]: one of `words` */
    LOCUM_KIND_CHOICE,   /* enum: the place of the value in `words` */
    LOCUM_KIND_FLAG,     /* bool */
    LOCUM_KIND_NUMBER,   /* uint32_t: min..max */
    LOCUM_KIND_PORT,     /* uint16_t: 1..65535 */
    LOCUM_KIND_STATUS,   /* struct locum_status_range[LOCUM_STATUS_RANGES_MAX] */
    LOCUM_KIND_PATTERN,  /* char[]: min..max characters of a regular expression */
    LOCUM_KIND_DURATION, /* locum_ms: min..max ms */
    LOCUM_KIND_SECONDS,  /* uint32_t: whole seconds; min..max in ms too */
    LOCUM_KIND_ENDPOINT, /* struct locum_endpoint */
    LOCUM_KIND_ADDRESS,  /* struct locum_address with a port */
    /* shapes */
    LOCUM_KIND_MAP,          /* fixed keys: the options below it */
    LOCUM_KIND_NODES,        /* any keys, each a mapping of the options "KEY.*." */
    LOCUM_KIND_ITEMS,        /* a list of min..max mappings of the options "KEY[]." */
    LOCUM_KIND_LIST,         /* a list of min..max texts, read by its room's code */
    LOCUM_KIND_LIST_OR_NONE, /* the same, or the word none */
    LOCUM_KIND_LISTS,        /* any keys, each a list of texts, read likewise */
};

/* What holds where the key is not written. */
enum locum_option_rule {
    LOCUM_RULE_REQUIRED, /* an error */
    LOCUM_RULE_DEFAULT,  /* `fallback` as if it were written; a map: its own keys' rules */
    LOCUM_RULE_DERIVED,  /* follows from other keys; `fallback` says how, for people */
    LOCUM_RULE_NONE,     /* nothing */
};

/* The structure that `offset` counts from; one of each per node, zone or check. */
enum locum_option_base {
    LOCUM_BASE_NOWHERE, /* not stored by the binder */
    LOCUM_BASE_CONFIG,
    LOCUM_BASE_NODE,
    LOCUM_BASE_CORE_NODE,
    LOCUM_BASE_ZONE,
    LOCUM_BASE_CHECK,
    LOCUM_BASE_CORE_CHECK,
};

struct locum_option {
    const char *key; /* path; * stands for any one key, [] for any item of a list */
    enum locum_option_kind kind;
    enum locum_option_rule rule;
    const char *fallback; /* the default; NULL: none */
    int64_t min, max;     /* numbers and durations (ms): value; texts: characters; lists: items */
    const char *words;    /* word and choice: the values, separated by blanks */
    enum locum_option_base base;
    size_t offset;
    const char *note; /* one line for the manual */
};

extern const struct locum_option locum_options[];
enum { LOCUM_OPTIONS_MAX = 96 };
extern const size_t locum_option_count; /* <= LOCUM_OPTIONS_MAX */

/* The option of this path, exactly as the table writes it; the table holds it. */
size_t locum_option_index(const char *key);

/*
 * The option `key` below `prefix` ("" or "nodes.*" or "service.checks[].http"), or NULL.
 * A prefix's last part is matched by a * of the table.
 */
const struct locum_option *locum_option_find(const char *prefix, struct locum_slice key);

/* Is the option directly below prefix? Then *ret_key is its last part. */
bool locum_option_below(const struct locum_option *option, const char *prefix,
                        struct locum_slice *ret_key);

#endif

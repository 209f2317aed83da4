/*
 * schema: what may be written in a YAML file, as a table with one row for each key. The binder
 * (bind.h) stores values by it, messages say from it what is right, the digest, the check whether a
 * reload is possible, and the list of keys in the manual page are made from it. Nothing about a key
 * is written anywhere else.
 *
 * A key is a path: "heartbeat.timeout". In a path * stands for any key of a mapping (a node's name)
 * and [] for each item of a list. Values of "nodes.*", "zones[]", "service.checks[]" and "hooks[]"
 * exist once for each node, zone, check or hook: its index is the value's instance. The instance is
 * 0 elsewhere. Values of a list within a list, such as "zones[].acme.persist[]", exist once for
 * each item that the outer instance may have: instance * items_max + index.
 *
 * The idea of a table that says all is from Knot DNS, src/knot/conf/schema.c.
 */
#ifndef LOCUM_CONFIG_SCHEMA_H
#define LOCUM_CONFIG_SCHEMA_H

#include "base/text.h"

/* What one value, or each item of a list, looks like. value.c parses, prints and explains them. */
enum locum_schema_kind {
    LOCUM_KIND_TEXT,     /* char[]: min..max characters, no control characters but tabs */
    LOCUM_KIND_NAME,     /* char[]: 1..max of a-z 0-9 -, no - at either end */
    LOCUM_KIND_SECRET,   /* as text, and never shown */
    LOCUM_KIND_HOST,     /* char[]: a host name */
    LOCUM_KIND_DOMAIN,   /* char[]: a domain name, made absolute and lower case */
    LOCUM_KIND_PATH,     /* char[]: a path of at most max characters, made relative to the file */
    LOCUM_KIND_URL,      /* char[]: http:// or https:// */
    LOCUM_KIND_PATTERN,  /* char[]: min..max characters of a regular expression */
    LOCUM_KIND_CHOICE,   /* enum: the index of the value in `words` */
    LOCUM_KIND_FLAG,     /* bool; the second of `words` is true */
    LOCUM_KIND_NUMBER,   /* uint32_t: min..max */
    LOCUM_KIND_PORT,     /* uint16_t: 1..65535 */
    LOCUM_KIND_STATUS,   /* struct locum_status_range[LOCUM_STATUS_RANGES_MAX] */
    LOCUM_KIND_DURATION, /* locum_ms: min..max ms */
    LOCUM_KIND_SECONDS,  /* uint32_t: whole seconds; min..max in ms too */
    LOCUM_KIND_ENDPOINT, /* struct locum_endpoint: address or host name, and port */
    LOCUM_KIND_ADDRESS,  /* struct locum_address: numeric, with a port; min: if none is written */
    LOCUM_KIND_IP,       /* struct locum_address: numeric, without a port */
    LOCUM_KIND_PREFIX,   /* struct locum_prefix: address/bits, or an address */
    LOCUM_KIND_NODE,     /* locum_node: refers to a key of `nodes` */
    LOCUM_KIND_KEY,      /* struct locum_keyring_key: 64 hex digits */
};

/* How values are arranged. */
enum locum_schema_shape {
    LOCUM_SHAPE_ONE,          /* a single value */
    LOCUM_SHAPE_LIST,         /* a list of values */
    LOCUM_SHAPE_LIST_OR_NONE, /* the same, or the word none */
    LOCUM_SHAPE_LISTS,        /* any keys, each a list of values; read by its step */
    LOCUM_SHAPE_VALUES,       /* any keys, each a single value; read by its step */
    LOCUM_SHAPE_MAP,          /* fixed keys: the rows below this one */
    LOCUM_SHAPE_NAMED_MAPS,   /* any keys (which are the values), each a mapping: rows "KEY.*." */
    LOCUM_SHAPE_MAPS,         /* a list of mappings: rows "KEY[]." */
};

/* What holds where the key is not written. */
enum locum_schema_rule {
    LOCUM_RULE_NONE,     /* nothing */
    LOCUM_RULE_REQUIRED, /* an error */
    LOCUM_RULE_DEFAULT,  /* `fallback` as if it were written; a mapping: the rules of its keys */
    LOCUM_RULE_DERIVED,  /* follows from other keys; `fallback` says how, for people */
};

/* NULL if a parsed value (or item of a list) is right, else a static text of what is wrong. */
typedef const char *locum_schema_check_fn(const void *value);

struct locum_schema_row {
    const char *key;
    enum locum_schema_kind kind;
    enum locum_schema_shape shape;
    int64_t min, max;              /* numbers and durations (ms): value; texts: characters */
    uint32_t items_min, items_max; /* of a list or of a mapping with any keys */
    enum locum_schema_rule rule;
    const char *fallback; /* the default; NULL: none */
    const char *words;    /* of a choice: the values, separated by spaces */
    bool digest;          /* it must be the same on every node, and is part of the digest */
    bool restart;         /* a reload that changes it is refused */
    bool stored;          /* the binder stores it, at: */
    size_t offset;        /* of the value, or of a list's first item, in the structure */
    size_t stride;        /* distance of two instances; 0: there is one */
    size_t item_size;     /* distance of two items of a list */
    bool apart;           /* a list of texts that has memory of its own: what is stored is a pointer
                           * to the first item, and an item begins with a pointer to its text */
    size_t count_offset;  /* size_t: number of items (stored lists, named maps, lists of maps) */
    locum_schema_check_fn *check; /* NULL: none */
    const char *note; /* one sentence without its full stop: for messages and the manual page */
    const char *help; /* further sentences for the manual page; `x` is literal text; NULL: none */
};

struct locum_schema {
    const struct locum_schema_row *rows; /* indexed by the enum of the program's keys */
    size_t count;                        /* <= LOCUM_SCHEMA_ROWS_MAX */
};
enum {
    LOCUM_SCHEMA_ROWS_MAX = 144,
    LOCUM_SCHEMA_KEY_MAX = 40,
    LOCUM_SCHEMA_TEXT_MAX = 2047, /* characters of a text that is stored apart */
};

/* Is the row directly below `prefix`, e.g. "nodes.*"? A * of its key matches any part of it. */
bool locum_schema_below(const struct locum_schema_row *row, const char *prefix);

/* The row of `key` below `prefix`, or the number of rows. */
size_t locum_schema_find(const struct locum_schema *self, const char *prefix,
                         struct locum_slice key);

/* The last part of a row's key: how a message names it. */
const char *locum_schema_name(const struct locum_schema_row *row);

/* The row that encloses this one ("nodes" of "nodes.*.port"), or the number of rows. */
size_t locum_schema_parent(const struct locum_schema *self, size_t row);

/*
 * Append the values that `structure` holds of a row, in all instances, one line each: equal texts
 * are equal values. Only for rows that the binder stores.
 */
void locum_schema_print(const struct locum_schema *self, size_t row, const void *structure,
                        struct locum_text *text);

#endif

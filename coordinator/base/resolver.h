/*
 * resolver: keeps the addresses of host names current. It never blocks.
 *
 * In: names. Out: their addresses, IPv4 and IPv6, as of the last answer, and `changed` when
 * they differ. /etc/hosts comes first, then the name servers of /etc/resolv.conf. Both are read
 * again for each round of lookups, so a machine whose network comes up late needs no restart. Every
 * lookup has a deadline. A failed one is repeated with back-off, a successful one after
 * LOCUM_RESOLVER_FRESH_MS or when a connection failed; known addresses stay known meanwhile.
 */
#ifndef LOCUM_BASE_RESOLVER_H
#define LOCUM_BASE_RESOLVER_H

#include <event2/event.h>

#include "base/address.h"
#include "base/clock.h"

enum {
    LOCUM_RESOLVER_NAMES_MAX = 136, /* endpoints, and twice what Sentinels name */
    LOCUM_RESOLVER_LISTED_MAX = 32, /* of these, what Sentinels name */
    LOCUM_RESOLVER_ADDRESSES_MAX = 4,
    LOCUM_RESOLVER_FRESH_MS = 30 * 1000,
    LOCUM_RESOLVER_RETRY_FIRST_MS = 400, /* bound of the first wait; half of it at least */
    LOCUM_RESOLVER_RETRY_MAX_MS = 5000,
};

struct locum_resolver;

/* The addresses of a name, or its error, changed. Never called inside a function of this header. */
typedef void locum_resolver_changed_fn(void *user);

struct locum_resolver_settings {
    const char *resolv_conf; /* file that names the name servers; borrowed */
    locum_ms attempt_ms;     /* deadline of each of the three attempts of a lookup */
    locum_ms files_ms;       /* age at which the files are read again */
};

/*
 * Begin without names.
 *
 * settings  copied. NULL: /etc/resolv.conf, 1 s, 2 s.
 * Returns NULL if there is no memory.
 */
struct locum_resolver *locum_resolver_create(struct event_base *base,
                                             const struct locum_resolver_settings *settings,
                                             locum_resolver_changed_fn *changed, void *user);

/* Add a name; one that is there already stays as it is. */
void locum_resolver_add(struct locum_resolver *self, const char *name);

/*
 * A Sentinel lists this name: add it, if fewer than LOCUM_RESOLVER_LISTED_MAX are listed. One of
 * them that was not listed for forget_ms makes room.
 */
void locum_resolver_list(struct locum_resolver *self, const char *name, locum_ms forget_ms);

/* The names that `from` knows addresses of begin with these. */
void locum_resolver_learn(struct locum_resolver *self, const struct locum_resolver *from);

/* Forget the names that were not added since the last call of this. */
void locum_resolver_trim(struct locum_resolver *self);

/* A connection to it failed: look it up again soon. */
void locum_resolver_refresh(struct locum_resolver *self, const char *name);

/*
 * The known addresses of a name, with port 0, borrowed until `changed`; returns how many.
 *
 * ret_why  why it has none: "no such name"; "": no answer yet, or it has some.
 */
size_t locum_resolver_addresses(const struct locum_resolver *self, const char *name,
                                const struct locum_address **ret, const char **ret_why);

/* The last lookup ended with the answer that there is no such name, though it may have had
 * addresses before. */
bool locum_resolver_is_absent(const struct locum_resolver *self, const char *name);

/* NULL is fine. Not from inside `changed`. */
void locum_resolver_destroy(struct locum_resolver *self);

#endif

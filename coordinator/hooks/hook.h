/*
 * hook: one hook: its queue, one attempt at a time, repeats with back-off. Used inside hooks/ only.
 */
#ifndef LOCUM_HOOKS_HOOK_H
#define LOCUM_HOOKS_HOOK_H

#include "hooks/deliver.h"
#include "hooks/hooks.h"

struct locum_hook;

/* What all hooks share; borrowed until the last is destroyed. */
struct locum_hook_means {
    struct event_base *base;
    struct locum_fetch_loop *fetch;
    struct locum_resolver *names;
    const char *agent;
    locum_hooks_fn *on_tested; /* of this hook */
    void *user;
};

/* config: copied. NULL: out of memory. */
struct locum_hook *locum_hook_create(const struct locum_hook_means *means,
                                     const struct locum_config_hook *config);

/* Has it the same command, or the same URL? */
bool locum_hook_is(const struct locum_hook *self, const struct locum_config_hook *config);

/* Of the same command or URL: the rest may differ. An attempt that runs goes on. */
void locum_hook_change(struct locum_hook *self, const struct locum_config_hook *config);

bool locum_hook_wants(const struct locum_hook *self, enum locum_hook_on on);

/* Put a line at the end of its queue. */
void locum_hook_add(struct locum_hook *self, const char *line);

/* Send it after the attempt that is running. 0 or LOCUM_ERR_MEMORY. None may be waiting. */
int locum_hook_test(struct locum_hook *self, const char *line) LOCUM_MUST_CHECK;
const struct locum_hooks_tested *locum_hook_tested(const struct locum_hook *self);
void locum_hook_forget_test(struct locum_hook *self);

const struct locum_hooks_state *locum_hook_state(const struct locum_hook *self);

/* Log how many events wait, if any; what: "not delivered". */
void locum_hook_log_queued(const struct locum_hook *self, const char *what);

/* The way of a URL, which may wait for addresses. */
void locum_hook_names_changed(struct locum_hook *self);

void locum_hook_destroy(struct locum_hook *self); /* NULL is fine */

#endif

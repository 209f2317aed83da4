/*
 * hooks: sends events to the programs and URLs of the configuration, for alerts.
 *
 * In: events as lines of JSON, each with the facts by which it is chosen (choose.h). Out: processes
 * and requests; counts and the last outcome of each hook; a call when a test has ended. Decides
 * nothing about the cluster, and nothing waits for it.
 *
 *   choose.c   does this node report it? pure
 *   hooks.c    what is held back until that is known; hands each event to the hooks that want it
 *   hook.c     one hook: its queue, one attempt at a time, repeats
 *   command.c, url.c   one attempt
 *
 * Each hook has a queue of its own, so one that hangs holds up only itself, and that until its
 * deadline. A full queue drops what is new. Events are kept in memory only: what is not delivered
 * when the process ends is lost, and the log says how many.
 */
#ifndef LOCUM_HOOKS_HOOKS_H
#define LOCUM_HOOKS_HOOKS_H

#include <event2/event.h>

#include "config/config.h"
#include "core/step.h"

enum {
    LOCUM_HOOKS_QUEUE_MAX = 64, /* events that wait for one hook */
    LOCUM_HOOKS_HELD_MAX = 32,  /* events of the cluster that are held back; the oldest is sent */
    LOCUM_HOOKS_NAME_MAX = 300,
    LOCUM_HOOKS_LAST_MAX = 256,
    LOCUM_HOOKS_ATTEMPTS = 5, /* of one event */
};

struct locum_hooks;

/* One hook, for people. */
struct locum_hooks_state {
    char name[LOCUM_HOOKS_NAME_MAX]; /* "command /usr/local/lib/alert", "url https://a.example" */
    bool off;                        /* hook.lacks_secret: it sends nothing */
    uint64_t delivered, failed, dropped; /* events */
    size_t queued;                       /* events that wait, with the one that is being sent */
    bool failing;                        /* the last event, or the last test, was not delivered */
    locum_ms dropped_at;                 /* mono: the last event was dropped then; LOCUM_NEVER */
    char last[LOCUM_HOOKS_LAST_MAX];     /* the last attempt: "exit 1 in 3 ms: no route"; "" */
};

/* The outcome of a test, or what to say of one that has not ended. */
struct locum_hooks_tested {
    bool wanted; /* this hook is tested */
    bool over;
    bool good;
    locum_ms took_ms;
    char text[LOCUM_HOOKS_LAST_MAX];
};

/* All tests have ended. Called from the loop; must not destroy. */
typedef void locum_hooks_fn(void *user);

/* config: its hooks are copied. 0, LOCUM_ERR_MEMORY, LOCUM_ERR_IO. */
int locum_hooks_create(struct event_base *base, const struct locum_config *config,
                       locum_hooks_fn *on_tested, void *user,
                       struct locum_hooks **ret) LOCUM_MUST_CHECK;

/*
 * After a reload. A hook with the same command or URL goes on with its queue and counts; the queue
 * of one that is gone is dropped, and logged. What was held back is sent. If there is no memory for
 * a new hook, it is logged, and the hook is off until the next reload.
 *
 * before  the configuration so far.
 */
void locum_hooks_reconfigure(struct locum_hooks *self, const struct locum_config *before,
                             const struct locum_config *next);

/* Does any hook want such events? */
bool locum_hooks_wants(const struct locum_hooks *self, enum locum_hook_on on);

/* An event that has happened. */
struct locum_hooks_event {
    enum locum_hook_on on;
    const struct locum_event *event; /* of the core, for choose.h; NULL: of the node itself */
    const char *line;                /* one line of JSON with its newline; copied */
    size_t not_to;                   /* number of a hook that is not to get it; 0: none */
};
void locum_hooks_offer(struct locum_hooks *self, const struct locum_core *core,
                       const struct locum_hooks_event *what, locum_ms mono);

/* At the end of each iteration: look at what the reporters have seen by now, and choose again what
 * is held back. Cheap if nothing is. */
void locum_hooks_look(struct locum_hooks *self, const struct locum_core *core, locum_ms mono);

size_t locum_hooks_count(const struct locum_hooks *self);

/* Of hook `index`, from 0; borrowed. */
const struct locum_hooks_state *locum_hooks_state(const struct locum_hooks *self, size_t index);

/* Events that wait for their hooks, with those that are being sent. */
size_t locum_hooks_queued(const struct locum_hooks *self);

/* The program is about to be replaced: log what waits for each hook. */
void locum_hooks_log_queued(const struct locum_hooks *self);

/*
 * Send a line to hook `number`, from 1, or to each (0), after the event that is being sent. One
 * attempt each, which is not counted as an event. LOCUM_ERR_IN_USE: a test is running already;
 * LOCUM_ERR_MEMORY.
 */
int locum_hooks_test(struct locum_hooks *self, size_t number, const char *line) LOCUM_MUST_CHECK;
bool locum_hooks_is_testing(const struct locum_hooks *self);
const struct locum_hooks_tested *locum_hooks_tested(const struct locum_hooks *self, size_t index);

/* What waits is lost, and logged; running programs are killed. NULL is fine. */
void locum_hooks_destroy(struct locum_hooks *self);

#endif

#include "hooks/hooks.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "base/text_format.h"
#include "hooks/choose.h"
#include "hooks/hook.h"

/* An event of the cluster that this node may have to report. */
struct held_event {
    enum locum_hook_on on;
    struct locum_event event;
    locum_ms mono; /* when it happened */
    locum_node reporter;
    bool agreed; /* this reporter has seen it */
    char *line;
};

struct locum_hooks {
    struct locum_hook_means means;
    char agent[sizeof("locum/") + LOCUM_VERSION_MAX];
    locum_hooks_fn *on_tested;
    void *user;
    struct locum_hook *hooks[LOCUM_HOOKS_MAX];
    size_t count;
    struct held_event held[LOCUM_HOOKS_HELD_MAX]; /* oldest first */
    size_t held_count;
    locum_nodes reported; /* peers whose suspicion was reported, by some node */
    locum_nodes own;      /* peers whose loss this node reported */
};

static void
on_names_changed(void *user)
{
    struct locum_hooks *self = user;
    for (size_t i = 0; i < self->count; i++) {
        locum_hook_names_changed(self->hooks[i]);
    }
}

bool
locum_hooks_is_testing(const struct locum_hooks *self)
{
    bool testing = false;
    for (size_t i = 0; i < self->count; i++) {
        const struct locum_hooks_tested *tested = locum_hook_tested(self->hooks[i]);
        testing = testing || (tested->wanted && !tested->over);
    }
    return testing;
}

static void
on_hook_tested(void *user)
{
    struct locum_hooks *self = user;
    if (!locum_hooks_is_testing(self)) {
        self->on_tested(self->user);
    }
}

/* The former hook with this command or URL, if there is one. */
static struct locum_hook *
take(struct locum_hook *from[LOCUM_HOOKS_MAX], const struct locum_config_hook *config)
{
    for (size_t i = 0; i < LOCUM_HOOKS_MAX; i++) {
        struct locum_hook *hook = from[i];
        if (hook != NULL && locum_hook_is(hook, config)) {
            from[i] = NULL;
            locum_hook_change(hook, config);
            return hook;
        }
    }
    return NULL;
}

/* Make the hooks of a configuration, of those so far where they are the same. False: out of
 * memory; there are fewer. */
static bool
make_hooks(struct locum_hooks *self, const struct locum_config *config)
{
    struct locum_hook *former[LOCUM_HOOKS_MAX] = {NULL};
    bool complete = true;
    memcpy(former, self->hooks, self->count * sizeof(*former));
    self->count = 0;
    for (size_t i = 0; i < config->hook_count; i++) {
        struct locum_hook *hook = take(former, &config->hooks[i]);
        hook = hook != NULL ? hook : locum_hook_create(&self->means, &config->hooks[i]);
        if (hook != NULL) {
            self->hooks[self->count++] = hook;
        }
        complete = complete && hook != NULL;
    }
    for (size_t i = 0; i < LOCUM_HOOKS_MAX; i++) {
        locum_hook_destroy(former[i]);
    }
    return complete;
}

int
locum_hooks_create(struct event_base *base, const struct locum_config *config,
                   locum_hooks_fn *on_tested, void *user, struct locum_hooks **ret)
{
    struct locum_hooks *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        return LOCUM_ERR_MEMORY;
    }
    self->on_tested = on_tested;
    self->user = user;
    (void)locum_text_format_buffer(self->agent, sizeof(self->agent), "locum/%s",
                                   config->core.version);
    self->means = (struct locum_hook_means){
        .base = base, .agent = self->agent, .on_tested = on_hook_tested, .user = self};
    self->means.names = locum_resolver_create(base, NULL, on_names_changed, self);
    int status = self->means.names == NULL
                     ? LOCUM_ERR_MEMORY
                     : locum_fetch_loop_create(base, locum_deliver_fetched, &self->means.fetch);
    if (status == 0 && !make_hooks(self, config)) {
        status = LOCUM_ERR_MEMORY;
    }
    if (status != 0) {
        locum_hooks_destroy(self);
        return status;
    }
    *ret = self;
    return 0;
}

bool
locum_hooks_wants(const struct locum_hooks *self, enum locum_hook_on on)
{
    bool wants = false;
    for (size_t i = 0; i < self->count; i++) {
        wants = wants || locum_hook_wants(self->hooks[i], on);
    }
    return wants;
}

/* not_to: number of a hook; 0: none */
static void
send_to_hooks(struct locum_hooks *self, enum locum_hook_on on, const char *line, size_t not_to)
{
    for (size_t i = 0; i < self->count; i++) {
        if (i + 1 != not_to && locum_hook_wants(self->hooks[i], on)) {
            locum_hook_add(self->hooks[i], line);
        }
    }
}

/* The peer of an event about a condition; LOCUM_NODE_NONE. */
static locum_node
peer_of(const struct locum_event *event)
{
    return event != NULL && event->kind == LOCUM_EVENT_CONDITION ? event->condition.peer
                                                                 : LOCUM_NODE_NONE;
}

/* The choice is made: is it reported, here or by the reporter? */
static void
note_choice(struct locum_hooks *self, const struct locum_core *core,
            const struct locum_event *event, enum locum_hooks_choice choice)
{
    const locum_node peer = peer_of(event);
    if (peer == LOCUM_NODE_NONE) {
        return;
    }
    if (event->condition.to == LOCUM_ALIVE) {
        self->reported &= ~locum_nodes_of(peer);
        self->own &= ~locum_nodes_of(peer);
        return;
    }
    if (event->condition.to == LOCUM_SUSPECT && locum_core_condition(core, peer) == LOCUM_SUSPECT) {
        self->reported |= locum_nodes_of(peer);
    }
    if (choice == LOCUM_HOOKS_REPORT) {
        self->own |= locum_nodes_of(peer);
    }
}

static struct locum_choose_memory
memory_of(const struct locum_hooks *self, const struct locum_event *event)
{
    const locum_node peer = peer_of(event);
    return (struct locum_choose_memory){
        .reported = peer != LOCUM_NODE_NONE && locum_nodes_has(self->reported, peer),
        .own = peer != LOCUM_NODE_NONE && locum_nodes_has(self->own, peer)};
}

/* Has the reporter of the moment seen it by now? */
static void
note_agreement(struct held_event *held, const struct locum_core *core)
{
    const locum_node reporter = locum_choose_reporter(core, peer_of(&held->event));
    held->agreed =
        (held->agreed && held->reporter == reporter) || locum_choose_agrees(core, &held->event);
    held->reporter = reporter;
}

static void
drop_first_held(struct locum_hooks *self)
{
    free(self->held[0].line);
    self->held_count--;
    memmove(&self->held[0], &self->held[1], self->held_count * sizeof(self->held[0]));
}

/* Choose again, oldest first. */
static void
choose_held(struct locum_hooks *self, const struct locum_core *core, locum_ms mono)
{
    for (size_t left = self->held_count; left > 0; left--) {
        struct held_event *first = &self->held[0];
        struct locum_choose_memory memory = memory_of(self, &first->event);
        note_agreement(first, core);
        memory.age_ms = mono - first->mono;
        memory.agreed = first->agreed;
        const enum locum_hooks_choice choice = locum_hooks_choose(core, &first->event, &memory);
        if (choice == LOCUM_HOOKS_HOLD) {
            const struct held_event kept =
                *first; /* to the end: after a round the order is the same */
            memmove(&self->held[0], &self->held[1], (self->held_count - 1) * sizeof(self->held[0]));
            self->held[self->held_count - 1] = kept;
            continue;
        }
        if (choice == LOCUM_HOOKS_REPORT) {
            send_to_hooks(self, first->on, first->line, 0);
        }
        note_choice(self, core, &first->event, choice);
        drop_first_held(self);
    }
}

/* Without memory it is sent at once. */
static void
hold(struct locum_hooks *self, const struct locum_core *core, const struct locum_hooks_event *what,
     locum_ms mono)
{
    char *line = strdup(what->line);
    if (self->held_count == LOCUM_HOOKS_HELD_MAX || line == NULL) {
        send_to_hooks(self, what->on, what->line, 0);
        free(line);
        return;
    }
    struct held_event *held = &self->held[self->held_count++];
    *held = (struct held_event){.on = what->on,
                                .event = *what->event,
                                .mono = mono,
                                .reporter = LOCUM_NODE_NONE,
                                .line = line};
    note_agreement(held, core);
}

void
locum_hooks_offer(struct locum_hooks *self, const struct locum_core *core,
                  const struct locum_hooks_event *what, locum_ms mono)
{
    choose_held(self, core, mono);
    const struct locum_choose_memory memory = memory_of(self, what->event);
    const enum locum_hooks_choice choice = locum_hooks_choose(core, what->event, &memory);
    if (choice == LOCUM_HOOKS_HOLD) {
        hold(self, core, what, mono);
    } else if (choice == LOCUM_HOOKS_REPORT) {
        send_to_hooks(self, what->on, what->line, what->not_to);
        note_choice(self, core, what->event, choice);
    }
}

void
locum_hooks_look(struct locum_hooks *self, const struct locum_core *core, locum_ms mono)
{
    choose_held(self, core, mono);
}

/* The indexes of nodes are those of the configuration so far. */
static void
send_held(struct locum_hooks *self)
{
    while (self->held_count > 0) {
        const struct held_event *first = &self->held[0];
        if (first->event.kind != LOCUM_EVENT_CONDITION ||
            first->event.condition.to != LOCUM_SUSPECT) {
            send_to_hooks(self, first->on, first->line, 0);
        }
        drop_first_held(self);
    }
}

/* The same nodes by their new indexes. */
static locum_nodes
find_again(locum_nodes nodes, const struct locum_core_config *before,
           const struct locum_core_config *next)
{
    locum_nodes found = 0;
    for (locum_node node = 0; node < before->node_count; node++) {
        const locum_node now = locum_nodes_find(next, locum_slice_of(before->nodes[node].name));
        if (locum_nodes_has(nodes, node) && now != LOCUM_NODE_NONE) {
            found |= locum_nodes_of(now);
        }
    }
    return found;
}

void
locum_hooks_reconfigure(struct locum_hooks *self, const struct locum_config *before,
                        const struct locum_config *next)
{
    send_held(self);
    self->reported = find_again(self->reported, &before->core, &next->core);
    self->own = find_again(self->own, &before->core, &next->core);
    if (!make_hooks(self, next)) {
        LOCUM_LOG(LOCUM_LOG_ERR, "hook", "reason", locum_error_text(LOCUM_ERR_MEMORY), "effect",
                  "a new hook sends nothing until the next reload");
    }
}

size_t
locum_hooks_count(const struct locum_hooks *self)
{
    return self->count;
}

const struct locum_hooks_state *
locum_hooks_state(const struct locum_hooks *self, size_t index)
{
    LOCUM_INVARIANT(index < self->count);
    return locum_hook_state(self->hooks[index]);
}

size_t
locum_hooks_queued(const struct locum_hooks *self)
{
    size_t queued = 0;
    for (size_t i = 0; i < self->count; i++) {
        queued += locum_hook_state(self->hooks[i])->queued;
    }
    return queued;
}

void
locum_hooks_log_queued(const struct locum_hooks *self)
{
    for (size_t i = 0; i < self->count; i++) {
        locum_hook_log_queued(self->hooks[i],
                              "still to be delivered, lost if the new program starts");
    }
}

int
locum_hooks_test(struct locum_hooks *self, size_t number, const char *line)
{
    int status = 0;
    if (locum_hooks_is_testing(self)) {
        return LOCUM_ERR_IN_USE;
    }
    for (size_t i = 0; i < self->count; i++) {
        locum_hook_forget_test(self->hooks[i]);
    }
    for (size_t i = 0; i < self->count && status == 0; i++) {
        if (number == 0 || number == i + 1) {
            status = locum_hook_test(self->hooks[i], line);
        }
    }
    return status;
}

const struct locum_hooks_tested *
locum_hooks_tested(const struct locum_hooks *self, size_t index)
{
    LOCUM_INVARIANT(index < self->count);
    return locum_hook_tested(self->hooks[index]);
}

void
locum_hooks_destroy(struct locum_hooks *self)
{
    if (self == NULL) {
        return;
    }
    while (self->held_count > 0) {
        drop_first_held(self);
    }
    for (size_t i = 0; i < self->count; i++) {
        locum_hook_destroy(self->hooks[i]);
    }
    locum_fetch_loop_destroy(self->means.fetch);
    locum_resolver_destroy(self->means.names);
    free(self);
}

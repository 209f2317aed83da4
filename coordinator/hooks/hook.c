#include "hooks/hook.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/backoff.h"
#include "base/error.h"
#include "base/log.h"
#include "base/text_format.h"
#include "base/timer.h"

enum { RETRY_FIRST_MS = 1000, RETRY_MAX_MS = 8000, DROP_LOG_MS = 60000 };

struct locum_hook {
    const struct locum_hook_means *means;
    struct locum_config_hook config;
    struct locum_deliver deliver;
    const struct locum_deliver_way *kind;
    void *way;
    char *queue[LOCUM_HOOKS_QUEUE_MAX]; /* a ring; state.queued of them */
    size_t first;
    unsigned attempts;       /* of the first */
    bool running, testing;   /* an attempt runs; it is that of the test */
    struct locum_timer next; /* to start the next attempt, or the repeat */
    struct locum_backoff backoff;
    char *test; /* waits or is being sent; NULL: none */
    struct locum_hooks_tested tested;
    locum_ms drop_logged; /* mono; LOCUM_NEVER */
    struct locum_hooks_state state;
};

/* "command /usr/local/lib/alert", "url https://alerts.example.org": without what may be secret. */
static void
name_hook(struct locum_hook *self)
{
    struct locum_text name = locum_text_init(self->state.name, sizeof(self->state.name));
    if (self->config.command.count > 0) {
        locum_text_add(&name, "command ");
        for (const char *at = self->config.command.at; *at != '\0'; at++) {
            locum_text_add_char(&name, *at >= ' ' && *at < 127 ? *at : '?');
        }
    } else {
        const struct locum_slice url = locum_slice_of(self->config.url);
        const bool tls = locum_slice_starts(url, "https://");
        const char *host = self->config.url + (tls ? 8 : 7);
        locum_text_format(&name, "url %s://%.*s", tls ? "https" : "http", (int)strcspn(host, "/?"),
                          host);
    }
}

static void
pop(struct locum_hook *self)
{
    free(self->queue[self->first]);
    self->first = (self->first + 1) % LOCUM_HOOKS_QUEUE_MAX;
    self->state.queued--;
    self->attempts = 0;
    locum_backoff_reset(&self->backoff);
}

static void
log_failure(const struct locum_hook *self, const char *effect)
{
    LOCUM_LOG(LOCUM_LOG_WARN, "hook", "name", self->state.name, "reason",
              self->state.last[0] != '\0' ? self->state.last : NULL, "effect", effect);
}

/* An attempt for the first of the queue has ended. */
static void
note_attempt(struct locum_hook *self, enum locum_deliver_outcome outcome)
{
    self->attempts++;
    if (outcome == LOCUM_DELIVER_AGAIN && self->attempts < LOCUM_HOOKS_ATTEMPTS) {
        locum_timer_arm(&self->next, locum_backoff_next(&self->backoff, arc4random()));
        return;
    }
    if (outcome == LOCUM_DELIVERED) {
        self->state.delivered++;
    } else {
        self->state.failed++;
        log_failure(self, "this event was not delivered");
    }
    self->state.failing = outcome != LOCUM_DELIVERED;
    pop(self);
}

static void
note_test(struct locum_hook *self, enum locum_deliver_outcome outcome)
{
    self->state.failing = outcome != LOCUM_DELIVERED;
    self->tested.over = true;
    self->tested.good = outcome == LOCUM_DELIVERED;
    self->tested.took_ms = locum_clock_read().mono - self->deliver.started;
    memcpy(self->tested.text, self->state.last, sizeof(self->tested.text));
    free(self->test);
    self->test = NULL;
}

static void
on_done(void *user, enum locum_deliver_outcome outcome, const char *text)
{
    struct locum_hook *self = user;
    const bool testing = self->testing;
    self->running = self->testing = false;
    (void)locum_text_format_buffer(self->state.last, sizeof(self->state.last), "%s", text);
    if (testing) {
        note_test(self, outcome);
    } else {
        note_attempt(self, outcome);
    }
    if (!locum_timer_armed(&self->next)) {
        locum_timer_fire(&self->next);
    }
    if (testing) {
        self->means->on_tested(self->means->user);
    }
}

static void
start(struct locum_hook *self, const char *line)
{
    self->running = true;
    self->deliver.started = locum_clock_read().mono;
    self->kind->start(self->way, locum_slice_of(line));
}

/* A test goes first, also while a repeat waits. */
static void
on_next(void *user)
{
    struct locum_hook *self = user;
    if (self->running) {
        return;
    }
    if (self->test != NULL) {
        self->testing = true;
        start(self, self->test);
    } else if (self->state.queued > 0) {
        start(self, self->queue[self->first]);
    }
}

static void
note_drop(struct locum_hook *self)
{
    const locum_ms mono = locum_clock_read().mono;
    self->state.dropped++;
    self->state.dropped_at = mono;
    if (self->drop_logged == LOCUM_NEVER || mono - self->drop_logged >= DROP_LOG_MS) {
        self->drop_logged = mono;
        log_failure(self, "its queue is full: new events are dropped");
    }
}

void
locum_hook_add(struct locum_hook *self, const char *line)
{
    if (self->state.off) {
        return;
    }
    char *copy = self->state.queued < LOCUM_HOOKS_QUEUE_MAX ? strdup(line) : NULL;
    if (copy == NULL) {
        note_drop(self);
        return;
    }
    self->queue[(self->first + self->state.queued++) % LOCUM_HOOKS_QUEUE_MAX] = copy;
    if (!self->running && !locum_timer_armed(&self->next)) {
        locum_timer_fire(&self->next);
    }
}

int
locum_hook_test(struct locum_hook *self, const char *line)
{
    LOCUM_INVARIANT(self->test == NULL);
    self->tested = (struct locum_hooks_tested){.wanted = true};
    if (self->state.off) {
        self->tested.over = true;
        (void)locum_text_format_buffer(self->tested.text, sizeof(self->tested.text), "%s",
                                       self->state.last);
        return 0;
    }
    self->test = strdup(line);
    if (self->test == NULL) {
        self->tested.over = true;
        return LOCUM_ERR_MEMORY;
    }
    if (!self->running) { /* a repeat that waits comes after it */
        locum_timer_fire(&self->next);
    }
    return 0;
}

const struct locum_hooks_tested *
locum_hook_tested(const struct locum_hook *self)
{
    return &self->tested;
}

void
locum_hook_forget_test(struct locum_hook *self)
{
    self->tested = (struct locum_hooks_tested){0};
}

const struct locum_hooks_state *
locum_hook_state(const struct locum_hook *self)
{
    return &self->state;
}

bool
locum_hook_wants(const struct locum_hook *self, enum locum_hook_on on)
{
    bool wants = false;
    for (size_t i = 0; i < self->config.on_count; i++) {
        wants = wants || self->config.on[i] == on;
    }
    return wants;
}

void
locum_hook_names_changed(struct locum_hook *self)
{
    if (self->kind == &locum_deliver_url && self->way != NULL) {
        locum_deliver_names_changed(self->way);
    }
}

bool
locum_hook_is(const struct locum_hook *self, const struct locum_config_hook *config)
{
    return self->config.command.count == config->command.count &&
           memcmp(self->config.command.at, config->command.at, sizeof(config->command.at)) == 0 &&
           strcmp(self->config.url, config->url) == 0;
}

void
locum_hook_change(struct locum_hook *self, const struct locum_config_hook *config)
{
    const bool was_off = self->state.off;
    self->config = *config;
    self->state.off = config->lacks_secret || self->way == NULL;
    if (self->state.off) {
        (void)locum_text_format_buffer(self->state.last, sizeof(self->state.last), "%s",
                                       self->way == NULL ? "out of memory"
                                                         : "its URL or its secret is not known");
    } else if (was_off) {
        self->state.last[0] = '\0';
    }
}

struct locum_hook *
locum_hook_create(const struct locum_hook_means *means, const struct locum_config_hook *config)
{
    struct locum_hook *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        return NULL;
    }
    self->means = means;
    self->config = *config;
    self->state.dropped_at = self->drop_logged = LOCUM_NEVER;
    self->backoff =
        (struct locum_backoff){.first_ms = RETRY_FIRST_MS, .max_ms = RETRY_MAX_MS, .next_ms = 0};
    self->deliver = (struct locum_deliver){.base = means->base,
                                           .fetch = means->fetch,
                                           .names = means->names,
                                           .agent = means->agent,
                                           .hook = &self->config,
                                           .on_done = on_done,
                                           .user = self};
    self->kind = config->command.count > 0 ? &locum_deliver_command : &locum_deliver_url;
    locum_timer_init(&self->next, means->base, on_next, self);
    name_hook(self);
    self->way = self->kind->create(&self->deliver);
    locum_hook_change(self, config);
    return self;
}

void
locum_hook_log_queued(const struct locum_hook *self, const char *what)
{
    char effect[128];
    if (self->state.queued > 0) {
        (void)locum_text_format_buffer(effect, sizeof(effect), "%s: %zu event%s", what,
                                       self->state.queued, self->state.queued == 1 ? "" : "s");
        LOCUM_LOG(LOCUM_LOG_WARN, "hook", "name", self->state.name, "effect", effect);
    }
}

void
locum_hook_destroy(struct locum_hook *self)
{
    if (self == NULL) {
        return;
    }
    locum_hook_log_queued(self, "not delivered");
    locum_timer_fini(&self->next);
    if (self->way != NULL) {
        self->kind->destroy(self->way);
    }
    while (self->state.queued > 0) {
        pop(self);
    }
    free(self->test);
    explicit_bzero(&self->config, sizeof(self->config));
    free(self);
}

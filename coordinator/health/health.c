#include "health/health.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/log.h"
#include "base/text_format.h"
#include "base/timer.h"
#include "health/command.h"
#include "health/http.h"
#include "health/tcp.h"

/* A check of the configuration that this room runs. */
struct probe {
    struct locum_health *health;
    size_t check;                  /* index in the configuration */
    struct locum_http_check *http; /* the one of its kind is set, the other two are NULL */
    struct locum_tcp_check *tcp;
    struct locum_command_check *command;
    struct locum_timer timer; /* armed between two probes, so that they never overlap */
    locum_ms due;             /* mono time at which the last probe should start */
    locum_ms begun;           /* mono time at which it started */
    struct locum_health_counts counts;
    bool lacking; /* the last probe could not be run */
    char last[LOCUM_PROBE_TEXT_MAX];
};

struct locum_health {
    const struct locum_config *config;
    locum_health_sample_fn *on_sample;
    void *user;
    char agent[sizeof("locum/") + LOCUM_VERSION_MAX];
    struct locum_fetch_loop *loop;         /* shared by the http checks */
    struct probe probes[LOCUM_CHECKS_MAX]; /* by index in the configuration */
};

static void
on_due(void *user)
{
    struct probe *self = user;
    self->begun = locum_now_read().mono;
    if (self->http != NULL) {
        locum_http_check_start(self->http);
    } else if (self->tcp != NULL) {
        locum_tcp_check_start(self->tcp);
    } else {
        locum_command_check_start(self->command);
    }
}

/* Start to start is one interval; after a longer probe the next one starts at once. */
static void
schedule_next(struct probe *self)
{
    const locum_ms now = locum_now_read().mono;
    self->due += self->health->config->core.checks[self->check].interval_ms;
    if (self->due < now) {
        self->due = now;
    }
    locum_timer_arm(&self->timer, self->due - now);
}

/* No sample: the previous result of the check is kept. */
static void
skip(struct probe *self, const char *lack)
{
    (void)locum_text_format_buffer(self->last, sizeof(self->last),
                                   "could not be run; previous result kept: %s", lack);
    if (!self->lacking) {
        LOCUM_LOG(LOCUM_LOG_WARN, "check", "name", self->health->config->checks[self->check].name,
                  "reason", self->last);
    }
    self->lacking = true;
    schedule_next(self);
}

static void
on_done(void *user, enum locum_sample outcome, const char *text)
{
    struct probe *self = user;
    if (outcome == LOCUM_PROBE_NOT_RUN) {
        skip(self, text);
        return;
    }
    self->lacking = false;
    (void)locum_text_format_buffer(self->last, sizeof(self->last), "%s", text);
    self->counts.outcomes[outcome]++;
    self->counts.last_ms = locum_now_read().mono - self->begun;
    schedule_next(self);
    self->health->on_sample(self->health->user, self->check, outcome, self->last);
}

/* 0, also for a kind that this room does not run, or a negative code. */
static int
create_probe(struct locum_health *self, struct event_base *base, size_t index)
{
    const struct locum_config_check *check = &self->config->checks[index];
    struct probe *probe = &self->probes[index];
    int status = 0;
    probe->health = self;
    probe->check = index;
    probe->counts.last_ms = LOCUM_NEVER;
    if (check->kind == LOCUM_CHECK_HTTP) {
        status =
            locum_http_check_create(self->loop, self->agent, check, on_done, probe, &probe->http);
    } else if (check->kind == LOCUM_CHECK_TCP) {
        status = locum_tcp_check_create(base, check, on_done, probe, &probe->tcp);
    } else if (check->kind == LOCUM_CHECK_COMMAND) {
        status = locum_command_check_create(base, check, on_done, probe, &probe->command);
    } else {
        return 0;
    }
    if (status != 0) {
        return status;
    }
    probe->due = locum_now_read().mono;
    locum_timer_init(&probe->timer, base, on_due, probe);
    locum_timer_arm(&probe->timer, 0);
    return 0;
}

int
locum_health_create(struct event_base *base, const struct locum_config *config,
                    locum_health_sample_fn *on_sample, void *user, struct locum_health **ret)
{
    struct locum_health *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        return LOCUM_ERR_MEMORY;
    }
    self->config = config;
    self->on_sample = on_sample;
    self->user = user;
    (void)locum_text_format_buffer(self->agent, sizeof(self->agent), "locum/%s",
                                   config->core.version);
    int status = locum_fetch_loop_create(base, locum_http_check_end, &self->loop);
    for (size_t i = 0; status == 0 && i < config->core.check_count; i++) {
        status = create_probe(self, base, i);
    }
    if (status != 0) {
        locum_health_destroy(self);
        return status;
    }
    *ret = self;
    return 0;
}

void
locum_health_counts(const struct locum_health *self, size_t check, struct locum_health_counts *ret)
{
    LOCUM_INVARIANT(check < LOCUM_CHECKS_MAX);
    *ret = self->probes[check].counts;
}

const char *
locum_health_last(const struct locum_health *self, size_t check)
{
    LOCUM_INVARIANT(check < LOCUM_CHECKS_MAX);
    return self->probes[check].last;
}

void
locum_health_destroy(struct locum_health *self)
{
    if (self == NULL) {
        return;
    }
    for (size_t i = 0; i < LOCUM_CHECKS_MAX; i++) {
        struct probe *probe = &self->probes[i];
        locum_timer_fini(&probe->timer);
        locum_http_check_destroy(probe->http);
        locum_tcp_check_destroy(probe->tcp);
        locum_command_check_destroy(probe->command);
    }
    locum_fetch_loop_destroy(self->loop);
    free(self);
}

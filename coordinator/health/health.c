#include "health/health.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/log.h"
#include "base/text_format.h"
#include "base/timer.h"
#include "health/transfer.h"

/* By enum locum_check_kind; the core itself makes the samples of mirrorbits checks. */
static const struct locum_probe_kind *const kinds[] = {
    [LOCUM_CHECK_HTTP] = &locum_probe_http, [LOCUM_CHECK_TCP] = &locum_probe_tcp,
    [LOCUM_CHECK_TLS] = &locum_probe_tls,   [LOCUM_CHECK_COMMAND] = &locum_probe_command,
    [LOCUM_CHECK_MIRRORBITS] = NULL,
};

/* A check of the configuration. */
struct scheduled {
    struct locum_health *health;
    size_t index;             /* in the configuration */
    struct locum_probe probe; /* its `started` is set here */
    const struct locum_probe_kind *kind;
    void *check;              /* of this kind; NULL: this room does not run it */
    struct locum_timer timer; /* armed between two probes, so that they never overlap */
    locum_ms due;             /* mono time at which the last probe should start */
    struct locum_health_outcomes outcomes;
    locum_ms lacking_since; /* mono; no probe since then could be run; LOCUM_NEVER */
    char last[LOCUM_PROBE_TEXT_MAX];
};

struct locum_health {
    const struct locum_config *config;
    locum_health_sample_fn *on_sample;
    void *user;
    char agent[sizeof("locum/") + LOCUM_VERSION_MAX];
    struct locum_fetch_loop *fetch;            /* shared by the http and tls checks */
    struct locum_resolver *names;              /* of the http checks */
    struct scheduled checks[LOCUM_CHECKS_MAX]; /* by index in the configuration */
};

/* Start to start is one interval; after a longer probe the next one starts at once. */
static void
schedule_next(struct scheduled *self)
{
    const locum_ms now = locum_clock_read().mono;
    self->due += self->health->config->core.checks[self->index].interval_ms;
    if (self->due < now) {
        self->due = now;
    }
    locum_timer_arm(&self->timer, self->due - now);
}

/* This machine lacks something. It is logged once, until a probe could be run. */
static void
note_lack(struct scheduled *self, const char *lack)
{
    const bool first = self->lacking_since == LOCUM_NEVER;
    const locum_ms now = locum_clock_read().mono;
    self->lacking_since = first ? now : self->lacking_since;
    const locum_ms lasts_ms = now - self->lacking_since;
    (void)locum_text_format_buffer(self->last, sizeof(self->last), "could not be run%s%s: %s",
                                   lasts_ms > 0 ? " for " : "",
                                   lasts_ms > 0 ? locum_text_age(lasts_ms).text : "", lack);
    if (first) {
        LOCUM_LOG(LOCUM_LOG_WARN, "check", "name", self->health->config->checks[self->index].name,
                  "reason", self->last);
    }
}

static void
on_done(void *user, enum locum_sample outcome, const char *text)
{
    struct scheduled *self = user;
    if (outcome == LOCUM_SAMPLE_NOT_RUN) {
        note_lack(self, text);
    } else {
        self->lacking_since = LOCUM_NEVER;
        (void)locum_text_format_buffer(self->last, sizeof(self->last), "%s", text);
    }
    schedule_next(self);
    self->outcomes.counts[outcome]++;
    if (outcome != LOCUM_SAMPLE_NOT_RUN) {
        self->outcomes.last_ms = locum_clock_read().mono - self->probe.started;
    }
    self->health->on_sample(self->health->user, self->index, outcome, self->last);
}

static void
on_due(void *user)
{
    struct scheduled *self = user;
    self->probe.started = locum_clock_read().mono;
    if (self->check == NULL) {
        /* A request without the header would say nothing about the service. */
        on_done(self, LOCUM_SAMPLE_NOT_RUN, "the value of a header is not kept");
    } else {
        self->kind->start(self->check);
    }
}

static void
on_names_changed(void *user)
{
    struct locum_health *self = user;
    for (size_t i = 0; i < self->config->core.check_count; i++) {
        if (self->checks[i].kind == &locum_probe_http && self->checks[i].check != NULL) {
            locum_probe_names_changed(self->checks[i].check);
        }
    }
}

/* 0, also for a kind that this room does not run, or LOCUM_ERR_MEMORY. */
static int
create_check(struct locum_health *self, struct event_base *base, size_t index)
{
    const struct locum_config_check *check = &self->config->checks[index];
    struct scheduled *scheduled = &self->checks[index];
    *scheduled = (struct scheduled){.health = self,
                                    .index = index,
                                    .kind = kinds[check->kind],
                                    .outcomes.last_ms = LOCUM_NEVER,
                                    .lacking_since = LOCUM_NEVER,
                                    .probe = {.base = base,
                                              .fetch = self->fetch,
                                              .names = self->names,
                                              .agent = self->agent,
                                              .config = self->config,
                                              .check = check,
                                              .on_done = on_done,
                                              .user = scheduled}};
    if (scheduled->kind == NULL) {
        return 0;
    }
    if (!check->http.lacks_value) {
        scheduled->check = scheduled->kind->create(&scheduled->probe);
        if (scheduled->check == NULL) {
            return LOCUM_ERR_MEMORY;
        }
    }
    scheduled->due = locum_clock_read().mono;
    locum_timer_init(&scheduled->timer, base, on_due, scheduled);
    locum_timer_arm(&scheduled->timer, 0);
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
    self->names = locum_resolver_create(base, NULL, on_names_changed, self);
    int status = self->names == NULL
                     ? LOCUM_ERR_MEMORY
                     : locum_fetch_loop_create(base, locum_transfer_done, &self->fetch);
    for (size_t i = 0; status == 0 && i < config->core.check_count; i++) {
        status = create_check(self, base, i);
    }
    if (status != 0) {
        locum_health_destroy(self);
        return status;
    }
    *ret = self;
    return 0;
}

void
locum_health_learn(struct locum_health *self, const struct locum_health *former)
{
    locum_resolver_learn(self->names, former->names);
}

struct locum_health_outcomes
locum_health_outcomes(const struct locum_health *self, size_t check)
{
    LOCUM_INVARIANT(check < LOCUM_CHECKS_MAX);
    struct locum_health_outcomes outcomes = self->checks[check].outcomes;
    const struct scheduled *scheduled = &self->checks[check];
    outcomes.last = scheduled->last;
    if (scheduled->check != NULL && scheduled->kind->certificates != NULL) {
        outcomes.certificate_count =
            scheduled->kind->certificates(scheduled->check, &outcomes.certificates);
    }
    return outcomes;
}

void
locum_health_destroy(struct locum_health *self)
{
    if (self == NULL) {
        return;
    }
    for (size_t i = 0; i < LOCUM_CHECKS_MAX; i++) {
        locum_timer_fini(&self->checks[i].timer);
        if (self->checks[i].check != NULL) {
            self->checks[i].kind->destroy(self->checks[i].check);
        }
    }
    locum_fetch_loop_destroy(self->fetch);
    locum_resolver_destroy(self->names);
    free(self);
}

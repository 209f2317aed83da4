#include "core/service.h"

#include <string.h>

#include "base/invariant.h"

/* How bad it is; probation is up as far as the checks say. */
static unsigned int
badness(enum locum_service service)
{
    return service == LOCUM_FAILING ? 2 : service == LOCUM_SERVICE_DEGRADED ? 1 : 0;
}

/*
 * SERVICE-5: the worst verdict of the checks that count. While one has none, only a worse state
 * than the present one is certain. A mirrorbits check without a verdict, because Redis is not
 * reachable, delays only the first state: it must not keep a node failing.
 */
static enum locum_service
verdict_of_checks(const struct locum_service_state *self, const struct locum_core_config *config)
{
    enum locum_service worst = LOCUM_UP;
    bool all = true;
    for (size_t i = 0; i < config->check_count; i++) {
        const enum locum_service verdict = self->check[i].verdict;
        if (!config->checks[i].counts) {
            continue;
        }
        worst = badness(verdict) > badness(worst) ? verdict : worst;
        all = all && (verdict != LOCUM_SERVICE_UNKNOWN ||
                      (config->checks[i].mirrorbits && self->state != LOCUM_SERVICE_UNKNOWN));
    }
    return all || badness(worst) > badness(self->state) ? worst : LOCUM_SERVICE_UNKNOWN;
}

void
locum_service_init(struct locum_service_state *self, const struct locum_core_config *config)
{
    memset(self, 0, sizeof(*self));
    self->recovered = LOCUM_NEVER;
    for (size_t i = 0; i < LOCUM_CHECKS_MAX; i++) {
        self->check[i].since_wall = LOCUM_NEVER;
        self->check[i].next_sample = LOCUM_NEVER;
    }
    const bool witness = config->nodes[config->self].role == LOCUM_ROLE_WITNESS;
    self->state = witness ? LOCUM_UP : verdict_of_checks(self, config);
}

/* SERVICE-6 */
static enum locum_service
counts_as(const struct locum_core_check *rule, enum locum_sample sample)
{
    const bool degraded = sample == LOCUM_SAMPLE_DEGRADED || sample == LOCUM_SAMPLE_NOT_RUN;
    return sample == LOCUM_SAMPLE_PASS  ? LOCUM_UP
           : degraded || rule->degrades ? LOCUM_SERVICE_DEGRADED
                                        : LOCUM_FAILING;
}

/* SERVICE-8: a probe could not be run. Returns true if that changes nothing. */
static bool
is_kept(struct locum_check_state *state, const struct locum_core_check *rule, locum_ms mono)
{
    const locum_ms fall_ms = 2 * (locum_ms)rule->fall * rule->interval_ms;
    const locum_ms kept_ms = fall_ms > LOCUM_NOT_RUN_KEPT_MS ? fall_ms : LOCUM_NOT_RUN_KEPT_MS;
    if (!state->not_run) {
        state->not_run = true;
        state->not_run_since = mono;
    }
    return mono - state->not_run_since < kept_ms || state->verdict == LOCUM_FAILING;
}

void
locum_service_sample(struct locum_service_state *self, const struct locum_core_config *config,
                     size_t check, enum locum_sample sample, struct locum_now now)
{
    LOCUM_INVARIANT(check < config->check_count);
    const struct locum_core_check *rule = &config->checks[check];
    struct locum_check_state *state = &self->check[check];
    if (sample == LOCUM_SAMPLE_NOT_RUN && is_kept(state, rule, now.mono)) {
        return;
    }
    state->not_run = sample == LOCUM_SAMPLE_NOT_RUN;
    const enum locum_service says = counts_as(rule, sample);
    const bool at_once = state->verdict == LOCUM_SERVICE_UNKNOWN || state->stale ||
                         (sample == LOCUM_SAMPLE_REFUSED && rule->fast_fail);
    state->stale = false;
    if (says == state->verdict) {
        state->run = 0;
        return;
    }
    const bool worse = badness(says) > badness(state->verdict);
    const bool goes_on =
        state->run > 0 && worse == (badness(state->nearest) > badness(state->verdict));
    if (!goes_on || worse == (badness(says) < badness(state->nearest))) {
        state->nearest = says;
    }
    state->run = goes_on ? state->run + 1 : 1;
    if (at_once || state->run >= (worse ? rule->fall : rule->rise)) {
        state->verdict = at_once ? says : state->nearest;
        state->run = 0;
        state->since_wall = now.wall;
    }
}

bool
locum_service_is_stale(const struct locum_service_state *self,
                       const struct locum_core_config *config)
{
    bool stale = false;
    for (size_t i = 0; i < config->check_count; i++) {
        const struct locum_core_check *rule = &config->checks[i];
        stale = stale || (rule->counts && !rule->mirrorbits && self->check[i].stale);
    }
    return stale;
}

size_t
locum_service_not_run(const struct locum_service_state *self,
                      const struct locum_core_config *config)
{
    size_t i = 0;
    while (i < config->check_count && !(config->checks[i].counts && self->check[i].not_run)) {
        i++;
    }
    return i;
}

/* SERVICE-2: up or probation -> a worse state soon after a recovery is a flap. Between degraded and
 * failing there is none: names move only while no server works better. */
static void
note_failure(struct locum_service_state *self, locum_ms mono)
{
    if (self->recovered != LOCUM_NEVER && mono - self->recovered < LOCUM_FLAP_WINDOW_MS) {
        const locum_ms doubled = 2 * self->probation_ms;
        self->probation_ms = doubled == 0                       ? LOCUM_PROBATION_FIRST_MS
                             : doubled > LOCUM_PROBATION_MAX_MS ? LOCUM_PROBATION_MAX_MS
                                                                : doubled;
    }
}

/* failing or degraded -> up; after a flap through probation (SERVICE-2, SERVICE-3) */
static enum locum_service
recover(struct locum_service_state *self, locum_ms mono)
{
    self->recovered = mono;
    self->probation_until = mono + self->probation_ms;
    return self->probation_ms > 0 ? LOCUM_PROBATION : LOCUM_UP;
}

static enum locum_service
next_state(struct locum_service_state *self, enum locum_service verdict, locum_ms mono)
{
    const enum locum_service state = self->state;
    if (badness(verdict) > 0) {
        if (state == LOCUM_UP || state == LOCUM_PROBATION) {
            note_failure(self, mono);
        }
        return verdict;
    }
    if (verdict == LOCUM_SERVICE_UNKNOWN) {
        return state; /* a check without a verdict changes nothing */
    }
    if (badness(state) > 0) {
        return recover(self, mono);
    }
    if (state == LOCUM_PROBATION && mono < self->probation_until) {
        return LOCUM_PROBATION;
    }
    return LOCUM_UP;
}

bool
locum_service_advance(struct locum_service_state *self, const struct locum_core_config *config,
                      struct locum_now now)
{
    if (config->nodes[config->self].role != LOCUM_ROLE_SERVER) {
        return false;
    }
    const enum locum_service before = self->state;
    self->state = next_state(self, verdict_of_checks(self, config), now.mono);
    if (self->state == LOCUM_UP && self->recovered != LOCUM_NEVER &&
        now.mono - self->probation_until >= LOCUM_PROBATION_FORGET_MS) {
        self->probation_ms = 0;
    }
    return self->state != before;
}

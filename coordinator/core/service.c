#include "core/service.h"

#include <string.h>

#include "base/invariant.h"

/*
 * SERVICE-1: all checks that count must pass. A mirrorbits check without a verdict, because Redis
 * is not reachable, delays only the first state: it must not keep a node failing.
 */
static enum locum_service
verdict_of_checks(const struct locum_service_state *self, const struct locum_core_config *config)
{
    enum locum_service verdict = LOCUM_UP;
    for (size_t i = 0; i < config->check_count; i++) {
        if (!config->checks[i].counts) {
            continue;
        }
        if (self->check[i].verdict == LOCUM_FAILING) {
            return LOCUM_FAILING;
        }
        if (self->check[i].verdict == LOCUM_SERVICE_UNKNOWN &&
            !(config->checks[i].mirrorbits && self->state != LOCUM_SERVICE_UNKNOWN)) {
            verdict = LOCUM_SERVICE_UNKNOWN;
        }
    }
    return verdict;
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

void
locum_service_sample(struct locum_service_state *self, const struct locum_core_config *config,
                     size_t check, enum locum_sample sample, struct locum_now now)
{
    LOCUM_INVARIANT(check < config->check_count);
    const struct locum_core_check *rule = &config->checks[check];
    struct locum_check_state *state = &self->check[check];
    const enum locum_service says = sample == LOCUM_SAMPLE_PASS ? LOCUM_UP : LOCUM_FAILING;
    const bool at_once = state->verdict == LOCUM_SERVICE_UNKNOWN ||
                         (sample == LOCUM_SAMPLE_REFUSED && rule->fast_fail);
    if (says == state->verdict) {
        state->run = 0;
        return;
    }
    state->run++;
    if (at_once || state->run >= (says == LOCUM_UP ? rule->rise : rule->fall)) {
        state->verdict = says;
        state->run = 0;
        state->since_wall = now.wall;
    }
}

/* SERVICE-2: up or probation -> failing soon after a recovery is a flap. */
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

/* failing -> up; after a flap through probation (SERVICE-2, SERVICE-3) */
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
    if (verdict == LOCUM_FAILING) {
        if (state == LOCUM_UP || state == LOCUM_PROBATION) {
            note_failure(self, mono);
        }
        return LOCUM_FAILING;
    }
    if (verdict == LOCUM_SERVICE_UNKNOWN) {
        return state; /* a check without a verdict changes nothing */
    }
    if (state == LOCUM_FAILING) {
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

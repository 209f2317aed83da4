/*
 * When the next commit must come if nothing arrives: the first of all moments at which the result
 * of a rule that compares a time with now may change. A moment too many costs one iteration. A
 * missing one delays an event by up to an interval; the simulator checks that.
 */
#include "core/step.h"

struct wait {
    locum_ms now, next;
};

/* Something may change at `when`. A moment in the past has had its effect; LOCUM_NEVER is past. */
static void
until(struct wait *wait, locum_ms when)
{
    if (when > wait->now && when < wait->next) {
        wait->next = when;
    }
}

/* SILENCE-4, COND-2, VOTE-1 (the heartbeat is too old, so the Sentinel votes), COND-12. */
static void
wait_for_peer(struct wait *wait, const struct locum_core *self, locum_node peer)
{
    const struct locum_view *view = &self->view;
    const locum_ms base = locum_view_base(view, peer);
    const locum_ms limit = locum_view_limit(view, &self->config, peer);
    until(wait, base + limit);
    until(wait, base + 2 * locum_view_interval(view, &self->config, peer));
    until(wait, view->peer[peer].heard + limit + 1);
    until(wait, self->detector.peer[peer].returning_since + self->config.recover_after_ms);
}

/* FAMILY-2: one family has been silent for the limit; the other has been heard for that long, or no
 * longer is. */
static void
wait_for_families(struct wait *wait, const struct locum_core *self, locum_node node)
{
    const struct locum_view *view = &self->view;
    const locum_ms limit = locum_view_limit(view, &self->config, node);
    until(wait, view->grace + limit);
    until(wait, view->peer[node].grace + limit);
    for (size_t family = 0; family < LOCUM_FAMILIES; family++) {
        const struct locum_family_facts *facts = &view->peer[node].family[family];
        until(wait, facts->heard + limit);
        until(wait, facts->heard + limit + 1);
        until(wait, facts->since + limit);
        until(wait, self->families.at[node][family].trial + self->config.recover_after_ms);
    }
}

/* The own service: samples of the own Mirrorbits, the end of probation, SERVICE-2's 10 minutes. */
static void
wait_for_service(struct wait *wait, const struct locum_core *self)
{
    const struct locum_service_state *service = &self->service;
    for (size_t i = 0; i < self->config.check_count; i++) {
        until(wait, service->check[i].next_sample);
    }
    until(wait, service->probation_until);
    until(wait, service->probation_until + LOCUM_PROBATION_FORGET_MS);
}

locum_ms
locum_core_next(const struct locum_core *self, struct locum_now now)
{
    struct wait wait = {.now = now.mono, .next = now.mono + self->config.interval_ms};
    until(&wait,
          self->last_send + (self->send_wanted ? LOCUM_SEND_GAP_MS : self->config.interval_ms));
    until(&wait, self->view.started + LOCUM_DIRECT_MS);
    for (locum_node peer = 0; peer < self->config.node_count; peer++) {
        wait_for_peer(&wait, self, peer);
        wait_for_families(&wait, self, peer);
    }
    for (size_t family = 0; family < LOCUM_FAMILIES; family++) { /* FAMILY-6 */
        until(&wait, self->families.absent_since[family] + self->config.timeout_ms);
    }
    wait_for_service(&wait, self);
    until(&wait, now.mono + (self->admin.until_boot - now.boot));
    until(&wait, self->leaving_since + LOCUM_LEAVING_MAX_MS);
    return wait.next;
}

/*
 * When the next turn must come if nothing arrives: the first of all moments at which some rule that
 * compares a time with now may say something else. A moment too many costs a turn, one that is
 * missing makes an event late by up to an interval; the simulator sees that.
 */
#include "core/step.h"

struct wait {
    locum_ms now, next;
};

/* Something may change at `when`; what is past has done so. LOCUM_NEVER is past. */
static void
until(struct wait *wait, locum_ms when)
{
    if (when > wait->now && when < wait->next) {
        wait->next = when;
    }
}

/* Silence, adoption, a word too old to be a vote (so its Sentinel's counts), the end of returning.
 */
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

/* The own word: samples of the own Mirrorbits, the end of probation, its being forgotten. */
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
    }
    wait_for_service(&wait, self);
    until(&wait, now.mono + (self->admin.until_boot - now.boot));
    until(&wait, self->leaving_since + LOCUM_LEAVING_MAX_MS);
    return wait.next;
}

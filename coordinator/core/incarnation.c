#include "core/incarnation.h"

enum {
    AHEAD_MS_MAX = 24 * 3600 * 1000, /* INCARNATION-1: of the own clock */
    RAISE_QUIET_MS = 10000,          /* between two events that raising it causes */
};

/* INCARNATION-1 */
static uint64_t
bound(const struct locum_view *view, struct locum_now now)
{
    const uint64_t day = (uint64_t)(now.wall > 0 ? now.wall : 0) + AHEAD_MS_MAX;
    return view->clock_synchronised && day < LOCUM_INCARNATION_MAX ? day : LOCUM_INCARNATION_MAX;
}

/* Two nodes with one name raise it alternately without end, so the event and the write to disk are
 * limited to one in RAISE_QUIET_MS. The last one is not left out, only late. */
static void
report_raise(struct locum_core *self, locum_ms mono, struct locum_actions *actions)
{
    if (!self->raise_unreported ||
        (self->raise_reported != LOCUM_NEVER && mono - self->raise_reported < RAISE_QUIET_MS)) {
        return;
    }
    self->raise_reported = mono;
    self->raise_unreported = false;
    locum_core_add_event(actions, LOCUM_EVENT_INCARNATION)->incarnation = self->view.incarnation;
    locum_core_add_action(actions, LOCUM_ACTION_PERSIST);
}

/* INCARNATION-2. A crash may follow, and peers take no older run for a while: RESUME-1. The next
 * commit saves it, once, however many acknowledgements come before that. */
static void
raise_above(struct locum_core *self, uint64_t incarnation, locum_ms mono,
            struct locum_actions *actions)
{
    self->view.incarnation = incarnation + 1;
    self->view.overtaken.since = LOCUM_NEVER;
    self->send_wanted = true;
    self->save_wanted = true;
    self->raise_unreported = true;
    report_raise(self, mono, actions);
}

/* INCARNATION-3: one more heartbeat that acknowledges a later run, and none has come that does not.
 */
static void
note_overtaken(struct locum_core *self, uint64_t incarnation, locum_ms mono,
               struct locum_actions *actions)
{
    struct locum_view *view = &self->view;
    const locum_ms timeout = self->config.timeout_ms;
    locum_view_note_series(&view->overtaken, timeout, mono);
    if (view->overtaken.since == mono || incarnation > view->overtaken_by) {
        view->overtaken_by = incarnation;
    }
    if (mono - view->overtaken.since >= 2 * timeout) {
        raise_above(self, view->overtaken_by, mono, actions);
    }
}

void
locum_incarnation_acknowledged(struct locum_core *self, locum_node peer, uint64_t incarnation,
                               struct locum_now now, struct locum_actions *actions)
{
    struct locum_peer_facts *facts = &self->view.peer[peer];
    report_raise(self, now.mono, actions);
    if (incarnation <= self->view.incarnation) {
        self->view.overtaken.since = LOCUM_NEVER;
        return;
    }
    if (incarnation <= bound(&self->view, now)) {
        raise_above(self, incarnation, now.mono, actions);
        return;
    }
    facts->beyond = now.mono;
    facts->beyond_incarnation = incarnation;
    if (incarnation <= LOCUM_INCARNATION_MAX) {
        note_overtaken(self, incarnation, now.mono, actions);
    }
}

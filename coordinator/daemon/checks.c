/* What a check last said, for people: the status and the events. */
#include "daemon/daemon.h"

/* The Mirrorbits check is the core's own: say what it judges by. */
static void
add_mirrorbits(const struct locum_core *core, locum_ms now, struct locum_text *text)
{
    const locum_ms heard = core->view.peer[core->config.self].mirrorbits;
    if (heard == LOCUM_NEVER) {
        locum_text_add(text, "never announced itself");
    } else {
        locum_text_add(text, "announced itself ");
        locum_text_add_i64(text, now - heard);
        locum_text_add(text, " ms ago");
    }
    if (!locum_view_mirrorbits_seen(&core->view, core->config.self, now) &&
        !locum_view_redis_worked(&core->view, &core->config, LOCUM_MIRRORBITS_FORGET_MS, now)) {
        locum_text_add(text, ", and Redis was not heard all the time: the last verdict stands");
    }
}

void
locum_daemon_add_check(struct locum_daemon *self, size_t check, struct locum_text *text)
{
    if (self->config->checks[check].kind == LOCUM_CHECK_MIRRORBITS) {
        add_mirrorbits(&self->core, locum_daemon_now(self).mono, text);
    } else {
        locum_text_add(text, locum_health_last(self->health, check));
    }
}

#include "daemon/signing.h"

#include <event2/event.h>
#include <stdlib.h>

#include "base/error.h"
#include "core/loss.h"
#include "daemon/act.h"
#include "daemon/inside.h"
#include "daemon/loop.h"
#include "daemon/wiring.h"

/* The thread has ended: a reload goes on, or new signatures are published. */
static void
on_signed(evutil_socket_t fd, short what, void *user)
{
    struct locum_daemon *self = user;
    (void)fd, (void)what;
    const int64_t now_s = locum_daemon_loop_now(self).wall / 1000;
    locum_daemon_wiring_signed(self);
    if (locum_dns_is_due(self->dns, now_s)) {
        locum_daemon_act_publish(self);
    }
}

int
locum_daemon_signing_create(struct locum_daemon *self)
{
    self->signing = event_new(self->base, locum_dns_signed_fd(self->dns), EV_READ | EV_PERSIST,
                              on_signed, self);
    return self->signing == NULL || event_add(self->signing, NULL) != 0 ? LOCUM_ERR_MEMORY : 0;
}

void
locum_daemon_signing_destroy(struct locum_daemon *self)
{
    if (self->signing != NULL) {
        event_free(self->signing);
    }
}

/* The plan that is answered, and that after the loss of each server. */
static size_t
find_plans(const struct locum_core *core, struct locum_plan ret[1 + LOCUM_NODES_MAX])
{
    size_t count = 0;
    ret[count++] = core->plan;
    for (locum_node node = 0; node < core->config.node_count; node++) {
        if (core->config.nodes[node].role == LOCUM_ROLE_SERVER) {
            locum_loss_plan(core, node, &ret[count++]);
        }
    }
    return count;
}

void
locum_daemon_signing_each_second(struct locum_daemon *self)
{
    const int64_t now_s = self->now.wall / 1000;
    if (!locum_dns_wants_to_sign(self->dns, now_s)) {
        return;
    }
    struct locum_plan *plans = malloc((1 + LOCUM_NODES_MAX) * sizeof(*plans));
    if (plans != NULL) {
        locum_dns_sign(self->dns, self->config, plans, find_plans(&self->core, plans), now_s);
    }
    free(plans);
}

#include "daemon/signing.h"

#include <stdlib.h>

#include "core/loss.h"
#include "daemon/inside.h"
#include "daemon/signatures.h"

size_t
locum_daemon_signing_plans(const struct locum_core *core,
                           struct locum_plan ret[LOCUM_DAEMON_SIGNING_PLANS])
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
    const int64_t now_s = locum_daemon_signatures_take_s(self);
    if (!locum_dns_wants_to_sign(self->dns, now_s)) {
        return;
    }
    struct locum_plan *plans = malloc(LOCUM_DAEMON_SIGNING_PLANS * sizeof(*plans));
    if (plans != NULL) {
        locum_dns_sign(self->dns, self->config, plans,
                       locum_daemon_signing_plans(&self->core, plans), now_s);
    }
    free(plans);
}

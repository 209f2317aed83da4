#include "report/evidence.h"

#include <string.h>

enum { HEARD_BY_MS = 10000 };

void
locum_evidence_init(struct locum_evidence *self)
{
    memset(self, 0, sizeof(*self));
    self->bad_unknown = LOCUM_NEVER;
    self->unlisted_heard = LOCUM_NEVER;
    for (size_t node = 0; node < LOCUM_NODES_MAX; node++) {
        self->bad_signature[node] = self->by_key[node] = self->by_secret[node] = LOCUM_NEVER;
        for (size_t i = 0; i < LOCUM_FALSE_ALARMS; i++) {
            self->false_alarm[node][i] = LOCUM_NEVER;
        }
    }
}

bool
locum_evidence_is_recent(locum_ms mono, locum_ms within_ms, locum_ms now)
{
    return mono != LOCUM_NEVER && now - mono < within_ms;
}

/* A valid message of this cluster whose sender is no configured node. The first of several is
 * named until it falls silent. */
static void
note_unlisted(struct locum_evidence *self, struct locum_slice name, locum_ms mono)
{
    const bool another = locum_evidence_is_recent(self->unlisted_heard, LOCUM_UNLISTED_MS, mono) &&
                         !locum_slice_is(name, self->unlisted);
    if (!another && locum_slice_copy(name, self->unlisted, sizeof(self->unlisted)) == 0) {
        self->unlisted_heard = mono;
    }
}

void
locum_evidence_note_message(struct locum_evidence *self, const struct locum_core_config *config,
                            struct locum_slice message, const struct locum_proof *proof,
                            locum_ms mono)
{
    struct locum_slice cluster;
    const struct locum_slice name = locum_heartbeat_sender(message, &cluster);
    const locum_node sender = locum_nodes_find(config, name);
    const bool valid = proof->by_key || proof->by_secret;
    if (sender != LOCUM_NODE_NONE && valid) {
        locum_ms *last = proof->by_key ? self->by_key : self->by_secret;
        last[sender] = mono;
        self->signed_by[sender] = proof->counts ? proof->secret : self->signed_by[sender];
    } else if (sender != LOCUM_NODE_NONE) {
        self->bad_signature[sender] = mono;
        self->bad_signatures[sender]++;
    } else if (!valid) {
        self->bad_unknown = mono;
        self->bad_unknowns++;
    } else if (name.length > 0 && locum_slice_is(cluster, config->cluster)) {
        note_unlisted(self, name, mono);
    }
}

enum locum_heard_by
locum_evidence_heard_by(const struct locum_evidence *self, locum_node node, locum_ms mono)
{
    return locum_evidence_is_recent(self->by_key[node], HEARD_BY_MS, mono) ? LOCUM_HEARD_BY_KEY
           : locum_evidence_is_recent(self->by_secret[node], HEARD_BY_MS, mono)
               ? LOCUM_HEARD_BY_SECRET
               : LOCUM_HEARD_BY_NOTHING;
}

void
locum_evidence_note_condition(struct locum_evidence *self,
                              const struct locum_condition_event *event, locum_ms mono)
{
    locum_ms *times = self->false_alarm[event->peer];
    if (event->from == LOCUM_SUSPECT && event->to == LOCUM_ALIVE) {
        memmove(&times[1], &times[0], (LOCUM_FALSE_ALARMS - 1) * sizeof(times[0]));
        times[0] = mono;
    }
}

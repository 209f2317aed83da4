/* queue: future events, a binary heap by time; a node's commit comes last in its millisecond. */
#include <stdlib.h>
#include <string.h>

#include "sim.h"

static const uint64_t after_all_others = (uint64_t)1 << 62;

static bool
earlier(const struct sim_event *a, const struct sim_event *b)
{
    return a->at != b->at ? a->at < b->at : a->order < b->order;
}

void
sim_push_again(struct sim *sim, struct sim_event event)
{
    if (sim->queued == sim->queue_room) {
        sim->queue_room = sim->queue_room == 0 ? 256 : 2 * sim->queue_room;
        sim->queue = realloc(sim->queue, sim->queue_room * sizeof(*sim->queue));
        LOCUM_INVARIANT(sim->queue != NULL);
    }
    size_t i = sim->queued++;
    for (; i > 0 && earlier(&event, &sim->queue[(i - 1) / 2]); i = (i - 1) / 2) {
        sim->queue[i] = sim->queue[(i - 1) / 2];
    }
    sim->queue[i] = event;
}

void
sim_push(struct sim *sim, struct sim_event event)
{
    LOCUM_INVARIANT(event.at >= sim->now);
    event.order = sim->scheduled++ | (event.kind == SIM_EVENT_COMMIT ? after_all_others : 0);
    sim_push_again(sim, event);
}

bool
sim_pop(struct sim *sim, struct sim_event *ret)
{
    if (sim->queued == 0) {
        return false;
    }
    *ret = sim->queue[0];
    const struct sim_event last = sim->queue[--sim->queued];
    size_t i = 0;
    for (size_t child = 1; child < sim->queued; child = 2 * i + 1) {
        if (child + 1 < sim->queued && earlier(&sim->queue[child + 1], &sim->queue[child])) {
            child++;
        }
        if (!earlier(&sim->queue[child], &last)) {
            break;
        }
        sim->queue[i] = sim->queue[child];
        i = child;
    }
    sim->queue[i] = last;
    return true;
}

struct sim_text *
sim_text_make(const void *at, size_t length, unsigned key)
{
    struct sim_text *text = malloc(sizeof(*text) + length);
    LOCUM_INVARIANT(text != NULL);
    text->holders = 1;
    text->key = key;
    text->length = length;
    memcpy(text->at, at, length);
    return text;
}

void
sim_text_drop(struct sim_text *text)
{
    if (text != NULL && --text->holders == 0) {
        free(text);
    }
}

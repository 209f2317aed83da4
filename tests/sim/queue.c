/* queue: what is to happen, a binary heap by time; a node's turn comes last in its millisecond. */
#include <stdlib.h>
#include <string.h>

#include "sim.h"

static bool
earlier(const struct sim_event *a, const struct sim_event *b)
{
    const bool a_turn = a->kind == SIM_EVENT_TURN;
    const bool b_turn = b->kind == SIM_EVENT_TURN;
    if (a->at != b->at) {
        return a->at < b->at;
    }
    if (a_turn != b_turn) {
        return b_turn;
    }
    return a->order < b->order;
}

static void
swap(struct sim_event *a, struct sim_event *b)
{
    const struct sim_event c = *a;
    *a = *b;
    *b = c;
}

void
sim_push(struct sim *sim, struct sim_event event)
{
    if (sim->queued == sim->queue_room) {
        sim->queue_room = sim->queue_room == 0 ? 256 : 2 * sim->queue_room;
        sim->queue = realloc(sim->queue, sim->queue_room * sizeof(*sim->queue));
        LOCUM_INVARIANT(sim->queue != NULL);
    }
    LOCUM_INVARIANT(event.at >= sim->now);
    event.order = sim->scheduled++;
    size_t i = sim->queued++;
    sim->queue[i] = event;
    for (; i > 0 && earlier(&sim->queue[i], &sim->queue[(i - 1) / 2]); i = (i - 1) / 2) {
        swap(&sim->queue[i], &sim->queue[(i - 1) / 2]);
    }
}

bool
sim_pop(struct sim *sim, struct sim_event *ret)
{
    if (sim->queued == 0) {
        return false;
    }
    *ret = sim->queue[0];
    sim->queue[0] = sim->queue[--sim->queued];
    for (size_t i = 0;;) {
        size_t first = i;
        for (size_t child = 2 * i + 1; child <= 2 * i + 2 && child < sim->queued; child++) {
            if (earlier(&sim->queue[child], &sim->queue[first])) {
                first = child;
            }
        }
        if (first == i) {
            return true;
        }
        swap(&sim->queue[i], &sim->queue[first]);
        i = first;
    }
}

struct sim_text *
sim_text_make(const char *at, size_t length)
{
    struct sim_text *text = malloc(sizeof(*text) + length);
    LOCUM_INVARIANT(text != NULL);
    text->holders = 1;
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

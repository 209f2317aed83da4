/*
 * redis: an instance at each server, the connection of each coordinator to the one that it believes
 * to be the master, and the heartbeat channel. A connection keeps the order (TCP); it is closed
 * after a second without a reply.
 */
#include "sim.h"

enum { OUT, IN };
enum { RESEND_MS = 200 };

static bool
frozen(const struct sim *sim, locum_node at)
{
    return sim->now < sim->redis[at].frozen_until;
}

static locum_ms
latest(locum_ms a, locum_ms b)
{
    return a > b ? a : b;
}

static void
send_in_order(struct sim *sim, locum_node node, enum sim_event_kind kind, locum_ms arrives,
              struct sim_text *text)
{
    struct sim_connection *connection = &sim->node[node].redis;
    locum_ms *last = &connection->last_arrival[kind == SIM_EVENT_PUBLISH ? OUT : IN];
    *last = latest(*last, arrives);
    text->holders++;
    sim_push(sim, (struct sim_event){.at = *last,
                                     .kind = (uint8_t)kind,
                                     .node = node,
                                     .token = connection->token,
                                     .text = text});
}

void
sim_redis_publish(struct sim *sim, locum_node node, struct sim_text *text)
{
    const struct sim_connection *connection = &sim->node[node].redis;
    if (connection->connected) {
        sim->counts.publications++;
        const locum_ms delay = sim_tcp_delay(sim, node, connection->to);
        send_in_order(sim, node, SIM_EVENT_PUBLISH, sim->now + delay, text);
    }
}

/* The link is cut or the reader is frozen: TCP sends this segment and all later ones again. */
static void
hold(struct sim *sim, const struct sim_event *event, locum_ms until)
{
    struct sim_connection *connection = &sim->node[event->node].redis;
    locum_ms *held = &connection->held_until[event->kind == SIM_EVENT_PUBLISH ? OUT : IN];
    *held = latest(*held, until);
    struct sim_event again = *event;
    again.at = *held;
    again.text->holders++;
    sim_push(sim, again);
}

/* The message reaches Redis unless the link is cut or the process is frozen. */
void
sim_redis_arrived(struct sim *sim, const struct sim_event *event)
{
    struct sim_connection *connection = &sim->node[event->node].redis;
    if (event->token != connection->token) {
        return;
    }
    const locum_node at = connection->to;
    if (!sim_passes(sim, event->node, at) || frozen(sim, at)) {
        hold(sim, event, frozen(sim, at) ? sim->redis[at].frozen_until : sim->now + RESEND_MS);
        return;
    }
    if (sim->now < connection->held_until[OUT]) {
        hold(sim, event, 0); /* after one that is held */
        return;
    }
    if (!sim->redis[at].alive || sim->redis[at].run != connection->redis_run) {
        return;
    }
    if (sim_passes(sim, at, event->node)) {
        connection->last_reply = sim->now;
    }
    if (sim->node[event->node].publish_refused) {
        return;
    }
    for (locum_node to = 0; to < sim->nodes; to++) {
        if (sim->node[to].redis.connected && sim->node[to].redis.to == at) {
            const locum_ms delay = sim_tcp_delay(sim, at, to);
            sim->counts.deliveries++;
            sim->counts.delivered_bytes += event->text->length;
            send_in_order(sim, to, SIM_EVENT_MESSAGE, sim->now + delay, event->text);
        }
    }
}

void
sim_redis_message(struct sim *sim, const struct sim_event *event)
{
    const struct sim_connection *connection = &sim->node[event->node].redis;
    if (event->token != connection->token) {
        return;
    }
    if (!sim_passes(sim, connection->to, event->node)) {
        hold(sim, event, sim->now + RESEND_MS);
        return;
    }
    if (sim->now < connection->held_until[IN]) {
        hold(sim, event, 0);
        return;
    }
    sim_node_input(sim, event);
}

static void
tell(struct sim *sim, locum_node node, bool subscribed)
{
    if (sim->node[node].running) {
        struct locum_input event = {.kind = LOCUM_INPUT_REDIS, .subscribed = subscribed};
        sim_node_step(sim, node, &event);
    }
}

void
sim_redis_drop(struct sim *sim, locum_node node)
{
    struct sim_connection *connection = &sim->node[node].redis;
    if (connection->connected) {
        connection->connected = false;
        connection->token++;
        connection->retry_at = sim->now + sim_between(sim, 20, 200);
        sim->changed = sim->now;
        tell(sim, node, false);
    }
}

static void
connect_to_master(struct sim *sim, locum_node node)
{
    struct sim_connection *connection = &sim->node[node].redis;
    const locum_node to = sim->master[sim->node[node].epoch];
    const struct sim_redis *redis = &sim->redis[to];
    connection->retry_at = sim->now + sim_between(sim, 200, 400);
    if (!redis->alive || !redis->master || frozen(sim, to) || !sim_connects(sim, node, to)) {
        return;
    }
    *connection = (struct sim_connection){.connected = true,
                                          .to = to,
                                          .token = connection->token + 1,
                                          .redis_run = redis->run,
                                          .last_reply = sim->now,
                                          .since = sim->now};
    sim->changed = sim->now;
    tell(sim, node, true);
}

static bool
is_lost(const struct sim *sim, locum_node node)
{
    const struct sim_connection *connection = &sim->node[node].redis;
    const struct sim_redis *redis = &sim->redis[connection->to];
    const bool reset = !redis->alive || redis->run != connection->redis_run;
    return (reset && sim_connects(sim, node, connection->to)) ||
           sim->now - connection->last_reply > SIM_REDIS_TIMEOUT_MS ||
           sim->master[sim->node[node].epoch] != connection->to;
}

/* SENTINEL-2: follow the highest config epoch that any Sentinel reports; keep one connection. */
void
sim_redis_shell(struct sim *sim, locum_node node)
{
    struct sim_node *self = &sim->node[node];
    for (locum_node at = 0; at < sim->nodes; at++) {
        if (sim_sentinel_answers(sim, at, node) && sim->sentinel[at].epoch > self->epoch) {
            self->epoch = sim->sentinel[at].epoch;
            self->redis.retry_at = sim->now;
        }
    }
    if (self->redis.connected && is_lost(sim, node)) {
        sim_redis_drop(sim, node);
    } else if (!self->redis.connected && sim->now >= self->redis.retry_at) {
        connect_to_master(sim, node);
    }
}

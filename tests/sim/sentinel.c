/*
 * sentinel: what each Sentinel knows of every instance, and the failover of Redis.
 *
 * Source: Redis 7 sentinel.c. An instance is pinged each min(1 s, down-after); it is s_down once a
 * ping has gone unanswered for down-after. Timer: 100 ms. LOADING is an answer, MISCONF (which a
 * master gives to PING, too) is none. A failover takes 1.3 to 3 s from the death on, beyond
 * down-after; an election that is split is held again after twice the failover-timeout of 3 s.
 */
#include "sim.h"

enum { REDIS, SENTINEL };
enum { SPLIT_PERMILLE = 60, SPLIT_MS = 6000, STALE_MS = 11000 };

static bool
exists(const struct sim *sim, locum_node node, int instance)
{
    return instance == REDIS ? sim->redis[node].exists : sim->sentinel[node].exists;
}

static bool
answers_ping(const struct sim *sim, locum_node node, int instance, locum_node asker)
{
    const struct sim_redis *redis = &sim->redis[node];
    const struct sim_sentinel *sentinel = &sim->sentinel[node];
    const bool alive = instance == REDIS ? redis->alive && sim->now >= redis->frozen_until &&
                                               !(redis->misconf && redis->master)
                                         : sentinel->alive && sim->now >= sentinel->frozen_until;
    return alive && sim_connects(sim, asker, node);
}

bool
sim_sentinel_answers(const struct sim *sim, locum_node at, locum_node asker)
{
    return sim->sentinel[at].exists && answers_ping(sim, at, SENTINEL, asker);
}

void
sim_sentinel_lie(struct sim *sim, locum_node node, locum_nodes about)
{
    struct sim_sentinel *self = &sim->sentinel[node];
    self->lied = self->lies != 0 ? sim->now : self->lied;
    self->lies = self->exists ? about : 0;
}

bool
sim_sentinel_lied(const struct sim *sim, locum_node node)
{
    const struct sim_sentinel *self = &sim->sentinel[node];
    return self->lies != 0 ||
           (self->lied != LOCUM_NEVER && sim->now - self->lied <= sim->config.timeout_ms * 5 / 2);
}

static bool
s_down(const struct sim *sim, locum_node voter, locum_node node, int instance)
{
    const locum_ms since = sim->sentinel[voter].unanswered[node][instance];
    return since != LOCUM_NEVER && sim->now - since > sim->down_after_ms;
}

static bool
is_awake(const struct sim *sim, locum_node at)
{
    const struct sim_sentinel *self = &sim->sentinel[at];
    return self->exists && self->alive && sim->node[at].host_up && sim->now >= self->frozen_until;
}

static void
ping(struct sim *sim, locum_node voter)
{
    struct sim_sentinel *self = &sim->sentinel[voter];
    const locum_ms period = sim->down_after_ms < 1000 ? sim->down_after_ms : 1000;
    for (locum_node node = 0; node < sim->nodes; node++) {
        for (int i = 0; i < SIM_INSTANCES; i++) {
            locum_ms *unanswered = &self->unanswered[node][i];
            const bool answers = answers_ping(sim, node, i, voter);
            if (!exists(sim, node, i) || sim->now < self->next_ping[node][i]) {
                continue;
            }
            self->next_ping[node][i] = sim->now + period;
            if (answers) {
                *unanswered = LOCUM_NEVER;
                self->forgotten[node][i] = false; /* the others tell of it again */
            } else if (*unanswered == LOCUM_NEVER) {
                *unanswered = sim->now;
            }
        }
    }
}

/* Sentinels exchange the newest configuration. */
static void
gossip(struct sim *sim, locum_node at)
{
    for (locum_node other = 0; other < sim->nodes; other++) {
        if (is_awake(sim, other) && sim_connects(sim, at, other) &&
            sim->sentinel[other].epoch > sim->sentinel[at].epoch) {
            sim->sentinel[at].epoch = sim->sentinel[other].epoch;
        }
    }
}

/* Would `leader` find a majority of Sentinels, two of which report the master s_down? */
static bool
may_fail_over(const struct sim *sim, locum_node leader)
{
    const locum_node master = sim->master[sim->epoch];
    size_t all = 0;
    size_t reached = 0;
    size_t agree = 0;
    for (locum_node at = 0; at < sim->nodes; at++) {
        all += sim->sentinel[at].exists ? 1 : 0;
        if (is_awake(sim, at) && sim_connects(sim, leader, at) && !sim->sentinel[at].tilt) {
            reached++;
            agree += s_down(sim, at, master, REDIS) ? 1 : 0;
        }
    }
    return is_awake(sim, leader) && sim->sentinel[leader].epoch == sim->epoch &&
           2 * reached > all && agree >= 2 && s_down(sim, leader, master, REDIS);
}

static void
promote(struct sim *sim, locum_node leader)
{
    for (locum_node node = 0; node < sim->nodes; node++) {
        if (node != sim->master[sim->epoch] && sim->redis[node].exists &&
            answers_ping(sim, node, REDIS, leader) && !sim->redis[node].loading &&
            sim->epoch < SIM_FAULTS_MAX) {
            sim->epoch++;
            sim->master[sim->epoch] = node;
            sim->redis[node].master = true;
            sim->redis[node].demote_at = LOCUM_NEVER;
            sim->sentinel[leader].epoch = sim->epoch;
            sim->changed = sim->now;
            sim_trace(sim, node, "redis-master");
            return;
        }
    }
}

static void
fail_over(struct sim *sim)
{
    locum_node leader = 0;
    while (leader < sim->nodes && !may_fail_over(sim, leader)) {
        leader++;
    }
    if (leader == sim->nodes) {
        sim->failover_at = LOCUM_NEVER;
    } else if (sim->failover_at == LOCUM_NEVER) {
        const locum_ms since = sim->sentinel[leader].unanswered[sim->master[sim->epoch]][REDIS];
        const locum_ms at = since + sim->down_after_ms + sim_between(sim, 1000, 2700);
        sim->failover_at = at > sim->now ? at : sim->now;
    } else if (sim->now >= sim->failover_at && sim_chance(sim, SPLIT_PERMILLE)) {
        sim->failover_at = sim->now + SPLIT_MS;
    } else if (sim->now >= sim->failover_at) {
        sim->failover_at = LOCUM_NEVER;
        promote(sim, leader);
    }
}

/* An old master that is back stays master for 11 s, then it becomes a replica. */
static void
demote(struct sim *sim)
{
    for (locum_node node = 0; node < sim->nodes; node++) {
        struct sim_redis *redis = &sim->redis[node];
        if (!redis->master || node == sim->master[sim->epoch] || !redis->alive ||
            sim->now < redis->frozen_until || !sim->node[node].host_up) {
            redis->demote_at = LOCUM_NEVER;
        } else if (redis->demote_at == LOCUM_NEVER) {
            redis->demote_at = sim->now + STALE_MS;
        } else if (sim->now >= redis->demote_at) {
            redis->master = false;
            sim->changed = sim->now;
        }
    }
}

void
sim_sentinel_world(struct sim *sim)
{
    for (locum_node at = 0; at < sim->nodes; at++) {
        if (is_awake(sim, at)) {
            ping(sim, at);
            gossip(sim, at);
        }
    }
    fail_over(sim);
    demote(sim);
}

static struct sim_sentinel_report
view_of(const struct sim *sim, locum_node voter)
{
    struct sim_sentinel_report report = {.voter = voter, .tilt = sim->sentinel[voter].tilt};
    for (locum_node node = 0; node < sim->nodes; node++) {
        for (int i = 0; i < SIM_INSTANCES; i++) {
            const bool itself = i == SENTINEL && node == voter;
            if (exists(sim, node, i) && !itself && !sim->sentinel[voter].forgotten[node][i] &&
                !sim->redis[node].unmapped) {
                const bool down =
                    s_down(sim, voter, node, i) != locum_nodes_has(sim->sentinel[voter].lies, node);
                report.known[node]++;
                report.down[node] = (uint8_t)(report.down[node] + down);
            }
        }
    }
    return report;
}

void
sim_sentinel_poll(struct sim *sim, locum_node node)
{
    for (locum_node at = 0; at < sim->nodes; at++) {
        if (sim_sentinel_answers(sim, at, node) && !sim->sentinel[at].removed) {
            const locum_ms there_and_back =
                sim_tcp_delay(sim, node, at) + sim_tcp_delay(sim, at, node);
            const struct sim_sentinel_report report = view_of(sim, at);
            sim_push(sim, (struct sim_event){.at = sim->now + there_and_back,
                                             .kind = SIM_EVENT_POLLED,
                                             .node = node,
                                             .token = sim->node[node].run,
                                             .text = sim_text_make(&report, sizeof(report), 0)});
        }
    }
}

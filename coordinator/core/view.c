#include "core/view.h"

#include <string.h>

void
locum_view_init(struct locum_view *self, struct locum_now now, uint64_t incarnation)
{
    memset(self, 0, sizeof(*self));
    self->started = now.mono;
    self->grace = now.mono; /* GRACE-1 */
    self->subscribed_at = LOCUM_NEVER;
    self->own_return = LOCUM_NEVER;
    self->own_return_since = LOCUM_NEVER;
    self->incarnation = incarnation;
    self->overtaken.since = LOCUM_NEVER;
    for (size_t i = 0; i < LOCUM_NODES_MAX; i++) {
        struct locum_peer_facts *peer = &self->peer[i];
        peer->path[LOCUM_PATH_REDIS].heard = LOCUM_NEVER;
        peer->path[LOCUM_PATH_UDP].heard = LOCUM_NEVER;
        for (size_t family = 0; family < LOCUM_FAMILIES; family++) {
            peer->family[family].heard = peer->family[family].since = LOCUM_NEVER;
        }
        peer->heard = LOCUM_NEVER;
        peer->gap = LOCUM_NEVER;
        peer->grace = LOCUM_NEVER;
        peer->one_way_since = LOCUM_NEVER;
        peer->restart_reported = LOCUM_NEVER;
        peer->unlisted = LOCUM_NEVER;
        peer->authentic_at = LOCUM_NEVER;
        peer->refusing.since = peer->others.since = peer->duplicate = LOCUM_NEVER;
        peer->order_reset = peer->ignored = peer->beyond = LOCUM_NEVER;
        peer->mirrorbits = LOCUM_NEVER;
        peer->sentinel.polled = LOCUM_NEVER;
        for (size_t j = 0; j < (size_t)LOCUM_FAMILIES * LOCUM_TRANSPORTS; j++) {
            peer->dns[j / LOCUM_TRANSPORTS][j % LOCUM_TRANSPORTS].asked = LOCUM_NEVER;
        }
    }
}

bool
locum_view_is_later(struct locum_order a, struct locum_order b)
{
    return a.incarnation != b.incarnation ? a.incarnation > b.incarnation : a.seq > b.seq;
}

void
locum_view_note_series(struct locum_series *self, locum_ms gap_ms, locum_ms now)
{
    if (self->since == LOCUM_NEVER || now - self->last >= gap_ms) {
        self->since = now;
    }
    self->last = now;
}

locum_ms
locum_view_sent(const struct locum_view *self, uint64_t incarnation, uint64_t seq)
{
    if (seq == 0 || seq > self->seq || self->seq - seq >= LOCUM_SENT_MAX ||
        incarnation != self->sent_as[seq % LOCUM_SENT_MAX]) {
        return LOCUM_NEVER;
    }
    return self->sent[seq % LOCUM_SENT_MAX];
}

struct locum_order
locum_view_acknowledged(const struct locum_view *self, const struct locum_core_config *config,
                        locum_node peer, locum_ms now)
{
    const struct locum_peer_facts *facts = &self->peer[peer];
    const bool heard_of_late =
        facts->authentic_at != LOCUM_NEVER && now - facts->authentic_at <= 2 * config->timeout_ms;
    return heard_of_late && !locum_view_heard_within_limit(self, config, peer, now)
               ? facts->authentic
               : facts->order;
}

locum_ms
locum_view_interval(const struct locum_view *self, const struct locum_core_config *config,
                    locum_node peer)
{
    const struct locum_peer_facts *facts = &self->peer[peer];
    return facts->state_known ? facts->interval_ms : config->interval_ms;
}

locum_ms
locum_view_limit(const struct locum_view *self, const struct locum_core_config *config,
                 locum_node peer)
{
    const locum_ms interval = locum_view_interval(self, config, peer);
    return locum_view_later(config->timeout_ms, 4 * interval);
}

locum_ms
locum_view_base(const struct locum_view *self, locum_node peer)
{
    const struct locum_peer_facts *facts = &self->peer[peer];
    const locum_ms heard = facts->heard == LOCUM_NEVER ? self->started : facts->heard;
    return locum_view_later(heard, locum_view_later(self->grace, facts->grace));
}

bool
locum_view_direct(const struct locum_view *self, locum_node peer, locum_ms now)
{
    const locum_ms udp = self->peer[peer].path[LOCUM_PATH_UDP].heard;
    const locum_ms redis = self->peer[peer].path[LOCUM_PATH_REDIS].heard;
    if (udp == LOCUM_NEVER && redis == LOCUM_NEVER) {
        return now - self->started >= LOCUM_DIRECT_MS;
    }
    return udp != LOCUM_NEVER && redis - udp <= LOCUM_DIRECT_MS;
}

bool
locum_view_silent(const struct locum_view *self, const struct locum_core_config *config,
                  locum_node peer, locum_ms now)
{
    const locum_ms limit = locum_view_limit(self, config, peer);
    const locum_ms base = locum_view_base(self, peer);
    if (locum_view_direct(self, peer, now) && now - base >= limit) { /* SILENCE-4 */
        return true;
    }
    /* SILENCE-5 */
    return self->subscribed &&
           self->own_return - locum_view_later(base, self->subscribed_at) >= limit;
}

bool
locum_view_heard_within_limit(const struct locum_view *self, const struct locum_core_config *config,
                              locum_node peer, locum_ms now)
{
    const locum_ms heard = self->peer[peer].heard;
    return heard != LOCUM_NEVER && now - heard <= locum_view_limit(self, config, peer);
}

enum locum_dns_state
locum_view_dns(const struct locum_view *self, locum_node peer, enum locum_family family,
               enum locum_transport transport, locum_ms now)
{
    const struct locum_dns_facts *facts = &self->peer[peer].dns[family][transport];
    const bool known = facts->asked != LOCUM_NEVER && now - facts->asked <= LOCUM_DNS_FORGET_MS;
    return known ? facts->state : LOCUM_DNS_UNKNOWN;
}

bool
locum_view_dns_fails(const struct locum_view *self, locum_node node, locum_ms now)
{
    bool fails = self->peer[node].dns_claim == LOCUM_DNS_CLOSED;
    for (enum locum_family family = LOCUM_V4; family <= LOCUM_V6; family++) {
        fails = fails ||
                locum_view_dns(self, node, family, LOCUM_TRANSPORT_UDP, now) > LOCUM_DNS_OK ||
                locum_view_dns(self, node, family, LOCUM_TRANSPORT_TCP, now) > LOCUM_DNS_OK;
    }
    return fails;
}

bool
locum_view_dns_is_lost(const struct locum_view *self, locum_node node, locum_ms now)
{
    bool fails = self->peer[node].dns_claim == LOCUM_DNS_CLOSED;
    bool answers = false;
    for (enum locum_family family = LOCUM_V4; family <= LOCUM_V6; family++) {
        const enum locum_dns_state state =
            locum_view_dns(self, node, family, LOCUM_TRANSPORT_UDP, now);
        fails = fails || state > LOCUM_DNS_OK;
        answers = answers || state == LOCUM_DNS_OK;
    }
    return fails && !answers;
}

bool
locum_view_path_missing(const struct locum_view *self, const struct locum_core_config *config,
                        locum_node peer, enum locum_path path, locum_ms now)
{
    const struct locum_peer_facts *facts = &self->peer[peer];
    locum_ms since =
        locum_view_later(facts->path[path].heard, locum_view_later(facts->gap, facts->grace));
    if (path == LOCUM_PATH_REDIS) {
        if (!config->redis || !locum_view_redis_worked(self, config, 0, now)) {
            return false; /* GREEN-7 says so */
        }
        since = locum_view_later(since, self->own_return_since);
    }
    return now - locum_view_later(since, self->grace) >
           locum_view_limit(self, config, peer) + LOCUM_PATH_MS;
}

bool
locum_view_mirrorbits_seen(const struct locum_view *self, locum_node node, locum_ms now)
{
    const locum_ms heard = self->peer[node].mirrorbits;
    return heard != LOCUM_NEVER && now - heard < LOCUM_MIRRORBITS_FORGET_MS;
}

bool
locum_view_mirrorbits_moves(const struct locum_view *self, locum_ms now)
{
    bool heard = false;
    for (locum_node node = 0; node < LOCUM_NODES_MAX; node++) {
        const locum_ms last = self->peer[node].mirrorbits;
        if (last != LOCUM_NEVER && last >= self->subscribed_at) {
            return false;
        }
        heard = heard || last != LOCUM_NEVER;
    }
    return heard && now - self->subscribed_at < LOCUM_MIRRORBITS_MOVE_MS;
}

bool
locum_view_redis_worked(const struct locum_view *self, const struct locum_core_config *config,
                        locum_ms window_ms, locum_ms now)
{
    return self->subscribed && self->own_return_since != LOCUM_NEVER &&
           now - self->own_return < config->timeout_ms && now - self->own_return_since >= window_ms;
}

bool
locum_view_mirrorbits_checked(const struct locum_core_config *config, locum_node node)
{
    bool checked = false;
    for (size_t i = 0; i < config->check_count && node == config->self; i++) {
        checked = checked || config->checks[i].mirrorbits;
    }
    return checked;
}

bool
locum_view_mirrorbits_silent(const struct locum_view *self, const struct locum_core_config *config,
                             locum_node node, locum_ms now)
{
    const bool expected =
        self->peer[node].mirrorbits != LOCUM_NEVER || locum_view_mirrorbits_checked(config, node);
    return expected && !locum_view_mirrorbits_seen(self, node, now) &&
           locum_view_redis_worked(self, config, LOCUM_MIRRORBITS_FORGET_MS, now);
}

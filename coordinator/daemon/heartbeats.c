#include "daemon/heartbeats.h"

#include "core/heartbeat.h"
#include "daemon/inside.h"

enum { LINE_BYTES_MAX = LOCUM_HEARTBEAT_MAX + LOCUM_KEYRING_BYTES_MAX };

/* The signature by the secret stays last while some node may not have its key yet. */
bool
locum_daemon_heartbeats_sign(const struct locum_config *config, locum_nodes receivers,
                             struct locum_text *text)
{
    if (config->keyring != NULL && locum_keyring_sign(config->keyring, receivers, text) != 0) {
        return false;
    }
    return config->peer_keys == LOCUM_PEER_KEYS_REQUIRE ||
           locum_signature_add(&config->secrets, text) == 0;
}

/*
 * The one for Redis acknowledges the heartbeats of all peers, and comes back to this node too; each
 * datagram acknowledges those of its receiver only, so that it stays small.
 */
void
locum_daemon_heartbeats_send(struct locum_daemon *self)
{
    char buffer[LINE_BYTES_MAX];
    const struct locum_config *config = self->config;
    const struct locum_core_config *core = &config->core;
    struct locum_text line = locum_text_init(buffer, sizeof(buffer));
    if (!locum_config_speaks(config)) {
        return;
    }
    locum_core_heartbeat(&self->core, LOCUM_NODE_NONE, self->now, &line);
    if (locum_daemon_heartbeats_sign(config, ~(locum_nodes)0, &line)) {
        locum_redis_publish(self->redis, locum_slice_of(buffer));
    }
    for (locum_node peer = 0; peer < core->node_count; peer++) {
        if (peer == core->self || core->nodes[peer].role == LOCUM_ROLE_SENTINEL) {
            continue;
        }
        line = locum_text_init(buffer, sizeof(buffer));
        locum_core_heartbeat(&self->core, peer, self->now, &line);
        if (locum_daemon_heartbeats_sign(config, locum_nodes_of(peer), &line)) {
            locum_peer_send(self->peer, peer, locum_slice_of(buffer));
        }
    }
}

/* The sender is the node that the text names, never the address it came from. */
struct locum_slice
locum_daemon_heartbeats_prove(const struct locum_config *config, struct locum_slice line,
                              struct locum_proof *ret)
{
    struct locum_slice text = line;
    struct locum_slice cluster;
    *ret = (struct locum_proof){0};
    if (line.length > LOCUM_DAEMON_HEARTBEATS_LINE_MAX) {
        return line;
    }
    ret->by_secret = locum_signature_check(&config->secrets, line, &text, &ret->secret) == 0;
    const locum_node sender =
        locum_nodes_find(&config->core, locum_heartbeat_sender(text, &cluster));
    ret->by_key = locum_keyring_check(config->keyring, sender, text, &text, &ret->secret) == 0;
    ret->counts = ret->by_key || (ret->by_secret && config->peer_keys == LOCUM_PEER_KEYS_ACCEPT);
    return text;
}

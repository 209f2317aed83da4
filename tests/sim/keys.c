/*
 * keys: with `keys=1` every coordinator has a key pair and requires the signature by key
 * (HEARTBEAT-8), made and checked by base/keyring as in the daemon. The insider of
 * SIM_IMPERSONATE knows the secret and the keys of one node, and speaks in the name of another.
 */
#include <stdlib.h>
#include <string.h>

#include "base/keyring.h"
#include "forge.h"

enum { STAGES = 4 }; /* of the rotation of a secret */

struct sim_keys {
    struct locum_keyring *of[SIM_NODES_MAX][STAGES];
};

/* The secrets of a stage: the old one, the new one last, the new one first, the new one. */
static void
secrets_of(size_t stage, struct locum_secrets *ret)
{
    static const struct locum_secrets stages[STAGES] = {
        {.key = {{1}}, .count = 1},
        {.key = {{1}, {2}}, .count = 2},
        {.key = {{2}, {1}}, .count = 2},
        {.key = {{2}}, .count = 1},
    };
    *ret = stages[stage];
}

static void
create(struct sim *sim, locum_node node, size_t stage)
{
    static struct locum_secrets private_of[SIM_NODES_MAX];
    static struct locum_keyring_key public_of[SIM_NODES_MAX];
    struct locum_keyring_member members[SIM_NODES_MAX];
    struct locum_secrets secrets;
    size_t bad;
    secrets_of(stage, &secrets);
    for (locum_node i = 0; i < sim->nodes; i++) {
        if (private_of[i].count == 0) {
            private_of[i] = (struct locum_secrets){.key = {{[1] = (uint8_t)(i + 1)}}, .count = 1};
            LOCUM_INVARIANT(locum_signature_public(private_of[i].key[0], public_of[i].bytes) == 0);
        }
        members[i] = (struct locum_keyring_member){
            .name = sim->config.nodes[i].name, .keys = &public_of[i], .count = 1};
    }
    const int status = locum_keyring_create(members, sim->nodes, node, &private_of[node], &secrets,
                                            &sim->keys->of[node][stage], &bad);
    LOCUM_INVARIANT(status == 0);
}

void
sim_keys_create(struct sim *sim)
{
    size_t stages = 1;
    if (sim->schedule.world.keys == 0) {
        return;
    }
    sim->keys = calloc(1, sizeof(*sim->keys));
    LOCUM_INVARIANT(sim->keys != NULL);
    for (size_t i = 0; i < sim->schedule.faults; i++) {
        stages = sim->schedule.fault[i].kind == SIM_SECRET ? STAGES : stages;
    }
    for (locum_node node = 0; node < sim->nodes; node++) {
        for (size_t stage = 0; stage < stages; stage++) {
            create(sim, node, stage);
        }
    }
}

void
sim_keys_destroy(struct sim *sim)
{
    for (size_t i = 0; sim->keys != NULL && !sim->copy && i < SIM_NODES_MAX * STAGES; i++) {
        locum_keyring_destroy(sim->keys->of[i / STAGES][i % STAGES]);
    }
    if (!sim->copy) {
        free(sim->keys);
    }
}

static struct locum_keyring *
keyring_of(const struct sim *sim, locum_node node)
{
    return sim->keys->of[node][sim->node[node].stage];
}

void
sim_keys_sign(const struct sim *sim, locum_node node, locum_nodes receivers,
              struct locum_text *text)
{
    if (sim->keys != NULL) {
        const int status = locum_keyring_sign(keyring_of(sim, node), receivers, text);
        LOCUM_INVARIANT(status == 0);
    }
}

bool
sim_keys_open(const struct sim *sim, locum_node node, const struct sim_text *text,
              struct locum_slice *ret)
{
    struct locum_slice cluster;
    *ret = (struct locum_slice){.at = text->at, .length = text->length};
    if (sim->keys == NULL) {
        return (sim->node[node].accepts >> text->key & 1u) != 0; /* HEARTBEAT-4 */
    }
    const locum_node sender =
        locum_nodes_find(&sim->node[node].core.config, locum_heartbeat_sender(*ret, &cluster));
    return locum_keyring_check(keyring_of(sim, node), sender, *ret, ret, NULL) == 0;
}

/* What gives the names of `of` away while it lives, and what keeps them while it is dead, with the
 * best acknowledgement that can be made. */
static void
forge(const struct sim *sim, locum_node of, locum_node to, struct locum_text *text)
{
    const struct locum_view *victim = &sim->node[of].core.view;
    const struct locum_view *view = &sim->node[to].core.view;
    struct locum_heartbeat heartbeat = {.sender = of,
                                        .incarnation = victim->incarnation,
                                        .seq = victim->seq + 1,
                                        .interval_ms = 125,
                                        .service = LOCUM_FAILING,
                                        .leaving = true,
                                        .digest = "deadbeef",
                                        .acked = locum_nodes_of(to)};
    heartbeat.acks[to] =
        (struct locum_ack){.has_number = true, .incarnation = view->incarnation, .seq = view->seq};
    for (locum_node node = 0; node < sim->nodes; node++) {
        if (node != to && node != of && sim->config.nodes[node].role != LOCUM_ROLE_SENTINEL) {
            heartbeat.acked |= locum_nodes_of(node);
            heartbeat.acks[node].state_code = LOCUM_DOWN;
        }
    }
    locum_heartbeat_add(text, &sim->config, &heartbeat);
}

void
sim_keys_impersonate(struct sim *sim, locum_node insider, locum_node of)
{
    char buffer[SIM_LINE_MAX];
    for (locum_node to = 0; to < sim->nodes; to++) {
        if (to == insider || to == of || !sim->node[to].running) {
            continue;
        }
        struct locum_text text = locum_text_init(buffer, sizeof(buffer));
        forge(sim, of, to, &text);
        sim_keys_sign(sim, insider, locum_nodes_of(to), &text);
        LOCUM_INVARIANT(!text.truncated);
        struct sim_text *sent = sim_text_make(buffer, text.length, sim->node[insider].sign);
        sim_attack_deliver(sim, to, LOCUM_V4, sent);
        sim_text_drop(sent);
    }
}

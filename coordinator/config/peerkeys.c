/* peerkeys: the public keys of the nodes, the private one of this node, and whether they fit. */
#include <string.h>

#include "base/error.h"
#include "config/load.h"

static bool
speaks(const struct locum_config *config, size_t node)
{
    return config->core.nodes[node].role != LOCUM_ROLE_SENTINEL;
}

/* A key belongs to one node; the binder refuses one that is listed twice at a node. */
static void
check_unique(struct locum_bind *bind, size_t node)
{
    const struct locum_config *config = bind->target;
    for (size_t a = 0; a < locum_bind_items(bind, LOCUM_KEY_NODE_KEY, node); a++) {
        for (size_t other = 0; other < node; other++) {
            for (size_t b = 0; b < locum_bind_items(bind, LOCUM_KEY_NODE_KEY, other); b++) {
                if (memcmp(&config->nodes[node].key[a], &config->nodes[other].key[b],
                           sizeof(struct locum_keyring_key)) == 0) {
                    LOCUM_BIND_ERROR(bind, locum_bind_item(bind, LOCUM_KEY_NODE_KEY, node, a),
                                     "key: node %s has the same key; each node needs a key pair of "
                                     "its own: make it there with `locum keygen --node`",
                                     config->core.nodes[other].name);
                }
            }
        }
    }
}

/* Which nodes have no key. That is an error only if keys are required. */
static void
check_all(struct locum_bind *bind)
{
    const struct locum_config *config = bind->target;
    bool any = config->peer_keys == LOCUM_PEER_KEYS_REQUIRE;
    for (size_t node = 0; node < config->core.node_count; node++) {
        any |= config->nodes[node].key_count > 0;
    }
    for (size_t node = 0; node < config->core.node_count && any; node++) {
        const bool written = locum_bind_written(bind, LOCUM_KEY_NODE_KEY, node);
        if (!speaks(config, node) && written) {
            locum_bind_error(bind, LOCUM_KEY_NODE_KEY, node,
                             "key: no coordinator runs at a node of role sentinel; remove this "
                             "key here");
        } else if (speaks(config, node) && !written &&
                   config->peer_keys == LOCUM_PEER_KEYS_REQUIRE) {
            locum_bind_error(bind, LOCUM_KEY_NODE_KEY, node,
                             "key: node %s has none, and `peer-keys: require` needs the public key "
                             "of every node: make its key pair there with `locum keygen --node`",
                             config->core.nodes[node].name);
        } else if (speaks(config, node) && !written) {
            locum_bind_warning(
                bind, LOCUM_KEY_NODE_KEY, node,
                "key: node %s has none, so every node with the cluster secret can speak "
                "in its name: make its key pair there with `locum keygen --node`",
                config->core.nodes[node].name);
        }
    }
}

/* The public key of the node that a private one belongs to, or the number of them. */
static size_t
find_public(const struct locum_config_node *node, const uint8_t private_key[LOCUM_KEY_BYTES])
{
    uint8_t public_key[LOCUM_KEY_BYTES];
    size_t at = 0;
    if (locum_signature_public(private_key, public_key) != 0) {
        return node->key_count;
    }
    while (at < node->key_count &&
           memcmp(node->key[at].bytes, public_key, sizeof(public_key)) != 0) {
        at++;
    }
    return at;
}

/* While the key is replaced, a private key may be there before or after its public one. */
static void
check_pairs(struct locum_bind *bind)
{
    const struct locum_config *config = bind->target;
    const locum_node self = config->core.self;
    const struct locum_config_node *node = &config->nodes[self];
    bool has_private[LOCUM_KEYRING_KEYS_MAX + 1] = {false};
    for (size_t i = 0; i < config->private_keys.count; i++) {
        const size_t at = find_public(node, config->private_keys.key[i]);
        has_private[at] = true;
        if (at == node->key_count) {
            locum_bind_warning(bind, LOCUM_KEY_KEY_FILE, 0,
                               "key-file: private key %zu of %zu belongs to no public key in "
                               "nodes.%s.key: add its public key there, or remove it from the file "
                               "when no node uses it any more",
                               i + 1, config->private_keys.count, config->core.nodes[self].name);
        }
    }
    for (size_t at = 1; at < node->key_count; at++) {
        if (!has_private[at]) {
            locum_bind_warning(bind, LOCUM_KEY_NODE_KEY, self,
                               "key: the private key of key %zu is not in key-file: add it before "
                               "this key becomes the first",
                               at + 1);
        }
    }
}

/* Of keys that are well formed, unique and complete. */
static void
make_keyring(struct locum_bind *bind)
{
    struct locum_config *config = bind->target;
    struct locum_keyring_member members[LOCUM_NODES_MAX];
    size_t bad = 0;
    for (size_t node = 0; node < config->core.node_count; node++) {
        members[node] = (struct locum_keyring_member){.name = config->core.nodes[node].name,
                                                      .keys = config->nodes[node].key,
                                                      .count = config->nodes[node].key_count};
    }
    const int status =
        locum_keyring_create(members, config->core.node_count, config->core.self,
                             &config->private_keys, &config->secrets, &config->keyring, &bad);
    if (status == LOCUM_ERR_NOT_FOUND) {
        locum_load_lack(bind, LOCUM_KEY_KEY_FILE,
                        "key-file: it holds no private key of the first public key in "
                        "nodes.%s.key: compare that with the comment in the file",
                        config->core.nodes[config->core.self].name);
    } else if (status == LOCUM_ERR_INVALID) {
        locum_bind_error(bind, LOCUM_KEY_NODE_KEY, bad,
                         "key: not a public key that a private key has: copy what "
                         "`locum keygen --node` showed at node %s",
                         config->core.nodes[bad].name);
    } else if (status != 0) {
        locum_bind_error(bind, LOCUM_KEY_KEY_FILE, 0, "key-file: %s", locum_error_text(status));
    } else {
        check_pairs(bind);
    }
}

/* The own key: the file and the public key belong together. False: there is none, or not here. */
static bool
read_own(struct locum_bind *bind)
{
    struct locum_config *config = bind->target;
    const locum_node self = config->core.self;
    char buffer[LOCUM_PATH_MAX + 200];
    struct locum_text why = locum_text_init(buffer, sizeof(buffer));
    const bool key = locum_bind_written(bind, LOCUM_KEY_NODE_KEY, self);
    const bool file = locum_bind_written(bind, LOCUM_KEY_KEY_FILE, 0);
    if (key && !file) {
        locum_bind_error(bind, LOCUM_KEY_NODE_KEY, self,
                         "key: this node needs `key-file`, the file with its private key");
    } else if (file && !key) {
        locum_bind_error(bind, LOCUM_KEY_KEY_FILE, 0,
                         "key-file: nodes.%s.key is missing: add the public key of the file there, "
                         "on every node",
                         config->core.nodes[self].name);
    }
    if (!locum_bind_good(bind, LOCUM_KEY_NODE_KEY, self) ||
        !locum_bind_good(bind, LOCUM_KEY_KEY_FILE, 0)) {
        return false;
    }
    if (locum_signature_read_keys(config->key_file, &config->private_keys, &why) != 0) {
        locum_load_lack(bind, LOCUM_KEY_KEY_FILE, "key-file: %s: %s",
                        locum_problems_quote(locum_slice_of(config->key_file)).text, buffer);
        return false;
    }
    return true;
}

void
locum_load_peer_keys(struct locum_bind *bind)
{
    struct locum_config *config = bind->target;
    for (size_t node = 0; node < config->core.node_count; node++) {
        check_unique(bind, node);
    }
    if (!locum_bind_bad(bind, LOCUM_KEY_PEER_KEYS, 0)) {
        check_all(bind);
    }
    if (config->core.self != LOCUM_NODE_NONE && read_own(bind) && bind->problems.error_count == 0 &&
        config->secrets.count > 0) {
        make_keyring(bind);
    }
}

/* listen: the own sockets. */
#include <string.h>

#include "config/load.h"

enum { DNS_PORT = 53 };

struct listeners {
    const char *key;
    struct locum_address *list;
    size_t *count;
};

static bool
is_wildcard(const struct locum_address *address)
{
    static const uint8_t zero[16];
    return memcmp(address->bytes, zero, sizeof(zero)) == 0;
}

static const char *
listener_wrong(const struct listeners *to, struct locum_slice text, struct locum_address *address)
{
    if (locum_address_parse_port(text, address) != 0) {
        return "write a numeric address and a port, as in 192.0.2.12:53 or [2001:db8::12]:53";
    }
    if (is_wildcard(address)) {
        return "write the addresses themselves, so that an answer leaves from where it was asked";
    }
    for (size_t i = 0; i < *to->count; i++) {
        if (locum_address_equal(address, &to->list[i])) {
            return "it stands here twice: remove one";
        }
    }
    return NULL;
}

static void
take_list(struct locum_load *self, const struct listeners *to)
{
    for (size_t i = 0; i < locum_load_items(self, to->key, 0); i++) {
        const yaml_node_t *item = locum_load_item(self, to->key, 0, i);
        struct locum_address address;
        const char *wrong = listener_wrong(to, locum_document_text(item), &address);
        if (wrong != NULL) {
            locum_problems_error(&self->problems, locum_document_at(item), "%s %s is not right: %s",
                                 to->key, locum_quote(locum_document_text(item)).text, wrong);
        } else {
            to->list[(*to->count)++] = address;
        }
    }
}

/* The list as written, else the node's own addresses with this port. */
static void
take_or_derive(struct locum_load *self, const struct listeners *to, uint16_t port)
{
    const struct locum_config_node *node = &self->config->nodes[self->config->core.self];
    if (locum_load_value(self, to->key, 0)->node != NULL) {
        take_list(self, to);
        return;
    }
    for (size_t i = 0; i < node->address_count; i++) {
        to->list[i] = node->address[i];
        to->list[i].port = port;
    }
    *to->count = node->address_count;
}

static void
refuse_same(struct locum_load *self, const struct locum_address *list, size_t count,
            const struct locum_address *other, const char *key, const char *what)
{
    char buffer[LOCUM_ADDRESS_TEXT_MAX];
    struct locum_text text = locum_text_init(buffer, sizeof(buffer));
    for (size_t i = 0; i < count; i++) {
        if (locum_address_equal(&list[i], other)) {
            locum_address_add_port(other, &text);
            locum_problems_error(&self->problems,
                                 locum_load_at(self, key, 0, (struct locum_position){0}),
                                 "%s is the address of %s: write another port", buffer, what);
            return;
        }
    }
}

void
locum_load_listen(struct locum_load *self)
{
    struct locum_config *config = self->config;
    const struct listeners dns = {"listen.dns", config->listen_dns, &config->listen_dns_count};
    const struct listeners peer = {"listen.peer", config->listen_peer, &config->listen_peer_count};
    if (config->core.self == LOCUM_NODE_NONE) {
        return;
    }
    take_or_derive(self, &peer, config->nodes[config->core.self].peer_port);
    take_or_derive(self, &dns, DNS_PORT);
    if (config->core.nodes[config->core.self].role != LOCUM_ROLE_SERVER) {
        config->listen_dns_count = 0;
    }
    for (size_t i = 0; i < config->listen_peer_count; i++) {
        refuse_same(self, config->listen_dns, config->listen_dns_count, &config->listen_peer[i],
                    "listen.dns", "listen.dns and of listen.peer");
    }
    if (config->listen_http.port != 0) {
        refuse_same(self, config->listen_dns, config->listen_dns_count, &config->listen_http,
                    "listen.http", "listen.http and of listen.dns");
    }
}

/*
 * digest: eight hex digits that tell whether two nodes decide by the same configuration.
 *
 * Over a text of everything that must be the same on all nodes: not over `node`, the service
 * checks, own sockets, files and passwords, nor over the way it is written.
 */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/signature.h"
#include "config/load.h"

/* More than a file of LOCUM_CONFIG_FILE_BYTES_MAX can unfold to. */
enum { NORMAL_BYTES_MAX = 512 * 1024 };

static void
add_text(struct locum_text *text, const char *key, const char *value)
{
    locum_text_add(text, key);
    locum_text_add_char(text, ' ');
    locum_text_add(text, value);
    locum_text_add_char(text, '\n');
}

static void
add_number(struct locum_text *text, const char *key, int64_t value)
{
    locum_text_add(text, key);
    locum_text_add_char(text, ' ');
    locum_text_add_i64(text, value);
    locum_text_add_char(text, '\n');
}

static void
add_endpoint(struct locum_text *text, const char *key, const struct locum_endpoint *endpoint)
{
    add_text(text, key, endpoint->host);
    add_number(text, key, endpoint->port);
}

static void
add_node(struct locum_text *text, const struct locum_core_node *core,
         const struct locum_config_node *node)
{
    add_text(text, "node", core->name);
    add_number(text, "role", core->role);
    for (size_t i = 0; i < node->address_count; i++) {
        locum_text_add(text, "address ");
        locum_address_add(&node->address[i], text);
        locum_text_add_char(text, '\n');
    }
    add_number(text, "port", node->peer_port);
    add_endpoint(text, "redis", &node->redis);
    add_endpoint(text, "sentinel", &node->sentinel);
    add_text(text, "mirrorbits", node->mirrorbits);
    for (size_t i = 0; i < core->failover_count; i++) {
        add_number(text, "failover", core->failover[i]);
    }
}

static void
add_zone(struct locum_text *text, const struct locum_config *config, size_t index)
{
    const struct locum_config_zone *zone = &config->zones[index];
    add_text(text, "zone", zone->name);
    add_number(text, "answer", zone->policy);
    add_number(text, "ttl", zone->ttl_s);
    add_number(text, "failover-ttl", zone->failover_ttl_s);
    for (size_t i = 0; i < zone->ns_count; i++) {
        add_text(text, "ns", zone->ns[i]);
    }
    add_text(text, "mname", zone->soa.mname);
    add_text(text, "rname", zone->soa.rname);
    add_number(text, "refresh", zone->soa.refresh_s);
    add_number(text, "retry", zone->soa.retry_s);
    add_number(text, "expire", zone->soa.expire_s);
    add_number(text, "minimum", zone->soa.minimum_s);
    for (size_t i = 0; i < config->core.name_count; i++) {
        if (config->names[i].zone == index) {
            add_text(text, "name", config->names[i].name);
            add_number(text, "owner", config->core.names[i].owner);
        }
    }
    for (size_t i = 0; i < zone->record_count; i++) {
        add_text(text, "record", zone->records[i].text);
    }
}

int
locum_load_digest(struct locum_config *config)
{
    uint8_t digest[LOCUM_DIGEST_BYTES];
    struct locum_core_config *core = &config->core;
    char *buffer = malloc(NORMAL_BYTES_MAX);
    if (buffer == NULL) {
        return LOCUM_ERR_MEMORY;
    }
    struct locum_text text = locum_text_init(buffer, NORMAL_BYTES_MAX);
    add_text(&text, "cluster", core->cluster);
    for (size_t i = 0; i < core->node_count; i++) {
        add_node(&text, &core->nodes[i], &config->nodes[i]);
    }
    for (size_t i = 0; i < config->zone_count; i++) {
        add_zone(&text, config, i);
    }
    add_number(&text, "interval", core->interval_ms);
    add_number(&text, "timeout", core->timeout_ms);
    add_number(&text, "recover-after", core->recover_after_ms);
    add_number(&text, "quorum", core->quorum);
    add_number(&text, "min-serving", core->min_serving);
    add_text(&text, "master-name", config->redis.master_name);
    add_number(&text, "db", config->redis.db);
    locum_signature_digest(text.at, text.length, digest);
    struct locum_text hex = locum_text_init(core->digest, sizeof(core->digest));
    locum_text_add_hex(&hex, digest, LOCUM_DIGEST_CHARS / 2);
    free(buffer);
    return 0;
}

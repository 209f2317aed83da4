#include "dns/https.h"

#include <string.h>

#include "base/text_format.h"
#include "core/nodes.h"

/* RFC 9460 14.3.2, in the order in which they must be written. */
enum { KEY_ALPN = 1, KEY_IPV4HINT = 4, KEY_IPV6HINT = 6, PARAMETER_HEAD_BYTES = 4 };
enum { HEAD_BYTES = 3 }; /* priority 1, and the target ".": the owner itself */

static const uint16_t hint_keys[LOCUM_FAMILIES] = {KEY_IPV4HINT, KEY_IPV6HINT};
static const char *const hint_names[LOCUM_FAMILIES] = {"ipv4hint", "ipv6hint"};

static const struct locum_config_zone *
zone_of(const struct locum_config *config, size_t name)
{
    return &config->zones[config->names[name].zone];
}

bool
locum_https_is_on(const struct locum_config *config, size_t name)
{
    return zone_of(config, name)->alpn_count > 0;
}

uint32_t
locum_https_ttl(const struct locum_answer answers[LOCUM_FAMILIES])
{
    const struct locum_answer *v4 = &answers[LOCUM_V4], *v6 = &answers[LOCUM_V6];
    if (v4->nodes == 0 || v6->nodes == 0) {
        return v4->nodes == 0 ? v6->ttl_s : v4->ttl_s;
    }
    return v4->ttl_s < v6->ttl_s ? v4->ttl_s : v6->ttl_s;
}

size_t
locum_https_bytes_max(const struct locum_config *config)
{
    size_t addresses = 0;
    for (size_t node = 0; node < config->core.node_count; node++) {
        addresses += config->nodes[node].address_count;
    }
    return HEAD_BYTES + 3 * PARAMETER_HEAD_BYTES + LOCUM_ALPN_MAX * (LOCUM_ALPN_CHARS_MAX + 1) +
           16 * addresses;
}

static void
put_u16(uint8_t *to, size_t value)
{
    to[0] = (uint8_t)(value >> 8);
    to[1] = (uint8_t)value;
}

/* End a parameter whose value begins after its head at `at`. Returns where the next begins. */
static size_t
end_parameter(uint8_t *to, size_t at, uint16_t key, size_t end)
{
    put_u16(to + at, key);
    put_u16(to + at + 2, end - at - PARAMETER_HEAD_BYTES);
    return end;
}

static size_t
put_alpn(const struct locum_config_zone *zone, uint8_t *to, size_t at)
{
    size_t end = at + PARAMETER_HEAD_BYTES;
    for (size_t i = 0; i < zone->alpn_count; i++) {
        const size_t length = strlen(zone->alpn[i]);
        to[end++] = (uint8_t)length;
        memcpy(to + end, zone->alpn[i], length);
        end += length;
    }
    return end_parameter(to, at, KEY_ALPN, end);
}

/* The addresses of the family that the answer has, in the order of the A or AAAA records. */
static size_t
put_hints(const struct locum_config *config, enum locum_family family, locum_nodes nodes,
          uint8_t *to, size_t at)
{
    const size_t size = family == LOCUM_V4 ? 4 : 16;
    size_t end = at + PARAMETER_HEAD_BYTES;
    for (size_t node = 0; node < config->core.node_count; node++) {
        const struct locum_config_node *from = &config->nodes[node];
        for (size_t i = 0; i < from->address_count && locum_nodes_has(nodes, (locum_node)node);
             i++) {
            if (from->address[i].family == family) {
                memcpy(to + end, from->address[i].bytes, size);
                end += size;
            }
        }
    }
    return end == at + PARAMETER_HEAD_BYTES ? at : end_parameter(to, at, hint_keys[family], end);
}

size_t
locum_https_write(const struct locum_config *config, size_t name,
                  const struct locum_answer answers[LOCUM_FAMILIES], uint8_t *to)
{
    put_u16(to, 1);
    to[2] = 0;
    const size_t before = put_alpn(zone_of(config, name), to, HEAD_BYTES);
    size_t at = before;
    for (enum locum_family family = LOCUM_V4; family <= LOCUM_V6; family++) {
        at = put_hints(config, family, answers[family].nodes, to, at);
    }
    return at == before ? 0 : at;
}

void
locum_https_add(const struct locum_config *config, size_t name,
                const struct locum_answer answers[LOCUM_FAMILIES], struct locum_text *text)
{
    const struct locum_config_zone *zone = zone_of(config, name);
    locum_text_add(text, "1 .");
    for (size_t i = 0; i < zone->alpn_count; i++) {
        locum_text_format(text, "%s%s", i == 0 ? " alpn=" : ",", zone->alpn[i]);
    }
    for (enum locum_family family = LOCUM_V4; family <= LOCUM_V6; family++) {
        size_t count = 0;
        for (size_t node = 0; node < config->core.node_count; node++) {
            const struct locum_config_node *from = &config->nodes[node];
            for (size_t i = 0; i < from->address_count &&
                               locum_nodes_has(answers[family].nodes, (locum_node)node);
                 i++) {
                if (from->address[i].family == family) {
                    locum_text_format(text, "%s%s%s%s", count == 0 ? " " : ",",
                                      count == 0 ? hint_names[family] : "", count == 0 ? "=" : "",
                                      locum_address_host_text(&from->address[i]).text);
                    count++;
                }
            }
        }
    }
}

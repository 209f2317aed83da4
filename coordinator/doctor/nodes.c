#include "doctor/nodes.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/foreign.h"
#include "core/nodes.h"
#include "fetch/api.h"

enum { BYTES_MAX = 16 * 1024 * 1024, TIMEOUT_MS = 5000 };

/* Copy printable text; "" if it is none or too long. */
static void
copy_text(const json_t *value, char *ret, size_t size)
{
    const char *text = json_string_value(value);
    struct locum_text to = locum_text_init(ret, size);
    if (text != NULL && strlen(text) < size) {
        locum_text_add_escaped(&to, text, strlen(text));
    }
}

/* Milliseconds; -1: null. */
static int64_t
age_of(const json_t *heard, const char *path)
{
    const json_t *age = json_object_get(heard, path);
    return json_is_integer(age) ? json_integer_value(age) : -1;
}

static locum_node
find_node(const struct locum_config *config, const json_t *name)
{
    return json_is_string(name)
               ? locum_nodes_find(&config->core, locum_slice_of(json_string_value(name)))
               : LOCUM_NODE_NONE;
}

static void
read_node(const json_t *from, const struct locum_config *config, struct locum_doctor_facts *facts)
{
    const json_t *heard = json_object_get(from, "heard_ms");
    const locum_node node = find_node(config, json_object_get(from, "name"));
    if (node == LOCUM_NODE_NONE) {
        return;
    }
    struct locum_doctor_node *to = &facts->nodes[node];
    to->listed = true;
    to->self = json_is_true(json_object_get(from, "self"));
    to->udp_ms = age_of(heard, "udp");
    to->redis_ms = age_of(heard, "redis");
    copy_text(json_object_get(from, "condition"), to->condition, sizeof(to->condition));
    copy_text(json_object_get(from, "digest"), to->digest, sizeof(to->digest));
}

/* "12.3" at the begin of a line of metrics behind NAME{peer="dc3"} */
static void
read_clock(struct locum_slice metrics, const char *name, struct locum_doctor_node *to)
{
    static const char metric[] = "locum_peer_clock_offset_seconds{peer=\"";
    struct locum_slice line;
    while (locum_slice_cut(&metrics, '\n', &line)) {
        char number[32];
        struct locum_slice label;
        if (!locum_slice_starts(line, metric)) {
            continue;
        }
        line.at += sizeof(metric) - 1;
        line.length -= sizeof(metric) - 1;
        if (locum_slice_cut(&line, '"', &label) && locum_slice_is(label, name) &&
            locum_slice_starts(line, "} ") &&
            locum_slice_copy((struct locum_slice){.at = line.at + 2, .length = line.length - 2},
                             number, sizeof(number)) == 0) {
            char *rest;
            to->clock_s = strtod(number, &rest);
            to->clock_known = rest != number && *rest == '\0';
        }
    }
}

bool
locum_doctor_nodes_read(struct locum_slice status, struct locum_slice metrics,
                        const struct locum_config *config, struct locum_doctor_facts *facts)
{
    json_t *json = json_loadb(status.at, status.length, 0, NULL);
    const json_t *redis = json_object_get(json, "redis");
    const json_t *item;
    size_t i;
    const bool is_status = json_is_array(json_object_get(json, "nodes"));
    json_array_foreach(json_object_get(json, "nodes"), i, item)
    {
        read_node(item, config, facts);
    }
    json_array_foreach(json_object_get(json, "sentinels"), i, item)
    {
        const locum_node node = find_node(config, json_object_get(item, "node"));
        if (node != LOCUM_NODE_NONE && !json_is_true(json_object_get(item, "connected"))) {
            facts->nodes[node].sentinel_lost = true;
        }
    }
    facts->redis_lost = json_is_object(redis) && !json_is_true(json_object_get(redis, "connected"));
    for (locum_node node = 0; node < config->core.node_count; node++) {
        read_clock(metrics, config->core.nodes[node].name, &facts->nodes[node]);
    }
    json_decref(json);
    return is_status;
}

/* One GET. False, with the reason in `why`: there is no answer. */
static bool
get(const char *socket, const char *target, struct locum_fetch_api_reply *ret,
    char why[LOCUM_DOCTOR_TEXT_MAX])
{
    CURL *easy = curl_easy_init();
    struct locum_text text = locum_text_init(why, LOCUM_DOCTOR_TEXT_MAX);
    CURLcode code = CURLE_OUT_OF_MEMORY;
    long status = 0;
    if (easy != NULL && locum_fetch_api_prepare(easy, socket, target, NULL, TIMEOUT_MS, ret)) {
        code = curl_easy_perform(easy);
        (void)curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    }
    curl_easy_cleanup(easy);
    if (code == CURLE_OK && status == 200 && ret->bytes != NULL) {
        return true;
    }
    locum_text_add(&text, socket);
    locum_text_add(&text, ": ");
    if (code != CURLE_OK) {
        locum_foreign_add(&text, locum_slice_of(curl_easy_strerror(code)), 100);
    } else {
        locum_text_add(&text, "it is no coordinator of this version");
    }
    return false;
}

void
locum_doctor_nodes_ask(const struct locum_config *config, struct locum_doctor_facts *facts)
{
    struct locum_fetch_api_reply status = {.size_max = BYTES_MAX};
    struct locum_fetch_api_reply metrics = {.size_max = BYTES_MAX};
    if (get(config->listen_control, "/status", &status, facts->lacks_daemon) &&
        get(config->listen_control, "/metrics", &metrics, facts->lacks_daemon)) {
        facts->daemon = locum_doctor_nodes_read(
            (struct locum_slice){.at = status.bytes, .length = status.length},
            (struct locum_slice){.at = metrics.bytes, .length = metrics.length}, config, facts);
    }
    locum_fetch_api_reply_fini(&status);
    locum_fetch_api_reply_fini(&metrics);
}

/* cluster: heartbeat, quorum and the secret; what concerns all nodes together. */
#include "base/error.h"
#include "config/load.h"

/* The core remembers LOCUM_SENT_MAX own heartbeats and needs those of 2 * timeout, early ones too.
 */
enum { INTERVALS_MIN = 2, INTERVALS_MAX = 100 };

static const struct locum_position whole_file = {0};

static size_t
server_count(const struct locum_core_config *core)
{
    size_t count = 0;
    for (size_t i = 0; i < core->node_count; i++) {
        count += core->nodes[i].role == LOCUM_ROLE_SERVER ? 1 : 0;
    }
    return count;
}

static void
check_heartbeat(struct locum_load *self)
{
    const struct locum_core_config *core = &self->config->core;
    if (locum_load_bad(self, "heartbeat", 0) || locum_load_bad(self, "heartbeat.interval", 0) ||
        locum_load_bad(self, "heartbeat.timeout", 0)) {
        return;
    }
    const struct locum_position at = locum_load_at(
        self, "heartbeat.timeout", 0, locum_load_at(self, "heartbeat.interval", 0, whole_file));
    if (core->timeout_ms < INTERVALS_MIN * core->interval_ms ||
        core->timeout_ms > INTERVALS_MAX * core->interval_ms) {
        locum_problems_error(&self->problems, at,
                             "timeout %lldms with interval %lldms: write a timeout of %d to %d "
                             "intervals, best 8",
                             (long long)core->timeout_ms, (long long)core->interval_ms,
                             INTERVALS_MIN, INTERVALS_MAX);
    }
}

static void
take_quorum(struct locum_load *self)
{
    struct locum_core_config *core = &self->config->core;
    if (locum_load_value(self, "quorum", 0)->node == NULL) {
        core->quorum = (uint32_t)(core->node_count / 2 + 1);
    } else if (core->quorum > core->node_count) {
        locum_problems_error(&self->problems, locum_load_at(self, "quorum", 0, whole_file),
                             "quorum %u of %zu nodes: write at most %zu, or leave it out for the "
                             "majority",
                             core->quorum, core->node_count, core->node_count);
    }
    if (server_count(core) > 0 && core->min_serving > server_count(core)) {
        locum_problems_error(&self->problems, locum_load_at(self, "min-serving", 0, whole_file),
                             "min-serving %u of %zu servers: write at most %zu", core->min_serving,
                             server_count(core), server_count(core));
    }
}

static void
take_secret(struct locum_load *self)
{
    char path[LOCUM_PATH_MAX + 1];
    char buffer[LOCUM_PATH_MAX + 200];
    struct locum_text why = locum_text_init(buffer, sizeof(buffer));
    if (!locum_load_good(self, "secret-file", 0)) {
        return;
    }
    const yaml_node_t *node = locum_load_value(self, "secret-file", 0)->node;
    const struct locum_slice text = locum_document_text(node);
    int status = LOCUM_ERR_RANGE;
    if (!locum_load_path(self, text, path, sizeof(path))) {
        locum_text_add(&why, "the path is longer than 255 characters");
    } else {
        status = locum_signature_read_secrets(path, &self->config->secrets, &why);
    }
    if (status != 0) {
        locum_problems_error(&self->problems, locum_document_at(node), "secret-file %s: %s",
                             locum_quote(text).text, buffer);
    }
}

void
locum_load_cluster(struct locum_load *self)
{
    check_heartbeat(self);
    if (self->config->core.node_count > 0) {
        take_quorum(self);
    }
    take_secret(self);
}

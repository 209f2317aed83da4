/* The node's hash in Redis: what it says of itself and of the others. */
#include "daemon/daemon.h"

enum { ANSWERS_BYTES_MAX = 64 * 1024, WORDS_BYTES_MAX = 2048 };

/* A name and its addresses, as the hash shows them: get.example.org./A=192.0.2.12+192.0.2.13 */
static void
add_answer(const struct locum_daemon *self, size_t name, enum locum_family family,
           struct locum_text *text)
{
    const locum_nodes nodes = self->core.plan.answers[name][family].nodes;
    const char *separator = "=";
    if (nodes == 0) {
        return;
    }
    locum_text_add(text, text->length > 0 ? " " : "");
    locum_text_add(text, self->config->names[name].name);
    locum_text_add(text, family == LOCUM_V4 ? "/A" : "/AAAA");
    for (locum_node node = 0; node < self->config->core.node_count; node++) {
        for (size_t i = 0;
             locum_nodes_has(nodes, node) && i < self->config->nodes[node].address_count; i++) {
            const struct locum_address *address = &self->config->nodes[node].address[i];
            if (address->family == family) {
                locum_text_add(text, separator);
                locum_address_add(address, text);
                separator = "+";
            }
        }
    }
}

static void
add_conditions(const struct locum_daemon *self, struct locum_text *text)
{
    const struct locum_core_config *config = &self->config->core;
    for (locum_node node = 0; node < config->node_count; node++) {
        if (node != config->self && config->nodes[node].role != LOCUM_ROLE_SENTINEL) {
            locum_text_add(text, text->length > 0 ? "," : "");
            locum_text_add(text, config->nodes[node].name);
            locum_text_add_char(text, '=');
            locum_text_add(text, locum_names_condition(locum_core_condition(&self->core, node)));
        }
    }
}

static void
add_ranks(const struct locum_daemon *self, struct locum_text *text)
{
    const struct locum_core_config *config = &self->config->core;
    for (locum_node node = 0; node < config->node_count; node++) {
        if (config->nodes[node].role == LOCUM_ROLE_SERVER) {
            locum_text_add(text, text->length > 0 ? "," : "");
            locum_text_add(text, config->nodes[node].name);
            locum_text_add_char(text, '=');
            locum_text_add(text, locum_names_rank(self->core.rank[node]));
        }
    }
}

void
locum_daemon_write_node(struct locum_daemon *self)
{
    static char answers[ANSWERS_BYTES_MAX];
    char conditions[WORDS_BYTES_MAX], ranks[WORDS_BYTES_MAX], serving[WORDS_BYTES_MAX];
    char since[32], seq[24], incarnation[24], beat[24];
    const struct locum_core *core = &self->core;
    const struct locum_core_config *config = &self->config->core;
    const struct locum_now now = locum_daemon_now(self);
    struct locum_text text = locum_text_init(answers, sizeof(answers));
    for (size_t i = 0; i < config->name_count; i++) {
        add_answer(self, i, LOCUM_V4, &text);
        add_answer(self, i, LOCUM_V6, &text);
    }
    text = locum_text_init(conditions, sizeof(conditions));
    add_conditions(self, &text);
    text = locum_text_init(ranks, sizeof(ranks));
    add_ranks(self, &text);
    text = locum_text_init(serving, sizeof(serving));
    locum_plan_serving_add(&text, config, core->serving);
    text = locum_text_init(since, sizeof(since));
    locum_text_add_time(&text, self->serving_since);
    text = locum_text_init(seq, sizeof(seq));
    locum_text_add_u64(&text, core->view.seq);
    text = locum_text_init(incarnation, sizeof(incarnation));
    locum_text_add_u64(&text, core->view.incarnation);
    text = locum_text_init(beat, sizeof(beat));
    locum_text_add_i64(&text, now.wall);
    const char *const values[LOCUM_HASH_COUNT] = {
        [LOCUM_HASH_ROLE] = locum_names_role(config->nodes[config->self].role),
        [LOCUM_HASH_SERVICE] = locum_names_service(core->service.state),
        [LOCUM_HASH_ADMIN] = locum_names_admin(core->admin.state),
        [LOCUM_HASH_SERVING] = serving,
        [LOCUM_HASH_CONDITIONS] = conditions,
        [LOCUM_HASH_RANKS] = ranks,
        [LOCUM_HASH_ANSWERS] = answers,
        [LOCUM_HASH_SINCE] = since,
        [LOCUM_HASH_SEQ] = seq,
        [LOCUM_HASH_INCARNATION] = incarnation,
        [LOCUM_HASH_VERSION] = config->version,
        [LOCUM_HASH_DIGEST] = config->digest,
        [LOCUM_HASH_HEARTBEAT_MS] = beat,
        [LOCUM_HASH_MIRRORBITS] =
            locum_view_mirrorbits_seen(&core->view, config->self, now.mono) ? self->mirrorbits : "",
    };
    struct locum_field fields[LOCUM_HASH_COUNT];
    for (size_t i = 0; i < LOCUM_HASH_COUNT; i++) {
        fields[i] = (struct locum_field){.key = locum_hash_fields[i], .value = values[i]};
    }
    locum_redis_write_node(self->redis, fields, LOCUM_COUNT(fields), now.wall);
    self->told_dirty = false;
}

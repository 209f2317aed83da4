/* The actions of the core, performed; and what is written for people. */
#include "daemon/daemon.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

enum { ANSWERS_BYTES_MAX = 64 * 1024, WORDS_BYTES_MAX = 2048 };

/* Log, story and stream, with `node` and `event` in front. */
static void
tell(struct locum_daemon *self, enum locum_level level, const char *event,
     const struct locum_field *words, size_t count)
{
    struct locum_field fields[LOCUM_STORY_FIELDS_MAX + 2] = {
        {"node", self->config->core.nodes[self->config->core.self].name}, {"event", event}};
    size_t total = 2;
    for (size_t i = 0; i < count; i++) {
        if (words[i].value != NULL) {
            fields[total++] = words[i];
        }
    }
    struct locum_field logged[LOCUM_STORY_FIELDS_MAX + 2];
    logged[0] = fields[0];
    memcpy(&logged[1], &fields[2], (total - 2) * sizeof(fields[0]));
    locum_log_fields(level, event, logged, total - 1);
    locum_story_add(self->story, locum_daemon_now(self).wall, fields, total);
    if (self->redis != NULL) {
        locum_redis_add_event(self->redis, fields, total);
    }
    if (self->control != NULL) {
        locum_control_poke(self->control);
    }
}

void
locum_daemon_tell(struct locum_daemon *self, enum locum_level level, const char *event, ...)
{
    struct locum_field words[LOCUM_STORY_FIELDS_MAX];
    size_t count = 0;
    va_list pairs;
    va_start(pairs, event);
    for (const char *key = va_arg(pairs, const char *);
         key != NULL && count < LOCUM_STORY_FIELDS_MAX; key = va_arg(pairs, const char *)) {
        words[count++] = (struct locum_field){.key = key, .value = va_arg(pairs, const char *)};
    }
    va_end(pairs);
    tell(self, level, event, words, count);
}

static void
tell_edge(struct locum_daemon *self, const struct locum_edge *edge)
{
    struct locum_words words;
    const char *event;
    locum_words_init(&words);
    const enum locum_level level = locum_words_of_edge(&words, &self->config->core, edge, &event);
    if (edge->kind == LOCUM_EDGE_ADMIN && self->core.admin.reason[0] != '\0') {
        locum_words_add(&words, "text", self->core.admin.reason);
    }
    if (edge->kind == LOCUM_EDGE_SERVING) {
        self->serving_since = locum_daemon_now(self).wall;
    }
    tell(self, level, event, words.fields, words.count);
}

/* One heartbeat on both paths. */
static void
send_heartbeat(struct locum_daemon *self)
{
    char buffer[LOCUM_HEARTBEAT_MAX];
    const struct locum_core_config *config = &self->config->core;
    const struct locum_now now = locum_daemon_now(self);
    struct locum_text line = locum_text_init(buffer, sizeof(buffer));
    locum_core_heartbeat(&self->core, LOCUM_NODE_NONE, now, &line);
    if (locum_seal_add(&self->config->secrets, &line) == 0) {
        locum_redis_publish(self->redis, locum_slice_of(buffer));
    }
    for (locum_node peer = 0; peer < config->node_count; peer++) {
        if (peer == config->self || config->nodes[peer].role == LOCUM_ROLE_SENTINEL) {
            continue;
        }
        line = locum_text_init(buffer, sizeof(buffer));
        locum_core_heartbeat(&self->core, peer, now, &line);
        if (locum_seal_add(&self->config->secrets, &line) == 0) {
            locum_peer_send(self->peer, peer, locum_slice_of(buffer));
        }
    }
}

void
locum_daemon_publish(struct locum_daemon *self)
{
    const locum_ms wall_s = locum_daemon_now(self).wall / 1000;
    const uint32_t now_s = wall_s > 0 && wall_s < UINT32_MAX ? (uint32_t)wall_s : 0;
    const uint32_t serial = now_s > self->serial ? now_s : self->serial + 1;
    const int status = locum_dns_publish(self->dns, self->config, &self->core.plan, serial);
    if (status != 0) {
        if (!self->publish_failed) {
            locum_daemon_tell(self, LOCUM_LOG_ERR, "publish-failed", "reason",
                              locum_error_text(status), "effect",
                              "the last answers stay; tried again each second", (const char *)NULL);
        }
        self->publish_failed = true;
        return;
    }
    self->publish_failed = false;
    self->serial = serial;
    self->plan_changes++;
    locum_daemon_persist(self);
    if (self->control != NULL) {
        locum_control_poke(self->control);
    }
}

void
locum_daemon_persist(struct locum_daemon *self)
{
    struct locum_saved saved;
    locum_core_saved(&self->core, &saved);
    locum_state_writer_put(self->writer, self->config, &saved, self->serial,
                           locum_daemon_now(self));
}

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
            locum_text_add(text, locum_condition_text(locum_core_condition(&self->core, node)));
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
            locum_text_add(text, locum_rank_text(self->core.rank[node]));
        }
    }
}

/* The node's hash: what it says of itself and of the others. */
static void
write_node(struct locum_daemon *self)
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
    locum_serving_add(&text, config, core->serving);
    text = locum_text_init(since, sizeof(since));
    locum_text_add_time(&text, self->serving_since);
    text = locum_text_init(seq, sizeof(seq));
    locum_text_add_u64(&text, core->view.seq);
    text = locum_text_init(incarnation, sizeof(incarnation));
    locum_text_add_u64(&text, core->view.incarnation);
    text = locum_text_init(beat, sizeof(beat));
    locum_text_add_i64(&text, now.wall);
    const struct locum_field fields[] = {
        {"role", locum_role_text(config->nodes[config->self].role)},
        {"service", locum_service_text(core->service.word)},
        {"admin", locum_admin_text(core->admin.word)},
        {"serving", serving},
        {"conditions", conditions},
        {"ranks", ranks},
        {"answers", answers},
        {"since", since},
        {"seq", seq},
        {"incarnation", incarnation},
        {"version", config->version},
        {"digest", config->digest},
        {"heartbeat-ms", beat},
        {"mirrorbits", self->mirrorbits},
    };
    locum_redis_write_node(self->redis, fields, LOCUM_COUNT(fields), now.wall);
    self->told_dirty = false;
}

void
locum_daemon_perform(struct locum_daemon *self)
{
    /* First what peers wait for, then what people read. */
    for (size_t i = 0; i < self->actions.count; i++) {
        if (self->actions.at[i].kind == LOCUM_ACTION_HEARTBEAT) {
            send_heartbeat(self);
        }
    }
    for (size_t i = 0; i < self->actions.count; i++) {
        const struct locum_action *action = &self->actions.at[i];
        switch (action->kind) {
        case LOCUM_ACTION_HEARTBEAT: break;
        case LOCUM_ACTION_PLAN:
            locum_daemon_publish(self);
            self->told_dirty = true;
            break;
        case LOCUM_ACTION_EDGE:
            tell_edge(self, &action->edge);
            self->told_dirty = true;
            break;
        case LOCUM_ACTION_PERSIST: locum_daemon_persist(self); break;
        case LOCUM_ACTION_LEFT: (void)event_base_loopexit(self->base, NULL); break;
        }
    }
    self->actions.count = 0;
    if (self->told_dirty) {
        write_node(self);
    }
}

/* The connection to Redis, won or lost, is an event of the daemon's own. */
static void
watch_redis(struct locum_daemon *self)
{
    struct locum_redis_status status;
    char master[LOCUM_ADDRESS_TEXT_MAX];
    locum_redis_status(self->redis, &status);
    if (status.connected == self->redis_was_connected) {
        return;
    }
    self->redis_was_connected = status.connected;
    struct locum_text text = locum_text_init(master, sizeof(master));
    if (status.connected) {
        locum_address_add_port(&status.master, &text);
    }
    locum_daemon_tell(self, status.connected ? LOCUM_LOG_INFO : LOCUM_LOG_WARN,
                      status.connected ? "redis-connected" : "redis-lost", "master",
                      status.connected ? master : NULL, "reason",
                      status.error[0] != '\0' ? status.error : NULL, (const char *)NULL);
}

/* So is the state folder that cannot be written, or can be again. */
static void
watch_state(struct locum_daemon *self)
{
    char why[256];
    struct locum_text text = locum_text_init(why, sizeof(why));
    const bool failed = locum_state_writer_error(self->writer, &text);
    if (failed != self->state_failed) {
        self->state_failed = failed;
        locum_daemon_tell(self, failed ? LOCUM_LOG_WARN : LOCUM_LOG_INFO,
                          failed ? "state-lost" : "state-written", "reason", failed ? why : NULL,
                          (const char *)NULL);
    }
}

void
locum_daemon_each_second(struct locum_daemon *self)
{
    if (self->publish_failed) {
        locum_daemon_publish(self);
    }
    watch_redis(self);
    watch_state(self);
    write_node(self);
    locum_daemon_dns_retry(self);
}

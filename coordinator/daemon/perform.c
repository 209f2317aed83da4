/* The actions of the core, performed; and what is written for people. */
#include "daemon/daemon.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "core/vote.h"

enum { FAILING_BYTES_MAX = 512 };

/* From the last event to the end of the loop: for Redis to be given it. */
enum { FAREWELL_MS = 20 };

/* Log, story and stream, with `node` and `event` in front; no field that the event's row has not.
 */
static void
tell(struct locum_daemon *self, enum locum_level level, enum locum_told told,
     const struct locum_field *words, size_t count)
{
    const char *event = locum_told_rows[told].event;
    struct locum_field fields[LOCUM_STORY_FIELDS_MAX + 2] = {
        {"node", self->config->core.nodes[self->config->core.self].name}, {"event", event}};
    size_t total = 2;
    for (size_t i = 0; i < count; i++) {
        if (words[i].value != NULL && locum_told_has(told, words[i].key)) {
            fields[total++] = words[i];
        }
    }
    struct locum_field logged[LOCUM_STORY_FIELDS_MAX + 2];
    logged[0] = fields[0];
    memcpy(&logged[1], &fields[2], (total - 2) * sizeof(fields[0]));
    locum_log_fields(level, event, logged, total - 1);
    locum_story_add(self->story, locum_daemon_now(self).wall, fields, total);
    self->told[told]++;
    if (self->redis != NULL) {
        locum_redis_add_event(self->redis, fields, total);
    }
    if (self->control != NULL) {
        locum_control_wake(self->control);
    }
}

void
locum_daemon_tell(struct locum_daemon *self, enum locum_level level, enum locum_told told, ...)
{
    struct locum_field words[LOCUM_STORY_FIELDS_MAX];
    size_t count = 0;
    va_list pairs;
    va_start(pairs, told);
    for (const char *key = va_arg(pairs, const char *);
         key != NULL && count < LOCUM_STORY_FIELDS_MAX; key = va_arg(pairs, const char *)) {
        words[count++] = (struct locum_field){.key = key, .value = va_arg(pairs, const char *)};
    }
    va_end(pairs);
    tell(self, level, told, words, count);
}

/* Which checks fail, and how: "http 127.0.0.1:8080 (connection refused), ..." */
static void
add_failing(struct locum_daemon *self, struct locum_text *text)
{
    for (size_t i = 0; i < self->config->core.check_count; i++) {
        if (self->config->core.checks[i].counts &&
            self->core.service.check[i].verdict == LOCUM_FAILING) {
            locum_text_add(text, text->length > 0 ? ", " : "");
            locum_text_add(text, self->config->checks[i].name);
            locum_text_add(text, " (");
            locum_daemon_add_check(self, i, text);
            locum_text_add_char(text, ')');
        }
    }
}

static void
tell_edge(struct locum_daemon *self, const struct locum_event *edge)
{
    struct locum_words words;
    char failing[FAILING_BYTES_MAX];
    enum locum_told told;
    locum_words_init(&words);
    const enum locum_level level = locum_words_of_edge(&words, &self->config->core, edge, &told);
    if (edge->kind == LOCUM_EVENT_ADMIN && self->core.admin.reason[0] != '\0') {
        locum_words_add(&words, "text", self->core.admin.reason);
    }
    if (edge->kind == LOCUM_EVENT_SERVICE && edge->service.to == LOCUM_FAILING) {
        struct locum_text text = locum_text_init(failing, sizeof(failing));
        add_failing(self, &text);
        locum_words_add(&words, "checks", failing);
    }
    if (edge->kind == LOCUM_EVENT_CONDITION) {
        locum_evidence_event(&self->evidence, &edge->condition, locum_daemon_now(self).mono);
    }
    if (edge->kind == LOCUM_EVENT_SERVING) {
        self->serving_since = locum_daemon_now(self).wall;
        self->serving_since_mono = locum_daemon_now(self).mono;
    }
    tell(self, level, told, words.fields, words.count);
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
    if (locum_signature_add(&self->config->secrets, &line) == 0) {
        locum_redis_publish(self->redis, locum_slice_of(buffer));
    }
    for (locum_node peer = 0; peer < config->node_count; peer++) {
        if (peer == config->self || config->nodes[peer].role == LOCUM_ROLE_SENTINEL) {
            continue;
        }
        line = locum_text_init(buffer, sizeof(buffer));
        locum_core_heartbeat(&self->core, peer, now, &line);
        if (locum_signature_add(&self->config->secrets, &line) == 0) {
            locum_peer_send(self->peer, peer, locum_slice_of(buffer));
        }
    }
}

/* The longest TTL of the answers of now that name this node. */
static locum_ms
longest_ttl_ms(const struct locum_core *core)
{
    uint32_t longest_s = 0;
    for (size_t i = 0; i < core->config.name_count; i++) {
        for (size_t family = 0; family < LOCUM_FAMILIES; family++) {
            const struct locum_answer *answer = &core->plan.answers[i][family];
            if (locum_nodes_has(answer->nodes, core->config.self) && answer->ttl_s > longest_s) {
                longest_s = answer->ttl_s;
            }
        }
    }
    return (locum_ms)longest_s * 1000;
}

/* Other answers from now on: those so far live on in resolvers. */
static void
note_named(struct locum_daemon *self)
{
    const locum_ms until = locum_daemon_now(self).mono + self->named_ttl_ms;
    if (self->named_ttl_ms > 0 && until > self->named_until) {
        self->named_until = until;
    }
    self->named_ttl_ms = longest_ttl_ms(&self->core);
}

locum_ms
locum_daemon_named_ms(struct locum_daemon *self)
{
    const locum_ms left = self->named_until - locum_daemon_now(self).mono;
    return left > self->named_ttl_ms ? left : self->named_ttl_ms;
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
            locum_daemon_tell(self, LOCUM_LOG_ERR, LOCUM_TOLD_PUBLISH_FAILED, "reason",
                              locum_error_text(status), "effect",
                              "the last answers stay; tried again each second", (const char *)NULL);
        }
        self->publish_failed = true;
        return;
    }
    self->publish_failed = false;
    note_named(self);
    self->serial = serial;
    self->plan_changes++;
    locum_daemon_persist(self);
    if (self->control != NULL) {
        locum_control_wake(self->control);
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

/* The orderly stop is over: a last word, and a moment for it to reach Redis. */
static void
end(struct locum_daemon *self)
{
    const struct timeval farewell = {.tv_usec = FAREWELL_MS * 1000};
    locum_daemon_tell(self, LOCUM_LOG_INFO, LOCUM_TOLD_STOP, (const char *)NULL);
    (void)event_base_loopexit(self->base, &farewell);
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
        case LOCUM_ACTION_EVENT:
            tell_edge(self, &action->event);
            self->told_dirty = true;
            break;
        case LOCUM_ACTION_PERSIST: locum_daemon_persist(self); break;
        case LOCUM_ACTION_LEFT: end(self); break;
        }
    }
    self->actions.count = 0;
    if (self->told_dirty) {
        locum_daemon_write_node(self);
    }
}

void
locum_daemon_redis_changed(struct locum_daemon *self)
{
    struct locum_redis_status status;
    char master[LOCUM_ADDRESS_TEXT_MAX];
    locum_redis_status(self->redis, &status);
    struct locum_text text = locum_text_init(master, sizeof(master));
    if (status.connected) {
        locum_address_add_port(&status.master, &text);
    }
    locum_daemon_tell(self, status.connected ? LOCUM_LOG_INFO : LOCUM_LOG_WARN,
                      status.connected ? LOCUM_TOLD_REDIS_CONNECTED : LOCUM_TOLD_REDIS_LOST,
                      "master", status.connected ? master : NULL, "reason",
                      status.error[0] != '\0' ? status.error : NULL, (const char *)NULL);
}

/* The thread of DNS over TCP has no voice of its own. */
static void
watch_descriptors(struct locum_daemon *self)
{
    struct locum_dns_counts counts;
    locum_dns_counts(self->dns, &counts);
    if (counts.tcp_short != self->tcp_short) {
        LOCUM_LOG(LOCUM_LOG_WARN, "descriptors", "reason",
                  "none is left for a client of DNS over TCP: raise the limit (systemd: "
                  "LimitNOFILE)");
    }
    self->tcp_short = counts.tcp_short;
}

/* One line, as `systemctl status` shows it. */
static void
notify_status(struct locum_daemon *self)
{
    char line[LOCUM_NOTIFY_BYTES_MAX / 2];
    const struct locum_core *core = &self->core;
    struct locum_text text = locum_text_init(line, sizeof(line));
    locum_plan_serving_add(&text, &core->config, core->serving);
    locum_text_add(&text, ", ");
    locum_text_add_u64(&text, (uint64_t)__builtin_popcount(locum_vote_reachable(
                                  &core->view, &core->config, locum_daemon_now(self).mono)));
    locum_text_add(&text, " of ");
    locum_text_add_u64(&text, core->config.node_count);
    locum_text_add(&text, " nodes reachable, quorum ");
    locum_text_add_u64(&text, core->config.quorum);
    if (self->config->redis.master_name[0] != '\0') {
        locum_text_add(&text, core->view.subscribed ? ", Redis connected" : ", Redis away");
    }
    locum_notify_status(&self->notify, line);
}

void
locum_daemon_each_second(struct locum_daemon *self)
{
    if (self->publish_failed) {
        locum_daemon_publish(self);
    }
    locum_daemon_watch_warnings(self);
    notify_status(self);
    locum_daemon_write_node(self);
    locum_daemon_dns_retry(self);
    watch_descriptors(self);
}

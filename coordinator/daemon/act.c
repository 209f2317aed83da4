#include "daemon/act.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text_format.h"
#include "core/vote.h"
#include "daemon/heartbeats.h"
#include "daemon/history.h"
#include "daemon/inside.h"
#include "daemon/signing.h"

enum {
    FAREWELL_MS = 20, /* from the last event to the end of the loop: time for it to reach Redis */
    FAILING_BYTES_MAX = 512,
    KEY_BYTES_MAX = 64,
};

_Static_assert(sizeof(((struct locum_report *)0)->file_error) == LOCUM_ONDISK_BYTES_MAX &&
                   sizeof(((struct locum_run *)0)->kept_since) == LOCUM_FALLBACK_SINCE_MAX,
               "the error of the configuration file fits, and its time");

void
locum_daemon_act_view(const struct locum_daemon *self, struct locum_report *ret)
{
    *ret = (struct locum_report){.now = self->now,
                                 .config = self->config,
                                 .core = &self->core,
                                 .run = &self->run,
                                 .evidence = &self->evidence,
                                 .events = self->events,
                                 .nsd = &self->nsd,
                                 .history = self->history,
                                 .state_written = locum_state_writer_written(self->writer)};
    struct locum_text why = locum_text_init(ret->state_error, sizeof(ret->state_error));
    (void)locum_state_writer_error(self->writer, &why);
    locum_state_writer_refused(self->writer, ret->file_error);
    locum_redis_status(self->redis, &ret->redis);
    locum_dns_counts(self->dns, &ret->dns);
    if (self->primary != NULL) {
        locum_primary_counts(self->primary, &ret->transfers);
        locum_secondaries_counts(self->secondaries, &ret->secondaries);
    }
    ret->updates = self->updates;
    ret->acmehttp = self->acmehttp_counts;
    locum_peer_counts(self->peer, &ret->peer);
    struct locum_text closed = locum_text_init(ret->peer_closed, sizeof(ret->peer_closed));
    locum_peer_add_closed(self->peer, &closed);
    for (size_t i = 0; i < self->config->core.check_count; i++) {
        ret->checks[i] = locum_health_outcomes(self->health, i);
    }
    for (size_t i = 0; i < self->config->zone_count; i++) {
        ret->zone_lacks_keys[i] = locum_dns_lacks_keys(self->dns, self->config, i);
        ret->dnssec[i].parent = locum_parent_of(self->parent, i);
        ret->dnssec[i].state = self->trust[i];
        locum_trust_see(self->dns, i, &ret->dnssec[i].served);
    }
    locum_daemon_signatures_view(self, ret);
    ret->keys = self->keys.memory;
    ret->keys_now_s = locum_signtime_keys_s(&self->signatures.time);
    ret->keys_too_long = self->keys.too_long;
    ret->keys_lack_since = self->keys.lack_since;
    ret->nsec_differ_since = self->keys.nsec_differ_since;
    ret->hook_count = self->hooks != NULL ? locum_hooks_count(self->hooks) : 0;
    for (size_t i = 0; i < ret->hook_count; i++) {
        ret->hooks[i] = locum_hooks_state(self->hooks, i);
    }
}

/* The value of `on` that the event is for; LOCUM_HOOK_KINDS: none. */
static enum locum_hook_on
hook_kind(int kind)
{
    switch (kind) {
    case LOCUM_EVENT_CONDITION: return LOCUM_HOOK_CONDITION;
    case LOCUM_EVENT_SERVING: return LOCUM_HOOK_SERVING;
    case LOCUM_EVENT_SERVICE: return LOCUM_HOOK_SERVICE;
    case LOCUM_EVENT_WARNING:
    case LOCUM_EVENT_WARNING_OVER: return LOCUM_HOOK_WARNING;
    default: return LOCUM_HOOK_KINDS;
    }
}

/* A warning about a hook does not go to that hook, which would fail once more. */
static void
offer_to_hooks(struct locum_daemon *self, const struct locum_event_facts *what)
{
    struct locum_hooks_event event = {.on = hook_kind(what->kind), .event = what->event};
    if (self->hooks == NULL || event.on == LOCUM_HOOK_KINDS ||
        !locum_hooks_wants(self->hooks, event.on)) {
        return;
    }
    const char *about = what->texts[0];
    const char *number = what->texts[1];
    if (event.on == LOCUM_HOOK_WARNING && about != NULL && number != NULL &&
        strcmp(about, "hook") == 0) {
        event.not_to = strtoul(number, NULL, 10);
    }
    char *line = locum_events_line(self->events, self->config->core.cluster);
    if (line != NULL) {
        event.line = line;
        locum_hooks_offer(self->hooks, &self->core, &event, self->now.mono);
    }
    free(line);
}

/* To all outputs. Redis and waiting clients may not exist yet while the daemon starts. */
static void
emit(struct locum_daemon *self, const struct locum_event_facts *what)
{
    struct locum_event_fields fields;
    locum_events_describe(what, &self->config->core, &fields);
    /* at[0] is the event's name, which the log writes itself. */
    locum_log_fields(fields.level, fields.at[0].value, &fields.at[1], fields.count - 1);
    locum_events_add(self->events, self->now.wall, what->kind, &fields);
    if (self->redis != NULL) {
        locum_redis_events_added(self->redis);
    }
    if (self->control != NULL) {
        locum_control_wake(self->control);
    }
    offer_to_hooks(self, what);
}

void
locum_daemon_act_emit(struct locum_daemon *self, int kind, const char *a, const char *b,
                      const char *c)
{
    emit(self, &(struct locum_event_facts){.kind = kind, .texts = {a, b, c}});
}

/* An event of the core. */
static void
emit_core(struct locum_daemon *self, const struct locum_event *event)
{
    struct locum_event_facts what = {.kind = (int)event->kind, .event = event};
    char failing[FAILING_BYTES_MAX];
    if (event->kind == LOCUM_EVENT_ADMIN && self->core.admin.reason[0] != '\0') {
        what.texts[0] = self->core.admin.reason;
    }
    if (event->kind == LOCUM_EVENT_SERVICE &&
        (event->service.to == LOCUM_FAILING || event->service.to == LOCUM_SERVICE_DEGRADED)) {
        struct locum_report view;
        struct locum_text text = locum_text_init(failing, sizeof(failing));
        locum_daemon_act_view(self, &view);
        locum_report_add_failing(&view, &text);
        what.texts[0] = failing;
    }
    emit(self, &what);
}

/* key: "ABOUT PEER" or "ABOUT"; reason: NULL if the warning is over. */
static void
emit_warning(void *user, const char *key, const char *reason)
{
    struct locum_daemon *self = user;
    char about[KEY_BYTES_MAX];
    const char *blank = strchr(key, ' ');
    (void)locum_text_format_buffer(about, sizeof(about), "%.*s", (int)strcspn(key, " "), key);
    locum_daemon_act_emit(self, reason != NULL ? LOCUM_EVENT_WARNING : LOCUM_EVENT_WARNING_OVER,
                          about, blank != NULL ? blank + 1 : NULL, reason);
}

static void
emit_warnings(struct locum_daemon *self)
{
    struct locum_report view;
    locum_daemon_act_view(self, &view);
    json_t *warnings = locum_warnings_find(&view);
    locum_warned_update(&self->warned, warnings, self->now.mono, emit_warning, self);
    json_decref(warnings);
}

/* The longest TTL of the current answers that name this node. */
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

/*
 * New answers are published. Resolvers use the old ones until their TTL is over, so an operator who
 * drains this node must wait that long before stopping the service (`wait_ms` of POST /admin).
 */
static void
note_named(struct locum_daemon *self)
{
    const locum_ms until = self->now.mono + self->named_ttl_ms;
    if (self->named_ttl_ms > 0 && until > self->named_until) {
        self->named_until = until;
    }
    self->named_ttl_ms = longest_ttl_ms(&self->core);
}

locum_ms
locum_daemon_act_named_ms(const struct locum_daemon *self, locum_ms mono)
{
    const locum_ms left = self->named_until - mono;
    return left > self->named_ttl_ms ? left : self->named_ttl_ms;
}

static void
persist(struct locum_daemon *self)
{
    struct locum_saved saved;
    locum_core_saved(&self->core, &saved);
    locum_state_writer_put(self->writer, self->config, &saved, self->run.serial, self->now);
}

uint32_t
locum_daemon_act_open_serial(const struct locum_daemon *self)
{
    return self->run.serial + 1;
}

/* The serial is the Unix time, or two more than the last if that does not grow: secondaries of NSD
 * ignore a zone whose serial goes back (RFC 1034, section 4.3.5). The one between is that of the
 * fail-open zone (locum_daemon_act_open_serial()). */
static uint32_t
next_serial(const struct locum_daemon *self)
{
    const locum_ms wall_s = self->now.wall / 1000;
    const uint32_t now_s = wall_s > 0 && wall_s < UINT32_MAX ? (uint32_t)wall_s : 0;
    const uint32_t open = locum_daemon_act_open_serial(self);
    return now_s > open ? now_s : open + 1;
}

/* RESUME-1: what the next process continues with. It has the serial that the next plan will have,
 * for it is saved before the plan is published. */
static void
save_run(struct locum_daemon *self)
{
    struct locum_text text = locum_text_init(self->run_text, sizeof(self->run_text));
    locum_core_save(&self->core, self->boot_id, next_serial(self), self->now, &text);
    locum_state_writer_put_run(self->writer, &text);
}

/* Note whether it has failed, and tell when that begins. */
static void
note_failure(struct locum_daemon *self, bool *failed, int status, const char *effect)
{
    if (status != 0 && !*failed) {
        locum_daemon_act_emit(self, LOCUM_EVENT_PUBLISH_FAILED, locum_error_text(status), effect,
                              NULL);
    }
    *failed = status != 0;
}

void
locum_daemon_act_publish(struct locum_daemon *self)
{
    const uint32_t serial = next_serial(self);
    const int64_t signed_s = locum_daemon_signatures_take_s(self);
    const int status = locum_dns_publish(self->dns, self->config, &self->core.plan,
                                         self->acme.answers, serial, signed_s);
    note_failure(self, &self->run.publish_failed, status,
                 "the previous answers stay; publishing is retried each second");
    if (status != 0) {
        return;
    }
    locum_daemon_signatures_published(self);
    note_named(self);
    self->run.serial = serial;
    self->run.plan_changes++;
    if (self->secondaries != NULL) {
        locum_secondaries_publish(self->secondaries, self->config, serial);
    }
    persist(self);
    if (self->control != NULL) {
        locum_control_wake(self->control);
    }
}

bool
locum_daemon_act_give_state(void *user, struct locum_primary_state *ret)
{
    const struct locum_daemon *self = user;
    *ret = (struct locum_primary_state){.config = self->config,
                                        .plan = &self->core.plan,
                                        .answers = self->acme.answers,
                                        .serial = self->run.serial};
    return !self->run.publish_failed;
}

/* Without a connection this is dropped; the next second writes it again. */
static void
write_hash(struct locum_daemon *self)
{
    struct locum_report view;
    struct locum_field fields[LOCUM_HASH_FIELDS];
    locum_daemon_act_view(self, &view);
    locum_report_hash(&view, fields);
    locum_redis_write_node(self->redis, fields, LOCUM_COUNT(fields), self->now.wall);
    self->hash_stale = false;
}

static void
perform_event(struct locum_daemon *self, const struct locum_event *event)
{
    if (event->kind == LOCUM_EVENT_CONDITION) {
        locum_evidence_note_condition(&self->evidence, &event->condition, self->now.mono);
    } else if (event->kind == LOCUM_EVENT_SERVING) {
        self->run.serving_since = self->now.wall;
        self->run.serving_since_mono = self->now.mono;
    }
    emit_core(self, event);
    self->hash_stale = true;
}

/* The orderly stop is over. */
static void
end(struct locum_daemon *self)
{
    const struct timeval farewell = {.tv_usec = FAREWELL_MS * 1000};
    save_run(self);
    locum_daemon_history_keep(self);
    locum_daemon_signatures_keep(self);
    locum_daemon_act_emit(self, LOCUM_EVENT_STOP, NULL, NULL, NULL);
    locum_dns_pause_tcp(self->dns, true);
    (void)event_base_loopexit(self->base, &farewell);
}

void
locum_daemon_act_perform(struct locum_daemon *self)
{
    /* Heartbeats first, because peers wait for them; then the state, before the answers that follow
     * from it (RESUME-1); then what people read. */
    for (size_t i = 0; i < self->actions.count; i++) {
        if (self->actions.at[i].kind == LOCUM_ACTION_HEARTBEAT) {
            locum_daemon_heartbeats_send(self);
        }
    }
    for (size_t i = 0; i < self->actions.count; i++) {
        if (self->actions.at[i].kind == LOCUM_ACTION_SAVE) {
            save_run(self);
        }
    }
    for (size_t i = 0; i < self->actions.count; i++) {
        const struct locum_action *action = &self->actions.at[i];
        switch (action->kind) {
        case LOCUM_ACTION_HEARTBEAT:
        case LOCUM_ACTION_SAVE: break;
        case LOCUM_ACTION_PLAN:
            locum_daemon_act_publish(self);
            self->hash_stale = true;
            break;
        case LOCUM_ACTION_EVENT: perform_event(self, &action->event); break;
        case LOCUM_ACTION_PERSIST: persist(self); break;
        case LOCUM_ACTION_LEFT: end(self); break;
        }
    }
    self->actions.count = 0;
    if (self->hash_stale) {
        write_hash(self);
    }
}

static void
log_socket(const char *what, const struct locum_address *address, int error, const char *text)
{
    LOCUM_LOG(error == 0 ? LOCUM_LOG_INFO : LOCUM_LOG_ERR,
              error == 0 ? "listening" : "not-listening", "for", what, "address",
              locum_address_text(address).text, "reason", error == 0 ? NULL : text);
}

void
locum_daemon_act_log_dns(void *user, const struct locum_address *address, int error,
                         const char *text)
{
    struct locum_daemon *self = user;
    self->run.dns_closed += error == 0 ? (size_t)-1 : 1;
    log_socket("dns", address, error, text);
}

void
locum_daemon_act_log_peer(void *user, const struct locum_address *address, int error,
                          const char *text)
{
    (void)user;
    log_socket("peers", address, error, text);
}

enum locum_dns_claim
locum_daemon_act_dns_claim(const struct locum_daemon *self)
{
    const struct locum_report view = {
        .now = self->now, .config = self->config, .run = &self->run, .nsd = &self->nsd};
    json_t *nsd = locum_report_nsd(&view);
    const bool nsd_reports = json_is_object(nsd);
    const bool nsd_fails = json_is_string(json_object_get(nsd, "error"));
    bool listens = false;
    json_decref(nsd);
    for (size_t i = 0; i < self->config->listen_dns_count; i++) {
        listens = listens || self->config->listen_dns[i].port == LOCUM_DNS_PORT;
    }
    if (!listens && !nsd_reports) {
        return LOCUM_DNS_NONE;
    }
    return nsd_fails || (listens && self->run.dns_closed > 0) ? LOCUM_DNS_CLOSED : LOCUM_DNS_OPEN;
}

/* The threads of DNS cannot log: only the main thread does. */
static void
log_lost_queries(struct locum_daemon *self)
{
    struct locum_dns_counts counts;
    locum_dns_counts(self->dns, &counts);
    if (counts.tcp_short != self->tcp_short) {
        LOCUM_LOG(LOCUM_LOG_WARN, "descriptors", "reason",
                  "no file descriptor is left for a client of DNS over TCP: raise the limit "
                  "(systemd: LimitNOFILE)");
    }
    if (counts.udp_overflow != self->udp_overflow) {
        LOCUM_LOG(LOCUM_LOG_WARN, "queue-full", "reason",
                  "the kernel dropped DNS queries by UDP, because they came faster than they were "
                  "read: give this host more processor time, and raise net.core.rmem_max (sysctl) "
                  "to 4194304");
    }
    self->tcp_short = counts.tcp_short;
    self->udp_overflow = counts.udp_overflow;
}

static void
log_limited(void *user, const char *prefix, int64_t seconds)
{
    (void)user;
    char text[32];
    (void)locum_text_format_buffer(text, sizeof(text), "%" PRId64, seconds);
    if (seconds < 0) {
        LOCUM_LOG(LOCUM_LOG_WARN, "rate-limit", "prefix", prefix, "state", "limited");
    } else {
        LOCUM_LOG(LOCUM_LOG_INFO, "rate-limit", "prefix", prefix, "state", "over", "seconds", text);
    }
}

/* The line that `systemctl status` shows. */
static void
notify_status(struct locum_daemon *self)
{
    char line[LOCUM_NOTIFY_BYTES_MAX / 2];
    const struct locum_core *core = &self->core;
    struct locum_text text = locum_text_init(line, sizeof(line));
    locum_plan_serving_add(&text, &core->config, core->serving);
    locum_text_format(
        &text, ", %d of %zu nodes reachable, quorum %u",
        __builtin_popcount(locum_vote_reachable(&core->view, &core->config, self->now.mono)),
        core->config.node_count, core->config.quorum);
    if (self->config->redis.master_name[0] != '\0') {
        locum_text_add(&text,
                       core->view.subscribed ? ", Redis connected" : ", Redis not connected");
    }
    locum_notify_status(&self->notify, line);
}

bool
locum_daemon_act_is_degraded_besides(const struct locum_daemon *self)
{
    struct locum_report view;
    locum_daemon_act_view(self, &view);
    return locum_report_is_degraded_besides(&view);
}

static void
on_dropped(void *user)
{
    struct locum_daemon *self = user;
    locum_dns_close_surplus(self->dns);
    locum_control_wake(self->control); /* a client that waits for the end of a reload */
}

void
locum_daemon_act_close_surplus(struct locum_daemon *self)
{
    if (locum_dns_has_surplus(self->dns) && self->notify.barrier == NULL) {
        (void)!locum_notify_barrier(&self->notify, self->base, on_dropped, self);
    }
}

void
locum_daemon_act_each_second(struct locum_daemon *self)
{
    const int64_t signed_s = locum_daemon_signatures_take_s(self);
    note_failure(self, &self->run.signing_failed, locum_dns_signing_status(self->dns),
                 "the previous signatures stay; signing is retried each second");
    if (self->run.publish_failed || locum_dns_is_due(self->dns, signed_s)) {
        locum_daemon_act_publish(self);
    }
    locum_daemon_signing_each_second(self);
    locum_daemon_signatures_second(self);
    if (locum_state_writer_lacks_run(self->writer)) {
        save_run(self);
    }
    locum_dns_update_limited(self->dns, self->now.mono, log_limited, self);
    emit_warnings(self);
    notify_status(self);
    write_hash(self);
    locum_dns_retry(self->dns, locum_daemon_act_log_dns, self);
    log_lost_queries(self);
    locum_sockets_retry(&self->sockets);
    locum_daemon_act_close_surplus(self);
}

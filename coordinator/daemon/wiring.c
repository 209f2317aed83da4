#include "daemon/wiring.h"

#include <event2/event.h>
#include <string.h>

#include "base/error.h"
#include "base/foreign.h"
#include "base/text_format.h"
#include "daemon/acme_held.h"
#include "daemon/act.h"
#include "daemon/dnssec.h"
#include "daemon/documents.h"
#include "daemon/heartbeats.h"
#include "daemon/inside.h"
#include "daemon/keys.h"
#include "daemon/loop.h"

enum { SERVING_BYTES_MAX = 1024, LOOK_MS = 1000 };

/* A message came in on either path. Only a heartbeat that counts reaches the core. */
static void
on_line(struct locum_daemon *self, enum locum_path path, enum locum_family family,
        struct locum_slice line)
{
    struct locum_input input = {.kind = LOCUM_INPUT_HEARTBEAT};
    struct locum_proof proof;
    if (!locum_config_speaks(self->config)) {
        return; /* GREEN-15: nothing can be said of it */
    }
    input.heartbeat.text = locum_daemon_heartbeats_prove(self->config, line, &proof);
    locum_evidence_note_message(&self->evidence, &self->config->core, line, &proof,
                                locum_daemon_loop_now(self).mono);
    if (!proof.counts) {
        self->run.bad_signatures[path]++;
        return;
    }
    if (locum_daemon_documents_receive(self, input.heartbeat.text, path)) {
        return;
    }
    input.heartbeat.path = path;
    input.heartbeat.family = family;
    locum_daemon_loop_deliver(self, &input);
}

static void
on_peer_line(void *user, enum locum_family family, struct locum_slice line)
{
    on_line(user, LOCUM_PATH_UDP, family, line);
}

static void
on_redis_heartbeat(void *user, struct locum_slice message)
{
    on_line(user, LOCUM_PATH_REDIS, LOCUM_V4, message);
}

static void
on_subscribed(void *user, bool subscribed)
{
    struct locum_daemon *self = user;
    struct locum_input input = {.kind = LOCUM_INPUT_REDIS, .subscribed = subscribed};
    struct locum_redis_status status;
    locum_daemon_loop_deliver(self, &input);
    locum_redis_status(self->redis, &status);
    if (status.connected) {
        locum_daemon_act_emit(self, LOCUM_EVENT_REDIS_CONNECTED,
                              locum_address_text(&status.master).text, NULL, NULL);
    } else {
        locum_daemon_act_emit(self, LOCUM_EVENT_REDIS_LOST,
                              status.error[0] != '\0' ? status.error : NULL, NULL, NULL);
    }
}

static void
on_sentinel(void *user, locum_node voter, bool tilt, const uint8_t known[LOCUM_NODES_MAX],
            const uint8_t down[LOCUM_NODES_MAX])
{
    struct locum_input input = {.kind = LOCUM_INPUT_SENTINEL};
    input.sentinel.voter = voter;
    input.sentinel.tilt = tilt;
    memcpy(input.sentinel.known, known, sizeof(input.sentinel.known));
    memcpy(input.sentinel.down, down, sizeof(input.sentinel.down));
    locum_daemon_loop_deliver(user, &input);
}

/* The own instance is kept for the hash in Redis; the name is text of others, so it is escaped. */
static void
on_mirrorbits(void *user, locum_node node, const char *instance)
{
    struct locum_daemon *self = user;
    struct locum_input input = {.kind = LOCUM_INPUT_MIRRORBITS, .node = node};
    if (node == self->config->core.self) {
        struct locum_text text =
            locum_text_init(self->run.mirrorbits, sizeof(self->run.mirrorbits));
        locum_foreign_add(&text, locum_slice_of(instance), sizeof(self->run.mirrorbits) - 4);
    }
    locum_daemon_loop_deliver(self, &input);
}

static bool
next_event(void *user, uint64_t after, struct locum_redis_event *ret)
{
    const struct locum_daemon *self = user;
    return locum_events_next(self->events, after, ret);
}

static void
on_sample(void *user, size_t check, enum locum_sample outcome, const char *text)
{
    (void)text;
    struct locum_input input = {.kind = LOCUM_INPUT_SAMPLE};
    input.sample.check = check;
    input.sample.outcome = outcome;
    locum_daemon_loop_deliver(user, &input);
}

static void
on_hooks_tested(void *user)
{
    struct locum_daemon *self = user;
    if (self->control != NULL) {
        locum_control_wake(self->control); /* a client that waits for it */
    }
}

static void
on_dns(void *user, locum_node peer, enum locum_family family, enum locum_transport transport,
       enum locum_dns_state state)
{
    struct locum_input input = {.kind = LOCUM_INPUT_DNS};
    input.dns.peer = peer;
    input.dns.family = family;
    input.dns.transport = transport;
    input.dns.state = state;
    locum_daemon_loop_deliver(user, &input);
}

/*
 * If something answers on the control socket, another coordinator runs here with this
 * configuration, so this one stops. If the socket fails for another reason, everything else works
 * without it.
 */
static int
create_control(struct locum_daemon *self, const struct locum_control_handlers *handlers)
{
    char buffer[512];
    struct locum_text why = locum_text_init(buffer, sizeof(buffer));
    const int status =
        locum_control_create(self->base, self->config, handlers, self, &self->control, &why);
    if (status == 0) {
        if (why.length > 0) {
            LOCUM_LOG(LOCUM_LOG_WARN, "control", "reason", buffer);
        }
        return 0;
    }
    LOCUM_LOG(LOCUM_LOG_ERR, "control", "reason", buffer, "effect",
              status == LOCUM_ERR_IN_USE ? "stopping"
                                         : "locum status and the other commands cannot "
                                           "reach this node; DNS answers are not affected");
    return status == LOCUM_ERR_IN_USE ? status : 0;
}

static void
look_at_addresses(struct locum_daemon *self)
{
    const bool changed = locum_addresses_look(&self->addresses, self->config);
    for (enum locum_family family = LOCUM_V4; changed && family <= LOCUM_V6; family++) {
        struct locum_input input = {.kind = LOCUM_INPUT_ADDRESS};
        input.address.family = family;
        input.address.absent = self->addresses.absent[family];
        locum_daemon_loop_deliver(self, &input);
    }
}

/* INCARNATION-1 */
static void
look_at_clock(struct locum_daemon *self)
{
    struct locum_input input = {.kind = LOCUM_INPUT_CLOCK,
                                .synchronised = locum_clock_is_synchronised()};
    if (input.synchronised != self->core.view.clock_synchronised) {
        locum_daemon_loop_deliver(self, &input);
    }
}

static void
count_queries(struct locum_daemon *self)
{
    struct locum_dns_counts counts;
    locum_dns_counts(self->dns, &counts);
    locum_report_note_queries(&self->run.queries, counts.udp.queries + counts.tcp.queries,
                              locum_clock_read().mono);
}

static void
look(void *user)
{
    struct locum_daemon *self = user;
    look_at_addresses(self);
    look_at_clock(self);
    count_queries(self);
    locum_daemon_keys_look(self);
    locum_timer_arm(&self->look, LOOK_MS);
}

static void signed_reload(struct locum_daemon *self);

/* The thread that signs has ended: a reload goes on, or new signatures are published. */
static void
on_signed(evutil_socket_t fd, short what, void *user)
{
    struct locum_daemon *self = user;
    (void)fd, (void)what;
    (void)locum_daemon_loop_now(self);
    signed_reload(self);
    locum_daemon_keys_signed(self);
    if (locum_dns_is_due(self->dns, locum_daemon_signatures_take_s(self))) {
        locum_daemon_act_publish(self);
    }
}

int
locum_daemon_wiring_create(struct locum_daemon *self, const struct locum_control_handlers *handlers)
{
    static const struct locum_redis_events redis_events = {.heartbeat = on_redis_heartbeat,
                                                           .subscribed = on_subscribed,
                                                           .sentinel = on_sentinel,
                                                           .mirrorbits = on_mirrorbits,
                                                           .next_event = next_event};
    struct locum_signer *signer;
    int status = create_control(self, handlers);
    if (status != 0 ||
        (status = locum_dns_create(self->config, &self->sockets, locum_daemon_act_log_dns, self,
                                   &self->dns)) != 0 ||
        (status = locum_daemon_signatures_begin(self)) != 0 ||
        (status = locum_daemon_keys_create(self)) != 0 ||
        (status = locum_dns_signer_create(self->config, self->keys.memory,
                                          locum_daemon_signatures_now_s(self), &signer)) != 0) {
        return status;
    }
    locum_dns_set_signer(self->dns, signer);
    locum_daemon_signatures_take(self);
    if ((status = locum_daemon_documents_create(self)) != 0 ||
        (status = locum_acme_create(self)) != 0 ||
        (status = locum_secondaries_create(self->base, &self->secondaries)) != 0 ||
        (status = locum_daemon_dnssec_create(self)) != 0) {
        return status;
    }
    locum_daemon_act_publish(self); /* answer DNS before anything else can fail or block */
    self->answering_mono = locum_clock_read().mono;
    self->signing = event_new(self->base, locum_dns_signed_fd(self->dns), EV_READ | EV_PERSIST,
                              on_signed, self);
    if (self->signing == NULL || event_add(self->signing, NULL) != 0) {
        return LOCUM_ERR_MEMORY;
    }
    locum_addresses_init(&self->addresses, self->config);
    locum_timer_init(&self->look, self->base, look, self);
    look(self);
    if ((status = locum_primary_create(self->base, self->dns, locum_daemon_act_give_state, self,
                                       &self->primary)) != 0 ||
        (status = locum_rfc2136_create(self, &self->rfc2136)) != 0 ||
        (status = locum_dns_ask_create(self->base, self->config, on_dns, self, &self->dns_ask)) !=
            0 ||
        (status = locum_peer_create(self->base, self->config, &self->sockets, on_peer_line,
                                    locum_daemon_act_log_peer, self, &self->peer)) != 0 ||
        (status = locum_redis_create(self->base, self->config, &redis_events, self,
                                     &self->redis)) != 0) {
        return status;
    }
    locum_daemon_keys_begin(self);
    locum_sockets_close_unused(&self->sockets);
    locum_daemon_act_close_surplus(self);
    if ((status = locum_hooks_create(self->base, self->config, on_hooks_tested, self,
                                     &self->hooks)) != 0) {
        return status;
    }
    return locum_health_create(self->base, self->config, on_sample, self, &self->health);
}

/* Give up a reload that waits for its signatures. */
static void
give_up(struct locum_daemon *self)
{
    if (self->pending.config != NULL) {
        locum_dns_abandon(self->dns, self->pending.signer);
        locum_dns_signer_destroy(self->pending.signer);
        locum_config_free(self->pending.config);
        json_decref(self->pending.warnings);
        self->pending = (struct locum_pending){.config = NULL};
        json_decref(self->reload_errors);
        self->reload_errors = json_pack("[s]", "given up for another reload");
    }
}

void
locum_daemon_wiring_destroy(struct locum_daemon *self)
{
    give_up(self);
    locum_timer_fini(&self->look);
    locum_control_destroy(self->control);
    json_decref(self->reload_warnings);
    json_decref(self->reload_errors);
    free(self->public_page);
    locum_health_destroy(self->health);
    locum_hooks_destroy(self->hooks);
    locum_rfc2136_destroy(self->rfc2136);
    locum_acme_held_destroy(self);
    locum_acme_destroy(self);
    locum_daemon_documents_destroy(self);
    locum_daemon_keys_destroy(self);
    locum_redis_destroy(self->redis);
    locum_peer_destroy(self->peer);
    locum_primary_destroy(self->primary);
    locum_secondaries_destroy(self->secondaries);
    locum_dns_ask_destroy(self->dns_ask);
    locum_daemon_signatures_fini(self);
    locum_parent_destroy(self->parent);
    if (self->signing != NULL) {
        event_free(self->signing);
    }
    locum_dns_destroy(self->dns);
}

/* What the client that asked for the reload gets: arrays of texts. */
struct reload_findings {
    json_t *errors;
    json_t *warnings;
};

static void
collect(void *user, const struct locum_problem *problem)
{
    const struct reload_findings *findings = user;
    const bool error = problem->severity == LOCUM_SEVERITY_ERROR;
    if (problem->severity == LOCUM_SEVERITY_NOTE) {
        locum_problems_log(NULL, problem);
        return;
    }
    char line[1024];
    struct locum_text text = locum_text_init(line, sizeof(line));
    locum_problems_format(&text, problem);
    LOCUM_LOG(error ? LOCUM_LOG_ERR : LOCUM_LOG_WARN, error ? "reload-refused" : "config", "reason",
              line);
    (void)json_array_append_new(error ? findings->errors : findings->warnings, json_string(line));
}

static int
refuse(json_t *errors, const char *what, const char *why)
{
    char line[256];
    (void)locum_text_format_buffer(line, sizeof(line), "%s%s", what, why);
    LOCUM_LOG(LOCUM_LOG_ERR, "reload-refused", "reason", line);
    (void)json_array_append_new(errors, json_string(line));
    return LOCUM_ERR_REFUSED;
}

/* What a reload needs, and what can fail. */
struct prepared {
    struct locum_config *config;
    struct locum_dns_ask *ask;
    struct locum_health *health;
    struct locum_signer *signer;
};

/* Read and check what can be refused, and sign. LOCUM_ERR_TIMEOUT: a thread signs. */
static int
prepare(struct locum_daemon *self, struct reload_findings *findings, struct prepared *ret)
{
    char buffer[200];
    struct locum_text why = locum_text_init(buffer, sizeof(buffer));
    int status = locum_config_load(self->config->path, NULL, collect, findings, &ret->config);
    if (status == 0) {
        status = locum_dns_check(ret->config, collect, findings);
    }
    if (status == 0 && locum_config_reloadable(self->config, ret->config, &why) != 0) {
        status = refuse(findings->errors, buffer,
                        ": a reload cannot apply this, and changed nothing; run `locum replace`, "
                        "which loses no query");
    }
    if (status == 0) {
        status = locum_signature_prepare(&ret->config->secrets);
    }
    if (status == 0) {
        status = locum_daemon_keys_prepare(self, ret->config, collect, findings, &ret->signer);
    }
    if (status == 0) {
        status = locum_dns_prepare(self->dns, ret->config, ret->signer, NULL, 0,
                                   locum_daemon_signatures_take_s(self));
    }
    return status;
}

/* Make the rest that can fail, before anything is touched. */
static int
complete(struct locum_daemon *self, struct prepared *prepared)
{
    const struct locum_config *next = prepared->config;
    const int status = locum_dns_ask_create(self->base, next, on_dns, self, &prepared->ask);
    return status != 0 ? status
                       : locum_health_create(self->base, next, on_sample, self, &prepared->health);
}

/* Free what a refused reload has made, and give a reason if there is none. */
static void
discard(struct locum_daemon *self, const struct prepared *prepared, json_t *errors, int status)
{
    locum_health_destroy(prepared->health);
    locum_dns_ask_destroy(prepared->ask);
    if (prepared->signer != NULL) {
        locum_dns_abandon(self->dns, prepared->signer);
        locum_dns_signer_destroy(prepared->signer);
    }
    locum_config_free(prepared->config);
    if (json_array_size(errors) == 0) {
        (void)refuse(errors, "reload failed: ", locum_error_text(status));
    }
}

static void
add_serving(const struct locum_daemon *self, char ret[SERVING_BYTES_MAX])
{
    struct locum_text text = locum_text_init(ret, SERVING_BYTES_MAX);
    locum_plan_serving_add(&text, &self->core.config, self->core.serving);
}

/* A zone keeps what its adapter has reported, whatever its index is now; that of a new zone, or one
 * that is to take over port 53, has time to begin. */
static void
move_nsd_reports(struct locum_daemon *self, const struct locum_config *old)
{
    const bool takes_over = self->config->listen_dns_count == 0 && old->listen_dns_count > 0;
    struct locum_nsd_reports moved = {.report = {NULL}};
    for (size_t zone = 0; zone < self->config->zone_count; zone++) {
        moved.heard[zone] = self->now.mono;
        for (size_t i = 0; i < old->zone_count; i++) {
            if (strcmp(self->config->zones[zone].name, old->zones[i].name) == 0) {
                moved.report[zone] = json_incref(self->nsd.report[i]);
                moved.heard[zone] = takes_over ? self->now.mono : self->nsd.heard[i];
            }
        }
    }
    for (size_t i = 0; i < old->zone_count; i++) {
        json_decref(self->nsd.report[i]);
    }
    self->nsd = moved;
}

/* DNS may have other addresses. Those that it leaves are closed when the manager has dropped
 * them. */
static void
reconfigure_dns(struct locum_daemon *self)
{
    const int status =
        locum_dns_reconfigure(self->dns, self->config, locum_daemon_act_log_dns, self);
    if (status != 0) { /* the addresses stay as they were */
        LOCUM_LOG(LOCUM_LOG_ERR, "not-listening", "for", "dns", "reason", locum_error_text(status));
    }
    self->run.dns_closed = locum_dns_closed(self->dns);
    locum_daemon_act_close_surplus(self);
}

/* The nodes, by their new index, whose Mirrorbits is expected under another name or database. */
static locum_nodes
find_other_mirrorbits(const struct locum_config *old, const struct locum_config *next)
{
    locum_nodes found = 0;
    for (locum_node node = 0; node < next->core.node_count; node++) {
        const locum_node before =
            locum_nodes_find(&old->core, locum_slice_of(next->core.nodes[node].name));
        if (before != LOCUM_NODE_NONE &&
            (old->redis.db != next->redis.db ||
             strcmp(old->nodes[before].mirrorbits, next->nodes[node].mirrorbits) != 0)) {
            found |= locum_nodes_of(node);
        }
    }
    return found;
}

/*
 * Everything has been checked: switch to the new configuration. The rooms borrow it, so the old one
 * is freed last. Checks start again; connections whose settings are the same stay.
 */
static void
apply(struct locum_daemon *self, const struct prepared *prepared)
{
    struct locum_config *next = prepared->config;
    char before[SERVING_BYTES_MAX];
    char after[SERVING_BYTES_MAX];
    add_serving(self, before);
    struct locum_config *old = self->config;
    locum_core_reconfigure(&self->core, &next->core, find_other_mirrorbits(old, next),
                           locum_daemon_loop_now(self));
    locum_recorder_begin(&self->recorder, &self->core, "reload");
    self->config = next;
    locum_redis_reconfigure(self->redis, next);
    locum_peer_reconfigure(self->peer, next);
    locum_daemon_documents_reconfigure(self, next);
    locum_acme_reconfigure(self, old);
    locum_dns_set_signer(self->dns, prepared->signer);
    locum_daemon_signatures_reconfigure(self);
    locum_daemon_keys_reconfigure(self, prepared->signer);
    reconfigure_dns(self);
    locum_events_keep(self->events, next->events_keep);
    locum_evidence_init(&self->evidence);
    locum_history_configure(self->history, next);
    move_nsd_reports(self, old);
    locum_daemon_dnssec_reload(self, old);
    locum_dns_ask_destroy(self->dns_ask);
    self->dns_ask = prepared->ask;
    locum_health_learn(prepared->health, self->health);
    locum_health_destroy(self->health);
    self->health = prepared->health;
    locum_hooks_reconfigure(self->hooks, old, next);
    locum_daemon_act_publish(self);
    locum_daemon_act_emit(self, LOCUM_EVENT_RELOAD, next->core.digest, NULL, NULL);
    add_serving(self, after);
    if (strcmp(before, after) != 0) { /* compared as texts: a node may have another index now */
        self->run.serving_since = self->now.wall;
        self->run.serving_since_mono = self->now.mono;
        locum_daemon_act_emit(self, LOCUM_EVENT_SERVING, before, after, NULL);
    }
    locum_config_free(old);
    locum_state_writer_keep(self->writer, next, "");
}

/* Apply it, or refuse it. */
static int
finish(struct locum_daemon *self, struct prepared *prepared, json_t *errors, int status)
{
    if (status == 0) {
        status = complete(self, prepared);
    }
    if (status == 0) {
        apply(self, prepared);
    } else {
        discard(self, prepared, errors, status);
    }
    locum_notify_reloaded(&self->notify);
    return status;
}

int
locum_daemon_wiring_reload(struct locum_daemon *self, json_t **ret_messages)
{
    struct prepared prepared = {.config = NULL};
    struct reload_findings findings = {.errors = json_array(), .warnings = json_array()};
    give_up(self);
    locum_daemon_keys_give_up(self);
    locum_notify_reloading(&self->notify);
    locum_log_repeat(); /* so that a second attempt logs the same errors again */
    int status = prepare(self, &findings, &prepared);
    if (status == LOCUM_ERR_TIMEOUT) {
        LOCUM_LOG(LOCUM_LOG_INFO, "reload-signing", "effect",
                  "the reload takes effect when its signatures are made");
        self->pending = (struct locum_pending){
            .config = prepared.config, .signer = prepared.signer, .warnings = findings.warnings};
        json_decref(findings.errors);
        *ret_messages = NULL;
        return status;
    }
    status = finish(self, &prepared, findings.errors, status);
    *ret_messages = status != 0 ? findings.errors : findings.warnings;
    json_decref(status != 0 ? findings.warnings : findings.errors);
    return status;
}

/* A reload that waited for its signatures takes effect, or is refused. */
static void
signed_reload(struct locum_daemon *self)
{
    const struct locum_pending *pending = &self->pending;
    if (pending->config == NULL) {
        return;
    }
    struct prepared prepared = {.config = pending->config, .signer = pending->signer};
    int status = locum_dns_prepare(self->dns, pending->config, pending->signer, NULL, 0,
                                   locum_daemon_signatures_take_s(self));
    if (status == LOCUM_ERR_TIMEOUT) {
        return;
    }
    json_t *errors = json_array();
    json_t *warnings = pending->warnings;
    self->pending = (struct locum_pending){.config = NULL};
    status = finish(self, &prepared, errors, status);
    json_decref(self->reload_warnings);
    json_decref(self->reload_errors);
    self->reload_warnings = warnings;
    self->reload_errors = status != 0 ? errors : NULL;
    if (status == 0) {
        json_decref(errors);
    }
    if (self->control != NULL) {
        locum_control_wake(self->control); /* the client that asked for the reload */
    }
}

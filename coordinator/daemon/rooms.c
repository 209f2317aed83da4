/* Builds the rooms; their callbacks turn bytes into events of the core. */
#include "daemon/daemon.h"

#include <string.h>

#include "base/error.h"

static void
on_line(struct locum_daemon *self, enum locum_path path, struct locum_slice line)
{
    struct locum_input event = {.kind = LOCUM_INPUT_HEARTBEAT};
    size_t secret = 0;
    const int status =
        locum_signature_check(&self->config->secrets, line, &event.heartbeat.text, &secret);
    locum_evidence_line(&self->evidence, &self->config->core, line, status == 0, secret,
                        locum_daemon_now(self).mono);
    if (status != 0) {
        self->bad_lines[path]++;
        return;
    }
    event.heartbeat.path = path;
    locum_daemon_deliver(self, &event);
}

static void
on_peer_line(void *user, struct locum_slice line)
{
    on_line(user, LOCUM_PATH_UDP, line);
}

static void
on_redis_heartbeat(void *user, struct locum_slice message)
{
    on_line(user, LOCUM_PATH_REDIS, message);
}

static void
on_subscribed(void *user, bool subscribed)
{
    struct locum_input event = {.kind = LOCUM_INPUT_REDIS, .subscribed = subscribed};
    locum_daemon_deliver(user, &event);
    locum_daemon_redis_changed(user);
}

static void
on_sentinel(void *user, locum_node voter, bool tilt, const uint8_t known[LOCUM_NODES_MAX],
            const uint8_t down[LOCUM_NODES_MAX])
{
    struct locum_input event = {.kind = LOCUM_INPUT_SENTINEL};
    event.sentinel.voter = voter;
    event.sentinel.tilt = tilt;
    memcpy(event.sentinel.known, known, sizeof(event.sentinel.known));
    memcpy(event.sentinel.down, down, sizeof(event.sentinel.down));
    locum_daemon_deliver(user, &event);
}

static void
on_mirrorbits(void *user, locum_node node, const char *instance)
{
    struct locum_daemon *self = user;
    struct locum_input event = {.kind = LOCUM_INPUT_MIRRORBITS, .node = node};
    if (node == self->config->core.self) {
        struct locum_text text = locum_text_init(self->mirrorbits, sizeof(self->mirrorbits));
        locum_text_add_escaped(&text, instance, strlen(instance));
    }
    locum_daemon_deliver(self, &event);
}

static void
on_sample(void *user, size_t check, enum locum_sample outcome, const char *text)
{
    (void)text;
    struct locum_input event = {.kind = LOCUM_INPUT_SAMPLE};
    event.sample.check = check;
    event.sample.outcome = outcome;
    locum_daemon_deliver(user, &event);
}

/* A socket could not be opened, or could at last. */
static void
report_socket(const char *what, const struct locum_address *address, int error, const char *text)
{
    char where[LOCUM_ADDRESS_TEXT_MAX];
    struct locum_text at = locum_text_init(where, sizeof(where));
    locum_address_add_port(address, &at);
    LOCUM_LOG(error == 0 ? LOCUM_LOG_INFO : LOCUM_LOG_ERR,
              error == 0 ? "listening" : "not-listening", "for", what, "address", where, "reason",
              error == 0 ? NULL : text);
}

static void
on_dns_report(void *user, const struct locum_address *address, int error, const char *text)
{
    struct locum_daemon *self = user;
    self->dns_closed += error == 0 ? (size_t)-1 : 1;
    report_socket("dns", address, error, text);
}

static void
on_peer_report(void *user, const struct locum_address *address, int error, const char *text)
{
    (void)user;
    report_socket("peers", address, error, text);
}

void
locum_daemon_dns_retry(struct locum_daemon *self)
{
    locum_dns_retry(self->dns, on_dns_report, self);
}

int
locum_daemon_health_create(struct locum_daemon *self, const struct locum_config *config,
                           struct locum_health **ret)
{
    return locum_health_create(self->base, config, on_sample, self, ret);
}

/*
 * The control socket. Somebody answering on it means that another coordinator runs here with this
 * configuration: then this one stops. Without it for any other reason everything else goes on.
 */
static int
create_control(struct locum_daemon *self)
{
    char buffer[512];
    struct locum_text why = locum_text_init(buffer, sizeof(buffer));
    const int status = locum_control_create(self->base, self->config, &locum_daemon_handlers, self,
                                            &self->control, &why);
    if (status == 0) {
        if (why.length > 0) {
            LOCUM_LOG(LOCUM_LOG_WARN, "control", "reason", buffer);
        }
        return 0;
    }
    LOCUM_LOG(LOCUM_LOG_ERR, "control", "reason", buffer, "effect",
              status == LOCUM_ERR_IN_USE ? "stopping"
                                         : "locum status and the other commands cannot "
                                           "reach this node; it serves all the same");
    return status == LOCUM_ERR_IN_USE ? status : 0;
}

int
locum_daemon_rooms_create(struct locum_daemon *self)
{
    static const struct locum_redis_events redis_events = {.heartbeat = on_redis_heartbeat,
                                                           .subscribed = on_subscribed,
                                                           .sentinel = on_sentinel,
                                                           .mirrorbits = on_mirrorbits};
    int status = create_control(self);
    if (status == 0) {
        status = locum_dns_create(self->config, on_dns_report, self, &self->dns);
    }
    if (status == 0) {
        locum_daemon_publish(self); /* answers before anything else */
        status = locum_peer_create(self->base, self->config, on_peer_line, on_peer_report, self,
                                   &self->peer);
    }
    if (status == 0) {
        status = locum_redis_create(self->base, self->config, &redis_events, self, &self->redis);
    }
    if (status == 0) {
        status = locum_daemon_health_create(self, self->config, &self->health);
    }
    return status;
}

void
locum_daemon_rooms_destroy(struct locum_daemon *self)
{
    locum_control_destroy(self->control);
    locum_health_destroy(self->health);
    locum_redis_destroy(self->redis);
    locum_peer_destroy(self->peer);
    locum_dns_destroy(self->dns);
}

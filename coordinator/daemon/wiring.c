#include "daemon/wiring.h"

#include <string.h>

#include "base/error.h"
#include "daemon/act.h"
#include "daemon/emit.h"
#include "daemon/inside.h"
#include "daemon/loop.h"

/*
 * A message came in on either path. Only messages with a valid signature reach the core; the sender
 * is the node that the signed text names, never the address it came from.
 */
static void
on_line(struct locum_daemon *self, enum locum_path path, struct locum_slice line)
{
    struct locum_input input = {.kind = LOCUM_INPUT_HEARTBEAT};
    size_t secret = 0;
    const int status =
        locum_signature_check(&self->config->secrets, line, &input.heartbeat.text, &secret);
    locum_warnings_note_message(&self->evidence, &self->config->core, line, status == 0, secret,
                                locum_daemon_loop_now(self).mono);
    if (status != 0) {
        self->run.bad_signatures[path]++;
        return;
    }
    input.heartbeat.path = path;
    locum_daemon_loop_deliver(self, &input);
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
    struct locum_input input = {.kind = LOCUM_INPUT_REDIS, .subscribed = subscribed};
    locum_daemon_loop_deliver(user, &input);
    locum_daemon_emit_redis(user);
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
        locum_text_add_escaped(&text, instance, strlen(instance));
    }
    locum_daemon_loop_deliver(self, &input);
}

static bool
next_event(void *user, uint64_t after, struct locum_redis_event *ret)
{
    const struct locum_daemon *self = user;
    struct locum_events_entry entry;
    if (!locum_events_next(self->events, after, &entry)) {
        return false;
    }
    *ret = (struct locum_redis_event){.id = entry.id, .time = entry.time, .count = entry.count};
    memcpy(ret->fields, entry.fields, sizeof(entry.fields));
    return true;
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

int
locum_daemon_wiring_create_health(struct locum_daemon *self, const struct locum_config *config,
                                  struct locum_health **ret)
{
    return locum_health_create(self->base, config, on_sample, self, ret);
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

int
locum_daemon_wiring_create(struct locum_daemon *self, const struct locum_control_handlers *handlers)
{
    static const struct locum_redis_events redis_events = {.heartbeat = on_redis_heartbeat,
                                                           .subscribed = on_subscribed,
                                                           .sentinel = on_sentinel,
                                                           .mirrorbits = on_mirrorbits,
                                                           .next_event = next_event};
    int status = create_control(self, handlers);
    if (status != 0 || (status = locum_dns_create(self->config, locum_daemon_act_log_dns, self,
                                                  &self->dns)) != 0) {
        return status;
    }
    locum_daemon_act_publish(self); /* answer DNS before anything else can fail or block */
    if ((status = locum_peer_create(self->base, self->config, on_peer_line,
                                    locum_daemon_act_log_peer, self, &self->peer)) != 0 ||
        (status = locum_redis_create(self->base, self->config, &redis_events, self,
                                     &self->redis)) != 0) {
        return status;
    }
    return locum_daemon_wiring_create_health(self, self->config, &self->health);
}

void
locum_daemon_wiring_destroy(struct locum_daemon *self)
{
    locum_control_destroy(self->control);
    locum_health_destroy(self->health);
    locum_redis_destroy(self->redis);
    locum_peer_destroy(self->peer);
    locum_dns_destroy(self->dns);
}

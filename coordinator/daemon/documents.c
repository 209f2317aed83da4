#include "daemon/documents.h"

#include "base/error.h"
#include "core/view.h"
#include "daemon/heartbeats.h"
#include "daemon/inside.h"

enum {
    LINE_BYTES_MAX = LOCUM_DOCUMENTS_LINE_MAX + LOCUM_KEYRING_BYTES_MAX + LOCUM_SIGNATURE_BYTES
};

static struct locum_order
heard(void *user, locum_node peer)
{
    const struct locum_daemon *self = user;
    const struct locum_view *view = &self->core.view;
    return locum_view_heard_within_limit(view, &self->core.config, peer, self->now.mono)
               ? view->peer[peer].order
               : (struct locum_order){0};
}

/* HEARTBEAT-6 */
static bool
is_recent(void *user, struct locum_order own)
{
    const struct locum_daemon *self = user;
    const locum_ms sent = locum_view_sent(&self->core.view, own.incarnation, own.seq);
    return sent != LOCUM_NEVER && self->now.mono - sent <= 2 * self->core.config.timeout_ms;
}

static void
send_line(void *user, locum_node to, struct locum_slice text)
{
    struct locum_daemon *self = user;
    char buffer[LINE_BYTES_MAX];
    struct locum_text line = locum_text_init(buffer, sizeof(buffer));
    const locum_nodes receivers = to == LOCUM_NODE_NONE ? ~(locum_nodes)0 : locum_nodes_of(to);
    locum_text_add_bytes(&line, text.at, text.length);
    if (!locum_config_speaks(self->config) ||
        !locum_daemon_heartbeats_sign(self->config, receivers, &line)) {
        return;
    }
    if (to == LOCUM_NODE_NONE) {
        locum_redis_publish(self->redis, locum_slice_of(buffer));
    } else {
        locum_peer_send(self->peer, to, locum_slice_of(buffer));
    }
}

static bool
on_changed(void *user, enum locum_document_topic topic, locum_node owner)
{
    const struct locum_daemon *self = user;
    const struct locum_daemon_documents_user *to = &self->documents.users[topic];
    return to->changed == NULL || to->changed(to->user, owner);
}

static void
on_acknowledged(void *user, enum locum_document_topic topic, locum_node peer)
{
    const struct locum_daemon *self = user;
    const struct locum_daemon_documents_user *to = &self->documents.users[topic];
    if (to->acknowledged != NULL) {
        to->acknowledged(to->user, peer);
    }
}

int
locum_daemon_documents_create(struct locum_daemon *self)
{
    static const struct locum_documents_events events = {.heard = heard,
                                                         .is_recent = is_recent,
                                                         .send = send_line,
                                                         .changed = on_changed,
                                                         .acknowledged = on_acknowledged};
    const uint32_t session = arc4random();
    self->documents.carrier =
        locum_documents_create(&self->config->core, session != 0 ? session : 1, &events, self);
    return self->documents.carrier != NULL ? 0 : LOCUM_ERR_MEMORY;
}

void
locum_daemon_documents_destroy(struct locum_daemon *self)
{
    locum_documents_destroy(self->documents.carrier);
    self->documents.carrier = NULL;
}

void
locum_daemon_documents_subscribe(struct locum_daemon *self, enum locum_document_topic topic,
                                 const struct locum_daemon_documents_user *user)
{
    self->documents.users[topic] = *user;
}

int
locum_daemon_documents_set(struct locum_daemon *self, enum locum_document_topic topic,
                           struct locum_slice text)
{
    return locum_documents_set(self->documents.carrier, topic, text);
}

struct locum_slice
locum_daemon_documents_get(const struct locum_daemon *self, enum locum_document_topic topic,
                           locum_node owner)
{
    return locum_documents_get(self->documents.carrier, topic, owner);
}

bool
locum_daemon_documents_lacks(const struct locum_daemon *self, enum locum_document_topic topic,
                             locum_node peer)
{
    const struct locum_core_config *config = &self->config->core;
    return peer != config->self && config->nodes[peer].role != LOCUM_ROLE_SENTINEL &&
           !locum_documents_is_acknowledged(self->documents.carrier, topic, peer) &&
           locum_view_heard_within_limit(&self->core.view, config, peer, self->now.mono);
}

bool
locum_daemon_documents_receive(struct locum_daemon *self, struct locum_slice text,
                               enum locum_path path)
{
    if (!locum_documents_is_message(text)) {
        return false;
    }
    /* One that does not count may be of a later version, or late: there is nothing to say of it. */
    (void)locum_documents_receive(self->documents.carrier, text, path);
    return true;
}

void
locum_daemon_documents_look(struct locum_daemon *self)
{
    self->documents.waits = locum_documents_send(self->documents.carrier, self->now.mono);
}

void
locum_daemon_documents_reconfigure(struct locum_daemon *self, const struct locum_config *next)
{
    locum_documents_reconfigure(self->documents.carrier, &next->core);
}

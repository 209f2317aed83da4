#include "daemon/acme_held.h"

#include <stdlib.h>

#include "base/error.h"
#include "daemon/acme.h"
#include "daemon/inside.h"

struct locum_acme_held {
    struct locum_acme_held *next;
    struct locum_daemon *daemon;
    int client;                   /* its connection */
    json_t *body;                 /* of the reply */
    struct locum_acme_wait *wait; /* NULL: it is over */
    locum_nodes missing;          /* then */
};

static void
destroy(struct locum_acme_held *held)
{
    locum_acme_cancel(held->wait);
    json_decref(held->body);
    free(held);
}

/* Take that of a connection out of the list. NULL: there is none. */
static struct locum_acme_held *
take(struct locum_daemon *self, int client)
{
    struct locum_acme_held **at = &self->acme_held;
    while (*at != NULL && (*at)->client != client) {
        at = &(*at)->next;
    }
    struct locum_acme_held *held = *at;
    if (held != NULL) {
        *at = held->next;
    }
    return held;
}

static void
on_done(void *user, const struct locum_acme_outcome *outcome)
{
    struct locum_acme_held *held = user;
    held->wait = NULL;
    held->missing = outcome->missing;
    if (held->daemon->control != NULL) {
        locum_control_wake(held->daemon->control);
    }
}

int
locum_acme_held_commit(struct locum_daemon *self, const struct locum_control_request *request,
                       json_t *body, locum_ms wait_ms)
{
    struct locum_acme_held *held = malloc(sizeof(*held));
    if (body == NULL || held == NULL) {
        free(held);
        json_decref(body);
        locum_acme_abort(self);
        return LOCUM_ERR_MEMORY;
    }
    *held = (struct locum_acme_held){.daemon = self, .client = request->client, .body = body};
    const int status = locum_acme_commit(self, wait_ms, on_done, held, &held->wait);
    if (status != 0) {
        destroy(held);
        return status;
    }
    /* Of a client that has gone, the descriptor may be that of another one now. */
    struct locum_acme_held *before = take(self, request->client);
    if (before != NULL) {
        destroy(before);
    }
    held->next = self->acme_held;
    self->acme_held = held;
    return 0;
}

bool
locum_acme_held_end(struct locum_daemon *self, const struct locum_control_request *request,
                    struct locum_control_reply *ret_reply, locum_nodes *ret_missing)
{
    struct locum_acme_held *held = take(self, request->client);
    if (held == NULL) {
        *ret_reply = locum_control_error(500, "the request is not known any more");
        return false;
    }
    if (held->wait != NULL && !request->final) {
        held->next = self->acme_held;
        self->acme_held = held;
        *ret_reply = (struct locum_control_reply){.later = true};
        return false;
    }
    *ret_missing = held->wait != NULL ? locum_acme_missing(self) : held->missing;
    *ret_reply = locum_control_json(json_incref(held->body));
    destroy(held);
    return true;
}

struct locum_control_reply
locum_acme_held_refusal(int error)
{
    const int status = error == LOCUM_ERR_INVALID ? 400 : error == LOCUM_ERR_MEMORY ? 500 : 409;
    return locum_control_error(status, locum_acme_error_text(error));
}

void
locum_acme_held_destroy(struct locum_daemon *self)
{
    while (self->acme_held != NULL) {
        destroy(take(self, self->acme_held->client));
    }
}

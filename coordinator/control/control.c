#include "control/control.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/stat.h>

#include "base/error.h"
#include "control/listen.h"
#include "control/route.h"
#include "control/server.h"

static const char type_json[] = "application/json";
static const char type_text[] = "text/plain; version=0.0.4; charset=utf-8";

enum { WHY_BYTES = 512 };

/* A listener and what may be asked on it. */
struct door {
    struct locum_control *control;
    struct locum_server *http;
    bool read_only;
};

/* A request that waits for something to happen. */
struct held {
    LIST_ENTRY(held) entry;
    struct locum_control *control;
    struct locum_server_client *client;
    const struct locum_route *route;
    struct locum_query query;
};

struct locum_control {
    struct locum_control_handlers handlers;
    void *user;
    struct door local, public;
    struct event *poked;
    LIST_HEAD(, held) held;
    char path[LOCUM_PATH_MAX + 1];
    struct stat file; /* of the socket that we made */
};

/* Send a reply and free what it owns. */
static void
send_reply(struct locum_server_client *client, struct locum_reply reply, const char *allow)
{
    static const char failed[] = "{\"errors\":[\"the answer could not be made: out of memory\"]}";
    char *json = reply.body != NULL ? json_dumps(reply.body, JSON_COMPACT) : NULL;
    const char *body = json != NULL ? json : reply.text;
    if (body == NULL) {
        reply.status = 500;
        body = failed;
    }
    const bool plain = reply.body == NULL && reply.text != NULL;
    locum_server_answer(client, &(struct locum_server_answer){.status = reply.status,
                                                              .type = plain ? type_text : type_json,
                                                              .allow = allow,
                                                              .body = body});
    free(json);
    free(reply.text);
    json_decref(reply.body);
}

static void
send_error(struct locum_server_client *client, int status, const char *text)
{
    send_reply(client, locum_reply_error(status, text), NULL);
}

static struct locum_request
request_of(const struct locum_query *query, const json_t *body, bool final)
{
    return (struct locum_request){
        .name = locum_query_value(query, LOCUM_QUERY_NAME),
        .cond = locum_query_value(query, LOCUM_QUERY_IF),
        .after = locum_query_value(query, LOCUM_QUERY_AFTER),
        .wait = locum_query_value(query, LOCUM_QUERY_WAIT),
        .body = body,
        .final = final,
    };
}

/* Ask the handler; `later` in answer to a final request is the handler's fault. */
static struct locum_reply
ask(struct locum_control *self, const struct locum_route *route,
    const struct locum_request *request)
{
    const struct locum_reply reply =
        locum_route_handler(&self->handlers, route)(self->user, request);
    if (reply.later && request->final) {
        return locum_reply_error(500, "no answer was made in time");
    }
    return reply;
}

static void
forget(struct held *held)
{
    LIST_REMOVE(held, entry);
    free(held);
}

/* Ask for a held request again; true if it was answered and `held` is gone. */
static bool
ask_held(struct held *held, bool final)
{
    const struct locum_request request = request_of(&held->query, NULL, final);
    const struct locum_reply reply = ask(held->control, held->route, &request);
    if (reply.later) {
        return false;
    }
    struct locum_server_client *client = held->client;
    forget(held);
    send_reply(client, reply, NULL);
    return true;
}

static void
hold(struct locum_control *self, struct locum_server_client *client,
     const struct locum_route *route, const struct locum_query *query, locum_ms wait_ms)
{
    struct held *held = malloc(sizeof(*held));
    if (held == NULL) {
        send_error(client, 500, "out of memory");
        return;
    }
    *held = (struct held){.control = self, .client = client, .route = route, .query = *query};
    LIST_INSERT_HEAD(&self->held, held, entry);
    locum_server_hold(client, wait_ms, held);
}

static void
refuse_method(struct door *door, struct locum_server_client *client,
              const struct locum_route *route)
{
    const bool get = door->read_only || route->method == LOCUM_HTTP_GET;
    const char *text = "this path takes GET";
    if (door->read_only) {
        text = "only GET is taken on this port: everything else goes to the control socket";
    } else if (!get) {
        text = "this path takes POST";
    }
    send_reply(client, locum_reply_error(405, text), get ? "GET" : "POST");
}

static void
refuse_path(struct door *door, struct locum_server_client *client, struct locum_slice path)
{
    char buffer[WHY_BYTES];
    struct locum_text text = locum_text_init(buffer, sizeof(buffer));
    locum_text_add(&text, "no such path: ");
    locum_text_add_escaped(&text, path.at, path.length < 64 ? path.length : 64);
    locum_text_add(&text, "; there are ");
    locum_route_add_all(&text, &door->control->handlers, door->read_only);
    send_error(client, 404, buffer);
}

/* The body as an object, NULL if it is empty. 0, or LOCUM_ERR_INVALID and *why. */
static int
parse_body(struct locum_slice body, json_t **ret, struct locum_text *why)
{
    if (body.length == 0) {
        *ret = NULL;
        return 0;
    }
    json_error_t error;
    json_t *json = json_loadb(body.at, body.length, JSON_REJECT_DUPLICATES, &error);
    if (json_is_object(json)) {
        *ret = json;
        return 0;
    }
    if (json != NULL) {
        locum_text_add(why, "the body must be a JSON object, such as {\"node\": \"dc3\"}");
        json_decref(json);
        return LOCUM_ERR_INVALID;
    }
    locum_text_add(why, "the body is no JSON: line ");
    locum_text_add_i64(why, error.line);
    locum_text_add(why, " column ");
    locum_text_add_i64(why, error.column);
    locum_text_add(why, ": ");
    locum_text_add(why, error.text);
    return LOCUM_ERR_INVALID;
}

/* The request is well-formed: body and query are read, the handler is asked. */
static void
serve(struct locum_control *self, struct locum_server_client *client,
      const struct locum_route *route, struct locum_slice query_text, struct locum_slice body)
{
    char buffer[WHY_BYTES];
    struct locum_text why = locum_text_init(buffer, sizeof(buffer));
    struct locum_query query = {0};
    locum_ms wait_ms = 0;
    json_t *json = NULL;
    if (locum_query_parse(query_text, route->keys, &query, &why) != 0 ||
        locum_route_check(route, &query, &wait_ms, &why) != 0 ||
        parse_body(body, &json, &why) != 0) {
        send_error(client, 400, buffer);
        return;
    }
    const struct locum_request request = request_of(&query, json, wait_ms == 0);
    const struct locum_reply reply = ask(self, route, &request);
    json_decref(json);
    if (reply.later) {
        hold(self, client, route, &query, wait_ms);
    } else {
        send_reply(client, reply, NULL);
    }
}

static void
on_request(void *user, struct locum_server_client *client, const struct locum_http_head *head,
           struct locum_slice body)
{
    struct door *door = user;
    struct locum_slice path;
    struct locum_slice query;
    if (locum_target_cut(head->target, &path, &query) != 0) {
        send_error(client, 400, "the target must be a path, such as /status");
        return;
    }
    const struct locum_route *route = locum_route_find(&door->control->handlers, path);
    if (route == NULL ||
        (door->read_only && route->method != LOCUM_HTTP_GET && head->method == LOCUM_HTTP_GET)) {
        refuse_path(door, client, path);
    } else if (head->method != route->method ||
               (door->read_only && head->method != LOCUM_HTTP_GET)) {
        refuse_method(door, client, route);
    } else if (head->method == LOCUM_HTTP_GET && body.length > 0) {
        send_error(client, 400, "a GET takes no body");
    } else {
        serve(door->control, client, route, query, body);
    }
}

static void
on_refused(void *user, struct locum_server_client *client, const struct locum_http_refusal *refusal)
{
    (void)user;
    send_error(client, refusal->status, refusal->text);
}

static void
on_wait_over(void *user, void *held)
{
    (void)user;
    const bool answered = ask_held(held, true);
    LOCUM_INVARIANT(answered);
}

static void
on_gone(void *user, void *held)
{
    (void)user;
    forget(held);
}

static void
on_poked(int fd, short what, void *user)
{
    (void)fd;
    (void)what;
    struct locum_control *self = user;
    struct held *next;
    for (struct held *held = LIST_FIRST(&self->held); held != NULL; held = next) {
        next = LIST_NEXT(held, entry);
        (void)ask_held(held, false);
    }
}

void
locum_control_poke(struct locum_control *self)
{
    if (!LIST_EMPTY(&self->held)) {
        event_active(self->poked, EV_TIMEOUT, 0);
    }
}

static int
open_door(struct event_base *base, struct door *door, int fd)
{
    static const struct locum_server_events events = {
        .request = on_request,
        .refused = on_refused,
        .wait_over = on_wait_over,
        .gone = on_gone,
    };
    return locum_server_create(base, fd, LOCUM_SERVER_DEADLINE_MS, &events, door, &door->http);
}

static int
open_local(struct event_base *base, struct locum_control *self, const char *path,
           struct locum_text *why)
{
    const int fd = locum_listen_unix(path, &self->file, why);
    if (fd < 0) {
        return fd;
    }
    const int error = locum_slice_copy(locum_slice_of(path), self->path, sizeof(self->path));
    LOCUM_INVARIANT(error == 0);
    return open_door(base, &self->local, fd);
}

/* A port that cannot be had costs the port only: *why says so, and the socket goes on. */
static int
open_public(struct event_base *base, struct locum_control *self,
            const struct locum_address *address, struct locum_text *why)
{
    if (address->port == 0) {
        return 0;
    }
    const int fd = locum_listen_tcp(address, why);
    return fd < 0 ? 0 : open_door(base, &self->public, fd);
}

int
locum_control_create(struct event_base *base, const struct locum_config *config,
                     const struct locum_control_handlers *handlers, void *user,
                     struct locum_control **ret, struct locum_text *ret_why)
{
    struct locum_control *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        return LOCUM_ERR_MEMORY;
    }
    self->handlers = *handlers;
    self->user = user;
    self->local = (struct door){.control = self};
    self->public = (struct door){.control = self, .read_only = true};
    LIST_INIT(&self->held);
    self->poked = event_new(base, -1, 0, on_poked, self);
    int error = self->poked != NULL ? 0 : LOCUM_ERR_MEMORY;
    if (error == 0) {
        error = open_local(base, self, config->listen_control, ret_why);
    }
    if (error == 0) {
        error = open_public(base, self, &config->listen_http, ret_why);
    }
    if (error != 0) {
        locum_control_destroy(self);
        return error;
    }
    *ret = self;
    return 0;
}

void
locum_control_destroy(struct locum_control *self)
{
    if (self == NULL) {
        return;
    }
    locum_server_destroy(self->local.http);
    locum_server_destroy(self->public.http);
    if (self->path[0] != '\0') {
        locum_listen_unlink(self->path, &self->file);
    }
    if (self->poked != NULL) {
        event_free(self->poked);
    }
    free(self);
}

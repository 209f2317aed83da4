#include "control/control.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/stat.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>

#include "base/descriptors.h"
#include "base/error.h"
#include "base/log.h"
#include "base/text_format.h"
#include "base/timer.h"
#include "control/http.h"
#include "control/listen.h"
#include "control/route.h"
#include "control/token.h"

enum { WHY_BYTES = 512, RETRY_MS = 1000 };

/* A listener and which requests it takes. */
struct control_listener {
    struct locum_control *control;
    struct locum_http *http; /* NULL: it could not be opened yet */
    size_t held_count, held_max;
    enum locum_route_listener kind;
    struct locum_address address; /* not of listen.control */
};

/* A request that waits for a change. evhttp owns `http`. */
struct held {
    LIST_ENTRY(held) entry;
    struct control_listener *listener;
    struct evhttp_request *http;
    struct locum_timer deadline; /* the end of its wait */
    const struct locum_route *route;
    struct evkeyvalq query;
};

struct locum_control {
    struct event_base *base;
    struct locum_control_handlers handlers;
    void *user;
    struct control_listener local;
    struct control_listener tcp[2 + LOCUM_ADDRESSES_MAX]; /* all but listen.control */
    size_t tcp_count;
    struct locum_timer retry; /* armed while one of these could not be bound */
    struct locum_timer wake;
    LIST_HEAD(, held) held;
    char path[LOCUM_PATH_MAX + 1];
    struct stat file; /* identity of our socket file */
};

static void
set_header(struct evhttp_request *http, const char *key, const char *value)
{
    (void)evhttp_add_header(evhttp_request_get_output_headers(http), key, value);
}

/* So that no browser takes the page for something else, or lets another site use it. */
static void
set_page_headers(struct evhttp_request *http, const char *policy)
{
    set_header(http, "Content-Type", "text/html; charset=utf-8");
    set_header(http, "Content-Security-Policy", policy);
    set_header(http, "Referrer-Policy", "no-referrer");
    set_header(http, "X-Frame-Options", "DENY"); /* browsers without frame-ancestors */
}

/* A reply to HEAD has the length of the body in its place (RFC 9110, 9.3.2). */
static int
add_body(struct evhttp_request *http, struct evbuffer *bytes, const char *body)
{
    char length[24];
    if (evhttp_request_get_command(http) != EVHTTP_REQ_HEAD) {
        return evbuffer_add(bytes, body, strlen(body));
    }
    (void)locum_text_format_buffer(length, sizeof(length), "%zu", strlen(body));
    set_header(http, "Content-Length", length);
    return 0;
}

/* Send a reply and free what it owns; one request a connection. */
static void
send_reply(struct evhttp_request *http, struct locum_control_reply reply)
{
    char *json = reply.body != NULL ? json_dumps(reply.body, JSON_COMPACT) : NULL;
    const char *body = json != NULL ? json : reply.text;
    const bool plain = body != NULL && body == reply.text;
    struct evbuffer *bytes = evbuffer_new();
    if (body == NULL) {
        reply.status = 500;
        body = "{\"errors\":[\"out of memory while the reply was made\"]}";
    }
    if (bytes == NULL || add_body(http, bytes, body) != 0) {
        reply.status = 500;
    }
    if (plain && reply.policy != NULL) {
        set_page_headers(http, reply.policy);
    } else {
        set_header(http, "Content-Type",
                   plain ? "text/plain; version=0.0.4; charset=utf-8" : "application/json");
    }
    set_header(http, "Cache-Control", "no-store");
    set_header(http, "X-Content-Type-Options", "nosniff");
    set_header(http, "Connection", "close");
    evhttp_send_reply(http, reply.status, NULL, bytes);
    if (bytes != NULL) {
        evbuffer_free(bytes);
    }
    free(json);
    free(reply.text);
    json_decref(reply.body);
}

static void
send_error(struct evhttp_request *http, int status, const char *text)
{
    send_reply(http, locum_control_error(status, text));
}

/* Call the handler. `later` in reply to a final request is an error of the handler. */
static struct locum_control_reply
call_handler(struct locum_control *self, struct evhttp_request *http,
             const struct locum_route *route, const struct evkeyvalq *query, const json_t *body,
             bool again, bool final)
{
    struct bufferevent *stream =
        evhttp_connection_get_bufferevent(evhttp_request_get_connection(http));
    const struct locum_control_request request = {
        .name = evhttp_find_header(query, "name"),
        .cond = evhttp_find_header(query, "if"),
        .after = evhttp_find_header(query, "after"),
        .wait = evhttp_find_header(query, "wait"),
        .body = body,
        .again = again,
        .final = final,
        .client = bufferevent_getfd(stream),
    };
    const struct locum_control_reply reply =
        locum_route_handler(&self->handlers, route)(self->user, &request);
    if (reply.later && final) {
        return locum_control_error(500, "no reply was ready in time");
    }
    return reply;
}

static void
forget(struct held *held)
{
    LIST_REMOVE(held, entry);
    held->listener->held_count--;
    locum_timer_fini(&held->deadline);
    evhttp_clear_headers(&held->query);
    free(held);
}

/* Call the handler of a held request again. If it replies, `held` is freed. */
static void
call_held_handler(struct held *held, bool final)
{
    const struct locum_control_reply reply = call_handler(
        held->listener->control, held->http, held->route, &held->query, NULL, true, final);
    if (reply.later) {
        return;
    }
    struct evhttp_request *http = held->http;
    evhttp_connection_set_closecb(evhttp_request_get_connection(http), NULL, NULL);
    forget(held);
    send_reply(http, reply);
}

static void
on_wait_over(void *user)
{
    call_held_handler(user, true);
}

/* The connection closes. If it does not own the request any more, we must free that. */
static void
on_gone(struct evhttp_connection *connection, void *user)
{
    (void)connection;
    struct held *held = user;
    struct evhttp_request *http = held->http;
    forget(held);
    if (evhttp_request_get_connection(http) == NULL) {
        evhttp_request_free(http);
    }
}

/* Takes the query, also on failure. */
static void
hold(struct control_listener *listener, struct evhttp_request *http,
     const struct locum_route *route, struct evkeyvalq *query, locum_ms wait_ms)
{
    struct locum_control *self = listener->control;
    struct held *held = calloc(1, sizeof(*held));
    if (held == NULL) {
        evhttp_clear_headers(query);
        send_error(http, 500, "out of memory");
        return;
    }
    held->listener = listener;
    held->http = http;
    held->route = route;
    locum_timer_init(&held->deadline, self->base, on_wait_over, held);
    locum_timer_arm(&held->deadline, wait_ms);
    TAILQ_INIT(&held->query);
    TAILQ_CONCAT(&held->query, query, next);
    LIST_INSERT_HEAD(&self->held, held, entry);
    listener->held_count++;
    evhttp_connection_set_closecb(evhttp_request_get_connection(http), on_gone, held);
}

/* The body as an object, NULL if it is empty. 0, or LOCUM_ERR_INVALID and *why. */
static int
parse_body(struct evhttp_request *http, json_t **ret, struct locum_text *why)
{
    struct evbuffer *input = evhttp_request_get_input_buffer(http);
    const size_t length = evbuffer_get_length(input);
    const char *bytes = (const char *)evbuffer_pullup(input, -1);
    json_error_t error;
    if (length == 0 || bytes == NULL) {
        return 0;
    }
    *ret = json_loadb(bytes, length, JSON_REJECT_DUPLICATES, &error);
    if (json_is_object(*ret)) {
        return 0;
    }
    if (*ret != NULL) {
        json_decref(*ret);
        locum_text_add(why, "the body must be a JSON object, such as {\"node\": \"dc3\"}");
    } else {
        locum_text_format(why, "the body is not JSON: line %d column %d: %s", error.line,
                          error.column, error.text);
    }
    return LOCUM_ERR_INVALID;
}

/* Method and path are valid: parse query and body, call the handler. */
static void
serve(struct control_listener *listener, struct evhttp_request *http,
      const struct locum_route *route)
{
    struct locum_control *self = listener->control;
    const char *text = evhttp_uri_get_query(evhttp_request_get_evhttp_uri(http));
    char buffer[WHY_BYTES];
    struct locum_text why = locum_text_init(buffer, sizeof(buffer));
    struct evkeyvalq query = TAILQ_HEAD_INITIALIZER(query);
    locum_ms wait_ms = 0;
    json_t *json = NULL;
    if (text != NULL && evhttp_parse_query_str(text, &query) != 0) {
        send_error(http, 400, "the query string must have the form key=value&key=value");
        return; /* evhttp has freed the pairs */
    }
    if (locum_route_check(route, &query, &wait_ms, &why) != 0 ||
        parse_body(http, &json, &why) != 0) {
        evhttp_clear_headers(&query);
        send_error(http, 400, buffer);
        return;
    }
    const struct locum_control_reply reply =
        call_handler(self, http, route, &query, json, false, wait_ms == 0);
    json_decref(json);
    if (reply.later && listener->held_count < listener->held_max) {
        hold(listener, http, route, &query, wait_ms);
        return;
    }
    evhttp_clear_headers(&query);
    if (reply.later) {
        set_header(http, "Retry-After", "1");
        send_error(http, 503, "too many clients wait for a change: ask again without wait");
    } else {
        send_reply(http, reply);
    }
}

/* Is the host that the client asked for this one? An address is; browsers always send a host. */
static bool
is_for_us(const struct locum_control *self, struct evhttp_request *http)
{
    const char *host = evhttp_request_get_host(http);
    struct locum_address address;
    if (host == NULL || strcasecmp(host, "localhost") == 0) {
        return true;
    }
    struct locum_slice text = locum_slice_of(host);
    if (text.length > 2 && text.at[0] == '[' && text.at[text.length - 1] == ']') {
        text = (struct locum_slice){.at = text.at + 1, .length = text.length - 2};
    }
    return locum_address_parse(text, &address) == 0 || self->handlers.knows_host(self->user, host);
}

static bool
has_token(const struct locum_control *self, struct evhttp_request *http)
{
    char token[LOCUM_TOKEN_MAX + 1] = "";
    (void)locum_token_find(evhttp_request_get_input_headers(http), token);
    const bool known = self->handlers.knows_token(self->user, token);
    explicit_bzero(token, sizeof(token));
    return known;
}

static void
refuse_path(const struct control_listener *listener, struct evhttp_request *http, const char *path)
{
    char buffer[WHY_BYTES];
    struct locum_text text = locum_text_init(buffer, sizeof(buffer));
    locum_text_add(&text, "no such path: ");
    locum_text_add_escaped(&text, path, strnlen(path, 64));
    if (listener->kind == LOCUM_ROUTE_STATUS) {
        locum_text_add(&text, "; the only path here is GET /");
    } else {
        locum_text_add(&text, "; the paths are ");
        locum_route_add_all(&text, &listener->control->handlers, listener->kind);
    }
    send_error(http, 404, buffer);
}

/* The route of a path on this listener; NULL: none. */
static const struct locum_route *
find_route(const struct control_listener *listener, const char *path)
{
    if (listener->kind != LOCUM_ROUTE_STATUS) {
        const struct locum_route *route = locum_route_find(&listener->control->handlers, path);
        return listener->kind == LOCUM_ROUTE_ACME && route != NULL && !route->acme ? NULL : route;
    }
    return strcmp(path, locum_route_public.path) == 0 &&
                   listener->control->handlers.public_page != NULL
               ? &locum_route_public
               : NULL;
}

static void
on_request(struct evhttp_request *http, void *user)
{
    struct control_listener *listener = user;
    const bool read_only =
        listener->kind == LOCUM_ROUTE_READ_ONLY || listener->kind == LOCUM_ROUTE_STATUS;
    const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(http);
    const char *found = uri != NULL ? evhttp_uri_get_path(uri) : NULL;
    const char *path = found != NULL ? found : "";
    const enum evhttp_cmd_type command = evhttp_request_get_command(http);
    const bool get = command == EVHTTP_REQ_GET || command == EVHTTP_REQ_HEAD;
    const struct locum_route *route = find_route(listener, path);
    const bool takes_get = route != NULL && route->method == EVHTTP_REQ_GET;
    if (listener->kind == LOCUM_ROUTE_READ_ONLY && !is_for_us(listener->control, http)) {
        send_error(http, 421,
                   "the Host of this request is not a name of this cluster: ask by address, or by "
                   "the name of a node or a name server in locum.yaml");
    } else if (route == NULL || (read_only && get && !takes_get)) {
        refuse_path(listener, http, path);
    } else if (read_only && !get) {
        set_header(http, "Allow", "GET, HEAD");
        send_error(http, 405,
                   "this port takes only GET: send other requests to the control socket");
    } else if (get != takes_get) {
        set_header(http, "Allow", takes_get ? "GET, HEAD" : "POST");
        send_error(http, 405, takes_get ? "this path takes GET" : "this path takes POST");
    } else if (listener->kind == LOCUM_ROUTE_ACME && !has_token(listener->control, http)) {
        set_header(http, "WWW-Authenticate", "Basic realm=\"locum\"");
        send_error(http, 401,
                   "this port needs the token of acme.token-file: as a bearer token, as the "
                   "password of basic authentication, or as X-Api-Key");
    } else {
        serve(listener, http, route);
    }
}

static void
on_wake(void *user)
{
    struct locum_control *self = user;
    struct held *next;
    for (struct held *held = LIST_FIRST(&self->held); held != NULL; held = next) {
        next = LIST_NEXT(held, entry);
        call_held_handler(held, false);
    }
}

void
locum_control_wake(struct locum_control *self)
{
    if (!LIST_EMPTY(&self->held)) {
        locum_timer_fire(&self->wake);
    }
}

void
locum_control_reply_late(int client, struct locum_control_reply reply)
{
    char *json = reply.body != NULL ? json_dumps(reply.body, JSON_COMPACT) : NULL;
    const char *body = json != NULL ? json : "{}";
    (void)dprintf(client,
                  "HTTP/1.1 %d %s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n"
                  "Connection: close\r\n\r\n%s",
                  reply.status, reply.status == 200 ? "OK" : "Error", strlen(body), body);
    (void)close(client);
    free(json);
    json_decref(reply.body);
}

static int
serve_listener(struct event_base *base, struct control_listener *listener, int fd)
{
    const size_t clients = locum_descriptors_share(LOCUM_HTTP_CLIENTS_MAX);
    listener->held_max = clients - clients / 4;
    return locum_http_create(base, fd, LOCUM_HTTP_LIFE_MS, on_request, listener, &listener->http);
}

static const char *
option_of(const struct control_listener *listener)
{
    return listener->kind == LOCUM_ROUTE_STATUS ? "listen.status"
           : listener->kind == LOCUM_ROUTE_ACME ? "acme.listen"
                                                : "listen.http";
}

/* The same for the log. */
static const char *
name_of(const struct control_listener *listener)
{
    return listener->kind == LOCUM_ROUTE_ACME ? "acme" : strchr(option_of(listener), '.') + 1;
}

/* Open what is not open. A port that cannot be bound is no failure: *why explains it, and it is
 * tried again. */
static int
open_tcp(struct locum_control *self, struct locum_text *why)
{
    int status = 0;
    for (size_t i = 0; i < self->tcp_count && status == 0; i++) {
        struct control_listener *listener = &self->tcp[i];
        if (listener->http != NULL) {
            continue;
        }
        const size_t before = why->length;
        locum_text_add(why, before > 0 ? ". " : "");
        const int fd = locum_listen_tcp(&listener->address, option_of(listener), why);
        if (fd >= 0) {
            why->length = before;
            why->at[before] = '\0';
            status = serve_listener(self->base, listener, fd);
        } else {
            locum_text_add(why, "; trying again every second");
            locum_timer_arm(&self->retry, RETRY_MS);
        }
    }
    return status;
}

static void
on_retry(void *user)
{
    struct locum_control *self = user;
    char buffer[WHY_BYTES];
    struct locum_text why = locum_text_init(buffer, sizeof(buffer));
    bool closed[LOCUM_COUNT(self->tcp)] = {false};
    for (size_t i = 0; i < self->tcp_count; i++) {
        closed[i] = self->tcp[i].http == NULL;
    }
    (void)open_tcp(self, &why);
    for (size_t i = 0; i < self->tcp_count; i++) {
        if (closed[i] && self->tcp[i].http != NULL) {
            LOCUM_LOG(LOCUM_LOG_INFO, "listening", "for", name_of(&self->tcp[i]), "address",
                      locum_address_text(&self->tcp[i].address).text);
        }
    }
}

static void
add_tcp(struct locum_control *self, enum locum_route_listener kind,
        const struct locum_address *address)
{
    self->tcp[self->tcp_count++] =
        (struct control_listener){.control = self, .kind = kind, .address = *address};
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
    *self = (struct locum_control){.base = base,
                                   .handlers = *handlers,
                                   .user = user,
                                   .local = {.control = self, .kind = LOCUM_ROUTE_CONTROL}};
    if (config->listen_http.port != 0) {
        add_tcp(self, LOCUM_ROUTE_READ_ONLY, &config->listen_http);
    }
    for (size_t i = 0; i < config->listen_status_count; i++) {
        add_tcp(self, LOCUM_ROUTE_STATUS, &config->listen_status[i]);
    }
    if (config->acme.listen.port != 0) {
        add_tcp(self, LOCUM_ROUTE_ACME, &config->acme.listen);
    }
    locum_timer_init(&self->wake, base, on_wake, self);
    locum_timer_init(&self->retry, base, on_retry, self);
    const int fd = locum_listen_unix(config->listen_control, &self->file, ret_why);
    if (fd >= 0) {
        memcpy(self->path, config->listen_control, sizeof(self->path));
        if (serve_listener(base, &self->local, fd) == 0 && open_tcp(self, ret_why) == 0) {
            *ret = self;
            return 0;
        }
    }
    locum_control_destroy(self);
    return fd < 0 ? fd : LOCUM_ERR_MEMORY;
}

void
locum_control_destroy(struct locum_control *self)
{
    if (self == NULL) {
        return;
    }
    locum_http_destroy(self->local.http);
    for (size_t i = 0; i < self->tcp_count; i++) {
        locum_http_destroy(self->tcp[i].http);
    }
    if (self->path[0] != '\0') {
        locum_listen_unlink(self->path, &self->file);
    }
    locum_timer_fini(&self->wake);
    locum_timer_fini(&self->retry);
    free(self);
}

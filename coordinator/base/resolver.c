#include "base/resolver.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/dns.h>

#include "base/backoff.h"
#include "base/file.h"
#include "base/foreign.h"
#include "base/log.h"
#include "base/text_format.h"
#include "base/timer.h"

enum { ROUND_WAIT_MS = 50, ADDED = -1 };

/* Also without a file libevent has a default: localhost, and a name server on this host. */
static const char absent_path[] = "/dev/null/absent";

static const char no_such_name[] = "no such name";

static const struct locum_resolver_settings defaults = {"/etc/resolv.conf", 1000, 2000};

struct name {
    struct locum_resolver *resolver;
    char text[LOCUM_HOST_MAX + 1];
    struct locum_address addresses[LOCUM_RESOLVER_ADDRESSES_MAX];
    size_t count;
    const char *why;          /* the last lookup failed, static; "": it worked, or none has ended */
    struct locum_timer timer; /* the next lookup */
    locum_ms next;            /* mono time of it */
    struct locum_backoff backoff;
    locum_ms listed; /* mono: when a Sentinel last listed it; ADDED: by locum_resolver_add() */
    bool busy;       /* a lookup is under way */
    bool wanted;     /* since the last trim */
    bool gone;       /* removed: free it when its lookup has ended */
};

struct locum_resolver {
    struct event_base *base;
    struct locum_resolver_settings settings;
    locum_resolver_changed_fn *changed;
    void *user;
    struct evdns_base *servers; /* NULL: not needed yet */
    locum_ms servers_read;      /* mono */
    struct name *names[LOCUM_RESOLVER_NAMES_MAX];
    size_t count;
    size_t lookups; /* under way, also those of removed names */
    bool gone;      /* destroyed: free it when the last of them has ended */
};

static void
arm(struct name *self, locum_ms wait)
{
    self->next = locum_clock_read().mono + wait;
    locum_timer_arm(&self->timer, wait);
}

/* libevent logs every change of a single name server, which is of no use to an operator. */
static void
ignore(int is_warning, const char *message)
{
    (void)is_warning, (void)message;
}

/* What libevent is to read. An absent file is its affair; never the writer of a FIFO. */
typedef int read_file_fn(struct evdns_base *servers, const char *path);

static int
read_hosts(struct evdns_base *servers, const char *path)
{
    return evdns_base_load_hosts(servers, path);
}

static int
read_resolv_conf(struct evdns_base *servers, const char *path)
{
    return evdns_base_resolv_conf_parse(servers, DNS_OPTION_SEARCH | DNS_OPTION_NAMESERVERS, path);
}

static void
read_file(struct evdns_base *servers, const char *path, read_file_fn *read)
{
    char unused[1];
    char via[LOCUM_FILE_VIA_MAX];
    struct locum_text ignored = locum_text_init(unused, sizeof(unused));
    const int fd = locum_file_open(path, via, &ignored);
    (void)read(servers, fd >= 0 ? via : absent_path);
    if (fd >= 0) {
        (void)close(fd);
    }
}

/* The name servers and /etc/hosts as they are now. */
static struct evdns_base *
read_servers(const struct locum_resolver *self)
{
    char timeout_s[24];
    struct evdns_base *servers = evdns_base_new(self->base, EVDNS_BASE_DISABLE_WHEN_INACTIVE);
    if (servers == NULL) {
        return NULL;
    }
    evdns_set_log_fn(ignore);
    read_file(servers, "/etc/hosts", read_hosts);
    read_file(servers, self->settings.resolv_conf, read_resolv_conf);
    if (evdns_base_count_nameservers(servers) <= 0) {
        (void)evdns_base_nameserver_ip_add(servers, "127.0.0.1");
    }
    /* The deadline of every lookup, because lookups are never cancelled. */
    (void)locum_text_format_buffer(timeout_s, sizeof(timeout_s), "%.3f",
                                   (double)self->settings.attempt_ms / 1000);
    (void)evdns_base_set_option(servers, "timeout:", timeout_s);
    (void)evdns_base_set_option(servers, "attempts:", "3");
    (void)evdns_base_set_option(servers, "getaddrinfo-allow-skew:", "1");
    return servers;
}

/*
 * The name servers as they were read last, or read again if that is too old. NULL: no memory, or,
 * with *ret_wait, the old ones still have lookups under way. They get no new lookup, so that the
 * round ends however many names there are.
 */
static struct evdns_base *
servers_of(struct locum_resolver *self, bool *ret_wait)
{
    const locum_ms now = locum_clock_read().mono;
    const bool stale = self->servers != NULL && now - self->servers_read >= self->settings.files_ms;
    *ret_wait = stale && self->lookups > 0;
    if (*ret_wait) {
        return NULL;
    }
    if (stale) {
        evdns_base_free(self->servers, 0);
        self->servers = NULL;
    }
    if (self->servers == NULL) {
        self->servers = read_servers(self);
        self->servers_read = now;
    }
    return self->servers;
}

/* Collect the addresses of an answer, each once. */
static size_t
collect(const struct evutil_addrinfo *answer, struct locum_address *ret)
{
    size_t count = 0;
    for (; answer != NULL && count < LOCUM_RESOLVER_ADDRESSES_MAX; answer = answer->ai_next) {
        struct locum_address address;
        if (locum_address_from_sockaddr(answer->ai_addr, &address) == 0) {
            address.port = 0;
            if (!locum_address_is_in(&address, ret, count)) {
                ret[count++] = address;
            }
        }
    }
    return count;
}

/* A name server answered. The same addresses in another order are no change. */
static void
accept_answer(struct name *self, const struct locum_address *addresses, size_t count)
{
    bool same = count == self->count;
    for (size_t i = 0; i < count; i++) {
        same = same && locum_address_is_in(&addresses[i], self->addresses, self->count);
    }
    locum_backoff_reset(&self->backoff);
    self->why = "";
    arm(self, LOCUM_RESOLVER_FRESH_MS);
    if (!same) {
        memcpy(self->addresses, addresses, count * sizeof(*addresses));
        self->count = count;
        self->resolver->changed(self->resolver->user);
    }
}

static void
fail(struct name *self, const char *why)
{
    arm(self, locum_backoff_next(&self->backoff, arc4random()));
    if (self->why != why) {
        char shown[LOCUM_HOST_MAX + 1]; /* a Sentinel may have named it */
        struct locum_text name = locum_text_init(shown, sizeof(shown));
        locum_foreign_add(&name, locum_slice_of(self->text), LOCUM_HOST_MAX);
        self->why = why;
        LOCUM_LOG(LOCUM_LOG_WARN, "resolve", "name", shown, "error", self->why);
        self->resolver->changed(self->resolver->user);
    }
}

static void
destroy(struct name *self)
{
    locum_timer_fini(&self->timer);
    free(self);
}

static void
on_answer(int error, struct evutil_addrinfo *answer, void *user)
{
    struct name *self = user;
    struct locum_resolver *resolver = self->resolver;
    struct locum_address addresses[LOCUM_RESOLVER_ADDRESSES_MAX];
    const size_t count = error == 0 ? collect(answer, addresses) : 0;
    if (answer != NULL) {
        evutil_freeaddrinfo(answer);
    }
    self->busy = false;
    resolver->lookups--;
    if (self->gone) {
        destroy(self);
        if (resolver->gone && resolver->lookups == 0) {
            free(resolver);
        }
    } else if (count > 0) {
        accept_answer(self, addresses, count);
    } else if (error == EVUTIL_EAI_NONAME || error == EVUTIL_EAI_NODATA || error == 0) {
        fail(self, no_such_name);
    } else {
        fail(self, "no name server answers; check /etc/resolv.conf");
    }
}

static void
look_up(void *user)
{
    struct name *self = user;
    const struct evutil_addrinfo hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_protocol = IPPROTO_TCP};
    bool wait;
    struct evdns_base *servers = servers_of(self->resolver, &wait);
    if (wait) {
        arm(self, ROUND_WAIT_MS);
        return;
    }
    if (servers == NULL) {
        fail(self, "out of memory");
        return;
    }
    self->busy = true;
    self->resolver->lookups++;
    (void)evdns_getaddrinfo(servers, self->text, NULL, &hints, on_answer, self);
}

struct locum_resolver *
locum_resolver_create(struct event_base *base, const struct locum_resolver_settings *settings,
                      locum_resolver_changed_fn *changed, void *user)
{
    struct locum_resolver *self = calloc(1, sizeof(*self));
    if (self != NULL) {
        self->base = base;
        self->settings = settings != NULL ? *settings : defaults;
        self->changed = changed;
        self->user = user;
    }
    return self;
}

static struct name *
find(const struct locum_resolver *self, const char *name)
{
    for (size_t i = 0; i < self->count; i++) {
        if (strcasecmp(self->names[i]->text, name) == 0) {
            return self->names[i];
        }
    }
    return NULL;
}

/* NULL: no room. */
static struct name *
find_or_add(struct locum_resolver *self, const char *text)
{
    struct name *name = find(self, text);
    if (name == NULL && self->count < LOCUM_RESOLVER_NAMES_MAX) {
        name = calloc(1, sizeof(*name));
        if (name == NULL) {
            return NULL;
        }
        (void)locum_text_format_buffer(name->text, sizeof(name->text), "%s", text);
        locum_timer_init(&name->timer, self->base, look_up, name);
        name->resolver = self;
        name->why = "";
        name->backoff.first_ms = LOCUM_RESOLVER_RETRY_FIRST_MS;
        name->backoff.max_ms = LOCUM_RESOLVER_RETRY_MAX_MS;
        name->listed = locum_clock_read().mono;
        self->names[self->count++] = name;
        arm(name, 0);
    }
    if (name != NULL) {
        name->wanted = true;
    }
    return name;
}

void
locum_resolver_add(struct locum_resolver *self, const char *text)
{
    struct name *name = find_or_add(self, text);
    if (name != NULL) {
        name->listed = ADDED;
    }
}

void
locum_resolver_learn(struct locum_resolver *self, const struct locum_resolver *from)
{
    for (size_t i = 0; i < self->count; i++) {
        struct name *name = self->names[i];
        const struct name *known = find(from, name->text);
        if (known != NULL && name->count == 0) {
            memcpy(name->addresses, known->addresses, sizeof(name->addresses));
            name->count = known->count;
        }
    }
}

static void
forget(struct name *name)
{
    if (name->busy) {
        name->gone = true; /* its lookup still has to end */
    } else {
        destroy(name);
    }
}

/* Is there room for one more that is listed? */
static bool
make_room(struct locum_resolver *self, locum_ms forget_ms)
{
    size_t listed = 0;
    size_t oldest = self->count;
    for (size_t i = 0; i < self->count; i++) {
        const locum_ms at = self->names[i]->listed;
        listed += at != ADDED;
        if (at != ADDED && (oldest == self->count || at < self->names[oldest]->listed)) {
            oldest = i;
        }
    }
    if (listed < LOCUM_RESOLVER_LISTED_MAX) {
        return true;
    }
    if (locum_clock_read().mono - self->names[oldest]->listed < forget_ms) {
        return false;
    }
    forget(self->names[oldest]);
    self->names[oldest] = self->names[--self->count];
    return true;
}

void
locum_resolver_list(struct locum_resolver *self, const char *text, locum_ms forget_ms)
{
    struct name *name = find(self, text);
    if (name == NULL && make_room(self, forget_ms)) {
        name = find_or_add(self, text);
    }
    if (name != NULL) {
        name->wanted = true;
        name->listed = name->listed != ADDED ? locum_clock_read().mono : ADDED;
    }
}

void
locum_resolver_trim(struct locum_resolver *self)
{
    size_t kept = 0;
    for (size_t i = 0; i < self->count; i++) {
        struct name *name = self->names[i];
        if (name->wanted) {
            name->wanted = false;
            self->names[kept++] = name;
        } else {
            forget(name);
        }
    }
    self->count = kept;
}

void
locum_resolver_refresh(struct locum_resolver *self, const char *text)
{
    struct name *name = find(self, text);
    const locum_ms soon = locum_clock_read().mono + LOCUM_RESOLVER_RETRY_FIRST_MS;
    /* A failed lookup is repeated soon anyway. */
    if (name != NULL && !name->busy && name->why[0] == '\0' && name->next > soon) {
        arm(name, LOCUM_RESOLVER_RETRY_FIRST_MS);
    }
}

size_t
locum_resolver_addresses(const struct locum_resolver *self, const char *text,
                         const struct locum_address **ret, const char **ret_why)
{
    const struct name *name = find(self, text);
    *ret_why = name != NULL && name->count == 0 ? name->why : "";
    *ret = name != NULL ? name->addresses : NULL;
    return name != NULL ? name->count : 0;
}

bool
locum_resolver_is_absent(const struct locum_resolver *self, const char *text)
{
    const struct name *name = find(self, text);
    return name != NULL && name->why == no_such_name;
}

void
locum_resolver_destroy(struct locum_resolver *self)
{
    if (self == NULL) {
        return;
    }
    locum_resolver_trim(self);
    locum_resolver_trim(self);
    if (self->servers != NULL) {
        evdns_base_free(self->servers, 1); /* lookups end in the next iteration of the loop */
    }
    self->gone = true;
    if (self->lookups == 0) {
        free(self);
    }
}

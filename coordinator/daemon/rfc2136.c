#include "daemon/rfc2136.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include <event2/event.h>

#include "base/error.h"
#include "base/text_format.h"
#include "config/acme.h"
#include "daemon/acme.h"
#include "daemon/inside.h"
#include "daemon/loop.h"
#include "dns/update.h"
#include "dns/updates.h"

enum {
    TAKE_MAX = 2,             /* messages in one iteration of the loop */
    CLOCKS_MARGIN_MS = 10000, /* the clocks of two nodes differ by less, or events tell */
    /* While its time is accepted, at any clock. */
    REMEMBER_MS = 2 * LOCUM_TSIG_FUDGE_S * 1000 + CLOCKS_MARGIN_MS,
};

_Static_assert((int)LOCUM_UPDATE_VALUES_MAX == (int)LOCUM_CHALLENGE_VALUES_MAX,
               "all values of a name");

/* A message that is done, and whose answer waits for other nodes. */
struct answered_later {
    LIST_ENTRY(answered_later) entry;
    struct locum_rfc2136 *of;
    struct locum_dns_pending *pending;
    struct locum_acme_wait *wait;
    struct answered_later *repeats; /* NULL: it is not the same message once more */
    size_t zone_end;
    bool edns;
};

struct locum_rfc2136 {
    struct locum_daemon *daemon;
    struct event *readable;
    LIST_HEAD(, answered_later) waiting;
    struct locum_update update; /* too large for the stack */
};

/* The key's name, without its last dot. */
static void
add_key(struct locum_text *text, const struct locum_tsig_key *key)
{
    for (size_t at = 0; key->name[at] != 0; at += 1u + key->name[at]) {
        locum_text_add(text, at > 0 ? "." : "");
        locum_text_add_escaped(text, (const char *)key->name + at + 1, key->name[at]);
    }
}

static void
answer(struct locum_rfc2136 *self, struct locum_dns_pending *pending, enum locum_dns_rcode rcode,
       size_t zone_end, bool edns)
{
    uint8_t message[LOCUM_DNS_PLAIN_BYTES_MAX];
    const uint64_t now_s = (uint64_t)locum_clock_read().wall / 1000;
    const size_t length = locum_dns_updates_compose(pending->packet, &pending->is, rcode, zone_end,
                                                    edns, now_s, message);
    locum_dns_answer_update(self->daemon->dns, pending, message, length);
}

/* Answer it, and those that repeat it. */
static void
finish(struct answered_later *first)
{
    struct locum_rfc2136 *self = first->of;
    struct answered_later *next = LIST_FIRST(&self->waiting);
    while (next != NULL) {
        struct answered_later *waiting = next;
        next = LIST_NEXT(waiting, entry);
        if (waiting == first || waiting->repeats == first) {
            answer(self, waiting->pending, LOCUM_RCODE_NOERROR, waiting->zone_end, waiting->edns);
            LIST_REMOVE(waiting, entry);
            free(waiting);
        }
    }
}

/* Other nodes that have not acknowledged are in an event. */
static void
on_done(void *user, const struct locum_acme_outcome *outcome)
{
    (void)outcome;
    finish(user);
}

static bool
is_zone(void *user, const char *zone)
{
    const struct locum_daemon *daemon = user;
    size_t i = 0;
    while (i < daemon->config->zone_count && strcmp(daemon->config->zones[i].name, zone) != 0) {
        i++;
    }
    return i < daemon->config->zone_count;
}

/* The challenge that has exactly this owner. */
static bool
find(const struct locum_daemon *daemon, const char *owner, struct locum_acme_name *ret,
     struct locum_text *why)
{
    if (!locum_slice_starts(locum_slice_of(owner), LOCUM_ACME_CHALLENGE_LABEL ".")) {
        locum_text_add(why, "only TXT records of names " LOCUM_ACME_CHALLENGE_LABEL
                            ".NAME may be changed");
        return false;
    }
    return locum_acme_find(daemon, owner, ret, why) == 0 && strcmp(ret->owner, owner) == 0;
}

static bool
values_at(void *user, const char *owner, size_t *ret_count,
          const char *ret[LOCUM_UPDATE_VALUES_MAX])
{
    struct locum_acme_name name;
    char buffer[512];
    struct locum_text why = locum_text_init(buffer, sizeof(buffer));
    if (!find(user, owner, &name, &why)) {
        return false;
    }
    *ret_count = locum_acme_values(user, &name, ret);
    return true;
}

/* Do one operation. 0, or an error of acme.h. */
static int
operate(struct locum_daemon *daemon, const struct locum_update_record *record, const char *client)
{
    struct locum_acme_name name;
    char buffer[512], value[LOCUM_CHALLENGE_CHARS_MAX + 1];
    struct locum_text why = locum_text_init(buffer, sizeof(buffer));
    int status = 0;
    if (!find(daemon, record->owner, &name, &why)) {
        return LOCUM_ERR_NOT_FOUND; /* it was judged: not in the same iteration */
    }
    if (record->value.at != NULL && locum_slice_copy(record->value, value, sizeof(value)) != 0) {
        return LOCUM_ERR_INVALID;
    }
    switch (record->kind) {
    case LOCUM_UPDATE_ADD:
        status = locum_acme_set(daemon, &name, value, LOCUM_RFC2136_FOR_MS, client);
        break;
    case LOCUM_UPDATE_DELETE_VALUE:
        status = record->value.at == NULL ? 0 : locum_acme_unset(daemon, &name, value, client);
        break;
    default: status = locum_acme_unset_own(daemon, &name, client, NULL, 0); break;
    }
    return status < 0 ? status : 0;
}

/* All operations, or none. 0: `waiting` will be answered. */
static int
apply(struct locum_rfc2136 *self, struct answered_later *waiting)
{
    struct locum_daemon *daemon = self->daemon;
    const struct locum_tsig *tsig = &waiting->pending->is.tsig;
    char client[LOCUM_CHALLENGE_CLIENT_MAX + 1];
    struct locum_text text = locum_text_init(client, sizeof(client));
    int status = 0;
    locum_text_add(&text, "key:");
    add_key(&text, tsig->key);
    locum_acme_begin(daemon);
    for (size_t i = 0; i < self->update.operation_count && status == 0; i++) {
        status = operate(daemon, &self->update.operations[i], client);
    }
    if (status == 0) {
        status = locum_acme_note_update(daemon, tsig->mac, REMEMBER_MS);
    }
    if (status != 0) {
        locum_acme_abort(daemon);
        return status;
    }
    return locum_acme_commit(daemon, LOCUM_RFC2136_WAIT_MS, on_done, waiting, &waiting->wait);
}

/* name: absolute; NULL or "": none is known. */
static void
log_refused(const struct locum_dns_pending *pending, const char *name, const char *reason)
{
    char key[4 * LOCUM_TSIG_NAME_MAX], shown[LOCUM_DOMAIN_MAX + 1];
    struct locum_text text = locum_text_init(key, sizeof(key));
    const size_t length = name == NULL || name[0] == '\0' ? 0 : strlen(name) - 1;
    (void)locum_text_format_buffer(shown, sizeof(shown), "%.*s", (int)length, name);
    add_key(&text, pending->is.tsig.key);
    LOCUM_LOG(LOCUM_LOG_WARN, "update-refused", "client",
              locum_address_host_text(&pending->client).text, "key", key, "name",
              length > 0 ? shown : NULL, "reason", reason);
}

/* Why it was refused, for the log; a prerequisite that does not hold is no mistake. */
static void
explain(const struct locum_rfc2136 *self, const struct locum_dns_pending *pending,
        enum locum_dns_rcode rcode)
{
    const struct locum_update *update = &self->update;
    char buffer[512];
    struct locum_text why = locum_text_init(buffer, sizeof(buffer));
    struct locum_acme_name name;
    switch (rcode) {
    case LOCUM_RCODE_FORMERR: log_refused(pending, NULL, "it is malformed (FORMERR)"); return;
    case LOCUM_RCODE_NOTAUTH:
        log_refused(pending, update->zone, "this is no zone of this server (NOTAUTH)");
        return;
    case LOCUM_RCODE_NOTZONE:
        log_refused(pending, update->zone, "it has a name outside of the zone (NOTZONE)");
        return;
    case LOCUM_RCODE_REFUSED: break;
    default: return;
    }
    for (size_t i = 0; i < update->prerequisite_count + update->operation_count; i++) {
        const struct locum_update_record *record =
            i < update->prerequisite_count ? &update->prerequisites[i]
                                           : &update->operations[i - update->prerequisite_count];
        if (!find(self->daemon, record->owner, &name, &why)) {
            log_refused(pending, record->owner, buffer);
            return;
        }
    }
    log_refused(pending, update->operation_count > 0 ? update->operations[0].owner : update->zone,
                "it is not one TXT record with one string of visible characters, or there are too "
                "many records");
}

/* It is done: keep it until it is answered. The rcode, or NOERROR if it waits. */
static enum locum_dns_rcode
take_up(struct locum_rfc2136 *self, struct locum_dns_pending *pending)
{
    struct answered_later *waiting = calloc(1, sizeof(*waiting));
    int status = LOCUM_ERR_MEMORY;
    if (waiting != NULL) {
        *waiting = (struct answered_later){.of = self,
                                           .pending = pending,
                                           .zone_end = self->update.zone_end,
                                           .edns = self->update.edns.present};
        status = apply(self, waiting);
    }
    if (status != 0) {
        free(waiting);
        log_refused(pending, self->update.zone, locum_acme_error_text(status));
        return LOCUM_RCODE_SERVFAIL;
    }
    LIST_INSERT_HEAD(&self->waiting, waiting, entry);
    return LOCUM_RCODE_NOERROR;
}

static void
count(struct locum_report_updates *counts, enum locum_dns_rcode rcode)
{
    switch (rcode) {
    case LOCUM_RCODE_NOERROR: counts->done++; break;
    case LOCUM_RCODE_SERVFAIL: counts->failed++; break;
    case LOCUM_RCODE_NXDOMAIN:
    case LOCUM_RCODE_YXDOMAIN:
    case LOCUM_RCODE_NXRRSET:
    case LOCUM_RCODE_YXRRSET: counts->unmet++; break;
    default: counts->refused++; break;
    }
}

/* The same message, whose answer waits; NULL: none. */
static struct answered_later *
find_waiting(const struct locum_rfc2136 *self, const struct locum_dns_pending *pending)
{
    struct answered_later *waiting;
    LIST_FOREACH(waiting, &self->waiting, entry)
    {
        const struct locum_tsig *tsig = &waiting->pending->is.tsig;
        if (waiting->repeats == NULL && tsig->mac_length == pending->is.tsig.mac_length &&
            memcmp(tsig->mac, pending->is.tsig.mac, tsig->mac_length) == 0) {
            return waiting;
        }
    }
    return NULL;
}

/* The client has sent it again, while its answer waits. By UDP that answer is enough; by TCP this
 * gets the same one. */
static void
attach(struct locum_rfc2136 *self, struct locum_dns_pending *pending, struct answered_later *first)
{
    struct answered_later *waiting = pending->fd < 0 ? calloc(1, sizeof(*waiting)) : NULL;
    if (waiting == NULL && pending->fd >= 0) {
        locum_dns_updates_free(locum_dns_updates(self->daemon->dns), pending);
    } else if (waiting == NULL) {
        answer(self, pending, LOCUM_RCODE_SERVFAIL, first->zone_end, first->edns);
    } else {
        *waiting = *first;
        waiting->pending = pending;
        waiting->wait = NULL;
        waiting->repeats = first;
        LIST_INSERT_HEAD(&self->waiting, waiting, entry);
    }
}

static void
handle(struct locum_rfc2136 *self, struct locum_dns_pending *pending)
{
    const struct locum_update_site site = {
        .is_zone = is_zone, .values = values_at, .user = self->daemon};
    struct locum_update *update = &self->update;
    update->zone[0] = '\0';
    update->edns.present = false;
    if (locum_acme_is_replay(self->daemon, pending->is.tsig.mac)) {
        self->daemon->updates.replayed++;
        log_refused(pending, NULL, "it was done before: someone repeats it (BADTIME)");
        pending->is.tsig.error = LOCUM_TSIG_BADTIME;
        answer(self, pending, LOCUM_RCODE_NOTAUTH, 0, false);
        return;
    }
    enum locum_dns_rcode rcode =
        locum_update_parse(pending->packet, pending->length, pending->is.signed_at, update);
    if (rcode == LOCUM_RCODE_NOERROR) {
        rcode = locum_update_judge(update, &site);
    }
    explain(self, pending, rcode);
    if (rcode == LOCUM_RCODE_NOERROR) {
        rcode = take_up(self, pending);
    }
    count(&self->daemon->updates, rcode);
    if (rcode != LOCUM_RCODE_NOERROR) {
        answer(self, pending, rcode, update->zone_end, update->edns.present);
    }
}

static void
on_readable(evutil_socket_t fd, short what, void *user)
{
    struct locum_rfc2136 *self = user;
    struct locum_dns_updates *updates = locum_dns_updates(self->daemon->dns);
    struct locum_dns_pending *pending;
    (void)fd, (void)what;
    (void)locum_daemon_loop_now(self->daemon);
    for (size_t i = 0; i < TAKE_MAX && (pending = locum_dns_updates_take(updates)) != NULL; i++) {
        struct answered_later *first = find_waiting(self, pending);
        if (first != NULL) {
            attach(self, pending, first);
        } else {
            handle(self, pending);
        }
    }
}

int
locum_rfc2136_create(struct locum_daemon *daemon, struct locum_rfc2136 **ret)
{
    struct locum_rfc2136 *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        return LOCUM_ERR_MEMORY;
    }
    self->daemon = daemon;
    LIST_INIT(&self->waiting);
    self->readable = event_new(daemon->base, locum_dns_updates_fd(locum_dns_updates(daemon->dns)),
                               EV_READ | EV_PERSIST, on_readable, self);
    if (self->readable == NULL || event_add(self->readable, NULL) != 0) {
        locum_rfc2136_destroy(self);
        return LOCUM_ERR_MEMORY;
    }
    *ret = self;
    return 0;
}

void
locum_rfc2136_finish(struct locum_rfc2136 *self)
{
    while (!LIST_EMPTY(&self->waiting)) {
        struct answered_later *waiting = LIST_FIRST(&self->waiting);
        waiting = waiting->repeats != NULL ? waiting->repeats : waiting;
        locum_acme_cancel(waiting->wait);
        finish(waiting);
    }
}

void
locum_rfc2136_destroy(struct locum_rfc2136 *self)
{
    if (self == NULL) {
        return;
    }
    locum_rfc2136_finish(self);
    if (self->readable != NULL) {
        event_free(self->readable);
    }
    free(self);
}

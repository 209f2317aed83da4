#include "dns/secondaries.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "base/backoff.h"
#include "base/error.h"
#include "base/log.h"
#include "base/socket.h"
#include "base/text_format.h"
#include "base/timer.h"
#include "dns/zone.h"

enum {
    QR = 0x80,
    OPCODE = 0x78,
    NOTIFY_AND_AA = 0x24, /* RFC 1996 3.6, 3.7 */
    RCODE = 0x0f,
    FIRST_MS = 1000,
    LONGEST_MS = 60000,
    READS_MAX = 8,   /* datagrams of one iteration */
    ANSWER_MS = 400, /* before another message may take the socket: less than the first retry */
    FULL_MS = 20,    /* until one that found no free socket tries again */
};

/* One secondary of one zone. */
struct notified {
    struct locum_secondaries *owner;
    char zone[LOCUM_DOMAIN_MAX + 1];
    struct locum_address address, source; /* source: port 0; a family without one: not `bound` */
    bool bound;
    bool keyed; /* messages are signed with: */
    struct locum_tsig_key key;
    uint8_t message[LOCUM_SECONDARIES_MESSAGE_MAX]; /* without identifier and signature */
    size_t message_length;
    uint32_t serial;
    bool waiting;       /* the serial is not confirmed, and will be sent again */
    unsigned tries;     /* of this serial */
    bool failed;        /* the last serial was given up */
    bool heard;         /* it has confirmed one */
    locum_ms sent_mono; /* LOCUM_NEVER: not yet */
    const char *reason; /* why the last try was not confirmed */
    struct locum_timer due;
    struct locum_backoff backoff;
    struct event ready; /* of fd */
    int fd;             /* -1: none */
    uint16_t id;
    struct locum_tsig exchange;
};

struct locum_secondaries {
    struct event_base *base;
    struct notified **targets;
    size_t count;
    size_t open; /* sockets, at most LOCUM_SECONDARIES_SOCKETS_MAX */
    struct locum_secondaries_counts counts;
};

bool
locum_secondaries_read(const struct locum_tsig *exchange, uint16_t id, const uint8_t *packet,
                       size_t length, uint64_t now_s, const char **ret_reason)
{
    static const char *const reasons[] = {
        [LOCUM_RCODE_NOERROR] = NULL,
        [LOCUM_RCODE_FORMERR] = "it answered FORMERR",
        [LOCUM_RCODE_SERVFAIL] = "it answered SERVFAIL",
        [LOCUM_RCODE_NXDOMAIN] = "it answered NXDOMAIN",
        [LOCUM_RCODE_NOTIMP] = "it answered NOTIMP: it does not know NOTIFY",
        [LOCUM_RCODE_REFUSED] = "it answered REFUSED: let it accept NOTIFY from this address",
        [LOCUM_RCODE_NOTAUTH] = "it answered NOTAUTH: make it a secondary of the zone, with the "
                                "same key",
    };
    struct locum_tsig answered = *exchange;
    *ret_reason = NULL;
    if (length < LOCUM_DNS_HEADER_BYTES || locum_packet_u16(packet) != id ||
        (packet[2] & QR) == 0 || (packet[2] & OPCODE) != (NOTIFY_AND_AA & OPCODE)) {
        return false;
    }
    const size_t rcode = packet[3] & RCODE;
    const char *reason = "it answered with an error";
    reason = rcode < LOCUM_COUNT(reasons) && (rcode == 0 || reasons[rcode] != NULL) ? reasons[rcode]
                                                                                    : reason;
    if (exchange->key != NULL && locum_tsig_check(&answered, packet, length, now_s, NULL) != 0) {
        *ret_reason = reason != NULL ? reason : "its answer is not signed with the key";
        return false;
    }
    *ret_reason = reason;
    return true;
}

static void
close_socket(struct notified *target)
{
    if (target->fd >= 0) {
        (void)event_del(&target->ready);
        close(target->fd);
        target->fd = -1;
        target->owner->open--;
    }
}

/* Room for one more socket, if need be that of the one whose answer is overdue longest. It is sent
 * again as it would have been. */
static bool
make_room(struct locum_secondaries *self)
{
    struct notified *oldest = NULL;
    if (self->open < LOCUM_SECONDARIES_SOCKETS_MAX) {
        return true;
    }
    for (size_t i = 0; i < self->count; i++) {
        struct notified *target = self->targets[i];
        if (target->fd >= 0 && (oldest == NULL || target->sent_mono < oldest->sent_mono)) {
            oldest = target;
        }
    }
    if (oldest == NULL || locum_clock_read().mono - oldest->sent_mono < ANSWER_MS) {
        return false;
    }
    close_socket(oldest);
    return true;
}

static void
destroy_target(struct notified *target)
{
    close_socket(target);
    locum_timer_fini(&target->due);
    explicit_bzero(&target->key, sizeof(target->key));
    free(target);
}

static void
log_state(const struct notified *target, enum locum_level level, const char *state,
          const char *reason)
{
    char serial[16];
    (void)locum_text_format_buffer(serial, sizeof(serial), "%u", target->serial);
    LOCUM_LOG(level, "secondary", "zone", target->zone, "address",
              locum_address_text(&target->address).text, "state", state, "serial", serial, "reason",
              reason);
}

static void
confirm(struct notified *target)
{
    target->owner->counts.acknowledged++;
    if (target->failed || !target->heard) {
        log_state(target, LOCUM_LOG_INFO, "acknowledged", NULL);
    }
    target->heard = true;
    target->failed = false;
    target->waiting = false;
    locum_timer_disarm(&target->due);
    close_socket(target);
}

static void
give_up(struct notified *target)
{
    target->owner->counts.unanswered++;
    if (!target->failed) {
        log_state(target, LOCUM_LOG_WARN, "unanswered", target->reason);
    }
    target->failed = true;
    target->waiting = false;
    close_socket(target);
}

static void
on_ready(evutil_socket_t fd, short what, void *user)
{
    struct notified *target = user;
    uint8_t packet[4096];
    (void)what;
    for (int i = 0; i < READS_MAX; i++) {
        const ssize_t length = recv(fd, packet, sizeof(packet), MSG_DONTWAIT);
        const char *reason;
        if (length < 0) {
            if (errno == ECONNREFUSED) {
                target->reason = "connection refused: no name server listens there";
            }
            return;
        }
        const bool read =
            locum_secondaries_read(&target->exchange, target->id, packet, (size_t)length,
                                   (uint64_t)locum_clock_read().wall / 1000, &reason);
        if (read && reason == NULL) {
            confirm(target);
            return;
        }
        target->reason = reason != NULL ? reason : target->reason;
    }
}

/* A socket to the secondary, from the own address if that works. */
static int
open_socket(const struct notified *target)
{
    struct sockaddr_storage to;
    const socklen_t length = locum_address_to_sockaddr(&target->address, &to);
    const int type = SOCK_DGRAM | SOCK_NONBLOCK;
    const int fd = target->bound ? locum_socket_bind(&target->source, type, false) : -1;
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&to, length) == 0) {
        return fd;
    }
    if (fd >= 0) {
        close(fd);
    }
    return locum_socket_connect(&target->address, type);
}

/* Send the message with a new identifier from a new port. */
static void
send_message(struct notified *target)
{
    uint8_t message[LOCUM_SECONDARIES_MESSAGE_MAX];
    size_t length = target->message_length;
    close_socket(target);
    target->reason = "no answer";
    target->sent_mono = locum_clock_read().mono;
    if (getrandom(&target->id, sizeof(target->id), 0) != (ssize_t)sizeof(target->id)) {
        return;
    }
    memcpy(message, target->message, length);
    locum_packet_put_u16(message, target->id);
    target->exchange = (struct locum_tsig){0};
    if (target->keyed) {
        locum_tsig_begin(&target->exchange, &target->key);
        length = locum_tsig_sign(&target->exchange, message, length,
                                 (uint64_t)locum_clock_read().wall / 1000);
    }
    target->fd = open_socket(target);
    if (target->fd < 0) {
        target->reason = strerror(errno);
        return;
    }
    target->owner->open++;
    event_assign(&target->ready, target->owner->base, target->fd, EV_READ | EV_PERSIST, on_ready,
                 target);
    if (event_add(&target->ready, NULL) != 0 || send(target->fd, message, length, 0) < 0) {
        target->reason = strerror(errno);
        return;
    }
    target->owner->counts.sent++;
}

static void
on_due(void *user)
{
    struct notified *target = user;
    uint32_t random = 0;
    if (target->tries == LOCUM_SECONDARIES_TRIES) {
        give_up(target);
        return;
    }
    if (target->fd < 0 && !make_room(target->owner)) {
        locum_timer_arm(&target->due, FULL_MS);
        return;
    }
    target->tries++;
    send_message(target);
    (void)!getrandom(&random, sizeof(random), 0);
    locum_timer_arm(&target->due, locum_backoff_next(&target->backoff, random));
}

static uint8_t *
put_u32(uint8_t *to, uint32_t value)
{
    locum_packet_put_u32(to, value);
    return to + 4;
}

/* Append a name; NULL: out of memory. */
static uint8_t *
put_name(uint8_t *to, const char *text)
{
    ldns_rdf *name = to == NULL ? NULL : locum_zone_dname(text);
    if (name == NULL) {
        return NULL;
    }
    memcpy(to, ldns_rdf_data(name), ldns_rdf_size(name));
    to += ldns_rdf_size(name);
    ldns_rdf_deep_free(name);
    return to;
}

/* RFC 1996 3.7: the SOA record as a hint of the new serial. */
static bool
make_message(struct notified *target, const struct locum_config_zone *zone, uint32_t serial)
{
    static const uint8_t header[LOCUM_DNS_HEADER_BYTES] = {0, 0, NOTIFY_AND_AA, 0, 0, 1, 0, 1};
    static const uint8_t type_and_class[] = {0, LOCUM_TYPE_SOA, 0, LOCUM_CLASS_IN};
    static const uint8_t pointer[] = {0xc0, LOCUM_DNS_HEADER_BYTES};
    uint8_t *at = target->message;
    memcpy(at, header, sizeof(header));
    at = put_name(at + sizeof(header), zone->name);
    if (at == NULL) {
        return false;
    }
    memcpy(at, type_and_class, sizeof(type_and_class));
    memcpy(at + 4, pointer, sizeof(pointer));
    memcpy(at + 6, type_and_class, sizeof(type_and_class));
    uint8_t *data = put_u32(at + 10, zone->ttl_s) + 2;
    at = put_name(put_name(data, zone->soa.mname), zone->soa.rname);
    if (at == NULL) {
        return false;
    }
    at = put_u32(at, serial);
    at = put_u32(at, zone->soa.refresh_s);
    at = put_u32(at, zone->soa.retry_s);
    at = put_u32(at, zone->soa.expire_s);
    at = put_u32(at, zone->soa.minimum_s);
    locum_packet_put_u16(data - 2, (uint16_t)(at - data));
    target->message_length = (size_t)(at - target->message);
    return true;
}

/* The key for NOTIFY. False: out of memory. */
static bool
set_key(struct notified *target, const struct locum_config *config,
        const struct locum_config_transfer *transfer)
{
    uint8_t name[LOCUM_DNS_NAME_MAX];
    target->keyed = transfer->keys != 0;
    if (!target->keyed) {
        return true;
    }
    const struct locum_config_tsig_key *key = &config->tsig_keys[transfer->first_key];
    const uint8_t *end = put_name(name, key->name);
    if (end == NULL) {
        return false;
    }
    target->key.name_length = (size_t)(end - name);
    memcpy(target->key.name, name, target->key.name_length);
    locum_hmac_key_init(&target->key.hmac, key->hash, key->secret, key->secret_length);
    return true;
}

/* The address of listen.dns that a NOTIFY comes from: on the same side of loopback. */
static void
set_source(struct notified *target, const struct locum_config *config)
{
    target->bound = false;
    for (size_t i = 0; i < config->listen_dns_count && !target->bound; i++) {
        const struct locum_address *own = &config->listen_dns[i];
        target->bound =
            own->family == target->address.family &&
            locum_address_is_loopback(own) == locum_address_is_loopback(&target->address);
        target->source = *own;
        target->source.port = 0;
    }
}

static struct notified *
find_target(const struct locum_secondaries *self, const char *zone,
            const struct locum_address *address)
{
    for (size_t i = 0; i < self->count; i++) {
        struct notified *target = self->targets[i];
        if (strcmp(target->zone, zone) == 0 && locum_address_equal(&target->address, address)) {
            return target;
        }
    }
    return NULL;
}

static struct notified *
create_target(struct locum_secondaries *self, const char *zone, const struct locum_address *address)
{
    struct notified *target = calloc(1, sizeof(*target));
    struct notified **targets =
        realloc(self->targets, (self->count + 1) * sizeof(struct notified *));
    if (targets != NULL) {
        self->targets = targets;
    }
    if (target == NULL || targets == NULL) {
        free(target);
        return NULL;
    }
    target->owner = self;
    target->address = *address;
    target->fd = -1;
    target->sent_mono = LOCUM_NEVER;
    memcpy(target->zone, zone, strlen(zone) + 1);
    locum_timer_init(&target->due, self->base, on_due, target);
    targets[self->count++] = target;
    return target;
}

/* A new serial for one secondary. Without memory the next one comes through. */
static void
begin(struct locum_secondaries *self, const struct locum_config *config, size_t zone,
      const struct locum_address *address, uint32_t serial)
{
    const struct locum_config_zone *from = &config->zones[zone];
    struct notified *target = find_target(self, from->name, address);
    if (target == NULL) {
        target = create_target(self, from->name, address);
    }
    if (target == NULL) {
        return;
    }
    target->serial = serial; /* also the mark of a secondary that the configuration has */
    close_socket(target);    /* an answer to the serial before says nothing of this one */
    locum_timer_disarm(&target->due);
    set_source(target, config);
    if (!set_key(target, config, &from->transfer) || !make_message(target, from, serial) ||
        (from->transfer.key_file[0] != '\0' && !target->keyed)) {
        return; /* an unsigned message of a zone that has keys would be refused */
    }
    target->waiting = true;
    target->tries = 0;
    target->backoff = (struct locum_backoff){.first_ms = FIRST_MS, .max_ms = LONGEST_MS};
    const locum_ms since = target->sent_mono == LOCUM_NEVER
                               ? LOCUM_SECONDARIES_SPACING_MS
                               : locum_clock_read().mono - target->sent_mono;
    locum_timer_arm(&target->due, since >= LOCUM_SECONDARIES_SPACING_MS
                                      ? 0
                                      : LOCUM_SECONDARIES_SPACING_MS - since);
}

void
locum_secondaries_publish(struct locum_secondaries *self, const struct locum_config *config,
                          uint32_t serial)
{
    for (size_t zone = 0; zone < config->zone_count && config->listen_dns_count > 0; zone++) {
        const struct locum_config_transfer *transfer = &config->zones[zone].transfer;
        for (size_t i = 0; i < transfer->notify_count; i++) {
            begin(self, config, zone, &transfer->notify[i], serial);
        }
    }
    for (size_t i = self->count; i-- > 0;) {
        if (self->targets[i]->serial != serial) { /* it has left the configuration */
            destroy_target(self->targets[i]);
            self->targets[i] = self->targets[--self->count];
        }
    }
}

int
locum_secondaries_create(struct event_base *base, struct locum_secondaries **ret)
{
    struct locum_secondaries *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        return LOCUM_ERR_MEMORY;
    }
    self->base = base;
    *ret = self;
    return 0;
}

void
locum_secondaries_destroy(struct locum_secondaries *self)
{
    if (self == NULL) {
        return;
    }
    for (size_t i = 0; i < self->count; i++) {
        destroy_target(self->targets[i]);
    }
    free(self->targets);
    free(self);
}

/* Is this the first one at its address whose serial was given up? It may have many zones. */
static bool
is_first_failed(const struct locum_secondaries *self, size_t at)
{
    size_t i = 0;
    while (!self->targets[i]->failed ||
           !locum_address_equal(&self->targets[i]->address, &self->targets[at]->address)) {
        i++;
    }
    return i == at;
}

static void
add_failed(const struct locum_secondaries *self, struct locum_text *text)
{
    size_t count = 0;
    for (size_t i = 0; i < self->count && count <= LOCUM_SECONDARIES_SHOWN_MAX; i++) {
        if (!self->targets[i]->failed || !is_first_failed(self, i)) {
            continue;
        }
        if (count == LOCUM_SECONDARIES_SHOWN_MAX) {
            locum_text_add(text, " and others");
        } else {
            locum_text_add(text, count > 0 ? ", " : "");
            locum_text_add(text, locum_address_text(&self->targets[i]->address).text);
        }
        count++;
    }
}

void
locum_secondaries_counts(const struct locum_secondaries *self, struct locum_secondaries_counts *ret)
{
    *ret = self->counts;
    for (size_t i = 0; i < self->count; i++) {
        const struct notified *target = self->targets[i];
        ret->silent += target->waiting || target->failed;
    }
    struct locum_text text = locum_text_init(ret->failed, sizeof(ret->failed));
    add_failed(self, &text);
}

#include "dns/primary.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/error.h"
#include "base/log.h"
#include "base/text_format.h"
#include "base/timer.h"
#include "dns/sending.h"
#include "dns/signer.h"
#include "dns/zone.h"

enum {
    NOTES_MAX = 32, /* read in one iteration of the loop */
};

/* The newest content of a zone that was asked for. */
struct kept {
    char zone[LOCUM_DOMAIN_MAX + 1];
    struct locum_axfr_content *content; /* a reference; NULL: none */
};

struct locum_primary {
    struct locum_dns *dns;
    locum_primary_state_fn *state;
    void *user;
    struct event *notes;     /* the pipe is readable */
    struct locum_timer drop; /* the contents have not been used lately */
    struct kept kept[LOCUM_ZONES_MAX];
    struct locum_primary_counts counts;
};

static void
drop_kept(void *user)
{
    struct locum_primary *self = user;
    for (size_t i = 0; i < LOCUM_COUNT(self->kept); i++) {
        locum_axfr_content_release(self->kept[i].content);
        self->kept[i].content = NULL;
    }
}

/* A name of the table as the configuration writes it; its labels hold a-z 0-9 - _. */
static void
name_of(const struct locum_dns_note *note, char ret[LOCUM_DOMAIN_MAX + 1])
{
    size_t length = 0;
    for (size_t at = 0; note->zone[at] != 0; at += 1u + note->zone[at]) {
        memcpy(ret + length, note->zone + at + 1, note->zone[at]);
        length += note->zone[at];
        ret[length++] = '.';
    }
    ret[length] = '\0';
}

static size_t
find_zone(const struct locum_config *config, const char *name)
{
    size_t i = 0;
    while (i < config->zone_count && strcmp(config->zones[i].name, name) != 0) {
        i++;
    }
    return i;
}

/* The content of a zone, with a reference for the caller; NULL: there is none. */
static struct locum_axfr_content *
content_of(struct locum_primary *self, const char *name)
{
    struct locum_primary_state state;
    struct locum_zone zone;
    struct locum_axfr_content *content = NULL;
    if (!self->state(self->user, &state)) {
        return NULL;
    }
    const size_t index = find_zone(state.config, name);
    if (index == state.config->zone_count) {
        return NULL; /* the zone has left the configuration since the request */
    }
    struct kept *kept = &self->kept[index];
    locum_timer_arm(&self->drop, LOCUM_PRIMARY_KEEP_MS);
    if (kept->content != NULL && kept->content->serial == state.serial &&
        strcmp(kept->zone, name) == 0) {
        locum_axfr_content_hold(kept->content);
        return kept->content;
    }
    if (locum_zone_build(state.config, index, state.plan, state.answers, state.serial, &zone) !=
        0) {
        return NULL;
    }
    struct locum_signer *signer = locum_dns_signer(self->dns);
    ldns_rr_list *added = ldns_rr_list_new();
    int status = added == NULL ? LOCUM_ERR_MEMORY : 0;
    if (status == 0 && signer != NULL && locum_signer_is_on(signer, index)) {
        const int64_t at_s = locum_dns_signed_at(self->dns);
        status = at_s == INT64_MIN ? LOCUM_ERR_TIMEOUT
                                   : locum_signer_add_records(signer, index, &zone, at_s, added);
    }
    if (status == 0) {
        status = locum_axfr_content_create(&zone, added, state.serial, &content);
    }
    ldns_rr_list_deep_free(added);
    if (status == 0) {
        locum_axfr_content_release(kept->content);
        kept->content = content;
        memcpy(kept->zone, name, strlen(name) + 1);
        locum_axfr_content_hold(content);
    }
    locum_zone_fini(&zone);
    return content;
}

/* Anyone can cause some of the lines, so there is a limit (sending.h). */
static void
log_left_out(const struct locum_dns_note *note)
{
    char count[16];
    if (note->left_out > 0) {
        (void)locum_text_format_buffer(count, sizeof(count), "%" PRIu32, note->left_out);
        LOCUM_LOG(LOCUM_LOG_WARN, "transfer-refused", "left-out", count);
    }
}

/* Why a client may not transfer a zone. */
static const char *
reason_of(const struct locum_primary *self, const struct locum_dns_note *note, const char *zone)
{
    struct locum_primary_state state;
    if (!self->state(self->user, &state)) {
        return NULL;
    }
    const size_t index = find_zone(state.config, zone);
    if (index == state.config->zone_count) {
        return NULL;
    }
    const struct locum_config_transfer *transfer = &state.config->zones[index].transfer;
    for (size_t i = 0; i < transfer->allow_count; i++) {
        if (locum_address_is_within(&note->client, &transfer->allow[i])) {
            return note->signed_as == LOCUM_DNS_UNSIGNED
                       ? "the request is not signed with a key of transfer.key-file"
                       : "its key is not in transfer.key-file of this zone";
        }
    }
    return "its address is not in transfer.allow of this zone";
}

static const char *
signature_error(enum locum_dns_signed_as signed_as)
{
    switch (signed_as) {
    case LOCUM_DNS_BADKEY:
        return "BADKEY: no transfer.key-file (of an UPDATE: acme.keys) has a key of this name and "
               "algorithm";
    case LOCUM_DNS_BADSIG:
        return "BADSIG: the secret of its key is not the one in transfer.key-file or acme.keys";
    case LOCUM_DNS_BADTIME:
        return "BADTIME: its clock and that of this host differ: set both by NTP";
    case LOCUM_DNS_BADTRUNC: return "BADTRUNC: its MAC is truncated: let it send the whole MAC";
    default: return NULL;
    }
}

static void
log_transfer(const struct locum_dns_note *note, const char *zone, const char *outcome)
{
    char serial[16], bytes[24];
    (void)locum_text_format_buffer(serial, sizeof(serial), "%" PRIu32, note->serial);
    (void)locum_text_format_buffer(bytes, sizeof(bytes), "%" PRIu64, note->bytes);
    LOCUM_LOG(LOCUM_LOG_INFO, "transfer", "zone", zone, "client",
              locum_address_host_text(&note->client).text, "state", outcome, "serial", serial,
              "bytes", bytes);
}

static void
take_note(struct locum_primary *self, const struct locum_dns_note *note)
{
    char zone[LOCUM_DOMAIN_MAX + 1];
    struct locum_axfr_content *content;
    name_of(note, zone);
    log_left_out(note);
    switch (note->kind) {
    case LOCUM_DNS_NOTE_WANTED:
        content = content_of(self, zone);
        self->counts.failed += content == NULL;
        locum_dns_give(self->dns, note->id, content);
        break;
    case LOCUM_DNS_NOTE_SENT:
        self->counts.sent++;
        log_transfer(note, zone, "sent");
        break;
    case LOCUM_DNS_NOTE_BROKEN:
        self->counts.broken++;
        log_transfer(note, zone, "broken");
        break;
    case LOCUM_DNS_NOTE_FAILED: log_transfer(note, zone, "failed"); break;
    case LOCUM_DNS_NOTE_REFUSED:
        LOCUM_LOG(LOCUM_LOG_WARN, "transfer-refused", "zone", zone, "client",
                  locum_address_host_text(&note->client).text, "reason",
                  reason_of(self, note, zone));
        break;
    case LOCUM_DNS_NOTE_UNSIGNED:
        LOCUM_LOG(LOCUM_LOG_WARN, "signature-refused", "client",
                  locum_address_host_text(&note->client).text, "reason",
                  signature_error(note->signed_as));
        break;
    }
}

/* The rest waits for the next iteration. */
static void
on_notes(evutil_socket_t fd, short what, void *user)
{
    struct locum_dns_note note;
    (void)what;
    for (int i = 0; i < NOTES_MAX && read(fd, &note, sizeof(note)) == (ssize_t)sizeof(note); i++) {
        take_note(user, &note);
    }
}

int
locum_primary_create(struct event_base *base, struct locum_dns *dns, locum_primary_state_fn *state,
                     void *user, struct locum_primary **ret)
{
    struct locum_primary *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        return LOCUM_ERR_MEMORY;
    }
    self->dns = dns;
    self->state = state;
    self->user = user;
    locum_timer_init(&self->drop, base, drop_kept, self);
    self->notes = event_new(base, locum_dns_notes(dns), EV_READ | EV_PERSIST, on_notes, self);
    if (self->notes == NULL || event_add(self->notes, NULL) != 0) {
        locum_primary_destroy(self);
        return LOCUM_ERR_MEMORY;
    }
    *ret = self;
    return 0;
}

void
locum_primary_destroy(struct locum_primary *self)
{
    if (self == NULL) {
        return;
    }
    if (self->notes != NULL) {
        event_free(self->notes);
    }
    locum_timer_fini(&self->drop);
    drop_kept(self);
    free(self);
}

void
locum_primary_counts(const struct locum_primary *self, struct locum_primary_counts *ret)
{
    *ret = self->counts;
}

#include "dns/sending.h"

#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"

_Static_assert(sizeof(struct locum_dns_note) <= PIPE_BUF, "a note is written whole");

void
locum_dns_sending_init(struct locum_dns_sendings *self)
{
    *self = (struct locum_dns_sendings){.notes = -1};
}

/* False: there is no room in the pipe, or no main thread. */
static bool
tell(const struct locum_dns_sendings *self, const struct locum_dns_note *note)
{
    return self->notes >= 0 && write(self->notes, note, sizeof(*note)) == (ssize_t)sizeof(*note);
}

void
locum_dns_sending_report(struct locum_dns_sendings *self, enum locum_dns_note_kind kind,
                         struct locum_dns_note *note)
{
    const locum_ms now = locum_clock_read().mono;
    if (now - self->period_began >= LOCUM_DNS_REPORTS_PERIOD_MS) {
        self->period_began = now;
        self->reports = 0;
    }
    note->kind = kind;
    note->left_out = self->left_out;
    if (self->reports < LOCUM_DNS_REPORTS_MAX && tell(self, note)) {
        self->reports++;
        self->left_out = 0;
    } else {
        self->left_out++;
    }
}

struct locum_dns_sending *
locum_dns_sending_begin(struct locum_dns_sendings *self, struct locum_dns_connection *connection,
                        const struct locum_dns_outgoing *request, const struct locum_dns_note *note)
{
    if (self->count == LOCUM_DNS_SENDINGS_MAX) {
        return NULL;
    }
    struct locum_dns_sending *sending = calloc(1, sizeof(*sending));
    if (sending == NULL) {
        return NULL;
    }
    locum_axfr_init(&sending->axfr, request);
    sending->connection = connection;
    sending->note = *note;
    sending->note.kind = LOCUM_DNS_NOTE_WANTED;
    sending->note.id = ++self->last_id;
    if (!tell(self, &sending->note)) {
        locum_axfr_fini(&sending->axfr);
        free(sending);
        return NULL;
    }
    self->active[self->count++] = sending;
    return sending;
}

struct locum_dns_sending *
locum_dns_sending_find(const struct locum_dns_sendings *self, uint64_t id)
{
    for (size_t i = 0; i < self->count; i++) {
        if (self->active[i]->note.id == id) {
            return self->active[i];
        }
    }
    return NULL;
}

void
locum_dns_sending_end(struct locum_dns_sendings *self, struct locum_dns_sending *sending,
                      enum locum_dns_note_kind kind)
{
    struct locum_dns_note note = sending->note;
    size_t i = 0;
    while (self->active[i] != sending) {
        i++;
    }
    self->active[i] = self->active[--self->count];
    note.kind = kind;
    note.serial = sending->axfr.content != NULL ? sending->axfr.content->serial : 0;
    note.bytes = sending->axfr.bytes;
    (void)tell(self, &note);
    locum_axfr_fini(&sending->axfr);
    free(sending);
}

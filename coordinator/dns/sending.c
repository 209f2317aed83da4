#include "dns/sending.h"

#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

_Static_assert(sizeof(struct locum_dns_note) <= PIPE_BUF, "a note is written whole");

void
locum_dns_sending_init(struct locum_dns_sendings *self)
{
    *self = (struct locum_dns_sendings){.notes = -1};
}

bool
locum_dns_sending_tell(const struct locum_dns_sendings *self, const struct locum_dns_note *note)
{
    return self->notes >= 0 && write(self->notes, note, sizeof(*note)) == (ssize_t)sizeof(*note);
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
    if (!locum_dns_sending_tell(self, &sending->note)) {
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
locum_dns_sending_end(struct locum_dns_sendings *self, struct locum_dns_sending *sending)
{
    struct locum_dns_note note = sending->note;
    size_t i = 0;
    while (self->active[i] != sending) {
        i++;
    }
    self->active[i] = self->active[--self->count];
    note.kind = locum_axfr_is_done(&sending->axfr) ? LOCUM_DNS_NOTE_SENT : LOCUM_DNS_NOTE_BROKEN;
    note.serial = sending->axfr.content != NULL ? sending->axfr.content->serial : 0;
    note.bytes = sending->axfr.bytes;
    (void)locum_dns_sending_tell(self, &note);
    locum_axfr_fini(&sending->axfr);
    free(sending);
}

/*
 * mailbox: how a new answer table reaches a worker without a lock and without waking it.
 *
 * The main thread puts, the worker takes after each receive and before it answers. A table that
 * was never taken is dropped when the next one comes.
 */
#ifndef LOCUM_DNS_MAILBOX_H
#define LOCUM_DNS_MAILBOX_H

#include "dns/table.h"

struct locum_mailbox {
    _Atomic(struct locum_table *) box; /* holds a reference; NULL: nothing new */
};

/* Put a table (held once more by the box), in place of one not yet taken. */
void locum_mailbox_put(struct locum_mailbox *self, struct locum_table *table);

/* If there is a new table, release *current and let it be the new one. */
void locum_mailbox_take(struct locum_mailbox *self, struct locum_table **current);

/* Drop what is in it. */
void locum_mailbox_fini(struct locum_mailbox *self);

#endif

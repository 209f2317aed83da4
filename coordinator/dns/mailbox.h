/*
 * mailbox: hands a new answer table to a worker without a lock and without waking it.
 *
 * The main thread puts a table; the worker takes it after a receive and before it answers. A table
 * that was not taken is released when the next one is put.
 */
#ifndef LOCUM_DNS_MAILBOX_H
#define LOCUM_DNS_MAILBOX_H

#include "dns/table.h"

struct locum_mailbox {
    _Atomic(struct locum_dns_table *) box; /* holds a reference; NULL: no new table */
};

/*
 * Put a table, of which the box takes a reference of its own, in place of one not yet taken. NULL
 * empties the box; required before its memory is freed.
 */
void locum_mailbox_put(struct locum_mailbox *self, struct locum_dns_table *table);

/* If there is a new table: release *current and set it to the new one. */
void locum_mailbox_take(struct locum_mailbox *self, struct locum_dns_table **current);

#endif

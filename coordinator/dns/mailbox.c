#include "dns/mailbox.h"

static struct locum_dns_table *
swap(struct locum_mailbox *self, struct locum_dns_table *table)
{
    return atomic_exchange_explicit(&self->box, table, memory_order_acq_rel);
}

void
locum_mailbox_put(struct locum_mailbox *self, struct locum_dns_table *table)
{
    locum_dns_table_hold(table);
    locum_dns_table_release(swap(self, table));
}

void
locum_mailbox_take(struct locum_mailbox *self, struct locum_dns_table **current)
{
    /* Mostly there is no new table, and a load is cheaper than an exchange. */
    if (atomic_load_explicit(&self->box, memory_order_relaxed) == NULL) {
        return;
    }
    struct locum_dns_table *table = swap(self, NULL);
    if (table != NULL) {
        locum_dns_table_release(*current);
        *current = table;
    }
}

/*
 * resolv: the resolvers of this host, as resolv.conf(5) names them.
 */
#ifndef LOCUM_BASE_RESOLV_H
#define LOCUM_BASE_RESOLV_H

#include "base/address.h"

enum { LOCUM_RESOLV_MAX = 4 };

/*
 * Read the resolvers of a file. Never waits for a FIFO.
 *
 * port  that they get.
 * Returns how many; 0: it names none, or cannot be read.
 */
size_t locum_resolv_read(const char *path, uint16_t port,
                         struct locum_address ret[LOCUM_RESOLV_MAX]);

#endif

/*
 * compile: zones -> the answer table.
 *
 * Every answer that the query path can give: positive ones per (name, type), CNAMEs with what they
 * lead to inside the zone, NODATA, NXDOMAIN, ANY, NS with its glue, and the texts of class CH. Each
 * is written once, uncompressed but for owners (pointers into the question), and copied to its
 * exact size. Main thread only.
 */
#ifndef LOCUM_DNS_COMPILE_H
#define LOCUM_DNS_COMPILE_H

#include "dns/table.h"
#include "dns/zone.h"

/*
 * zones       borrowed; at most LOCUM_ZONES_MAX, no two with one apex.
 * version     what version.bind and version.server say; at most 255 bytes.
 * host        what hostname.bind and id.server say; likewise.
 * ret_table   with one reference, the caller's.
 * Returns 0, LOCUM_ERR_MEMORY, or LOCUM_ERR_SPACE (an answer that no TCP message could hold).
 */
int locum_compile(const struct locum_zone *zones, size_t zone_count, const char *version,
                  const char *host, struct locum_table **ret_table) LOCUM_MUST_CHECK;

#endif

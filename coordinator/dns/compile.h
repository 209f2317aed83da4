/*
 * compile: zones -> the answer table.
 *
 * Writes every answer that the query path can give: positive ones per name and type, CNAMEs with
 * what they lead to inside the zone, NODATA, NXDOMAIN, ANY, NS with its glue, and the texts of
 * class CH. Only owners are compressed (as pointers into the question). Each answer is stored in
 * its exact size. Main thread only.
 */
#ifndef LOCUM_DNS_COMPILE_H
#define LOCUM_DNS_COMPILE_H

#include "dns/table.h"
#include "dns/zone.h"

/*
 * zones       borrowed; at most LOCUM_ZONES_MAX, none inside another.
 * version     the text of version.bind and version.server (RFC 4892); cut after 255 bytes.
 * host        the text of hostname.bind and id.server; likewise.
 * ret_table   the new table, with one reference, which is the caller's.
 * Returns 0, LOCUM_ERR_MEMORY, or LOCUM_ERR_SPACE (an answer that no TCP message could hold).
 */
int locum_compile(const struct locum_zone *zones, size_t zone_count, const char *version,
                  const char *host, struct locum_dns_table **ret_table) LOCUM_MUST_CHECK;

#endif

/*
 * check_acme: static records that contradict `acme` of their zone. Part of locum_dns_check().
 */
#ifndef LOCUM_DNS_CHECK_ACME_H
#define LOCUM_DNS_CHECK_ACME_H

#include "config/config.h"

/*
 * Refuse records at the names that are made from acme.persist, and warn of each CAA record by which
 * an issuer of acme.persist may not issue for a name of the zone (RFC 8659). Records that do not
 * parse are left out: they are reported elsewhere. 0 or LOCUM_ERR_MEMORY.
 */
int locum_check_acme(const struct locum_config *config,
                     struct locum_problems *problems) LOCUM_MUST_CHECK;

#endif

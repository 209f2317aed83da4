/*
 * https: the HTTPS record of a shared or owned name (RFC 9460), made of the addresses that the plan
 * gives to the same name: "1 . alpn=h2,h3 ipv4hint=192.0.2.12 ipv6hint=2001:db8:2::12". A browser
 * that asks for it first then never gets the address of another server than by A and AAAA.
 *
 * Pure: a configuration and a plan in, bytes or text out.
 */
#ifndef LOCUM_DNS_HTTPS_H
#define LOCUM_DNS_HTTPS_H

#include "base/text.h"
#include "config/config.h"
#include "core/plan.h"

/* Has the zone of this name HTTPS records? */
bool locum_https_is_on(const struct locum_config *config, size_t name);

/* The shorter TTL of the two answers of which it is made. */
uint32_t locum_https_ttl(const struct locum_answer answers[LOCUM_FAMILIES]);

/* An upper limit of the length of the data of each record. */
size_t locum_https_bytes_max(const struct locum_config *config);

/* Write the data of the record. Its length; 0: no address is answered, so there is no record. */
size_t locum_https_write(const struct locum_config *config, size_t name,
                         const struct locum_answer answers[LOCUM_FAMILIES], uint8_t *to);

/* Append the same for people, as in a zone file. */
void locum_https_add(const struct locum_config *config, size_t name,
                     const struct locum_answer answers[LOCUM_FAMILIES], struct locum_text *text);

#endif

/*
 * ask: what the DNS of the peers answers, on port 53 of each of their addresses (DNS-2).
 *
 * Called once a second by the loop, it never waits: each call reads what came since the last one,
 * then sends. Only a TCP connection wakes the loop, so that it is open for no longer than it takes.
 * Each question has a socket of its own, because a
 * firewall that refuses new clients would go on to let through a port that is used again; its id is
 * random, and only its answer is read: same id, same question, from the address that was asked.
 */
#ifndef LOCUM_DNS_ASK_H
#define LOCUM_DNS_ASK_H

#include "config/config.h"

enum { LOCUM_DNS_PORT = 53 };

struct event_base;
struct locum_dns_ask;

/* The result of one question: the worst of the peer's addresses in the family. unknown: this host
 * has no route to any of them. */
typedef void locum_dns_ask_fn(void *user, locum_node peer, enum locum_family family,
                              enum locum_transport transport, enum locum_dns_state state);

/* base, config: borrowed until destroy. 0 or LOCUM_ERR_MEMORY. */
int locum_dns_ask_create(struct event_base *base, const struct locum_config *config,
                         locum_dns_ask_fn *on_result, void *user,
                         struct locum_dns_ask **ret) LOCUM_MUST_CHECK;
void locum_dns_ask_destroy(struct locum_dns_ask *self); /* NULL is fine */

/* A second has passed: give results, and ask those of `peers` whose time has come. Questions to
 * others are dropped without a result. */
void locum_dns_ask_second(struct locum_dns_ask *self, locum_nodes peers);

#endif

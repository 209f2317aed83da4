/*
 * load: the steps in which locum.yaml becomes a configuration. First the binder (bind.h) stores
 * what is written. Then each step derives what is not written from other keys and checks how values
 * fit together. A step says nothing about a value that the binder has refused.
 */
#ifndef LOCUM_CONFIG_LOAD_H
#define LOCUM_CONFIG_LOAD_H

#include "config/bind.h"
#include "config/config.h"
#include "config/keys.h"

enum { LOCUM_LOAD_DNS_PORT = 53 }; /* of the addresses that listen.dns has by default */

/* In this order; the binder's target is a struct locum_config. */
void locum_load_nodes(struct locum_bind *bind, const char *self_name);
void locum_load_zones(struct locum_bind *bind);
void locum_load_acme(struct locum_bind *bind);
void locum_load_mirrorbits(struct locum_bind *bind);
void locum_load_redis(struct locum_bind *bind);
void locum_load_service(struct locum_bind *bind);
void locum_load_cluster(struct locum_bind *bind);
void locum_load_peer_keys(struct locum_bind *bind);
void locum_load_transfers(struct locum_bind *bind);
void locum_load_acme_clients(struct locum_bind *bind);
void locum_load_hooks(struct locum_bind *bind);

/*
 * A secret cannot be read. A file with it is refused; a kept configuration goes on without
 * (config->lacks).
 */
void locum_load_lack_at(struct locum_bind *bind, size_t row, size_t instance, const char *format,
                        ...) __attribute__((format(printf, 4, 5)));
#define locum_load_lack(bind, row, ...) locum_load_lack_at(bind, row, 0, __VA_ARGS__)

/* The first line of a private file, of `least` to `size` - 1 characters, as a C string: where the
 * value of the row says. What is wrong with it is a lack. */
void locum_load_first_line(struct locum_bind *bind, size_t row, size_t instance, const char *path,
                           size_t least, char *ret, size_t size);

/* The keys of a private file (tsigkeys.h), where the value of the row says; at most
 * LOCUM_TSIG_KEYS_MAX, which the caller wipes. What is wrong with it is a lack. False: it has
 * none. */
bool locum_load_tsig_keys(struct locum_bind *bind, size_t row, size_t instance, const char *path,
                          struct locum_config_tsig_key *ret, size_t *ret_count);

/* A command as execve(2) wants it, from a list that the binder only checks. After an error the
 * count is 0. */
void locum_load_command(struct locum_bind *bind, size_t row, size_t instance,
                        struct locum_config_words *ret);

/* A kept configuration does not hold the password of Redis: read it from where it was written, at
 * `key` of `section` (NULL: of the whole file). */
void locum_load_kept_password(struct locum_bind *bind, size_t row, const char *file,
                              const char *section, const char *key);

/* Warn of what is allowed and risky; only for a configuration without errors. */
void locum_load_advice(struct locum_bind *bind);

/* How many nodes have a Redis, and how many a Sentinel. */
void locum_load_count(const struct locum_config *config, size_t *ret_redis, size_t *ret_sentinels);

#endif

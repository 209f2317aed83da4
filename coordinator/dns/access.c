#include "dns/access.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "dns/zone.h"

static int
add_key(struct locum_tsig_keys *keys, const struct locum_config_tsig_key *config)
{
    struct locum_tsig_key *key = &keys->key[keys->count];
    ldns_rdf *name = locum_zone_dname(config->name);
    if (name == NULL) {
        return LOCUM_ERR_MEMORY;
    }
    LOCUM_INVARIANT(ldns_rdf_size(name) <= sizeof(key->name));
    key->name_length = ldns_rdf_size(name);
    memcpy(key->name, ldns_rdf_data(name), key->name_length);
    ldns_rdf_deep_free(name);
    locum_hmac_key_init(&key->hmac, config->hash, config->secret, config->secret_length);
    keys->count++;
    return 0;
}

int
locum_access_create(const struct locum_config *config, struct locum_access **ret)
{
    struct locum_access *self = calloc(1, sizeof(*self));
    int status = self == NULL ? LOCUM_ERR_MEMORY : 0;
    for (size_t i = 0; i < config->tsig_key_count && status == 0; i++) {
        status = add_key(&self->keys, &config->tsig_keys[i]);
    }
    for (size_t i = 0; i < config->acme.key_count && status == 0; i++) {
        status = add_key(&self->update_keys, &config->acme.keys[i]);
    }
    if (status != 0) {
        locum_access_destroy(self);
        return status;
    }
    self->takes_updates = config->acme.key_file[0] != '\0';
    for (size_t i = 0; i < config->zone_count; i++) {
        const struct locum_config_transfer *from = &config->zones[i].transfer;
        struct locum_access_zone *to = &self->zones[i];
        memcpy(to->allow, from->allow, sizeof(to->allow));
        to->allow_count = from->allow_count;
        to->needs_key = from->key_file[0] != '\0';
        to->keys = from->keys;
    }
    *ret = self;
    return 0;
}

void
locum_access_destroy(struct locum_access *self)
{
    if (self != NULL) {
        explicit_bzero(&self->keys, sizeof(self->keys));
        explicit_bzero(&self->update_keys, sizeof(self->update_keys));
        free(self);
    }
}

enum locum_dns_rcode
locum_access_verify(const struct locum_access *self, bool update, struct locum_tsig *ret,
                    const uint8_t *packet, const struct locum_tsig_record *record, uint64_t now_s)
{
    if (self == NULL) {
        return locum_tsig_verify(ret, NULL, packet, record, now_s);
    }
    enum locum_dns_rcode rcode = LOCUM_RCODE_NOTAUTH;
    if (!update) {
        rcode = locum_tsig_verify(ret, &self->keys, packet, record, now_s);
    }
    if (update || ret->error == LOCUM_TSIG_BADKEY) {
        rcode = locum_tsig_verify(ret, &self->update_keys, packet, record, now_s);
    }
    return rcode;
}

bool
locum_access_allows(const struct locum_access *self, size_t zone,
                    const struct locum_dns_source *client, const struct locum_tsig_key *key)
{
    const struct locum_access_zone *rules = &self->zones[zone];
    struct locum_address address = {.family = client->length == 4 ? LOCUM_V4 : LOCUM_V6};
    bool here = false;
    memcpy(address.bytes, client->address, client->length);
    for (size_t i = 0; i < rules->allow_count && !here; i++) {
        here = locum_address_is_within(&address, &rules->allow[i]);
    }
    if (!here || !rules->needs_key) {
        return here;
    }
    for (size_t i = 0; i < self->keys.count; i++) {
        if (key == &self->keys.key[i]) {
            return (rules->keys >> i & 1) != 0;
        }
    }
    return false; /* none, or one of updates */
}

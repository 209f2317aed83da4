#include "base/keyring.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

static const char marker[] = " x-mac=";
static const char info[] = "locum1 heartbeat";

struct member {
    char name[LOCUM_KEYRING_NAME_MAX + 1];
    struct locum_signature_mac **macs; /* the first signs */
    size_t count;
};

struct locum_keyring {
    struct member member[LOCUM_KEYRING_MEMBERS_MAX];
    size_t count;
    size_t self;
    size_t secrets; /* their number */
};

/* The private key of a public one, or privates->count. LOCUM_ERR_MEMORY. */
static int
find_private(const struct locum_secrets *privates, const struct locum_keyring_key *key, size_t *ret)
{
    for (*ret = 0; *ret < privates->count; ++*ret) {
        uint8_t public_key[LOCUM_KEY_BYTES];
        if (locum_signature_public(privates->key[*ret], public_key) != 0) {
            return LOCUM_ERR_MEMORY;
        }
        if (memcmp(public_key, key->bytes, sizeof(public_key)) == 0) {
            break;
        }
    }
    return 0;
}

/* The key of a private and a public one, with each secret. */
static int
add_pair(struct member *member, const uint8_t private_key[LOCUM_KEY_BYTES],
         const struct locum_keyring_key *public_key, const struct locum_secrets *secrets)
{
    uint8_t shared[LOCUM_KEY_BYTES];
    uint8_t key[LOCUM_KEY_BYTES];
    int status = locum_signature_agree(private_key, public_key->bytes, shared);
    const struct locum_slice material = {.at = (const char *)shared, .length = sizeof(shared)};
    for (size_t i = 0; i < secrets->count && status == 0; i++) {
        const struct locum_slice salt = {.at = (const char *)secrets->key[i],
                                         .length = LOCUM_SECRET_BYTES};
        status = locum_signature_derive(material, salt, locum_slice_of(info), key);
        if (status == 0) {
            member->macs[member->count] = locum_signature_mac_create(key);
            status = member->macs[member->count] != NULL ? 0 : LOCUM_ERR_MEMORY;
            member->count += status == 0;
        }
    }
    explicit_bzero(shared, sizeof(shared));
    explicit_bzero(key, sizeof(key));
    return status;
}

/* `first` is the private key to sign with. */
static int
add_member(struct member *member, const struct locum_keyring_member *of,
           const struct locum_secrets *privates, size_t first, const struct locum_secrets *secrets)
{
    int status = 0;
    const size_t room = privates->count * of->count * secrets->count;
    memcpy(member->name, of->name, strlen(of->name) + 1);
    member->macs = calloc(room > 0 ? room : 1, sizeof(struct locum_signature_mac *));
    if (member->macs == NULL) {
        return LOCUM_ERR_MEMORY;
    }
    for (size_t i = 0; i < privates->count; i++) {
        const size_t key = (first + i) % privates->count;
        for (size_t at = 0; at < of->count && status == 0; at++) {
            status = add_pair(member, privates->key[key], &of->keys[at], secrets);
        }
    }
    return status;
}

int
locum_keyring_create(const struct locum_keyring_member *members, size_t count, size_t self,
                     const struct locum_secrets *privates, const struct locum_secrets *secrets,
                     struct locum_keyring **ret, size_t *ret_bad)
{
    LOCUM_INVARIANT(count <= LOCUM_KEYRING_MEMBERS_MAX && self < count && members[self].count > 0);
    size_t first = 0;
    struct locum_keyring *keyring = calloc(1, sizeof(*keyring));
    int status =
        keyring != NULL ? find_private(privates, &members[self].keys[0], &first) : LOCUM_ERR_MEMORY;
    if (status == 0 && first == privates->count) {
        status = LOCUM_ERR_NOT_FOUND;
    }
    for (size_t i = 0; i < count && status == 0; i++) {
        keyring->count = i + 1;
        *ret_bad = i;
        status = add_member(&keyring->member[i], &members[i], privates, first, secrets);
    }
    if (status != 0) {
        locum_keyring_destroy(keyring);
        return status;
    }
    keyring->self = self;
    keyring->secrets = secrets->count;
    *ret = keyring;
    return 0;
}

bool
locum_keyring_has(const struct locum_keyring *self, size_t member)
{
    return member < self->count && self->member[member].count > 0;
}

/* The first 128 bits of the MAC of a digest. */
static void
compute(struct locum_signature_mac *mac, const uint8_t digest[LOCUM_DIGEST_BYTES],
        uint8_t ret[LOCUM_KEYRING_MAC_BYTES])
{
    uint8_t whole[LOCUM_DIGEST_BYTES];
    locum_signature_mac_compute(mac, digest, LOCUM_DIGEST_BYTES, whole);
    memcpy(ret, whole, LOCUM_KEYRING_MAC_BYTES);
}

int
locum_keyring_sign(struct locum_keyring *self, uint32_t receivers, struct locum_text *text)
{
    uint8_t digest[LOCUM_DIGEST_BYTES];
    uint8_t mac[LOCUM_KEYRING_MAC_BYTES];
    const char *separator = marker;
    locum_signature_digest(text->at, text->length, digest);
    for (size_t i = 0; i < self->count; i++) {
        const struct member *member = &self->member[i];
        if ((receivers >> i & 1u) == 0 || member->count == 0) {
            continue;
        }
        compute(member->macs[0], digest, mac);
        locum_text_add(text, separator);
        locum_text_add(text, member->name);
        locum_text_add_char(text, ':');
        locum_text_add_hex(text, mac, sizeof(mac));
        separator = ",";
    }
    return text->truncated ? LOCUM_ERR_SPACE : 0;
}

/* Cut " x-mac=..." off the end of a line. False: there is none. */
static bool
cut_macs(struct locum_slice line, struct locum_slice *ret_text, struct locum_slice *ret_list)
{
    const char *blank = line.length > 0 ? memrchr(line.at, ' ', line.length) : NULL;
    const size_t length = blank != NULL ? (size_t)(blank - line.at) : line.length;
    const struct locum_slice end = {.at = line.at + length, .length = line.length - length};
    *ret_text = line;
    if (!locum_slice_starts(end, marker)) {
        return false;
    }
    ret_text->length = length;
    ret_list->at = end.at + sizeof(marker) - 1;
    ret_list->length = end.length - (sizeof(marker) - 1);
    return true;
}

/* The MAC for a member. False: there is none, or none that can be read. */
static bool
find_mac(struct locum_slice list, const char *name, uint8_t ret_mac[LOCUM_KEYRING_MAC_BYTES])
{
    struct locum_slice item;
    while (locum_slice_cut(&list, ',', &item)) {
        struct locum_slice receiver;
        (void)locum_slice_cut(&item, ':', &receiver); /* the first piece always exists */
        if (locum_slice_is(receiver, name)) {
            return item.at != NULL && locum_slice_hex(item, ret_mac, LOCUM_KEYRING_MAC_BYTES) == 0;
        }
    }
    return false;
}

int
locum_keyring_check(struct locum_keyring *self, size_t sender, struct locum_slice line,
                    struct locum_slice *ret_text, size_t *ret_secret)
{
    uint8_t digest[LOCUM_DIGEST_BYTES];
    uint8_t given[LOCUM_KEYRING_MAC_BYTES];
    uint8_t mac[LOCUM_KEYRING_MAC_BYTES];
    struct locum_slice list;
    if (!cut_macs(line, ret_text, &list) || self == NULL || !locum_keyring_has(self, sender) ||
        !find_mac(list, self->member[self->self].name, given)) {
        return LOCUM_ERR_NOT_FOUND;
    }
    locum_signature_digest(ret_text->at, ret_text->length, digest);
    for (size_t i = 0; i < self->member[sender].count; i++) {
        compute(self->member[sender].macs[i], digest, mac);
        if (locum_signature_equal(mac, given, sizeof(mac))) {
            if (ret_secret != NULL) {
                *ret_secret = i % self->secrets; /* as add_pair() adds them */
            }
            return 0;
        }
    }
    return LOCUM_ERR_SIGNATURE;
}

void
locum_keyring_destroy(struct locum_keyring *self)
{
    for (size_t i = 0; self != NULL && i < self->count; i++) {
        for (size_t at = 0; at < self->member[i].count; at++) {
            locum_signature_mac_destroy(self->member[i].macs[at]);
        }
        free(self->member[i].macs);
    }
    free(self);
}

#include "dns/challenge_list.h"

#include <inttypes.h>
#include <string.h>

#include "base/text_format.h"

/* Of an entry in a document, at most, without its texts. */
enum { ENTRY_BYTES = 2 + 1 + 20 + 1 + 20 + 1 + 1 + 1 };

bool
locum_challenge_list_is_word(struct locum_slice text, size_t max)
{
    return locum_slice_is_unquoted(text) && text.length > 0 && text.length <= max;
}

size_t
locum_challenge_list_length(const struct locum_challenge_list *self)
{
    size_t length = self->mac_count * LOCUM_CHALLENGE_LIST_MAC_BYTES_MAX;
    for (size_t i = 0; i < self->count; i++) {
        const struct locum_challenge *entry = &self->at[i];
        length += ENTRY_BYTES + strlen(entry->owner) + strlen(entry->value) + strlen(entry->client);
    }
    return length;
}

bool
locum_challenge_list_has_mac(const struct locum_challenge_list *self, const uint8_t *mac,
                             locum_ms boot)
{
    for (size_t i = 0; i < self->mac_count; i++) {
        if (self->macs[i].until > boot &&
            memcmp(self->macs[i].bytes, mac, LOCUM_CHALLENGE_MAC_BYTES) == 0) {
            return true;
        }
    }
    return false;
}

/* When something ends that its document says, on the boot clock. */
static bool
read_until(struct locum_slice *rest, locum_ms offset_ms, struct locum_now now, locum_ms *ret)
{
    struct locum_slice word;
    uint64_t until;
    if (!locum_slice_cut(rest, ' ', &word) || locum_slice_u64(word, INT64_MAX / 2, &until) != 0) {
        return false;
    }
    const locum_ms left = (locum_ms)until - offset_ms - now.wall;
    *ret = now.boot + (left < LOCUM_CHALLENGE_FOR_MS_MAX ? left : LOCUM_CHALLENGE_FOR_MS_MAX);
    return true;
}

/* "OWNER STAMP UNTIL CLIENT VALUE" */
static bool
read_entry(struct locum_slice *rest, bool removes, locum_ms offset_ms, struct locum_now now,
           struct locum_challenge_list *ret)
{
    struct locum_slice owner, stamp, client, value;
    if (ret->count == LOCUM_CHALLENGE_ENTRIES_MAX) {
        return false;
    }
    struct locum_challenge *entry = &ret->at[ret->count];
    *entry = (struct locum_challenge){.removes = removes};
    if (!locum_slice_cut(rest, ' ', &owner) ||
        !locum_challenge_list_is_word(owner, LOCUM_DOMAIN_MAX) ||
        locum_slice_copy(owner, entry->owner, sizeof(entry->owner)) != 0 ||
        !locum_slice_cut(rest, ' ', &stamp) ||
        locum_slice_u64(stamp, INT64_MAX, &entry->stamp) != 0 ||
        !read_until(rest, offset_ms, now, &entry->until) || !locum_slice_cut(rest, ' ', &client) ||
        !locum_challenge_list_is_word(client, LOCUM_CHALLENGE_CLIENT_MAX) ||
        !locum_slice_cut(rest, ' ', &value) ||
        !locum_challenge_list_is_word(value, LOCUM_CHALLENGE_CHARS_MAX)) {
        return false;
    }
    ret->count++;
    return locum_slice_copy(client, entry->client, sizeof(entry->client)) == 0 &&
           locum_slice_copy(value, entry->value, sizeof(entry->value)) == 0;
}

/* "UNTIL MAC" */
static bool
read_mac(struct locum_slice *rest, locum_ms offset_ms, struct locum_now now,
         struct locum_challenge_list *ret)
{
    struct locum_slice hex;
    if (ret->mac_count == LOCUM_CHALLENGE_MACS_MAX) {
        return false;
    }
    struct locum_challenge_mac *mac = &ret->macs[ret->mac_count];
    if (!read_until(rest, offset_ms, now, &mac->until) || !locum_slice_cut(rest, ' ', &hex) ||
        locum_slice_hex(hex, mac->bytes, sizeof(mac->bytes)) != 0) {
        return false;
    }
    ret->mac_count++;
    return true;
}

bool
locum_challenge_list_read(struct locum_challenge_list *self, struct locum_slice text,
                          locum_ms offset_ms, struct locum_now now)
{
    struct locum_slice kind;
    self->count = self->mac_count = 0;
    while (text.at != NULL && text.length > 0) {
        (void)locum_slice_cut(&text, ' ', &kind); /* there is a first word */
        const bool removes = locum_slice_is(kind, "-");
        const bool good = removes || locum_slice_is(kind, "+")
                              ? read_entry(&text, removes, offset_ms, now, self)
                              : locum_slice_is(kind, "m") && read_mac(&text, offset_ms, now, self);
        if (!good) {
            return false;
        }
    }
    return true;
}

void
locum_challenge_list_add(const struct locum_challenge_list *self, struct locum_now now,
                         struct locum_text *text)
{
    const size_t begin = text->length;
    for (size_t i = 0; i < self->count; i++) {
        const struct locum_challenge *entry = &self->at[i];
        if (entry->until > now.boot) {
            locum_text_format(text, "%s%c %s %" PRIu64 " %" PRId64 " %s %s",
                              text->length > begin ? " " : "", entry->removes ? '-' : '+',
                              entry->owner, entry->stamp, entry->until - now.boot + now.wall,
                              entry->client, entry->value);
        }
    }
    for (size_t i = 0; i < self->mac_count; i++) {
        if (self->macs[i].until > now.boot) {
            locum_text_format(text, "%sm %" PRId64 " ", text->length > begin ? " " : "",
                              self->macs[i].until - now.boot + now.wall);
            locum_text_add_hex(text, self->macs[i].bytes, sizeof(self->macs[i].bytes));
        }
    }
}

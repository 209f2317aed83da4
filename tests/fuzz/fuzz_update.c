/*
 * fuzz_update: an UPDATE message, from its header on. What was parsed borrows from the packet, and
 * only operations at the name of a challenge are allowed.
 */
#include "fuzz.h"

#include "../unit/dns/update.h"

const unsigned fuzz_mutations = 200000;

static void
check_record(const struct locum_update_record *record, const uint8_t *packet, size_t length)
{
    REQUIRE(memchr(record->owner, '\0', sizeof(record->owner)) != NULL);
    if (record->value.at != NULL) {
        const uint8_t *begin = (const uint8_t *)record->value.at;
        REQUIRE(begin >= packet && begin + record->value.length <= packet + length);
        REQUIRE(record->value.length > 0 && record->value.length < 256);
        REQUIRE(record->type == LOCUM_TYPE_TXT && locum_slice_is_plain(record->value));
        REQUIRE(!locum_slice_is(record->value, "-"));
    }
}

static void
check_judged(const struct locum_update *update, const char *const *values)
{
    const struct locum_update_site site = {
        .is_zone = is_test_zone, .values = test_values, .user = (void *)values};
    if (locum_update_judge(update, &site) != LOCUM_RCODE_NOERROR) {
        return;
    }
    REQUIRE(update->is_in && strcmp(update->zone, "get.example.org.") == 0);
    for (size_t i = 0; i < update->operation_count; i++) {
        const struct locum_update_record *record = &update->operations[i];
        REQUIRE(strcmp(record->owner, CHALLENGE ".") == 0);
        REQUIRE(record->kind >= LOCUM_UPDATE_ADD);
        REQUIRE(record->type == LOCUM_TYPE_TXT || record->kind == LOCUM_UPDATE_DELETE_NAME);
        REQUIRE(record->kind != LOCUM_UPDATE_ADD || record->value.at != NULL);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const none[] = {NULL}, *const two[] = {"one", "two", NULL};
    static struct locum_update update;
    size_t signed_at = 0;
    if (size < LOCUM_DNS_HEADER_BYTES || size > 65535) {
        return 0;
    }
    if (locum_tsig_find(data, size, &signed_at) != LOCUM_TSIG_FOUND) {
        signed_at = 0;
    }
    if (locum_update_parse(data, size, signed_at, &update) != LOCUM_RCODE_NOERROR) {
        REQUIRE(update.zone_end <= size);
        return 0;
    }
    REQUIRE(update.zone_end > LOCUM_DNS_HEADER_BYTES && update.zone_end <= size);
    REQUIRE(update.prerequisite_count <= LOCUM_UPDATE_RECORDS_MAX);
    REQUIRE(update.operation_count <= LOCUM_UPDATE_RECORDS_MAX);
    for (size_t i = 0; i < update.prerequisite_count; i++) {
        check_record(&update.prerequisites[i], data, size);
    }
    for (size_t i = 0; i < update.operation_count; i++) {
        check_record(&update.operations[i], data, size);
    }
    check_judged(&update, none);
    check_judged(&update, two);
    return 0;
}

/*
 * fuzz_nsd: bytes that NSD, or another program in its place, sends to the adapter. The first byte
 * selects what the rest is: a reply to the SOA query, a reply on the control channel, or a zone
 * file on the disk.
 */
#include "fuzz.h"

#include <string.h>

#include "dns/soa.h"
#include "nsd-adapter/reply.h"
#include "nsd-adapter/zonetext.h"

const unsigned fuzz_mutations = 20000;

static const char zone[] = "get.example.org.";

static void
read_soa(const uint8_t *data, size_t size)
{
    uint8_t query[LOCUM_SOA_QUESTION_MAX];
    const size_t length = locum_soa_question(zone, 0x1234, query);
    enum locum_nsd_soa outcome = LOCUM_NSD_SOA_SILENT;
    uint32_t serial = 0;
    uint8_t rcode = 0;
    REQUIRE(length > 0);
    if (locum_nsd_reply_read_soa(query, length, data, size, &outcome, &serial, &rcode) == 0) {
        REQUIRE(outcome != LOCUM_NSD_SOA_SILENT && size >= 12 && memcmp(data, query, 2) == 0);
        REQUIRE(outcome != LOCUM_NSD_SOA_SERIAL || (data[2] & 0x84) == 0x84);
        REQUIRE(locum_nsd_reply_rcode_text(rcode) != NULL);
    }
}

static void
read_control(const char *data, size_t size)
{
    char buffer[300];
    struct locum_text why = locum_text_init(buffer, sizeof(buffer));
    const enum locum_nsd_reply outcome =
        locum_nsd_reply_read((struct locum_slice){.at = data, .length = size}, &why);
    REQUIRE((outcome == LOCUM_NSD_REPLY_FAILED) == (why.length > 0));
    for (size_t i = 0; i < why.length; i++) {
        REQUIRE(buffer[i] >= ' ' && buffer[i] <= '~');
    }
}

static void
read_zone(const char *data, size_t size)
{
    struct locum_nsd_zonetext read;
    struct locum_nsd_zonetext again;
    const char *why = NULL;
    char *text = NULL;
    if (locum_nsd_zonetext_read((struct locum_slice){.at = data, .length = size}, zone, &read,
                                &why) != 0) {
        REQUIRE(why != NULL);
        return;
    }
    REQUIRE(locum_nsd_zonetext_render(&read, 7, &text) == 0);
    REQUIRE(locum_nsd_zonetext_read(locum_slice_of(text), zone, &again, &why) == 0);
    REQUIRE(again.serial == 7 && again.digest == read.digest && again.is_signed == read.is_signed);
    free(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    switch (data[0]) {
    case 's': read_soa(data + 1, size - 1); break;
    case 'c': read_control((const char *)data + 1, size - 1); break;
    default: read_zone((const char *)data + 1, size - 1); break;
    }
    return 0;
}

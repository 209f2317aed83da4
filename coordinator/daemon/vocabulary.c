#include "daemon/vocabulary.h"

#include "base/text.h"

/* clang-format off */
const struct locum_told_row locum_told_rows[LOCUM_TOLD_COUNT] = {
    [LOCUM_TOLD_ADMIN] =           {"admin", "from to reason text"},
    [LOCUM_TOLD_CONDITION] =       {"condition", "peer from to votes ages reason"},
    [LOCUM_TOLD_ONE_WAY] =            {"one-way", "peer reason"},
    [LOCUM_TOLD_EXCLUDED] =        {"excluded", "peer"},
    [LOCUM_TOLD_TWO_WAY] =         {"two-way", "peer"},
    [LOCUM_TOLD_INCARNATION] =     {"incarnation", "to reason"},
    [LOCUM_TOLD_INCLUDED] =        {"included", "peer"},
    [LOCUM_TOLD_LEAVING] =         {"leaving", ""},
    [LOCUM_TOLD_PUBLISH_FAILED] =  {"publish-failed", "reason effect"},
    [LOCUM_TOLD_REDIS_CONNECTED] = {"redis-connected", "master"},
    [LOCUM_TOLD_REDIS_LOST] =      {"redis-lost", "reason"},
    [LOCUM_TOLD_RELOAD] =          {"reload", "digest"},
    [LOCUM_TOLD_SERVICE] =         {"service", "from to reason checks"},
    [LOCUM_TOLD_SERVING] =         {"serving", "from to"},
    [LOCUM_TOLD_STALL] =           {"stall", "late-ms"},
    [LOCUM_TOLD_START] =           {"start", "version digest"},
    [LOCUM_TOLD_STOP] =            {"stop", ""},
    [LOCUM_TOLD_DUPLICATE_NODE] =            {"duplicate-node", "incarnation reason"},
    [LOCUM_TOLD_WARNING] =         {"warning", "about peer reason"},
    [LOCUM_TOLD_WARNING_OVER] =    {"warning-over", "about peer"},
};

const char *const locum_hash_fields[LOCUM_HASH_COUNT] = {
    [LOCUM_HASH_ROLE] =         "role",
    [LOCUM_HASH_SERVICE] =      "service",
    [LOCUM_HASH_ADMIN] =        "admin",
    [LOCUM_HASH_SERVING] =      "serving",
    [LOCUM_HASH_CONDITIONS] =   "conditions",
    [LOCUM_HASH_RANKS] =        "ranks",
    [LOCUM_HASH_ANSWERS] =      "answers",
    [LOCUM_HASH_SINCE] =        "since",
    [LOCUM_HASH_SEQ] =          "seq",
    [LOCUM_HASH_INCARNATION] =  "incarnation",
    [LOCUM_HASH_VERSION] =      "version",
    [LOCUM_HASH_DIGEST] =       "digest",
    [LOCUM_HASH_HEARTBEAT_MS] = "heartbeat-ms",
    [LOCUM_HASH_MIRRORBITS] =   "mirrorbits",
};
/* clang-format on */

bool
locum_told_has(enum locum_told told, const char *field)
{
    struct locum_slice rest = locum_slice_of(locum_told_rows[told].fields);
    struct locum_slice word;
    while (locum_slice_cut(&rest, ' ', &word)) {
        if (word.length > 0 && locum_slice_is(word, field)) {
            return true;
        }
    }
    return false;
}

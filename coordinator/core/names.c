#include "core/names.h"

static const char *
text_of(size_t value, const char *const *texts, size_t count)
{
    LOCUM_INVARIANT(value < count);
    return texts[value];
}

static bool
find(struct locum_slice text, const char *const *texts, size_t count, size_t *ret)
{
    for (size_t i = 0; i < count; i++) {
        if (locum_slice_is(text, texts[i])) {
            *ret = i;
            return true;
        }
    }
    return false;
}

/* The texts of enum locum_NAME, in its order, and the function that returns them. */
#define TEXTS(name, ...)                                                                           \
    static const char *const name##_texts[] = {__VA_ARGS__};                                       \
    const char *locum_names_##name(enum locum_##name value)                                        \
    {                                                                                              \
        return text_of(value, name##_texts, LOCUM_COUNT(name##_texts));                            \
    }

/* The function that finds one of these texts. */
#define FIND(name)                                                                                 \
    bool locum_names_find_##name(struct locum_slice text, enum locum_##name *ret)                  \
    {                                                                                              \
        size_t value;                                                                              \
        if (!find(text, name##_texts, LOCUM_COUNT(name##_texts), &value)) {                        \
            return false;                                                                          \
        }                                                                                          \
        *ret = (enum locum_##name)value;                                                           \
        return true;                                                                               \
    }

/* clang-format off */
TEXTS(role, "server", "witness", "sentinel")
TEXTS(condition, "unknown", "alive", "suspect", "down", "returning")
TEXTS(service, "unknown", "up", "failing", "probation", "degraded")
TEXTS(admin, "ready", "drain", "maint")
TEXTS(sample, "pass", "fail", "refused", "degraded", "not-run")
TEXTS(rank, "A", "B", "C", "D", "E", "F", "G")
TEXTS(path, "redis", "udp")
TEXTS(family, "ipv4", "ipv6")
TEXTS(transport, "udp", "tcp")
TEXTS(section, "nodes", "zones", "heartbeat", "redis", "quorum", "min-serving")
TEXTS(dns_claim, "unknown", "none", "ok", "closed")
TEXTS(dns_state, "unknown", "ok", "silent", "unreachable", "refused", "error", "not-authoritative",
      "other-soa")
TEXTS(policy, "self", "all")
TEXTS(cause, "heard", "silent", "quorum", "leaving", "adopted", "grace", "recovered", "operator",
      "lease-end", "checks", "address", "reported")
FIND(condition)
FIND(service)
FIND(admin)
FIND(sample)
FIND(family)
FIND(transport)
FIND(dns_claim)
FIND(dns_state)
/* clang-format on */

static const char state_codes[] = "uasdr"; /* in the order of enum locum_condition */

char
locum_names_state_code(enum locum_condition condition)
{
    LOCUM_INVARIANT(condition < LOCUM_COUNT(condition_texts));
    return state_codes[condition];
}

bool
locum_names_find_state_code(char code, enum locum_condition *ret)
{
    for (size_t i = 0; i < LOCUM_COUNT(condition_texts); i++) {
        if (state_codes[i] == code) {
            *ret = (enum locum_condition)i;
            return true;
        }
    }
    return false;
}

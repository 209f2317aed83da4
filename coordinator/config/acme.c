#include "config/acme.h"

#include <string.h>
#include <time.h>

#include "base/text_format.h"
#include "config/load.h"

_Static_assert(LOCUM_ZONES_MAX *(int)LOCUM_PERSIST_MAX <= (int)LOCUM_BIND_INSTANCES_MAX,
               "the binder has room");

/* Seconds since 1970 of the end of a day, as in 2027-12-31; -1: it is none. */
static int64_t
end_of_day(const char *day)
{
    struct tm broken = {0};
    const char *end = strptime(day, "%Y-%m-%d", &broken);
    const struct tm written = broken;
    if (strlen(day) != 10 || end == NULL || *end != '\0') {
        return -1;
    }
    const time_t begin = timegm(&broken);
    return begin > 0 && broken.tm_mday == written.tm_mday ? (int64_t)begin + 24 * 3600 - 1 : -1;
}

const char *
locum_acme_day_wrong(const void *value)
{
    return end_of_day(value) < 0 ? "not a day; write one such as 2027-12-31" : NULL;
}

/* RFC 8659 4.2: the value of a parameter is visible ASCII without ';'. */
const char *
locum_acme_account_wrong(const void *value)
{
    return strpbrk(value, ";\"\\ ") != NULL
               ? "not an account URI: it must not contain ; \" \\ or a "
                 "blank"
               : NULL;
}

const struct locum_config_persist *
locum_acme_persist(const struct locum_config *config, size_t zone, size_t index)
{
    return &config->persist[zone * LOCUM_PERSIST_MAX + index];
}

static bool
is_wildcard(const char *name)
{
    return name[0] == '*' && name[1] == '.';
}

static const char *
without_wildcard(const char *name)
{
    return is_wildcard(name) ? name + 2 : name;
}

/* Is the name the first of its zone with this base? Is one of them a wildcard? */
static bool
is_first(const struct locum_config *config, size_t name, bool *ret_wildcard)
{
    const size_t zone = config->names[name].zone;
    const char *base = without_wildcard(config->names[name].name);
    *ret_wildcard = false;
    for (size_t i = 0; i < config->core.name_count; i++) {
        const char *other = config->names[i].name;
        if (config->names[i].zone == zone && strcmp(without_wildcard(other), base) == 0) {
            *ret_wildcard = *ret_wildcard || is_wildcard(other);
            if (i < name) {
                return false;
            }
        }
    }
    return true;
}

bool
locum_acme_persist_owner(const struct locum_config *config, size_t name,
                         char ret[LOCUM_DOMAIN_MAX + 1], bool *ret_wildcard)
{
    return is_first(config, name, ret_wildcard) &&
           config->zones[config->names[name].zone].persist_count > 0 &&
           locum_text_format_buffer(ret, LOCUM_DOMAIN_MAX + 1, LOCUM_ACME_PERSIST_LABEL ".%s",
                                    without_wildcard(config->names[name].name));
}

bool
locum_acme_challenge_owner(const struct locum_config *config, size_t name,
                           char ret[LOCUM_DOMAIN_MAX + 1])
{
    bool wildcard;
    return config->zones[config->names[name].zone].dns_01 && is_first(config, name, &wildcard) &&
           locum_text_format_buffer(ret, LOCUM_DOMAIN_MAX + 1, LOCUM_ACME_CHALLENGE_LABEL ".%s",
                                    without_wildcard(config->names[name].name));
}

void
locum_acme_persist_add(const struct locum_config_persist *persist, bool wildcard,
                       struct locum_text *text)
{
    locum_text_format(text, "%.*s; accounturi=%s", (int)strlen(persist->issuer) - 1,
                      persist->issuer, persist->account);
    if (wildcard || persist->wildcard) {
        locum_text_add(text, "; policy=wildcard");
    }
    if (persist->until[0] != '\0') {
        locum_text_format(text, "; persistUntil=%lld", (long long)end_of_day(persist->until));
    }
}

/* An entry of the list. */
static void
check_entry(struct locum_bind *bind, size_t zone, size_t index)
{
    const struct locum_config *config = bind->target;
    const size_t instance = zone * LOCUM_PERSIST_MAX + index;
    const struct locum_config_persist *persist = &config->persist[instance];
    char buffer[LOCUM_ACME_PERSIST_MAX + 1];
    struct locum_text text = locum_text_init(buffer, sizeof(buffer));
    if (persist->issuer[0] == '\0' || persist->account[0] == '\0') {
        return; /* the binder has reported it */
    }
    locum_acme_persist_add(persist, true, &text);
    if (text.truncated) {
        locum_bind_error(bind, LOCUM_KEY_PERSIST_ACCOUNT, instance,
                         "account: with the issuer it makes a record of more than %d characters; "
                         "use a shorter URI",
                         LOCUM_ACME_PERSIST_MAX);
    }
    if (locum_bind_good(bind, LOCUM_KEY_PERSIST_UNTIL, instance) &&
        end_of_day(persist->until) < (int64_t)time(NULL)) {
        locum_bind_warning(bind, LOCUM_KEY_PERSIST_UNTIL, instance,
                           "until: %s is over, so %.*s issues no certificate by this entry; set a "
                           "later day, or remove the key",
                           persist->until, (int)strlen(persist->issuer) - 1, persist->issuer);
    }
    for (size_t i = 0; i < index; i++) {
        const struct locum_config_persist *other = &persist[(ptrdiff_t)i - (ptrdiff_t)index];
        if (strcmp(other->issuer, persist->issuer) == 0 &&
            strcmp(other->account, persist->account) == 0) {
            locum_bind_error(bind, LOCUM_KEY_PERSIST_ACCOUNT, instance,
                             "persist: this issuer with this account is there twice; remove one");
        }
    }
}

/* The label is longer than a name may have room for. */
static void
check_owners(struct locum_bind *bind, size_t zone)
{
    const struct locum_config *config = bind->target;
    const bool persist = config->zones[zone].persist_count > 0;
    const size_t label =
        persist ? sizeof(LOCUM_ACME_PERSIST_LABEL) : sizeof(LOCUM_ACME_CHALLENGE_LABEL);
    for (size_t i = 0; i < config->core.name_count; i++) {
        const char *base = without_wildcard(config->names[i].name);
        if (config->names[i].zone == zone && strlen(base) + label > LOCUM_DOMAIN_MAX) {
            locum_problems_error(&bind->problems, config->names[i].at,
                                 "acme: %s is too long for a name %s.NAME below it; shorten it, or "
                                 "%s",
                                 config->names[i].name,
                                 persist ? LOCUM_ACME_PERSIST_LABEL : LOCUM_ACME_CHALLENGE_LABEL,
                                 persist ? "remove persist" : "set dns-01: false");
        }
    }
}

void
locum_load_acme(struct locum_bind *bind)
{
    const struct locum_config *config = bind->target;
    for (size_t zone = 0; zone < config->zone_count; zone++) {
        for (size_t i = 0; i < config->zones[zone].persist_count; i++) {
            check_entry(bind, zone, i);
        }
        if (config->zones[zone].persist_count > 0 || config->zones[zone].dns_01) {
            check_owners(bind, zone);
        }
    }
}

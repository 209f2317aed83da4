#include "config/domain.h"

#include <string.h>

#include "base/error.h"
#include "base/text_format.h"

enum { LABEL_MAX = 63 };

static char
lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static const char *
label_wrong(struct locum_slice label)
{
    if (label.length == 0) {
        return "it has an empty label";
    }
    if (label.length > LABEL_MAX) {
        return "a label is longer than 63 characters";
    }
    for (size_t i = 0; i < label.length; i++) {
        const char c = lower(label.at[i]);
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_')) {
            return "only a-z, 0-9, -, _ and dots are allowed";
        }
    }
    if (label.at[0] == '-' || label.at[label.length - 1] == '-') {
        return "a label begins or ends with -";
    }
    return NULL;
}

/* The labels of `text` in lower case, each with its dot, then `zone`. The first may be "*" if
 * `wildcard` is set. */
static int
build(struct locum_slice text, const char *zone, bool wildcard, char ret[LOCUM_DOMAIN_MAX + 1],
      const char **ret_why)
{
    char buffer[LOCUM_DOMAIN_MAX + 1];
    struct locum_text name = locum_text_init(buffer, sizeof(buffer));
    struct locum_slice label;
    while (locum_slice_cut(&text, '.', &label)) {
        const bool any = locum_slice_is(label, "*");
        const char *why = any && wildcard && name.length == 0 ? NULL : label_wrong(label);
        if (why != NULL) {
            *ret_why = any && wildcard ? "* can only be the first label" : why;
            return LOCUM_ERR_INVALID;
        }
        for (size_t i = 0; i < label.length; i++) {
            locum_text_add_char(&name, lower(label.at[i]));
        }
        locum_text_add_char(&name, '.');
    }
    locum_text_add(&name, zone);
    if (name.truncated) {
        *ret_why = "it is longer than 253 characters";
        return LOCUM_ERR_INVALID;
    }
    memcpy(ret, name.at, name.length + 1);
    return 0;
}

int
locum_domain_absolute(struct locum_slice text, char ret[LOCUM_DOMAIN_MAX + 1], const char **ret_why)
{
    if (text.length > 1 && text.at[text.length - 1] == '.') {
        text.length--;
    }
    return build(text, "", false, ret, ret_why);
}

int
locum_domain_relative(struct locum_slice text, const char *zone, char ret[LOCUM_DOMAIN_MAX + 1],
                      const char **ret_why)
{
    const struct locum_slice none = {0};
    return build(locum_slice_is(text, "@") ? none : text, zone, true, ret, ret_why);
}

bool
locum_domain_within(const char *name, const char *zone)
{
    const size_t name_length = strlen(name);
    const size_t zone_length = strlen(zone);
    if (zone_length > name_length || strcmp(name + name_length - zone_length, zone) != 0) {
        return false;
    }
    return zone_length == name_length || name[name_length - zone_length - 1] == '.';
}

void
locum_domain_add_host(const char *name, struct locum_text *text)
{
    const bool wildcard = name[0] == '*';
    const char *rest = wildcard ? name + 1 : name;
    locum_text_format(text, "%s%.*s", wildcard ? "locum-doctor" : "", (int)strlen(rest) - 1, rest);
}

/* Is `name` this node's: "dc2.", or "dc2.example.org." if `domain` is "example.org."? */
static bool
is_of_node(const struct locum_config *config, locum_node node, const char *name, const char *domain)
{
    const char *const labels[] = {config->core.nodes[node].name, config->nodes[node].mirrorbits};
    for (size_t i = 0; i < LOCUM_COUNT(labels); i++) {
        const size_t length = strlen(labels[i]);
        if (length > 0 && strncasecmp(name, labels[i], length) == 0 && name[length] == '.' &&
            strcmp(name + length + 1, domain) == 0) {
            return true;
        }
    }
    return false;
}

/* The domain above one of two labels or more; NULL: there is none. */
static const char *
parent_of(const char *domain)
{
    const char *parent = strchr(domain, '.') + 1;
    const char *dot = strchr(parent, '.');
    return dot != NULL && dot[1] != '\0' ? parent : NULL;
}

static bool
is_of_zone(const struct locum_config *config, const struct locum_config_zone *zone,
           const char *name)
{
    bool found = locum_domain_within(name, zone->name);
    for (size_t i = 0; i < zone->ns_count; i++) {
        found = found || strcmp(name, zone->ns[i]) == 0;
    }
    for (const char *domain = zone->name; domain != NULL && !found; domain = parent_of(domain)) {
        for (locum_node node = 0; node < config->core.node_count; node++) {
            found = found || is_of_node(config, node, name, domain);
        }
    }
    return found;
}

bool
locum_domain_is_of_cluster(const struct locum_config *config, struct locum_slice host)
{
    char name[LOCUM_DOMAIN_MAX + 1];
    const char *why;
    if (locum_domain_absolute(host, name, &why) != 0) {
        return false;
    }
    for (locum_node node = 0; node < config->core.node_count; node++) {
        if (is_of_node(config, node, name, "")) {
            return true;
        }
    }
    for (size_t i = 0; i < config->zone_count; i++) {
        if (is_of_zone(config, &config->zones[i], name)) {
            return true;
        }
    }
    return false;
}

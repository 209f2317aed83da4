/* zones: the names in them and whose each is, TTLs, the SOA. */
#include <string.h>

#include "config/domain.h"
#include "config/load.h"

enum { FAILOVER_TTL_S = 15 };

/* Negative answers (RFC 2308) live as long as an answer of a failover: both are short-lived. */
static void
derive_ttls(struct locum_bind *bind, size_t index)
{
    struct locum_config *config = bind->target;
    struct locum_config_zone *zone = &config->zones[index];
    if (!locum_bind_written(bind, LOCUM_KEY_ZONE_FAILOVER_TTL, index)) {
        zone->failover_ttl_s = zone->ttl_s < FAILOVER_TTL_S ? zone->ttl_s : FAILOVER_TTL_S;
    } else if (zone->failover_ttl_s > zone->ttl_s &&
               !locum_bind_bad(bind, LOCUM_KEY_ZONE_TTL, index)) {
        locum_bind_error(bind, LOCUM_KEY_ZONE_FAILOVER_TTL, index,
                         "failover-ttl: %us is longer than the ttl; use at most %us",
                         zone->failover_ttl_s, zone->ttl_s);
    }
    if (!locum_bind_written(bind, LOCUM_KEY_SOA_MINIMUM, index)) {
        zone->soa.minimum_s = zone->failover_ttl_s;
    }
}

static void
derive_soa(struct locum_bind *bind, size_t index)
{
    struct locum_config *config = bind->target;
    struct locum_config_zone *zone = &config->zones[index];
    const uint64_t least = (uint64_t)zone->soa.refresh_s + zone->soa.retry_s;
    if (zone->soa.mname[0] == '\0' && zone->ns_count > 0) {
        memcpy(zone->soa.mname, zone->ns[0], sizeof(zone->soa.mname));
    }
    if (!locum_bind_written(bind, LOCUM_KEY_SOA_RNAME, index)) {
        struct locum_text rname = locum_text_init(zone->soa.rname, sizeof(zone->soa.rname));
        locum_text_add(&rname, "hostmaster.");
        locum_text_add(&rname, zone->name);
        if (rname.truncated) {
            locum_problems_error(
                &bind->problems, zone->at,
                "soa.rname: its default, \"hostmaster.\" before the zone's name, is "
                "longer than 253 characters; set it to a shorter name");
        }
    }
    /* RFC 1912 2.2: else a secondary would drop the zone after a single failed refresh. */
    if (!locum_bind_bad(bind, LOCUM_KEY_SOA_EXPIRE, index) &&
        !locum_bind_bad(bind, LOCUM_KEY_SOA_REFRESH, index) &&
        !locum_bind_bad(bind, LOCUM_KEY_SOA_RETRY, index) && zone->soa.expire_s <= least) {
        locum_bind_error(bind, LOCUM_KEY_SOA, index,
                         "expire: %us is too short; it must be longer than refresh and retry "
                         "together (%us)",
                         zone->soa.expire_s, (unsigned)least);
    }
}

/* Why a relative name is not one for this zone, or NULL; then `ret` is its absolute form. */
static const char *
name_wrong(struct locum_slice text, const struct locum_config_zone *zone,
           char ret[LOCUM_DOMAIN_MAX + 1])
{
    char absolute[LOCUM_DOMAIN_MAX + 1];
    const char *why = NULL;
    if (text.length > 0 && text.at[text.length - 1] == '.') {
        return "names here are relative to the zone; remove the last dot";
    }
    if (locum_domain_relative(text, zone->name, ret, &why) != 0) {
        return why;
    }
    if (locum_domain_absolute(text, absolute, &why) == 0 &&
        locum_domain_within(absolute, zone->name)) {
        return "names here are relative; leave out the zone's own name (@ is the zone itself)";
    }
    return NULL;
}

static const char *
owner_text(const struct locum_config *config, locum_node owner)
{
    return owner == LOCUM_NODE_NONE ? "all servers" : config->core.nodes[owner].name;
}

static void
refuse_name(struct locum_bind *bind, size_t first, struct locum_slice text, locum_node owner,
            struct locum_position at)
{
    const struct locum_config *config = bind->target;
    const locum_node other = config->core.names[first].owner;
    const uint32_t line = config->names[first].at.line;
    const struct locum_quoted quoted = locum_problems_quote(text);
    if (owner == other) {
        locum_problems_error(&bind->problems, at,
                             "name %s of %s is already used at line %u; remove one of them",
                             quoted.text, owner_text(config, owner), line);
        return;
    }
    const bool by_default =
        !locum_bind_written(bind, LOCUM_KEY_ZONE_OWNED, config->names[first].zone);
    locum_problems_error(&bind->problems, at,
                         "name %s of %s%s already belongs to %s at line %u; a name belongs to all "
                         "servers or to one",
                         quoted.text, owner_text(config, owner),
                         by_default ? " (its own by default; set owned to change that)" : "",
                         owner_text(config, other), line);
}

static void
add_name(struct locum_bind *bind, size_t index, struct locum_slice text, locum_node owner,
         struct locum_position at)
{
    struct locum_config *config = bind->target;
    const struct locum_config_zone *zone = &config->zones[index];
    const struct locum_quoted quoted = locum_problems_quote(text);
    char name[LOCUM_DOMAIN_MAX + 1];
    const char *wrong = name_wrong(text, zone, name);
    size_t place = 0;
    if (wrong != NULL) {
        locum_problems_error(&bind->problems, at, "name %s is not valid: %s", quoted.text, wrong);
        return;
    }
    while (place < config->core.name_count && strcmp(config->names[place].name, name) != 0) {
        place++;
    }
    if (place < config->core.name_count) {
        refuse_name(bind, place, text, owner, at);
        return;
    }
    if (place == LOCUM_NAMES_MAX) {
        locum_problems_error(&bind->problems, at,
                             "name %s is one too many; all zones together hold at most %d names",
                             quoted.text, LOCUM_NAMES_MAX);
        return;
    }
    memcpy(config->names[place].name, name, sizeof(name));
    config->names[place].zone = index;
    config->core.names[place] = (struct locum_core_name){.owner = owner,
                                                         .policy = zone->policy,
                                                         .ttl_s = zone->ttl_s,
                                                         .failover_ttl_s = zone->failover_ttl_s};
    config->names[place].at = at;
    config->core.name_count++;
}

/* The names of one owner, which is written as a key. */
static void
add_owner(struct locum_bind *bind, size_t index, const yaml_node_t *key, const yaml_node_t *list)
{
    const struct locum_config *config = bind->target;
    const struct locum_slice text = locum_document_text(key);
    const locum_node owner = locum_bind_find(bind, text);
    if (owner == LOCUM_NODE_NONE) {
        locum_bind_no_node(bind, locum_document_at(key), "owned", text);
        return;
    }
    if (config->core.nodes[owner].role != LOCUM_ROLE_SERVER) {
        LOCUM_BIND_ERROR(bind, key, "owned: %s is not a server; only a server owns names",
                         locum_problems_quote(text).text);
    }
    for (const yaml_node_item_t *item = list->data.sequence.items.start;
         item < list->data.sequence.items.top; item++) {
        const yaml_node_t *name = yaml_document_get_node(&bind->document, *item);
        add_name(bind, index, locum_document_text(name), owner, locum_document_at(name));
    }
}

/* Two zones that overlap would both answer the same name, so none may be inside another. */
static void
check_overlap(struct locum_bind *bind, size_t index)
{
    const struct locum_config *config = bind->target;
    const char *name = config->zones[index].name;
    for (size_t i = 0; i < index; i++) {
        const char *other = config->zones[i].name;
        if (other[0] != '\0' &&
            (locum_domain_within(name, other) || locum_domain_within(other, name))) {
            locum_bind_error(bind, LOCUM_KEY_ZONE_NAME, index,
                             "name: zone %s overlaps zone %s at line %u; zones must be separate",
                             name, other, config->zones[i].at.line);
        }
    }
}

/* A name server's address must not change with the plan: resolvers keep it for hours. */
static void
check_name_servers(struct locum_bind *bind, size_t index)
{
    const struct locum_config *config = bind->target;
    for (size_t i = 0; i < locum_bind_items(bind, LOCUM_KEY_ZONE_NS, index); i++) {
        for (size_t name = 0; name < config->core.name_count; name++) {
            if (strcmp(config->zones[index].ns[i], config->names[name].name) == 0) {
                LOCUM_BIND_ERROR(bind, locum_bind_item(bind, LOCUM_KEY_ZONE_NS, index, i),
                                 "ns: \"%s\" is a name of %s and moves at a failover; use a name "
                                 "whose address stays the same",
                                 config->zones[index].ns[i],
                                 owner_text(config, config->core.names[name].owner));
                break;
            }
        }
    }
}

/* Without the keys: the zone itself is shared, and each server owns the label of its name. */
static void
add_names(struct locum_bind *bind, size_t index)
{
    const struct locum_config *config = bind->target;
    const struct locum_position at = config->zones[index].at;
    if (!locum_bind_written(bind, LOCUM_KEY_ZONE_SHARED, index)) {
        add_name(bind, index, locum_slice_of("@"), LOCUM_NODE_NONE, at);
    }
    for (size_t i = 0; i < locum_bind_items(bind, LOCUM_KEY_ZONE_SHARED, index); i++) {
        const yaml_node_t *item = locum_bind_item(bind, LOCUM_KEY_ZONE_SHARED, index, i);
        add_name(bind, index, locum_document_text(item), LOCUM_NODE_NONE, locum_document_at(item));
    }
    const bool written = locum_bind_written(bind, LOCUM_KEY_ZONE_OWNED, index);
    for (size_t i = 0; i < config->core.node_count && !written; i++) {
        const struct locum_core_node *node = &config->core.nodes[i];
        if (node->role == LOCUM_ROLE_SERVER && node->name[0] != '\0') {
            add_name(bind, index, locum_slice_of(node->name), (locum_node)i, at);
        }
    }
    for (size_t i = 0; i < locum_bind_items(bind, LOCUM_KEY_ZONE_OWNED, index); i++) {
        add_owner(bind, index, locum_bind_item_key(bind, LOCUM_KEY_ZONE_OWNED, index, i),
                  locum_bind_item(bind, LOCUM_KEY_ZONE_OWNED, index, i));
    }
}

/* Signatures change at midnight UTC, so their times are whole days. */
static void
check_dnssec(struct locum_bind *bind, size_t index)
{
    enum { DAY_S = 86400 };
    struct locum_config *config = bind->target;
    struct locum_config_zone *zone = &config->zones[index];
    const struct {
        size_t key;
        uint32_t seconds;
        const char *name, *usual;
    } times[] = {{LOCUM_KEY_DNSSEC_VALIDITY, zone->dnssec.validity_s, "validity", "14d"},
                 {LOCUM_KEY_DNSSEC_REFRESH, zone->dnssec.refresh_s, "refresh", "7d"}};
    bool good = locum_bind_written(bind, LOCUM_KEY_DNSSEC, index);
    for (size_t i = 0; i < 2 && good; i++) {
        if (locum_bind_bad(bind, times[i].key, index)) {
            good = false;
        } else if (times[i].seconds % DAY_S != 0) {
            locum_bind_error(bind, times[i].key, index, "%s: use whole days, e.g. %s",
                             times[i].name, times[i].usual);
            good = false;
        }
    }
    if (good && zone->dnssec.refresh_s >= zone->dnssec.validity_s) {
        locum_bind_error(bind, LOCUM_KEY_DNSSEC, index,
                         "refresh: %ud is not shorter than validity (%ud); the usual values are 7d "
                         "and 14d",
                         zone->dnssec.refresh_s / DAY_S, zone->dnssec.validity_s / DAY_S);
    }
    zone->dnssec.at = locum_bind_written(bind, LOCUM_KEY_DNSSEC_KEYS, index)
                          ? locum_bind_at(bind, LOCUM_KEY_DNSSEC_KEYS, index)
                          : zone->at;
}

static void
load_zone(struct locum_bind *bind, size_t index)
{
    struct locum_config *config = bind->target;
    struct locum_config_zone *zone = &config->zones[index];
    const size_t names_before = config->core.name_count;
    const size_t errors_before = bind->problems.error_count;
    derive_ttls(bind, index);
    derive_soa(bind, index);
    check_dnssec(bind, index);
    add_names(bind, index);
    /* The binder has stored the texts; dns/ checks them and reports by their positions. */
    for (size_t i = 0; i < locum_bind_items(bind, LOCUM_KEY_ZONE_RECORDS, index); i++) {
        zone->records[i].at =
            locum_document_at(locum_bind_item(bind, LOCUM_KEY_ZONE_RECORDS, index, i));
    }
    if (config->core.name_count == names_before && bind->problems.error_count == errors_before &&
        !locum_bind_bad(bind, LOCUM_KEY_ZONE_SHARED, index) &&
        !locum_bind_bad(bind, LOCUM_KEY_ZONE_OWNED, index) && config->core.node_count > 0) {
        locum_problems_error(&bind->problems, zone->at,
                             "zones: this zone has no names; add shared or owned names");
    }
}

void
locum_load_zones(struct locum_bind *bind)
{
    struct locum_config *config = bind->target;
    for (size_t i = 0; i < config->zone_count; i++) {
        config->zones[i].at = locum_document_at(locum_bind_item(bind, LOCUM_KEY_ZONES, 0, i));
        if (locum_bind_good(bind, LOCUM_KEY_ZONE_NAME, i)) {
            check_overlap(bind, i);
            load_zone(bind, i);
        }
    }
    for (size_t i = 0; i < config->zone_count; i++) {
        check_name_servers(bind, i);
    }
}

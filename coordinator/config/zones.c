/* zones: the names they hold, whose each is, and the SOA. */
#include <string.h>

#include "config/domain.h"
#include "config/load.h"

enum { FAILOVER_TTL_S = 15 };

static void
derive_ttls(struct locum_load *self, size_t index)
{
    struct locum_config_zone *zone = &self->config->zones[index];
    if (locum_load_value(self, "zones[].failover-ttl", index)->node == NULL) {
        zone->failover_ttl_s = zone->ttl_s < FAILOVER_TTL_S ? zone->ttl_s : FAILOVER_TTL_S;
    } else if (zone->failover_ttl_s > zone->ttl_s && !locum_load_bad(self, "zones[].ttl", index)) {
        locum_problems_error(&self->problems,
                             locum_load_at(self, "zones[].failover-ttl", index, zone->at),
                             "failover-ttl %us is longer than ttl %us: write at most that",
                             zone->failover_ttl_s, zone->ttl_s);
    }
    if (locum_load_value(self, "zones[].soa.minimum", index)->node == NULL) {
        zone->soa.minimum_s = zone->failover_ttl_s;
    }
}

static void
derive_soa(struct locum_load *self, size_t index)
{
    struct locum_config_zone *zone = &self->config->zones[index];
    if (zone->soa.mname[0] == '\0' && zone->ns_count > 0) {
        memcpy(zone->soa.mname, zone->ns[0], sizeof(zone->soa.mname));
    }
    if (zone->soa.rname[0] == '\0' && !locum_load_bad(self, "zones[].soa.rname", index)) {
        struct locum_text rname = locum_text_init(zone->soa.rname, sizeof(zone->soa.rname));
        locum_text_add(&rname, "hostmaster.");
        locum_text_add(&rname, zone->name);
        if (rname.truncated) {
            locum_problems_error(&self->problems, zone->at,
                                 "hostmaster. and the zone make a name longer than 253 "
                                 "characters: write soa.rname");
        }
    }
    /* RFC 1912 2.2 */
    if (!locum_load_bad(self, "zones[].soa.expire", index) &&
        !locum_load_bad(self, "zones[].soa.refresh", index) &&
        !locum_load_bad(self, "zones[].soa.retry", index) &&
        zone->soa.expire_s <= (uint64_t)zone->soa.refresh_s + zone->soa.retry_s) {
        locum_problems_error(&self->problems, locum_load_at(self, "zones[].soa", index, zone->at),
                             "expire %us is not longer than refresh and retry together (%us)",
                             zone->soa.expire_s, zone->soa.refresh_s + zone->soa.retry_s);
    }
}

static void
take_ns(struct locum_load *self, size_t index)
{
    struct locum_config_zone *zone = &self->config->zones[index];
    for (size_t i = 0; i < locum_load_items(self, "zones[].ns", index); i++) {
        const yaml_node_t *item = locum_load_item(self, "zones[].ns", index, i);
        const struct locum_slice text = locum_document_text(item);
        char *name = zone->ns[zone->ns_count];
        const char *why = "it has one label";
        if (locum_domain_absolute(text, name, &why) != 0 || strchr(name, '.')[1] == '\0') {
            locum_problems_error(&self->problems, locum_document_at(item),
                                 "ns %s is not right: %s; write an absolute name, as in "
                                 "ns1.example.org",
                                 locum_quote(text).text, why);
            continue;
        }
        for (size_t j = 0; j < zone->ns_count; j++) {
            if (strcmp(zone->ns[j], name) == 0) {
                locum_problems_error(&self->problems, locum_document_at(item),
                                     "ns %s stands here twice: remove one", locum_quote(text).text);
                break;
            }
        }
        self->ns_at[index][zone->ns_count++] = locum_document_at(item);
    }
}

static void
take_records(struct locum_load *self, size_t index)
{
    struct locum_config_zone *zone = &self->config->zones[index];
    for (size_t i = 0; i < locum_load_items(self, "zones[].records", index); i++) {
        const yaml_node_t *item = locum_load_item(self, "zones[].records", index, i);
        struct locum_config_record *record = &zone->records[zone->record_count++];
        const struct locum_slice text = locum_document_text(item);
        record->at = locum_document_at(item);
        if (locum_slice_copy(text, record->text, sizeof(record->text)) != 0) {
            locum_problems_error(&self->problems, record->at,
                                 "record %s is longer than %d characters", locum_quote(text).text,
                                 LOCUM_STRING_MAX);
        }
        for (size_t c = 0; c < text.length; c++) {
            if ((uint8_t)text.at[c] < ' ' && text.at[c] != '\t') {
                locum_problems_error(&self->problems, record->at,
                                     "record %s holds a control character: write it on one line",
                                     locum_quote(text).text);
                break;
            }
        }
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
        return "names here are relative to the zone and end without a dot";
    }
    if (locum_domain_relative(text, zone->name, ret, &why) != 0) {
        return why;
    }
    if (locum_domain_absolute(text, absolute, &why) == 0 &&
        locum_domain_within(absolute, zone->name)) {
        return "names here are relative: leave the zone's own name out (@ is the zone itself)";
    }
    return NULL;
}

static const char *
owner_text(const struct locum_config *config, locum_node owner)
{
    return owner == LOCUM_NODE_NONE ? "all servers" : config->core.nodes[owner].name;
}

static void
refuse_name(struct locum_load *self, size_t first, struct locum_slice text, locum_node owner,
            struct locum_position at)
{
    const struct locum_config *config = self->config;
    const locum_node other = config->core.names[first].owner;
    const uint32_t line = self->name_at[first].line;
    if (owner == other) {
        locum_problems_error(&self->problems, at, "name %s of %s stands at line %u too: remove one",
                             locum_quote(text).text, owner_text(config, owner), line);
        return;
    }
    const bool by_default =
        locum_load_value(self, "zones[].owned", config->names[first].zone)->node == NULL;
    locum_problems_error(&self->problems, at,
                         "name %s of %s%s belongs to %s already, by line %u: a name belongs to all "
                         "servers or to one",
                         locum_quote(text).text, owner_text(config, owner),
                         by_default ? " (its own by default; write owned to change that)" : "",
                         owner_text(config, other), line);
}

/* The place of a name among those taken so far, or their count. */
static size_t
find_name(const struct locum_config *config, const char *name)
{
    size_t place = 0;
    while (place < config->core.name_count && strcmp(config->names[place].name, name) != 0) {
        place++;
    }
    return place;
}

static void
add_name(struct locum_load *self, size_t index, struct locum_slice text, locum_node owner,
         struct locum_position at)
{
    struct locum_config *config = self->config;
    const struct locum_config_zone *zone = &config->zones[index];
    char name[LOCUM_DOMAIN_MAX + 1];
    const char *wrong = name_wrong(text, zone, name);
    if (wrong != NULL) {
        locum_problems_error(&self->problems, at, "name %s is not right: %s",
                             locum_quote(text).text, wrong);
        return;
    }
    const size_t place = find_name(config, name);
    if (place < config->core.name_count) {
        refuse_name(self, place, text, owner, at);
        return;
    }
    if (place == LOCUM_NAMES_MAX) {
        locum_problems_error(&self->problems, at,
                             "name %s: all zones together hold at most %d names",
                             locum_quote(text).text, LOCUM_NAMES_MAX);
        return;
    }
    memcpy(config->names[place].name, name, sizeof(name));
    config->names[place].zone = index;
    config->core.names[place] = (struct locum_core_name){.owner = owner,
                                                         .policy = zone->policy,
                                                         .ttl_s = zone->ttl_s,
                                                         .failover_ttl_s = zone->failover_ttl_s};
    self->name_at[place] = at;
    config->core.name_count++;
}

static void
take_shared(struct locum_load *self, size_t index)
{
    if (locum_load_value(self, "zones[].shared", index)->node == NULL) {
        add_name(self, index, locum_slice_of("@"), LOCUM_NODE_NONE, self->config->zones[index].at);
        return;
    }
    for (size_t i = 0; i < locum_load_items(self, "zones[].shared", index); i++) {
        const yaml_node_t *item = locum_load_item(self, "zones[].shared", index, i);
        add_name(self, index, locum_document_text(item), LOCUM_NODE_NONE, locum_document_at(item));
    }
}

static void
default_owned(struct locum_load *self, size_t index)
{
    const struct locum_core_config *core = &self->config->core;
    for (size_t node = 0; node < core->node_count; node++) {
        if (core->nodes[node].role == LOCUM_ROLE_SERVER && core->nodes[node].name[0] != '\0') {
            add_name(self, index, locum_slice_of(core->nodes[node].name), (locum_node)node,
                     self->config->zones[index].at);
        }
    }
}

static void
check_owner(struct locum_load *self, const yaml_node_t *key)
{
    char known[LOCUM_NODES_MAX * (LOCUM_NODE_NAME_MAX + 2) + 1];
    struct locum_text list = locum_text_init(known, sizeof(known));
    const locum_node owner = locum_load_node(self, locum_document_text(key));
    locum_load_add_nodes(self, &list);
    if (owner == LOCUM_NODE_NONE) {
        locum_problems_error(&self->problems, locum_document_at(key),
                             "owner %s is none of nodes: write one of %s",
                             locum_quote(locum_document_text(key)).text, known);
    } else if (self->config->core.nodes[owner].role != LOCUM_ROLE_SERVER) {
        locum_problems_error(&self->problems, locum_document_at(key),
                             "owner %s is no server: only a server owns names",
                             locum_quote(locum_document_text(key)).text);
    }
}

static void
take_owned(struct locum_load *self, size_t index)
{
    const struct locum_load_value *owned = locum_load_value(self, "zones[].owned", index);
    if (owned->node == NULL) {
        default_owned(self, index);
    }
    if (owned->node == NULL || owned->bad) {
        return;
    }
    for (const yaml_node_pair_t *pair = owned->node->data.mapping.pairs.start;
         pair < owned->node->data.mapping.pairs.top; pair++) {
        const yaml_node_t *key = yaml_document_get_node(&self->document, pair->key);
        const yaml_node_t *list = yaml_document_get_node(&self->document, pair->value);
        const locum_node owner = locum_load_node(self, locum_document_text(key));
        check_owner(self, key);
        for (const yaml_node_item_t *item = list->data.sequence.items.start;
             owner != LOCUM_NODE_NONE && item < list->data.sequence.items.top; item++) {
            const yaml_node_t *name = yaml_document_get_node(&self->document, *item);
            add_name(self, index, locum_document_text(name), owner, locum_document_at(name));
        }
    }
}

static void
check_apart(struct locum_load *self, size_t index)
{
    const struct locum_config *config = self->config;
    const char *name = config->zones[index].name;
    const struct locum_position at =
        locum_load_at(self, "zones[].name", index, config->zones[index].at);
    for (size_t i = 0; i < index; i++) {
        const char *other = config->zones[i].name;
        if (strcmp(name, other) == 0) {
            locum_problems_error(&self->problems, at, "zone %s stands at line %u too: remove one",
                                 name, config->zones[i].at.line);
        } else if (other[0] != '\0' &&
                   (locum_domain_within(name, other) || locum_domain_within(other, name))) {
            locum_problems_error(&self->problems, at,
                                 "zone %s and zone %s overlap: no zone may be in another", name,
                                 other);
        }
    }
}

/* A name server's address must not change with the plan: resolvers keep it for hours. */
static void
check_ns_targets(struct locum_load *self, size_t index)
{
    const struct locum_config *config = self->config;
    for (size_t i = 0; i < config->zones[index].ns_count; i++) {
        for (size_t name = 0; name < config->core.name_count; name++) {
            if (strcmp(config->zones[index].ns[i], config->names[name].name) == 0) {
                locum_problems_error(
                    &self->problems, self->ns_at[index][i],
                    "ns \"%s\" is a name of %s, which moves at a failover: write a "
                    "name server whose address stays",
                    config->zones[index].ns[i], owner_text(config, config->core.names[name].owner));
                break;
            }
        }
    }
}

static void
take_zone(struct locum_load *self, size_t index)
{
    const size_t names_before = self->config->core.name_count;
    const size_t errors_before = self->problems.error_count;
    derive_ttls(self, index);
    take_ns(self, index);
    derive_soa(self, index);
    take_shared(self, index);
    take_owned(self, index);
    take_records(self, index);
    if (self->config->core.name_count == names_before &&
        self->problems.error_count == errors_before &&
        !locum_load_bad(self, "zones[].shared", index) &&
        !locum_load_bad(self, "zones[].owned", index) && self->config->core.node_count > 0) {
        locum_problems_error(&self->problems, self->config->zones[index].at,
                             "the zone has no name to answer: write shared or owned");
    }
}

void
locum_load_zones(struct locum_load *self)
{
    const size_t count = self->config->zone_count;
    for (size_t index = 0; index < count; index++) {
        if (locum_load_good(self, "zones[].name", index)) {
            check_apart(self, index);
            take_zone(self, index);
        }
    }
    for (size_t index = 0; index < count; index++) {
        check_ns_targets(self, index);
    }
}

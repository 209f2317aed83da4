#include "dns/delegation.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "config/domain.h"
#include "core/nodes.h"
#include "dns/zone.h"

/* Add the addresses of a set of A or AAAA records. */
static void
add_records(const struct locum_rrset *set, struct locum_delegation_host *host)
{
    for (size_t i = 0; set != NULL && i < ldns_rr_list_rr_count(set->rrs) &&
                       host->address_count < LOCUM_COUNT(host->address);
         i++) {
        const ldns_rr *rr = ldns_rr_list_rr(set->rrs, i);
        const ldns_rdf *data = ldns_rr_rdf(rr, 0);
        struct locum_address address = {
            .family = ldns_rr_get_type(rr) == LDNS_RR_TYPE_A ? LOCUM_V4 : LOCUM_V6};
        memcpy(address.bytes, ldns_rdf_data(data), ldns_rdf_size(data));
        host->address[host->address_count++] = address;
        host->ttl_s = ldns_rr_ttl(rr);
    }
}

/* The addresses in the static records of the host's own zone. */
static int
add_static(const struct locum_config *config, size_t zone, struct locum_delegation_host *host)
{
    ldns_rdf *name = locum_zone_dname(host->name);
    struct locum_zone built;
    int status = name == NULL ? LOCUM_ERR_MEMORY : 0;
    if (status == 0) {
        status = locum_zone_build(config, zone, NULL, NULL, 0, &built);
    }
    if (status == 0) {
        add_records(locum_zone_find(&built, name, LDNS_RR_TYPE_A), host);
        add_records(locum_zone_find(&built, name, LDNS_RR_TYPE_AAAA), host);
        locum_zone_fini(&built);
    }
    ldns_rdf_deep_free(name);
    return status;
}

/* The addresses of the node whose name is the first label. */
static void
add_of_node(const struct locum_config *config, struct locum_delegation_host *host)
{
    struct locum_slice rest = locum_slice_of(host->name);
    struct locum_slice label;
    (void)locum_slice_cut(&rest, '.', &label);
    const locum_node node = locum_nodes_find(&config->core, label);
    if (node != LOCUM_NODE_NONE) {
        host->address_count = config->nodes[node].address_count;
        memcpy(host->address, config->nodes[node].address, sizeof(config->nodes[node].address));
    }
}

static int
make_host(const struct locum_config *config, size_t zone, const char *name,
          struct locum_delegation_host *ret)
{
    *ret =
        (struct locum_delegation_host){.home = LOCUM_DELEGATION_OUTSIDE, .ttl_s = LOCUM_NS_TTL_S};
    (void)strcpy(ret->name, name);
    for (size_t i = 0; i < config->zone_count; i++) {
        if (locum_domain_within(name, config->zones[i].name)) {
            ret->home = i == zone ? LOCUM_DELEGATION_IN_ZONE : LOCUM_DELEGATION_SIBLING;
            return add_static(config, i, ret);
        }
    }
    add_of_node(config, ret);
    return 0;
}

int
locum_delegation_make(const struct locum_config *config, size_t zone, struct locum_delegation *ret)
{
    const struct locum_config_zone *from = &config->zones[zone];
    int status = 0;
    *ret = (struct locum_delegation){.ttl_s = LOCUM_NS_TTL_S, .host_count = from->ns_count};
    (void)strcpy(ret->zone, from->name);
    for (size_t i = 0; i < from->ns_count && status == 0; i++) {
        status = make_host(config, zone, from->ns[i], &ret->host[i]);
    }
    return status;
}

static void
print_addresses(const struct locum_delegation_host *host, const char *before, FILE *out)
{
    for (size_t i = 0; i < host->address_count; i++) {
        (void)fprintf(out, "%s%s\t%" PRIu32 "\tIN\t%s\t%s\n", before, host->name, host->ttl_s,
                      host->address[i].family == LOCUM_V4 ? "A" : "AAAA",
                      locum_address_host_text(&host->address[i]).text);
    }
}

/* The records that a name server needs in the parent, or where else its addresses come from. */
static void
print_host(const struct locum_delegation *self, const struct locum_delegation_host *host, FILE *out)
{
    switch (host->home) {
    case LOCUM_DELEGATION_IN_ZONE:
        (void)fprintf(out, "; Glue: %s is inside %s\n", host->name, self->zone);
        print_addresses(host, "", out);
        return;
    case LOCUM_DELEGATION_SIBLING:
        (void)fprintf(out,
                      "; Glue: %s is in another zone of this cluster. A parent that is not above\n"
                      "; that zone too refuses it; then leave it out.\n",
                      host->name);
        print_addresses(host, "", out);
        return;
    case LOCUM_DELEGATION_OUTSIDE: break;
    }
    (void)fprintf(out,
                  "; No glue for %s: it is outside %s Its own zone must have its addresses%s\n",
                  host->name, self->zone,
                  host->address_count > 0 ? "; those of the node of that name are:" : ".");
    print_addresses(host, "; ", out);
}

void
locum_delegation_print(const struct locum_config *config, size_t zone,
                       const struct locum_delegation *self, FILE *out)
{
    (void)fprintf(out, "; The parent of %s must have these records.\n", self->zone);
    for (size_t i = 0; i < self->host_count; i++) {
        (void)fprintf(out, "%s\t%" PRIu32 "\tIN\tNS\t%s\n", self->zone, self->ttl_s,
                      self->host[i].name);
    }
    for (size_t i = 0; i < self->host_count; i++) {
        print_host(self, &self->host[i], out);
    }
    (void)fputs("; No DS: the zone is not signed.\n"
                "; For web pages that link to these names: browsers then look them up before a "
                "click.\n",
                out);
    for (size_t i = 0; i < config->core.name_count; i++) {
        const char *name = config->names[i].name;
        if (config->names[i].zone == zone && name[0] != '*') {
            (void)fprintf(out, "; <link rel=\"dns-prefetch\" href=\"//%.*s\">\n",
                          (int)(strlen(name) - 1), name);
        }
    }
}

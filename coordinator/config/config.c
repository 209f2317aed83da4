#include "config/config.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/version.h"
#include "config/load.h"

_Static_assert(sizeof(LOCUM_VERSION) <= LOCUM_VERSION_MAX + 1, "the version fits");

/* Every step, so that every error is told in one go. */
static int
load_all(struct locum_load *load, const char *node)
{
    locum_load_bind(load);
    locum_load_nodes(load, node);
    locum_load_zones(load);
    locum_load_mirrorbits(load);
    locum_load_redis(load);
    locum_load_service(load);
    locum_load_listen(load);
    locum_load_cluster(load);
    if (load->problems.error_count > 0) {
        return LOCUM_ERR_INVALID;
    }
    locum_load_advice(load);
    return locum_load_digest(load->config);
}

static int
load_file(struct locum_load *load, const char *path, const char *node)
{
    if (locum_slice_copy(locum_slice_of(path), load->config->path, sizeof(load->config->path)) !=
        0) {
        locum_problems_error(&load->problems, (struct locum_position){0},
                             "the path is longer than %d characters", LOCUM_PATH_MAX);
        return LOCUM_ERR_INVALID;
    }
    load->config->core.self = LOCUM_NODE_NONE;
    memcpy(load->config->core.version, LOCUM_VERSION, sizeof(LOCUM_VERSION));
    int status = locum_document_load(path, &load->problems, &load->document, &load->shared);
    if (status == 0) {
        status = load_all(load, node);
        yaml_document_delete(&load->document);
    }
    return status;
}

int
locum_config_load(const char *path, const char *node, locum_problem_fn *report, void *user,
                  struct locum_config **ret)
{
    int status = LOCUM_ERR_MEMORY;
    struct locum_config *config = calloc(1, sizeof(*config));
    struct locum_load *load = calloc(1, sizeof(*load));
    if (config == NULL || load == NULL) {
        goto cleanup;
    }
    load->config = config;
    status = load_file(load, path, node);
    locum_problems_tell(&load->problems, path, report, user);
    if (status == 0) {
        *ret = config;
        config = NULL;
    }
cleanup:
    free(load);
    locum_config_free(config);
    return status;
}

void
locum_config_free(struct locum_config *self)
{
    if (self != NULL) {
        explicit_bzero(self, sizeof(*self));
        free(self);
    }
}

void
locum_endpoint_add(const struct locum_endpoint *self, struct locum_text *text)
{
    const bool bracketed = strchr(self->host, ':') != NULL;
    locum_text_add(text, bracketed ? "[" : "");
    locum_text_add(text, self->host);
    locum_text_add(text, bracketed ? "]:" : ":");
    locum_text_add_u64(text, self->port);
}

static bool
same_addresses(const struct locum_address *a, size_t a_count, const struct locum_address *b,
               size_t b_count)
{
    if (a_count != b_count) {
        return false;
    }
    for (size_t i = 0; i < a_count; i++) {
        if (!locum_address_equal(&a[i], &b[i])) {
            return false;
        }
    }
    return true;
}

int
locum_config_reloadable(const struct locum_config *running, const struct locum_config *next,
                        const char **ret_key)
{
    const struct locum_core_node *self = &running->core.nodes[running->core.self];
    const struct locum_core_node *next_self = &next->core.nodes[next->core.self];
    if (strcmp(running->core.cluster, next->core.cluster) != 0) {
        *ret_key = "cluster";
        return LOCUM_ERR_REFUSED;
    }
    if (strcmp(self->name, next_self->name) != 0 || self->role != next_self->role) {
        *ret_key = "node";
        return LOCUM_ERR_REFUSED;
    }
    if (!same_addresses(running->listen_dns, running->listen_dns_count, next->listen_dns,
                        next->listen_dns_count) ||
        !same_addresses(running->listen_peer, running->listen_peer_count, next->listen_peer,
                        next->listen_peer_count) ||
        !locum_address_equal(&running->listen_http, &next->listen_http) ||
        strcmp(running->listen_control, next->listen_control) != 0) {
        *ret_key = "listen";
        return LOCUM_ERR_REFUSED;
    }
    if (strcmp(running->state_dir, next->state_dir) != 0) {
        *ret_key = "state-dir";
        return LOCUM_ERR_REFUSED;
    }
    if (running->dns_workers != next->dns_workers) {
        *ret_key = "dns.workers";
        return LOCUM_ERR_REFUSED;
    }
    return 0;
}

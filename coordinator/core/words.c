#include "core/words.h"

#include "base/error.h"

static const char *const role_words[] = {"server", "witness", "sentinel"};
static const char *const condition_words[] = {"unknown", "alive", "suspect", "down", "returning"};
static const char *const service_words[] = {"unknown", "up", "failing", "probation"};
static const char *const admin_words[] = {"ready", "drain", "maint"};
static const char *const sample_words[] = {"pass", "fail", "refused"};
static const char *const rank_words[] = {"A", "B", "C", "D", "E", "F", "G"};
static const char *const path_words[] = {"redis", "udp"};
static const char *const policy_words[] = {"self", "all"};
static const char condition_codes[] = "uasdr";

/* The index of `text` in a table of words, or `count`. */
static size_t
find(struct locum_slice text, const char *const *words, size_t count)
{
    size_t i = 0;
    while (i < count && !locum_slice_is(text, words[i])) {
        i++;
    }
    return i;
}

const char *
locum_role_text(enum locum_role role)
{
    LOCUM_INVARIANT(role < LOCUM_COUNT(role_words));
    return role_words[role];
}

const char *
locum_condition_text(enum locum_condition condition)
{
    LOCUM_INVARIANT(condition < LOCUM_COUNT(condition_words));
    return condition_words[condition];
}

const char *
locum_service_text(enum locum_service service)
{
    LOCUM_INVARIANT(service < LOCUM_COUNT(service_words));
    return service_words[service];
}

const char *
locum_admin_text(enum locum_admin admin)
{
    LOCUM_INVARIANT(admin < LOCUM_COUNT(admin_words));
    return admin_words[admin];
}

const char *
locum_sample_text(enum locum_sample sample)
{
    LOCUM_INVARIANT(sample < LOCUM_COUNT(sample_words));
    return sample_words[sample];
}

const char *
locum_rank_text(enum locum_rank rank)
{
    LOCUM_INVARIANT(rank < LOCUM_COUNT(rank_words));
    return rank_words[rank];
}

const char *
locum_path_text(enum locum_path path)
{
    LOCUM_INVARIANT(path < LOCUM_COUNT(path_words));
    return path_words[path];
}

const char *
locum_policy_text(enum locum_policy policy)
{
    LOCUM_INVARIANT(policy < LOCUM_COUNT(policy_words));
    return policy_words[policy];
}

int
locum_condition_parse(struct locum_slice text, enum locum_condition *ret)
{
    const size_t i = find(text, condition_words, LOCUM_COUNT(condition_words));
    if (i == LOCUM_COUNT(condition_words)) {
        return LOCUM_ERR_INVALID;
    }
    *ret = (enum locum_condition)i;
    return 0;
}

int
locum_service_parse(struct locum_slice text, enum locum_service *ret)
{
    const size_t i = find(text, service_words, LOCUM_COUNT(service_words));
    if (i == LOCUM_COUNT(service_words)) {
        return LOCUM_ERR_INVALID;
    }
    *ret = (enum locum_service)i;
    return 0;
}

int
locum_admin_parse(struct locum_slice text, enum locum_admin *ret)
{
    const size_t i = find(text, admin_words, LOCUM_COUNT(admin_words));
    if (i == LOCUM_COUNT(admin_words)) {
        return LOCUM_ERR_INVALID;
    }
    *ret = (enum locum_admin)i;
    return 0;
}

char
locum_condition_code(enum locum_condition condition)
{
    LOCUM_INVARIANT(condition < LOCUM_COUNT(condition_words));
    return condition_codes[condition];
}

int
locum_condition_from_code(char code, enum locum_condition *ret)
{
    for (size_t i = 0; i < LOCUM_COUNT(condition_words); i++) {
        if (condition_codes[i] == code) {
            *ret = (enum locum_condition)i;
            return 0;
        }
    }
    return LOCUM_ERR_INVALID;
}

void
locum_nodes_add(struct locum_text *text, const struct locum_core_config *config, locum_nodes set)
{
    const char *separator = "";
    for (locum_node node = 0; node < config->node_count; node++) {
        if (locum_nodes_has(set, node)) {
            locum_text_add(text, separator);
            locum_text_add(text, config->nodes[node].name);
            separator = ",";
        }
    }
    if (set == 0) {
        locum_text_add(text, "-");
    }
}

locum_node
locum_node_find(const struct locum_core_config *config, struct locum_slice name)
{
    for (locum_node node = 0; node < config->node_count; node++) {
        if (locum_slice_is(name, config->nodes[node].name)) {
            return node;
        }
    }
    return LOCUM_NODE_NONE;
}

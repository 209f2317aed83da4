/*
 * text: a schedule as text. Comments, one line for the world, one for each fault:
 *
 *   # the host with the Redis master dies
 *   world servers=2 witnesses=1 end=16000
 *     5.000  *    host-crash dc2
 *
 * Parameters of the world that are absent have their default (sim_world_usual). A trace has the
 * same lines and, between them, what happened; so a trace is a schedule as well.
 */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "sim.h"

enum { LINE_MAX_BYTES = 1024 };

static const struct {
    const char *key;
    size_t offset;
    int64_t min, max;
} params[] = {
    {"seed", offsetof(struct sim_world, seed), 0, INT64_MAX},
    {"servers", offsetof(struct sim_world, servers), 1, SIM_NODES_MAX},
    {"witnesses", offsetof(struct sim_world, witnesses), 0, SIM_NODES_MAX},
    {"sentinels", offsetof(struct sim_world, sentinels), 0, SIM_NODES_MAX},
    {"lone", offsetof(struct sim_world, lone), 0, 1},
    {"quorum", offsetof(struct sim_world, quorum), 0, SIM_NODES_MAX},
    {"interval", offsetof(struct sim_world, interval), 1, 3600000},
    {"timeout", offsetof(struct sim_world, timeout), 1, 3600000},
    {"recover-after", offsetof(struct sim_world, recover_after), 1, 3600000},
    {"down-after", offsetof(struct sim_world, down_after), 1, 3600000},
    {"udp", offsetof(struct sim_world, udp), 0, 1},
    {"delay-min", offsetof(struct sim_world, delay_min), 0, 10000},
    {"delay-max", offsetof(struct sim_world, delay_max), 0, 10000},
    {"jitter", offsetof(struct sim_world, jitter), 0, 10000},
    {"loss", offsetof(struct sim_world, loss), 0, 1000},
    {"duplicate", offsetof(struct sim_world, duplicate), 0, 1000},
    {"mixed", offsetof(struct sim_world, mixed), 0, 1},
    {"dual", offsetof(struct sim_world, dual), 0, 1},
    {"keys", offsetof(struct sim_world, keys), 0, 1},
    {"newcomer", offsetof(struct sim_world, newcomer), 0, 1},
    {"calm", offsetof(struct sim_world, calm), 0, 1},
    {"end", offsetof(struct sim_world, end), 1, INT64_MAX},
};

static const char *const lies[] = {"votes", "acks", "seq", "run", "states", "families"};

/* a, b: nodes; t: a time, n: a number, l: lies, w: an admin state and, if there is one, its lease
 */
static const struct {
    const char *name, *shape;
} faults[] = {
    [SIM_HOST_CRASH] = {"host-crash", "a"},
    [SIM_HOST_BOOT] = {"host-boot", "a"},
    [SIM_CRASH] = {"crash", "a"},
    [SIM_START] = {"start", "a"},
    [SIM_START_EMPTY] = {"start-empty", "a"},
    [SIM_START_OLDER] = {"start-older", "a"},
    [SIM_START_NEXT] = {"start-next-version", "a"},
    [SIM_REPLACE] = {"replace", "at"},
    [SIM_LEAVE] = {"stop", "a"},
    [SIM_FREEZE] = {"freeze", "at"},
    [SIM_FREEZE_HOST] = {"freeze-host", "at"},
    [SIM_SUSPEND] = {"suspend-host", "at"},
    [SIM_WALL_STEP] = {"clock-step", "at"},
    [SIM_ADMIN] = {"admin", "aw"},
    [SIM_EXCLUDE] = {"exclude", "ab"},
    [SIM_INCLUDE] = {"include", "ab"},
    [SIM_SERVICE_FAIL] = {"service-times-out", "a"},
    [SIM_SERVICE_REFUSE] = {"service-refuses", "a"},
    [SIM_SERVICE_FLAKY] = {"service-flaky", "an"},
    [SIM_SERVICE_DEGRADE] = {"service-degrades", "a"},
    [SIM_SERVICE_LACK] = {"service-check-cannot-run", "a"},
    [SIM_SERVICE_BACK] = {"service-back", "a"},
    [SIM_RECONFIGURE] = {"reload", "an"},
    [SIM_SECRET] = {"secret-stage", "an"},
    [SIM_REPLAY] = {"replayed-heartbeats", "at"},
    [SIM_SPOOF] = {"spoofed-heartbeats", "at"},
    [SIM_IMPERSONATE] = {"impersonates", "abt"},
    [SIM_UNSYNC] = {"clock-unsynchronised", "a"},
    [SIM_SYNC] = {"clock-synchronised", "a"},
    [SIM_FORGE_SEQ] = {"forged-seq", "abn"},
    [SIM_FORGE_RUN] = {"forged-run", "abn"},
    [SIM_FORGE_STALE] = {"forged-seq-unacknowledged", "abn"},
    [SIM_FORGE_ACK] = {"forged-acknowledgement", "abn"},
    [SIM_INSIDER] = {"insider", "alt"},
    [SIM_CUT] = {"cut", "ab"},
    [SIM_UNCUT] = {"uncut", "ab"},
    [SIM_CUT_ONE_WAY] = {"cut-one-way", "ab"},
    [SIM_UNCUT_ONE_WAY] = {"uncut-one-way", "ab"},
    [SIM_ISOLATE] = {"isolate", "a"},
    [SIM_REJOIN] = {"rejoin", "a"},
    [SIM_MUTE] = {"mute", "a"},
    [SIM_UNMUTE] = {"unmute", "a"},
    [SIM_BLOCK_IN] = {"block-in", "a"},
    [SIM_UNBLOCK_IN] = {"unblock-in", "a"},
    [SIM_UDP_BLOCK] = {"udp-block", "ab"},
    [SIM_UDP_UNBLOCK] = {"udp-unblock", "ab"},
    [SIM_UDP_BLOCK_IN] = {"udp-block-in", "a"},
    [SIM_UDP_UNBLOCK_IN] = {"udp-unblock-in", "a"},
    [SIM_FAMILY_CUT] = {"family-cut", "an"},
    [SIM_FAMILY_UNCUT] = {"family-uncut", "an"},
    [SIM_FAMILY_MUTE] = {"family-mute", "an"},
    [SIM_FAMILY_UNMUTE] = {"family-unmute", "an"},
    [SIM_FAMILY_CUT_LINK] = {"family-cut-link", "abn"},
    [SIM_FAMILY_UNCUT_LINK] = {"family-uncut-link", "abn"},
    [SIM_ADDRESS_LOST] = {"address-lost", "an"},
    [SIM_ADDRESS_BACK] = {"address-back", "an"},
    [SIM_LAG] = {"lag", "at"},
    [SIM_LOSS] = {"loss", "n"},
    [SIM_REDIS_KILL] = {"redis-kill", "a"},
    [SIM_REDIS_START] = {"redis-start", "a"},
    [SIM_REDIS_FREEZE] = {"redis-freeze", "at"},
    [SIM_REDIS_LOADING] = {"redis-loading", "a"},
    [SIM_REDIS_MISCONF] = {"redis-misconf", "a"},
    [SIM_REDIS_WELL] = {"redis-well", "a"},
    [SIM_KICK] = {"redis-kicks", "a"},
    [SIM_KICK_EACH] = {"redis-kicks-each", "at"},
    [SIM_SENTINEL_KILL] = {"sentinel-kill", "a"},
    [SIM_SENTINEL_START] = {"sentinel-start", "a"},
    [SIM_TILT] = {"tilt", "a"},
    [SIM_UNTILT] = {"untilt", "a"},
    [SIM_LIE] = {"sentinel-lies", "ab"},
    [SIM_HONEST] = {"sentinel-honest", "a"},
    [SIM_REMOVE] = {"sentinel-remove", "a"},
    [SIM_MONITOR] = {"sentinel-monitor", "a"},
    [SIM_UNMAP] = {"unmap", "a"},
    [SIM_MAP] = {"map", "a"},
    [SIM_RESET] = {"sentinel-reset", "a"},
    [SIM_REFUSE] = {"publish-refused", "a"},
    [SIM_ALLOW] = {"publish-allowed", "a"},
    [SIM_DNS_BLOCK] = {"dns-block", "a"},
    [SIM_DNS_UNBLOCK] = {"dns-unblock", "a"},
    [SIM_DNS_TAKEN] = {"dns-taken", "a"},
    [SIM_DNS_FREED] = {"dns-freed", "a"},
    [SIM_HEAL] = {"heal", ""},
};

static int64_t *
param(struct sim_world *world, size_t i)
{
    return (int64_t *)(void *)((char *)world + params[i].offset);
}

void
sim_world_print(const struct sim_world *world, FILE *out)
{
    struct sim_world copy = *world;
    struct sim_world usual = sim_world_usual;
    fputs("world", out);
    for (size_t i = 0; i < LOCUM_COUNT(params); i++) {
        if (*param(&copy, i) != *param(&usual, i)) {
            fprintf(out, " %s=%lld", params[i].key, (long long)*param(&copy, i));
        }
    }
    fputc('\n', out);
}

static void
add_time(struct locum_text *text, locum_ms time)
{
    locum_text_add(text, time < 0 ? " -" : " ");
    locum_text_add(text, locum_text_duration(time < 0 ? -time : time).text);
}

static void
add_lies(struct locum_text *text, unsigned set)
{
    char separator = ' ';
    for (size_t i = 0; i < LOCUM_COUNT(lies); i++) {
        if ((set >> i & 1u) != 0) {
            locum_text_add_char(text, separator);
            locum_text_add(text, lies[i]);
            separator = ',';
        }
    }
}

void
sim_fault_print(const struct sim *sim, const struct sim_fault *fault, struct locum_text *text)
{
    locum_text_add(text, faults[fault->kind].name);
    for (const char *shape = faults[fault->kind].shape; *shape != '\0'; shape++) {
        switch (*shape) {
        case 't': add_time(text, fault->amount); break;
        case 'n':
            locum_text_add_char(text, ' ');
            locum_text_add_i64(text, fault->amount);
            break;
        case 'l': add_lies(text, fault->b); break;
        case 'w':
            locum_text_add_char(text, ' ');
            locum_text_add(text, locum_names_admin((enum locum_admin)fault->b));
            if (fault->amount > 0) {
                add_time(text, fault->amount);
            }
            break;
        default:
            locum_text_add_char(text, ' ');
            locum_text_add(text, sim_name(sim, *shape == 'a' ? fault->a : fault->b));
        }
    }
}

/* --- reading ---------------------------------------------------------------------------------- */

/* The next piece that is not empty. */
static bool
cut(struct locum_slice *rest, struct locum_slice *ret)
{
    while (locum_slice_cut(rest, ' ', ret)) {
        if (ret->length > 0) {
            return true;
        }
    }
    return false;
}

/* key=number */
static bool
read_param(struct locum_slice pair, struct sim_world *world)
{
    struct locum_slice key;
    uint64_t number;
    (void)locum_slice_cut(&pair, '=', &key);
    for (size_t i = 0; i < LOCUM_COUNT(params); i++) {
        if (locum_slice_is(key, params[i].key) && pair.at != NULL &&
            locum_slice_u64(pair, (uint64_t)params[i].max, &number) == 0 &&
            (int64_t)number >= params[i].min) {
            *param(world, i) = (int64_t)number;
            return true;
        }
    }
    return false;
}

static bool
read_world(struct locum_slice rest, struct sim_world *ret)
{
    struct locum_slice pair;
    *ret = sim_world_usual;
    while (cut(&rest, &pair)) {
        if (!read_param(pair, ret)) {
            return false;
        }
    }
    return ret->servers + ret->witnesses + ret->sentinels <= SIM_NODES_MAX;
}

static bool
read_time(struct locum_slice field, locum_ms *ret)
{
    const bool negative = field.length > 0 && field.at[0] == '-';
    if (negative) {
        field.at++;
        field.length--;
    }
    if (locum_slice_duration(field, ret) != 0) {
        return false;
    }
    *ret = negative ? -*ret : *ret;
    return true;
}

static bool
read_lies(struct locum_slice field, struct sim_fault *fault)
{
    struct locum_slice name;
    while (locum_slice_cut(&field, ',', &name)) {
        size_t i = 0;
        while (i < LOCUM_COUNT(lies) && !locum_slice_is(name, lies[i])) {
            i++;
        }
        if (i == LOCUM_COUNT(lies)) {
            return false;
        }
        fault->b = (locum_node)(fault->b | 1u << i);
    }
    return true;
}

static bool
read_argument(const struct sim *sim, char shape, struct locum_slice field, struct locum_slice *rest,
              struct sim_fault *fault)
{
    uint64_t number;
    enum locum_admin admin;
    locum_node node;
    switch (shape) {
    case 't': return read_time(field, &fault->amount);
    case 'n':
        if (locum_slice_u64(field, UINT32_MAX, &number) != 0) {
            return false;
        }
        fault->amount = (locum_ms)number;
        return true;
    case 'l': return read_lies(field, fault);
    case 'w':
        if (!locum_names_find_admin(field, &admin)) {
            return false;
        }
        fault->b = (locum_node)admin;
        return !cut(rest, &field) || read_time(field, &fault->amount);
    default:
        node = locum_nodes_find(&sim->config, field);
        *(shape == 'a' ? &fault->a : &fault->b) = node;
        return node != LOCUM_NODE_NONE;
    }
}

static bool
read_fault(const struct sim *sim, struct locum_slice rest, struct sim_fault *fault)
{
    struct locum_slice field;
    size_t kind = 0;
    if (!cut(&rest, &field)) {
        return false;
    }
    while (kind < LOCUM_COUNT(faults) && !locum_slice_is(field, faults[kind].name)) {
        kind++;
    }
    if (kind == LOCUM_COUNT(faults)) {
        return false;
    }
    fault->kind = (enum sim_fault_kind)kind;
    for (const char *shape = faults[kind].shape; *shape != '\0'; shape++) {
        if (!cut(&rest, &field) || !read_argument(sim, *shape, field, &rest, fault)) {
            return false;
        }
    }
    return !cut(&rest, &field);
}

/* 5.000 */
static bool
read_clock(struct locum_slice field, locum_ms *ret)
{
    struct locum_slice seconds;
    uint64_t s;
    uint64_t ms;
    if (!locum_slice_cut(&field, '.', &seconds) || field.at == NULL || field.length != 3 ||
        locum_slice_u64(seconds, UINT32_MAX, &s) != 0 || locum_slice_u64(field, 999, &ms) != 0) {
        return false;
    }
    *ret = (locum_ms)(1000 * s + ms);
    return true;
}

/* A line that is neither a comment nor the world: a fault, or what happened. */
static bool
read_line(const struct sim *sim, struct locum_slice line, struct sim_schedule *ret)
{
    struct locum_slice rest = line;
    struct locum_slice time;
    struct locum_slice who;
    struct sim_fault fault = {0};
    if (!cut(&rest, &time) || !cut(&rest, &who) || !locum_slice_is(who, "*")) {
        return true;
    }
    if (!read_clock(time, &fault.at) || !read_fault(sim, rest, &fault) ||
        ret->faults == SIM_FAULTS_MAX) {
        return false;
    }
    sim_schedule_add(ret, fault);
    return true;
}

int
sim_schedule_read(FILE *in, const char *name, FILE *echo, struct sim_schedule *ret)
{
    static struct sim names;
    char buffer[LINE_MAX_BYTES];
    bool world = false;
    ret->faults = 0;
    for (unsigned number = 1; fgets(buffer, sizeof(buffer), in) != NULL; number++) {
        struct locum_slice line = {.at = buffer, .length = strcspn(buffer, "\n")};
        bool good = true;
        if (line.length > 0 && line.at[0] == '#') {
            fputs(buffer, echo);
        } else if (locum_slice_starts(line, "world")) {
            line.at += 5;
            line.length -= 5;
            good = !world && read_world(line, &ret->world);
            names.schedule.world = ret->world;
            sim_world_config(&names);
            world = true;
        } else {
            good = world && read_line(&names, line, ret);
        }
        if (!good) {
            fprintf(stderr, "%s:%u: not understood: %s", name, number, buffer);
            return -1;
        }
    }
    if (!world) {
        fprintf(stderr, "%s: no line `world ...`\n", name);
    }
    return world ? 0 : -1;
}
